//! The HTTP API on a local socket, and its keys.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use ghl_sync_model::KeyHash;
use ghl_sync_runtime::{ApiKey, ApiParts, Config, Connecting, Webhooks};
use tower::ServiceExt;

use crate::door::{Door, Listen, OpenDoor};

/// Path that receives webhooks.
const WEBHOOKS: &str = "/webhooks/ghl";
/// Paths to which GHL's consent page sends the browser back.
const ENTRANCES: &[&str] = &["/connect/callback"];
/// Larger than the API's own limit, so that the API itself answers bodies that are too large.
const MAX_BODY: usize = 16 << 20;

/// Services on the API's port besides the API.
#[derive(Clone, Default)]
pub struct ApiExtras {
    /// Receives webhooks.
    pub webhooks: Option<Webhooks>,
    /// Connects locations in a browser.
    pub connecting: Option<Connecting>,
}

/// The API, served until this value is dropped.
pub struct ApiServer {
    /// Address it listens on.
    pub addr: SocketAddr,
    _serving: OpenDoor,
}

impl ApiServer {
    /// Serves the API made of `parts`, and the `beside` services, at the address `listen`. `vars` is the environment.
    ///
    /// # Errors
    /// If it cannot listen at that address.
    pub async fn start(
        parts: ApiParts,
        beside: ApiExtras,
        vars: &BTreeMap<String, String>,
        listen: impl Into<Listen>,
    ) -> io::Result<ApiServer> {
        let door = Door::at(listen.into(), MAX_BODY).await?.with_pages().with_entrances(ENTRANCES);
        let api = api::router(parts, Config::variables_set(vars));
        let routers = [beside.webhooks.map(webhook_router), beside.connecting.map(connect::router)];
        let router = routers.into_iter().flatten().fold(api, Router::merge);
        let serving = door.open(move |request| router.clone().oneshot(request.map(Body::from)));
        Ok(ApiServer { addr: serving.addr, _serving: serving })
    }

    /// URL without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// URL that receives webhooks.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("{}{WEBHOOKS}", self.url())
    }

    /// URL where people connect locations.
    #[must_use]
    pub fn connect_url(&self) -> String {
        format!("{}/connect", self.url())
    }

    /// URL of the dashboard. It contains the key, so the browser need not ask for it.
    #[must_use]
    pub fn dashboard(&self, key: &NewApiKey) -> String {
        format!("http://key:{}@{}/dashboard", key.text(), self.addr)
    }
}

/// Routes webhooks on a separate path to their function. GHL's signature authenticates them.
fn webhook_router(webhooks: Webhooks) -> Router {
    Router::new().route(WEBHOOKS, post(take_in)).with_state(webhooks)
}

async fn take_in(State(webhooks): State<Webhooks>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let webhook::WebhookAnswer { status, said } = webhook::answer(&webhooks, &headers, &body).await;
    (status, Json(said))
}

/// A new key: 32 random bytes as hex.
#[derive(Clone)]
pub struct NewApiKey(String);

impl NewApiKey {
    /// Creates a random key.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn make() -> Result<NewApiKey, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let mut text = String::new();
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(NewApiKey(text))
    }

    /// The key as a caller sends it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The key as it is stored, under the name `name`.
    #[must_use]
    pub fn kept(&self, name: &str) -> ApiKey {
        ApiKey { name: name.to_owned(), hash: KeyHash::of(self.0.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_no_two_are_alike() {
        let keys: Vec<NewApiKey> = (0..3).map(|_| NewApiKey::make().unwrap()).collect();
        assert!(keys.iter().all(|key| key.text().len() == 64));
        assert!(keys[0].text() != keys[1].text() && keys[1].text() != keys[2].text());
        assert!(!keys[0].kept("a").to_string().contains(keys[0].text()));
    }
}

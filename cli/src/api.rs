//! The HTTP API on a socket of this machine, and keys for it.

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

use crate::door::{Door, Listen, Opened};

/// Where webhooks are taken in.
const WEBHOOKS: &str = "/webhooks/ghl";
/// Where GHL sends a browser back to that was at its consent page.
const ENTRANCES: &[&str] = &["/connect/callback"];
/// More than the API itself takes: what is too large for it is answered by it.
const MAX_BODY: usize = 16 << 20;

/// What stands beside the API on its port.
#[derive(Clone, Default)]
pub struct Beside {
    /// Takes in webhooks.
    pub webhooks: Option<Webhooks>,
    /// Connects locations in a browser.
    pub connecting: Option<Connecting>,
}

/// The API, served until this is dropped.
pub struct ApiServer {
    /// Where it listens.
    pub addr: SocketAddr,
    _serving: Opened,
}

impl ApiServer {
    /// Serves the API over its `parts` where `listen` says, and what is `beside` it.
    /// The environment is `vars`.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub async fn start(
        parts: ApiParts,
        beside: Beside,
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

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where webhooks go.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("{}{WEBHOOKS}", self.url())
    }

    /// Where people connect locations.
    #[must_use]
    pub fn connect_url(&self) -> String {
        format!("{}/connect", self.url())
    }

    /// Where a browser finds the dashboard; it knows the key from the URL, and need not ask for it.
    #[must_use]
    pub fn dashboard(&self, key: &NewKey) -> String {
        format!("http://key:{}@{}/dashboard", key.text(), self.addr)
    }
}

/// What the function behind the webhooks does, on a path of its own. GHL's signature is the key.
fn webhook_router(webhooks: Webhooks) -> Router {
    Router::new().route(WEBHOOKS, post(take_in)).with_state(webhooks)
}

async fn take_in(State(webhooks): State<Webhooks>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let webhook::Answer { status, said } = webhook::answer(&webhooks, &headers, &body).await;
    (status, Json(said))
}

/// A key that was just made: 32 random bytes, as hex.
#[derive(Clone)]
pub struct NewKey(String);

impl NewKey {
    /// Makes one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn make() -> Result<NewKey, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let mut text = String::new();
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(NewKey(text))
    }

    /// The key, as whoever calls sends it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The key as it is kept, under the name `name`.
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
        let keys: Vec<NewKey> = (0..3).map(|_| NewKey::make().unwrap()).collect();
        assert!(keys.iter().all(|key| key.text().len() == 64));
        assert!(keys[0].text() != keys[1].text() && keys[1].text() != keys[2].text());
        assert!(!keys[0].kept("a").to_string().contains(keys[0].text()));
    }
}

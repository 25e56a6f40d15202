//! Tests of the sandbox over HTTP, like its callers use it.

mod consent;
mod contacts;
mod faults;
mod limits;
mod oauth;
mod opportunities;
mod persistence;
mod pipelines;
mod search;
mod seed;
mod structure;
mod v1;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{Sandbox, SandboxOptions, SandboxTokens};

const LOCATION: &str = "location-a";
const TOKEN: &str = "token-a";
const OTHER_LOCATION: &str = "location-b";
const OTHER_TOKEN: &str = "token-b";

/// A sandbox and its client.
struct Examination {
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// Status and body of an answer.
type Said = (u16, Value);

impl Examination {
    async fn begin(options: SandboxOptions) -> Examination {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| {
            drop(rustls::crypto::ring::default_provider().install_default());
        });
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox = Sandbox::start(options, bind).await.expect("a free port");
        Examination { sandbox, client: reqwest::Client::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.sandbox.url()))
            .bearer_auth(TOKEN)
            .header("Version", "2021-07-28")
    }

    async fn get(&self, path: &str) -> Said {
        said(self.request(Method::GET, path).send().await.expect("an answer")).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Said {
        said(self.request(method, path).json(&body).send().await.expect("an answer")).await
    }

    async fn post(&self, path: &str, body: Value) -> Said {
        self.send(Method::POST, path, body).await
    }

    async fn put(&self, path: &str, body: Value) -> Said {
        self.send(Method::PUT, path, body).await
    }

    /// Creates a contact and returns its id.
    async fn contact(&self, mut body: Value) -> String {
        body["locationId"] = json!(LOCATION);
        let (status, said) = self.post("/contacts/", body).await;
        assert_eq!(status, 201, "{said}");
        said["contact"]["id"].as_str().expect("an id").to_owned()
    }
}

/// Two locations with one token each, no lag, and limits that no test reaches.
fn options() -> SandboxOptions {
    let tokens = [(TOKEN, LOCATION), (OTHER_TOKEN, OTHER_LOCATION)];
    SandboxOptions {
        limit: 10_000,
        search_lag: Duration::ZERO,
        tokens: SandboxTokens::PerLocation(BTreeMap::from(
            tokens.map(|(token, location)| (token.into(), location.into())),
        )),
        ..SandboxOptions::default()
    }
}

async fn said(response: Response) -> Said {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

/// The ids in a list of records.
fn ids(records: &Value) -> Vec<&str> {
    records.as_array().expect("a list").iter().map(|record| record["id"].as_str().expect("an id")).collect()
}

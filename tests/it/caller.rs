//! A client of the HTTP API over a socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ghl_sync_cli::stack::Stack;
use ghl_sync_cli::{ApiExtras, ApiServer};
use ghl_sync_drop::Lists;
use ghl_sync_migrate::Migrator;
use ghl_sync_runtime::{ApiParts, Connecting};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::deployment::Deployment;

const PATIENCE: Duration = Duration::from_secs(300);

/// The API of a deployment, and a client with its key.
pub(crate) struct Caller {
    pub(crate) server: ApiServer,
    pub(crate) client: Client,
    pub(crate) key: String,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a problem document of this status and kind, and returns it.
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, "application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["type"]), (&status.into(), &format!("urn:ghl-sync:{kind}").into()));
        let instance = format!("urn:ghl-sync:request:{}", self.header("x-request-id"));
        assert_eq!(problem["instance"], instance);
        problem
    }
}

impl Caller {
    pub(crate) async fn of(deployment: &Deployment) -> Caller {
        Caller::with(deployment.migrator(), deployment).await
    }

    /// The API over a migrator and its engine.
    pub(crate) async fn with(migrator: Migrator, deployment: &Deployment) -> Caller {
        // reqwest needs a TLS provider, though nothing here uses TLS. A second install fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connecting = deployment.stack.connecting(migrator.engine().clone()).unwrap();
        Caller::beside(migrator, deployment, connecting).await
    }

    /// The same with uploads through `lists`.
    pub(crate) async fn with_lists(migrator: Migrator, deployment: &Deployment, lists: &Lists) -> Caller {
        let lists = Some(lists.with_engine(migrator.engine().clone()));
        let parts = ApiParts { lists, ..deployment.stack.api_parts(migrator.clone()) };
        let connecting = deployment.stack.connecting(migrator.engine().clone()).unwrap();
        Caller::of_parts(parts, deployment, connecting).await
    }

    /// The same with other connect pages beside it.
    pub(crate) async fn beside(migrator: Migrator, deployment: &Deployment, connecting: Connecting) -> Caller {
        Caller::of_parts(deployment.stack.api_parts(migrator), deployment, connecting).await
    }

    async fn of_parts(parts: ApiParts, deployment: &Deployment, connecting: Connecting) -> Caller {
        // reqwest needs a TLS provider, though nothing here uses TLS. A second install fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Stack { vars, api_key: key, .. } = &deployment.stack;
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let beside = ApiExtras { connecting: Some(connecting), webhooks: None };
        let server = ApiServer::start(parts, beside, vars, anywhere).await.unwrap();
        Caller { server, client: Client::new(), key: key.text().to_owned() }
    }

    /// Sends a request as given: without a key, unless `headers` contains one.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let url = format!("{}{path}", self.server.url());
        let answer = self.client.request(method, url).headers(all).body(body).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("x-api-key", &self.key)], Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::POST, path, "application/json", body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::PUT, path, "application/json", body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[("x-api-key", &self.key)], Vec::new()).await
    }

    /// Sends a request with another key.
    pub(crate) async fn with_key(&self, key: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let kind = body.map(|_| ("content-type", "application/json"));
        let headers: Vec<(&str, &str)> = std::iter::once(("x-api-key", key)).chain(kind).collect();
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(method, path, &headers, body).await
    }

    pub(crate) async fn with_body(&self, method: Method, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(method, path, &[("x-api-key", &self.key), ("content-type", kind)], body.into()).await
    }

    /// Repeats the request until the response satisfies `is_so`.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Answer) -> bool) -> Answer {
        let started = Instant::now();
        loop {
            let answer = self.get(path).await;
            if is_so(&answer) {
                return answer;
            }
            assert!(started.elapsed() < PATIENCE, "{path} still answers {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

//! A client for a stack's HTTP API that retries requests where that is safe.

use std::time::Duration;

use ghl_sync_limiter::Backoff;
use ghl_sync_model::{ImportId, LocationId};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answers::{
    FieldProblemAnswer, LocationAnswer, LookupAnswer, LookupRequest, ProblemAnswer, PutAnswer, RecordsAnswer, Status,
};
use crate::credential::{Credential, CredentialArgs};
use crate::{Failure, UsageError};

/// How long a stack may take to begin an answer; API Gateway gives up after 30 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);
/// How long the first request waits for any sign of a stack.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Retries of a request that may be repeated: this many, over about five minutes.
const RETRIES: Backoff = Backoff {
    max_retries: 14,
    base: Duration::from_millis(500),
    max: Duration::from_secs(30),
    jitter: Duration::from_secs(1),
};
/// Longest `Retry-After` that a genuine stack sends.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Largest answer read, in bytes: the most that Lambda returns.
const LARGEST_ANSWER: usize = 6 << 20;

/// A stack's HTTP API.
pub(super) struct Remote {
    base: String,
    credential: Credential,
    http: reqwest::Client,
}

/// An answer, both raw and parsed.
#[derive(Debug)]
pub(super) struct RemoteAnswer<T> {
    pub(super) raw: Value,
    pub(super) read: T,
}

/// Reason why a request has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    /// The stack refused the request, for this reason.
    #[error("the stack answers {status}: {detail}{advice}")]
    Refused {
        status: StatusCode,
        detail: String,
        advice: &'static str,
        /// The items or fields at fault.
        errors: Vec<FieldProblemAnswer>,
    },
    /// The stack could not be reached, or failed to do it even when asked again.
    #[error("{base} cannot be reached or is in trouble: {said}")]
    Unreached { base: String, said: String },
    /// Something other than a stack answered.
    #[error("{base} does not answer like a stack ({said}): is it the output `ApiUrl` of the stack?")]
    NoStack { base: String, said: String },
}

impl Remote {
    /// The API at `url`.
    pub(super) fn at(url: &str, credential: &CredentialArgs) -> Result<Remote, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        let usage = |text: String| -> Failure { UsageError(text).into() };
        if !(base.starts_with("https://") || base.starts_with("http://")) {
            return Err(usage(format!("--api {base}: expected the output `ApiUrl` of the stack, https://…")));
        }
        if !ghl_sync_runtime::is_secure(&base) {
            return Err(usage(format!("--api {base}: the key would be sent in the clear; expected https://…")));
        }
        let credential = credential.credential(&base)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(ghl_sync_ghl::tls(base.starts_with("https://"))?)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("ghl-sync/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Remote { base, credential, http })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The settings of `location`. Sent only once, because the user wants to know at once if something is wrong.
    pub(super) async fn location(&self, location: &LocationId) -> Result<LocationAnswer, RemoteError> {
        let request = RemoteRequest { method: Method::GET, path: format!("/v1/locations/{location}"), body: None };
        match tokio::time::timeout(FIRST_ANSWER_WITHIN, self.once(&request)).await {
            Ok(answer) => answer.map_err(|again| again.error),
            Err(_) => {
                let said = format!("no answer within {} s", FIRST_ANSWER_WITHIN.as_secs());
                Err(RemoteError::Unreached { base: self.base.clone(), said })
            }
        }
    }

    /// Puts contacts under an import, one item per line. Safe to repeat.
    pub(super) async fn put_contacts(
        &self,
        location: &LocationId,
        import: Option<&ImportId>,
        lines: String,
    ) -> Result<PutAnswer, RemoteError> {
        let under = import.map(|import| format!("?import={import}")).unwrap_or_default();
        self.put_lines(Method::POST, &format!("/v1/locations/{location}/contacts{under}"), lines).await
    }

    /// Puts contacts at `path`, one item per line. Safe to repeat.
    pub(super) async fn put_lines(&self, method: Method, path: &str, lines: String) -> Result<PutAnswer, RemoteError> {
        self.repeated(&RemoteRequest { method, path: path.to_owned(), body: Some((LINES, lines)) }).await
    }

    /// The states of the records in `lookup`.
    pub(super) async fn lookup(
        &self,
        location: &LocationId,
        lookup: &LookupRequest<'_>,
    ) -> Result<LookupAnswer, RemoteError> {
        let path = format!("/v1/locations/{location}/records/lookup");
        // Contains only names and texts, so it cannot fail to serialize.
        let body = serde_json::to_string(lookup).unwrap_or_default();
        self.repeated(&RemoteRequest { method: Method::POST, path, body: Some((JSON, body)) }).await
    }

    /// The status of this contact; `None` if unknown.
    pub(super) async fn status(&self, location: &LocationId, id: &str) -> Result<Option<Status>, RemoteError> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("id", id).finish();
        let path = format!("/v1/locations/{location}/records?kind=contact&{query}");
        let answer: RecordsAnswer = self.repeated(&RemoteRequest { method: Method::GET, path, body: None }).await?;
        Ok(answer.records.into_iter().next())
    }

    /// Sends any request that is safe to repeat. An answer without a body is null.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<RemoteAnswer<T>, RemoteError> {
        let raw = self.repeated(&RemoteRequest::of(method, path, body)).await?;
        self.understood(raw)
    }

    /// Sends a request only once, because it is not safe to repeat.
    pub(super) async fn ask_once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<RemoteAnswer<T>, RemoteError> {
        let raw = self.once(&RemoteRequest::of(method, path, body)).await.map_err(|again| again.error)?;
        self.understood(raw)
    }

    fn understood<T: DeserializeOwned>(&self, raw: Value) -> Result<RemoteAnswer<T>, RemoteError> {
        match T::deserialize(&raw) {
            Ok(read) => Ok(RemoteAnswer { raw, read }),
            Err(error) => Err(self.no_stack(StatusCode::OK, &error.to_string(), None).error),
        }
    }

    async fn repeated<T: DeserializeOwned>(&self, asked: &RemoteRequest) -> Result<T, RemoteError> {
        let mut attempt = 0;
        loop {
            let again = match self.once(asked).await {
                Ok(answer) => return Ok(answer),
                Err(again) => again,
            };
            let Some(told) = again.after.filter(|_| attempt < RETRIES.max_retries) else { return Err(again.error) };
            tokio::time::sleep(RETRIES.delay(attempt, fastrand::f64()).max(told.min(LONGEST_WAIT))).await;
            attempt += 1;
        }
    }

    async fn once<T: DeserializeOwned>(&self, asked: &RemoteRequest) -> Result<T, FailedTry> {
        let unreached = |error: reqwest::Error| FailedTry {
            error: RemoteError::Unreached { base: self.base.clone(), said: chain(&error) },
            after: Some(Duration::ZERO),
        };
        let mut request = self.http.request(asked.method.clone(), format!("{}{}", self.base, asked.path));
        if let Some((kind, body)) = &asked.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        let mut request = request.build().map_err(unreached)?;
        // Signs each try anew, because a signature is only valid for some minutes.
        self.credential.put_into(&mut request).map_err(|failure| FailedTry {
            error: RemoteError::Unreached { base: self.base.clone(), said: failure.to_string() },
            after: None,
        })?;
        let response = self.http.execute(request).await.map_err(unreached)?;
        let status = response.status();
        let after = is_passing(status).then(|| retry_after(&response));
        let body = read(response).await.map_err(unreached)?;
        if status.is_success() {
            let body = if body.is_empty() { b"null" } else { body.as_slice() };
            return serde_json::from_slice(body).map_err(|error| self.no_stack(status, &error.to_string(), after));
        }
        match serde_json::from_slice::<ProblemAnswer>(&body) {
            Ok(ProblemAnswer { title, detail, message, errors }) => {
                let detail = detail.or(title).or(message).unwrap_or_default();
                let advice = self.credential.advice(status.as_u16());
                Err(FailedTry { error: RemoteError::Refused { status, detail, advice, errors }, after })
            }
            Err(_) => Err(self.no_stack(status, "no problem document", after)),
        }
    }

    fn no_stack(&self, status: StatusCode, what: &str, after: Option<Duration>) -> FailedTry {
        let said = format!("{status}, {what}");
        FailedTry { error: RemoteError::NoStack { base: self.base.clone(), said }, after }
    }
}

const LINES: &str = "application/x-ndjson";
const JSON: &str = "application/json";

struct RemoteRequest {
    method: Method,
    path: String,
    body: Option<(&'static str, String)>,
}

impl RemoteRequest {
    fn of(method: Method, path: &str, body: Option<&Value>) -> RemoteRequest {
        RemoteRequest { method, path: path.to_owned(), body: body.map(|body| (JSON, body.to_string())) }
    }
}

/// A failure, and the shortest delay before a retry, if one is worthwhile.
struct FailedTry {
    error: RemoteError,
    after: Option<Duration>,
}

/// Whether the same request may get another answer later.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

async fn read(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            break;
        }
    }
    Ok(body)
}

/// An error with its causes. URLs are left out, because the address is named separately.
fn chain(error: &reqwest::Error) -> String {
    let mut said = if error.is_timeout() { "no answer in time".to_owned() } else { "the request failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        said = format!("{said}: {source}");
        cause = source.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::http::Request;
    use axum::response::IntoResponse;
    use clap::Parser;
    use ghl_sync_model::Secret;
    use serde_json::json;

    use super::*;
    use crate::credential::tests::StackCommandLine;
    use crate::door::{AccessKey, Door, Listen};

    /// The server's own implementation checks the signatures.
    #[tokio::test]
    async fn signed_requests_are_let_in_by_who_checks_them_and_others_are_not() {
        let key = AccessKey { id: "AKIDEXAMPLE".to_owned(), secret: Secret::new("secret/example") };
        let door = Door::at(Listen::from(SocketAddr::from(([127, 0, 0, 1], 0))), 1 << 20).await.unwrap();
        let url = format!("http://{}", door.addr());
        let _open = door.for_key(key).open(|request: Request<_>| async move {
            let (path, bytes) = (request.uri().to_string(), request.body().len());
            Ok::<_, std::io::Error>(axum::Json(json!({ "path": path, "bytes": bytes })).into_response())
        });
        let remote = |secret: &str| {
            let id = ["--aws-access-key-id", "AKIDEXAMPLE", "--aws-region", "eu-west-1", "--aws-session-token", ""];
            let line = ["x", "--api", &url, "--sign", "--aws-secret-access-key", secret].into_iter().chain(id);
            let line = StackCommandLine::parse_from(line);
            Remote::at(&line.api, &line.credential).unwrap()
        };
        let body = json!({ "name": "Zo\u{eb}" });
        for (method, path, body) in [
            (Method::GET, "/v1/overview", None),
            (Method::GET, "/v1/locations/loc1/records?state=failed&kind=contact", None),
            (Method::POST, "/v1/locations/loc1/replay", Some(&body)),
        ] {
            let told = remote("secret/example").ask::<Value>(method, path, body).await.unwrap().read;
            let bytes = body.map_or(0, |body| body.to_string().len());
            assert_eq!(told, json!({ "path": path, "bytes": bytes }));
        }
        let refused = remote("another").ask_once::<Value>(Method::GET, "/v1/overview", None).await.unwrap_err();
        assert!(refused.to_string().contains("403"), "{refused}");
    }
}

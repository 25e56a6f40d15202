//! Calls without a connection: requests for a GHL in this process, and what it answers, written and read as over HTTP.

use ghl_sync_model::{Answer, Api, Call, Cause, Failure, LocationId, RemoteContact, RemoteDeal, Secret};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::accounts::Account;
use crate::client::{not_sent, verdict};
use crate::request::{Body as RequestBody, Unsupported};
use crate::transport::{Body, most_of};
use crate::{answer, v2};

/// A request of API v2, without host and credentials.
#[derive(Debug)]
pub struct Written {
    /// What it does with what is at the path.
    pub method: Method,
    /// From the root on, with the ids of what it is about.
    pub path: String,
    /// What follows the path, not encoded.
    pub query: Vec<(&'static str, String)>,
    /// JSON; `None` where the API takes none.
    pub body: Option<Value>,
}

/// The request that `call` is for `location`.
///
/// # Errors
/// When the API has none.
pub fn write(location: &LocationId, call: &Call) -> Result<Written, Failure> {
    let request = v2::request(location, call);
    let request = request.map_err(|Unsupported(lacking)| not_sent(Some(Cause::Unsupported), lacking))?;
    let body = match request.body {
        Some(RequestBody::Json(body)) => Some(body),
        Some(RequestBody::Form(_)) | None => None,
    };
    Ok(Written { method: request.method, path: request.path, query: request.query, body })
}

/// A contact as API v2 shows it.
#[must_use]
pub fn contact(shown: &Value) -> Option<RemoteContact> {
    answer::remote_contact(shown)
}

/// An opportunity as API v2 shows it.
#[must_use]
pub fn opportunity(shown: &Value) -> Option<RemoteDeal> {
    answer::remote_deal(shown)
}

/// What an answer with `status` and `body` says to `call`.
///
/// # Errors
/// When it says that the call failed, or cannot be read.
pub fn read(location: &LocationId, call: &Call, status: StatusCode, body: Vec<u8>) -> Result<Answer, Failure> {
    let is_too_long = status.is_success() && body.len() > most_of(call);
    let body = if is_too_long { Body::TooLong } else { Body::Read(body) };
    let account = Account { token: Secret::new(""), api: Api::V2 };
    verdict(&account, location, call, status, body)
}

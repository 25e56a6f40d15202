//! Calls without a connection: writes requests for a GHL in this process and reads its answers, just as over HTTP.

use ghl_sync_model::{Answer, Api, Call, Cause, Failure, ListedContact, ListedOpportunity, LocationId, Secret};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::accounts::ApiAccount;
use crate::client::{not_sent, verdict};
use crate::request::{RequestBody, Unsupported};
use crate::transport::{ResponseBody, most_of};
use crate::{answer, v2};

/// A request of API v2, without host and credentials.
#[derive(Debug)]
pub struct WrittenRequest {
    /// HTTP method.
    pub method: Method,
    /// Absolute path, including the record ids.
    pub path: String,
    /// Query parameters, not yet encoded.
    pub query: Vec<(&'static str, String)>,
    /// JSON body; `None` if the API takes none.
    pub body: Option<Value>,
}

/// Writes `call` of `location` as a request.
///
/// # Errors
/// If the API has no request for the call.
pub fn write(location: &LocationId, call: &Call) -> Result<WrittenRequest, Failure> {
    let request = v2::request(location, call);
    let request = request.map_err(|Unsupported(lacking)| not_sent(Some(Cause::Unsupported), lacking))?;
    let body = match request.body {
        Some(RequestBody::Json(body)) => Some(body),
        Some(RequestBody::Form(_)) | None => None,
    };
    Ok(WrittenRequest { method: request.method, path: request.path, query: request.query, body })
}

/// Reads a contact in the form in which API v2 sends it; `None` if it is unreadable.
#[must_use]
pub fn contact(shown: &Value) -> Option<ListedContact> {
    answer::remote_contact(shown)
}

/// Reads an opportunity in the form in which API v2 sends it; `None` if it is unreadable.
#[must_use]
pub fn opportunity(shown: &Value) -> Option<ListedOpportunity> {
    answer::remote_opportunity(shown)
}

/// Reads an answer with `status` and `body` to `call`.
///
/// # Errors
/// If the call failed, or the answer is unreadable.
pub fn read(location: &LocationId, call: &Call, status: StatusCode, body: Vec<u8>) -> Result<Answer, Failure> {
    let is_too_long = status.is_success() && body.len() > most_of(call);
    let body = if is_too_long { ResponseBody::TooLong } else { ResponseBody::Read(body) };
    let account = ApiAccount { token: Secret::new(""), api: Api::V2 };
    verdict(&account, location, call, status, body)
}

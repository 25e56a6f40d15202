//! Bodies: how large, of which type, in which charset.

use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};
use ghl_sync_operate::items::{JsonFault, from_json_without_doubles};
use mime::Mime;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, ProblemKind};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Lines,
}

/// The form that the headers name.
pub(crate) fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let unsupported = |detail: String| Problem::new(ProblemKind::UnsupportedMediaType, detail);
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(unsupported("a body with a Content-Encoding is not read here; send it as it is".to_owned()));
    }
    const EXPECTED: &str = "expected Content-Type: application/json, or application/x-ndjson where many items are sent";
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(unsupported(format!("the request has no Content-Type; {EXPECTED}")));
    };
    let mime: Mime =
        value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| unsupported(EXPECTED.to_owned()))?;
    if let Some(charset) = mime.get_param(mime::CHARSET)
        && charset != mime::UTF_8
        && charset != "utf8"
    {
        return Err(unsupported("the charset must be UTF-8".to_owned()));
    }
    match mime.essence_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Lines),
        _ => Err(unsupported(EXPECTED.to_owned())),
    }
}

/// The body's bytes, without a byte order mark; too many of them are a problem.
pub(crate) async fn bytes(request: Request) -> Result<axum::body::Bytes, Problem> {
    let bytes = axum::body::Bytes::from_request(request, &()).await?;
    let without_mark = if bytes.starts_with(BYTE_ORDER_MARK) { bytes.slice(BYTE_ORDER_MARK.len()..) } else { bytes };
    Ok(without_mark)
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body that is one JSON object.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_patch(&request) && form(request.headers())? != Form::Json {
            return Err(Problem::new(ProblemKind::UnsupportedMediaType, "expected Content-Type: application/json"));
        }
        let bytes = bytes(request).await?;
        Ok(JsonBody(from_json_without_doubles(text(&bytes)?)?))
    }
}

/// Whether it is a merge patch, by its type of its own (RFC 7396). Anywhere else that would be taken for the whole.
fn is_patch(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let has_encoding = request.headers().contains_key(header::CONTENT_ENCODING);
    request.method() == Method::PATCH
        && !has_encoding
        && kind.is_some_and(|kind| kind == "application/merge-patch+json")
}

/// A body that is one JSON object, or none at all.
pub(crate) struct MaybeJsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let has_body = request.headers().contains_key(header::CONTENT_TYPE) || !request.body().is_end_stream();
        if !has_body {
            return Ok(MaybeJsonBody(T::default()));
        }
        let JsonBody(body) = JsonBody::from_request(request, state).await?;
        Ok(MaybeJsonBody(body))
    }
}

/// The body as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the body is not UTF-8: byte {} begins no character", error.valid_up_to());
        Problem::new(ProblemKind::BadRequest, detail)
    })
}

impl From<JsonFault> for Problem {
    fn from(JsonFault { syntax, field, detail }: JsonFault) -> Problem {
        if syntax {
            return Problem::new(ProblemKind::BadRequest, format!("the body {detail}"));
        }
        if field.is_empty() {
            return Problem::field(ProblemKind::Invalid, "", format!("the body {detail}"));
        }
        Problem::field(ProblemKind::Invalid, field, detail)
    }
}

//! Request bodies: size limit, content type and charset.

use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};
use ghl_sync_operate::items::{JsonFault, from_json_without_doubles};
use mime::Mime;
use serde::de::DeserializeOwned;

use crate::problem::{ApiProblem, ProblemKind};

/// Format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// One JSON value.
    Json,
    /// One JSON value per line.
    Lines,
}

/// Returns the format that the headers declare.
pub(crate) fn form(headers: &HeaderMap) -> Result<BodyFormat, ApiProblem> {
    let unsupported = |detail: String| ApiProblem::new(ProblemKind::UnsupportedMediaType, detail);
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
        "application/json" => Ok(BodyFormat::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(BodyFormat::Lines),
        _ => Err(unsupported(EXPECTED.to_owned())),
    }
}

/// Reads the body without its byte order mark. A body over the limit is a problem.
pub(crate) async fn bytes(request: Request) -> Result<axum::body::Bytes, ApiProblem> {
    let bytes = axum::body::Bytes::from_request(request, &()).await?;
    let without_mark = if bytes.starts_with(BYTE_ORDER_MARK) { bytes.slice(BYTE_ORDER_MARK.len()..) } else { bytes };
    Ok(without_mark)
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body that must be one JSON object.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiProblem> {
        if !is_patch(&request) && form(request.headers())? != BodyFormat::Json {
            return Err(ApiProblem::new(ProblemKind::UnsupportedMediaType, "expected Content-Type: application/json"));
        }
        let bytes = bytes(request).await?;
        Ok(JsonBody(from_json_without_doubles(text(&bytes)?)?))
    }
}

/// Whether the content type is a merge patch (RFC 7396). Other routes would mistake a patch for the complete value.
fn is_patch(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let has_encoding = request.headers().contains_key(header::CONTENT_ENCODING);
    request.method() == Method::PATCH
        && !has_encoding
        && kind.is_some_and(|kind| kind == "application/merge-patch+json")
}

/// A body that is one JSON object, or empty.
pub(crate) struct MaybeJsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeJsonBody<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        let has_body = request.headers().contains_key(header::CONTENT_TYPE) || !request.body().is_end_stream();
        if !has_body {
            return Ok(MaybeJsonBody(T::default()));
        }
        let JsonBody(body) = JsonBody::from_request(request, state).await?;
        Ok(MaybeJsonBody(body))
    }
}

/// Decodes the body as UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, ApiProblem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the body is not UTF-8: byte {} begins no character", error.valid_up_to());
        ApiProblem::new(ProblemKind::BadRequest, detail)
    })
}

impl From<JsonFault> for ApiProblem {
    fn from(JsonFault { syntax, field, detail }: JsonFault) -> ApiProblem {
        if syntax {
            return ApiProblem::new(ProblemKind::BadRequest, format!("the body {detail}"));
        }
        if field.is_empty() {
            return ApiProblem::field(ProblemKind::Invalid, "", format!("the body {detail}"));
        }
        ApiProblem::field(ProblemKind::Invalid, field, detail)
    }
}

//! Errors as problem documents (RFC 9457). They repeat no input of the caller except field names.

use std::borrow::Cow;

use axum::extract::rejection::{BytesRejection, RawPathParamsRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ghl_sync_engine::ports::PortError;
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

/// The kinds of problem. `type` in the document is `urn:ghl-sync:` and the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The request is malformed.
    BadRequest,
    /// The key is missing or not accepted.
    Unauthorized,
    /// The browser's session has ended.
    SignedOut,
    /// The caller may not do this, or not in this way.
    Forbidden,
    /// No route matches.
    NotFound,
    /// There is no such location.
    UnknownLocation,
    /// There is no such record.
    UnknownRecord,
    /// There is no such import.
    UnknownImport,
    /// There is no such list.
    UnknownList,
    /// There is no such key.
    UnknownKey,
    /// There is no such migration.
    UnknownMigration,
    /// The path does not take this method.
    MethodNotAllowed,
    /// The request conflicts with the current state.
    NotNow,
    /// The resource has changed since the caller read it.
    PreconditionFailed,
    /// The body is too large.
    TooLarge,
    /// The API does not accept the body's type, charset or encoding.
    UnsupportedMediaType,
    /// The request is well-formed, but a value is invalid.
    Invalid,
    /// Too many wrong keys came from this address.
    TooManyWrongKeys {
        /// Seconds until the next try.
        retry_after_s: u64,
    },
    /// A bug of ours.
    Internal,
    /// A store or a queue did not respond.
    Unavailable,
}

impl ProblemKind {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            ProblemKind::BadRequest => StatusCode::BAD_REQUEST,
            ProblemKind::Unauthorized | ProblemKind::SignedOut => StatusCode::UNAUTHORIZED,
            ProblemKind::Forbidden => StatusCode::FORBIDDEN,
            ProblemKind::NotFound
            | ProblemKind::UnknownLocation
            | ProblemKind::UnknownRecord
            | ProblemKind::UnknownImport
            | ProblemKind::UnknownList
            | ProblemKind::UnknownKey
            | ProblemKind::UnknownMigration => StatusCode::NOT_FOUND,
            ProblemKind::NotNow => StatusCode::CONFLICT,
            ProblemKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ProblemKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            ProblemKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ProblemKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ProblemKind::TooManyWrongKeys { .. } => StatusCode::TOO_MANY_REQUESTS,
            ProblemKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            ProblemKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn urn(self) -> &'static str {
        match self {
            ProblemKind::BadRequest => "urn:ghl-sync:bad-request",
            ProblemKind::Unauthorized => "urn:ghl-sync:unauthorized",
            ProblemKind::SignedOut => "urn:ghl-sync:signed-out",
            ProblemKind::Forbidden => "urn:ghl-sync:forbidden",
            ProblemKind::NotFound => "urn:ghl-sync:not-found",
            ProblemKind::UnknownLocation => "urn:ghl-sync:unknown-location",
            ProblemKind::UnknownRecord => "urn:ghl-sync:unknown-record",
            ProblemKind::UnknownImport => "urn:ghl-sync:unknown-import",
            ProblemKind::UnknownList => "urn:ghl-sync:unknown-list",
            ProblemKind::UnknownKey => "urn:ghl-sync:unknown-key",
            ProblemKind::UnknownMigration => "urn:ghl-sync:unknown-migration",
            ProblemKind::NotNow => "urn:ghl-sync:not-now",
            ProblemKind::MethodNotAllowed => "urn:ghl-sync:method-not-allowed",
            ProblemKind::PreconditionFailed => "urn:ghl-sync:precondition-failed",
            ProblemKind::TooLarge => "urn:ghl-sync:too-large",
            ProblemKind::UnsupportedMediaType => "urn:ghl-sync:unsupported-media-type",
            ProblemKind::Invalid => "urn:ghl-sync:invalid",
            ProblemKind::TooManyWrongKeys { .. } => "urn:ghl-sync:too-many-wrong-keys",
            ProblemKind::Internal => "urn:ghl-sync:internal",
            ProblemKind::Unavailable => "urn:ghl-sync:unavailable",
        }
    }

    fn title(self) -> &'static str {
        match self {
            ProblemKind::BadRequest => "The request cannot be read",
            ProblemKind::Unauthorized => "A valid API key is needed",
            ProblemKind::SignedOut => "The session has ended",
            ProblemKind::Forbidden => "This is not allowed",
            ProblemKind::NotFound => "There is nothing at this path",
            ProblemKind::UnknownLocation => "The location is unknown",
            ProblemKind::UnknownRecord => "The record is unknown",
            ProblemKind::UnknownImport => "The import is unknown",
            ProblemKind::UnknownList => "The list is unknown",
            ProblemKind::UnknownKey => "The key is unknown",
            ProblemKind::UnknownMigration => "The migration is unknown",
            ProblemKind::NotNow => "This conflicts with the current state",
            ProblemKind::MethodNotAllowed => "The path does not take this method",
            ProblemKind::PreconditionFailed => "It has changed meanwhile",
            ProblemKind::TooLarge => "The request is too large",
            ProblemKind::UnsupportedMediaType => "The type of the body is not supported",
            ProblemKind::Invalid => "The request is not valid",
            ProblemKind::TooManyWrongKeys { .. } => "Too many wrong keys",
            ProblemKind::Internal => "Something went wrong here",
            ProblemKind::Unavailable => "A store or a queue did not answer",
        }
    }
}

/// The error of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Index of the item in the body, from 0; absent if the body is not a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 41)]
    pub(crate) index: Option<usize>,
    /// Path of the field; empty for the item as a whole.
    #[schema(example = "contact.email")]
    pub(crate) field: String,
    /// What is wrong with the field.
    #[schema(example = "is not an e-mail address")]
    pub(crate) detail: String,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", .kind.title())]
pub(crate) struct ApiProblem {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) errors: Vec<FieldProblem>,
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiProblem)]
pub(crate) struct ProblemDocument {
    /// Kind of problem: `urn:ghl-sync:` and a word.
    #[serde(rename = "type")]
    #[schema(format = "uri", example = "urn:ghl-sync:invalid")]
    kind: &'static str,
    /// The kind of problem in words.
    #[schema(example = "The request is not valid")]
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// What is wrong, and what would be right.
    #[schema(example = "none of the 1 items was accepted")]
    detail: Cow<'static, str>,
    /// Identifies this occurrence: `urn:ghl-sync:request:` and the request id, as in the header `x-request-id` and
    /// the log.
    #[schema(format = "uri", example = "urn:ghl-sync:request:4c1f0d7e9a3b2c65")]
    instance: String,
    /// The invalid fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
}

impl ApiProblem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> ApiProblem {
        ApiProblem { kind, detail: detail.into(), errors: Vec::new() }
    }

    /// A field with an invalid value.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> ApiProblem {
        ApiProblem::field(ProblemKind::Invalid, field, detail)
    }

    /// A problem with one field.
    pub(crate) fn field(kind: ProblemKind, field: impl Into<String>, detail: impl Into<String>) -> ApiProblem {
        let (field, detail) = (field.into(), detail.into());
        let text = if field.is_empty() { detail.clone() } else { format!("{field} {detail}") };
        ApiProblem { kind, detail: text.into(), errors: vec![FieldProblem { index: None, field, detail }] }
    }

    /// A problem with a path parameter.
    pub(crate) fn in_path(name: &str, detail: &str) -> ApiProblem {
        ApiProblem::field(ProblemKind::BadRequest, name, format!("in the path {detail}"))
    }

    /// Writes this problem as the response to the request `request_id`.
    pub(crate) fn render(self, request_id: &str) -> Response {
        let ApiProblem { kind, detail, errors } = self;
        let document = ProblemDocument {
            kind: kind.urn(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance: format!("urn:ghl-sync:request:{request_id}"),
            errors,
        };
        let mut response = (kind.status(), axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match kind {
            ProblemKind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            ProblemKind::SignedOut => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(SIGN_IN));
            }
            ProblemKind::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
            }
            ProblemKind::TooManyWrongKeys { retry_after_s } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            _ => {}
        }
        response
    }
}

/// Makes a browser ask for the key. It is the only scheme: browsers read one scheme per header line, and API Gateway
/// joins several lines into one.
const CHALLENGE: &str = r#"Basic realm="ghl-sync", charset="UTF-8""#;
/// A page with an ended session must not make the browser ask for a password.
const SIGN_IN: &str = r#"Session realm="ghl-sync""#;
/// An unavailable store is throttled, or down for longer than a client should wait.
const RETRY_AFTER_S: &str = "5";

/// The problem travels to the outermost layer, which knows the request id and writes the document.
impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<PortError> for ApiProblem {
    fn from(port_error: PortError) -> ApiProblem {
        error!(event = "port_failed", action = port_error.action, error = ghl_sync_runtime::causes(&port_error));
        ApiProblem::new(ProblemKind::Unavailable, "try again; doing it twice does no harm")
    }
}

impl From<RawPathParamsRejection> for ApiProblem {
    fn from(rejection: RawPathParamsRejection) -> ApiProblem {
        match rejection {
            // Only the message holds the name: "Invalid UTF-8 in `location_id`".
            RawPathParamsRejection::InvalidUtf8InPathParam(invalid) => {
                let text = invalid.body_text();
                ApiProblem::in_path(text.split('`').nth(1).unwrap_or("a part"), "is not UTF-8")
            }
            _ => ApiProblem::new(ProblemKind::Internal, "the path has no parameters"),
        }
    }
}

impl From<BytesRejection> for ApiProblem {
    fn from(rejection: BytesRejection) -> ApiProblem {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let megabytes = crate::MAX_BODY_BYTES >> 20;
            return ApiProblem::new(
                ProblemKind::TooLarge,
                format!("the body is larger than {megabytes} MiB; send it in parts"),
            );
        }
        ApiProblem::new(ProblemKind::BadRequest, "the body ended early")
    }
}

//! What is wrong, as a problem document (RFC 9457). Nothing of what a caller sent is repeated in one, but names of fields.

use std::borrow::Cow;

use axum::extract::rejection::{BytesRejection, RawPathParamsRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ghl_sync_engine::ports::PortError;
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

/// The kinds of problem there are. `type` of the document is `urn:ghl-sync:` and the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The request cannot be read at all.
    BadRequest,
    /// No key, or none that is accepted.
    Unauthorized,
    /// The session of the browser is over.
    SignedOut,
    /// The caller may not do this, or not in this way.
    Forbidden,
    /// There is no such path.
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
    /// As things stand, it makes no sense.
    NotNow,
    /// What was to be changed has changed meanwhile.
    PreconditionFailed,
    /// The body is too large.
    TooLarge,
    /// The body is of a type, charset or encoding that is not read here.
    UnsupportedMediaType,
    /// The request can be read, and says something that cannot be.
    Invalid,
    /// Many wrong keys came from the same address.
    TooManyWrongKeys {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// A bug of ours.
    Internal,
    /// A store or a queue did not answer.
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
            ProblemKind::SignedOut => "Nobody is signed in any more",
            ProblemKind::Forbidden => "This is not allowed",
            ProblemKind::NotFound => "There is nothing at this path",
            ProblemKind::UnknownLocation => "The location is unknown",
            ProblemKind::UnknownRecord => "The record is unknown",
            ProblemKind::UnknownImport => "The import is unknown",
            ProblemKind::UnknownList => "The list is unknown",
            ProblemKind::UnknownKey => "The key is unknown",
            ProblemKind::UnknownMigration => "The migration is unknown",
            ProblemKind::NotNow => "This makes no sense as things stand",
            ProblemKind::MethodNotAllowed => "The path does not take this method",
            ProblemKind::PreconditionFailed => "It has changed meanwhile",
            ProblemKind::TooLarge => "The request is too large",
            ProblemKind::UnsupportedMediaType => "The body is of a type that is not read here",
            ProblemKind::Invalid => "The request is not valid",
            ProblemKind::TooManyWrongKeys { .. } => "Too many wrong keys",
            ProblemKind::Internal => "Something went wrong here",
            ProblemKind::Unavailable => "A store or a queue did not answer",
        }
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Which item of the body, counted from 0; absent where the body is no list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 41)]
    pub(crate) index: Option<usize>,
    /// Which field, as a path; empty for the item as a whole.
    #[schema(example = "contact.email")]
    pub(crate) field: String,
    /// What is wrong with it.
    #[schema(example = "is not an e-mail address")]
    pub(crate) detail: String,
}

/// A request that was not done as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", .kind.title())]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) errors: Vec<FieldProblem>,
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Which kind of problem: `urn:ghl-sync:` and a word.
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
    /// This occurrence: `urn:ghl-sync:request:` and the request's id, as in the header `x-request-id` and the log.
    #[schema(format = "uri", example = "urn:ghl-sync:request:4c1f0d7e9a3b2c65")]
    instance: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { kind, detail: detail.into(), errors: Vec::new() }
    }

    /// A field whose value makes no sense.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem::field(ProblemKind::Invalid, field, detail)
    }

    /// One field is wrong.
    pub(crate) fn field(kind: ProblemKind, field: impl Into<String>, detail: impl Into<String>) -> Problem {
        let (field, detail) = (field.into(), detail.into());
        let text = if field.is_empty() { detail.clone() } else { format!("{field} {detail}") };
        Problem { kind, detail: text.into(), errors: vec![FieldProblem { index: None, field, detail }] }
    }

    /// A parameter of the path is wrong.
    pub(crate) fn in_path(name: &str, detail: &str) -> Problem {
        Problem::field(ProblemKind::BadRequest, name, format!("in the path {detail}"))
    }

    /// Answers the request `request_id` with this problem.
    pub(crate) fn render(self, request_id: &str) -> Response {
        let Problem { kind, detail, errors } = self;
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

/// So that a browser asks for the key. Alone: browsers know one scheme a line, and API Gateway makes one line of several.
const CHALLENGE: &str = r#"Basic realm="ghl-sync", charset="UTF-8""#;
/// A page that was signed in shall not make the browser ask for a password.
const SIGN_IN: &str = r#"Session realm="ghl-sync""#;
/// A store that does not answer is throttled, or gone for longer than it makes sense to wait for.
const RETRY_AFTER_S: &str = "5";

/// The problem travels to the outermost layer, which knows the request's id and writes the document.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<PortError> for Problem {
    fn from(port_error: PortError) -> Problem {
        error!(event = "port_failed", action = port_error.action, error = ghl_sync_runtime::causes(&port_error));
        Problem::new(ProblemKind::Unavailable, "try again; doing it twice does no harm")
    }
}

impl From<RawPathParamsRejection> for Problem {
    fn from(rejection: RawPathParamsRejection) -> Problem {
        match rejection {
            // It tells the name in its text only: "Invalid UTF-8 in `location_id`".
            RawPathParamsRejection::InvalidUtf8InPathParam(invalid) => {
                let text = invalid.body_text();
                Problem::in_path(text.split('`').nth(1).unwrap_or("a part"), "is not UTF-8")
            }
            _ => Problem::new(ProblemKind::Internal, "the path has no parameters"),
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Problem {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let megabytes = crate::MAX_BODY_BYTES >> 20;
            return Problem::new(
                ProblemKind::TooLarge,
                format!("the body is larger than {megabytes} MiB; send it in parts"),
            );
        }
        Problem::new(ProblemKind::BadRequest, "the body ended early")
    }
}

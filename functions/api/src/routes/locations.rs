//! Locations: their settings, and what an operator does to them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use ghl_sync_model::{EpochMs, LocationFacts};
use ghl_sync_operate::{LocationView, OperateError, PutSettingsError};

use super::{InPath, KnownLocation, LocationPath, unknown_location};
use crate::body::{JsonBody, MaybeJsonBody};
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
use crate::wire::{LocationDocument, Overrides, Pause};

/// Most characters of an operator's note.
const MAX_NOTE_CHARS: usize = 200;

/// Reads the settings of a location.
///
/// What holds, and what of that was set here; beside it, what GHL says of the location.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(LocationPath),
    responses((status = 200, description = "Its settings", body = LocationDocument, headers(
        ("ETag" = String, description = "The revision, for `If-Match`"),
    ))),
)]
pub(crate) async fn location(State(api): State<Api>, location: KnownLocation) -> Result<impl IntoResponse, Problem> {
    let operator = api.operator();
    let (view, facts) = tokio::try_join!(operator.location(&location.id), operator.facts(&location.id))?;
    Ok(document(view.ok_or_else(unknown_location)?, facts))
}

/// Sets the settings of a location.
///
/// The body takes the place of all that was set before; what it does not name is as the environment says. With
/// `If-Match`, only if nobody has changed them since they were read. A location that nobody knew is known from then on.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(
        LocationPath,
        ("If-Match" = Option<String>, Header, nullable = false, description = "The `ETag` of the settings that were read"),
    ),
    request_body = Overrides,
    responses((status = 200, description = "They hold from now on", body = LocationDocument, headers(
        ("ETag" = String, description = "The revision, for `If-Match`"),
    ))),
)]
pub(crate) async fn set_location(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    headers: HeaderMap,
    JsonBody(overrides): JsonBody<Overrides>,
) -> Result<impl IntoResponse, Problem> {
    let expected = expected(&headers)?;
    let operator = api.operator();
    let view = operator.put_settings(&location_id, expected, &overrides.into()).await?;
    let facts = operator.facts(&location_id).await?;
    Ok(document(view, facts))
}

fn document(view: LocationView, facts: Option<LocationFacts>) -> impl IntoResponse {
    (AppendHeaders([(header::ETAG, format!("\"{}\"", view.rev))]), Json(LocationDocument::of(view, facts)))
}

/// The revision that the caller has read, if it says so.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    if tag == "*" {
        return Ok(None);
    }
    let revision = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    // What is no tag of ours matches nothing.
    revision
        .map(Some)
        .ok_or_else(|| Problem::new(ProblemKind::PreconditionFailed, "If-Match is no ETag of this location"))
}

/// Pauses a location.
///
/// Nobody calls GHL for it, nor for those that share its rate scope, until it is resumed or `until` has come. Records
/// are taken all the same, and stay due.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/pause",
    tag = "locations",
    params(LocationPath),
    request_body = Option<Pause>,
    responses((status = 204, description = "It is paused")),
)]
pub(crate) async fn pause(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    MaybeJsonBody(pause): MaybeJsonBody<Pause>,
) -> Result<StatusCode, Problem> {
    let until = pause.until.as_deref().map(time).transpose()?;
    if pause.note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE_CHARS) {
        let detail = format!("is longer than {MAX_NOTE_CHARS} characters");
        return Err(Problem::field(ProblemKind::Invalid, "note", detail));
    }
    api.operator().pause(&location_id, until, pause.note).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn time(text: &str) -> Result<EpochMs, Problem> {
    EpochMs::from_rfc3339(text)
        .ok_or_else(|| Problem::field(ProblemKind::Invalid, "until", "is not a time as RFC 3339 writes it"))
}

/// Resumes a location.
///
/// Lifts an operator's pause, and the one for a token that GHL did not accept, and starts what is due. What GHL asked
/// us to wait stands.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/resume",
    tag = "locations",
    params(LocationPath),
    responses((status = 204, description = "It goes on")),
)]
pub(crate) async fn resume(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
) -> Result<StatusCode, Problem> {
    api.operator().resume(&location_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Closes the circuit breaker of a location.
///
/// The location starts with a small batch. If GHL is still down, the breaker opens again.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/breaker/reset",
    tag = "locations",
    params(LocationPath),
    responses((status = 204, description = "It is closed")),
)]
pub(crate) async fn reset_breaker(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
) -> Result<StatusCode, Problem> {
    api.operator().reset_breaker(&location_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PutSettingsError> for Problem {
    fn from(error: PutSettingsError) -> Problem {
        match error {
            PutSettingsError::Unknown(_) => unknown_location(),
            PutSettingsError::Settings(wrong) => Problem::field(ProblemKind::Invalid, wrong.field, wrong.reason),
            PutSettingsError::Changed { current } => {
                let detail = format!("the settings have revision {current} by now; read them again");
                Problem::new(ProblemKind::PreconditionFailed, detail)
            }
            PutSettingsError::Port(failed) => failed.into(),
        }
    }
}

impl From<OperateError> for Problem {
    fn from(error: OperateError) -> Problem {
        match error {
            OperateError::Unknown(_) => unknown_location(),
            OperateError::UntilIsPast => Problem::field(ProblemKind::Invalid, "until", "is not in the future"),
            OperateError::Port(failed) => failed.into(),
        }
    }
}

//! Locations: their settings, and what an operator does to them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use ghl_sync_model::{EpochMs, SettingsOverlay};
use ghl_sync_operate::{LocationView, OperateError, PutSettingsError, SettingsChange};
use serde_json::Value;

use super::{InPath, KnownLocation, LocationPath, unknown_location};
use crate::body::{JsonBody, MaybeJsonBody};
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
use crate::wire::{LocationDocument, Overrides, Pause, SettingsPatch};

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
    let view = api.operator().location(&location.id).await?;
    document(&api, view.ok_or_else(unknown_location)?).await
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
    let view = api.operator().put_settings(&location_id, expected(&headers)?, &overrides.into()).await?;
    document(&api, view).await
}

/// Changes the settings of a location.
///
/// The body is a JSON merge patch (RFC 7396) of what was set here: what it names is set, a null takes back what was set, and
/// all else stays. With `If-Match`, only if nobody has changed them since they were read. What is so already is not written.
#[utoipa::path(
    patch,
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
pub(crate) async fn patch_location(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<Value>,
) -> Result<impl IntoResponse, Problem> {
    let patch = SettingsPatch::read(patch)?;
    let change = SettingsChange {
        location: location_id,
        expected: expected(&headers)?,
        change: Box::new(move |set: &SettingsOverlay| patch.onto(set)),
        is_written_anyway: false,
    };
    document(&api, api.operator().change_one(change).await?.view).await
}

async fn document(api: &Api, view: LocationView) -> Result<impl IntoResponse + use<>, Problem> {
    let operator = api.operator();
    let (facts, profile) = tokio::try_join!(operator.facts(&view.location_id), operator.profile(&view.location_id))?;
    let (tag, now) = (format!("\"{}\"", view.rev), api.engine.ports().clock.now());
    let document = LocationDocument::of(view, facts, profile.as_ref(), now);
    Ok((AppendHeaders([(header::ETAG, tag)]), Json(document)))
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
            PutSettingsError::Fault(fault) => fault.into(),
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

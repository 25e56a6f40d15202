//! Locations: their settings, and the actions of an operator.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use ghl_sync_model::{EpochMs, SettingsOverlay};
use ghl_sync_operate::{LocationView, OperateError, PutSettingsError, SettingsChange};
use serde_json::Value;

use super::{InPath, KnownLocation, LocationPath, unknown_location};
use crate::body::{JsonBody, MaybeJsonBody};
use crate::problem::{ApiProblem, ProblemKind};
use crate::service::ApiState;
use crate::wire::{LocationDocument, Overrides, PauseRequest, SettingsPatch};

/// Longest note of an operator, in characters.
const MAX_NOTE_CHARS: usize = 200;

/// Reads the settings of a location.
///
/// The settings in effect, those set here, and GHL's facts about the location.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(LocationPath),
    responses((status = 200, description = "The settings", body = LocationDocument, headers(
        ("ETag" = String, description = "The revision, for `If-Match`"),
    ))),
)]
pub(crate) async fn location(
    State(api): State<ApiState>,
    location: KnownLocation,
) -> Result<impl IntoResponse, ApiProblem> {
    let view = api.operator().location(&location.id).await?;
    document(&api, view.ok_or_else(unknown_location)?).await
}

/// Sets the settings of a location.
///
/// The body replaces all earlier settings; fields that it leaves out come from the environment. With `If-Match`, only
/// if nobody has changed the settings since they were read. An unknown location becomes known.
#[utoipa::path(
    put,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(
        LocationPath,
        ("If-Match" = Option<String>, Header, nullable = false, description = "The `ETag` of the settings that were read"),
    ),
    request_body = Overrides,
    responses((status = 200, description = "The new settings are in effect", body = LocationDocument, headers(
        ("ETag" = String, description = "The revision, for `If-Match`"),
    ))),
)]
pub(crate) async fn set_location(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    headers: HeaderMap,
    JsonBody(overrides): JsonBody<Overrides>,
) -> Result<impl IntoResponse, ApiProblem> {
    let view = api.operator().put_settings(&location_id, expected(&headers)?, &overrides.into()).await?;
    document(&api, view).await
}

/// Changes the settings of a location.
///
/// The body is a JSON merge patch (RFC 7396) of the settings: a field in it is set, a null removes the field's setting,
/// and all others stay. With `If-Match`, only if nobody has changed the settings since they were read. A patch that
/// changes nothing is not written.
#[utoipa::path(
    patch,
    path = "/v1/locations/{location_id}",
    tag = "locations",
    params(
        LocationPath,
        ("If-Match" = Option<String>, Header, nullable = false, description = "The `ETag` of the settings that were read"),
    ),
    request_body = Overrides,
    responses((status = 200, description = "The new settings are in effect", body = LocationDocument, headers(
        ("ETag" = String, description = "The revision, for `If-Match`"),
    ))),
)]
pub(crate) async fn patch_location(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<Value>,
) -> Result<impl IntoResponse, ApiProblem> {
    let patch = SettingsPatch::read(patch)?;
    let change = SettingsChange {
        location: location_id,
        expected: expected(&headers)?,
        change: Box::new(move |set: &SettingsOverlay| patch.onto(set)),
        is_written_anyway: false,
    };
    document(&api, api.operator().change_one(change).await?.view).await
}

async fn document(api: &ApiState, view: LocationView) -> Result<impl IntoResponse + use<>, ApiProblem> {
    let operator = api.operator();
    let (facts, profile) = tokio::try_join!(operator.facts(&view.location_id), operator.profile(&view.location_id))?;
    let (tag, now) = (format!("\"{}\"", view.rev), api.engine.ports().clock.now());
    let document = LocationDocument::of(view, facts, profile.as_ref(), now);
    Ok((AppendHeaders([(header::ETAG, tag)]), Json(document)))
}

/// The revision in `If-Match`, if the header is there.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, ApiProblem> {
    let Some(tag) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    if tag == "*" {
        return Ok(None);
    }
    let revision = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    // A tag that is not one of ours matches nothing.
    revision
        .map(Some)
        .ok_or_else(|| ApiProblem::new(ProblemKind::PreconditionFailed, "If-Match is no ETag of this location"))
}

/// Pauses a location.
///
/// Nobody calls GHL for it, nor for others that share its rate scope, until it is resumed or `until` has come. Records
/// are still accepted, and stay due.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/pause",
    tag = "locations",
    params(LocationPath),
    request_body = Option<PauseRequest>,
    responses((status = 204, description = "The location is paused")),
)]
pub(crate) async fn pause(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    MaybeJsonBody(pause): MaybeJsonBody<PauseRequest>,
) -> Result<StatusCode, ApiProblem> {
    let until = pause.until.as_deref().map(time).transpose()?;
    if pause.note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE_CHARS) {
        let detail = format!("is longer than {MAX_NOTE_CHARS} characters");
        return Err(ApiProblem::field(ProblemKind::Invalid, "note", detail));
    }
    api.operator().pause(&location_id, until, pause.note).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn time(text: &str) -> Result<EpochMs, ApiProblem> {
    EpochMs::from_rfc3339(text)
        .ok_or_else(|| ApiProblem::field(ProblemKind::Invalid, "until", "is not a time as RFC 3339 writes it"))
}

/// Resumes a location.
///
/// Lifts an operator's pause and the pause after GHL rejected the token, and starts the records that are due. A wait
/// that GHL asked for stays.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/resume",
    tag = "locations",
    params(LocationPath),
    responses((status = 204, description = "The location is resumed")),
)]
pub(crate) async fn resume(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
) -> Result<StatusCode, ApiProblem> {
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
    responses((status = 204, description = "The breaker is closed")),
)]
pub(crate) async fn reset_breaker(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
) -> Result<StatusCode, ApiProblem> {
    api.operator().reset_breaker(&location_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PutSettingsError> for ApiProblem {
    fn from(error: PutSettingsError) -> ApiProblem {
        match error {
            PutSettingsError::Unknown(_) => unknown_location(),
            PutSettingsError::Settings(wrong) => ApiProblem::field(ProblemKind::Invalid, wrong.field, wrong.reason),
            PutSettingsError::Fault(fault) => fault.into(),
            PutSettingsError::Changed { current } => {
                let detail = format!("the settings have revision {current} by now; read them again");
                ApiProblem::new(ProblemKind::PreconditionFailed, detail)
            }
            PutSettingsError::Port(failed) => failed.into(),
        }
    }
}

impl From<OperateError> for ApiProblem {
    fn from(error: OperateError) -> ApiProblem {
        match error {
            OperateError::Unknown(_) => unknown_location(),
            OperateError::UntilIsPast => ApiProblem::field(ProblemKind::Invalid, "until", "is not in the future"),
            OperateError::Port(failed) => failed.into(),
        }
    }
}

//! The audit trail: who changed what.

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{AuditCursor, EpochMs};
use ghl_sync_operate::{AuditPage, MAX_AUDIT_PAGE};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::ApiProblem;
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::ApiState;
use crate::wire::AuditTrail;

const DEFAULT_PAGE: u32 = 50;

/// The part of the trail to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Only requests since this time.
    #[param(nullable = false, format = DateTime, example = "2026-11-22T02:30:00Z")]
    since: Option<String>,
    /// `cursor` of the previous page.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most requests of the page.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
}

/// Tells who changed what.
///
/// Each request that changed something or was forbidden (403), kept for 400 days: the caller, the operation, the
/// location, the time and the status; never the content. Puts of records are not listed: each record tells when it was
/// put. A request from a moment ago may be missing.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "access",
    params(AuditQuery),
    responses((status = 200, description = "A page of the trail", body = AuditTrail)),
)]
pub(crate) async fn audit(
    State(api): State<ApiState>,
    InQuery(AuditQuery { since, cursor, limit }): InQuery<AuditQuery>,
) -> Result<Json<AuditTrail>, ApiProblem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, MAX_AUDIT_PAGE)?;
    let not_a_time = || ApiProblem::invalid("since", "is not a time as RFC 3339 writes it");
    let since = since.map(|text| EpochMs::from_rfc3339(&text).ok_or_else(not_a_time)).transpose()?;
    let cursor = cursor.map(|text| AuditCursor::from_text(&text)).transpose();
    let before = cursor.map_err(|_| foreign_cursor())?;
    let before = before.map(|cursor| cursor.entry);
    let AuditPage { requests, next } =
        api.operator().audited(since.unwrap_or_default(), before.as_ref(), limit).await?;
    let cursor = next.map(|entry| AuditCursor { entry }.to_text());
    Ok(Json(AuditTrail { requests: requests.into_iter().map(Into::into).collect(), cursor }))
}

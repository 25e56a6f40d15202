//! The audit trail: who changed what.

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{AuditCursor, EpochMs};
use ghl_sync_operate::{AuditPage, MAX_AUDIT_PAGE};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;
use crate::query::{InQuery, foreign_cursor, within};
use crate::service::Api;
use crate::wire::AuditTrail;

const DEFAULT_PAGE: u32 = 50;

/// Which part of the trail.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// What was asked for since then.
    #[param(nullable = false, format = DateTime, example = "2026-11-22T02:30:00Z")]
    since: Option<String>,
    /// Where the page before ended.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// So many requests at most.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
}

/// Tells who changed what.
///
/// Each request that changed something, or was not allowed to (403), for 400 days: who asked, for what, where, when, and how
/// it was answered; never what was in it. Puts of records are not among them: a record tells when it was put. What was asked
/// for a moment ago may be missing.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "access",
    params(Part),
    responses((status = 200, description = "A page of the trail", body = AuditTrail)),
)]
pub(crate) async fn audit(
    State(api): State<Api>,
    InQuery(Part { since, cursor, limit }): InQuery<Part>,
) -> Result<Json<AuditTrail>, Problem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, MAX_AUDIT_PAGE)?;
    let not_a_time = || Problem::invalid("since", "is not a time as RFC 3339 writes it");
    let since = since.map(|text| EpochMs::from_rfc3339(&text).ok_or_else(not_a_time)).transpose()?;
    let cursor = cursor.map(|text| AuditCursor::from_text(&text)).transpose();
    let before = cursor.map_err(|_| foreign_cursor())?;
    let before = before.map(|cursor| cursor.entry);
    let AuditPage { requests, next } =
        api.operator().audited(since.unwrap_or_default(), before.as_ref(), limit).await?;
    let cursor = next.map(|entry| AuditCursor { entry }.to_text());
    Ok(Json(AuditTrail { requests: requests.into_iter().map(Into::into).collect(), cursor }))
}

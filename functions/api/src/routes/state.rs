//! The status of everything: for load balancers, for people, for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use ghl_sync_model::OverviewCursor;
use ghl_sync_operate::{Health as Status, LocationOverview, Overview, OverviewPage};
use serde::Deserialize;
use tracing::error;
use utoipa::IntoParams;

use super::{KnownLocation, LocationPath, unknown_location};
use crate::access::Caller;
use crate::exposition::Format;
use crate::metrics;
use crate::problem::ApiProblem;
use crate::query::{InQuery, foreign_cursor, wanted_text, within};
use crate::service::ApiState;
use crate::wire::HealthDocument;

/// Says whether all is well.
///
/// 503 while something is stopped: a breaker that is not closed, a scheduler that does not run, a store that does not
/// respond. Without a key the response contains only that, up to a few seconds old, and shows `degraded` as `ok`.
#[utoipa::path(
    get,
    path = "/health",
    tag = "state",
    security((), ("bearer" = []), ("header" = []), ("basic" = [])),
    responses(
        (status = 200, description = "`ok`, or `degraded`: it runs, but needs attention", body = HealthDocument),
        (status = 503, description = "`failing`: something is stopped", body = HealthDocument),
    ),
)]
pub(crate) async fn health(State(api): State<ApiState>, caller: Option<Extension<Caller>>) -> impl IntoResponse {
    let health = match caller {
        Some(Extension(caller)) => match api.operator().health(caller.own()).await {
            Ok(report) => HealthDocument::in_full(report),
            Err(failed) => {
                error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
                HealthDocument::in_short(Status::Failing, api.engine.ports().clock.now())
            }
        },
        None => {
            let pulse = api.pulse.of(&api.engine).await;
            HealthDocument::in_short(pulse.health, pulse.time)
        }
    };
    let status = if health.status == Status::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(health))
}

/// Which locations the overview shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverviewQuery {
    /// Only those that need attention.
    #[param(inline, nullable = false, default = false)]
    trouble: Option<bool>,
    /// Only those whose id or scope contains this text, in any case.
    #[param(nullable = false, max_length = 100, example = "demo")]
    q: Option<String>,
    /// `cursor` of the previous page.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most locations of the page.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// Longest search text, in characters.
const LONGEST_TEXT: usize = 100;

/// Tells how everything is.
///
/// All locations in numbers, and a page of them: those in trouble first, then those with the largest backlogs. The
/// figures come from the last stored status of each location, and `as_of` tells its time: some seconds ago while a
/// location sends, up to a minute while it waits. A location whose rank changes between two pages may be on both, or on
/// none. A key that is bound to locations sees only those.
#[utoipa::path(
    get,
    path = "/v1/overview",
    operation_id = "overview",
    tag = "state",
    params(OverviewQuery),
    responses((status = 200, description = "The overview", body = Overview)),
)]
pub(crate) async fn overview(
    State(api): State<ApiState>,
    Extension(caller): Extension<Caller>,
    InQuery(OverviewQuery { trouble, q, cursor, limit }): InQuery<OverviewQuery>,
) -> Result<Json<Overview>, ApiProblem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, LARGEST_PAGE)?;
    let text = wanted_text("q", q, LONGEST_TEXT)?;
    let after = cursor.map(|cursor| OverviewCursor::from_text(&cursor)).transpose();
    let after = after.map_err(|_| foreign_cursor())?;
    let page =
        OverviewPage { only_troubled: trouble == Some(true), text, after, limit: limit as usize, own: caller.reach };
    Ok(Json(api.operator().overview(&page).await?))
}

/// Tells how one location is.
///
/// Reads the location's current figures.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/overview",
    operation_id = "location_overview",
    tag = "state",
    params(LocationPath),
    responses((status = 200, description = "The status of the location", body = LocationOverview)),
)]
pub(crate) async fn location_overview(
    State(api): State<ApiState>,
    location: KnownLocation,
) -> Result<Json<LocationOverview>, ApiProblem> {
    api.operator().location_overview(&location.id).await?.map(Json).ok_or_else(unknown_location)
}

/// The same in numbers, for Prometheus.
///
/// In Prometheus' text format, or as OpenMetrics if the request accepts it. Only locations in trouble (at most 200) and
/// the 50 with the largest backlogs have their own series. A key that is bound gets only the numbers of its own
/// locations.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "state",
    responses((status = 200, description = "Metrics", content(
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    ))),
)]
pub(crate) async fn metrics(
    State(api): State<ApiState>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiProblem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let overview = api.operator().series(caller.own()).await?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], metrics::text(format, &overview)))
}

//! How everything is: for load balancers, for people, for Prometheus.

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
use crate::problem::Problem;
use crate::query::{InQuery, foreign_cursor, wanted_text, within};
use crate::service::Api;
use crate::wire::Health;

/// Says whether all is well.
///
/// 503 while something stands still: a breaker that is not closed, a scheduler that does not run, a store that does
/// not answer. Without a key it says nothing but that, of the last few seconds, and `degraded` is not told apart from `ok`.
#[utoipa::path(
    get,
    path = "/health",
    tag = "state",
    security((), ("bearer" = []), ("header" = []), ("basic" = [])),
    responses(
        (status = 200, description = "`ok`, or `degraded`: it runs, and something wants to be looked at", body = Health),
        (status = 503, description = "`failing`: something stands still", body = Health),
    ),
)]
pub(crate) async fn health(State(api): State<Api>, caller: Option<Extension<Caller>>) -> impl IntoResponse {
    let health = match caller {
        Some(Extension(caller)) => match api.operator().health(caller.own()).await {
            Ok(report) => Health::in_full(report),
            Err(failed) => {
                error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
                Health::in_short(Status::Failing, api.engine.ports().clock.now())
            }
        },
        None => {
            let pulse = api.pulse.of(&api.engine).await;
            Health::in_short(pulse.health, pulse.time)
        }
    };
    let status = if health.status == Status::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(health))
}

/// Which locations the overview shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    /// Only those that somebody should look at.
    #[param(inline, nullable = false, default = false)]
    trouble: Option<bool>,
    /// Only those whose id or scope has this in it, whatever its case.
    #[param(nullable = false, max_length = 100, example = "demo")]
    q: Option<String>,
    /// Where the page before ended.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Most locations of the page.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// Longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 100;

/// Tells how everything is.
///
/// All locations in numbers, and a page of them: those in trouble first, then those with the most to do. No location is
/// asked for it: the figures are as they were written down last, and `as_of` says when. While a location sends that is some
/// seconds ago, while it waits up to a minute. A location whose place changes between two pages may be on both, or on none. A key
/// that is bound sees its own locations, as if there were no others.
#[utoipa::path(
    get,
    path = "/v1/overview",
    operation_id = "overview",
    tag = "state",
    params(Shown),
    responses((status = 200, description = "How everything is", body = Overview)),
)]
pub(crate) async fn overview(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    InQuery(Shown { trouble, q, cursor, limit }): InQuery<Shown>,
) -> Result<Json<Overview>, Problem> {
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
/// It is asked, so that the figures are those of now.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/overview",
    operation_id = "location_overview",
    tag = "state",
    params(LocationPath),
    responses((status = 200, description = "How it is", body = LocationOverview)),
)]
pub(crate) async fn location_overview(
    State(api): State<Api>,
    location: KnownLocation,
) -> Result<Json<LocationOverview>, Problem> {
    api.operator().location_overview(&location.id).await?.map(Json).ok_or_else(unknown_location)
}

/// The same in numbers, for Prometheus.
///
/// In Prometheus' text format, or as OpenMetrics where the request accepts it. Of the locations only those in trouble (at
/// most 200) and the 50 with the largest backlogs have series of their own. A key that is bound gets the
/// numbers of its own locations, as if there were no others.
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
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let overview = api.operator().series(caller.own()).await?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], metrics::text(format, &overview)))
}

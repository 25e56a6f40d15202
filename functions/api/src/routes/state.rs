//! How everything is: for load balancers, for people, for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use ghl_sync_engine::ports::PortError;
use ghl_sync_operate::{Detail, Health as Status, Overview};
use tracing::error;

use crate::access::Caller;
use crate::exposition::Format;
use crate::metrics;
use crate::problem::Problem;
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
        Some(Extension(caller)) => match overview_for(&api, &caller, Detail::State).await {
            Ok(overview) => Health::in_full(overview),
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

/// How it stands with what the caller may see.
async fn overview_for(api: &Api, caller: &Caller, detail: Detail) -> Result<Overview, PortError> {
    match &caller.locations {
        Some(own) => api.operator().overview_of(own.iter().cloned().collect(), detail).await,
        None => api.operator().overview(detail).await,
    }
}

/// Tells how everything is.
///
/// This is what the dashboard shows: each location with its breaker, quota, backlog, failures and counters. A key that is
/// bound to locations sees those, as if there were no others.
#[utoipa::path(
    get,
    path = "/v1/overview",
    tag = "state",
    responses((status = 200, description = "How everything is", body = Overview)),
)]
pub(crate) async fn overview(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Overview>, Problem> {
    Ok(Json(overview_for(&api, &caller, Detail::Counters).await?))
}

/// The same in numbers, for Prometheus.
///
/// In Prometheus' text format, or as OpenMetrics where the request accepts it. A key that is bound to locations gets the
/// numbers of those, as if there were no others.
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
    let overview = overview_for(&api, &caller, Detail::Counters).await?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], metrics::text(format, &overview)))
}

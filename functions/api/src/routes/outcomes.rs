//! The outcome events, for clients that poll.

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{EpochMs, LocationId, OutcomeCursor};
use ghl_sync_notify::{FeedError, FeedFrom, OutcomePage};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::{ApiProblem, ProblemKind};
use crate::query::{InQuery, within};
use crate::service::ApiState;
use crate::wire::OutcomeFeedPage;

const DEFAULT_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 500;

/// Which outcomes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Polling {
    /// Start of the page: `cursor` of the previous page, or an RFC 3339 time. Without it, the page starts with the
    /// oldest stored outcome.
    #[param(nullable = false, example = "2026-11-22T02:30:00Z")]
    since: Option<String>,
    /// Only outcomes of this location.
    #[param(inline, nullable = false, example = "loc_demo")]
    location: Option<LocationId>,
    /// Most outcomes of the page.
    #[param(nullable = false, minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// Reports the outcomes of records to clients that poll.
///
/// The same events that webhooks and the bus get, kept for 7 days: each at least once, and those of one record in
/// order. Request the next page with `cursor` as `since`. A page reads a bounded part of the log: it may be empty
/// although `has_more`. Outcomes appear about 3 s late. If the stack does not keep them, the response is 409.
#[utoipa::path(
    get,
    path = "/v1/outcomes",
    operation_id = "list_outcomes",
    tag = "records",
    params(Polling),
    responses((status = 200, description = "A page of outcomes", body = OutcomeFeedPage)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    InQuery(Polling { since, location, limit }): InQuery<Polling>,
) -> Result<Json<OutcomeFeedPage>, ApiProblem> {
    let limit = within("limit", limit.unwrap_or(DEFAULT_PAGE), 1, LARGEST_PAGE)?;
    let from = |text: &str| {
        let cursor = OutcomeCursor::from_text(text).ok().map(FeedFrom::Cursor);
        let from = cursor.or_else(|| EpochMs::from_rfc3339(text).map(FeedFrom::Time));
        from.ok_or_else(|| {
            ApiProblem::invalid("since", "is neither a cursor of a page before nor a time as RFC 3339 writes it")
        })
    };
    let from = since.as_deref().map(from).transpose()?;
    let Some(feed) = &api.outcomes else {
        let detail = "outcomes are not kept here: deploy the stack with OutcomesLog=on";
        return Err(ApiProblem::new(ProblemKind::NotNow, detail));
    };
    let page = feed.read(from, location.as_ref(), limit as usize).await;
    let OutcomePage { outcomes, next, has_more } = page.map_err(|error| match error {
        FeedError::Gone => {
            ApiProblem::invalid("since", "is more than 7 days ago; what was told then is gone. Leave it out")
        }
        FeedError::Port(error) => error.into(),
    })?;
    Ok(Json(OutcomeFeedPage { outcomes, cursor: next.to_text(), has_more }))
}

//! Tests whether both accounts can be reached. A function that has their tokens runs the test; this one has none.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{ConnectionTest, LocationId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::{ApiProblem, ProblemKind};
use crate::query::InQuery;
use crate::service::ApiState;

/// Longest wait for the test: API Gateway stops waiting after 30 s.
const PATIENCE: Duration = Duration::from_secs(25);

/// Which locations to test.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionTestQuery {
    /// The location that would be read.
    #[param(required = true, nullable = false, example = "loc_source")]
    source: Option<String>,
    /// The location that would be written to.
    #[param(required = true, nullable = false, example = "loc_target")]
    target: Option<String>,
}

/// Tests whether both accounts can be reached.
///
/// Reads a sample of everything that a migration reads from each account, which takes some calls. Returns what the
/// tokens can access, and the remaining quota. May take some seconds.
#[utoipa::path(
    get,
    operation_id = "test_migration_connection",
    path = "/api/v1/migration/test-connection",
    tag = "migration",
    params(ConnectionTestQuery),
    responses((status = 200, description = "The result for each account", body = ConnectionTest)),
)]
pub(super) async fn test_connection(
    State(api): State<ApiState>,
    InQuery(ConnectionTestQuery { source, target }): InQuery<ConnectionTestQuery>,
) -> Result<Json<ConnectionTest>, ApiProblem> {
    let (source, target) = (location("source", source)?, location("target", target)?);
    api.migrator.check_locations(&source, &target).await?;
    let test = api.migrator.order_connection_test(&source, &target, PATIENCE).await?;
    test.map(Json).ok_or_else(|| {
        let detail = "the migrator did not answer in time; is it running, and are both locations' gates open?";
        ApiProblem::new(ProblemKind::Unavailable, detail)
    })
}

fn location(field: &'static str, id: Option<String>) -> Result<LocationId, ApiProblem> {
    let invalid = |detail: String| ApiProblem::field(ProblemKind::Invalid, field, detail);
    let id = id.ok_or_else(|| invalid("is missing".to_owned()))?;
    LocationId::new(id).map_err(|wrong| invalid(wrong.to_string()))
}

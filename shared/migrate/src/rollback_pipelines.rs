//! Deleting a pipeline that this migration created. GHL also deletes all opportunities in it, so it is deleted only
//! if it contains no others.

use std::time::Duration;

use super::deletion::{DeletionResult, delete};
use super::pipelines::{paired_stages, pipeline_of};
use super::step::MigrationStep;
use super::trouble::Interrupted;
use ghl_sync_engine::usecase::{DirectCalls, DirectError};
use ghl_sync_model::{Answer, Call, Cause, Created, GhlId, Pipeline, Side, Structure};

/// An opportunity that GHL's search still shows this long after the search lag belongs to somebody else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two searches.
const PAUSE: Duration = Duration::from_secs(10);

impl MigrationStep<'_> {
    /// How long GHL's search may still show opportunities that were just deleted, or miss those that others just
    /// created.
    pub(super) async fn until_records_are_gone(&mut self) -> Result<Option<Duration>, Interrupted> {
        let now = self.now();
        if self.migration.reverted.records_done_at.is_none() {
            self.migration.reverted.records_done_at = Some(now);
            self.save().await?;
        }
        let since = self.migration.reverted.records_done_at.unwrap_or(now);
        let wait = now.until(since + self.engine.config().search_lag);
        Ok((wait > Duration::ZERO).then_some(wait))
    }

    pub(super) async fn delete_pipeline(
        &self,
        made: &Created,
        source: &Structure,
        calls: &DirectCalls<'_>,
    ) -> Result<DeletionResult, Interrupted> {
        let Some(id) = made.id.clone() else {
            return Ok(DeletionResult::Unproven);
        };
        match self.read_pipeline(&id, calls).await? {
            None => return Ok(DeletionResult::Deleted),
            Some(shown) if !is_as_made(made, &shown, source) => return Ok(DeletionResult::Kept),
            Some(_) => {}
        }
        if self.holds_opportunities(&id, calls).await? {
            let now = self.now();
            let since = self.migration.reverted.records_done_at.unwrap_or(now);
            let is_late = now >= since + self.engine.config().search_lag + PATIENCE;
            return Ok(if is_late { DeletionResult::Kept } else { DeletionResult::Wait(PAUSE) });
        }
        match delete(&Call::DeletePipeline(id), calls).await {
            Ok(true) => Ok(DeletionResult::Deleted),
            Ok(false) => Ok(DeletionResult::Refused),
            // A token without this scope must not stop the rest of the rollback.
            Err(Interrupted::Call { error: DirectError::Failed(failure), .. })
                if failure.cause == Some(Cause::Forbidden) =>
            {
                Ok(DeletionResult::Refused)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it contains any opportunity, in any status.
    async fn holds_opportunities(&self, id: &GhlId, calls: &DirectCalls<'_>) -> Result<bool, Interrupted> {
        let mut limit = 1;
        let call = |limit| Call::OpportunitiesPage { pipeline: Some(id.clone()), cursor: None, limit };
        let answer = calls.page(&mut limit, call).await;
        match answer.map_err(|error| Interrupted::Call { side: Side::Target, error })? {
            Answer::OpportunityPage(page) => {
                Ok(!page.opportunities.is_empty() || page.total.is_some_and(|all| all > 0))
            }
            _ => Ok(true),
        }
    }
}

/// Whether nobody has renamed it or added a stage, which would mean that somebody else uses it.
fn is_as_made(made: &Created, shown: &Pipeline, source: &Structure) -> bool {
    let name = |name: &str| name.trim().to_lowercase();
    let stages =
        pipeline_of(source, &made.source_id).map(|pipeline| paired_stages(pipeline, shown)).unwrap_or_default();
    let is_ours = |id: &GhlId| made.stages.is_empty() || made.stages.values().any(|stage| stage == id);
    name(&shown.name) == name(&made.name)
        && stages.len() == shown.stages.len()
        && shown.stages.iter().all(|stage| is_ours(&stage.id))
}

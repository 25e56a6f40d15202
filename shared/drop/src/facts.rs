//! The facts of a list's location: its country and custom fields. The importer has no token to read them from GHL, so
//! it asks a function that has one.

use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{Ask, LocationSettings};

use crate::importer::Importer;
use crate::run::StepRun;

/// How long a list waits for the facts of its location.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two checks for them.
const BETWEEN_LOOKS: Duration = Duration::from_secs(4);

impl Importer {
    /// Requests the location's facts if they are missing or stale. Returns when to check again, or `None` to go on
    /// with the facts at hand.
    pub(crate) async fn until_facts_are_told(
        &self,
        run: &mut StepRun,
        settings: &LocationSettings,
    ) -> Result<Option<Duration>, PortError> {
        let now = self.now();
        let is_fresh = run.facts.as_ref().is_some_and(|facts| facts.is_fresh(now));
        if is_fresh || !settings.enabled || settings.dry_run {
            return Ok(None);
        }
        if let Some(asked_at) = run.checkpoint.facts_asked_at {
            return Ok((now.since(asked_at) < PATIENCE).then_some(BETWEEN_LOOKS));
        }
        self.engine.ports().queue.ask(Ask::Facts, &run.place.location, Duration::ZERO).await?;
        run.checkpoint.facts_asked_at = Some(now);
        Ok(Some(BETWEEN_LOOKS))
    }
}

//! What is known of a list's location: its country and its custom fields. The importer has no token to ask with; it asks
//! whoever has one.

use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{Ask, LocationSettings};

use crate::importer::Importer;
use crate::run::Run;

/// For so long a list waits for what GHL says of its location.
const PATIENCE: Duration = Duration::from_secs(120);
/// And so often it looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(4);

impl Importer {
    /// When to look again for what GHL says of the location, which is not known or not fresh. `None` if the list goes on
    /// with what there is.
    pub(crate) async fn until_facts_are_told(
        &self,
        run: &mut Run,
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

//! Waits until GHL has the contacts that were put.

use std::time::Duration;

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::RowOutcome;
use ghl_sync_model::{EpochMs, Kind, Priority, RecordKey};

use crate::DropError;
use crate::checkpoint::Phase;
use crate::importer::Importer;
use crate::list::{pass_over, some};
use crate::run::{StepEnd, StepRun};

/// Longest wait. After that, the rest is reported as pending.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Outcomes checked at a time.
const CHUNK: usize = 100;
/// A chunk that cannot be checked within this time before the deadline is left to the next step.
const TIME_FOR_A_CHUNK: Duration = Duration::from_secs(10);

impl Importer {
    /// Checks which outcomes from `ended` on have settled, and finishes once all have.
    pub(crate) async fn wait(&self, run: &mut StepRun, since: EpochMs, mut ended: u64) -> Result<StepEnd, DropError> {
        let waited = self.now().since(since);
        if waited >= LONGEST || self.is_idle(run).await? {
            return self.finish(run, waited >= LONGEST).await;
        }
        let (plan, copy) = match self.list(run).await? {
            Ok(list) => list,
            Err(next) => return Ok(next),
        };
        let mut records = match plan.records(&*copy) {
            Ok(records) => records,
            Err(error) => return self.damaged(run, &error).await,
        };
        if let Err(error) = pass_over(&mut records, ended).await {
            return self.damaged(run, &error).await;
        }
        while self.now() + TIME_FOR_A_CHUNK <= run.deadline {
            let outcomes = match some(&mut records, CHUNK) {
                Ok(outcomes) => outcomes,
                Err(error) => return self.damaged(run, &error).await,
            };
            if outcomes.is_empty() {
                return self.finish(run, false).await;
            }
            if self.any_pending(run, &outcomes).await? {
                break;
            }
            ended += outcomes.len() as u64;
        }
        run.checkpoint.phase = Phase::Waiting { since, ended };
        Ok(StepEnd::Step(self.until_the_next_look(run, waited).await?))
    }

    /// Whether nothing of the location waits for GHL.
    async fn is_idle(&self, run: &StepRun) -> Result<bool, PortError> {
        for priority in Priority::ALL {
            if !self.engine.ports().outbox.due(&run.place.location, priority, 1).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn any_pending(&self, run: &StepRun, outcomes: &[RowOutcome]) -> Result<bool, PortError> {
        let keys: Vec<RecordKey> = outcomes.iter().filter_map(key_of).collect();
        let loaded = self.engine.ports().outbox.load(&run.place.location, &keys).await?;
        Ok(loaded.iter().any(|loaded| matches!(loaded, Loaded::Record(record) if record.due_at.is_some())))
    }

    /// The time that the backlog takes at the location's pace, but at least a quarter of the time waited so far.
    async fn until_the_next_look(&self, run: &StepRun, waited: Duration) -> Result<Duration, PortError> {
        let settings = self.engine.ports().registry.location(&run.place.location).await?;
        let count = self.backlog(run).await?.tallied.count;
        let rate = settings.map_or(1.0, |settings| settings.pace.rate());
        Ok(Duration::from_secs_f64(count as f64 / rate).max(waited / 4))
    }
}

/// Key of an outcome's record.
pub(crate) fn key_of(outcome: &RowOutcome) -> Option<RecordKey> {
    match outcome {
        RowOutcome::Record(contact) => Some(RecordKey { kind: Kind::Contact, id: contact.id.clone() }),
        RowOutcome::HeldBack(_) | RowOutcome::NotAPerson(_) => None,
    }
}

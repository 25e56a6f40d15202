//! After all contacts are put: until GHL has them.

use std::time::Duration;

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::Outcome;
use ghl_sync_model::{EpochMs, Kind, Priority, RecordKey};

use crate::DropError;
use crate::checkpoint::Phase;
use crate::importer::Importer;
use crate::list::{pass_over, some};
use crate::run::{Next, Run};

/// After so long it is told what is still pending.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Outcomes that are looked at together.
const CHUNK: usize = 100;
/// What cannot be looked at by so long before the deadline is left to the next step.
const TIME_FOR_A_CHUNK: Duration = Duration::from_secs(10);

impl Importer {
    /// Looks which outcomes from `ended` on have come to their end, and finishes once all have.
    pub(crate) async fn wait(&self, run: &mut Run, since: EpochMs, mut ended: u64) -> Result<Next, DropError> {
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
        Ok(Next::Step(self.until_the_next_look(run, waited).await?))
    }

    /// Whether nothing of the location waits for GHL.
    async fn is_idle(&self, run: &Run) -> Result<bool, PortError> {
        for priority in Priority::ALL {
            if !self.engine.ports().outbox.due(&run.place.location, priority, 1).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn any_pending(&self, run: &Run, outcomes: &[Outcome]) -> Result<bool, PortError> {
        let keys: Vec<RecordKey> = outcomes.iter().filter_map(key_of).collect();
        let loaded = self.engine.ports().outbox.load(&run.place.location, &keys).await?;
        Ok(loaded.iter().any(|loaded| matches!(loaded, Loaded::Record(record) if record.due_at.is_some())))
    }

    /// As long as what waits takes at the location's pace, and at least a quarter of the time that was waited already.
    async fn until_the_next_look(&self, run: &Run, waited: Duration) -> Result<Duration, PortError> {
        let settings = self.engine.ports().registry.location(&run.place.location).await?;
        let count = self.backlog(run).await?.tallied.count;
        let rate = settings.map_or(1.0, |settings| settings.pace.rate());
        Ok(Duration::from_secs_f64(count as f64 / rate).max(waited / 4))
    }
}

/// The record of an outcome.
pub(crate) fn key_of(outcome: &Outcome) -> Option<RecordKey> {
    match outcome {
        Outcome::Record(contact) => Some(RecordKey { kind: Kind::Contact, id: contact.id.clone() }),
        Outcome::HeldBack(_) | Outcome::NotAPerson(_) => None,
    }
}

//! Puts the contacts of a list into the outbox.

use std::time::Duration;

use ghl_sync_engine::ports::{Backlog, PortError, Put};
use ghl_sync_import::{ImportedContact, RowOutcome};
use ghl_sync_model::{Pace, Priority, PutRecord};

use crate::DropError;
use crate::checkpoint::Phase;
use crate::importer::Importer;
use crate::list::{pass_over, some};
use crate::report::ListReport;
use crate::run::{StepEnd, StepRun};
use crate::tell::ListImport;

/// Most records of a location waiting for GHL before more of a list are put.
pub const AHEAD: u32 = 5_000;
/// Outcomes put per request.
const CHUNK: usize = 500;
/// Time reserved for a chunk. A chunk that cannot start by then is left to the next step.
const TIME_FOR_A_CHUNK: Duration = Duration::from_secs(20);
/// Most tries to put a record that could not be stored.
const ROUNDS: u32 = 3;
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);
/// Below other puts: everyday changes must not wait for lists.
const PRIORITY: Priority = Priority::Low;

const UNKNOWN_LOCATION: &str = "the location is not in GHL_LOCATIONS, and nothing was ever set for it; PUT its settings by \
                                the API (`{}` will do), and put the file there again";
const UNKNOWN_KIND: &str = "only lists of contacts can be imported: put the file into in/LOCATION/contacts/";

impl Importer {
    /// Puts contacts from outcome `next` on, as far as backlog and deadline allow.
    pub(crate) async fn put_list(&self, run: &mut StepRun, mut next: u64) -> Result<StepEnd, DropError> {
        if !run.place.is_of_contacts() {
            return self.refuse(run, UNKNOWN_KIND).await;
        }
        let Some(settings) = self.engine.ports().registry.location_now(&run.place.location).await? else {
            return self.refuse(run, UNKNOWN_LOCATION).await;
        };
        if next == 0
            && let Some(wait) = self.until_facts_are_told(run, &settings).await?
        {
            self.tell(&run.place, &ListReport::reading(run)).await?;
            return Ok(StepEnd::Step(wait));
        }
        let Some(mut room) = self.room(run).await? else {
            return Ok(StepEnd::Step(self.until_there_is_room(run, settings.pace)));
        };
        let (plan, copy) = match self.list(run).await? {
            Ok(list) => list,
            Err(next) => return Ok(next),
        };
        if plan.told().hold {
            return self.hold(run, &plan, &copy, &settings).await;
        }
        let import = match self.begin_import(run, plan.told().undoable).await? {
            Ok(import) => import,
            Err(why) => return self.refuse(run, &why).await,
        };
        run.checkpoint.shown.import = Some(import.id.clone());
        let mut records = match plan.records(&*copy) {
            Ok(records) => records,
            Err(error) => return self.damaged(run, &error).await,
        };
        if let Err(error) = pass_over(&mut records, next).await {
            return self.damaged(run, &error).await;
        }
        let mut is_over = false;
        while room > 0 && self.now() + TIME_FOR_A_CHUNK <= run.deadline {
            let outcomes = match some(&mut records, CHUNK.min(room)) {
                Ok(outcomes) => outcomes,
                Err(error) => return self.damaged(run, &error).await,
            };
            is_over = outcomes.is_empty();
            if is_over {
                run.checkpoint.phase = Phase::Waiting { since: self.now(), ended: 0 };
                break;
            }
            next += outcomes.len() as u64;
            room -= outcomes.len().min(room);
            let puts: Vec<PutRecord> =
                outcomes.into_iter().filter_map(|outcome| put_of(outcome, run, &import)).collect();
            run.checkpoint.unchanged += self.put(&puts).await?;
            run.checkpoint.moved_at = self.now();
            run.checkpoint.phase = Phase::Putting { next };
            if !self.save(run).await? {
                return Ok(StepEnd::Overtaken);
            }
        }
        let mut report = ListReport::importing(run, next);
        report.import_id = Some(import.id);
        self.tell(&run.place, &report).await?;
        let goes_on = is_over || room > 0;
        Ok(StepEnd::Step(if goes_on { Duration::ZERO } else { self.until_there_is_room(run, settings.pace) }))
    }

    /// Puts records, and retries those that could not be stored. Returns how many need no call.
    async fn put(&self, puts: &[PutRecord]) -> Result<u64, PortError> {
        let mut left = puts.to_vec();
        let mut unchanged = 0;
        let mut error = None;
        for round in 0..ROUNDS {
            if left.is_empty() {
                return Ok(unchanged);
            }
            if round > 0 {
                tokio::time::sleep(BETWEEN_ROUNDS).await;
            }
            let put = self.engine.put_and_start(&left).await;
            unchanged += put.items.iter().filter(|item| matches!(item, Ok(Put::Unchanged))).count() as u64;
            let mut again = Vec::new();
            for (record, item) in left.into_iter().zip(put.items) {
                if let Err(failed) = item {
                    again.push(record);
                    error = Some(failed);
                }
            }
            left = again;
        }
        match error {
            Some(error) if !left.is_empty() => Err(error),
            Some(_) | None => Ok(unchanged),
        }
    }

    /// How many records may be put; `None` if too few to begin.
    async fn room(&self, run: &StepRun) -> Result<Option<usize>, PortError> {
        let waiting = self.backlog(run).await?.tallied.count;
        let room = usize::try_from(u64::from(AHEAD).saturating_sub(waiting)).unwrap_or_default();
        Ok(Some(room).filter(|room| *room >= CHUNK))
    }

    /// This location's records from lists that wait for GHL.
    pub(crate) async fn backlog(&self, run: &StepRun) -> Result<Backlog, PortError> {
        self.engine.ports().outbox.count_due(&run.place.location, PRIORITY, AHEAD).await
    }

    /// Time until half of the allowed backlog is sent; longer while nothing moves.
    fn until_there_is_room(&self, run: &StepRun, pace: Pace) -> Duration {
        let half = Duration::from_secs_f64(f64::from(AHEAD) / 2.0 / pace.rate());
        half.max(self.now().since(run.checkpoint.moved_at) / 4)
    }
}

/// The record to put for an outcome. It is dated by the file's upload, so later changes by others win.
fn put_of(outcome: RowOutcome, run: &StepRun, import: &ListImport) -> Option<PutRecord> {
    match outcome {
        RowOutcome::Record(contact) => Some(record_of(*contact, run, import)),
        RowOutcome::HeldBack(_) | RowOutcome::NotAPerson(_) => None,
    }
}

fn record_of(contact: ImportedContact, run: &StepRun, import: &ListImport) -> PutRecord {
    let record = contact.into_put(run.place.location.clone(), PRIORITY);
    import.take(PutRecord { as_of: Some(run.file.modified_at), ..record })
}

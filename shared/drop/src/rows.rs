//! A list from its first row to its last: what loses something goes into `rejects.csv`, and each contact to whoever asked.

use std::collections::HashMap;

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::report::{ImportReport, Rejects};
use ghl_sync_import::{ImportError, ImportedContact, Outcome, Plan};
use ghl_sync_model::RecordKey;

use crate::DropError;
use crate::importer::Importer;
use crate::list::{Copy, some};
use crate::ports::Files;
use crate::report::MOST_PROBLEMS;
use crate::run::Run;
use crate::upload::Upload;
use crate::wait::key_of;

/// Outcomes that are told together.
const CHUNK: usize = 500;
pub(crate) const CSV: &str = "text/csv; charset=utf-8";

/// What is done with each contact of a list.
pub(crate) trait Each {
    /// Whether it must be known how the next contacts stand.
    fn wants_standing(&mut self) -> bool;

    /// A contact, and its record, if that was wanted and there is one.
    fn take(&mut self, contact: &ImportedContact, found: Option<Loaded>) -> Result<(), DropError>;

    /// Puts what was written of them.
    async fn flow(&mut self, files: &dyn Files) -> Result<(), PortError>;
}

impl Importer {
    /// Tells `each` of the contacts of a list, and writes `rejects.csv`. An [`ImportError`] is of the file itself.
    pub(crate) async fn tell_rows(
        &self,
        run: &Run,
        plan: &Plan,
        copy: &Copy,
        each: &mut impl Each,
    ) -> Result<Result<ImportReport, ImportError>, DropError> {
        let mut import = ImportReport::of_plan(plan, MOST_PROBLEMS);
        let mut rejects_file = Upload::new(run.place.out("rejects.csv"), CSV);
        let mut rejects = Rejects::new(rejects_file.writer(), plan.header())?;
        let mut records = match plan.records(copy) {
            Ok(records) => records,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            let outcomes = match some(&mut records, CHUNK) {
                Ok(outcomes) => outcomes,
                Err(error) => return Ok(Err(error)),
            };
            if outcomes.is_empty() {
                break;
            }
            let mut standing =
                if each.wants_standing() { self.standing(run, &outcomes).await? } else { HashMap::new() };
            for outcome in outcomes {
                match &outcome {
                    Outcome::Record(contact) => {
                        let found = key_of(&outcome).and_then(|key| standing.remove(&key));
                        each.take(contact, found)?;
                        rejects.write(&contact.cells, &contact.dnd, &contact.problems)?;
                        import.problems.extend(contact.problems.iter().cloned());
                    }
                    Outcome::HeldBack(row) => {
                        rejects.write(&row.cells, &row.dnd, std::slice::from_ref(&row.problem))?;
                        import.problems.extend([row.problem.clone()]);
                    }
                    Outcome::NotAPerson(row) => import.problems.extend([row.problem.clone()]),
                }
            }
            each.flow(&*self.files).await?;
            rejects_file.flow(&*self.files).await?;
            // Where nothing is looked up, others would not get their turn.
            tokio::task::yield_now().await;
        }
        import.take(records.tally());
        import.problems.sort();
        rejects.finish()?;
        rejects_file.finish(&*self.files).await?;
        Ok(Ok(import))
    }

    /// How the records of these outcomes stand.
    async fn standing(&self, run: &Run, outcomes: &[Outcome]) -> Result<HashMap<RecordKey, Loaded>, DropError> {
        let keys: Vec<RecordKey> = outcomes.iter().filter_map(key_of).collect();
        let loaded = self.engine.ports().outbox.load(&run.place.location, &keys).await?;
        let with_key = |loaded: Loaded| match &loaded {
            Loaded::Record(record) => (record.key.clone(), loaded),
            Loaded::Damaged { key, .. } => (key.clone(), loaded),
        };
        Ok(loaded.into_iter().map(with_key).collect())
    }
}

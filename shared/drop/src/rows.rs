//! Reads a list row by row: incomplete rows go into `rejects.csv`, and each contact to a consumer.

use std::collections::HashMap;

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::report::{ImportReport, Rejects};
use ghl_sync_import::{FileImportError, ImportPlan, ImportedContact, RowOutcome};
use ghl_sync_model::RecordKey;

use crate::DropError;
use crate::importer::Importer;
use crate::list::{Copy, some};
use crate::ports::BucketFiles;
use crate::report::MOST_PROBLEMS;
use crate::run::StepRun;
use crate::upload::Upload;
use crate::wait::key_of;

/// Outcomes read at a time.
const CHUNK: usize = 500;
pub(crate) const CSV: &str = "text/csv; charset=utf-8";

/// Consumes the contacts of a list.
pub(crate) trait ContactConsumer {
    /// Whether it needs the stored records of the next contacts.
    fn wants_standing(&mut self) -> bool;

    /// Takes a contact, with its stored record if requested and present.
    fn take(&mut self, contact: &ImportedContact, found: Option<Loaded>) -> Result<(), DropError>;

    /// Uploads the output written so far.
    async fn flow(&mut self, files: &dyn BucketFiles) -> Result<(), PortError>;
}

impl Importer {
    /// Passes the contacts of a list to `each`, and writes `rejects.csv`. An [`FileImportError`] means that the file
    /// itself is unreadable.
    pub(crate) async fn tell_rows(
        &self,
        run: &StepRun,
        plan: &ImportPlan,
        copy: &Copy,
        each: &mut impl ContactConsumer,
    ) -> Result<Result<ImportReport, FileImportError>, DropError> {
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
                    RowOutcome::Record(contact) => {
                        let found = key_of(&outcome).and_then(|key| standing.remove(&key));
                        each.take(contact, found)?;
                        rejects.write(&contact.cells, &contact.dnd, &contact.problems)?;
                        import.problems.extend(contact.problems.iter().cloned());
                    }
                    RowOutcome::HeldBack(row) => {
                        rejects.write(&row.cells, &row.dnd, std::slice::from_ref(&row.problem))?;
                        import.problems.extend([row.problem.clone()]);
                    }
                    RowOutcome::NotAPerson(row) => import.problems.extend([row.problem.clone()]),
                }
            }
            each.flow(&*self.files).await?;
            rejects_file.flow(&*self.files).await?;
            // Without lookups this loop has no other await, so let other tasks run.
            tokio::task::yield_now().await;
        }
        import.take(records.tally());
        import.problems.sort();
        rejects.finish()?;
        rejects_file.finish(&*self.files).await?;
        Ok(Ok(import))
    }

    /// The stored records of these outcomes.
    async fn standing(&self, run: &StepRun, outcomes: &[RowOutcome]) -> Result<HashMap<RecordKey, Loaded>, DropError> {
        let keys: Vec<RecordKey> = outcomes.iter().filter_map(key_of).collect();
        let loaded = self.engine.ports().outbox.load(&run.place.location, &keys).await?;
        let with_key = |loaded: Loaded| match &loaded {
            Loaded::Record(record) => (record.key.clone(), loaded),
            Loaded::Damaged { key, .. } => (key.clone(), loaded),
        };
        Ok(loaded.into_iter().map(with_key).collect())
    }
}

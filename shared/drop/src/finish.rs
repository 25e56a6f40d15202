//! What came of a list, row by row: `results.csv` and `rejects.csv`, and after them the report.

use std::collections::HashMap;

use ghl_sync_engine::ports::Loaded;
use ghl_sync_import::report::{ImportReport, RecordResult, Rejects, Results};
use ghl_sync_import::{ImportError, Outcome, Plan};
use ghl_sync_model::RecordKey;

use crate::DropError;
use crate::checkpoint::End;
use crate::importer::Importer;
use crate::list::{Copy, some};
use crate::report::{MOST_PROBLEMS, Report};
use crate::run::{Next, Run};
use crate::tell::import_of;
use crate::upload::Upload;
use crate::wait::key_of;

/// Outcomes that are told together.
const CHUNK: usize = 500;
pub(crate) const CSV: &str = "text/csv; charset=utf-8";

impl Importer {
    /// Tells what came of each row. `is_late` if some may still be pending.
    pub(crate) async fn finish(&self, run: &Run, is_late: bool) -> Result<Next, DropError> {
        let (plan, copy) = match self.list(run).await? {
            Ok(list) => list,
            Err(next) => return Ok(next),
        };
        let mut report = Report::of_results(run, self.now());
        report.import_id = Some(import_of(run)?);
        match self.tell_rows(run, &plan, &copy, &mut report).await? {
            Ok(import) => {
                self.complete_import(run, &import).await?;
                report.import = Some(import);
            }
            Err(error) => return self.damaged(run, &error).await,
        }
        report.finish(is_late);
        self.tell(&run.place, &report).await?;
        Ok(Next::End(End::Done))
    }

    async fn tell_rows(
        &self,
        run: &Run,
        plan: &Plan,
        copy: &Copy,
        report: &mut Report,
    ) -> Result<Result<ImportReport, ImportError>, DropError> {
        let mut import = ImportReport::of_plan(plan, MOST_PROBLEMS);
        let mut results_file = Upload::new(run.place.out("results.csv"), CSV);
        let mut rejects_file = Upload::new(run.place.out("rejects.csv"), CSV);
        let mut results = Results::new(results_file.writer())?;
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
            let mut standing = self.standing(run, &outcomes).await?;
            for outcome in outcomes {
                match &outcome {
                    Outcome::Record(contact) => {
                        let found = key_of(&outcome).and_then(|key| standing.remove(&key));
                        let result = result(contact.row, contact.id.to_string(), found);
                        report.take(&result);
                        results.write(&result)?;
                        rejects.write(&contact.cells, &contact.problems)?;
                        import.problems.extend(contact.problems.iter().cloned());
                    }
                    Outcome::HeldBack(row) => {
                        rejects.write(&row.cells, std::slice::from_ref(&row.problem))?;
                        import.problems.extend([row.problem.clone()]);
                    }
                    Outcome::NotAPerson(row) => import.problems.extend([row.problem.clone()]),
                }
            }
            results_file.flow(&*self.files).await?;
            rejects_file.flow(&*self.files).await?;
        }
        import.take(records.tally());
        import.problems.sort();
        results.finish()?;
        rejects.finish()?;
        results_file.finish(&*self.files).await?;
        rejects_file.finish(&*self.files).await?;
        Ok(Ok(import))
    }

    /// How the records of these outcomes stand.
    pub(crate) async fn standing(
        &self,
        run: &Run,
        outcomes: &[Outcome],
    ) -> Result<HashMap<RecordKey, Loaded>, DropError> {
        let keys: Vec<RecordKey> = outcomes.iter().filter_map(key_of).collect();
        let loaded = self.engine.ports().outbox.load(&run.place.location, &keys).await?;
        let with_key = |loaded: Loaded| match &loaded {
            Loaded::Record(record) => (record.key.clone(), loaded),
            Loaded::Damaged { key, .. } => (key.clone(), loaded),
        };
        Ok(loaded.into_iter().map(with_key).collect())
    }
}

fn result(row: u64, record: String, found: Option<Loaded>) -> RecordResult {
    let bare = RecordResult {
        row,
        record,
        state: "failed",
        ghl_id: String::new(),
        error: String::new(),
        not_stored: Vec::new(),
    };
    match found {
        None => RecordResult { error: "the stack does not know it any more".to_owned(), ..bare },
        Some(Loaded::Damaged { reason, .. }) => RecordResult { error: reason, ..bare },
        Some(Loaded::Record(record)) => {
            let state = match &record.last_error {
                _ if record.due_at.is_some() => "pending",
                _ if record.accepted_version == Some(record.version) => "synced",
                None => "skipped",
                Some(_) => "failed",
            };
            let error = record.last_error.filter(|_| state != "synced");
            RecordResult {
                state,
                ghl_id: record.ghl_id.map(|id| id.to_string()).unwrap_or_default(),
                error: error.map(|error| error.message).unwrap_or_default(),
                not_stored: record.not_stored,
                ..bare
            }
        }
    }
}

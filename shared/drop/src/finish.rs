//! Final results of a list: `results.csv` and `rejects.csv` row by row, then the report.

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::ImportedContact;
use ghl_sync_import::report::{RecordResultRow, Results};

use crate::DropError;
use crate::checkpoint::ImportEnd;
use crate::importer::Importer;
use crate::ports::BucketFiles;
use crate::report::ListReport;
use crate::rows::{CSV, ContactConsumer};
use crate::run::{StepEnd, StepRun};
use crate::tell::import_of;
use crate::upload::{Buffer, Upload};

impl Importer {
    /// Writes the result of each row. `is_late` if some records may still be pending.
    pub(crate) async fn finish(&self, run: &mut StepRun, is_late: bool) -> Result<StepEnd, DropError> {
        let (plan, copy) = match self.list(run).await? {
            Ok(list) => list,
            Err(next) => return Ok(next),
        };
        let mut report = ListReport::of_results(run, self.now());
        report.import_id = Some(import_of(run)?);
        let file = Upload::new(run.place.out("results.csv"), CSV);
        let results = Results::new(file.writer())?;
        let mut told = RowResults { file, results, report: &mut report };
        match self.tell_rows(run, &plan, &copy, &mut told).await? {
            Ok(import) => {
                let RowResults { file, results, .. } = told;
                results.finish()?;
                file.finish(&*self.files).await?;
                self.complete_import(run, &import).await?;
                run.checkpoint.shown.take(&import);
                report.import = Some(import);
            }
            Err(error) => return self.damaged(run, &error).await,
        }
        report.finish(is_late);
        run.checkpoint.shown.failed = report.failed();
        self.tell(&run.place, &report).await?;
        Ok(StepEnd::End(ImportEnd::Done))
    }
}

/// Writes `results.csv`, and counts the results in the report.
struct RowResults<'r> {
    file: Upload,
    results: Results<Buffer>,
    report: &'r mut ListReport,
}

impl ContactConsumer for RowResults<'_> {
    fn wants_standing(&mut self) -> bool {
        true
    }

    fn take(&mut self, contact: &ImportedContact, found: Option<Loaded>) -> Result<(), DropError> {
        let result = result(contact.row, contact.id.to_string(), found);
        self.report.take(&result);
        Ok(self.results.write(&result)?)
    }

    async fn flow(&mut self, files: &dyn BucketFiles) -> Result<(), PortError> {
        self.file.flow(files).await
    }
}

fn result(row: u64, record: String, found: Option<Loaded>) -> RecordResultRow {
    let bare = RecordResultRow {
        row,
        record,
        state: "failed",
        ghl_id: String::new(),
        error: String::new(),
        not_stored: Vec::new(),
    };
    match found {
        None => RecordResultRow { error: "the stack does not know it any more".to_owned(), ..bare },
        Some(Loaded::Damaged { reason, .. }) => RecordResultRow { error: reason, ..bare },
        Some(Loaded::Record(record)) => {
            let state = match &record.last_error {
                _ if record.due_at.is_some() => "pending",
                _ if record.accepted_version == Some(record.version) => "synced",
                None => "skipped",
                Some(_) => "failed",
            };
            let error = record.last_error.filter(|_| state != "synced");
            RecordResultRow {
                state,
                ghl_id: record.ghl_id.map(|id| id.to_string()).unwrap_or_default(),
                error: error.map(|error| error.message).unwrap_or_default(),
                not_stored: record.not_stored,
                ..bare
            }
        }
    }
}

//! Cancels an import: withdraws its unsent records.

use ghl_sync_engine::ports::{ImportPage, Loaded};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    EpochMs, ErrorCode, Import, ImportCursor, ImportId, ImportStanding, ImportState, LastError, LocationId, Record,
    RecordKey,
};

use super::{ImportError, ImportStores};
use crate::Operator;

/// Records read together.
const PAGE: u32 = 500;
/// The error message of a withdrawn record.
const MESSAGE: &str = "withdrawn by an operator before it was sent: its import was cancelled";

/// Results of cancelling an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CancelReport {
    /// Records that were withdrawn: they are failed, and can be replayed.
    pub withdrawn: u64,
    /// Records that finished or were put again at the same moment, and records that cannot be read.
    pub skipped: u64,
    /// Records that could not be written; cancelling again is safe.
    pub not_written: u64,
    /// Where to continue; `None` if all were processed.
    pub next: Option<ImportCursor>,
}

impl Operator {
    /// Closes an import to further records, and withdraws its pending records after `after`, until all were processed
    /// or the time is `enough`. When this returns, no further call begins for a withdrawn record; a call that was under
    /// way runs to its end, and an acceptance counts.
    ///
    /// # Errors
    /// [`ImportError`]. Records withdrawn before the error stay withdrawn.
    pub async fn cancel_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        after: Option<RecordKey>,
        enough: EpochMs,
    ) -> Result<CancelReport, ImportError> {
        let settings = self.known(location).await?;
        let now = self.ports().clock.now();
        let cancel = |before: Option<&Import>| match before {
            None => Err(ImportError::Unknown(id.clone())),
            // A cancelled undo stays an undo: records not undone yet are failed, and can be replayed.
            Some(import @ Import { state: ImportState::Cancelled | ImportState::Undone, .. }) => Ok(import.clone()),
            Some(import) => {
                Ok(Import { state: ImportState::Cancelled, updated_at: now, finished_at: Some(now), ..import.clone() })
            }
        };
        let import = ImportStores::of(&self.engine).change(location, id, cancel).await?;
        // An earlier cancellation may have died before everybody knew of it.
        let is_repeated = import.finished_at != Some(now);
        let mut report = CancelReport { next: after.map(|key| ImportCursor { key }), ..CancelReport::default() };
        loop {
            let after = report.next.as_ref().map(|cursor| &cursor.key);
            let page = self.ports().outbox.of_import(location, id, ImportStanding::Pending, after, PAGE).await?;
            let ImportPage { keys, next } = page;
            self.withdraw(location, &keys, &mut report).await?;
            report.next = next.map(|key| ImportCursor { key });
            if report.next.is_none() || self.ports().clock.now() >= enough {
                break;
            }
        }
        if is_repeated || report.withdrawn + report.not_written > 0 {
            let scope = &settings.scope;
            self.ports().sink.emit(&Event::Operated { location, scope, action: "cancel_import" });
            // A batch that has loaded one of these records ends before its next call, and the next batch finds what is
            // still due.
            self.stop(&settings).await?;
            self.engine.start_and_tell(scope).await?;
        }
        Ok(report)
    }

    async fn withdraw(
        &self,
        location: &LocationId,
        keys: &[RecordKey],
        report: &mut CancelReport,
    ) -> Result<(), ImportError> {
        let loaded = self.ports().outbox.load(location, keys).await?;
        let records: Vec<Record> = loaded
            .into_iter()
            .filter_map(|loaded| match loaded {
                Loaded::Record(record) => Some(*record),
                // A record that cannot be read is quarantined when it is about to be sent.
                Loaded::Damaged { .. } => None,
            })
            .collect();
        report.skipped += (keys.len() - records.len()) as u64;
        let at = self.ports().clock.now();
        let error = LastError { code: ErrorCode::Cancelled, status: None, message: MESSAGE.to_owned(), at };
        let writes = records.into_iter().map(|record| {
            let error = &error;
            async move { (self.ports().outbox.withdraw(&record, error, at).await, record) }
        });
        let withdrawn = self.write_each(writes).await;
        report.withdrawn += withdrawn.done;
        report.skipped += withdrawn.skipped;
        report.not_written += withdrawn.not_written;
        Ok(())
    }
}

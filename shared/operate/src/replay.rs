//! Failed records: listing them, and giving them another chance.

use futures::StreamExt;

use crate::Operator;
use crate::operate::OperateError;
use crate::record_status::RecordStatus;
use ghl_sync_engine::ports::{FailedPage, Loaded, PortError};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{ErrorCode, FailedCursor, ImportCursor, ImportId, ImportStanding, LocationId, Record, RecordKey};

/// Records that one call replays at most; the rest is for the next one.
pub const MAX_REPLAY: u32 = 500;
/// Records written at once.
const AT_ONCE: usize = 16;

/// Which records shall have another chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// All that stand as failed.
    All,
    /// Those of them whose last error is this one.
    Code(ErrorCode),
    /// Those of an import, and of this error alone if one is given.
    Import(ImportId, Option<ErrorCode>),
    /// These, so far as they stand as failed; at most [`MAX_REPLAY`].
    Records(Vec<RecordKey>),
}

/// Where a replay goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayCursor {
    /// In the list of all failed records.
    Failed(FailedCursor),
    /// In the list of an import's failed records.
    Import(ImportCursor),
}

/// What a replay did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// Records that are due again.
    pub replayed: u64,
    /// Records that were left as they are: not failed, unknown, of another error, or unreadable.
    pub skipped: u64,
    /// Records that could not be written; replaying again does no harm.
    pub not_written: u64,
    /// Where to go on; `None` when all was seen.
    pub next: Option<ReplayCursor>,
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The location is not known.
    #[error("location {0} is unknown")]
    Unknown(LocationId),
    /// Too many records are listed.
    #[error("field `records` lists {0}; at most {MAX_REPLAY} are allowed")]
    TooMany(usize),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// One page of failed records.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedRecords {
    /// The records, the oldest failure first.
    pub records: Vec<RecordStatus>,
    /// Where to go on; `None` on the last page.
    pub next: Option<FailedCursor>,
}

impl Operator {
    /// Up to `limit` records of `location` that stand as failed, from `after` on. A page may hold fewer, and still not
    /// be the last.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn failed_records(
        &self,
        location: &LocationId,
        after: Option<&FailedCursor>,
        limit: u32,
    ) -> Result<FailedRecords, PortError> {
        let FailedPage { keys, next } = self.ports().outbox.failed(location, after, limit.max(1)).await?;
        let loaded = self.ports().outbox.load(location, &keys).await?;
        let records = loaded.into_iter().filter_map(|loaded| RecordStatus::of_failed(location, loaded)).collect();
        Ok(FailedRecords { records, next })
    }

    /// Makes failed records of `location` due again, with their attempts counted anew, and starts the location. Of
    /// all but [`Replayed::Records`], one call sees [`MAX_REPLAY`] failed records, from `after` on.
    ///
    /// # Errors
    /// [`ReplayError`]. What was written by then is due.
    pub async fn replay(
        &self,
        location: &LocationId,
        what: &Replayed,
        after: Option<&ReplayCursor>,
    ) -> Result<ReplayReport, ReplayError> {
        let settings = self.known(location).await.map_err(|error| match error {
            OperateError::Port(error) => ReplayError::Port(error),
            OperateError::Unknown(_) | OperateError::UntilIsPast => ReplayError::Unknown(location.clone()),
        })?;
        let (keys, next) = self.seen(location, what, after).await?;
        let loaded = self.ports().outbox.load(location, &keys).await?;
        let wanted: Vec<Record> = loaded.into_iter().filter_map(|loaded| wanted(loaded, what)).collect();
        let mut report = ReplayReport { skipped: (keys.len() - wanted.len()) as u64, next, ..ReplayReport::default() };
        self.make_due(wanted, &mut report).await;
        if report.replayed > 0 {
            let scope = &settings.scope;
            self.ports().sink.emit(&Event::Operated { location, scope, action: "replay" });
            self.ports().gates.advance_work_seq(scope, self.ports().clock.now()).await?;
            self.engine.fan_out(scope).await?;
        }
        Ok(report)
    }

    /// The records that one call sees, and where to go on.
    async fn seen(
        &self,
        location: &LocationId,
        what: &Replayed,
        after: Option<&ReplayCursor>,
    ) -> Result<(Vec<RecordKey>, Option<ReplayCursor>), ReplayError> {
        let outbox = &self.ports().outbox;
        match what {
            Replayed::All | Replayed::Code(_) => {
                let after = match after {
                    Some(ReplayCursor::Failed(cursor)) => Some(cursor),
                    Some(ReplayCursor::Import(_)) | None => None,
                };
                let FailedPage { keys, next } = outbox.failed(location, after, MAX_REPLAY).await?;
                Ok((keys, next.map(ReplayCursor::Failed)))
            }
            Replayed::Import(import, _) => {
                let after = match after {
                    Some(ReplayCursor::Import(cursor)) => Some(&cursor.key),
                    Some(ReplayCursor::Failed(_)) | None => None,
                };
                let page = outbox.of_import(location, import, ImportStanding::Failed, after, MAX_REPLAY).await?;
                Ok((page.keys, page.next.map(|key| ReplayCursor::Import(ImportCursor { key }))))
            }
            Replayed::Records(keys) if keys.len() > MAX_REPLAY as usize => Err(ReplayError::TooMany(keys.len())),
            Replayed::Records(keys) => Ok((keys.clone(), None)),
        }
    }

    async fn make_due(&self, records: Vec<Record>, report: &mut ReplayReport) {
        let now = self.ports().clock.now();
        let mut replays = futures::stream::iter(records)
            .map(|record| async move { (self.ports().outbox.replay(&record, now).await, record) })
            .buffer_unordered(AT_ONCE);
        while let Some((replayed, record)) = replays.next().await {
            match replayed {
                Ok(true) => report.replayed += 1,
                Ok(false) => report.skipped += 1,
                Err(error) => {
                    report.not_written += 1;
                    self.engine.port_failed(record.location_id, &error);
                }
            }
        }
    }
}

fn wanted(loaded: Loaded, what: &Replayed) -> Option<Record> {
    let Loaded::Record(record) = loaded else {
        return None; // Only a put mends it.
    };
    let code = record.last_error.as_ref().map(|error| error.code);
    let is_wanted = match what {
        Replayed::All | Replayed::Records(_) => true,
        Replayed::Code(wanted) => code == Some(*wanted),
        // The index that named it may have been read before somebody put the record again.
        Replayed::Import(import, wanted) => {
            record.import.as_ref() == Some(import) && (wanted.is_none() || code == *wanted)
        }
    };
    (is_wanted && record.failed_at.is_some()).then_some(*record)
}

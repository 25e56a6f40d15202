//! Failed records: listing them, and giving them another chance.

use futures::StreamExt;

use crate::Operator;
use crate::operate::OperateError;
use crate::record_status::RecordStatus;
use ghl_sync_engine::ports::{FailedPage, Loaded, PortError};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{ErrorCode, FailedCursor, LocationId, Record, RecordKey};

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
    /// These, so far as they stand as failed; at most [`MAX_REPLAY`].
    Records(Vec<RecordKey>),
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
    pub next: Option<FailedCursor>,
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
    /// [`Replayed::All`] and [`Replayed::Code`], one call sees [`MAX_REPLAY`] failed records, from `after` on.
    ///
    /// # Errors
    /// [`ReplayError`]. What was written by then is due.
    pub async fn replay(
        &self,
        location: &LocationId,
        what: &Replayed,
        after: Option<&FailedCursor>,
    ) -> Result<ReplayReport, ReplayError> {
        let settings = self.known(location).await.map_err(|error| match error {
            OperateError::Port(error) => ReplayError::Port(error),
            OperateError::Unknown(_) | OperateError::UntilIsPast => ReplayError::Unknown(location.clone()),
        })?;
        let FailedPage { keys, next } = match what {
            Replayed::All | Replayed::Code(_) => self.ports().outbox.failed(location, after, MAX_REPLAY).await?,
            Replayed::Records(keys) if keys.len() > MAX_REPLAY as usize => {
                return Err(ReplayError::TooMany(keys.len()));
            }
            Replayed::Records(keys) => FailedPage { keys: keys.clone(), next: None },
        };
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
    let is_wanted = record.failed_at.is_some() && !matches!(what, Replayed::Code(wanted) if code != Some(*wanted));
    is_wanted.then_some(*record)
}

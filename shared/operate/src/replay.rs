//! Failed records: listing them, and giving them another chance.

use crate::operate::OperateError;
use crate::record_status::RecordStatus;
use crate::{CauseId, Operator};
use ghl_sync_engine::ports::{FailedPage, Loaded, PortError};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    EpochMs, FailedCursor, ImportCursor, ImportId, ImportStanding, Kind, LocationId, Record, RecordId, RecordKey,
};

/// Records that one call replays at most; the rest is for the next one.
pub const MAX_REPLAY: u32 = 500;

/// Which records shall have another chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// Those that stand as failed, and are all of this.
    Failed(FailedFilter),
    /// These, so far as they stand as failed; at most [`MAX_REPLAY`].
    Records(Vec<RecordKey>),
}

/// Which failed records are wanted: those that are all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedFilter {
    /// What their last error is.
    pub cause: Option<CauseId>,
    /// The import that they belong to.
    pub import: Option<ImportId>,
    /// What they are.
    pub kind: Option<Kind>,
    /// They failed at this time or later.
    pub since: Option<EpochMs>,
    /// They failed at this time or earlier. What fails again after a replay began is no part of it: else a replay of what
    /// fails at once would never end.
    pub until: Option<EpochMs>,
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
    /// Records that were left as they are: not failed, unknown, not what the filter wants, or unreadable.
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
    /// [`Replayed::Failed`], one call sees [`MAX_REPLAY`] failed records, from `after` on.
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
        let now = self.ports().clock.now();
        let writes =
            wanted.into_iter().map(|record| async move { (self.ports().outbox.replay(&record, now).await, record) });
        let made_due = self.write_each(writes).await;
        report.replayed += made_due.done;
        report.skipped += made_due.skipped;
        report.not_written += made_due.not_written;
        if report.replayed > 0 {
            let scope = &settings.scope;
            self.ports().sink.emit(&Event::Operated { location, scope, action: "replay" });
            self.engine.start_and_tell(scope).await?;
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
        match what {
            Replayed::Failed(filter) => Ok(self.seen_of(location, filter, after).await?),
            Replayed::Records(keys) if keys.len() > MAX_REPLAY as usize => Err(ReplayError::TooMany(keys.len())),
            Replayed::Records(keys) => Ok((keys.clone(), None)),
        }
    }

    /// By the index of imports, or by that of failures, which is in the order of time: what is too early is not read.
    async fn seen_of(
        &self,
        location: &LocationId,
        filter: &FailedFilter,
        after: Option<&ReplayCursor>,
    ) -> Result<(Vec<RecordKey>, Option<ReplayCursor>), PortError> {
        let outbox = &self.ports().outbox;
        if let Some(import) = &filter.import {
            let after = match after {
                Some(ReplayCursor::Import(cursor)) => Some(&cursor.key),
                Some(ReplayCursor::Failed(_)) | None => None,
            };
            let page = outbox.of_import(location, import, ImportStanding::Failed, after, MAX_REPLAY).await?;
            return Ok((page.keys, page.next.map(|key| ReplayCursor::Import(ImportCursor { key }))));
        }
        let first = filter.since.and_then(|since| before(location, since));
        let after = match after {
            Some(ReplayCursor::Failed(cursor)) => Some(cursor),
            Some(ReplayCursor::Import(_)) | None => first.as_ref(),
        };
        let FailedPage { keys, next } = outbox.failed(location, after, MAX_REPLAY).await?;
        let next = next.filter(|next| filter.until.is_none_or(|until| next.failed_at <= until));
        Ok((keys, next.map(ReplayCursor::Failed)))
    }
}

fn wanted(loaded: Loaded, what: &Replayed) -> Option<Record> {
    let Loaded::Record(record) = loaded else {
        return None; // Only a put mends it.
    };
    let failed_at = record.failed_at?;
    let is_wanted = match what {
        Replayed::Records(_) => true,
        Replayed::Failed(FailedFilter { cause, import, kind, since, until }) => {
            cause.as_ref().is_none_or(|cause| record.last_error.as_ref().is_some_and(|error| cause.is_of(error)))
                // The index that named it may have been read before somebody put the record again.
                && (import.is_none() || record.import == *import)
                && kind.is_none_or(|kind| record.key.kind == kind)
                && since.is_none_or(|since| failed_at >= since)
                && until.is_none_or(|until| failed_at <= until)
        }
    };
    is_wanted.then_some(*record)
}

/// A place in the list of failures that no failure at `since` or later is before.
fn before(location: &LocationId, since: EpochMs) -> Option<FailedCursor> {
    let failed_at = EpochMs(since.0.checked_sub(1)?);
    // Any key will do: what failed in that very millisecond is not wanted, wherever it is.
    let id = RecordId::new(location.as_str()).ok()?;
    Some(FailedCursor { failed_at, key: RecordKey { kind: Kind::Contact, id } })
}

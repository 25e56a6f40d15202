//! Selects the failed records to replay, mend or dismiss.

use crate::operate::OperateError;
use crate::{CauseId, Operator};
use ghl_sync_engine::ports::{FailedPage, Loaded, PortError};
use ghl_sync_model::{
    EpochMs, ErrorCode, FailedCursor, ImportCursor, ImportId, ImportStanding, Kind, LocationId, LocationSettings,
    Record, RecordId, RecordKey,
};

/// Most failed records that one call processes; the next call continues.
pub const MAX_CHOSEN: u32 = 500;

/// A selection of failed records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All failed records that match the filter.
    Failed(FailedFilter),
    /// These records, if they are failed; at most [`MAX_CHOSEN`].
    Records(Vec<RecordKey>),
}

/// A filter of failed records: all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedFilter {
    /// Cause of their last error.
    pub cause: Option<CauseId>,
    /// The import that they belong to.
    pub import: Option<ImportId>,
    /// Contact or opportunity.
    pub kind: Option<Kind>,
    /// They failed at this time or later.
    pub since: Option<EpochMs>,
    /// They failed at this time or earlier. Records that fail again after a replay or a mend began are excluded:
    /// otherwise a replay of records that fail at once would never end.
    pub until: Option<EpochMs>,
}

/// Where the next call continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChosenCursor {
    /// In the list of all failed records.
    Failed(FailedCursor),
    /// In the list of an import's failed records.
    Import(ImportCursor),
}

/// Why no records were selected.
#[derive(Debug, thiserror::Error)]
pub enum ChosenError {
    /// The location is unknown.
    #[error("location {0} is unknown")]
    Unknown(LocationId),
    /// Too many records are listed.
    #[error("field `records` lists {0}; at most {MAX_CHOSEN} are allowed")]
    TooMany(usize),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The records that one call selects.
#[derive(Debug)]
pub(crate) struct ChosenRecords {
    /// Settings of the location.
    pub(crate) settings: LocationSettings,
    /// The selected records.
    pub(crate) records: Vec<Record>,
    /// Records that were not selected: not failed, unknown, not matching the filter, or named twice.
    pub(crate) others: u64,
    /// Records that cannot be read.
    pub(crate) unreadable: u64,
    /// Where to continue; `None` if all were processed.
    pub(crate) next: Option<ChosenCursor>,
}

impl Operator {
    /// The current records of `location` that are selected. For [`Chosen::Failed`], one call processes [`MAX_CHOSEN`]
    /// failed records after `after`.
    pub(crate) async fn choose(
        &self,
        location: &LocationId,
        what: &Chosen,
        after: Option<&ChosenCursor>,
    ) -> Result<ChosenRecords, ChosenError> {
        let settings = self.known(location).await.map_err(|error| match error {
            OperateError::Port(error) => ChosenError::Port(error),
            OperateError::Unknown(_) | OperateError::UntilIsPast => ChosenError::Unknown(location.clone()),
        })?;
        let (keys, next) = self.seen(location, what, after).await?;
        let loaded = self.ports().outbox.load(location, &keys).await?;
        let unreadable = loaded.iter().filter(|loaded| is_unreadable(loaded, what)).count();
        let records: Vec<Record> = loaded.into_iter().filter_map(|loaded| wanted(loaded, what)).collect();
        let others = keys.len() - records.len() - unreadable;
        Ok(ChosenRecords { settings, records, others: others as u64, unreadable: unreadable as u64, next })
    }

    /// The record keys that one call processes, and where to continue.
    async fn seen(
        &self,
        location: &LocationId,
        what: &Chosen,
        after: Option<&ChosenCursor>,
    ) -> Result<(Vec<RecordKey>, Option<ChosenCursor>), ChosenError> {
        match what {
            Chosen::Failed(filter) => Ok(self.seen_of(location, filter, after).await?),
            Chosen::Records(keys) if keys.len() > MAX_CHOSEN as usize => Err(ChosenError::TooMany(keys.len())),
            Chosen::Records(keys) => Ok((keys.clone(), None)),
        }
    }

    /// Reads the index of imports, or the index of failures, which is ordered by time, so earlier failures are skipped.
    async fn seen_of(
        &self,
        location: &LocationId,
        filter: &FailedFilter,
        after: Option<&ChosenCursor>,
    ) -> Result<(Vec<RecordKey>, Option<ChosenCursor>), PortError> {
        let outbox = &self.ports().outbox;
        if let Some(import) = &filter.import {
            let after = match after {
                Some(ChosenCursor::Import(cursor)) => Some(&cursor.key),
                Some(ChosenCursor::Failed(_)) | None => None,
            };
            let page = outbox.of_import(location, import, ImportStanding::Failed, after, MAX_CHOSEN).await?;
            return Ok((page.keys, page.next.map(|key| ChosenCursor::Import(ImportCursor { key }))));
        }
        let first = filter.since.and_then(|since| before(location, since));
        let after = match after {
            Some(ChosenCursor::Failed(cursor)) => Some(cursor),
            Some(ChosenCursor::Import(_)) | None => first.as_ref(),
        };
        let FailedPage { keys, next } = outbox.failed(location, after, MAX_CHOSEN).await?;
        let next = next.filter(|next| filter.until.is_none_or(|until| next.failed_at <= until));
        Ok((keys, next.map(ChosenCursor::Failed)))
    }
}

/// Whether it may belong to the selection but cannot be read. It counts as a failure of our own.
fn is_unreadable(loaded: &Loaded, what: &Chosen) -> bool {
    let may_be_meant = match what {
        Chosen::Failed(FailedFilter { cause: Some(cause), .. }) => cause.code() == ErrorCode::Internal,
        Chosen::Failed(_) | Chosen::Records(_) => true,
    };
    may_be_meant && matches!(loaded, Loaded::Damaged { .. })
}

fn wanted(loaded: Loaded, what: &Chosen) -> Option<Record> {
    let Loaded::Record(record) = loaded else {
        return None; // Only a put repairs it.
    };
    let failed_at = record.failed_at?;
    let is_wanted = match what {
        Chosen::Records(_) => true,
        Chosen::Failed(FailedFilter { cause, import, kind, since, until }) => {
            cause.as_ref().is_none_or(|cause| record.last_error.as_ref().is_some_and(|error| cause.is_of(error)))
                // The index may have been read before somebody put the record again.
                && (import.is_none() || record.import == *import)
                && kind.is_none_or(|kind| record.key.kind == kind)
                && since.is_none_or(|since| failed_at >= since)
                && until.is_none_or(|until| failed_at <= until)
        }
    };
    is_wanted.then_some(*record)
}

/// The place in the list of failures before all failures at `since` or later.
fn before(location: &LocationId, since: EpochMs) -> Option<FailedCursor> {
    let failed_at = EpochMs(since.0.checked_sub(1)?);
    // Any key will do: failures in that millisecond are not wanted, wherever they are.
    let id = RecordId::new(location.as_str()).ok()?;
    Some(FailedCursor { failed_at, key: RecordKey { kind: Kind::Contact, id } })
}

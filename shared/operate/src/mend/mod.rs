//! Mends failed records in bulk: removes or sets the fields that GHL rejected in all of them, and sends them again.

mod change;

pub use change::{ContentChange, MAX_FIELDS};

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::Operator;
use crate::chosen::{Chosen, ChosenCursor, ChosenError, ChosenRecords};
use ghl_sync_engine::counts::{Counter, Counts, RecordCount};
use ghl_sync_engine::usecase::{Event, Measures};
use ghl_sync_model::{LocationId, Payload, Record};

/// Why a failed record is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftAloneReason {
    /// It is to be deleted in GHL, and the deletion failed.
    ToDelete,
    /// Its import is to be undone, and the undo failed.
    ToUndo,
    /// Its content is no longer kept.
    ContentDropped,
    /// It has none of the fields, or is of a kind that cannot have them.
    NoSuchField,
    /// It already has the values to set.
    Unchanged,
    /// The remaining content would no longer identify the record.
    NothingLeft,
    /// A put of the changed content would be rejected.
    NotValid,
}

/// Number of records left as they are, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LeftAlone {
    /// Not failed, unknown, or not matching the request.
    pub other: u64,
    /// Put again, replayed or finished at the same moment.
    pub changed: u64,
    /// The record is to be deleted in GHL, and the deletion failed: replay it, or forget it individually.
    pub to_delete: u64,
    /// The record's import is to be undone, and the undo failed: replay it, or forget it individually.
    pub to_undo: u64,
    /// The record's content is no longer kept: put it again.
    pub content_dropped: u64,
    /// The record has none of the fields, or is of a kind that cannot have them.
    pub no_such_field: u64,
    /// The record already has the values to set: replay it.
    pub unchanged: u64,
    /// The remaining content would no longer identify the record.
    pub nothing_left: u64,
    /// A put of the changed content would be rejected.
    pub not_valid: u64,
    /// The record cannot be read: put it again.
    pub unreadable: u64,
}

impl LeftAlone {
    pub(crate) fn of(choice: &ChosenRecords) -> LeftAlone {
        LeftAlone { other: choice.others, unreadable: choice.unreadable, ..LeftAlone::default() }
    }

    pub(crate) fn count(&mut self, why: LeftAloneReason) {
        let count = match why {
            LeftAloneReason::ToDelete => &mut self.to_delete,
            LeftAloneReason::ToUndo => &mut self.to_undo,
            LeftAloneReason::ContentDropped => &mut self.content_dropped,
            LeftAloneReason::NoSuchField => &mut self.no_such_field,
            LeftAloneReason::Unchanged => &mut self.unchanged,
            LeftAloneReason::NothingLeft => &mut self.nothing_left,
            LeftAloneReason::NotValid => &mut self.not_valid,
        };
        *count += 1;
    }

    /// The sum of all reasons.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let LeftAlone { other, changed, to_delete, to_undo, content_dropped, .. } = self;
        let LeftAlone { no_such_field, unchanged, nothing_left, not_valid, unreadable, .. } = self;
        let by_state = other + changed + to_delete + to_undo + content_dropped;
        by_state + no_such_field + unchanged + nothing_left + not_valid + unreadable
    }

    /// Adds the counts of another part of the same request.
    pub fn add(&mut self, more: &LeftAlone) {
        self.other += more.other;
        self.changed += more.changed;
        self.to_delete += more.to_delete;
        self.to_undo += more.to_undo;
        self.content_dropped += more.content_dropped;
        self.no_such_field += more.no_such_field;
        self.unchanged += more.unchanged;
        self.nothing_left += more.nothing_left;
        self.not_valid += more.not_valid;
        self.unreadable += more.unreadable;
    }
}

/// Results of a mend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MendReport {
    /// Records whose content was changed and that are due.
    pub mended: u64,
    /// Records that were left as they are, by reason.
    pub left: LeftAlone,
    /// Records that could not be written; mending again is safe.
    pub not_written: u64,
    /// Where to continue; `None` if all were processed.
    pub next: Option<ChosenCursor>,
}

impl Operator {
    /// Changes the content of failed records of `location`, makes them due in the same write, as a put under their own
    /// import would, and starts the location. For [`Chosen::Failed`], one call processes
    /// [`MAX_CHOSEN`](crate::MAX_CHOSEN) failed records after `after`.
    ///
    /// # Errors
    /// [`ChosenError`]. Records written before the error are due.
    pub async fn mend(
        &self,
        location: &LocationId,
        what: &Chosen,
        change: &ContentChange,
        after: Option<&ChosenCursor>,
    ) -> Result<MendReport, ChosenError> {
        let choice = self.choose(location, what, after).await?;
        let mut left = LeftAlone::of(&choice);
        let mut mendable = Vec::with_capacity(choice.records.len());
        for record in choice.records {
            match mended(&record, change) {
                Ok(payload) => mendable.push((record, payload)),
                Err(why) => left.count(why),
            }
        }
        let (now, tried) = (self.ports().clock.now(), !mendable.is_empty());
        let writes = mendable
            .into_iter()
            .map(|(record, payload)| async move { (self.ports().outbox.mend(&record, &payload, now).await, record) });
        let written = self.write_each(writes).await;
        left.changed += written.skipped;
        if tried {
            self.tell_of_mends(location, written.done).await;
            let scope = &choice.settings.scope;
            self.ports().sink.emit(&Event::Operated { location, scope, action: "mend" });
            // A write whose answer was lost may also have made a record due.
            self.engine.start_and_tell(scope).await?;
        }
        Ok(MendReport { mended: written.done, left, not_written: written.not_written, next: choice.next })
    }

    /// Counts the mends as puts.
    async fn tell_of_mends(&self, location: &LocationId, mended: u64) {
        let mut counts = Counts::default();
        counts.add(Counter::Records(RecordCount::Stored), mended);
        self.engine.count("put", location, Measures { counts, ..Measures::default() }, None).await;
    }
}

/// The changed content of a record.
fn mended(record: &Record, change: &ContentChange) -> Result<Payload, LeftAloneReason> {
    match unfit(record) {
        Some(why) => Err(why),
        None if record.content_dropped_at.is_some() => Err(LeftAloneReason::ContentDropped),
        None => change.of(&record.payload),
    }
}

/// Why the record cannot be mended: something other than its content failed.
pub(crate) fn unfit(record: &Record) -> Option<LeftAloneReason> {
    match record {
        Record { deletion: true, .. } => Some(LeftAloneReason::ToDelete),
        record if record.is_undoing() => Some(LeftAloneReason::ToUndo),
        _ => None,
    }
}

//! Failed records that are mended together: what GHL refused in all of them is left out or set, and they go out again.

mod change;

pub use change::{Change, MAX_FIELDS};

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::Operator;
use crate::chosen::{Choice, Chosen, ChosenCursor, ChosenError};
use ghl_sync_engine::counts::{Counter, Counts, RecordCount};
use ghl_sync_engine::usecase::{Event, Measures};
use ghl_sync_model::{LocationId, Payload, Record};

/// Why a failed record is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is to be deleted in GHL: that is what failed.
    ToDelete,
    /// Its import is to be undone: that is what failed.
    ToUndo,
    /// Its content is not kept any more.
    ContentDropped,
    /// It has none of the fields, or is of a kind that cannot have them.
    NoSuchField,
    /// It says already what is set.
    Unchanged,
    /// What would be left says not any more who it is.
    NothingLeft,
    /// With what is set, a put of it would be refused.
    NotValid,
}

/// How many records were left as they are, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LeftAlone {
    /// Not failed, unknown, or not what was asked for.
    pub other: u64,
    /// Put again, replayed or ended in this very moment.
    pub changed: u64,
    /// To be deleted in GHL, which is what failed: replay it, or forget it by itself.
    pub to_delete: u64,
    /// To be undone with their import, which is what failed: replay it, or forget it by itself.
    pub to_undo: u64,
    /// Their content is not kept any more: put them again.
    pub content_dropped: u64,
    /// They have none of the fields, or are of a kind that cannot have them.
    pub no_such_field: u64,
    /// They say already what is set: replay them.
    pub unchanged: u64,
    /// What would be left says not any more who it is.
    pub nothing_left: u64,
    /// With what is set, a put would be refused.
    pub not_valid: u64,
    /// They cannot be read: put them again.
    pub unreadable: u64,
}

impl LeftAlone {
    pub(crate) fn of(choice: &Choice) -> LeftAlone {
        LeftAlone { other: choice.others, unreadable: choice.unreadable, ..LeftAlone::default() }
    }

    pub(crate) fn count(&mut self, why: Why) {
        let count = match why {
            Why::ToDelete => &mut self.to_delete,
            Why::ToUndo => &mut self.to_undo,
            Why::ContentDropped => &mut self.content_dropped,
            Why::NoSuchField => &mut self.no_such_field,
            Why::Unchanged => &mut self.unchanged,
            Why::NothingLeft => &mut self.nothing_left,
            Why::NotValid => &mut self.not_valid,
        };
        *count += 1;
    }

    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let LeftAlone { other, changed, to_delete, to_undo, content_dropped, .. } = self;
        let LeftAlone { no_such_field, unchanged, nothing_left, not_valid, unreadable, .. } = self;
        let by_state = other + changed + to_delete + to_undo + content_dropped;
        by_state + no_such_field + unchanged + nothing_left + not_valid + unreadable
    }

    /// Adds what the next part of the same request left.
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

/// What a mend did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MendReport {
    /// Records that have other content now, and are due.
    pub mended: u64,
    /// Records that were left as they are, and why.
    pub left: LeftAlone,
    /// Records that could not be written; mending again does no harm.
    pub not_written: u64,
    /// Where to go on; `None` when all was seen.
    pub next: Option<ChosenCursor>,
}

impl Operator {
    /// Changes the content of failed records of `location`, and makes them due in the same write, as a put under their own
    /// import would; and starts the location. Of [`Chosen::Failed`], one call sees [`MAX_CHOSEN`](crate::MAX_CHOSEN) failed
    /// records, from `after` on.
    ///
    /// # Errors
    /// [`ChosenError`]. What was written by then is due.
    pub async fn mend(
        &self,
        location: &LocationId,
        what: &Chosen,
        change: &Change,
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
            // A write whose answer was lost may have made a record due as well.
            self.engine.start_and_tell(scope).await?;
        }
        Ok(MendReport { mended: written.done, left, not_written: written.not_written, next: choice.next })
    }

    /// They count as puts.
    async fn tell_of_mends(&self, location: &LocationId, mended: u64) {
        let mut counts = Counts::default();
        counts.add(Counter::Records(RecordCount::Stored), mended);
        self.engine.count("put", location, Measures { counts, ..Measures::default() }, None).await;
    }
}

/// The content that a record shall have.
fn mended(record: &Record, change: &Change) -> Result<Payload, Why> {
    match unfit(record) {
        Some(why) => Err(why),
        None if record.content_dropped_at.is_some() => Err(Why::ContentDropped),
        None => change.of(&record.payload),
    }
}

/// Whether it was not the record's content that failed.
pub(crate) fn unfit(record: &Record) -> Option<Why> {
    match record {
        Record { deletion: true, .. } => Some(Why::ToDelete),
        record if record.is_undoing() => Some(Why::ToUndo),
        _ => None,
    }
}

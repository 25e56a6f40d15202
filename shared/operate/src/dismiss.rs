//! Failed records that are dismissed together: forgotten here, while GHL keeps what it has.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Operator;
use crate::chosen::{Chosen, ChosenCursor, ChosenError};
use crate::mend::{LeftAlone, unfit};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{LocationId, Record};

/// What a dismissal did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DismissReport {
    /// Records that are forgotten.
    pub dismissed: u64,
    /// Records that were left as they are, and why.
    pub left: LeftAlone,
    /// Records that could not be written; dismissing again does no harm.
    pub not_written: u64,
    /// Where to go on; `None` when all was seen.
    pub next: Option<ChosenCursor>,
}

impl Operator {
    /// Forgets failed records of `location`, as [`forget`](Operator::forget) does each, but only if it still stands as failed
    /// in the version that was read. Of [`Chosen::Failed`], one call sees [`MAX_CHOSEN`](crate::MAX_CHOSEN) failed records,
    /// from `after` on.
    ///
    /// # Errors
    /// [`ChosenError`]; doing it again does no harm.
    pub async fn dismiss(
        &self,
        location: &LocationId,
        what: &Chosen,
        after: Option<&ChosenCursor>,
    ) -> Result<DismissReport, ChosenError> {
        let choice = self.choose(location, what, after).await?;
        let mut left = LeftAlone::of(&choice);
        let mut records = choice.records;
        records.retain(|record| match unfit(record) {
            Some(why) => {
                left.count(why);
                false
            }
            None => true,
        });
        let (tried, woken) = (!records.is_empty(), AtomicBool::new(false));
        let woken = &woken;
        let writes = records.into_iter().map(|record| async move {
            let dismissed = self.dismiss_one(&record, woken).await;
            (dismissed, record)
        });
        let written = self.write_each(writes).await;
        left.changed += written.skipped;
        if tried {
            let scope = &choice.settings.scope;
            self.ports().sink.emit(&Event::Operated { location, scope, action: "dismiss" });
            if woken.load(Ordering::Relaxed) {
                self.engine.start(scope).await?;
            }
            self.engine.tell_standings_of(scope).await;
        }
        Ok(DismissReport { dismissed: written.done, left, not_written: written.not_written, next: choice.next })
    }

    /// Returns whether it is forgotten. What GHL told goes last, since somebody may put the record in between: it needs that.
    async fn dismiss_one(&self, record: &Record, woken: &AtomicBool) -> Result<bool, PortError> {
        let Record { location_id: location, key, .. } = record;
        // Should the second waking fail, nobody would ever wake them.
        let mut wakes = self.wake_those(location, &record.awaited_by, key).await?;
        let Some(waiting) = self.ports().outbox.dismiss(record).await? else { return Ok(false) };
        let forgotten = self.forget_what_was_told(location, key, record.ghl_id.as_ref()).await.map(|_| false);
        for end in [forgotten, self.wake_those(location, &waiting, key).await] {
            match end {
                Ok(woke) => wakes |= woke,
                // The record is gone: saying that it was not written would have it dismissed again in vain.
                Err(error) => self.engine.port_failed(location.clone(), &error),
            }
        }
        woken.fetch_or(wakes, Ordering::Relaxed);
        Ok(true)
    }
}

//! Dismisses failed records in bulk: they are forgotten here, while GHL keeps its copies.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Operator;
use crate::chosen::{Chosen, ChosenCursor, ChosenError};
use crate::mend::{LeftAlone, unfit};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{LocationId, Record};

/// Results of a dismissal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DismissReport {
    /// Records that are forgotten.
    pub dismissed: u64,
    /// Records that were left as they are, by reason.
    pub left: LeftAlone,
    /// Records that could not be written; dismissing them again is safe.
    pub not_written: u64,
    /// Where to continue; `None` if all were processed.
    pub next: Option<ChosenCursor>,
}

impl Operator {
    /// Forgets failed records of `location`, as [`forget`](Operator::forget) does for one, but only if the record is
    /// still failed in the version that was read. For [`Chosen::Failed`], one call processes
    /// [`MAX_CHOSEN`](crate::MAX_CHOSEN) failed records after `after`.
    ///
    /// # Errors
    /// [`ChosenError`]; repeating the call is safe.
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

    /// Returns whether the record is forgotten. Its known state goes last, since somebody may put the record in
    /// between, which needs that state.
    async fn dismiss_one(&self, record: &Record, woken: &AtomicBool) -> Result<bool, PortError> {
        let Record { location_id: location, key, .. } = record;
        // Wake them before as well: if waking them afterwards fails, nobody would ever wake them.
        let mut wakes = self.wake_those(location, &record.awaited_by, key).await?;
        let Some(waiting) = self.ports().outbox.dismiss(record).await? else { return Ok(false) };
        let forgotten = self.forget_what_was_told(location, key, record.ghl_id.as_ref()).await.map(|_| false);
        for end in [forgotten, self.wake_those(location, &waiting, key).await] {
            match end {
                Ok(woke) => wakes |= woke,
                // The record is gone: reporting it as not written would only cause a useless second dismissal.
                Err(error) => self.engine.port_failed(location.clone(), &error),
            }
        }
        woken.fetch_or(wakes, Ordering::Relaxed);
        Ok(true)
    }
}

//! Failed records: listing them, and replaying them.

use std::time::Duration;

use crate::chosen::{Chosen, ChosenCursor, ChosenError, ChosenRecords};
use crate::record_status::{RecordState, RecordStatus};
use crate::{CauseId, Operator};
use ghl_sync_engine::ports::{FailedPage, Loaded, PortError};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{FailedCursor, LocationId};

/// Most failed records that one request reads to find those with a cause.
const MOST_READ: usize = 5_000;
/// Failed records read per page.
const AT_ONCE: u32 = 500;
/// Longest time that one request searches: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(8);

/// Results of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// Records that are due again.
    pub replayed: u64,
    /// Records that were left as they are: not failed, unknown, not matching the filter, or unreadable.
    pub skipped: u64,
    /// Records that could not be written; replaying again is safe.
    pub not_written: u64,
    /// Where to continue; `None` if all were processed.
    pub next: Option<ChosenCursor>,
}

/// A page of failed records.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedRecords {
    /// The records, the oldest failure first.
    pub records: Vec<RecordStatus>,
    /// Where to continue; `None` on the last page.
    pub next: Option<FailedCursor>,
}

impl Operator {
    /// Up to `limit` failed records of `location`, after `after`. A page may be short without being the last.
    ///
    /// # Errors
    /// If a store fails.
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

    /// The same, but only records that failed for `cause`. The cost is bounded, however many records there are.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn failed_for(
        &self,
        location: &LocationId,
        cause: &CauseId,
        after: Option<FailedCursor>,
        limit: usize,
    ) -> Result<FailedRecords, PortError> {
        let started = self.ports().clock.now();
        let (mut records, mut next, mut read) = (Vec::new(), after, 0);
        loop {
            let FailedPage { keys, next: end } = self.ports().outbox.failed(location, next.as_ref(), AT_ONCE).await?;
            read += keys.len();
            for loaded in self.ports().outbox.load(location, &keys).await? {
                // An unreadable record has no failure time at which a page could end; its cause names it.
                let Loaded::Record(record) = loaded else { continue };
                let Some(failed_at) = record.failed_at else { continue };
                if !record.last_error.as_ref().is_some_and(|error| cause.is_of(error)) {
                    continue;
                }
                let place = FailedCursor { failed_at, key: record.key.clone() };
                let status = RecordStatus::of(location, Loaded::Record(record));
                records.extend(Some(status).filter(|status| status.state == RecordState::Failed));
                if records.len() >= limit {
                    return Ok(FailedRecords { records, next: Some(place) });
                }
            }
            next = end;
            if next.is_none() || read >= MOST_READ || self.ports().clock.now().since(started) >= LONGEST {
                return Ok(FailedRecords { records, next });
            }
        }
    }

    /// Makes failed records of `location` due again, resets their attempts, and starts the location. For
    /// [`Chosen::Failed`], one call processes [`MAX_CHOSEN`](crate::MAX_CHOSEN) failed records after `after`.
    ///
    /// # Errors
    /// [`ChosenError`]. Records written before the error are due.
    pub async fn replay(
        &self,
        location: &LocationId,
        what: &Chosen,
        after: Option<&ChosenCursor>,
    ) -> Result<ReplayReport, ChosenError> {
        let ChosenRecords { settings, records, others, unreadable, next } = self.choose(location, what, after).await?;
        let mut report = ReplayReport { skipped: others + unreadable, next, ..ReplayReport::default() };
        let now = self.ports().clock.now();
        let writes =
            records.into_iter().map(|record| async move { (self.ports().outbox.replay(&record, now).await, record) });
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
}

//! Retention: drops contents that GHL accepted long ago, for locations that keep them only for some days.
//!
//! It goes through all records of a location page by page, once a day. The progress is stored, so that the next
//! invocation continues where one ended.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::retention_report::RetentionReport;
use super::{Engine, Event, Invocation};
use crate::policy::{Precedence, opt_outs_of};
use crate::ports::{Loaded, PortError, RemoteKey, Replaced, Versioned};
use ghl_sync_model::{EpochMs, Item, ItemKind, KnownState, LocationId, Record, RecordCursor, RecordKey};

/// Records read at a time; DynamoDB ends a page at 1 MB.
const PAGE: u32 = 1_000;
/// Contents dropped concurrently.
const AT_ONCE: usize = 8;
/// Shortest time between two passes through a location.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// No page is started with less than this left of the function's time.
const TIME_FOR_A_PAGE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Progress of the retention pass through a location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionBookmark {
    /// When the current pass began, or else the last one.
    pub began_at: EpochMs,
    /// The last record that was processed; `None` if the pass is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<RecordKey>,
}

impl Item for RetentionBookmark {
    const KIND: ItemKind = ItemKind {
        name: "retention",
        load: "retention.load",
        replace: "retention.keep",
        attribute: "retention",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = LocationId;

    fn item_key(location: &LocationId) -> String {
        format!("retention#{location}")
    }
}

impl Engine {
    /// Drops the contents of `location` that GHL accepted more days ago than the location keeps them, and the known
    /// states of these records. `None` if the location keeps contents forever, or its last pass began less than a day
    /// ago.
    ///
    /// Never fails: contents that could not be dropped are dropped the next time.
    pub async fn drop_old_contents(&self, location: &LocationId, invocation: &Invocation) -> Option<RetentionReport> {
        let mut report = RetentionReport::default();
        match self.try_drop_old_contents(location, invocation, &mut report).await {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => self.port_failed(location.clone(), &error),
        }
        self.ports.sink.emit(&Event::ContentsDropped { location, report: &report });
        Some(report)
    }

    /// Returns whether a pass was due.
    async fn try_drop_old_contents(
        &self,
        location: &LocationId,
        invocation: &Invocation,
        report: &mut RetentionReport,
    ) -> Result<bool, PortError> {
        let settings = self.ports.registry.location(location).await?;
        let Some(days) = settings.and_then(|settings| settings.content_days) else { return Ok(false) };
        let bookmarks = Versioned::<RetentionBookmark>::new(self.ports.items.clone());
        let kept = bookmarks.load(location).await?;
        let (mut rev, mut bookmark) = kept.map_or_else(Default::default, |entry| (entry.rev, entry.value));
        let now = self.ports.clock.now();
        if bookmark.after.is_none() {
            if now.since(bookmark.began_at) < EVERY {
                return Ok(false);
            }
            bookmark.began_at = now;
        }
        let accepted_before = now - DAY * days;
        while self.ports.clock.now() + TIME_FOR_A_PAGE < invocation.deadline && !report.done {
            let after = bookmark.after.take().map(|key| RecordCursor { key });
            let page = self.ports.outbox.listed(location, None, after.as_ref(), PAGE).await?;
            report.looked_at += page.records.len() as u64;
            report.dropped += self.drop_contents(page.records, accepted_before).await?;
            bookmark.after = page.next.map(|next| next.key);
            report.done = bookmark.after.is_none();
            match bookmarks.replace(location, rev, &bookmark).await? {
                Replaced::Written { rev: kept } => rev = kept,
                // Another invocation is running this pass.
                Replaced::Conflict(_) => break,
            }
        }
        Ok(true)
    }

    /// Drops the old contents of a page. Returns their number.
    async fn drop_contents(&self, records: Vec<Loaded>, accepted_before: EpochMs) -> Result<u64, PortError> {
        let old = records.into_iter().filter_map(|loaded| match loaded {
            Loaded::Record(record) if is_old(&record, accepted_before) => Some(record),
            Loaded::Record(_) | Loaded::Damaged { .. } => None,
        });
        futures::stream::iter(old)
            .map(|record| async move { self.drop_content(&record).await })
            .buffer_unordered(AT_ONCE)
            .try_fold(0, |sum, dropped| async move { Ok(sum + u64::from(dropped)) })
            .await
    }

    /// Drops the known state first: if the process ends in between, the record is still found.
    async fn drop_content(&self, record: &Record) -> Result<bool, PortError> {
        if let Some(ghl_id) = &record.ghl_id {
            self.drop_known(RemoteKey { location: &record.location_id, kind: record.key.kind, ghl_id }).await?;
        }
        self.ports.outbox.drop_content(record, self.ports.clock.now()).await
    }

    /// Drops a known state, except for opt-outs: they must accompany later opt-outs.
    async fn drop_known(&self, key: RemoteKey<'_>) -> Result<(), PortError> {
        let known = self.ports.known.load(key).await?;
        match known.as_ref().and_then(|known| Some((known, opt_outs_of(known)?))) {
            Some((known, opt_outs)) => {
                let less = KnownState { content: Some(opt_outs), keep_until: None, ..known.clone() };
                let now = self.ports.clock.now();
                self.ports.known.replace(key, &less, &Precedence::of_less_of(known), now).await.map(drop)
            }
            None => self.ports.known.forget(key).await.map(drop),
        }
    }
}

/// Whether GHL has had its last version since before then, and nothing is pending.
fn is_old(record: &Record, accepted_before: EpochMs) -> bool {
    record.content_dropped_at.is_none()
        && record.due_at.is_none()
        && record.failed_at.is_none()
        && record.dry_run.is_none()
        && record.accepted_version == Some(record.version)
        && record.accepted_at.is_some_and(|at| at < accepted_before)
}

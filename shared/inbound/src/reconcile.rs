//! Reconciling: reads what changed in GHL with spare quota, and repairs what no webhook reported.
//!
//! It reads each location's changes page by page from where the last reading ended, and brings each contact's last
//! known state up to date. If one of our records differs, the contact itself is read, because the search lags and omits
//! fields, and the location's rule decides who wins.
//!
//! Repeating work after a crash does no harm: the bookmark advances only when the whole page was processed.

use std::time::Duration;

use futures::StreamExt;

use crate::Reconciler;
use crate::asks::{ask_all, can_be_asked};
use crate::conflict::{SOON, has_quota_to_spare, last_accepted, resolve, rule_for};
use ghl_sync_engine::policy::{Precedence, kept_until};
use ghl_sync_engine::ports::{Loaded, PortError, RemoteKey, Replacement};
use ghl_sync_engine::usecase::{
    CHANGES_PER_PAGE, Changes, DirectCalls, DirectError, Engine, Event, Invocation, ReconcileEnd, ReconcileReport,
};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    Answer, Ask, Bookmark, Call, Cause, EpochMs, EventId, Failure, Kind, KnownState, ListedContact, LocationId,
    LocationSettings, Priority, Record, RemoteContent, Resolution,
};

/// Contacts looked up concurrently.
const AT_ONCE: usize = 8;
/// How far back to read a location that was never read.
const FIRST_LOOK: Duration = Duration::from_secs(24 * 3600);
/// No record is started with less than this left of the function's time.
const TIME_TO_FINISH: Duration = Duration::from_secs(20);
/// Every call must have ended this long before the function's time is up.
const TIME_TO_WRITE: Duration = Duration::from_secs(3);

/// A changed contact with our record of it.
struct LookedUpContact<'p> {
    contact: &'p ListedContact,
    changed_at: EpochMs,
    /// Of our records of the contact, the one that GHL accepted last.
    record: Option<Record>,
    /// Whether its last known state was out of date.
    repaired: bool,
}

impl Reconciler {
    /// Asks all enabled locations to reconcile, spread over some minutes. Returns how many were asked.
    ///
    /// It starts after the location that was asked last: if the function's time runs out, it is not always the same
    /// locations that are left out.
    ///
    /// # Errors
    /// If the locations cannot be listed; or, after all others were asked, if some could not be.
    pub async fn ask_to_reconcile_all(&self) -> Result<u32, PortError> {
        let mut locations = self.ports().registry.locations().await?;
        let last_asked = self.ports().bookmarks.last_asked().await.unwrap_or_else(|error| {
            self.ports().sink.emit(&Event::PortFailed { scope: None, error: &error });
            None
        });
        if let Some(last) = last_asked {
            let behind = locations.partition_point(|location| *location <= last);
            locations.rotate_left(behind);
        }
        ask_all(&self.engine, Ask::Reconcile, &locations).await
    }

    /// Reads what changed in GHL since the last time, as long as no other work needs the location's quota, and repairs
    /// what is out of date.
    ///
    /// Never fails: changes that were not read are read the next time, and the report says why.
    pub async fn reconcile(&self, location: &LocationId, invocation: &Invocation) -> ReconcileReport {
        let (engine, tally) = self.engine.tallied();
        let mut report = ReconcileReport::default();
        report.ended = match Reconciler::new(engine.clone()).read_changes(location, invocation, &mut report).await {
            Ok(ended) => ended,
            Err(DirectError::Wait(wait)) if wait.reason == WaitReason::Deadline => ReconcileEnd::OutOfTime,
            Err(DirectError::Wait(_)) => ReconcileEnd::Busy,
            Err(DirectError::NotEnabled(_)) => ReconcileEnd::NotEnabled,
            // The call's failure has its own line in the log.
            Err(DirectError::Failed(_)) => ReconcileEnd::Failed,
            Err(DirectError::Port(error)) => {
                engine.port_failed(location.clone(), &error);
                ReconcileEnd::Failed
            }
        };
        engine.ports().sink.emit(&Event::Reconciled { location, report: &report });
        engine.count_and_tell("reconcile", location, tally.take()).await;
        report
    }

    async fn read_changes(
        &self,
        location: &LocationId,
        invocation: &Invocation,
        report: &mut ReconcileReport,
    ) -> Result<ReconcileEnd, DirectError> {
        let settings = self.ports().registry.location(location).await?;
        let Some(settings) = settings.filter(can_be_asked) else {
            return Ok(ReconcileEnd::NotEnabled);
        };
        let Some(work_seq) = spare_quota(&self.engine, &settings).await? else {
            return Ok(ReconcileEnd::Busy);
        };
        let last_start = invocation.deadline - TIME_TO_FINISH;
        let invocation = Invocation { deadline: invocation.deadline - TIME_TO_WRITE, ..invocation.clone() };
        let calls = self.engine.direct_calls(location, Priority::Low, &invocation).await?;
        let reading = ChangeReader { engine: &self.engine, location, settings: &settings, calls: &calls, last_start };
        let read = reading.pages(work_seq, report).await;
        let closed = calls.close().await;
        let ended = read?;
        closed?;
        Ok(ended)
    }
}

/// The scope's work sequence if no other work needs its quota now, else `None`.
async fn spare_quota(engine: &Engine, settings: &LocationSettings) -> Result<Option<u64>, PortError> {
    let Some((members, rules)) = engine.enabled_members(&settings.scope).await? else {
        return Ok(None);
    };
    let entry = engine.gate(&settings.scope, &rules).await?;
    let now = engine.ports().clock.now();
    if !has_quota_to_spare(&entry.gate, now, &rules) {
        return Ok(None);
    }
    for member in &members {
        for priority in Priority::ALL {
            let first = engine.ports().outbox.due(member, priority, 1).await?;
            if first.iter().any(|due| due.due_at <= now + SOON) {
                return Ok(None);
            }
        }
    }
    Ok(Some(entry.work_seq))
}

/// One invocation's reading of a location's changes.
struct ChangeReader<'e, 'c> {
    engine: &'e Engine,
    location: &'e LocationId,
    settings: &'e LocationSettings,
    calls: &'c DirectCalls<'e>,
    /// No record is started after this time.
    last_start: EpochMs,
}

/// How far the contacts of a page were processed.
enum PageEnd {
    Whole,
    /// A change was too recent to decide on.
    TooYoung,
    OutOfTime,
}

impl ChangeReader<'_, '_> {
    async fn pages(&self, work_seq: u64, report: &mut ReconcileReport) -> Result<ReconcileEnd, DirectError> {
        let ports = self.engine.ports();
        let first_time = || Bookmark { since: ports.clock.now() - FIRST_LOOK, page: None, limit: None };
        let mut bookmark = ports.bookmarks.find(self.location).await?.unwrap_or_else(first_time);
        loop {
            let asked_at = ports.clock.now();
            let Changes { page, next, limit } = self.calls.changes(&bookmark).await?;
            report.unread += page.unread.len() as u64;
            let resent_before = report.resent;
            let whole = self.page(&page.contacts, report).await;
            let has_resent = report.resent > resent_before;
            if has_resent {
                self.start().await?;
            }
            match whole? {
                PageEnd::OutOfTime => return Ok(ReconcileEnd::OutOfTime),
                // The last page's changes are read again anyway; on any other page, nothing would come back to this
                // change.
                PageEnd::TooYoung if next.is_some() => return Ok(ReconcileEnd::Busy),
                PageEnd::TooYoung | PageEnd::Whole => {}
            }
            let is_last = next.is_none();
            // The next reading overlaps by twice the search lag to catch what the search did not show yet, with a
            // larger page again.
            bookmark = next.unwrap_or_else(|| Bookmark {
                since: asked_at - 2 * self.engine.config().search_lag,
                page: None,
                limit: limit.map(|limit| limit * 2).filter(|limit| *limit < CHANGES_PER_PAGE),
            });
            ports.bookmarks.keep(self.location, &bookmark).await?;
            if is_last {
                return Ok(ReconcileEnd::CaughtUp);
            }
            if has_resent || spare_quota(self.engine, self.settings).await? != Some(work_seq) {
                return Ok(ReconcileEnd::Busy);
            }
        }
    }

    /// Processes the contacts of a page.
    async fn page(&self, contacts: &[ListedContact], report: &mut ReconcileReport) -> Result<PageEnd, DirectError> {
        let mut end = PageEnd::Whole;
        let mut looks = Vec::with_capacity(contacts.len());
        for contact in contacts {
            // GHL shows the time of the last change with each contact; without it, we cannot decide.
            if let Some(changed_at) = contact.updated_at {
                looks.push(self.look_up(contact, changed_at));
            }
        }
        let mut looked = futures::stream::iter(looks).buffered(AT_ONCE);
        while let Some(looked) = looked.next().await {
            let looked = looked?;
            report.contacts += 1;
            report.states += u64::from(looked.repaired);
            if let Some(record) = &looked.record {
                if self.engine.ports().clock.now() > self.last_start {
                    return Ok(PageEnd::OutOfTime);
                }
                if !self.reconcile_record(record, looked.contact, looked.changed_at, report).await? {
                    end = PageEnd::TooYoung;
                }
            }
        }
        Ok(end)
    }

    /// Updates the contact's last known state, and finds our records of it.
    async fn look_up<'p>(
        &self,
        contact: &'p ListedContact,
        changed_at: EpochMs,
    ) -> Result<LookedUpContact<'p>, PortError> {
        let repaired = self.repair_known_state(contact, changed_at).await?;
        let outbox = &self.engine.ports().outbox;
        let keys = outbox.of_ghl_id(self.location, &contact.id).await?;
        let loaded = if keys.is_empty() { Vec::new() } else { outbox.load(self.location, &keys).await? };
        let readable = |loaded| match loaded {
            Loaded::Record(record) if record.ghl_id.as_ref() == Some(&contact.id) => Some(*record),
            Loaded::Record(_) | Loaded::Damaged { .. } => None,
        };
        let record = last_accepted(loaded.into_iter().filter_map(readable).collect());
        Ok(LookedUpContact { contact, changed_at, record, repaired })
    }

    /// Stores GHL's state, unless an event has reported the same or newer. Returns whether it was stored.
    async fn repair_known_state(&self, contact: &ListedContact, at: EpochMs) -> Result<bool, PortError> {
        let known = &self.engine.ports().known;
        let key = RemoteKey { location: self.location, kind: Kind::Contact, ghl_id: &contact.id };
        let event_id = EventId::of_reading(at);
        let precedence = Precedence::of_reading(at, event_id.clone());
        // A read is cheaper than a rejected write.
        match known.load(key).await {
            Ok(Some(known)) if !precedence.over(&known) => return Ok(false),
            Ok(_) => {}
            // A state that cannot be read is replaced; if the store is down, that fails as well.
            Err(error) => self.engine.port_failed(self.location.clone(), &error),
        }
        let content = Some(RemoteContent::Contact(contact.content.clone()).shortened());
        let now = self.engine.ports().clock.now();
        let reported = KnownState { at, event_id, content, deleted_at: None, keep_until: None };
        let state = kept_until(reported, self.settings.keep_until(now));
        let replacement = known.replace(key, &state, &precedence, now).await?;
        Ok(matches!(replacement, Replacement::Done(_)))
    }

    /// Decides about a record whose contact has changed. Returns false if the change is too recent.
    async fn reconcile_record(
        &self,
        record: &Record,
        shown: &ListedContact,
        changed_at: EpochMs,
        report: &mut ReconcileReport,
    ) -> Result<bool, DirectError> {
        let rule = rule_for(self.settings, record);
        let resolution = match resolve(rule, record, &shown.content, changed_at) {
            None => return Ok(true),
            Some(Resolution::Agree) => Resolution::Agree,
            Some(_) => {
                let Some(contact) = self.read(shown).await? else { return Ok(true) };
                let changed_at = contact.updated_at.unwrap_or(changed_at);
                let Some(resolution) = resolve(rule, record, &contact.content, changed_at) else { return Ok(true) };
                // It may be our own write of another record that is not stored yet.
                if changed_at + self.engine.config().settle_lag > self.engine.ports().clock.now() {
                    return Ok(false);
                }
                resolution
            }
        };
        let now = self.engine.ports().clock.now();
        if !self.engine.ports().outbox.resolve(record, &resolution, now).await? {
            return Ok(true); // The record has changed since, which takes precedence.
        }
        match resolution {
            Resolution::Resend { .. } => report.resent += 1,
            Resolution::Supersede { .. } => report.superseded += 1,
            Resolution::Agree => {}
        }
        Ok(true)
    }

    /// The current contact; `None` if it is gone, or too long to read.
    async fn read(&self, shown: &ListedContact) -> Result<Option<Box<ListedContact>>, DirectError> {
        match self.calls.call(&Call::GetContact(shown.id.clone())).await {
            Ok(Answer::Contact(contact)) => Ok(contact),
            Ok(_) | Err(DirectError::Failed(Failure { cause: Some(Cause::Missing | Cause::TooLong), .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts sending the records that are due again.
    async fn start(&self) -> Result<(), PortError> {
        let scope = &self.settings.scope;
        self.engine.ports().gates.advance_work_seq(scope, self.engine.ports().clock.now()).await?;
        self.engine.fan_out(scope).await.map(drop)
    }
}

//! The records of a batch, several at once.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt, StreamExt};

use super::holders::Holders;
use super::operation::Former;
use super::permits::Permits;
use super::record_end::{RecordEnd, not_written, still_due, without_call};
use super::record_progress::{DryRun, RecordSync};
use super::report::{BatchReport, NotRun, RecordResult};
use super::{Engine, Event, poison_records};
use crate::ports::{Loaded, PortError, Settled};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    Batch, ContactRef, CreationKey, DealKey, EpochMs, ErrorCode, Generation, GhlId, Kind, LastError, LocationId,
    LocationSettings, Opportunity, Outcome, Payload, Provenance, Record, RecordId, RecordKey,
};

/// An opportunity's contact.
enum Contact {
    Known(GhlId),
    NotNeeded,
    /// It has no id yet.
    Awaited {
        contact: RecordKey,
        /// Whether it is due, or may still be put. Otherwise a person must do something about it first.
        comes_by_itself: bool,
    },
}

impl Engine {
    /// Sends the records of `batch` that are due: contacts first, so that opportunities find their ids.
    pub(super) async fn send_records(
        &self,
        batch: &Batch,
        settings: &LocationSettings,
        generation: Generation,
        permits: &Permits<'_>,
        deadline: EpochMs,
        report: &mut BatchReport,
    ) {
        let loaded = match self.ports.outbox.load(&batch.location_id, &batch.keys).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.port_failed(settings.scope.clone(), &error);
                report.not_run = Some(NotRun::StoreFailed);
                return;
            }
        };
        let due = self.sort_out(batch, generation, loaded, report).await;
        let suspect = poison_records::among(&due, permits).await;
        if let Some(suspect) = suspect
            && let Some(end) = self.suspect(suspect).await
        {
            self.tell(&batch.location_id, generation, suspect, &end, report);
            return;
        }
        let is_suspect = suspect.is_some();
        permits.expect(u32::try_from(due.len()).unwrap_or(u32::MAX)).await;
        let dry_run = match (settings.dry_run, batch.dry_run) {
            (true, _) => Some(DryRun::OfLocation),
            (false, true) => Some(DryRun::OfBatch),
            (false, false) => None,
        };
        let holders = Holders::of_batch(&due);
        let sync = RecordSync {
            engine: self,
            holders: &holders,
            location: &batch.location_id,
            api: settings.api,
            batch: generation,
            permits,
            dry_run,
            deadline,
        };
        let (contacts, opportunities): (Vec<Record>, Vec<Record>) =
            due.into_iter().partition(|record| record.key.kind == Kind::Contact);
        let mut contact_ids = HashMap::new();
        for records in [contacts, opportunities] {
            for (record, end) in self.sync_at_once(&sync, records, &contact_ids, report).await {
                if is_suspect && end.still_due {
                    self.clear_crash_mark(&record).await;
                }
                if let (Kind::Contact, Some(id)) = (record.key.kind, end.ghl_id) {
                    contact_ids.insert(record.key, id);
                }
            }
        }
    }

    /// Of what was loaded, the records that are due; damaged ones are put aside.
    async fn sort_out(
        &self,
        batch: &Batch,
        generation: Generation,
        loaded: Vec<Loaded>,
        report: &mut BatchReport,
    ) -> Vec<Record> {
        // The message may have come a moment early.
        let soon = self.ports.clock.now() + self.config.patience;
        let unknown = batch.keys.len().saturating_sub(loaded.len());
        (0..unknown).for_each(|_| report.count(RecordResult::Skipped));
        let mut due = Vec::new();
        for loaded in loaded {
            match loaded {
                Loaded::Record(record) if record.due_at.is_some_and(|due_at| due_at <= soon) => due.push(*record),
                Loaded::Record(_) => report.count(RecordResult::Skipped),
                Loaded::Damaged { key, reason } => self.put_aside(batch, generation, key, reason, report).await,
            }
        }
        due
    }

    /// A record that cannot be read takes no neighbour down.
    async fn put_aside(
        &self,
        batch: &Batch,
        generation: Generation,
        key: RecordKey,
        reason: String,
        report: &mut BatchReport,
    ) {
        let now = self.ports.clock.now();
        let error = LastError { code: ErrorCode::Internal, status: None, message: reason, at: now }.in_bounds();
        let reason = &error.message;
        let location = &batch.location_id;
        if let Err(error) = self.ports.outbox.quarantine(location, &key, reason, now).await {
            self.port_failed(location.clone(), &error);
        }
        let result = RecordResult::Failed(ErrorCode::Internal);
        report.count(result);
        self.ports.sink.emit(&Event::Settled { location, batch: generation, record: &key, result, latency: None });
        report.errors.push((key, error));
    }

    /// Sends `records`, as many at once as is allowed.
    async fn sync_at_once(
        &self,
        sync: &RecordSync<'_, '_>,
        records: Vec<Record>,
        contact_ids: &HashMap<RecordKey, GhlId>,
        report: &mut BatchReport,
    ) -> Vec<(Record, RecordEnd)> {
        let mut ends = futures::stream::iter(records)
            .map(|record| async move {
                // A panic on the way is the record's failure, and takes no neighbour down.
                let caught = AssertUnwindSafe(self.sync_one(sync, &record, contact_ids)).catch_unwind().await;
                let end = match caught {
                    Ok(end) => end,
                    Err(_panic) => self.panicked(&record).await,
                };
                (record, end)
            })
            .buffer_unordered(self.config.concurrency as usize);
        let mut ended = Vec::new();
        while let Some((record, end)) = ends.next().await {
            self.tell(sync.location, sync.batch, &record, &end, report);
            ended.push((record, end));
        }
        ended
    }

    /// Tells how it ended with a record.
    fn tell(
        &self,
        location: &LocationId,
        batch: Generation,
        record: &Record,
        end: &RecordEnd,
        report: &mut BatchReport,
    ) {
        let RecordEnd { result, latency, called, error, not_stored, .. } = end;
        report.processed += u32::from(*called);
        report.count(*result);
        report.errors.extend(error.clone().map(|error| (record.key.clone(), error)));
        self.ports.sink.emit(&Event::Settled {
            location,
            batch,
            record: &record.key,
            result: *result,
            latency: *latency,
        });
        if !not_stored.is_empty() {
            self.ports.sink.emit(&Event::NotStored { location, batch, record: &record.key, fields: not_stored });
        }
    }

    async fn sync_one(
        &self,
        sync: &RecordSync<'_, '_>,
        record: &Record,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> RecordEnd {
        if let Some(stop) = sync.permits.stopped().await {
            return still_due(RecordResult::Deferred(stop.reason));
        }
        let now = self.ports.clock.now();
        // A call without an answer may still arrive, though the record was put again meanwhile.
        let earliest = record.due_at.max(record.not_before).unwrap_or(now);
        if now.until(earliest) > self.config.patience {
            return self.wait(record, earliest, None, record.not_before).await;
        }
        if !self.sleep_until(earliest).await {
            return still_due(RecordResult::Deferred(WaitReason::Deadline));
        }
        if record.deletion || record.is_undoing() {
            return sync.run(record, None, Former::default()).await;
        }
        match self.contact_of(record, contact_ids).await {
            Ok(Contact::Known(id)) => self.sync_known(sync, record, Some(id), contact_ids).await,
            Ok(Contact::NotNeeded) => self.sync_known(sync, record, None, contact_ids).await,
            // In a dry run no contact ever gets one.
            Ok(Contact::Awaited { .. }) if sync.dry_run.is_some() => {
                sync.run(record, Some(GhlId::unknown()), Former::default()).await
            }
            Ok(Contact::Awaited { contact, comes_by_itself: true }) => self.wait_for(record, contact).await,
            Ok(Contact::Awaited { contact, comes_by_itself: false }) => self.wait_to_be_woken(record, contact).await,
            Err(error) => self.store_failed(record, &error),
        }
    }

    /// Sends `record`, whose contact is known or not needed.
    async fn sync_known(
        &self,
        sync: &RecordSync<'_, '_>,
        record: &Record,
        contact_id: Option<GhlId>,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> RecordEnd {
        match self.former_of(record, contact_ids).await {
            Ok(former) => sync.run(record, contact_id, former).await,
            Err(error) => self.store_failed(record, &error),
        }
    }

    /// What GHL may have created `record` under. A deal whose contact had no GHL id was not created.
    async fn former_of(&self, record: &Record, contact_ids: &HashMap<RecordKey, GhlId>) -> Result<Former, PortError> {
        let mut former = Former::default();
        for key in record.former.iter().filter(|_| record.ghl_id.is_none()) {
            match key {
                CreationKey::Marker => former.marked = true,
                CreationKey::Deal(DealKey { contact_record, contact_id, pipeline_id, name }) => {
                    let contact =
                        self.contact(record, contact_id.as_ref(), contact_record.as_ref(), contact_ids).await?;
                    if let Contact::Known(contact_id) = contact {
                        let place = ContactRef { contact_id, pipeline_id: pipeline_id.clone(), after: None };
                        former.deals.push((place, *name));
                    }
                }
            }
        }
        Ok(former)
    }

    /// GHL's id of the contact that an opportunity belongs to.
    async fn contact_of(&self, record: &Record, contact_ids: &HashMap<RecordKey, GhlId>) -> Result<Contact, PortError> {
        let Payload::Opportunity(Opportunity { contact_id, contact_record, .. }) = &record.payload else {
            return Ok(Contact::NotNeeded);
        };
        self.contact(record, contact_id.as_ref(), contact_record.as_ref(), contact_ids).await
    }

    async fn contact(
        &self,
        record: &Record,
        id: Option<&GhlId>,
        contact_record: Option<&RecordId>,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> Result<Contact, PortError> {
        if let Some(id) = id {
            return Ok(Contact::Known(id.clone()));
        }
        let Some(id) = contact_record else {
            return Ok(Contact::NotNeeded);
        };
        let key = RecordKey { kind: Kind::Contact, id: id.clone() };
        if let Some(id) = contact_ids.get(&key) {
            return Ok(Contact::Known(id.clone()));
        }
        let loaded = self.ports.outbox.load(&record.location_id, std::slice::from_ref(&key)).await?;
        let comes_by_itself = match loaded.into_iter().next() {
            Some(Loaded::Record(contact)) => match contact.ghl_id {
                Some(id) => return Ok(Contact::Known(id)),
                None => contact.due_at.is_some(),
            },
            Some(Loaded::Damaged { .. }) => false,
            None => true,
        };
        Ok(Contact::Awaited { contact: key, comes_by_itself })
    }

    pub(super) async fn wait(
        &self,
        record: &Record,
        due_at: EpochMs,
        waits_for: Option<RecordKey>,
        not_before: Option<EpochMs>,
    ) -> RecordEnd {
        let outcome = Outcome::Wait {
            due_at,
            waits_for,
            not_before,
            ghl_id: None,
            provenance: Provenance::Unknown,
            is_gone: false,
        };
        self.write(record, &outcome, RecordResult::Waiting).await
    }

    async fn panicked(&self, record: &Record) -> RecordEnd {
        let now = self.ports.clock.now();
        let message = "our own code panicked on this record".to_owned();
        let error = LastError { code: ErrorCode::Internal, status: None, message, at: now };
        let rounds = record.attempts.saturating_add(1);
        let end = if rounds >= self.config.max_rounds {
            let outcome = Outcome::Failed { error: error.clone(), ghl_id: None, provenance: Provenance::Unknown };
            self.write(record, &outcome, RecordResult::Failed(error.code)).await
        } else {
            // A call may have been under way when it happened, and GHL's search may not show what it created.
            let not_before = now + self.config.request_timeout + self.config.late_arrival + self.config.search_lag;
            let due_at = not_before.max(now + self.config.backoff.rest(rounds, self.ports.randomness.roll()));
            let outcome = Outcome::Retry {
                due_at,
                error: error.clone(),
                not_before: Some(not_before),
                ghl_id: None,
                provenance: Provenance::Unknown,
            };
            self.write(record, &outcome, RecordResult::Retrying(error.code)).await
        };
        RecordEnd { error: Some(error), called: true, ..end }
    }

    pub(super) async fn write(&self, record: &Record, outcome: &Outcome, result: RecordResult) -> RecordEnd {
        match self.settle(record, outcome).await {
            Some(Settled::Done) => without_call(result),
            Some(Settled::ChangedMeanwhile | Settled::AwaitedByMore) => still_due(result),
            None => not_written(),
        }
    }

    pub(super) fn store_failed(&self, record: &Record, error: &PortError) -> RecordEnd {
        self.port_failed(record.location_id.clone(), error);
        not_written()
    }
}

//! Sends the records of a batch, several concurrently.

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
    Batch, ContactRef, CreationKey, EpochMs, ErrorCode, Generation, GhlId, Kind, LastError, LocationId,
    LocationSettings, Opportunity, OpportunityKey, Outcome, Payload, Provenance, Record, RecordId, RecordKey,
};

/// An opportunity's contact.
enum OpportunityContact {
    Known(GhlId),
    NotNeeded,
    /// The contact has no id yet.
    Awaited {
        contact: RecordKey,
        /// Whether the contact is due, or may still be put. Otherwise a person must act on it first.
        comes_by_itself: bool,
    },
}

impl Engine {
    /// Sends the due records of `batch`: contacts first, so that opportunities find their ids.
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
        let poison_record = poison_records::among(&due, permits).await;
        if let Some(record) = poison_record
            && let Some(end) = self.mark_crash(record).await
        {
            self.tell(&batch.location_id, generation, record, &end, report);
            return;
        }
        let is_poison = poison_record.is_some();
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
                if is_poison && end.still_due {
                    self.clear_crash_mark(&record).await;
                }
                if let (Kind::Contact, Some(id)) = (record.key.kind, end.ghl_id) {
                    contact_ids.insert(record.key, id);
                }
            }
        }
    }

    /// The due records among the loaded ones. Damaged ones are quarantined.
    async fn sort_out(
        &self,
        batch: &Batch,
        generation: Generation,
        loaded: Vec<Loaded>,
        report: &mut BatchReport,
    ) -> Vec<Record> {
        // The message may have arrived a moment early.
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

    /// Quarantines a record that cannot be read, so that it does not affect its neighbours.
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

    /// Sends `records`, up to the configured number concurrently.
    async fn sync_at_once(
        &self,
        sync: &RecordSync<'_, '_>,
        records: Vec<Record>,
        contact_ids: &HashMap<RecordKey, GhlId>,
        report: &mut BatchReport,
    ) -> Vec<(Record, RecordEnd)> {
        let mut ends = futures::stream::iter(records)
            .map(|record| async move {
                // A panic fails only its own record.
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

    /// Reports the end of a record.
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
        // A call without an answer may still arrive, even if the record was put again since.
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
            Ok(OpportunityContact::Known(id)) => self.sync_known(sync, record, Some(id), contact_ids).await,
            Ok(OpportunityContact::NotNeeded) => self.sync_known(sync, record, None, contact_ids).await,
            // In a dry run, the contact never gets an id.
            Ok(OpportunityContact::Awaited { .. }) if sync.dry_run.is_some() => {
                sync.run(record, Some(GhlId::unknown()), Former::default()).await
            }
            Ok(OpportunityContact::Awaited { contact, comes_by_itself: true }) => self.wait_for(record, contact).await,
            Ok(OpportunityContact::Awaited { contact, comes_by_itself: false }) => {
                self.wait_to_be_woken(record, contact).await
            }
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

    /// The names under which GHL may have created `record`. An opportunity whose contact had no GHL id was not created.
    async fn former_of(&self, record: &Record, contact_ids: &HashMap<RecordKey, GhlId>) -> Result<Former, PortError> {
        let mut former = Former::default();
        for key in record.former.iter().filter(|_| record.ghl_id.is_none()) {
            match key {
                CreationKey::Marker => former.marked = true,
                CreationKey::Opportunity(OpportunityKey { contact_record, contact_id, pipeline_id, name }) => {
                    let contact =
                        self.contact(record, contact_id.as_ref(), contact_record.as_ref(), contact_ids).await?;
                    if let OpportunityContact::Known(contact_id) = contact {
                        let place = ContactRef { contact_id, pipeline_id: pipeline_id.clone(), after: None };
                        former.opportunities.push((place, *name));
                    }
                }
            }
        }
        Ok(former)
    }

    /// GHL's id of the contact that an opportunity belongs to.
    async fn contact_of(
        &self,
        record: &Record,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> Result<OpportunityContact, PortError> {
        let Payload::Opportunity(Opportunity { contact_id, contact_record, .. }) = &record.payload else {
            return Ok(OpportunityContact::NotNeeded);
        };
        self.contact(record, contact_id.as_ref(), contact_record.as_ref(), contact_ids).await
    }

    async fn contact(
        &self,
        record: &Record,
        id: Option<&GhlId>,
        contact_record: Option<&RecordId>,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> Result<OpportunityContact, PortError> {
        if let Some(id) = id {
            return Ok(OpportunityContact::Known(id.clone()));
        }
        let Some(id) = contact_record else {
            return Ok(OpportunityContact::NotNeeded);
        };
        let key = RecordKey { kind: Kind::Contact, id: id.clone() };
        if let Some(id) = contact_ids.get(&key) {
            return Ok(OpportunityContact::Known(id.clone()));
        }
        let loaded = self.ports.outbox.load(&record.location_id, std::slice::from_ref(&key)).await?;
        let comes_by_itself = match loaded.into_iter().next() {
            Some(Loaded::Record(contact)) => match contact.ghl_id {
                Some(id) => return Ok(OpportunityContact::Known(id)),
                None => contact.due_at.is_some(),
            },
            Some(Loaded::Damaged { .. }) => false,
            None => true,
        };
        Ok(OpportunityContact::Awaited { contact: key, comes_by_itself })
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
            // A call may have been under way, and GHL's search may not show what it created yet.
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

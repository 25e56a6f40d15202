//! Sending one batch.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::fan_out::{LOOKS, Planning};
use super::gate_session::{GateSession, Verdict};
use super::permits::Permits;
use super::report::{BatchReport, NotRun, RecordResult};
use super::sync_record::{DryRun, RecordEnd, RecordSync};
use super::{Engine, Event};
use crate::domain::{
    Batch, EpochMs, ErrorCode, Generation, GhlId, Holder, Kind, LastError, LocationSettings, Outcome, Payload, Record,
    RecordKey,
};
use crate::policy::{Leased, Run, TakeRefused, WaitReason, WaitUntil};
use crate::ports::{Loaded, PortError};

/// What is kept of the function's time to write everything down.
const TIME_TO_FINISH: Duration = Duration::from_millis(1500);
/// A batch that found nothing to do is not followed by another before this has passed: the index may lag.
const IDLE_DELAY: Duration = Duration::from_secs(1);
/// An opportunity whose contact has no GHL id yet looks again after this, at first…
const WAIT_FOR_CONTACT: Duration = Duration::from_secs(5);
/// …and after this at most.
const WAIT_FOR_CONTACT_MAX: Duration = Duration::from_secs(300);

/// One invocation of the function that sends a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its name, unlike any other's.
    pub holder: Holder,
    /// It is stopped at this time.
    pub deadline: EpochMs,
}

/// How a batch was started.
enum Start {
    Run { generation: Generation, permits: Vec<EpochMs> },
    Refused(TakeRefused),
    TooEarly(WaitUntil),
}

impl Engine {
    /// Sends the records of `batch` that are due, and plans the scope's next batch.
    ///
    /// Never fails: what could not be done is still due, and the report says why. The message is done with.
    pub async fn sync_batch(&self, batch: &Batch, invocation: &Invocation) -> BatchReport {
        let started_at = self.ports.clock.now();
        let generation = batch.generation.unwrap_or_default();
        let mut report = BatchReport::new(batch.location_id.clone(), generation);
        if let Err(error) = self.run_batch(batch, invocation, &mut report).await {
            let scope = batch.location_id.clone().into();
            self.ports.meter.note(&Event::PortFailed { scope: &scope, error: &error });
            report.not_run.get_or_insert(NotRun::StoreFailed);
        }
        let took = self.ports.clock.now().since(started_at);
        self.ports.meter.note(&Event::BatchEnded { report: &report, took });
        report
    }

    async fn run_batch(
        &self,
        batch: &Batch,
        invocation: &Invocation,
        report: &mut BatchReport,
    ) -> Result<(), PortError> {
        let settings = self.ports.directory.location(&batch.location_id).await?;
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            report.not_run = Some(NotRun::NotEnabled);
            return Ok(());
        };
        let rules = self.config.rules(&settings);
        let run = Run { holder: invocation.holder.clone(), until: invocation.deadline + self.config.late_arrival };
        let mut session = GateSession::open(self, settings.scope.clone(), rules).await?;
        let (generation, permits) = match self.start(&mut session, batch, &run).await? {
            Start::Run { generation, permits } => (generation, permits),
            Start::Refused(refused) => {
                report.not_run = Some(match refused {
                    TakeRefused::Stale { .. } => NotRun::Stale,
                    TakeRefused::RunLive { .. } => NotRun::RunLive,
                });
                return Ok(());
            }
            Start::TooEarly(wait) => {
                report.not_run = Some(NotRun::TooEarly(wait.reason));
                return self.postpone(&mut session, batch, wait).await;
            }
        };
        report.generation = generation;
        let deadline = invocation.deadline - TIME_TO_FINISH;
        let permits = Permits::new(self, &batch.location_id, Some(generation), run.clone(), deadline, session, permits);
        let settled = self.send_records(batch, &settings, generation, &permits, deadline, report).await;
        let (session, unused, stopped) = permits.close();
        report.stopped = stopped;
        // Nothing but what the index still showed: it lags.
        let idle = report.skipped as usize == batch.keys.len();
        let after = Finished { holder: &run.holder, unused, settled: &settled, idle };
        self.finish(session, &settings, after).await
    }

    /// Takes the run, and with it the first permits: one write.
    async fn start(&self, session: &mut GateSession<'_>, batch: &Batch, run: &Run) -> Result<Start, PortError> {
        let now = self.ports.clock.now();
        let rules = session.rules().clone();
        let records = u32::try_from(batch.keys.len()).unwrap_or(u32::MAX);
        let want = records.clamp(1, self.config.lease_size);
        session
            .change(|_, gate| {
                if let Err(refused) = gate.take_run(now, batch.generation, run.clone(), &rules) {
                    return Verdict::Keep(Start::Refused(refused));
                }
                let generation = gate.generation();
                match gate.lease(now, run, want, &rules) {
                    Leased::Permits(permits) => Verdict::Store(Start::Run { generation, permits }),
                    Leased::Wait(wait) if now.until(wait.at) <= self.config.patience => {
                        Verdict::Store(Start::Run { generation, permits: Vec::new() })
                    }
                    Leased::Wait(wait) => Verdict::Keep(Start::TooEarly(wait)),
                }
            })
            .await
    }

    /// The message came before anything may be sent: the same batch, planned for later.
    async fn postpone(&self, session: &mut GateSession<'_>, batch: &Batch, wait: WaitUntil) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        let rules = session.rules().clone();
        let (location, keys) = (batch.location_id.clone(), batch.keys.clone());
        let found = super::look::Found::Work { location, keys, at: wait.at };
        let opening = crate::policy::Opening { at: wait.at, reason: Some(wait.reason), records: 1 };
        let next = self.next(found, opening, now, now, None);
        let planning = session
            .change(|_, gate| {
                let stale = batch.generation.is_some_and(|generation| generation != gate.generation());
                if stale || gate.live_run(now).is_some() {
                    return Verdict::Keep(Planning::Lost);
                }
                Verdict::Store(Planning::Planned(next.write(gate, now, &rules)))
            })
            .await?;
        if let Planning::Planned(generation) = planning {
            self.send(session.scope(), next, generation, now).await?;
        }
        Ok(())
    }

    /// Sends the records: contacts first, so that opportunities find their ids. Returns the keys that the index may
    /// still show though they are settled.
    async fn send_records(
        &self,
        batch: &Batch,
        settings: &LocationSettings,
        generation: Generation,
        permits: &Permits<'_>,
        deadline: EpochMs,
        report: &mut BatchReport,
    ) -> HashSet<RecordKey> {
        let loaded = match self.ports.outbox.load(&batch.location_id, &batch.keys).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.ports.meter.note(&Event::PortFailed { scope: &settings.scope, error: &error });
                report.not_run = Some(NotRun::StoreFailed);
                return HashSet::new();
            }
        };
        let mut settled: HashSet<RecordKey> = batch.keys.iter().cloned().collect();
        let due = self.sort_out(batch, generation, loaded, report).await;
        permits.expect(u32::try_from(due.len()).unwrap_or(u32::MAX)).await;
        let dry_run = match (settings.dry_run, batch.dry_run) {
            (true, _) => Some(DryRun::OfLocation),
            (false, true) => Some(DryRun::OfBatch),
            (false, false) => None,
        };
        let sync =
            RecordSync { engine: self, location: &batch.location_id, batch: generation, permits, dry_run, deadline };
        let (contacts, opportunities): (Vec<Record>, Vec<Record>) =
            due.into_iter().partition(|record| record.key.kind == Kind::Contact);
        let mut contact_ids = HashMap::new();
        for records in [contacts, opportunities] {
            let known_ids = &contact_ids;
            let sync = &sync;
            let mut ends = futures::stream::iter(records)
                .map(|record| async move {
                    let end = self.sync_caught(sync, &record, known_ids).await;
                    (record, end)
                })
                .buffer_unordered(self.config.concurrency as usize);
            let mut ended = Vec::new();
            while let Some((record, end)) = ends.next().await {
                self.report_end(&record, &end, generation, report);
                ended.push((record, end));
            }
            drop(ends);
            for (record, end) in ended {
                if matches!(end.result, RecordResult::Deferred(_)) {
                    settled.remove(&record.key);
                }
                if let (Kind::Contact, Some(id)) = (record.key.kind, end.ghl_id) {
                    contact_ids.insert(record.key, id);
                }
            }
        }
        settled
    }

    /// Of what was loaded, the records that are due; damaged ones are put aside.
    async fn sort_out(
        &self,
        batch: &Batch,
        generation: Generation,
        loaded: Vec<Loaded>,
        report: &mut BatchReport,
    ) -> Vec<Record> {
        let now = self.ports.clock.now();
        // The message may have come a moment early.
        let soon = now + self.config.patience;
        let mut due = Vec::new();
        let mut found = 0;
        for loaded in loaded {
            found += 1;
            match loaded {
                Loaded::Record(record) if record.due_at.is_some_and(|due_at| due_at <= soon) => {
                    due.push(*record);
                }
                Loaded::Record(_) => report.count(RecordResult::Skipped),
                Loaded::Damaged { key, reason } => {
                    let quarantined = self.ports.outbox.quarantine(&batch.location_id, &key, &reason, now).await;
                    if let Err(error) = quarantined {
                        let scope = batch.location_id.clone().into();
                        self.ports.meter.note(&Event::PortFailed { scope: &scope, error: &error });
                    }
                    let result = RecordResult::Failed(ErrorCode::Internal);
                    report.count(result);
                    self.ports.meter.note(&Event::Settled {
                        location: &batch.location_id,
                        batch: generation,
                        record: &key,
                        result,
                        latency: None,
                    });
                    let error = LastError { code: ErrorCode::Internal, status: None, message: reason, at: now };
                    report.errors.push((key, error));
                }
            }
        }
        (found..batch.keys.len()).for_each(|_| report.count(RecordResult::Skipped));
        due
    }

    /// Sends one record; a panic on the way is the record's failure, and takes no neighbour down.
    async fn sync_caught(
        &self,
        sync: &RecordSync<'_, '_>,
        record: &Record,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> RecordEnd {
        match AssertUnwindSafe(self.sync_one(sync, record, contact_ids)).catch_unwind().await {
            Ok(end) => end,
            Err(_panic) => self.panicked(record).await,
        }
    }

    async fn sync_one(
        &self,
        sync: &RecordSync<'_, '_>,
        record: &Record,
        contact_ids: &HashMap<RecordKey, GhlId>,
    ) -> RecordEnd {
        if let Some(stop) = sync.permits.stopped().await {
            return not_started(RecordResult::Deferred(stop.reason));
        }
        let now = self.ports.clock.now();
        // A call without an answer may still arrive, though the record was put again meanwhile.
        let earliest = record.due_at.max(record.not_before).unwrap_or(now);
        if now.until(earliest) > self.config.patience {
            return self.wait(record, earliest, None, record.not_before).await;
        }
        self.ports.clock.sleep_until(earliest).await;
        let now = self.ports.clock.now();
        match self.contact_of(record, contact_ids).await {
            Ok(Contact::Known(id)) => sync.run(record, Some(id)).await,
            Ok(Contact::NotNeeded) => sync.run(record, None).await,
            Ok(Contact::Awaited(key)) => {
                let age =
                    record.due_at.filter(|_| record.waits_for.is_some()).map_or(Duration::ZERO, |due| now.since(due));
                let pause = (WAIT_FOR_CONTACT + age).min(WAIT_FOR_CONTACT_MAX);
                self.wait(record, now + pause, Some(key), None).await
            }
            Err(error) => {
                let scope = record.location_id.clone().into();
                self.ports.meter.note(&Event::PortFailed { scope: &scope, error: &error });
                not_started(RecordResult::Deferred(WaitReason::Store))
            }
        }
    }

    /// GHL's id of the contact that an opportunity belongs to.
    async fn contact_of(&self, record: &Record, contact_ids: &HashMap<RecordKey, GhlId>) -> Result<Contact, PortError> {
        let Payload::Opportunity(opportunity) = &record.payload else {
            return Ok(Contact::NotNeeded);
        };
        if let Some(id) = &opportunity.contact_id {
            return Ok(Contact::Known(id.clone()));
        }
        let Some(id) = &opportunity.contact_record else {
            return Ok(Contact::NotNeeded);
        };
        let key = RecordKey { kind: Kind::Contact, id: id.clone() };
        if let Some(id) = contact_ids.get(&key) {
            return Ok(Contact::Known(id.clone()));
        }
        let loaded = self.ports.outbox.load(&record.location_id, std::slice::from_ref(&key)).await?;
        let id = loaded.into_iter().find_map(|loaded| match loaded {
            Loaded::Record(contact) => contact.ghl_id,
            Loaded::Damaged { .. } => None,
        });
        Ok(id.map_or(Contact::Awaited(key), Contact::Known))
    }

    async fn wait(
        &self,
        record: &Record,
        due_at: EpochMs,
        waits_for: Option<RecordKey>,
        not_before: Option<EpochMs>,
    ) -> RecordEnd {
        let outcome = Outcome::Wait { due_at, waits_for, not_before, ghl_id: None };
        self.write(record, &outcome, RecordResult::Waiting).await
    }

    async fn panicked(&self, record: &Record) -> RecordEnd {
        let now = self.ports.clock.now();
        let message = "our own code panicked on this record".to_owned();
        let error = LastError { code: ErrorCode::Internal, status: None, message, at: now };
        let rounds = record.attempts.saturating_add(1);
        // A call may have been under way when it happened.
        let not_before = now + self.config.request_timeout + self.config.late_arrival;
        let (outcome, result) = if rounds >= self.config.max_rounds {
            (Outcome::Failed { error: error.clone(), ghl_id: None }, RecordResult::Failed(ErrorCode::Internal))
        } else {
            let due_at = not_before.max(now + self.config.backoff.rest(rounds, self.ports.dice.roll()));
            let outcome = Outcome::Retry { due_at, error: error.clone(), not_before: Some(not_before), ghl_id: None };
            (outcome, RecordResult::Retrying(ErrorCode::Internal))
        };
        RecordEnd { error: Some(error), called: true, ..self.write(record, &outcome, result).await }
    }

    async fn write(&self, record: &Record, outcome: &Outcome, result: RecordResult) -> RecordEnd {
        match self.ports.outbox.settle(record, outcome, self.ports.clock.now()).await {
            Ok(_) => not_started(result),
            Err(error) => {
                let scope = record.location_id.clone().into();
                self.ports.meter.note(&Event::PortFailed { scope: &scope, error: &error });
                not_started(RecordResult::Deferred(WaitReason::Store))
            }
        }
    }

    fn report_end(&self, record: &Record, end: &RecordEnd, batch: Generation, report: &mut BatchReport) {
        report.processed += u32::from(end.called);
        report.count(end.result);
        if let Some(error) = &end.error {
            report.errors.push((record.key.clone(), error.clone()));
        }
        self.ports.meter.note(&Event::Settled {
            location: &record.location_id,
            batch,
            record: &record.key,
            result: end.result,
            latency: end.latency,
        });
    }

    /// Settles the ledger, releases the run and plans the next batch, in one write; then sends its message.
    async fn finish(
        &self,
        mut session: GateSession<'_>,
        settings: &LocationSettings,
        Finished { holder, unused, settled, idle }: Finished<'_>,
    ) -> Result<(), PortError> {
        let scope = settings.scope.clone();
        let rules = session.rules().clone();
        let members = self.enabled_members(&scope).await?.map_or_else(Vec::new, |(members, _)| members);
        for look in 1..=LOOKS {
            let now = self.ports.clock.now();
            let kick = session.kick();
            let mut after = session.view().clone();
            after.give_back(holder, unused);
            after.finish(now, holder, &rules);
            let opening = after.opening(now, &rules);
            let found = self.look(&members, after.generation().0, opening.records, opening.at, settled).await?;
            let earliest = if idle { now + IDLE_DELAY } else { now };
            let next = self.next(found, opening, now, earliest, kick.1);
            let planning = session
                .change(|entry, gate| {
                    if !gate.is_run_of(holder) {
                        return Verdict::Keep(Planning::Lost);
                    }
                    if entry.kick != kick.0 && look < LOOKS {
                        return Verdict::Keep(Planning::LookAgain);
                    }
                    gate.give_back(holder, unused);
                    gate.finish(now, holder, &rules);
                    Verdict::Store(Planning::Planned(next.write(gate, now, &rules)))
                })
                .await?;
            match planning {
                Planning::Planned(generation) => {
                    self.send(&scope, next, generation, now).await?;
                    return Ok(());
                }
                Planning::Lost => return Ok(()),
                Planning::LookAgain => {}
            }
        }
        Ok(())
    }
}

/// What a finished batch leaves behind.
struct Finished<'a> {
    holder: &'a Holder,
    /// Permits that were not used.
    unused: u32,
    /// Keys that the index may still show though they are settled.
    settled: &'a HashSet<RecordKey>,
    /// Whether there was nothing to do in it.
    idle: bool,
}

/// An opportunity's contact.
enum Contact {
    Known(GhlId),
    NotNeeded,
    Awaited(RecordKey),
}

fn not_started(result: RecordResult) -> RecordEnd {
    RecordEnd { result, error: None, called: false, ghl_id: None, latency: None }
}

//! Sends one batch.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use futures::future::select;

use super::due_check::FoundDue;
use super::fan_out::{FannedOut, LOOKS, NextPlan, Planning};
use super::gate_session::{GateSession, Verdict};
use super::host_health::HostHealthSession;
use super::permits::{Permit, Permits, stopped_by_operator};
use super::report::{BatchReport, NotRun};
use super::standing::BatchLeftovers;
use super::{Engine, Event};
use crate::ports::PortError;
use ghl_sync_limiter::{HostAdmission, Leased, Opening, Run, TakeRefused, WaitReason, WaitUntil};
use ghl_sync_model::{Batch, EpochMs, Generation, Holder, LocationId, Priority, ScopeId};

/// The part of the function's time that is reserved for storing results.
pub(super) const TIME_TO_FINISH: Duration = Duration::from_millis(1500);
/// Delay of the next batch after one that found nothing to do.
const IDLE_DELAY: Duration = Duration::from_secs(1);
/// Delay of the next batch after one in which a store failed or no call could be made.
const STORE_DELAY: Duration = Duration::from_secs(5);

const MINUTE_S: f64 = 60.0;
/// How often a batch that arrives when the host's probe is due checks whether it may call.
const HOST_LOOKS: u32 = 3;

/// One invocation of the function that sends a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Unique name of the invocation.
    pub holder: Holder,
    /// When the invocation is stopped.
    pub deadline: EpochMs,
}

/// How a batch started.
enum Start {
    Run { generation: Generation, permits: VecDeque<Permit> },
    Refused(TakeRefused),
    TooEarly(WaitUntil),
}

impl Engine {
    /// Sends the due records of `batch`, and plans the scope's next batch.
    ///
    /// Never fails: unfinished records are still due, and the report says why. The message is done with.
    pub async fn sync_batch(&self, batch: &Batch, invocation: &Invocation) -> BatchReport {
        let (engine, tally) = self.tallied();
        let (report, left) = engine.sync_batch_tallied(batch, invocation).await;
        let allowed = report.pace.map(|pace| (pace.rate() * MINUTE_S).round() as u64);
        self.count_what_was_left("batch", &batch.location_id, tally.take(), allowed, left).await;
        report
    }

    async fn sync_batch_tallied(&self, batch: &Batch, invocation: &Invocation) -> (BatchReport, BatchLeftovers) {
        let started_at = self.ports.clock.now();
        let generation = batch.generation.unwrap_or_default();
        let mut report = BatchReport::new(batch.location_id.clone(), generation);
        let left = self.run_batch(batch, invocation, &mut report).await.unwrap_or_else(|error| {
            self.port_failed(batch.location_id.clone(), &error);
            report.not_run.get_or_insert(NotRun::StoreFailed);
            BatchLeftovers::default()
        });
        let took = self.ports.clock.now().since(started_at);
        self.ports.sink.emit(&Event::BatchEnded { report: &report, took });
        (report, left)
    }

    async fn run_batch(
        &self,
        batch: &Batch,
        invocation: &Invocation,
        report: &mut BatchReport,
    ) -> Result<BatchLeftovers, PortError> {
        let started_at = self.ports.clock.now();
        let settings = self.ports.registry.location(&batch.location_id).await?;
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            report.not_run = Some(NotRun::NotEnabled);
            return Ok(BatchLeftovers::default());
        };
        let Some((members, rules)) = self.enabled_members(&settings.scope).await? else {
            report.not_run = Some(NotRun::NotEnabled);
            return Ok(BatchLeftovers::default());
        };
        let run = Run { holder: invocation.holder.clone(), until: invocation.deadline + self.config.late_arrival };
        let (session, mut host_health) = futures::join!(
            GateSession::open(self, settings.scope.clone(), rules),
            HostHealthSession::open(self, settings.api, settings.scope.clone())
        );
        let mut session = session?;
        // Read after the gate: making the location safer changes its settings first and stops the gate afterwards.
        let stops = session.view().stops();
        let settings = self.ports.registry.location_now(&batch.location_id).await?;
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            host_health.close().await;
            report.not_run = Some(NotRun::NotEnabled);
            return Ok(BatchLeftovers::default());
        };
        let found_dead = session.view().has_expired_run(started_at);
        let host = self.host(&mut host_health, &session).await;
        let start = self.take_run(&mut session, batch, &run, host, stops).await;
        if found_dead && matches!(start, Ok(Start::Run { .. } | Start::TooEarly(_))) {
            host_health.died(self.ports.clock.now()).await;
        }
        let (generation, permits) = match start? {
            Start::Run { generation, permits } => (generation, permits),
            Start::Refused(refused) => {
                host_health.close().await;
                report.not_run = Some(match refused {
                    TakeRefused::Stale { .. } => NotRun::Stale,
                    TakeRefused::RunLive { .. } => NotRun::RunLive,
                });
                return Ok(BatchLeftovers::default());
            }
            Start::TooEarly(wait) => {
                report.not_run = Some(NotRun::TooEarly(wait.reason));
                host_health.close().await;
                self.postpone(&mut session, batch, wait).await?;
                return Ok(BatchLeftovers { gate: Some(session.view().clone()), next_at: None });
            }
        };
        report.generation = generation;
        self.ports.sink.emit(&Event::BatchStarted { batch, generation });
        let deadline = invocation.deadline - TIME_TO_FINISH;
        let sessions = (session, host_health);
        let permits =
            Permits::new(self, &batch.location_id, Some(generation), run.clone(), deadline, sessions, permits);
        let sending = self.send_records(batch, &settings, generation, &permits, deadline, report);
        select(pin!(sending), pin!(self.keep_telling(&batch.location_id))).await;
        let ((mut session, host_health), unused, stopped) = permits.close();
        host_health.close().await;
        report.stopped = stopped;
        report.pace = Some(session.view().allowed_pace(self.ports.clock.now(), session.rules()));
        let after = FinishedBatch { members: &members, holder: &run.holder, unused, rest: rest_after(report) };
        let next_at = self.finish(&mut session, &settings.scope, after).await?;
        Ok(BatchLeftovers { gate: Some(session.view().clone()), next_at })
    }

    /// Whether the host may be called. Sleeps through short waits. Takes the probe if one is due and this scope may
    /// call.
    async fn host(&self, host_health: &mut HostHealthSession<'_>, session: &GateSession<'_>) -> HostAdmission {
        let mut wait_until = self.ports.clock.now();
        for _ in 0..HOST_LOOKS {
            let now = self.ports.clock.now();
            let blocked = session.view().blocked(now);
            wait_until = match (host_health.admit(now), blocked) {
                (HostAdmission::Probe, None) if host_health.take_probe(now).await => return HostAdmission::Probe,
                (HostAdmission::Probe, None) => continue, // Another invocation was faster.
                (HostAdmission::Probe, Some(wait)) => wait.at,
                (HostAdmission::WaitUntil(at), _) => at,
                (calls @ HostAdmission::Calls { .. }, _) => return calls,
            };
            if now.until(wait_until) > self.config.patience {
                break;
            }
            self.sleep_until(wait_until).await;
            host_health.reload().await;
        }
        HostAdmission::WaitUntil(wait_until)
    }

    /// Takes the run and its first permits, in one write.
    async fn take_run(
        &self,
        session: &mut GateSession<'_>,
        batch: &Batch,
        run: &Run,
        host: HostAdmission,
        stops: u64,
    ) -> Result<Start, PortError> {
        let now = self.ports.clock.now();
        if let HostAdmission::Calls { percent } = host {
            session.slow_down(percent);
        }
        let rules = session.rules().clone();
        let records = u32::try_from(batch.keys.len()).unwrap_or(u32::MAX);
        let want = records.clamp(1, self.config.lease_size);
        let is_stale = batch.generation.is_some_and(|generation| generation != session.view().generation());
        if !is_stale && session.view().live_run(now).is_none() {
            session.allot(want, Priority::High).await?;
        }
        session
            .change(|_, gate| {
                if let Err(refused) = gate.take_run(now, batch.generation, run.clone(), &rules) {
                    return Verdict::Keep(Start::Refused(refused));
                }
                let generation = gate.generation();
                if gate.stops() != stops {
                    return Verdict::Keep(Start::TooEarly(stopped_by_operator(now)));
                }
                match host {
                    HostAdmission::Calls { .. } => {}
                    HostAdmission::Probe => gate.suspect(now),
                    HostAdmission::WaitUntil(at) => {
                        return Verdict::Keep(Start::TooEarly(WaitUntil { at, reason: WaitReason::Breaker }));
                    }
                }
                // It is not known yet which records will use these permits: each record's priority is checked when it
                // uses one.
                match gate.lease(now, run, want, Priority::High, &rules) {
                    Leased::Wait(wait) if now.until(wait.at) > self.config.patience => {
                        Verdict::Keep(Start::TooEarly(wait))
                    }
                    leased => Verdict::Store(Start::Run { generation, permits: Permit::all_of(&leased) }),
                }
            })
            .await
    }

    /// Reschedules the batch whose message arrived before anything may be sent.
    async fn postpone(&self, session: &mut GateSession<'_>, batch: &Batch, wait: WaitUntil) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        let rules = session.rules().clone();
        let (location, keys) = (batch.location_id.clone(), batch.keys.clone());
        let found = FoundDue::Work { location, keys, at: wait.at };
        let opening = Opening::only_at(wait.at, wait.reason);
        let mut next = self.next(found, opening, now, now);
        if let NextPlan::Batch { dry_run, .. } = &mut next {
            *dry_run = batch.dry_run;
        }
        let planning = session
            .change(|_, gate| {
                let stale = batch.generation.is_some_and(|generation| generation != gate.generation());
                if stale || gate.live_run(now).is_some() {
                    return Verdict::Keep(Planning::Lost);
                }
                Verdict::Store(Planning::Planned(next.write(gate, now, false, &rules)))
            })
            .await?;
        if let Planning::Planned(generation) = planning {
            self.send(session.scope(), next, generation, now).await?;
        }
        Ok(())
    }

    /// Settles the ledger, releases the run and plans the next batch in one write, then sends its message. Returns when
    /// that batch starts.
    async fn finish(
        &self,
        session: &mut GateSession<'_>,
        scope: &ScopeId,
        FinishedBatch { members, holder, unused, rest }: FinishedBatch<'_>,
    ) -> Result<Option<EpochMs>, PortError> {
        let rules = session.rules().clone();
        for look in 1..=LOOKS {
            let now = self.ports.clock.now();
            let work_seq = session.work_seq();
            let mut after = session.view().clone();
            after.give_back(now, holder, unused, &rules);
            after.finish(now, holder, &rules);
            let opening = after.opening(now, &rules);
            let found = self.look(members, after.turn(), &opening).await;
            // If the index fails, the run still ends, and the tick checks again.
            let found = found.unwrap_or_else(|error| {
                self.port_failed(scope.clone(), &error);
                FoundDue::Nothing { next_due: Some(now + STORE_DELAY) }
            });
            let next = self.next(found, opening, now, now + rest);
            let planning = session
                .change(|entry, gate| {
                    if !gate.is_run_of(holder) {
                        return Verdict::Keep(Planning::Lost);
                    }
                    let missed = entry.work_seq != work_seq;
                    if missed && look < LOOKS {
                        return Verdict::Keep(Planning::CheckAgain);
                    }
                    gate.give_back(now, holder, unused, &rules);
                    gate.finish(now, holder, &rules);
                    Verdict::Store(Planning::Planned(next.write(gate, now, missed, &rules)))
                })
                .await?;
            match planning {
                Planning::Planned(generation) => {
                    return Ok(match self.send(scope, next, generation, now).await? {
                        FannedOut::Planned { delay, .. } => Some(now + delay),
                        FannedOut::Busy { .. } | FannedOut::Idle { .. } | FannedOut::NotEnabled => None,
                    });
                }
                Planning::Lost => return Ok(None),
                Planning::CheckAgain => {}
            }
        }
        Ok(None)
    }
}

/// The shortest delay of the next batch: whatever goes wrong, batches must not follow each other at once without doing
/// anything.
fn rest_after(report: &BatchReport) -> Duration {
    let store_failed = report.not_run.is_some() || report.store_failed > 0;
    let nothing_done = report.processed == 0 && report.failed == 0 && report.would_send == 0;
    match report.stopped.map(|stopped| stopped.reason) {
        _ if store_failed => STORE_DELAY,
        // For example, the function's time is too short for a single call.
        Some(_) if nothing_done => STORE_DELAY,
        // The batch only found records that somebody else had settled.
        None if nothing_done => IDLE_DELAY,
        _ => Duration::ZERO,
    }
}

/// The end of a batch, for planning the next one.
struct FinishedBatch<'a> {
    /// The locations of the scope.
    members: &'a [LocationId],
    holder: &'a Holder,
    /// Unused permits.
    unused: u32,
    /// The next batch waits at least this long.
    rest: Duration,
}

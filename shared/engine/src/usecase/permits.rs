//! The permits of one batch: every call of every worker goes through here, before and after.

use std::collections::VecDeque;
use std::time::Duration;

use futures::lock::Mutex;

use super::gate_session::{GateSession, Verdict};
use super::{Engine, Event};
use crate::domain::{EpochMs, Generation, LocationId, Quota, RecordKey, Reply};
use crate::policy::{Leased, Run, Signal, WaitReason, WaitUntil};
use crate::ports::PortError;

/// The permits of one run, shared by its workers.
pub(super) struct Permits<'e> {
    engine: &'e Engine,
    location: &'e LocationId,
    batch: Option<Generation>,
    run: Run,
    /// No request is sent that could still be under way then.
    deadline: EpochMs,
    shared: Mutex<Shared<'e>>,
}

struct Shared<'e> {
    session: GateSession<'e>,
    /// Leased and not used yet; each may be used from its time on.
    pool: VecDeque<EpochMs>,
    /// Records that have not made their first call.
    to_start: u32,
    /// What ended the batch, if anything did.
    stopped: Option<WaitUntil>,
}

/// For whom a permit is wanted.
#[derive(Clone, Copy)]
pub(super) struct For<'a> {
    pub(super) record: Option<&'a RecordKey>,
    /// 0 for the first try of an operation.
    pub(super) attempt: u32,
    /// Whether it is the record's very first call.
    pub(super) starts: bool,
    /// The longest wait worth sleeping through.
    pub(super) patience: Duration,
}

enum Step {
    Use(EpochMs),
    Wait(WaitUntil),
}

impl<'e> Permits<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        location: &'e LocationId,
        batch: Option<Generation>,
        run: Run,
        deadline: EpochMs,
        session: GateSession<'e>,
        leased: Vec<EpochMs>,
    ) -> Permits<'e> {
        let shared = Shared { session, pool: leased.into(), to_start: 0, stopped: None };
        Permits { engine, location, batch, run, deadline, shared: Mutex::new(shared) }
    }

    /// Says how many records are going to be sent, so that as many permits are leased.
    pub(super) async fn expect(&self, records: u32) {
        self.shared.lock().await.to_start = records;
    }

    /// What ended the batch, if anything did.
    pub(super) async fn stopped(&self) -> Option<WaitUntil> {
        self.shared.lock().await.stopped
    }

    /// Until when GHL's search may not show what a crashed run created.
    pub(super) async fn in_doubt_until(&self) -> Option<EpochMs> {
        self.shared.lock().await.session.view().in_doubt_until()
    }

    /// Waits until one call may be sent.
    ///
    /// # Errors
    /// When that takes longer than it is worth: the batch is over, and this is when to go on.
    pub(super) async fn acquire(&self, wanted: For<'_>) -> Result<(), WaitUntil> {
        let clock = &self.engine.ports.clock;
        loop {
            let step = self.step().await;
            let wait = match step {
                Step::Use(at) => {
                    self.sleep_until(WaitUntil { at, reason: WaitReason::Pace }, wanted).await;
                    let mut shared = self.shared.lock().await;
                    match shared.session.view().blocked(clock.now()) {
                        // Something happened while we waited; the permit stays good.
                        Some(_) if !shared.session.view().is_probing() => shared.pool.push_front(at),
                        _ => {
                            shared.to_start -= u32::from(wanted.starts && shared.to_start > 0);
                            return Ok(());
                        }
                    }
                    continue;
                }
                Step::Wait(wait) => wait,
            };
            let now = clock.now();
            let too_long = now.until(wait.at) > wanted.patience;
            if too_long || wait.at + self.engine.config.request_timeout > self.deadline {
                let wait = if too_long { wait } else { WaitUntil { reason: WaitReason::Deadline, ..wait } };
                self.shared.lock().await.stopped.get_or_insert(wait);
                return Err(wait);
            }
            self.sleep_until(wait, wanted).await;
        }
    }

    async fn step(&self) -> Step {
        let mut shared = self.shared.lock().await;
        let now = self.engine.ports.clock.now();
        if now + self.engine.config.request_timeout > self.deadline {
            return Step::Wait(WaitUntil { at: self.deadline, reason: WaitReason::Deadline });
        }
        if let Some(wait) = shared.session.view().blocked(now) {
            return Step::Wait(wait);
        }
        if let Some(at) = shared.pool.pop_front() {
            return Step::Use(at);
        }
        match self.lease(&mut shared, now).await {
            Ok(Leased::Permits(permits)) => {
                shared.pool = permits.into();
                match shared.pool.pop_front() {
                    Some(at) => Step::Use(at),
                    None => Step::Wait(WaitUntil { at: now, reason: WaitReason::Pace }),
                }
            }
            Ok(Leased::Wait(wait)) => Step::Wait(wait),
            Err(error) => {
                let scope = shared.session.scope();
                self.engine.ports.meter.note(&Event::PortFailed { scope, error: &error });
                Step::Wait(WaitUntil { at: now + MAX_PATIENCE, reason: WaitReason::Store })
            }
        }
    }

    async fn lease(&self, shared: &mut Shared<'e>, now: EpochMs) -> Result<Leased, PortError> {
        let want = shared.to_start.clamp(1, self.engine.config.lease_size);
        let rules = shared.session.rules().clone();
        let (run, in_batch) = (&self.run, self.batch.is_some());
        shared
            .session
            .change(|_, gate| {
                if in_batch && !gate.is_run_of(&run.holder) {
                    // Our lease has ended, and somebody else goes on.
                    return Verdict::Keep(Leased::Wait(WaitUntil {
                        at: now + MAX_PATIENCE,
                        reason: WaitReason::Deadline,
                    }));
                }
                match gate.lease(now, run, want, &rules) {
                    permits @ Leased::Permits(_) => Verdict::Store(permits),
                    // Nothing to write down: ask again when the time has come.
                    wait @ Leased::Wait(_) => Verdict::Keep(wait),
                }
            })
            .await
    }

    /// Takes back the permit of a call that was sent at `sent_at`, with what its reply teaches.
    pub(super) async fn settle(&self, sent_at: EpochMs, reply: &Reply, lessons: Vec<Signal>) {
        let now = self.engine.ports.clock.now();
        let mut shared = self.shared.lock().await;
        let finished = Signal::Finished {
            holder: self.run.holder.clone(),
            at: self.counted_by(now, reply),
            told_daily: reply.quota.daily_limit.is_some() && reply.quota.daily_remaining.is_some(),
        };
        shared.session.learn(finished);
        if reply.quota != Quota::default() {
            let window = reply.quota.interval.unwrap_or(shared.session.rules().pace.window);
            let counted = shared.session.view().ledger().counted_since(sent_at - window);
            let ours = counted.saturating_sub(u32::try_from(shared.pool.len()).unwrap_or(u32::MAX));
            shared.session.learn(Signal::Told { at: now, quota: reply.quota, ours });
        }
        let mut tell_all = false;
        for lesson in lessons {
            if lesson != Signal::Answered || !shared.session.view().breaker().is_quiet() {
                tell_all |= shared.session.learn(lesson);
            }
        }
        if tell_all && let Err(error) = shared.session.flush().await {
            let scope = shared.session.scope();
            self.engine.ports.meter.note(&Event::PortFailed { scope, error: &error });
        }
    }

    /// The latest time at which GHL has counted the request: when its answer was here, or D after we gave up.
    fn counted_by(&self, now: EpochMs, reply: &Reply) -> EpochMs {
        let answered = match &reply.answer {
            Ok(_) => true,
            Err(failure) => failure.status.is_some() || !failure.sent,
        };
        // The clock rounds down; completions are rounded up.
        let now = now + Duration::from_millis(1);
        if answered { now } else { now + self.engine.config.late_arrival }
    }

    /// Sleeps until `wait` is over, and says so if it is worth a word.
    pub(super) async fn sleep_until(&self, wait: WaitUntil, wanted: For<'_>) {
        let clock = &self.engine.ports.clock;
        let span = clock.now().until(wait.at);
        if span.is_zero() {
            return;
        }
        self.engine.ports.meter.note(&Event::Waiting {
            location: self.location,
            batch: self.batch,
            record: wanted.record,
            reason: wait.reason,
            wait: span,
            attempt: wanted.attempt,
        });
        clock.sleep_until(wait.at).await;
    }

    /// Ends the batch: the session, and how many permits were not used.
    pub(super) fn close(self) -> (GateSession<'e>, u32, Option<WaitUntil>) {
        let Shared { session, pool, stopped, .. } = self.shared.into_inner();
        (session, u32::try_from(pool.len()).unwrap_or(u32::MAX), stopped)
    }
}

/// Longer than anybody waits in a batch.
const MAX_PATIENCE: Duration = Duration::from_secs(3600);

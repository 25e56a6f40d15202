//! The permits of one batch: every worker passes through here before and after each call.

use std::collections::VecDeque;
use std::time::Duration;

use futures::lock::Mutex;

use super::gate_session::{GateSession, Verdict};
use super::host_health::HostHealthSession;
use super::signals::{COMPANY_REFUSED, pause_until, signals};
use super::{Engine, Event, Ports};
use crate::policy::{Class, classify};
use crate::ports::PortError;
use ghl_sync_limiter::{Admission, Leased, PauseReason, RemainingQuota, Run, Signal, WaitReason, WaitUntil};
use ghl_sync_model::{
    Answer, Call, Cause, Endpoint, EpochMs, Failure, Generation, LocationId, Priority, Quota, RecordKey, Reply,
};

/// The permits of one run, shared by its workers.
pub(super) struct Permits<'e> {
    engine: &'e Engine,
    location: &'e LocationId,
    batch: Option<Generation>,
    run: Run,
    /// No request is sent that could still be under way at this time.
    deadline: EpochMs,
    /// Number of stops of the scope when its location's settings were read.
    stops: u64,
    shared: Mutex<SharedState<'e>>,
}

struct SharedState<'e> {
    session: GateSession<'e>,
    host_health: HostHealthSession<'e>,
    /// Permits that are leased and unused.
    pool: VecDeque<Permit>,
    /// Remaining quota that other clients share.
    remaining: RemainingQuota,
    /// Records that have not made their first call.
    to_start: u32,
    /// Why the batch ended early, if it did.
    stopped: Option<WaitUntil>,
}

/// A worker's request for a permit.
#[derive(Clone, Copy)]
pub(super) struct PermitRequest<'a> {
    pub(super) record: Option<&'a RecordKey>,
    /// The last calls of a day are reserved for higher priorities.
    pub(super) priority: Priority,
    /// 0 for the first try of an operation.
    pub(super) attempt: u32,
    /// Whether this is the record's very first call.
    pub(super) starts: bool,
    /// The longest wait for a permit, or pause of the scope, worth sleeping through.
    pub(super) patience: Duration,
}

/// Permission to send one call.
#[derive(Clone, Copy)]
pub(super) struct Permit {
    /// The earliest time of the call.
    pub(super) at: EpochMs,
    /// Whether the call probes if GHL is up: it goes although the breaker is not closed.
    pub(super) is_probe: bool,
}

impl Permit {
    /// The permits of a lease; empty if the lease is a wait.
    pub(super) fn all_of(leased: &Leased) -> VecDeque<Permit> {
        match leased {
            Leased::Permits(times) => times.iter().map(|at| Permit { at: *at, is_probe: false }).collect(),
            Leased::Probe(at) => VecDeque::from([Permit { at: *at, is_probe: true }]),
            Leased::Wait(_) => VecDeque::new(),
        }
    }
}

/// Result of a call.
pub(super) struct Called {
    /// The answer, or the failure and its class.
    pub(super) answer: Result<Answer, (Failure, Class)>,
    /// When the answer arrived.
    pub(super) at: EpochMs,
    /// End of the pause for the whole scope, if there is one.
    pub(super) pause: Option<EpochMs>,
    /// Wait before the next try.
    pub(super) backoff: Duration,
}

/// A repetition of a failed call.
pub(super) struct Retry {
    pub(super) endpoint: Endpoint,
    /// Number of the next try.
    pub(super) attempt: u32,
    pub(super) wait: WaitUntil,
}

enum PermitStep {
    Use(Permit),
    Wait(WaitUntil),
}

impl<'e> Permits<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        location: &'e LocationId,
        batch: Option<Generation>,
        run: Run,
        deadline: EpochMs,
        (session, host_health): (GateSession<'e>, HostHealthSession<'e>),
        pool: VecDeque<Permit>,
    ) -> Permits<'e> {
        let stops = session.view().stops();
        let shared = SharedState {
            session,
            host_health,
            pool,
            remaining: RemainingQuota::default(),
            to_start: 0,
            stopped: None,
        };
        Permits { engine, location, batch, run, deadline, stops, shared: Mutex::new(shared) }
    }

    /// Sets how many records will be sent, so that as many permits are leased.
    pub(super) async fn expect(&self, records: u32) {
        self.shared.lock().await.to_start = records;
    }

    /// Why the batch ended early, if it did.
    pub(super) async fn stopped(&self) -> Option<WaitUntil> {
        let mut shared = self.shared.lock().await;
        if self.engine.shutdown.is_asked() {
            shared.stopped.get_or_insert(self.out_of_time());
        }
        shared.stopped
    }

    /// When GHL's search must show everything that a crashed run created.
    pub(super) async fn in_doubt_until(&self) -> Option<EpochMs> {
        self.shared.lock().await.session.view().in_doubt_until()
    }

    /// Whether GHL is known to reject `companyName` in updates here.
    pub(super) async fn updates_refuse_company(&self) -> bool {
        self.shared.lock().await.session.view().remembers(COMPANY_REFUSED, self.engine.ports.clock.now())
    }

    /// Number of consecutive earlier runs of this scope whose invocation died.
    pub(super) async fn crashes(&self) -> u32 {
        self.shared.lock().await.session.view().crashes()
    }

    /// Whether no record is to blame for those deaths.
    pub(super) async fn deaths_are_ours(&self) -> bool {
        self.shared.lock().await.host_health.deaths_are_ours(self.engine.ports.clock.now())
    }

    /// Notes that a record failed in every try. If no other call fared better, its scope is in trouble.
    pub(super) async fn in_trouble(&self) {
        let mut shared = self.shared.lock().await;
        if !shared.session.view().breaker().is_quiet() {
            shared.host_health.in_trouble(self.engine.ports.clock.now()).await;
        }
    }

    /// Notes that a created object could not be recorded: GHL's search may not show it before `until`.
    pub(super) async fn doubt(&self, until: EpochMs) {
        self.shared.lock().await.session.learn(Signal::InDoubt { until });
    }

    /// Waits until one call may be sent.
    ///
    /// # Errors
    /// If the wait is not worthwhile: the batch is over, and the error says when to continue.
    pub(super) async fn acquire(&self, request: PermitRequest<'_>) -> Result<(), WaitUntil> {
        loop {
            let wait = match self.step(request.priority).await {
                PermitStep::Use(permit) => {
                    self.sleep_until(WaitUntil { at: permit.at, reason: WaitReason::Pace }, request).await;
                    if self.still_stands(permit, request).await {
                        return Ok(());
                    }
                    continue;
                }
                PermitStep::Wait(wait) => wait,
            };
            // An open breaker is never worth more than a moment.
            let patience = match wait.reason {
                // An operator's pause must take effect at once.
                WaitReason::Pause(PauseReason::Operator) => Duration::ZERO,
                WaitReason::Pause(_) | WaitReason::Pace => request.patience,
                _ => self.engine.config.patience,
            };
            let now = self.engine.ports.clock.now();
            let wait = WaitUntil { at: wait.at.max(now + SHORTEST_WAIT), ..wait };
            let too_long = now.until(wait.at) > patience;
            if too_long || !self.can_end(wait.at) {
                let wait = if too_long { wait } else { WaitUntil { reason: WaitReason::Deadline, ..wait } };
                // More urgent records may still use the calls that the day reserves for them.
                if wait.reason != WaitReason::DailyQuota || request.priority == Priority::High {
                    self.shared.lock().await.stopped.get_or_insert(wait);
                }
                return Err(wait);
            }
            self.sleep_until(wait, request).await;
        }
    }

    /// Whether a request sent at `time` has ended or timed out before the time that is reserved for storing results.
    fn can_end(&self, time: EpochMs) -> bool {
        time + self.engine.config.request_timeout <= self.deadline
    }

    /// The wait that means: the invocation's time is up, or its process is about to end.
    fn out_of_time(&self) -> WaitUntil {
        WaitUntil { at: self.deadline, reason: WaitReason::Deadline }
    }

    async fn step(&self, priority: Priority) -> PermitStep {
        let mut shared = self.shared.lock().await;
        let now = self.engine.ports.clock.now();
        if !self.can_end(now) || self.engine.shutdown.is_asked() {
            return PermitStep::Wait(self.out_of_time());
        }
        if shared.session.age(now) >= SIGHT
            && let Err(error) = shared.session.look_again().await
        {
            self.engine.port_failed(shared.session.scope().clone(), &error);
            return PermitStep::Wait(WaitUntil { at: now + MAX_PATIENCE, reason: WaitReason::Store });
        }
        let now = self.engine.ports.clock.now();
        let gate = shared.session.view();
        if gate.stops() != self.stops {
            return PermitStep::Wait(stopped_by_operator(now));
        }
        if let Some(wait) = gate.paused(now) {
            return PermitStep::Wait(wait);
        }
        let probe_is_ours = shared.pool.front().is_some_and(|permit| permit.is_probe);
        let from_pool = match gate.breaker().admit(now) {
            Admission::Calls => true,
            // The next call is the probe, and is leased as one.
            Admission::Probe => false,
            Admission::WaitUntil(_) if probe_is_ours => true,
            Admission::WaitUntil(at) => return PermitStep::Wait(WaitUntil { at, reason: WaitReason::Breaker }),
        };
        let unused = u32::try_from(shared.pool.len()).unwrap_or(u32::MAX);
        if let Err(wait) = gate.day_admits(now, priority, unused, shared.session.rules()) {
            return PermitStep::Wait(wait);
        }
        if let Err(at) = shared.admit_by_remaining(now) {
            return PermitStep::Wait(WaitUntil { at, reason: WaitReason::Pace });
        }
        if !from_pool || shared.pool.is_empty() {
            match self.lease(&mut shared, now, priority).await {
                Ok(Leased::Wait(wait)) => return PermitStep::Wait(wait),
                Ok(leased) => shared.pool = Permit::all_of(&leased),
                Err(error) => {
                    self.engine.port_failed(shared.session.scope().clone(), &error);
                    return PermitStep::Wait(WaitUntil { at: now + MAX_PATIENCE, reason: WaitReason::Store });
                }
            }
        }
        match shared.pool.pop_front() {
            // The permit's time is so late that its request could still be under way when the invocation must end.
            Some(permit) if !self.can_end(permit.at) => {
                shared.pool.push_front(permit);
                PermitStep::Wait(self.out_of_time())
            }
            Some(permit) => {
                shared.remaining.send(permit.at.max(now));
                PermitStep::Use(permit)
            }
            None => PermitStep::Wait(WaitUntil { at: now, reason: WaitReason::Pace }),
        }
    }

    /// Whether `permit` is still valid after the wait for its time. If not, it goes back to the pool for later.
    async fn still_stands(&self, permit: Permit, request: PermitRequest<'_>) -> bool {
        let mut shared = self.shared.lock().await;
        let now = self.engine.ports.clock.now();
        let gate = shared.session.view();
        let admitted = permit.is_probe || gate.breaker().admit(now) == Admission::Calls;
        // The host may have been busy for longer than the sleep.
        let is_stopped = self.engine.shutdown.is_asked() || gate.stops() != self.stops || gate.paused(now).is_some();
        if is_stopped || !admitted || !self.can_end(now) || shared.session.age(now) >= SIGHT {
            shared.pool.push_front(permit);
            return false;
        }
        shared.to_start -= u32::from(request.starts && shared.to_start > 0);
        true
    }

    async fn lease(&self, shared: &mut SharedState<'e>, now: EpochMs, priority: Priority) -> Result<Leased, PortError> {
        let want = shared.to_start.clamp(1, self.engine.config.lease_size);
        shared.session.allot(want, priority).await?;
        let rules = shared.session.rules().clone();
        let (run, in_batch) = (&self.run, self.batch.is_some());
        let unused = u32::try_from(shared.pool.len()).unwrap_or(u32::MAX);
        shared
            .session
            .change(|_, gate| {
                if in_batch && !gate.is_run_of(&run.holder) {
                    // Our lease has ended, and somebody else continues.
                    return Verdict::Keep(Leased::Wait(WaitUntil {
                        at: now + MAX_PATIENCE,
                        reason: WaitReason::Deadline,
                    }));
                }
                gate.give_back(now, &run.holder, unused, &rules);
                match gate.lease(now, run, want, priority, &rules) {
                    // Nothing to store: ask again when the time has come.
                    wait @ Leased::Wait(_) => Verdict::Keep(wait),
                    leased => Verdict::Store(leased),
                }
            })
            .await
    }

    /// Makes the call that `request` has a permit for, and returns the permit with what the reply taught. The breaker
    /// counts the call under `operation`.
    pub(super) async fn call(&self, call: &Call, operation: u32, request: PermitRequest<'_>) -> Called {
        let Ports { clock, crm, sink, randomness, .. } = &self.engine.ports;
        let config = &self.engine.config;
        let sent_at = clock.now();
        let reply = crm.call(self.location, call, config.request_timeout).await;
        let now = clock.now();
        let class = reply.answer.as_ref().err().map(|failure| classify(call, failure));
        if !is_unsupported(&reply) {
            sink.emit(&Event::Called {
                location: self.location,
                batch: self.batch,
                record: request.record,
                endpoint: call.endpoint(),
                attempt: request.attempt,
                status: reply.status,
                class: class.as_ref().map_or("ok", Class::as_str),
                took: now.since(sent_at),
            });
        }
        let backoff = config.backoff.delay(request.attempt, randomness.roll());
        let quota = self.shared.lock().await.without_interval_if_shared(reply.quota, now);
        let pause = class.as_ref().and_then(|class| pause_until(config, &quota, class, backoff, now));
        let signals = signals(&reply, class.as_ref(), pause, operation, now);
        self.settle(sent_at, &reply, signals).await;
        // Never wait less than GHL asks for.
        let asked = reply.quota.retry_after.map_or(Duration::ZERO, |after| now.until(after.from(now)));
        let answer = match (reply.answer, class) {
            (Ok(answer), _) => Ok(answer),
            (Err(failure), class) => Err((failure, class.unwrap_or(Class::Permanent))),
        };
        Called { answer, at: now, pause, backoff: backoff.max(asked) }
    }

    /// Returns the permit of a call sent at `sent_at`, with what its reply taught.
    async fn settle(&self, sent_at: EpochMs, reply: &Reply, signals: Vec<Signal>) {
        let now = self.engine.ports.clock.now();
        let mut shared = self.shared.lock().await;
        let finished = Signal::Finished {
            holder: self.run.holder.clone(),
            at: self.counted_by(now, reply),
            told_daily: reply.quota.daily_limit.is_some() && reply.quota.daily_remaining.is_some(),
        };
        shared.session.learn(finished);
        let mut tell_all = false;
        if reply.quota != Quota::default() {
            let window = reply.quota.interval.unwrap_or(shared.session.rules().pace.window);
            let gate = shared.session.view();
            let (ledger, pacing) = (gate.ledger(), gate.pacing());
            let unused = u32::try_from(shared.pool.len()).unwrap_or(u32::MAX);
            // Calls that were answered before this one was sent, and within half a window of now, are counted for
            // certain.
            let least = ledger.finished_within(now - window / 2, sent_at);
            let ours = least..=ledger.counted_since(sent_at - window).saturating_sub(unused);
            if let Some(remaining) = reply.quota.remaining {
                let leaving = if pacing.slides(now) { ledger.leaving(now, window) } else { Vec::new() };
                shared.remaining.tell(now, sent_at, remaining, window, leaving);
            }
            tell_all = shared.session.learn(Signal::Told { at: now, quota: reply.quota, ours });
        }
        let was = shared.session.view().breaker().clone();
        for signal in signals {
            if signal != Signal::Answered || !shared.session.view().breaker().is_quiet() {
                tell_all |= shared.session.learn(signal);
            }
        }
        if tell_all && let Err(error) = self.tell_all(&mut shared).await {
            self.engine.port_failed(shared.session.scope().clone(), &error);
        }
        let is = shared.session.view().breaker();
        let (changed, is_closed) = (is.as_str() != was.as_str(), is.is_closed());
        // Reopening is not reported.
        if changed && (was.is_closed() || is_closed || shared.host_health.is_probing()) {
            shared.host_health.breaker_changed(is_closed, now).await;
        }
    }

    /// Stores what was learned. Permits leased earlier go back, because they do not reflect it, for instance that calls
    /// are now spaced.
    async fn tell_all(&self, shared: &mut SharedState<'e>) -> Result<(), PortError> {
        let stale = shared.pool.iter().filter(|permit| !permit.is_probe).count();
        let stale = u32::try_from(stale).unwrap_or(u32::MAX);
        let (now, holder, rules) = (self.engine.ports.clock.now(), &self.run.holder, shared.session.rules().clone());
        shared
            .session
            .change(|_, gate| {
                gate.give_back(now, holder, stale, &rules);
                Verdict::Store(())
            })
            .await?;
        shared.pool.retain(|permit| permit.is_probe);
        Ok(())
    }

    /// The latest time at which GHL counted the request: when its answer arrived, or D after we gave up.
    fn counted_by(&self, now: EpochMs, reply: &Reply) -> EpochMs {
        let answered = match &reply.answer {
            Ok(_) => true,
            Err(failure) => failure.status.is_some() || !failure.sent,
        };
        // The clock rounds down; completion times are rounded up.
        let now = now + Duration::from_millis(1);
        if answered { now } else { now + self.engine.config.late_arrival }
    }

    pub(super) fn note_retry(&self, retry: &Retry, record: Option<&RecordKey>) {
        let Ports { clock, sink, .. } = &self.engine.ports;
        sink.emit(&Event::Retrying {
            location: self.location,
            batch: self.batch,
            record,
            endpoint: retry.endpoint,
            attempt: retry.attempt,
            reason: retry.wait.reason,
            delay: clock.now().until(retry.wait.at),
        });
    }

    /// Sleeps until `wait` is over, and reports the wait unless it is zero. Returns false if the process is to end
    /// first.
    pub(super) async fn sleep_until(&self, wait: WaitUntil, request: PermitRequest<'_>) -> bool {
        let span = self.engine.ports.clock.now().until(wait.at);
        if span.is_zero() {
            return true;
        }
        self.engine.ports.sink.emit(&Event::Waiting {
            location: self.location,
            batch: self.batch,
            record: request.record,
            reason: wait.reason,
            wait: span,
            attempt: request.attempt,
        });
        self.engine.sleep_until(wait.at).await
    }

    /// Ends the batch: returns the sessions, the number of unused permits, and why it ended early.
    pub(super) fn close(self) -> ((GateSession<'e>, HostHealthSession<'e>), u32, Option<WaitUntil>) {
        let SharedState { session, host_health, pool, stopped, .. } = self.shared.into_inner();
        ((session, host_health), u32::try_from(pool.len()).unwrap_or(u32::MAX), stopped)
    }
}

impl SharedState<'_> {
    /// Drops the interval if other clients share the quota: it then returns gradually, and the interval says nothing
    /// about how long to wait.
    fn without_interval_if_shared(&self, quota: Quota, now: EpochMs) -> Quota {
        let is_shared = self.session.view().is_shared(now, self.session.rules());
        Quota { interval: quota.interval.filter(|_| !is_shared), ..quota }
    }

    /// Whether one call is left of a quota that other clients share.
    fn admit_by_remaining(&mut self, now: EpochMs) -> Result<(), EpochMs> {
        let is_shared = self.session.view().is_shared(now, self.session.rules());
        if is_shared { self.remaining.admit(now) } else { Ok(()) }
    }
}

/// Whether no call was made, because the API has no such endpoint.
fn is_unsupported(reply: &Reply) -> bool {
    matches!(&reply.answer, Err(failure) if !failure.sent && failure.cause == Some(Cause::Unsupported))
}

/// The wait after somebody made the location safer since its settings were read: the next batch uses the new settings.
pub(super) fn stopped_by_operator(now: EpochMs) -> WaitUntil {
    WaitUntil { at: now + SIGHT, reason: WaitReason::Pause(PauseReason::Operator) }
}

/// No call begins on knowledge of the gate that is this old. So somebody who stops a scope and waits this long knows
/// that no further call begins.
pub const SIGHT: Duration = Duration::from_secs(1);
/// The shortest wait: a wait for a time that has passed would be a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// A wait longer than any batch accepts.
const MAX_PATIENCE: Duration = Duration::from_secs(3600);

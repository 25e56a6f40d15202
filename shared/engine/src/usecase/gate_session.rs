//! One invocation's view of a gate: the stored gate, what the invocation has learned since, and how the two are merged.

use std::time::Duration;

use super::notice::{self, GateNotice};
use super::{Engine, Event, Ports};
use crate::ports::{GateEntry, PortError, Replaced, Versioned};
use ghl_sync_limiter::{Gate, Pause, Rules, Signal};
use ghl_sync_model::{EpochMs, Pace, Priority, ScopeId};

/// Most conflicting writes to a busy gate before giving up.
const MAX_CONFLICTS: usize = 20;

/// Window of the daily quota.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A gate, read and written by one invocation.
pub(super) struct GateSession<'e> {
    engine: &'e Engine,
    scope: ScopeId,
    rules: Rules,
    /// The gate as last stored.
    entry: GateEntry,
    /// `entry` was current at this time, or later.
    seen_at: EpochMs,
    /// Signals learned since.
    learned: Vec<Signal>,
    /// `entry` with `learned` applied.
    view: Gate,
    /// A write whose answer was lost: it may have been done.
    in_doubt: Option<Gate>,
}

/// The part of a gate that all callers in a scope must know at once.
#[derive(PartialEq)]
struct Stance {
    breaker: &'static str,
    pause: Option<Pause>,
    /// GHL's limit, or less.
    pace: Pace,
    daily_limit: u64,
}

impl Stance {
    fn of(gate: &Gate, rules: &Rules) -> Stance {
        Stance {
            breaker: gate.breaker().as_str(),
            pause: gate.pause(),
            pace: gate.pacing().quota(gate.configured_pace(rules)),
            daily_limit: gate.daily_limit(rules),
        }
    }
}

/// Whether a decision wants its change to the gate stored.
pub(super) enum Verdict<T> {
    /// Store the change.
    Store(T),
    /// Discard the change.
    Keep(T),
}

impl Engine {
    /// The current gate of `scope`, for reading only.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn gate(&self, scope: &ScopeId, rules: &Rules) -> Result<GateEntry, PortError> {
        let mut entry = self.ports.gates.load(scope).await?;
        entry.gate.correct_times(self.ports.clock.now(), rules);
        Ok(entry)
    }
}

impl<'e> GateSession<'e> {
    pub(super) async fn open(engine: &'e Engine, scope: ScopeId, rules: Rules) -> Result<Self, PortError> {
        let seen_at = engine.ports.clock.now();
        let entry = engine.ports.gates.load(&scope).await?;
        let mut view = entry.gate.clone();
        let was_wrong = view.correct_times(engine.ports.clock.now(), &rules);
        let mut session =
            GateSession { engine, scope, rules, entry, seen_at, learned: Vec::new(), view, in_doubt: None };
        if was_wrong {
            // Store the correction at once: otherwise the times that were cut would restart with every reader.
            session.change(|_, _| Verdict::Store(())).await?;
        }
        Ok(session)
    }

    /// Maximum age of what we know about other writers.
    pub(super) fn age(&self, now: EpochMs) -> Duration {
        now.since(self.seen_at)
    }

    /// Reloads the gate to see other writers' changes.
    pub(super) async fn look_again(&mut self) -> Result<(), PortError> {
        self.settle_doubt().await?;
        let seen_at = self.engine.ports.clock.now();
        self.entry = self.engine.ports.gates.load(&self.scope).await?;
        self.seen_at = seen_at;
        self.catch_up();
        Ok(())
    }

    pub(super) fn scope(&self) -> &ScopeId {
        &self.scope
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Limits the pace to this percentage from now on.
    pub(super) fn slow_down(&mut self, percent: u32) {
        self.rules.percent = percent;
    }

    pub(super) fn view(&self) -> &Gate {
        &self.view
    }

    /// The scope's work sequence when the gate was last read or written.
    pub(super) fn work_seq(&self) -> u64 {
        self.entry.work_seq
    }

    /// Records what a call taught; the next write stores it. Returns whether it changed if or how fast calls may be
    /// made, so that all others should know at once.
    pub(super) fn learn(&mut self, signal: Signal) -> bool {
        let before = Stance::of(&self.view, &self.rules);
        self.view.learn(&signal, &self.rules);
        self.learned.push(signal);
        let after = Stance::of(&self.view, &self.rules);
        self.tell(&before, &after);
        before != after
    }

    fn tell(&self, before: &Stance, after: &Stance) {
        let (scope, sink) = (&self.scope, &self.engine.ports.sink);
        if before.breaker != after.breaker {
            sink.emit(&Event::Breaker { scope, from: before.breaker, to: after.breaker });
        }
        let lowered = |quota, from, to, window| sink.emit(&Event::LimitLowered { scope, quota, from, to, window });
        if after.pace.rate() < before.pace.rate() {
            let [from, to] = [before.pace, after.pace].map(|pace| u64::from(pace.limit.get()));
            lowered("burst", from, to, after.pace.window);
        }
        if after.daily_limit < before.daily_limit {
            lowered("daily", before.daily_limit, after.daily_limit, DAY);
        }
    }

    /// Ensures that a lease of `want` permits for `priority` has its calls allotted, if the scope shares its daily
    /// quota with other scopes. One write to the gate that counts the day covers many leases.
    pub(super) async fn allot(&mut self, want: u32, priority: Priority) -> Result<(), PortError> {
        let gates = &self.engine.ports.gates;
        let now = self.engine.ports.clock.now();
        let Some(day_scope) = self.rules.day_scope.clone() else {
            return Ok(());
        };
        if !self.view.wants_allotment(now, want, &self.rules) {
            return Ok(());
        }
        let reported = self.view.daily().as_told(now);
        let mut entry = gates.load(&day_scope).await?;
        for _ in 0..MAX_CONFLICTS {
            let mut day = entry.gate.clone();
            day.correct_times(now, &self.rules);
            let allotment = day.allot(now, reported.as_ref(), priority, &self.rules);
            // A write without an answer may have been done. Its allotment is then lost for the day, but never used
            // twice.
            let replaced =
                if day == entry.gate { None } else { Some(gates.replace(&day_scope, entry.rev, &day).await?) };
            match replaced {
                Some(Replaced::Conflict(newer)) => entry = newer,
                Some(Replaced::Written { .. }) | None => {
                    self.learn(Signal::Allotted { at: now, allotment });
                    return Ok(());
                }
            }
        }
        Err(PortError::new("sharing the daily quota", "too many others write to it"))
    }

    /// Applies `decide` to the current gate with everything learned, and stores the result. Repeats if somebody else
    /// wrote first.
    pub(super) async fn change<T>(
        &mut self,
        mut decide: impl FnMut(&GateEntry, &mut Gate) -> Verdict<T>,
    ) -> Result<T, PortError> {
        self.settle_doubt().await?;
        for _ in 0..MAX_CONFLICTS {
            let mut gate = self.with_what_was_learned();
            let answer = match decide(&self.entry, &mut gate) {
                Verdict::Keep(answer) => return Ok(answer),
                Verdict::Store(answer) => answer,
            };
            self.notice(&gate).await;
            let seen_at = self.engine.ports.clock.now();
            match self.engine.ports.gates.replace(&self.scope, self.entry.rev, &gate).await {
                Ok(Replaced::Written { rev }) => {
                    self.entry.rev = rev;
                    self.seen_at = seen_at;
                    self.stored(gate);
                    return Ok(answer);
                }
                Ok(Replaced::Conflict(entry)) => {
                    self.entry = entry;
                    self.seen_at = seen_at;
                    self.catch_up();
                }
                Err(error) => {
                    self.in_doubt = Some(gate);
                    return Err(error);
                }
            }
        }
        Err(PortError::new("writing the gate", "too many others write to it"))
    }

    /// Stores a notice of what happens to the scope when its gate becomes `gate`. If that fails, the gate is written
    /// all the same: sending correctly matters more than notifying.
    async fn notice(&self, gate: &Gate) {
        let Ports { clock, items, sink, .. } = &self.engine.ports;
        for (trouble, of) in notice::troubles(&self.entry.gate, gate) {
            let (notices, key) = (Versioned::<GateNotice>::new(items.clone()), (trouble, self.scope.clone()));
            let written = async {
                let rev = notices.load(&key).await?.map_or(0, |entry| entry.rev);
                // On a conflict, somebody else has stored the same notice.
                notices.replace(&key, rev, &GateNotice { at: clock.now(), of }).await
            };
            if let Err(error) = written.await {
                sink.emit(&Event::PortFailed { scope: Some(&self.scope), error: &error });
            }
        }
    }

    /// Finds out whether a write without an answer was done. If we cannot tell, what it would have settled stays
    /// counted until the lease ends: too cautious, never too fast.
    async fn settle_doubt(&mut self) -> Result<(), PortError> {
        let Some(tried) = self.in_doubt.take() else {
            return Ok(());
        };
        let rev = self.entry.rev;
        match self.engine.ports.gates.load(&self.scope).await {
            Ok(entry) => self.entry = entry,
            Err(error) => {
                self.in_doubt = Some(tried);
                return Err(error);
            }
        }
        if self.entry.gate == tried {
            self.stored(tried);
        } else if self.entry.rev != rev {
            self.learned.retain(|signal| !matches!(signal, Signal::Finished { .. } | Signal::Allotted { .. }));
        }
        Ok(())
    }

    /// Updates the view after somebody else, such as an operator, has changed the gate.
    fn catch_up(&mut self) {
        self.view = self.with_what_was_learned();
    }

    /// The gate as last stored, with everything learned since applied.
    fn with_what_was_learned(&self) -> Gate {
        let mut gate = self.entry.gate.clone();
        gate.correct_times(self.engine.ports.clock.now(), &self.rules);
        for signal in &self.learned {
            gate.learn(signal, &self.rules);
        }
        gate
    }

    fn stored(&mut self, gate: Gate) {
        self.learned.clear();
        self.view = gate.clone();
        self.entry.gate = gate;
    }
}

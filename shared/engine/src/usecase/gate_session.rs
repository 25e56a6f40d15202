//! One invocation's view of a gate: what is stored, what it has learned since, and how both get together.

use std::time::Duration;

use super::notice::{self, GateNotice};
use super::{Engine, Event, Ports};
use crate::ports::{GateEntry, PortError, Replaced, Versioned};
use ghl_sync_limiter::{Gate, Pause, Rules, Signal};
use ghl_sync_model::{EpochMs, Pace, Priority, ScopeId};

/// Tries before a gate that everybody writes to is given up for now.
const MAX_CONFLICTS: usize = 20;

/// The window of the daily quota.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A gate, read and written by one invocation.
pub(super) struct GateSession<'e> {
    engine: &'e Engine,
    scope: ScopeId,
    rules: Rules,
    /// The gate as it was stored last.
    entry: GateEntry,
    /// It was so at this time, or later.
    seen_at: EpochMs,
    /// What was learned since.
    learned: Vec<Signal>,
    /// Both together.
    view: Gate,
    /// A write without an answer: it may have been done.
    in_doubt: Option<Gate>,
}

/// What all who call for a scope must know at once.
#[derive(PartialEq)]
struct Stance {
    breaker: &'static str,
    pause: Option<Pause>,
    /// What GHL allows, or less.
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

/// What a decision wants of the gate that it has changed.
pub(super) enum Verdict<T> {
    /// Store the change.
    Store(T),
    /// There is nothing to store.
    Keep(T),
}

impl Engine {
    /// The gate of `scope`, to be looked at only.
    ///
    /// # Errors
    /// When the store fails.
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
            // Written down at once: else what was cut would begin anew whenever somebody looks.
            session.change(|_, _| Verdict::Store(())).await?;
        }
        Ok(session)
    }

    /// How old the knowledge of what others have written is, at most.
    pub(super) fn age(&self, now: EpochMs) -> Duration {
        now.since(self.seen_at)
    }

    /// Reads what others have written.
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

    /// From now on only so many percent of the pace are used.
    pub(super) fn slow_down(&mut self, percent: u32) {
        self.rules.percent = percent;
    }

    pub(super) fn view(&self) -> &Gate {
        &self.view
    }

    /// How often records had been put when the gate was read or written last.
    pub(super) fn work_seq(&self) -> u64 {
        self.entry.work_seq
    }

    /// Takes note of what a call taught; it is stored with the next write. Returns whether it changed whether calls
    /// may be made at all, or how fast, so that all others should know now.
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

    /// Makes sure that a lease of `want` permits for `priority` finds its calls allotted, where the day is shared with
    /// other scopes: one write to the gate that counts it, for many leases.
    pub(super) async fn allot(&mut self, want: u32, priority: Priority) -> Result<(), PortError> {
        let gates = &self.engine.ports.gates;
        let now = self.engine.ports.clock.now();
        let Some(day_scope) = self.rules.day_scope.clone() else {
            return Ok(());
        };
        if !self.view.wants_allotment(now, want, &self.rules) {
            return Ok(());
        }
        let told = self.view.daily().as_told(now);
        let mut entry = gates.load(&day_scope).await?;
        for _ in 0..MAX_CONFLICTS {
            let mut day = entry.gate.clone();
            day.correct_times(now, &self.rules);
            let allotment = day.allot(now, told.as_ref(), priority, &self.rules);
            // A write without an answer may have been done: what it took is lost for the day, and never used twice.
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
        Err(PortError::new("sharing the day", "too many others write to it"))
    }

    /// Applies `decide` to the gate as it is, with all that was learned, and stores what it makes of it; again, if
    /// somebody else was faster.
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

    /// Writes down what happens to the scope when its gate becomes `gate`. Should that fail, the gate is written all the
    /// same: what is sent by it matters more than who hears of it.
    async fn notice(&self, gate: &Gate) {
        let Ports { clock, items, sink, .. } = &self.engine.ports;
        for (trouble, of) in notice::troubles(&self.entry.gate, gate) {
            let (notices, key) = (Versioned::<GateNotice>::new(items.clone()), (trouble, self.scope.clone()));
            let written = async {
                let rev = notices.load(&key).await?.map_or(0, |entry| entry.rev);
                // Somebody else who was faster noticed the same.
                notices.replace(&key, rev, &GateNotice { at: clock.now(), of }).await
            };
            if let Err(error) = written.await {
                sink.emit(&Event::PortFailed { scope: Some(&self.scope), error: &error });
            }
        }
    }

    /// Finds out whether a write without an answer was done. If it was not seen to be, what it would have settled
    /// stays out until the lease ends: too careful, never too fast.
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

    /// Somebody else has changed the gate: an operator, for one.
    fn catch_up(&mut self) {
        self.view = self.with_what_was_learned();
    }

    /// The gate as it was stored last, with what was learned since.
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

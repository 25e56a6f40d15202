//! One invocation's view of a gate: what is stored, what it has learned since, and how both get together.

use super::{Engine, Event};
use crate::domain::{EpochMs, ScopeId};
use crate::policy::{Gate, Rules, Signal};
use crate::ports::{GateEntry, PortError, Replaced};

/// Tries before a gate that everybody writes to is given up for now.
const MAX_CONFLICTS: usize = 20;

/// A gate, read and written by one invocation.
pub(super) struct GateSession<'e> {
    engine: &'e Engine,
    scope: ScopeId,
    rules: Rules,
    /// The gate as it was stored last.
    entry: GateEntry,
    /// What was learned since.
    learned: Vec<Signal>,
    /// Both together.
    view: Gate,
    /// A write without an answer: it may have been done.
    in_doubt: Option<Gate>,
}

/// What a decision wants of the gate that it has changed.
pub(super) enum Verdict<T> {
    /// Store the change.
    Store(T),
    /// There is nothing to store.
    Keep(T),
}

impl<'e> GateSession<'e> {
    pub(super) async fn open(engine: &'e Engine, scope: ScopeId, rules: Rules) -> Result<Self, PortError> {
        let entry = engine.ports.gates.load(&scope).await?;
        let view = entry.gate.clone();
        Ok(GateSession { engine, scope, rules, entry, learned: Vec::new(), view, in_doubt: None })
    }

    pub(super) fn scope(&self) -> &ScopeId {
        &self.scope
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn view(&self) -> &Gate {
        &self.view
    }

    /// How often records had been put when the gate was read or written last, and when the last time was.
    pub(super) fn kick(&self) -> (u64, Option<EpochMs>) {
        (self.entry.kick, self.entry.kicked_at)
    }

    /// Takes note of what a call taught; it is stored with the next write. Returns whether it changed whether calls
    /// may be made at all, so that all others should know now.
    pub(super) fn learn(&mut self, signal: Signal) -> bool {
        let (breaker, pause) = (self.view.breaker().as_str(), self.view.pause());
        self.view.learn(&signal, &self.rules);
        self.learned.push(signal);
        let now = self.view.breaker().as_str();
        if breaker != now {
            self.engine.ports.meter.note(&Event::Breaker { scope: &self.scope, from: breaker, to: now });
        }
        breaker != now || pause != self.view.pause()
    }

    /// Applies `decide` to the gate as it is, with all that was learned, and stores what it makes of it; again, if
    /// somebody else was faster.
    pub(super) async fn change<T>(
        &mut self,
        mut decide: impl FnMut(&GateEntry, &mut Gate) -> Verdict<T>,
    ) -> Result<T, PortError> {
        self.settle_doubt().await?;
        for _ in 0..MAX_CONFLICTS {
            let mut gate = self.entry.gate.clone();
            for signal in &self.learned {
                gate.learn(signal, &self.rules);
            }
            let answer = match decide(&self.entry, &mut gate) {
                Verdict::Keep(answer) => return Ok(answer),
                Verdict::Store(answer) => answer,
            };
            match self.engine.ports.gates.replace(&self.scope, self.entry.rev, &gate).await {
                Ok(Replaced::Written { rev }) => {
                    self.entry.rev = rev;
                    self.stored(gate);
                    return Ok(answer);
                }
                Ok(Replaced::Conflict(entry)) => self.entry = *entry,
                Err(error) => {
                    self.in_doubt = Some(gate);
                    return Err(error);
                }
            }
        }
        Err(PortError::new("writing the gate", "too many others write to it"))
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
            self.learned.retain(|signal| !matches!(signal, Signal::Finished { .. }));
        }
        Ok(())
    }

    fn stored(&mut self, gate: Gate) {
        self.learned.clear();
        self.view = gate.clone();
        self.entry.gate = gate;
    }
}

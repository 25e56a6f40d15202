//! Starts a scope's next batch, if there is work and no batch is planned or running.

use std::time::Duration;

use super::due_check::FoundDue;
use super::gate_session::{GateSession, Verdict};
use super::host_health::HostHealthSession;
use super::{Engine, Event};
use crate::ports::{MAX_DELAY, PortError};
use ghl_sync_limiter::{Gate, Opening, Rules, WaitReason};
use ghl_sync_model::{Batch, EpochMs, Generation, LocationId, RecordKey, ScopeId};

/// An earlier batch replaces a plan only if that starts later than this.
const SOON: Duration = Duration::from_millis(200);
/// Most checks in one fan-out while others keep putting records; after that, the tick checks again.
pub(super) const LOOKS: u32 = 3;
/// Interval of the tick.
const TICK: Duration = Duration::from_secs(60);

/// Result of [`Engine::fan_out`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FannedOut {
    /// A batch was planned and its message sent.
    Planned {
        /// The batch's generation: the gate uses it to detect stale messages of earlier batches.
        generation: Generation,
        /// Records in the batch.
        records: usize,
        /// Delay until it starts.
        delay: Duration,
    },
    /// A batch is planned or running, and will see what is due.
    Busy {
        /// Start of the planned batch, if none is running or about to.
        starts_at: Option<EpochMs>,
    },
    /// There is nothing to send now.
    Idle {
        /// When there may be something to send.
        wake_at: Option<EpochMs>,
    },
    /// No location of the scope is enabled.
    NotEnabled,
}

/// What comes next for a scope: a batch, or a rest.
pub(super) enum NextPlan {
    Batch { location: LocationId, keys: Vec<RecordKey>, starts_at: EpochMs, reason: Option<WaitReason>, dry_run: bool },
    Rest { wake_at: Option<EpochMs> },
}

/// Result of an attempt to store what comes next.
pub(super) enum Planning {
    /// It is stored; holds the new batch's generation.
    Planned(Option<Generation>),
    /// Records were put since the check.
    CheckAgain,
    /// Somebody else is planning or running a batch now.
    Lost,
}

impl Engine {
    /// Plans and sends the next batch of `scope`, unless one is planned or running.
    ///
    /// # Errors
    /// If a store or the queue fails. The next tick repairs any partial write.
    pub async fn fan_out(&self, scope: &ScopeId) -> Result<FannedOut, PortError> {
        let Some((members, rules)) = self.enabled_members(scope).await? else {
            return Ok(FannedOut::NotEnabled);
        };
        let mut session = GateSession::open(self, scope.clone(), rules).await?;
        for look in 1..=LOOKS {
            let now = self.ports.clock.now();
            let gate = session.view();
            let planned = gate.live_plan(now);
            let held_until = match (gate.live_run(now), planned) {
                (Some(run), _) => Some(run.until),
                (None, Some(plan)) if plan.starts_at <= now + SOON => Some(plan.expires_at),
                (None, _) => None,
            };
            if let Some(until) = held_until {
                self.ports.sink.emit(&Event::Held { scope, until });
                return Ok(FannedOut::Busy { starts_at: None });
            }
            let generation = gate.generation();
            let found_dead = gate.has_expired_run(now);
            // An expired run makes the next batch smaller.
            let mut after = gate.clone();
            after.reap_expired_run(now, session.rules());
            let opening = after.opening(now, session.rules());
            let work_seq = session.work_seq();
            let found = self.look(&members, after.turn(), &opening).await?;
            let next = self.next(found, opening, now, now);
            if let Some(plan) = planned {
                match &next {
                    NextPlan::Batch { starts_at, .. } if *starts_at + SOON < plan.starts_at => {}
                    _ => return Ok(FannedOut::Busy { starts_at: Some(plan.starts_at) }),
                }
            }
            let rules = session.rules().clone();
            let planning = session
                .change(|entry, gate| {
                    if gate.generation() != generation || gate.live_run(now).is_some() {
                        return Verdict::Keep(Planning::Lost);
                    }
                    let missed = entry.work_seq != work_seq;
                    if missed && look < LOOKS {
                        return Verdict::Keep(Planning::CheckAgain);
                    }
                    let planning = Planning::Planned(next.write(gate, now, missed, &rules));
                    // Nobody has put anything since the gate was written, so its next check time is still right. Most
                    // due checks of a tick end here.
                    if *gate == entry.gate { Verdict::Keep(planning) } else { Verdict::Store(planning) }
                })
                .await?;
            if matches!(planning, Planning::Planned(_)) && found_dead {
                self.report_death(scope, &members).await;
            }
            match planning {
                Planning::Planned(generation) => return self.send(scope, next, generation, now).await,
                Planning::Lost => return Ok(FannedOut::Busy { starts_at: None }),
                Planning::CheckAgain => {}
            }
        }
        Ok(FannedOut::Busy { starts_at: None })
    }

    /// Reports a dead run of `scope` to the shared state of the API host.
    async fn report_death(&self, scope: &ScopeId, members: &[LocationId]) {
        let Some(location) = members.first() else {
            return;
        };
        if let Ok(Some(settings)) = self.ports.registry.location(location).await {
            let mut host_health = HostHealthSession::open(self, settings.api, scope.clone()).await;
            host_health.died(self.ports.clock.now()).await;
        }
    }

    /// The enabled locations of a scope, and the rules they share; `None` if none is enabled.
    pub async fn enabled_members(&self, scope: &ScopeId) -> Result<Option<(Vec<LocationId>, Rules)>, PortError> {
        let mut enabled = Vec::new();
        let mut rules = None;
        for location in self.ports.registry.members(scope).await? {
            if let Some(settings) = self.ports.registry.location(&location).await?
                && settings.enabled
            {
                rules.get_or_insert_with(|| self.config.rules(&settings));
                enabled.push(location);
            }
        }
        Ok(rules.map(|rules| (enabled, rules)))
    }

    /// Decides what comes next. A batch's message does not arrive before `earliest`.
    pub(super) fn next(&self, found: FoundDue, opening: Opening, now: EpochMs, earliest: EpochMs) -> NextPlan {
        match found {
            FoundDue::Work { location, keys, at } if now.until(at) <= MAX_DELAY => {
                let reason = if at > opening.at { Some(WaitReason::Backoff) } else { opening.reason };
                // The early arrival must not be before `earliest` either.
                let starts_at = if earliest > now { at.max(earliest + self.early(reason)) } else { at };
                NextPlan::Batch { location, keys, starts_at, reason, dry_run: false }
            }
            FoundDue::Work { at, .. } => NextPlan::Rest { wake_at: Some(at) },
            FoundDue::Nothing { next_due } => NextPlan::Rest { wake_at: next_due },
        }
    }

    /// How long before its start a batch's message should arrive. Zero unless quota would pass unused.
    fn early(&self, reason: Option<WaitReason>) -> Duration {
        match reason {
            None | Some(WaitReason::Backoff) => Duration::ZERO,
            Some(_) => self.config.early,
        }
    }

    /// Sends the planned batch.
    pub(super) async fn send(
        &self,
        scope: &ScopeId,
        next: NextPlan,
        generation: Option<Generation>,
        now: EpochMs,
    ) -> Result<FannedOut, PortError> {
        match (next, generation) {
            (NextPlan::Batch { location, keys, starts_at, reason, dry_run, .. }, Some(generation)) => {
                let records = keys.len();
                let delay = now.until(starts_at).saturating_sub(self.early(reason)).min(MAX_DELAY);
                let batch = Batch { generation: Some(generation), keys, dry_run, ..Batch::new(location) };
                self.ports.queue.send(&batch, delay).await?;
                let location = &batch.location_id;
                self.ports.sink.emit(&Event::Planned { location, generation, records, delay, reason });
                Ok(FannedOut::Planned { generation, records, delay })
            }
            (NextPlan::Batch { starts_at, .. }, None) => Ok(FannedOut::Idle { wake_at: Some(starts_at) }),
            (NextPlan::Rest { wake_at }, _) => {
                self.ports.sink.emit(&Event::Rests { scope, wake_at });
                Ok(FannedOut::Idle { wake_at })
            }
        }
    }
}

impl NextPlan {
    /// Writes it into the gate. Records `missed` because they were put since the check are found at the end of a batch
    /// that starts before the next tick, or else by that tick.
    pub(super) fn write(&self, gate: &mut Gate, now: EpochMs, missed: bool, rules: &Rules) -> Option<Generation> {
        match self {
            NextPlan::Batch { starts_at, .. } if !missed || *starts_at <= now + TICK => {
                Some(gate.plan(now, *starts_at, rules))
            }
            NextPlan::Rest { wake_at } if !missed => {
                gate.rest(now, *wake_at, rules);
                None
            }
            NextPlan::Batch { .. } | NextPlan::Rest { .. } => {
                gate.rest(now, Some(now), rules);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use ghl_sync_model::{Api, Conflict, CredentialsRef, LocationLabels, LocationSettings, Pace, Priority};

    #[test]
    fn what_was_missed_is_found_by_the_next_tick_whatever_was_planned() {
        let now = EpochMs(1_000_000);
        let location = LocationId::new("l").unwrap();
        let rules = crate::usecase::EngineConfig::default().rules(&LocationSettings {
            scope: location.clone().into(),
            day_scope: None,
            enabled: true,
            dry_run: false,
            pace: Pace { limit: NonZeroU32::new(100).unwrap(), window: Duration::from_secs(10) },
            daily_limit: 200_000,
            daily_reserve: 0,
            default_priority: Priority::Normal,
            conflict: Conflict::Ours,
            conflict_is_set: false,
            api: Api::V2,
            credentials: CredentialsRef::Default,
            outcomes_webhook: None,
            content_days: None,
            labels: LocationLabels::default(),
        });
        let batch = |starts_at| NextPlan::Batch {
            location: location.clone(),
            keys: Vec::new(),
            starts_at,
            reason: None,
            dry_run: false,
        };
        let next_check_at = |next: &NextPlan, missed| {
            let mut gate = Gate::default();
            next.write(&mut gate, now, missed, &rules);
            (gate.live_plan(now).map(|plan| plan.starts_at), gate.next_check_at())
        };
        let (soon, late) = (now + TICK, now + 2 * TICK);
        assert_eq!(next_check_at(&NextPlan::Rest { wake_at: None }, false), (None, None));
        assert_eq!(next_check_at(&NextPlan::Rest { wake_at: None }, true), (None, Some(now)));
        assert_eq!(next_check_at(&batch(late), false).0, Some(late));
        assert_eq!(next_check_at(&batch(late), true), (None, Some(now)));
        assert_eq!(next_check_at(&batch(soon), true).0, Some(soon));
    }
}

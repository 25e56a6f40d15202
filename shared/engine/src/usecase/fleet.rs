//! What one invocation knows of all locations of its API host, and tells them.

use super::{Engine, Event};
use crate::ports::{FleetEntry, FleetReplaced, PortError};
use ghl_sync_limiter::{Fleet, HostAdmission};
use ghl_sync_model::{Api, EpochMs, ScopeId};

/// Tries before a report is given up: others report the same.
const MAX_CONFLICTS: usize = 20;

/// The fleet of one API host, read once and written when something goes wrong.
///
/// It never stands in the way: when it cannot be read all is taken to be well, and what cannot be written is not said.
pub(super) struct FleetSession<'e> {
    engine: &'e Engine,
    api: Api,
    scope: ScopeId,
    entry: FleetEntry,
    /// Whether the host's probe is ours.
    probing: bool,
}

impl<'e> FleetSession<'e> {
    pub(super) async fn open(engine: &'e Engine, api: Api, scope: ScopeId) -> Self {
        let mut session = FleetSession { engine, api, scope, entry: FleetEntry::default(), probing: false };
        session.reload().await;
        session
    }

    pub(super) async fn reload(&mut self) {
        match self.engine.ports.fleet.load(self.api).await {
            Ok(entry) => self.entry = entry,
            Err(error) => self.port_failed(&error),
        }
    }

    pub(super) fn admit(&self, now: EpochMs) -> HostAdmission {
        self.entry.fleet.host.admit(hash(&self.scope), now)
    }

    /// Whether invocations die everywhere, so that no record is to blame.
    pub(super) fn deaths_are_ours(&self, now: EpochMs) -> bool {
        self.entry.fleet.deaths.are_ours(now)
    }

    /// Whether the host's probe is ours, and not over.
    pub(super) fn is_probing(&self) -> bool {
        self.probing
    }

    /// Takes the host's probe, if nobody was faster. Returns whether it is ours.
    pub(super) async fn take_probe(&mut self, now: EpochMs) -> bool {
        let (scope, config) = (hash(&self.scope), &self.engine.config);
        let probe_until = now + config.patience + config.lease_ahead + config.request_timeout + 2 * config.late_arrival;
        self.probing = self
            .change(|fleet| {
                if fleet.host.admit(scope, now) == HostAdmission::Probe {
                    fleet.host.probe(probe_until);
                }
            })
            .await;
        self.probing
    }

    /// The scope's breaker opened or closed: the host's probe is over, or the scope is in trouble.
    pub(super) async fn breaker_changed(&mut self, closed: bool, now: EpochMs) {
        let (scope, rules) = (hash(&self.scope), self.engine.config.breaker);
        let probing = std::mem::take(&mut self.probing);
        self.change(|fleet| {
            if closed {
                fleet.open.closed(scope);
            } else {
                fleet.open.opened(scope, now);
            }
            match (probing, closed) {
                (true, true) => fleet.host.is_up(now),
                (true, false) => fleet.host.is_down(scope, now, rules),
                (false, true) => {}
                (false, false) => fleet.host.in_trouble(scope, now, rules),
            }
        })
        .await;
    }

    /// All calls of the scope fail.
    pub(super) async fn in_trouble(&mut self, now: EpochMs) {
        let (scope, rules) = (hash(&self.scope), self.engine.config.breaker);
        self.change(|fleet| fleet.host.in_trouble(scope, now, rules)).await;
    }

    /// A run of the scope was found dead.
    pub(super) async fn died(&mut self, now: EpochMs) {
        let scope = hash(&self.scope);
        self.change(|fleet| fleet.deaths.add(scope, now)).await;
    }

    /// The batch is over. A probe that it did not send goes to somebody else.
    pub(super) async fn close(mut self) {
        if self.probing {
            let now = self.engine.ports.clock.now();
            self.change(|fleet| fleet.host.return_probe(now)).await;
        }
    }

    /// Stores what `change` makes of the fleet as it is; again, if somebody else was faster. Returns whether there was
    /// something to store, and it is stored.
    async fn change(&mut self, change: impl Fn(&mut Fleet)) -> bool {
        for _ in 0..MAX_CONFLICTS {
            let mut fleet = self.entry.fleet.clone();
            change(&mut fleet);
            if fleet == self.entry.fleet {
                return false;
            }
            match self.engine.ports.fleet.replace(self.api, self.entry.rev, &fleet).await {
                Ok(FleetReplaced::Written { rev }) => {
                    let (from, to) = (self.entry.fleet.host.as_str(), fleet.host.as_str());
                    if from != to {
                        self.engine.ports.meter.note(&Event::Host { api: self.api, scope: &self.scope, from, to });
                    }
                    self.entry = FleetEntry { rev, fleet };
                    return true;
                }
                Ok(FleetReplaced::Conflict(entry)) => self.entry = *entry,
                Err(error) => {
                    self.port_failed(&error);
                    return false;
                }
            }
        }
        false
    }

    fn port_failed(&self, error: &PortError) {
        self.engine.port_failed(self.scope.clone(), error);
    }
}

/// A scope's number among all scopes, the same in every invocation.
fn hash(scope: &ScopeId) -> u32 {
    super::fnv1a(scope.as_str().bytes())
}

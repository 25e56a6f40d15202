//! One invocation's access to the health that all locations of an API host share.

use super::{Engine, Event};
use crate::ports::{Entry, PortError, Replaced};
use ghl_sync_limiter::{HostAdmission, HostHealth};
use ghl_sync_model::{Api, EpochMs, ScopeId};

/// Most conflicting writes before a report is dropped: others report the same.
const MAX_CONFLICTS: usize = 20;

/// The health of one API host: read once, and written when something goes wrong.
///
/// It never blocks sending: if it cannot be read, the host counts as healthy, and a failed write is dropped.
pub(super) struct HostHealthSession<'e> {
    engine: &'e Engine,
    api: Api,
    scope: ScopeId,
    entry: Entry<HostHealth>,
    /// Whether this invocation holds the host's probe.
    probing: bool,
}

impl<'e> HostHealthSession<'e> {
    pub(super) async fn open(engine: &'e Engine, api: Api, scope: ScopeId) -> Self {
        let mut session = HostHealthSession { engine, api, scope, entry: Entry::default(), probing: false };
        session.reload().await;
        session
    }

    pub(super) async fn reload(&mut self) {
        match self.engine.ports.host_health.load(self.api.as_str()).await {
            Ok(entry) => self.entry = entry.unwrap_or_default(),
            Err(error) => self.port_failed(&error),
        }
    }

    pub(super) fn admit(&self, now: EpochMs) -> HostAdmission {
        self.entry.value.host.admit(hash(&self.scope), now)
    }

    /// Whether invocations die everywhere, so that no record is to blame.
    pub(super) fn deaths_are_ours(&self, now: EpochMs) -> bool {
        self.entry.value.deaths.are_ours(now)
    }

    /// Whether this invocation holds the host's probe and has not finished it.
    pub(super) fn is_probing(&self) -> bool {
        self.probing
    }

    /// Takes the host's probe, unless somebody else was faster. Returns whether this invocation holds it.
    pub(super) async fn take_probe(&mut self, now: EpochMs) -> bool {
        let (scope, config) = (hash(&self.scope), &self.engine.config);
        let probe_until = now + config.patience + config.lease_ahead + config.request_timeout + 2 * config.late_arrival;
        self.probing = self
            .change(|host_health| {
                if host_health.host.admit(scope, now) == HostAdmission::Probe {
                    host_health.host.probe(probe_until);
                }
            })
            .await;
        self.probing
    }

    /// Reports that the scope's breaker opened or closed: the host's probe is over, or the scope is in trouble.
    pub(super) async fn breaker_changed(&mut self, closed: bool, now: EpochMs) {
        let (scope, rules) = (hash(&self.scope), self.engine.config.breaker);
        let probing = std::mem::take(&mut self.probing);
        self.change(|host_health| {
            if closed {
                host_health.open.closed(scope);
            } else {
                host_health.open.opened(scope, now);
            }
            match (probing, closed) {
                (true, true) => host_health.host.is_up(now),
                (true, false) => host_health.host.is_down(scope, now, rules),
                (false, true) => {}
                (false, false) => host_health.host.in_trouble(scope, now, rules),
            }
        })
        .await;
    }

    /// Reports that all calls of the scope fail.
    pub(super) async fn in_trouble(&mut self, now: EpochMs) {
        let (scope, rules) = (hash(&self.scope), self.engine.config.breaker);
        self.change(|host_health| host_health.host.in_trouble(scope, now, rules)).await;
    }

    /// Reports that a run of the scope was found dead.
    pub(super) async fn died(&mut self, now: EpochMs) {
        let scope = hash(&self.scope);
        self.change(|host_health| host_health.deaths.add(scope, now)).await;
    }

    /// Ends the session with the batch. A probe that was not sent is returned for others.
    pub(super) async fn close(mut self) {
        if self.probing {
            let now = self.engine.ports.clock.now();
            self.change(|host_health| host_health.host.return_probe(now)).await;
        }
    }

    /// Applies `change` to the current health and stores the result. Repeats if somebody else wrote first. Returns
    /// whether there was a change and it was stored.
    async fn change(&mut self, change: impl Fn(&mut HostHealth)) -> bool {
        for _ in 0..MAX_CONFLICTS {
            let mut host_health = self.entry.value.clone();
            change(&mut host_health);
            if host_health == self.entry.value {
                return false;
            }
            match self.engine.ports.host_health.replace(self.api.as_str(), self.entry.rev, &host_health).await {
                Ok(Replaced::Written { rev }) => {
                    let (from, to) = (self.entry.value.host.as_str(), host_health.host.as_str());
                    if from != to {
                        self.engine.ports.sink.emit(&Event::Host { api: self.api, scope: &self.scope, from, to });
                    }
                    self.entry = Entry { rev, value: host_health };
                    return true;
                }
                Ok(Replaced::Conflict(entry)) => self.entry = entry.unwrap_or_default(),
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

/// Hash of the scope, the same in every invocation.
fn hash(scope: &ScopeId) -> u32 {
    super::fnv1a(scope.as_str().bytes())
}

//! People who opt contacts out in GHL, and the check that their opt-outs stand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_inbound::Reconciler;
use ghl_sync_model::{Call, Contact, Endpoint, EpochMs, GhlId, Holder, LocationId};
use ghl_sync_testkit::{Arrival, TestRandomness, World};
use serde_json::json;

use crate::names::{email, ms};
use crate::scenario::{Scenario, ScenarioTrouble, TroubleKind};

/// People choose among the contacts numbered below this.
const CONTACTS: u64 = 36;
/// Longest time between a read and the write based on it, where GHL allows few calls.
const LOOK_TO_WRITE: Duration = Duration::from_secs(60);

/// The opt-outs, our calls that reverted them, and the records that reconciling sent again.
#[derive(Clone, Default)]
pub(crate) struct OptOutWatch(Arc<OptOutLog>);

#[derive(Default)]
struct OptOutLog {
    /// GHL's id of the contact and the time of the opt-out.
    opted_out: Mutex<BTreeMap<Person, (GhlId, EpochMs)>>,
    turned_back: Mutex<Vec<String>>,
    resent: AtomicU64,
    stopped: AtomicBool,
}

/// A contact (location and email address) and the kind of opt-out.
type Person = (LocationId, String, OptOut);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OptOut {
    Everywhere,
    Sms,
}

impl OptOut {
    fn stands_in(self, contact: &Contact) -> bool {
        match self {
            OptOut::Everywhere => contact.dnd == Some(true),
            OptOut::Sms => contact.dnd_settings.as_ref().is_some_and(|all| all["SMS"]["status"] == "active"),
        }
    }

    fn is_lifted_by(self, written: &Contact) -> bool {
        match self {
            OptOut::Everywhere => written.dnd == Some(false),
            OptOut::Sms => written.dnd_settings.is_some() && !self.stands_in(written),
        }
    }
}

impl OptOutWatch {
    /// Starts the opt-outs and the reconciling, and watches each write. Must be called before any fault is set, because
    /// the simulated GHL's first rule sees every call.
    pub(crate) fn begin(&self, scenario: &Scenario, world: &Arc<World>) {
        let this = self.clone();
        world.ghl.on_call(move |seen| {
            if let Call::UpsertContact(written) | Call::UpdateContact { contact: written, .. } = seen.call {
                this.see(seen.location, written);
            }
            None
        });
        for trouble in &scenario.troubles {
            if let TroubleKind::OptOuts { location, every_ms } = trouble.what
                && let Some(place) = scenario.locations.get(location)
            {
                let randomness = world.randomness.fork();
                tokio::spawn(opt_outs(
                    trouble.clone(),
                    place.name.clone(),
                    every_ms,
                    world.clone(),
                    randomness,
                    self.clone(),
                ));
            }
        }
        if let Some(every_ms) = scenario.reconcile_every_ms {
            tokio::spawn(reconcile(scenario.clone(), ms(every_ms.max(1)), world.clone(), self.clone()));
        }
    }

    /// Starts no further reconciling.
    pub(crate) fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Number of records that reconciling sent again.
    pub(crate) fn resent(&self) -> u64 {
        self.0.resent.load(Ordering::Relaxed)
    }

    /// Opt-outs that one of our calls reverted, or that no longer stand.
    pub(crate) fn turned_back(&self, world: &World) -> Vec<String> {
        let mut turned_back = locked(&self.0.turned_back).clone();
        let arrivals = world.ghl.arrivals();
        for ((location, email, opt_out), (id, at)) in locked(&self.0.opted_out).iter() {
            let stands = world.ghl.contact(location, email).is_some_and(|(_, shown, _)| opt_out.stands_in(&shown));
            // An undo reads before it deletes, so an opt-out in between is deleted with the contact.
            let is_deletion = |arrival: &Arrival| {
                arrival.endpoint == Endpoint::DeleteContact
                    && arrival.subject == id.as_str()
                    && arrival.sent_at <= *at + LOOK_TO_WRITE
            };
            if !stands && !arrivals.iter().any(is_deletion) {
                turned_back.push(format!("{location} {email}: {opt_out:?} is gone"));
            }
        }
        turned_back
    }

    fn see(&self, location: &LocationId, written: &Contact) {
        for (of, email, opt_out) in locked(&self.0.opted_out).keys() {
            if of == location && written.email.as_ref() == Some(email) && opt_out.is_lifted_by(written) {
                locked(&self.0.turned_back).push(format!("{location} {email}: a call lifts {opt_out:?}"));
            }
        }
    }
}

async fn opt_outs(
    trouble: ScenarioTrouble,
    location: LocationId,
    every_ms: u64,
    world: Arc<World>,
    randomness: TestRandomness,
    watch: OptOutWatch,
) {
    tokio::time::sleep(ms(trouble.from_ms)).await;
    while trouble.is_now(world.clock.elapsed()) {
        let email = email(u32::try_from(randomness.within(0..=CONTACTS - 1)).unwrap_or(0));
        let opt_out = if randomness.within(0..=1) == 0 { OptOut::Everywhere } else { OptOut::Sms };
        if let Some((id, ..)) = world.ghl.contact(&location, &email) {
            world.ghl.edit_contact(&location, &id, |contact| match opt_out {
                OptOut::Everywhere => contact.dnd = Some(true),
                OptOut::Sms => contact.dnd_settings = Some(json!({ "SMS": { "status": "active" } })),
            });
            let now = world.clock.now();
            locked(&watch.0.opted_out).entry((location.clone(), email, opt_out)).or_insert((id, now));
        }
        tokio::time::sleep(ms(randomness.within(1..=2 * every_ms.max(1)))).await;
    }
}

/// Reconciles all locations again and again.
async fn reconcile(scenario: Scenario, every: Duration, world: Arc<World>, watch: OptOutWatch) {
    let timeout = ms(scenario.hosts.function_timeout_ms);
    for round in 0.. {
        tokio::time::sleep(every).await;
        for place in &scenario.locations {
            if watch.0.stopped.load(Ordering::Relaxed) {
                return;
            }
            let host = world.host();
            let Ok(holder) = Holder::new(format!("reconcile-{round}")) else { return };
            let invocation = Invocation { holder, deadline: host.ports().clock.now() + timeout };
            if let Ok(report) =
                tokio::time::timeout(timeout, Reconciler::new(host.clone()).reconcile(&place.name, &invocation)).await
            {
                watch.0.resent.fetch_add(report.resent, Ordering::Relaxed);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! People at GHL: they opt contacts out, and what they did must stand.

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
use crate::scenario::{Scenario, Trouble, What};

/// People pick among the contacts of the numbers below this one.
const CONTACTS: u64 = 36;
/// Between a look and the write that follows from it, where GHL allows few calls.
const LOOK_TO_WRITE: Duration = Duration::from_secs(60);

/// What people did, what our calls did to it, and what reconciling sent again.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// With GHL's id of the contact, and since when.
    opted_out: Mutex<BTreeMap<Person, (GhlId, EpochMs)>>,
    turned_back: Mutex<Vec<String>>,
    resent: AtomicU64,
    stopped: AtomicBool,
}

/// Whose contact, by its e-mail address, and what of it was opted out.
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

impl Watch {
    /// Has people opt out, reconciling run, and each write watched. To be called before any fault is set: the first rule
    /// of the simulated GHL sees every call.
    pub(crate) fn begin(&self, scenario: &Scenario, world: &Arc<World>) {
        let this = self.clone();
        world.ghl.on_call(move |seen| {
            if let Call::UpsertContact(written) | Call::UpdateContact { contact: written, .. } = seen.call {
                this.see(seen.location, written);
            }
            None
        });
        for trouble in &scenario.troubles {
            if let What::OptOuts { location, every_ms } = trouble.what
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

    /// Reconciling is not begun any more.
    pub(crate) fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// How many records reconciling sent again.
    pub(crate) fn resent(&self) -> u64 {
        self.0.resent.load(Ordering::Relaxed)
    }

    /// Opt-outs of people that a call of ours turned back, or that do not stand any more.
    pub(crate) fn turned_back(&self, world: &World) -> Vec<String> {
        let mut turned_back = locked(&self.0.turned_back).clone();
        let arrivals = world.ghl.arrivals();
        for ((location, email, opt_out), (id, at)) in locked(&self.0.opted_out).iter() {
            let stands = world.ghl.contact(location, email).is_some_and(|(_, shown, _)| opt_out.stands_in(&shown));
            // An undo looks before it deletes: who opts out in between goes with the contact.
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
    trouble: Trouble,
    location: LocationId,
    every_ms: u64,
    world: Arc<World>,
    randomness: TestRandomness,
    watch: Watch,
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
async fn reconcile(scenario: Scenario, every: Duration, world: Arc<World>, watch: Watch) {
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

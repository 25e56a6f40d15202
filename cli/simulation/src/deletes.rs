//! An operator who deletes contacts in GHL.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_model::{Kind, LocationId, Payload, RecordKey};
use ghl_sync_testkit::{TestRandomness, World};

use crate::names::ms;
use crate::rules::Broken;
use crate::scenario::{Numbers, Puts, Scenario, Trouble, What};

/// A request may take this long until it is given up: a store may hang.
const REQUEST: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);

/// The contact records whose deletion was asked for, with their e-mail addresses.
#[derive(Clone, Default)]
pub(crate) struct Deletes(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    contacts: BTreeMap<(LocationId, RecordKey), String>,
    /// Operators who have not gone home yet.
    at_work: usize,
}

impl Deletes {
    /// Deletes contacts of `world` as `scenario` says.
    pub(crate) fn of(world: &Arc<World>, scenario: &Scenario) -> Deletes {
        let deletes = Deletes::default();
        for trouble in &scenario.troubles {
            if let What::Deletes { location, every_ms } = trouble.what
                && let Some(place) = scenario.locations.get(location)
                && scenario.puts.iter().filter(|puts| puts.location == location).all(stands_alone)
            {
                let (world, watch) = (world.clone(), deletes.clone());
                let (trouble, place) = (trouble.clone(), place.name.clone());
                let randomness = TestRandomness::seeded(scenario.seed ^ trouble.from_ms);
                deletes.lock().at_work += 1;
                tokio::spawn(async move { watch.delete(&trouble, &place, every_ms, &world, &randomness).await });
            }
        }
        deletes
    }

    async fn delete(
        &self,
        trouble: &Trouble,
        location: &LocationId,
        every_ms: u64,
        world: &World,
        randomness: &TestRandomness,
    ) {
        tokio::time::sleep(ms(trouble.from_ms)).await;
        while trouble.is_now(world.clock.elapsed()) {
            self.delete_one(location, world, randomness).await;
            tokio::time::sleep(ms(randomness.within(1..=2 * every_ms.max(1)))).await;
        }
        self.lock().at_work -= 1;
    }

    /// Until nobody asks for anything any more.
    pub(crate) async fn ended(&self) {
        while self.lock().at_work > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What fails here is left to the next time: it may have been asked for all the same.
    async fn delete_one(&self, location: &LocationId, world: &World, randomness: &TestRandomness) {
        let records = world.outbox.records().into_iter();
        let there: Vec<(RecordKey, String)> = records
            .filter(|record| record.location_id == *location && record.key.kind == Kind::Contact)
            .filter(|record| record.ghl_id.is_some())
            .filter_map(|record| match record.payload {
                Payload::Contact(contact) => Some((record.key, contact.email?)),
                Payload::Opportunity(_) => None,
            })
            .collect();
        let Some(last) = (there.len() as u64).checked_sub(1) else { return };
        let chosen = usize::try_from(randomness.within(0..=last)).unwrap_or(0);
        let (key, email) = there[chosen].clone();
        self.lock().contacts.insert((location.clone(), key.clone()), email);
        let _ = tokio::time::timeout(REQUEST, world.operator().delete_in_ghl(location, &key)).await;
    }

    /// Whether somebody asked for it: then it may be gone.
    pub(crate) fn asked(&self, location: &LocationId, key: &RecordKey) -> bool {
        self.lock().contacts.contains_key(&(location.clone(), key.clone()))
    }

    /// Contacts that are gone here, and still in GHL.
    pub(crate) fn broken(&self, world: &World) -> Vec<Broken> {
        let asked = self.lock();
        let left = asked.contacts.iter().filter(|((location, key), email)| {
            world.outbox.record(location, key).is_none() && world.ghl.contact(location, email).is_some()
        });
        let broken = |((location, key), _): (&(LocationId, RecordKey), &String)| Broken {
            rule: "what is deleted here is deleted in ghl",
            how: format!("{location} {key}"),
        };
        left.map(broken).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no other record is about one of the contacts: deals of a contact that is gone are refused, and what shares it
/// is not deleted.
pub(crate) fn stands_alone(puts: &Puts) -> bool {
    let is_none = |(from, to): Numbers| from >= to;
    is_none(puts.deals) && is_none(puts.shared) && is_none(puts.twins) && !puts.dropped
}

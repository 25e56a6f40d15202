//! An operator who deletes contacts in GHL.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_model::{Kind, LocationId, Payload, RecordKey};
use ghl_sync_testkit::{TestRandomness, World};

use crate::actor::AtWork;
use crate::broken::Broken;
use crate::scenario::{Numbers, Puts, Scenario, TroubleKind};

/// Gives up a request after this time, because a store may hang.
const REQUEST: Duration = Duration::from_secs(60);

/// Contact records that the operator asked to delete, with their email addresses.
#[derive(Clone, Default)]
pub(crate) struct Deletes {
    asked: Arc<Mutex<BTreeMap<(LocationId, RecordKey), String>>>,
    pub(crate) at_work: AtWork,
}

impl Deletes {
    /// Deletes contacts of `world` as `scenario` prescribes.
    pub(crate) fn of(world: &Arc<World>, scenario: &Scenario) -> Deletes {
        let deletes = Deletes::default();
        let of = |what: &TroubleKind| match what {
            TroubleKind::Deletes { location, every_ms } => Some((*location, *every_ms)),
            _ => None,
        };
        for mut actor in scenario.actors(of) {
            if scenario.puts.iter().filter(|puts| puts.location == actor.location).all(stands_alone) {
                let (world, watch, shift) = (world.clone(), deletes.clone(), deletes.at_work.begin());
                tokio::spawn(async move {
                    while actor.acts(&world).await {
                        watch.delete_one(&actor.place, &world, &actor.randomness).await;
                    }
                    drop(shift);
                });
            }
        }
        deletes
    }

    /// A failure is left to the next attempt. The deletion may have been requested all the same.
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
        self.lock().insert((location.clone(), key.clone()), email);
        let _ = tokio::time::timeout(REQUEST, world.operator().delete_in_ghl(location, &key)).await;
    }

    /// Whether the operator asked to delete the record; it may then be gone.
    pub(crate) fn asked(&self, location: &LocationId, key: &RecordKey) -> bool {
        self.lock().contains_key(&(location.clone(), key.clone()))
    }

    /// Contacts whose record is gone here but that still exist in GHL.
    pub(crate) fn broken(&self, world: &World) -> Vec<Broken> {
        let asked = self.lock();
        let left = asked.iter().filter(|((location, key), email)| {
            world.outbox.record(location, key).is_none() && world.ghl.contact(location, email).is_some()
        });
        let broken = |((location, key), _): (&(LocationId, RecordKey), &String)| Broken {
            rule: "what is deleted here is deleted in ghl",
            how: format!("{location} {key}"),
        };
        left.map(broken).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(LocationId, RecordKey), String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no other record refers to one of the contacts. GHL refuses opportunities of a contact that is gone, and a
/// contact that several records share is not deleted.
pub(crate) fn stands_alone(puts: &Puts) -> bool {
    let is_none = |(from, to): Numbers| from >= to;
    is_none(puts.opportunities) && is_none(puts.shared) && is_none(puts.twins) && !puts.dropped
}

//! A source that mirrors its whole list again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_model::{
    Contact, LocationId, MirrorName, MirrorPartKey, OnMissing, Payload, PutRecord, RecordId, RecordKey, RunId,
};
use ghl_sync_operate::{Commit, CommitReport};
use ghl_sync_testkit::World;

use crate::actor::{Actor, AtWork};
use crate::broken::Broken;
use crate::deletes::Deletes;
use crate::scenario::{Scenario, TroubleKind};

/// Gives up a request after this time, because a store may hang.
const REQUEST: Duration = Duration::from_secs(60);
/// Delay before a failed request is repeated.
const AGAIN: Duration = Duration::from_secs(2);
/// Number of people to choose a list from.
const PEOPLE: u64 = 12;
/// People per part of a list.
const PART: usize = 5;

/// For each person ever in a committed list of a location: whether they must exist in the end.
#[derive(Clone, Default)]
pub(crate) struct Mirrors {
    wanted: Arc<Mutex<BTreeMap<(LocationId, RecordKey), bool>>>,
    pub(crate) at_work: AtWork,
}

/// One list owner that mirrors its people into a location.
struct MirrorSource {
    actor: Actor,
    world: Arc<World>,
    sent: Mirrors,
}

impl Mirrors {
    /// Mirrors lists into `world` as `scenario` prescribes.
    pub(crate) fn of(world: &Arc<World>, scenario: &Scenario) -> Mirrors {
        let mirrors = Mirrors::default();
        let of = |what: &TroubleKind| match what {
            TroubleKind::Mirrors { location, every_ms } => Some((*location, *every_ms)),
            _ => None,
        };
        for actor in scenario.actors(of) {
            let mut source = MirrorSource { actor, world: world.clone(), sent: mirrors.clone() };
            let shift = mirrors.at_work.begin();
            tokio::spawn(async move {
                let mut runs = 0;
                while source.actor.acts(&source.world).await {
                    runs += 1;
                    source.send(runs).await;
                }
                drop(shift);
            });
        }
        mirrors
    }

    /// People of the last lists who are missing, and people who still exist although a list removed them.
    pub(crate) fn broken(&self, world: &World, deletes: &Deletes) -> Vec<Broken> {
        let wanted = self.lock();
        let judged = wanted.iter().filter(|((location, key), _)| !deletes.asked(location, key));
        judged
            .filter_map(|((location, key), wanted)| {
                let record = world.outbox.record(location, key);
                let is_there = world.ghl.contact(location, &address(&key.id)).is_some();
                let has_failed = record.as_ref().is_some_and(|record| record.last_error.is_some());
                let how = match (wanted, &record) {
                    (true, None) => "is gone here",
                    (true, Some(_)) if !is_there && !has_failed => "is not in ghl",
                    (false, Some(_)) if !has_failed => "is still here",
                    (false, None) if is_there => "is still in ghl",
                    _ => return None,
                };
                Some(Broken {
                    rule: "who is in a mirror is there, and nobody else",
                    how: format!("{location} {key} {how}"),
                })
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(LocationId, RecordKey), bool>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MirrorSource {
    /// Sends one list: puts everybody in it, part by part, then commits it.
    async fn send(&self, run: u64) {
        let Some((name, run_id)) = "crm".parse::<MirrorName>().ok().zip(RunId::new(format!("run-{run}")).ok()) else {
            return;
        };
        let people: Vec<PutRecord> = (0..PEOPLE)
            .filter(|_| self.actor.randomness.within(1..=10) <= 7)
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|n| self.person(n, run))
            .collect();
        let mut parts = 0;
        for part in people.chunks(PART) {
            let key = MirrorPartKey {
                location: self.actor.place.clone(),
                name: name.clone(),
                run: run_id.clone(),
                part: parts,
            };
            self.send_part(&key, part).await;
            parts += 1;
        }
        let on_missing = if self.actor.randomness.within(1..=3) == 1 { OnMissing::Keep } else { OnMissing::Delete };
        let mut commit = Commit { run: run_id, parts, on_missing, max_missing: 1.0, done: 0 };
        let mut left = BTreeSet::new();
        loop {
            let operator = self.world.operator();
            let committed =
                tokio::time::timeout(REQUEST, operator.commit_mirror(&self.actor.place, &name, &commit)).await;
            let Ok(Ok(CommitReport { done, left: more, complete, .. })) = committed else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            left.extend(more.into_iter().map(|(key, _)| key));
            commit.done = done;
            if complete {
                break;
            }
        }
        self.note(&people, &commit.on_missing, &left);
    }

    /// Retries until the part is accepted.
    async fn send_part(&self, key: &MirrorPartKey, people: &[PutRecord]) {
        let ids: Vec<RecordId> = people.iter().map(|put| put.id.clone()).collect();
        loop {
            let put = tokio::time::timeout(REQUEST, self.world.host().put(people)).await;
            if put.is_ok_and(|put| put.is_ok()) {
                let operator = self.world.operator();
                let taken = tokio::time::timeout(REQUEST, operator.take_mirror_part(key, ids.clone(), 0)).await;
                if taken.is_ok_and(|taken| taken.is_ok()) {
                    return;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn person(&self, n: u64, run: u64) -> Option<PutRecord> {
        let id = RecordId::new(format!("m{n}")).ok()?;
        // Most people have the same content in every list.
        let city = if n.is_multiple_of(3) { format!("city {run}") } else { "city".to_owned() };
        let contact = Contact { email: Some(address(&id)), city: Some(city), ..Contact::default() };
        Some(PutRecord::new(self.actor.place.clone(), id, Payload::Contact(contact)))
    }

    /// Records the final state that this list requires.
    fn note(&self, people: &[PutRecord], on_missing: &OnMissing, left: &BTreeSet<RecordKey>) {
        let mut wanted = self.sent.lock();
        let present: BTreeSet<RecordKey> = people.iter().map(PutRecord::key).collect();
        let before: Vec<RecordKey> = wanted
            .iter()
            .filter(|((location, _), wanted)| *location == self.actor.place && **wanted)
            .map(|((_, key), _)| key.clone())
            .collect();
        for key in before.into_iter().filter(|key| !present.contains(key) && !left.contains(key)) {
            let place = (self.actor.place.clone(), key);
            if *on_missing == OnMissing::Delete {
                wanted.insert(place, false);
            } else {
                // The record stays, and the next list does not affect it.
                wanted.remove(&place);
            }
        }
        for key in present {
            wanted.insert((self.actor.place.clone(), key), true);
        }
    }
}

fn address(id: &RecordId) -> String {
    format!("{id}@mirror.example.test")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use ghl_sync_testkit::block_on_paused;

    use super::*;

    #[test]
    fn a_person_of_the_last_list_who_is_lost_and_one_who_stays_for_ever_break_the_rule() {
        block_on_paused(async {
            let scenario: Scenario = serde_json::from_str(include_str!("../scenarios/undos_and_mirrors.json")).unwrap();
            let world = scenario.start();
            let mirrors = Mirrors::of(&world, &scenario);
            mirrors.at_work.ended().await;
            world.run_for(Duration::from_secs(3600)).await;
            let deletes = Deletes::default();
            assert!(mirrors.broken(&world, &deletes).is_empty());
            let wanted =
                |wanted: bool| mirrors.lock().iter().find(|(_, is)| **is == wanted).map(|(place, _)| place.clone());
            let ((location, lost), (_, gone)) = (wanted(true).unwrap(), wanted(false).unwrap());
            let id = world.ghl.contact(&location, &address(&lost.id)).unwrap().0;
            world.ghl.delete_contact(&location, &id);
            assert_eq!(mirrors.broken(&world, &deletes).len(), 1);
            let back = Contact { email: Some(address(&gone.id)), ..Contact::default() };
            world.ghl.add_contact(&location, back, &[]).unwrap();
            assert_eq!(mirrors.broken(&world, &deletes).len(), 2);
        });
    }
}

//! An operator who undoes imports.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{EpochMs, ImportId, ImportState, LeftBecause, LocationId, Payload, Record, Undo, Undone};
use ghl_sync_operate::ImportUpdate;
use ghl_sync_testkit::{TestRandomness, World};

use crate::deletes::stands_alone;
use crate::names::ms;
use crate::rules::Broken;
use crate::scenario::{Puts, Scenario, Trouble, What};

/// A request may take this long until it is given up: a store may hang.
const REQUEST: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);

/// The operators who have not gone home yet.
#[derive(Clone, Default)]
pub(crate) struct Undos(Arc<AtomicUsize>);

/// Says that the import of `puts` can be undone, until that is taken. Answers since when.
pub(crate) async fn announce(puts: &Puts, location: &LocationId, world: &World) -> Option<EpochMs> {
    let import = puts.import_id().filter(|_| puts.undoable)?;
    let update = ImportUpdate { undoable: Some(true), state: Some(ImportState::Open), ..ImportUpdate::default() };
    loop {
        let operator = world.operator();
        let told = tokio::time::timeout(REQUEST, operator.tell_import(location, &import, &update)).await;
        if let Ok(Ok(import)) = told {
            return import.undo_since;
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Undos {
    /// Undoes imports of `world` as `scenario` says.
    pub(crate) fn of(world: &Arc<World>, scenario: &Scenario) -> Undos {
        let undos = Undos::default();
        for trouble in &scenario.troubles {
            if let What::Undos { location, every_ms } = trouble.what
                && let Some(place) = scenario.locations.get(location)
            {
                let puts = scenario.puts.iter().filter(|puts| puts.location == location && puts.undoable);
                let imports: Vec<ImportId> = puts.filter_map(Puts::import_id).collect();
                let (world, watch) = (world.clone(), undos.clone());
                let (trouble, place) = (trouble.clone(), place.name.clone());
                let randomness = TestRandomness::seeded(scenario.seed ^ trouble.from_ms);
                undos.0.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    undo(&trouble, &place, every_ms, &imports, &world, &randomness).await;
                    watch.0.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
        undos
    }

    /// Until nobody asks for anything any more.
    pub(crate) async fn ended(&self) {
        while self.0.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

async fn undo(
    trouble: &Trouble,
    location: &LocationId,
    every_ms: u64,
    imports: &[ImportId],
    world: &World,
    randomness: &TestRandomness,
) {
    tokio::time::sleep(ms(trouble.from_ms)).await;
    while trouble.is_now(world.clock.elapsed()) && !imports.is_empty() {
        let last = imports.len() as u64 - 1;
        let import = &imports[usize::try_from(randomness.within(0..=last)).unwrap_or(0)];
        undo_one(location, import, world).await;
        tokio::time::sleep(ms(randomness.within(1..=2 * every_ms.max(1)))).await;
    }
}

/// What fails here is left to the next time: some of it may have been asked for.
async fn undo_one(location: &LocationId, import: &ImportId, world: &World) {
    let mut after = None;
    loop {
        let operator = world.operator();
        let enough = world.clock.now() + REQUEST;
        let asked = tokio::time::timeout(REQUEST, operator.undo_import(location, import, after, enough)).await;
        let Ok(Ok(report)) = asked else { return };
        after = report.next;
        if after.is_none() {
            return;
        }
    }
}

/// Whether the record was undone: GHL need not have its content.
pub(crate) fn is_undone(record: &Record) -> bool {
    matches!(record.undo, Some(Undo::Done(_)))
}

/// Undos that have no end, and those that say something else than GHL shows.
pub(crate) fn broken(scenario: &Scenario, world: &World) -> Vec<Broken> {
    let records = world.outbox.records();
    let said = records.iter().filter_map(|record| Some((record, untold(scenario, record, world)?)));
    let how = |record: &Record, how| format!("{} {} {how}: {:?}", record.location_id, record.key, record.undo);
    said.map(|(record, what)| Broken { rule: "an undo ends, and says what it did", how: how(record, what) }).collect()
}

/// What is wrong with the undo of a record.
fn untold(scenario: &Scenario, record: &Record, world: &World) -> Option<&'static str> {
    match &record.undo {
        Some(Undo::Asked { .. }) => (record.due_at.is_none() && record.last_error.is_none()).then_some("has no end"),
        Some(Undo::Done(undone)) if is_apart(scenario, &record.location_id) => untrue(record, undone, world),
        _ => None,
    }
}

/// What a contact's undo says that is not so.
fn untrue(record: &Record, undone: &Undone, world: &World) -> Option<&'static str> {
    let Payload::Contact(contact) = &record.payload else { return None };
    let is_there = world.ghl.contact(&record.location_id, contact.email.as_deref()?).is_some();
    let says_gone = undone.left.iter().any(|left| left.why == LeftBecause::Gone);
    match (undone.deleted, is_there) {
        (true, true) => Some("it says that it is deleted, and ghl has it"),
        // Of one that was put twice, the undo of the earlier import may have deleted it.
        (false, false) if record.ghl_id.is_some() && record.version <= 2 && !says_gone => {
            Some("it says that it is there, and ghl has it not")
        }
        _ => None,
    }
}

/// Whether no contact of the location is another record's as well.
fn is_apart(scenario: &Scenario, location: &LocationId) -> bool {
    let is_here = |puts: &&Puts| scenario.locations.get(puts.location).is_some_and(|place| place.name == *location);
    scenario.puts.iter().filter(is_here).all(stands_alone)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use ghl_sync_model::Contact;
    use ghl_sync_testkit::block_on_paused;

    use super::*;

    #[test]
    fn an_undo_without_an_end_and_one_whose_contact_is_there_all_the_same_break_the_rule() {
        block_on_paused(async {
            let scenario: Scenario = serde_json::from_str(include_str!("../scenarios/undos_and_mirrors.json")).unwrap();
            let world = scenario.start();
            let undos = Undos::of(&world, &scenario);
            futures::future::join(scenario.produce(&world), undos.ended()).await;
            world.run_for(Duration::from_secs(3600)).await;
            assert!(broken(&scenario, &world).is_empty());
            let records = world.outbox.records();
            let gone = records.iter().find(|record| matches!(&record.undo, Some(Undo::Done(undone)) if undone.deleted));
            let gone = gone.unwrap();
            let Payload::Contact(Contact { email, .. }) = &gone.payload else { unreachable!() };
            let contact = Contact { email: email.clone(), ..Contact::default() };
            world.ghl.add_contact(&gone.location_id, contact, &[]).unwrap();
            assert_eq!(broken(&scenario, &world).len(), 1);
            let since = EpochMs(1);
            let asked = Record { undo: Some(Undo::Asked { since }), due_at: None, last_error: None, ..gone.clone() };
            assert_eq!(untold(&scenario, &asked, &world), Some("has no end"));
        });
    }
}

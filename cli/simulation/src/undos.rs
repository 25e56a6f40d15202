//! An operator who undoes imports.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{EpochMs, ImportId, ImportState, LeftReason, LocationId, Payload, Record, Undo, Undone};
use ghl_sync_operate::ImportUpdate;
use ghl_sync_testkit::World;

use crate::actor::AtWork;
use crate::broken::Broken;
use crate::deletes::stands_alone;
use crate::scenario::{Puts, Scenario, TroubleKind};

/// Gives up a request after this time, because a store may hang.
const REQUEST: Duration = Duration::from_secs(60);
/// Delay before a rejected announcement is repeated.
const AGAIN: Duration = Duration::from_secs(1);

/// Announces the import of `puts` as undoable, retrying until that is accepted. Returns the time of acceptance.
pub(crate) async fn announce(puts: &Puts, location: &LocationId, world: &World) -> Option<EpochMs> {
    let import = puts.import_id().filter(|_| puts.undoable)?;
    let update = ImportUpdate { undoable: Some(true), state: Some(ImportState::Open), ..ImportUpdate::default() };
    loop {
        let operator = world.operator();
        let told = tokio::time::timeout(REQUEST, operator.tell_import(location, &import, &update)).await;
        if let Ok(Ok(import)) = told {
            return import.undo_since;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Undoes imports of `world` as `scenario` prescribes. Returns the actors at work.
pub(crate) fn begin(world: &Arc<World>, scenario: &Scenario) -> AtWork {
    let at_work = AtWork::default();
    let of = |what: &TroubleKind| match what {
        TroubleKind::Undos { location, every_ms } => Some((*location, *every_ms)),
        _ => None,
    };
    for mut actor in scenario.actors(of) {
        let puts = scenario.puts.iter().filter(|puts| puts.location == actor.location && puts.undoable);
        let imports: Vec<ImportId> = puts.filter_map(Puts::import_id).collect();
        let Some(last) = (imports.len() as u64).checked_sub(1) else { continue };
        let (world, shift) = (world.clone(), at_work.begin());
        tokio::spawn(async move {
            while actor.acts(&world).await {
                let import = &imports[usize::try_from(actor.randomness.within(0..=last)).unwrap_or(0)];
                undo_one(&actor.place, import, &world).await;
            }
            drop(shift);
        });
    }
    at_work
}

/// A failure is left to the next attempt. Part of the undo may have been requested all the same.
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

/// Whether the record was undone, so that GHL need not have its content.
pub(crate) fn is_undone(record: &Record) -> bool {
    matches!(record.undo, Some(Undo::Done(_)))
}

/// Undos that never end, and undos whose result contradicts GHL.
pub(crate) fn broken(scenario: &Scenario, world: &World) -> Vec<Broken> {
    let records = world.outbox.records();
    let said = records.iter().filter_map(|record| Some((record, untold(scenario, record, world)?)));
    let how = |record: &Record, how| format!("{} {} {how}: {:?}", record.location_id, record.key, record.undo);
    said.map(|(record, what)| Broken { rule: "an undo ends, and says what it did", how: how(record, what) }).collect()
}

/// The defect in a record's undo, if any.
fn untold(scenario: &Scenario, record: &Record, world: &World) -> Option<&'static str> {
    match &record.undo {
        Some(Undo::Asked { .. }) => (record.due_at.is_none() && record.last_error.is_none()).then_some("has no end"),
        Some(Undo::Done(undone)) if is_apart(scenario, &record.location_id) => untrue(record, undone, world),
        _ => None,
    }
}

/// A false claim in the result of a contact's undo, if any.
fn untrue(record: &Record, undone: &Undone, world: &World) -> Option<&'static str> {
    let Payload::Contact(contact) = &record.payload else { return None };
    let is_there = world.ghl.contact(&record.location_id, contact.email.as_deref()?).is_some();
    let says_gone = undone.left.iter().any(|left| left.why == LeftReason::Gone);
    match (undone.deleted, is_there) {
        (true, true) => Some("it says that it is deleted, and ghl has it"),
        // If it was put twice, the undo of the earlier import may have deleted it.
        (false, false) if record.ghl_id.is_some() && record.version <= 2 && !says_gone => {
            Some("it says that it is there, and ghl has it not")
        }
        _ => None,
    }
}

/// Whether each contact of the location belongs to only one record.
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
            let undos = begin(&world, &scenario);
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

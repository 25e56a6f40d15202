//! Reconciliation: changes missed by webhooks become known, and failing or oversized records do not block the others.

use std::sync::Arc;

use ghl_sync_engine::counts::{Counter, ReconcileCount};
use ghl_sync_engine::policy::WriteOrigin;
use ghl_sync_engine::ports::{Clock, Counters, KnownStates, RemoteKey};
use ghl_sync_engine::usecase::{Invocation, ReconcileEnd, ReconcileReport};
use ghl_sync_model::{
    Conflict, Contact, Endpoint, EpochMs, GhlId, Holder, Kind, KnownState, RemoteChange, RemoteContent, RemoteEvent,
    Webhook,
};
use ghl_sync_operate::{RecordState, RecordStatus, StateSource};
use ghl_sync_testkit::{Op, PortFault, World, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact_key, contacts, email, exact, loc, named_contact};

/// A location some time after `count` contacts were put into it.
pub(crate) async fn synced(count: usize, conflict: Conflict) -> Arc<World> {
    let world = exact().start();
    world.registry.change(&loc(), |settings| settings.conflict = conflict);
    world.put(&contacts(count)).await.unwrap();
    world.run_until_settled(10 * MINUTE).await.unwrap();
    world.run_for(10 * MINUTE).await;
    world
}

pub(crate) async fn reconcile(world: &World) -> ReconcileReport {
    let holder = Holder::new(format!("reconcile-{}", world.clock.now())).unwrap();
    let invocation = Invocation { holder, deadline: world.clock.now() + MINUTE };
    world.reconciler().reconcile(&loc(), &invocation).await
}

/// A user of GHL gives the contact of record `n` this first name.
pub(crate) fn rename(world: &World, n: usize, name: &str) {
    let id = ghl_id(world, n);
    world.ghl.edit_contact(&loc(), &id, |contact| contact.first_name = Some(name.to_owned()));
}

pub(crate) fn ghl_id(world: &World, n: usize) -> GhlId {
    world.record(&contact_key(n)).ghl_id.unwrap()
}

/// The first name of the contact of record `n`.
pub(crate) fn name_in_ghl(world: &World, n: usize) -> Option<String> {
    world.ghl.contact(&loc(), &email(n)).unwrap().1.first_name
}

/// The last known first name of the contact of record `n`.
pub(crate) async fn known_name(world: &World, n: usize) -> Option<String> {
    match known(world, n).await?.content? {
        RemoteContent::Contact(contact) => contact.first_name,
        RemoteContent::Opportunity(_) => None,
    }
}

async fn known(world: &World, n: usize) -> Option<KnownState> {
    world.known.load(RemoteKey { location: &loc(), kind: Kind::Contact, ghl_id: &ghl_id(world, n) }).await.unwrap()
}

pub(crate) async fn state(world: &World, n: usize) -> RecordState {
    record_status(world, n).await.state
}

async fn record_status(world: &World, n: usize) -> RecordStatus {
    world.operator().record_status(&loc(), &contact_key(n)).await.unwrap().unwrap()
}

#[test]
fn what_changed_in_ghl_becomes_the_last_known_state_without_any_webhook() {
    block_on_paused(async {
        let world = synced(3, Conflict::Ours).await;
        // Another contact that is not ours.
        let other = Contact { email: Some("other@example.test".to_owned()), ..Contact::default() };
        let other = world.ghl.add_contact(&loc(), other, &["vip"]).unwrap();
        world.run_for(20 * SECOND).await; // GHL's search shows it by now.
        let report = reconcile(&world).await;
        assert_eq!((report.contacts, report.states, report.resent, report.ended), (4, 4, 0, ReconcileEnd::CaughtUp));
        assert_eq!(known_name(&world, 2).await.as_deref(), Some("Ada"));
        let key = RemoteKey { location: &loc(), kind: Kind::Contact, ghl_id: &other };
        assert!(world.known.load(key).await.unwrap().is_some());
        let writes = world.known.writes();
        // Changes from just before the end of the first reading are read again, but are known already.
        let again = reconcile(&world).await;
        assert_eq!((again.states, world.known.writes()), (0, writes));
    });
}

#[test]
fn a_record_s_story_tells_what_reconciling_read_and_whether_that_is_what_we_wrote() {
    block_on_paused(async {
        let world = synced(2, Conflict::Theirs).await;
        rename(&world, 1, "Bob");
        let renamed_at = world.clock.now();
        world.run_for(20 * SECOND).await;
        reconcile(&world).await;
        for (n, expected) in [(0, WriteOrigin::OwnWrite), (1, WriteOrigin::Elsewhere)] {
            let known = record_status(&world, n).await.last_known.unwrap();
            assert_eq!((known.told_by, known.origin), (StateSource::Reconciling, Some(expected)));
            assert_eq!(known.at == renamed_at, n == 1);
        }
    });
}

#[test]
fn an_event_that_told_more_is_not_overwritten_and_what_was_deleted_stays_so() {
    block_on_paused(async {
        let world = synced(2, Conflict::Ours).await;
        let event = |id: &str, at: EpochMs, change| RemoteEvent {
            id: id.parse().unwrap(),
            at,
            event_type: "ContactUpdate",
            location_id: loc(),
            app_id: Some("app".to_owned()),
            change,
        };
        let now = world.clock.now();
        let newer = Contact { first_name: Some("Newer".to_owned()), ..Contact::default() };
        let told = RemoteChange::Written { ghl_id: ghl_id(&world, 0), content: RemoteContent::Contact(newer) };
        let gone = RemoteChange::Deleted { kind: Kind::Contact, ghl_id: ghl_id(&world, 1) };
        for event in [event("told", now, told), event("gone", now, gone)] {
            world.receiver.receive(&Webhook::Event(Box::new(event))).await.unwrap();
        }
        // The search still shows both old states.
        assert_eq!(reconcile(&world).await.states, 0);
        assert_eq!(known_name(&world, 0).await.as_deref(), Some("Newer"));
        assert_eq!(known(&world, 1).await.unwrap().deleted_at, Some(now));
    });
}

#[test]
fn what_reconciling_did_is_counted_and_so_is_that_it_was_put_off() {
    block_on_paused(async {
        let world = synced(3, Conflict::Theirs).await;
        rename(&world, 1, "Bob");
        world.run_for(HOUR).await;
        reconcile(&world).await;
        world.registry.change(&loc(), |settings| settings.conflict = Conflict::Ours);
        rename(&world, 2, "Bob");
        world.put_only(&[named_contact(900, "Eve")]).await.unwrap();
        reconcile(&world).await;
        world.run_until_settled(HOUR).await.unwrap();
        world.run_for(HOUR).await;
        reconcile(&world).await;
        let totals = world.counters.of(&loc(), world.clock.now()).await.unwrap().total;
        let counted =
            ReconcileCount::ALL.iter().map(|what| (what.as_str(), totals.reconciled(*what))).collect::<Vec<_>>();
        // The first reading saw all three, later ones the second contact and those after it.
        let expected = [("compared", 5), ("state_repaired", 5), ("resent", 1), ("superseded", 1), ("put_off", 1)];
        assert_eq!(counted, expected);
    });
}

#[test]
fn a_reading_that_failed_halfway_is_done_again_and_nothing_is_doubled() {
    for (op, fault) in [
        (Op::BookmarkKeep, PortFault::Refused),
        (Op::BookmarkKeep, PortFault::Unanswered),
        (Op::OutboxResolve, PortFault::Refused),
        (Op::OutboxResolve, PortFault::Unanswered),
        (Op::KnownReplace, PortFault::Refused),
        (Op::OutboxOfGhlId, PortFault::Refused),
    ] {
        block_on_paused(async move {
            let world = synced(3, Conflict::Ours).await;
            (0..3).for_each(|n| rename(&world, n, "Bob"));
            world.run_for(HOUR).await;
            world.faults.fail(op, 1..=1, fault);
            assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Failed, "{op:?} {fault:?}");
            world.run_for(20 * MINUTE).await;
            reconcile(&world).await;
            world.run_until_settled(20 * MINUTE).await.unwrap();
            let names: Vec<_> = (0..3).map(|n| name_in_ghl(&world, n)).collect();
            assert_eq!(names, vec![Some("Ada".to_owned()); 3], "{op:?} {fault:?}");
            let writes = world.ghl.arrivals_at(Endpoint::UpdateContact).len();
            assert_eq!(writes, 3, "{op:?} {fault:?}");
        });
    }
}

#[test]
fn a_contact_that_is_too_long_to_be_read_is_passed_over_and_no_other_one() {
    block_on_paused(async {
        let world = synced(130, Conflict::Ours).await;
        for n in 0..130 {
            world.run_for(SECOND).await;
            rename(&world, n, "Bob");
            if [0, 60, 129].contains(&n) {
                let id = ghl_id(&world, n);
                // The last one is so long that not even its id can be read.
                let length = if n == 129 { 5_000_000 } else { 1_100_000 };
                world.ghl.edit_contact(&loc(), &id, |contact| contact.source = Some("x".repeat(length)));
            }
        }
        world.run_for(MINUTE).await;
        let mut passed_over = 0;
        for _ in 0..200 {
            let report = reconcile(&world).await;
            passed_over += report.unread;
            world.run_until_settled(10 * MINUTE).await.unwrap();
            world.run_for(MINUTE).await;
            if report.ended == ReconcileEnd::CaughtUp {
                break;
            }
        }
        let unread = (0..130).filter(|n| name_in_ghl(&world, *n).as_deref() == Some("Bob")).collect::<Vec<_>>();
        assert_eq!((unread, passed_over), (vec![0, 60, 129], 3));
        let counted = world.counters.of(&loc(), world.clock.now()).await.unwrap().total;
        assert_eq!(counted.get(Counter::PassedOver), 3);
        // The oversized records do not slow down later readings.
        rename(&world, 5, "Eve");
        world.run_for(10 * MINUTE).await;
        let report = reconcile(&world).await;
        assert_eq!((report.unread, report.resent, report.ended), (0, 1, ReconcileEnd::CaughtUp));
    });
}

#[test]
fn a_contact_that_is_too_long_for_a_known_state_is_kept_without_its_longest_fields() {
    block_on_paused(async {
        let world = synced(2, Conflict::Theirs).await;
        rename(&world, 0, "Bob");
        world.ghl.edit_contact(&loc(), &ghl_id(&world, 0), |contact| contact.source = Some("x".repeat(600_000)));
        world.run_for(20 * SECOND).await;
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::CaughtUp);
        assert_eq!(known_name(&world, 0).await.as_deref(), Some("Bob"));
        let told =
            Contact { city: Some("x".repeat(600_000)), first_name: Some("Eve".to_owned()), ..Contact::default() };
        let event = RemoteEvent {
            id: "long".parse().unwrap(),
            at: world.clock.now(),
            event_type: "ContactUpdate",
            location_id: loc(),
            app_id: Some("app".to_owned()),
            change: RemoteChange::Written { ghl_id: ghl_id(&world, 0), content: RemoteContent::Contact(told) },
        };
        world.receiver.receive(&Webhook::Event(Box::new(event))).await.unwrap();
        assert_eq!(known_name(&world, 0).await.as_deref(), Some("Eve"));
    });
}

//! Reconciling: what no webhook told is repaired with quota to spare, and each conflict is decided once.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::counts::{Counter, ReconcileCount};
use ghl_sync_engine::policy::WriteOrigin;
use ghl_sync_engine::ports::{Clock, Counters, KnownStates, Put, RemoteKey};
use ghl_sync_engine::usecase::{Invocation, ReconcileEnd, ReconcileReport};
use ghl_sync_model::{
    Conflict, Contact, Endpoint, EpochMs, GhlId, Holder, Kind, KnownState, Payload, Priority, RemoteChange,
    RemoteContent, RemoteEvent, Webhook,
};
use ghl_sync_operate::{RecordState, RecordStatus, ToldBy};
use ghl_sync_testkit::{Fault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, email, exact, loc, named_contact};

/// A location into which these many contacts were put, and some time after that.
async fn synced(count: usize, conflict: Conflict) -> Arc<World> {
    let world = exact().start();
    world.registry.change(&loc(), |settings| settings.conflict = conflict);
    world.put(&contacts(count)).await.unwrap();
    world.run_until_settled(10 * MINUTE).await.unwrap();
    world.run_for(10 * MINUTE).await;
    world
}

async fn reconcile(world: &World) -> ReconcileReport {
    let holder = Holder::new(format!("reconcile-{}", world.clock.now())).unwrap();
    let invocation = Invocation { holder, deadline: world.clock.now() + MINUTE };
    world.reconciler().reconcile(&loc(), &invocation).await
}

/// A user of GHL calls the contact of record `n` by this first name.
fn rename(world: &World, n: usize, name: &str) {
    let id = ghl_id(world, n);
    world.ghl.edit_contact(&loc(), &id, |contact| contact.first_name = Some(name.to_owned()));
}

fn ghl_id(world: &World, n: usize) -> GhlId {
    world.record(&contact_key(n)).ghl_id.unwrap()
}

/// The first name of the contact of record `n`.
fn name_in_ghl(world: &World, n: usize) -> Option<String> {
    world.ghl.contact(&loc(), &email(n)).unwrap().1.first_name
}

async fn known(world: &World, n: usize) -> Option<KnownState> {
    world.known.load(RemoteKey { location: &loc(), kind: Kind::Contact, ghl_id: &ghl_id(world, n) }).await.unwrap()
}

/// The first name of the contact of record `n`, as it was known last.
async fn known_name(world: &World, n: usize) -> Option<String> {
    match known(world, n).await?.content? {
        RemoteContent::Contact(contact) => contact.first_name,
        RemoteContent::Opportunity(_) => None,
    }
}

async fn state(world: &World, n: usize) -> RecordState {
    record_status(world, n).await.state
}

async fn record_status(world: &World, n: usize) -> RecordStatus {
    world.operator().record_status(&loc(), &contact_key(n)).await.unwrap().unwrap()
}

#[test]
fn what_changed_in_ghl_becomes_the_last_known_state_without_any_webhook() {
    block_on_paused(async {
        let world = synced(3, Conflict::Ours).await;
        // One more that is not ours.
        let other = Contact { email: Some("other@example.test".to_owned()), ..Contact::default() };
        let other = world.ghl.add_contact(&loc(), other, &["vip"]).unwrap();
        world.run_for(20 * SECOND).await; // GHL's search shows it by now.
        let report = reconcile(&world).await;
        assert_eq!((report.contacts, report.states, report.resent, report.ended), (4, 4, 0, ReconcileEnd::CaughtUp));
        assert_eq!(known_name(&world, 2).await.as_deref(), Some("Ada"));
        let key = RemoteKey { location: &loc(), kind: Kind::Contact, ghl_id: &other };
        assert!(world.known.load(key).await.unwrap().is_some());
        let writes = world.known.writes();
        // What was read a moment before the first time ended is read again, and known already.
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
            assert_eq!((known.told_by, known.origin), (ToldBy::Reconciling, Some(expected)));
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
        // The search still shows both as they were.
        assert_eq!(reconcile(&world).await.states, 0);
        assert_eq!(known_name(&world, 0).await.as_deref(), Some("Newer"));
        assert_eq!(known(&world, 1).await.unwrap().deleted_at, Some(now));
    });
}

#[test]
fn by_the_rule_ours_a_contact_that_somebody_changed_gets_our_content_again_with_low_priority() {
    block_on_paused(async {
        let world = synced(3, Conflict::Ours).await;
        reconcile(&world).await;
        rename(&world, 1, "Bob");
        world
            .ghl
            .edit_contact(&loc(), &ghl_id(&world, 2), |contact| contact.city = Some("a field not ours".to_owned()));
        world.run_for(HOUR).await;
        let report = reconcile(&world).await;
        assert_eq!((report.contacts, report.resent, report.superseded), (2, 1, 0));
        assert_eq!(known_name(&world, 1).await.as_deref(), Some("Bob"));
        assert_eq!(world.record(&contact_key(1)).priority, Priority::Low);
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(name_in_ghl(&world, 1).as_deref(), Some("Ada"));
        // Both agree now: a second change to the same name is a new conflict.
        world.run_for(HOUR).await;
        reconcile(&world).await;
        assert_eq!(world.record(&contact_key(1)).overruled, None);
        rename(&world, 1, "Bob");
        world.run_for(HOUR).await;
        assert_eq!(reconcile(&world).await.resent, 1);
    });
}

#[test]
fn a_workflow_that_always_sets_a_field_back_is_overruled_once_and_then_left() {
    block_on_paused(async {
        let world = synced(1, Conflict::Ours).await;
        let mut resent = 0;
        for _ in 0..24 {
            // It runs a minute after each write of ours, before anybody looks.
            rename(&world, 0, "Ada (workflow)");
            world.run_for(HOUR).await;
            resent += reconcile(&world).await.resent;
            world.run_until_settled(MINUTE).await.unwrap();
            world.run_for(MINUTE).await;
        }
        assert_eq!(resent, 1);
        // What the producer puts goes out all the same.
        world.put(&[named_contact(0, "Eve")]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(name_in_ghl(&world, 0).as_deref(), Some("Eve"));
    });
}

#[test]
fn by_the_rules_theirs_and_newest_the_record_is_superseded_until_other_content_is_put() {
    for rule in [Conflict::Theirs, Conflict::Newest] {
        block_on_paused(async move {
            let world = synced(1, rule).await;
            rename(&world, 0, "Bob");
            let changed_at = world.clock.now();
            world.run_for(HOUR).await;
            let report = reconcile(&world).await;
            assert_eq!((report.resent, report.superseded), (0, 1), "{rule:?}");
            assert_eq!(state(&world, 0).await, RecordState::Superseded);
            assert_eq!(world.record(&contact_key(0)).superseded_at, Some(changed_at));
            assert_eq!(known_name(&world, 0).await.as_deref(), Some("Bob"));
            // An export of everything puts it again, and nothing comes of it.
            assert_eq!(world.put(&[contact(0)]).await.unwrap().unchanged, 1);
            world.run_for(HOUR).await;
            assert_eq!((name_in_ghl(&world, 0).as_deref(), reconcile(&world).await.superseded), (Some("Bob"), 0));
            world.put(&[named_contact(0, "Eve")]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            assert_eq!(name_in_ghl(&world, 0).as_deref(), Some("Eve"));
            assert_eq!(state(&world, 0).await, RecordState::Accepted);
        });
    }
}

#[test]
fn where_both_sides_changed_the_record_that_is_still_due_gives_way_as_its_rule_says() {
    for (rule, superseded) in [(Conflict::Ours, false), (Conflict::Theirs, true), (Conflict::Newest, false)] {
        block_on_paused(async move {
            let world = synced(1, rule).await;
            reconcile(&world).await;
            rename(&world, 0, "Bob");
            world.run_for(MINUTE).await;
            // Our own change comes later than theirs, and meets errors: it rests.
            world.ghl.on_call(|seen| (seen.call.endpoint() == Endpoint::UpdateContact).then(|| Fault::status(500)));
            world.put(&[named_contact(0, "Eve")]).await.unwrap();
            while world.record(&contact_key(0)).attempts < 4 {
                world.run_for(SECOND).await;
            }
            world.run_for(10 * SECOND).await;
            let report = reconcile(&world).await;
            assert_eq!((report.resent, report.superseded == 1), (0, superseded), "{rule:?}: {report:?}");
            world.ghl.heal();
            world.run_until_settled(HOUR).await.unwrap();
            let expected = if superseded { "Bob" } else { "Eve" };
            assert_eq!(name_in_ghl(&world, 0).as_deref(), Some(expected), "{rule:?}");
        });
    }
}

#[test]
fn what_the_search_shows_is_believed_only_when_the_contact_itself_says_so() {
    block_on_paused(async {
        let world = synced(2, Conflict::Ours).await;
        rename(&world, 0, "Bob");
        rename(&world, 1, "Bob");
        world.run_for(HOUR).await;
        // Before the contact is read, one of them is deleted, and the other can only be read later.
        let (gone, ghl) = (ghl_id(&world, 0), world.ghl.clone());
        let unreadable = ghl_id(&world, 1).to_string();
        world.ghl.on_call(move |seen| {
            if seen.call.endpoint() == Endpoint::GetContact && seen.subject == unreadable {
                return Some(Fault::status(403));
            }
            if seen.call.endpoint() == Endpoint::ContactsChanged {
                let (ghl, gone) = (ghl.clone(), gone.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(150)).await;
                    ghl.delete_contact(&loc(), &gone);
                });
            }
            None
        });
        let report = reconcile(&world).await;
        assert_eq!((report.resent, report.ended), (0, ReconcileEnd::Failed));
        world.ghl.heal();
        assert_eq!(reconcile(&world).await.resent, 1, "the page was not turned");
    });
}

#[test]
fn nothing_is_read_while_something_else_needs_the_quota() {
    block_on_paused(async {
        let world = synced(1, Conflict::Ours).await;
        let calls = || world.ghl.arrivals_at(Endpoint::ContactsChanged).len();
        // Records are due, and then on their way.
        world.put_only(&contacts(120)).await.unwrap();
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.put(&contacts(120)).await.unwrap();
        world.run_for(SECOND).await;
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.run_until_settled(10 * MINUTE).await.unwrap();
        world.run_for(MINUTE).await;
        // Less than half of the day's calls is left.
        world.registry.change(&loc(), |settings| settings.daily_limit = 200);
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.registry.change(&loc(), |settings| settings.daily_limit = 200_000);
        // The location is paused, or not ours to touch.
        world.operator().pause(&loc(), None, None).await.unwrap();
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Busy);
        world.operator().resume(&loc()).await.unwrap();
        world.run_for(MINUTE).await;
        world.registry.change(&loc(), |settings| settings.dry_run = true);
        assert_eq!(reconcile(&world).await.ended, ReconcileEnd::NotEnabled);
        assert_eq!(calls(), 0);
        world.registry.change(&loc(), |settings| settings.dry_run = false);
        assert_eq!((reconcile(&world).await.ended, calls()), (ReconcileEnd::CaughtUp, 2));
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
        // Read the first time were all three, later the second contact and what came after it.
        let expected = [("compared", 5), ("state_repaired", 5), ("resent", 1), ("superseded", 1), ("put_off", 1)];
        assert_eq!(counted, expected);
    });
}

#[test]
fn a_put_ends_the_reading_after_its_page_and_the_next_invocation_goes_on_from_there() {
    block_on_paused(async {
        let world = synced(250, Conflict::Ours).await;
        let producer = world.clone();
        let putting = tokio::spawn(async move {
            while producer.ghl.arrivals_at(Endpoint::ContactsChanged).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            producer.put_only(&[named_contact(900, "Eve")]).await.unwrap();
        });
        let first = reconcile(&world).await;
        putting.await.unwrap();
        assert_eq!((first.contacts, first.ended), (100, ReconcileEnd::Busy));
        world.run_for(5 * MINUTE).await;
        let second = reconcile(&world).await;
        assert_eq!((second.contacts, second.ended), (151, ReconcileEnd::CaughtUp));
    });
}

#[test]
fn a_change_that_is_too_young_to_judge_is_read_again_wherever_its_page_is() {
    block_on_paused(async {
        let mut setup = exact();
        setup.ghl.search_lag = Duration::ZERO;
        let world = setup.start();
        world.registry.change(&loc(), |settings| settings.conflict = Conflict::Theirs);
        world.put(&contacts(150)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        world.run_for(10 * MINUTE).await;
        reconcile(&world).await;
        world.run_for(HOUR).await;
        // Somebody edits more than a page of them, and something is put while the first page is read.
        (0..150).for_each(|n| rename(&world, n, "Bob"));
        let put = async {
            world.run_for(SECOND / 2).await;
            world.put(&[contact(1000)]).await.unwrap();
        };
        let (report, ()) = futures::future::join(reconcile(&world), put).await;
        assert!(report.superseded < 100 && report.ended == ReconcileEnd::Busy, "{report:?}");
        for _ in 0..4 {
            world.run_for(HOUR).await;
            reconcile(&world).await;
        }
        for n in 0..150 {
            assert_eq!(state(&world, n).await, RecordState::Superseded, "{n}");
        }
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
fn a_ghl_that_is_down_ends_the_reading_within_the_function_s_time() {
    for fault in [Fault::status(503), Fault::NoAnswer { done: false }, Fault::Unreachable] {
        block_on_paused(async move {
            let world = synced(1, Conflict::Ours).await;
            let always = fault.clone();
            world.ghl.on_call(move |_| Some(always.clone()));
            let began = world.clock.now();
            assert_eq!(reconcile(&world).await.ended, ReconcileEnd::Failed, "{fault:?}");
            let took = world.clock.now().since(began);
            assert!(took < MINUTE - SECOND, "{fault:?}: {took:?}");
            world.ghl.heal();
            assert_eq!(reconcile(&world).await.ended, ReconcileEnd::CaughtUp);
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
                // Of the last one not even the id can be read.
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
        // What is too long does not make later readings slow for ever.
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

#[test]
fn a_record_that_was_put_again_meanwhile_is_left_to_its_put() {
    block_on_paused(async {
        let world = synced(1, Conflict::Theirs).await;
        let seen = world.record(&contact_key(0));
        assert_eq!(
            world.engine.ports().outbox.put(&named_contact(0, "Eve"), world.clock.now()).await.unwrap(),
            Put::Stored
        );
        let resolution = ghl_sync_model::Resolution::Supersede { changed_at: world.clock.now() };
        assert!(!world.engine.ports().outbox.resolve(&seen, &resolution, world.clock.now()).await.unwrap());
        let record = world.record(&contact_key(0));
        assert!(record.due_at.is_some() && matches!(record.payload, Payload::Contact(_)));
    });
}

#[test]
fn all_enabled_locations_are_asked_to_reconcile_spread_over_time() {
    block_on_paused(async {
        let mut setup = exact();
        for name in ["a", "b", "off"] {
            setup.locations.extend(ghl_sync_testkit::Setup::settings(name));
        }
        let world = setup.start();
        world.registry.change(&"off".parse().unwrap(), |settings| settings.enabled = false);
        assert_eq!(world.reconciler().ask_to_reconcile_all().await.unwrap(), 3);
        let asked = world.queue.reconciles();
        assert_eq!(asked.iter().map(|(location, _)| location.as_str()).collect::<Vec<_>>(), ["a", "b", "loc"]);
        assert!(asked.iter().all(|(_, delay)| *delay <= 8 * SECOND), "{asked:?}");
    });
}

#[test]
fn five_thousand_locations_are_asked_within_a_minute_and_who_was_cut_off_goes_on_where_that_was() {
    block_on_paused(async {
        let mut setup = Setup { triggers: false, ..exact() };
        setup.locations = (0..5_000).filter_map(|n| Setup::settings(&format!("l{n:04}"))).collect();
        let world = setup.start();
        world.faults.fail(Op::QueueSend, 3..=3, PortFault::Hangs);
        let cut_off = tokio::time::timeout(MINUTE, world.reconciler().ask_to_reconcile_all()).await;
        assert!(cut_off.is_err());
        assert_eq!(world.queue.reconciles().len(), 800);
        world.faults.heal();
        let began = world.clock.now();
        assert_eq!(world.reconciler().ask_to_reconcile_all().await.unwrap(), 5_000);
        assert!(world.clock.now().since(began) < MINUTE);
        let asked = world.queue.reconciles().split_off(800);
        let names: Vec<&str> = asked.iter().map(|(location, _)| location.as_str()).collect();
        assert_eq!((names[0], names[4_999]), ("l0800", "l0799"));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 5_000);
        assert!(asked.iter().all(|(_, delay)| *delay <= 10 * MINUTE));
    });
}

//! Webhook events from GHL: stored once, in order, and never a reason to write to GHL.

use std::time::Duration;

use ghl_sync_engine::policy::WriteOrigin;
use ghl_sync_engine::ports::{Clock, KnownStates, LocationRegistry, RemoteKey};
use ghl_sync_engine::usecase::Received;
use ghl_sync_inbound::{REPEATED, ReceiveError, WebhookRules};
use ghl_sync_model::{
    Contact, EpochMs, GhlId, Kind, KnownState, NotForUs, RemoteChange, RemoteContent, RemoteEvent, Webhook,
};
use ghl_sync_operate::StateSource;
use ghl_sync_testkit::{Noted, Op, PortFault, World, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact_key, contacts, exact, loc, named_contact};

/// A contact event with this id that happened at `at`, and reports the first name `name`.
fn told(id: &str, at: EpochMs, name: &str) -> RemoteEvent {
    let contact = Contact { first_name: Some(name.to_owned()), ..Contact::default() };
    change(id, at, RemoteChange::Written { ghl_id: ghl_id(), content: RemoteContent::Contact(contact) })
}

fn change(id: &str, at: EpochMs, change: RemoteChange) -> RemoteEvent {
    RemoteEvent {
        id: id.parse().unwrap(),
        at,
        event_type: "ContactUpdate",
        location_id: loc(),
        app_id: Some("app".to_owned()),
        change,
    }
}

fn ghl_id() -> GhlId {
    "ghl-1".parse().unwrap()
}

async fn receive(world: &World, event: &RemoteEvent) -> Result<Received, ReceiveError> {
    world.receiver.receive(&Webhook::Event(Box::new(event.clone()))).await
}

async fn known(world: &World) -> Option<KnownState> {
    world.known.load(RemoteKey { location: &loc(), kind: Kind::Contact, ghl_id: &ghl_id() }).await.unwrap()
}

/// The known first name.
async fn name(world: &World) -> Option<String> {
    match known(world).await?.content? {
        RemoteContent::Contact(contact) => contact.first_name,
        RemoteContent::Opportunity(_) => None,
    }
}

#[test]
fn an_event_is_stored_once_with_two_writes_and_its_repetition_changes_nothing() {
    block_on_paused(async {
        let world = exact().start();
        let event = told("e1", world.clock.now(), "Ann");
        assert_eq!(receive(&world, &event).await.unwrap(), Received::Stored);
        assert_eq!((name(&world).await.as_deref(), world.known.writes()), (Some("Ann"), 2));
        let before = known(&world).await;
        assert_eq!(receive(&world, &event).await.unwrap(), Received::Duplicate);
        assert_eq!(known(&world).await, before);
        assert_eq!(world.known.writes(), 3, "the state itself says that the event was seen");
    });
}

#[test]
fn the_events_of_one_change_collapse_into_one() {
    block_on_paused(async {
        let world = exact().start();
        let now = world.clock.now();
        assert_eq!(receive(&world, &told("create", now, "Ann")).await.unwrap(), Received::Stored);
        let later = now + Duration::from_millis(3);
        assert_eq!(receive(&world, &told("update", later, "Ann")).await.unwrap(), Received::Collapsed);
        // A differing event from between the two is older than the known state.
        let between = now + Duration::from_millis(1);
        assert_eq!(receive(&world, &told("late", between, "Bob")).await.unwrap(), Received::Stale);
        assert_eq!(name(&world).await.as_deref(), Some("Ann"));
    });
}

#[test]
fn an_event_out_of_order_never_overwrites_newer_state_and_counts_as_seen() {
    block_on_paused(async {
        let world = exact().start();
        world.run_for(MINUTE).await;
        let now = world.clock.now();
        assert_eq!(receive(&world, &told("b", now, "new")).await.unwrap(), Received::Stored);
        let older = told("a", now - 30 * SECOND, "old");
        assert_eq!(receive(&world, &older).await.unwrap(), Received::Stale);
        assert_eq!(receive(&world, &older).await.unwrap(), Received::Duplicate);
        assert_eq!(name(&world).await.as_deref(), Some("new"));
    });
}

#[test]
fn a_deletion_leaves_no_content_whatever_comes_with_it() {
    block_on_paused(async {
        let world = exact().start();
        let now = world.clock.now();
        receive(&world, &told("a", now, "Ann")).await.unwrap();
        let gone = now + HOUR;
        world.run_for(HOUR).await;
        receive(&world, &told("companion", gone + SECOND, "Ann")).await.unwrap();
        let deleted = RemoteChange::Deleted { kind: Kind::Contact, ghl_id: ghl_id() };
        assert_eq!(receive(&world, &change("d", gone, deleted.clone())).await.unwrap(), Received::Stored);
        assert_eq!(receive(&world, &told("companion-2", gone + 2 * SECOND, "Ann")).await.unwrap(), Received::Stale);
        let state = known(&world).await.unwrap();
        assert_eq!((state.content, state.deleted_at), (None, Some(gone)));
        assert_eq!(receive(&world, &change("d", gone, deleted)).await.unwrap(), Received::Duplicate);
    });
}

#[test]
fn a_failing_store_is_an_error_and_the_same_event_again_puts_it_right() {
    for (op, fault) in [
        (Op::KnownReplace, PortFault::Refused),
        (Op::KnownReplace, PortFault::Unanswered),
        (Op::KnownRemember, PortFault::Refused),
        (Op::KnownRemember, PortFault::Unanswered),
    ] {
        block_on_paused(async {
            let world = exact().start();
            world.faults.fail(op, 1..=1, fault);
            let event = told("e1", world.clock.now(), "Ann");
            let failed = receive(&world, &event).await.unwrap_err();
            assert!(matches!(failed, ReceiveError::Port(_)), "{op:?} {fault:?}: {failed}");
            // GHL sends the event again after ten minutes; the record may have changed in between.
            world.run_for(10 * MINUTE).await;
            receive(&world, &event).await.unwrap();
            assert_eq!(name(&world).await.as_deref(), Some("Ann"), "{op:?} {fault:?}");
            assert_eq!(receive(&world, &event).await.unwrap(), Received::Duplicate);
        });
    }
}

#[test]
fn the_time_window_lets_late_retries_in_and_recorded_events_not() {
    block_on_paused(async {
        let world = exact().start();
        world.run_for(100 * HOUR).await;
        let now = world.clock.now();
        let most = WebhookRules::default().max_age;
        assert!(most >= REPEATED + 12 * HOUR, "GHL's last repetition may be late");
        assert_eq!(receive(&world, &told("retry", now - most, "a")).await.unwrap(), Received::Stored);
        let too_old = receive(&world, &told("recorded", now - most - SECOND, "b")).await.unwrap_err();
        assert!(matches!(too_old, ReceiveError::TooOld { .. }), "{too_old}");
        assert_eq!(receive(&world, &told("ahead", now + 5 * MINUTE, "c")).await.unwrap(), Received::Stored);
        let too_early = receive(&world, &told("early", now + 5 * MINUTE + SECOND, "d")).await.unwrap_err();
        assert!(matches!(too_early, ReceiveError::TooEarly { .. }), "{too_early}");
        assert!(too_early.to_string().contains("`timestamp` lies 301 s ahead"), "{too_early}");
    });
}

#[test]
fn an_event_never_makes_a_record_due_in_the_location_that_it_came_from() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let (calls, record) = (world.ghl.calls(), world.record(&contact_key(0)));
        let about_ours = |id: &str, name: &str| {
            let mut event = told(id, world.clock.now(), name);
            if let RemoteChange::Written { ghl_id, .. } = &mut event.change {
                *ghl_id = record.ghl_id.clone().unwrap();
            }
            event
        };
        // Our own write comes back, then someone changes the contact in GHL, then it is deleted there.
        receive(&world, &about_ours("echo", "Ada")).await.unwrap();
        receive(&world, &about_ours("change", "Eve")).await.unwrap();
        let gone = RemoteChange::Deleted { kind: Kind::Contact, ghl_id: record.ghl_id.clone().unwrap() };
        receive(&world, &change("gone", world.clock.now(), gone)).await.unwrap();
        world.run_for(HOUR).await;
        assert_eq!(world.ghl.calls(), calls);
        assert_eq!(world.record(&contact_key(0)), record, "the outbox knows nothing of it");
    });
}

#[test]
fn a_record_s_story_tells_our_own_write_from_a_change_made_in_ghl() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(1)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let ours = world.record(&contact_key(0)).ghl_id.unwrap();
        let event = |id: &str, name: &str| {
            let contact = Contact {
                first_name: Some(name.to_owned()),
                email: Some("C0@example.test".to_owned()),
                city: Some("a field that we never sent".to_owned()),
                ..Contact::default()
            };
            let content = RemoteContent::Contact(contact);
            change(id, world.clock.now(), RemoteChange::Written { ghl_id: ours.clone(), content })
        };
        let last_known = async || {
            let status = world.operator().record_status(&loc(), &contact_key(0)).await.unwrap().unwrap();
            status.last_known
        };
        assert_eq!(last_known().await, None, "GHL has shown nothing yet");
        receive(&world, &event("echo", "Ada")).await.unwrap();
        let own_write = last_known().await.unwrap();
        assert_eq!(
            (own_write.at, own_write.told_by, own_write.origin),
            (world.clock.now(), StateSource::Webhook, Some(WriteOrigin::OwnWrite))
        );
        let Some(RemoteContent::Contact(shown)) = own_write.content else { panic!() };
        assert_eq!(shown.city.as_deref(), Some("a field that we never sent"));
        assert_eq!(own_write.differs.as_deref(), Some([].as_slice()));

        world.run_for(SECOND).await;
        receive(&world, &event("change", "Eve")).await.unwrap();
        let changed = last_known().await.unwrap();
        assert_eq!(
            (changed.origin, changed.differs),
            (Some(WriteOrigin::Elsewhere), Some(vec!["firstName".to_owned()]))
        );
        // GHL cannot have the new content yet, so there is nothing to compare.
        world.put_only(&[named_contact(0, "Eve")]).await.unwrap();
        assert_eq!(last_known().await.unwrap().origin, None);
        let gone = RemoteChange::Deleted { kind: Kind::Contact, ghl_id: ours.clone() };
        receive(&world, &change("gone", world.clock.now(), gone)).await.unwrap();
        let gone = last_known().await.unwrap();
        assert_eq!((gone.content, gone.differs), (None, None));
    });
}

#[test]
fn the_app_s_installation_switches_its_location_and_the_latest_event_counts() {
    block_on_paused(async {
        let world = exact().start();
        world.run_for(HOUR).await;
        let now = world.clock.now();
        let enabled = async || world.registry.location(&loc()).await.unwrap().unwrap().enabled;
        let (on, off) = (RemoteChange::Installed, RemoteChange::Uninstalled);
        assert_eq!(receive(&world, &change("1", now - MINUTE, off.clone())).await.unwrap(), Received::Stopped);
        assert!(!enabled().await);
        assert_eq!(receive(&world, &change("2", now, on)).await.unwrap(), Received::Enabled);
        assert_eq!(receive(&world, &change("0", now - 2 * MINUTE, off)).await.unwrap(), Received::Stale);
        assert!(enabled().await);
    });
}

#[test]
fn what_is_not_for_us_is_counted_and_stores_nothing() {
    block_on_paused(async {
        let world = exact().start();
        let now = world.clock.now();
        let mut other_app = told("a", now, "Ann");
        other_app.app_id = Some("another".to_owned());
        let mut elsewhere = told("b", now, "Ann");
        elsewhere.location_id = "unknown".parse().unwrap();
        let mut nameless = change("c", now, RemoteChange::Uninstalled);
        nameless.app_id = None;
        let mut others = change("d", now, RemoteChange::Uninstalled);
        others.app_id = Some("another".to_owned());
        for (event, reason) in [
            (other_app, NotForUs::OtherApp),
            (elsewhere, NotForUs::UnknownLocation),
            (nameless, NotForUs::OtherApp),
            (others, NotForUs::OtherApp),
        ] {
            assert_eq!(receive(&world, &event).await.unwrap(), Received::Ignored(reason));
        }
        let other = Webhook::Other { event_type: "NoteCreate".to_owned(), reason: NotForUs::UnknownType };
        let ignored = Received::Ignored(NotForUs::UnknownType);
        assert_eq!(world.receiver.receive(&other).await.unwrap(), ignored);
        assert_eq!(world.known.writes(), 0);
        assert!(world.registry.location(&loc()).await.unwrap().unwrap().enabled);
        let noted = world.sink.pick(|_, noted| match noted {
            Noted::Webhook { event_type, received } => Some((event_type.clone(), *received)),
            _ => None,
        });
        assert_eq!(noted.len(), 5);
        assert_eq!(noted[4], ("NoteCreate".to_owned(), ignored));
    });
}

#[test]
fn without_the_app_s_id_nobody_s_installation_switches_anything() {
    block_on_paused(async {
        let mut setup = exact();
        setup.webhooks.app_id = None;
        let world = setup.start();
        let event = change("1", world.clock.now(), RemoteChange::Uninstalled);
        assert_eq!(receive(&world, &event).await.unwrap(), Received::Ignored(NotForUs::AppNotNamed));
        assert!(world.registry.location(&loc()).await.unwrap().unwrap().enabled);
    });
}

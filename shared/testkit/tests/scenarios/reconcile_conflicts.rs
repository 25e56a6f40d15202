//! Reconciliation after both sides changed a record: each conflict is decided once, by the location's rule.

use std::time::Duration;

use ghl_sync_engine::ports::{Clock, Put};
use ghl_sync_engine::usecase::ReconcileEnd;
use ghl_sync_model::{Conflict, Endpoint, Payload, Priority, Resolution};
use ghl_sync_operate::RecordState;
use ghl_sync_testkit::{CallFault, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact, contact_key, loc, named_contact};
use crate::reconcile::{ghl_id, known_name, name_in_ghl, reconcile, rename, state, synced};

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
        // Both sides agree now: a second change to the same name is a new conflict.
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
            // The workflow runs a minute after each of our writes, before reconciliation.
            rename(&world, 0, "Ada (workflow)");
            world.run_for(HOUR).await;
            resent += reconcile(&world).await.resent;
            world.run_until_settled(MINUTE).await.unwrap();
            world.run_for(MINUTE).await;
        }
        assert_eq!(resent, 1);
        // The producer's puts are sent all the same.
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
            // A full export puts it again, without any effect.
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
            // Our change comes later than theirs, but meets errors and is waiting.
            world.ghl.on_call(|seen| (seen.call.endpoint() == Endpoint::UpdateContact).then(|| CallFault::status(500)));
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
        // Before the contact is read, one of them is deleted, and reading the other fails for a while.
        let (gone, ghl) = (ghl_id(&world, 0), world.ghl.clone());
        let unreadable = ghl_id(&world, 1).to_string();
        world.ghl.on_call(move |seen| {
            if seen.call.endpoint() == Endpoint::GetContact && seen.subject == unreadable {
                return Some(CallFault::status(403));
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
fn a_record_that_was_put_again_meanwhile_is_left_to_its_put() {
    block_on_paused(async {
        let world = synced(1, Conflict::Theirs).await;
        let seen = world.record(&contact_key(0));
        assert_eq!(
            world.engine.ports().outbox.put(&named_contact(0, "Eve"), world.clock.now()).await.unwrap(),
            Put::Stored
        );
        let resolution = Resolution::Supersede { changed_at: world.clock.now() };
        assert!(!world.engine.ports().outbox.resolve(&seen, &resolution, world.clock.now()).await.unwrap());
        let record = world.record(&contact_key(0));
        assert!(record.due_at.is_some() && matches!(record.payload, Payload::Contact(_)));
    });
}

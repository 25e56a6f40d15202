//! GHL's content before an import's write: when it is stored, what that costs, and how an undo uses it.

use ghl_sync_model::{Endpoint, EpochMs, PreImage, PutRecord};
use ghl_sync_operate::{ImportError, ImportUpdate};
use ghl_sync_testkit::{CallFault, Op, PortFault, block_on_paused};
use serde_json::json;

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, email, exact, loc};
use crate::undo::{DAY, import, left, of_json, put_undoable, remote, undo};

#[test]
fn an_import_that_was_not_begun_so_or_is_too_old_cannot_be_undone() {
    block_on_paused(async {
        let world = exact().start();
        let ask = || async { world.operator().undo_import(&loc(), &import("x"), None, EpochMs::NEVER).await };
        assert!(matches!(ask().await, Err(ImportError::Unknown(_))));
        world.operator().tell_import(&loc(), &import("x"), &ImportUpdate::default()).await.unwrap();
        assert!(matches!(ask().await, Err(ImportError::NotUndoable(_, why)) if why.contains("not announced")));
        put_undoable(&world, [contact(0)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        world.run_for(30 * DAY).await;
        assert!(matches!(ask().await, Err(ImportError::NotUndoable(_, why)) if why.contains("30 days")));
        assert_eq!(world.ghl.contact_count(), 1);
    });
}

#[test]
fn only_records_of_an_import_that_can_be_undone_cost_a_call_more_and_that_is_one() {
    block_on_paused(async {
        let world = exact().start();
        let under = |puts: Vec<PutRecord>| -> Vec<PutRecord> {
            puts.into_iter().map(|put| PutRecord { import: Some(import("y")), ..put }).collect()
        };
        world.put(&under(contacts(4))).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.calls(), world.items.entries::<PreImage>().len()), (4, 0));
        put_undoable(&world, (4..8).map(contact)).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.calls(), world.ghl.arrivals_at(Endpoint::FindContact).len()), (12, 4));
        // A record with a known id is read by that id.
        put_undoable(&world, [of_json("0", &json!({ "email": email(0), "city": "Ulm" }))]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.calls(), world.ghl.arrivals_at(Endpoint::GetContact).len()), (14, 1));
    });
}

#[test]
fn the_first_pre_image_stands_whatever_becomes_of_the_write() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.backoff.max_retries = 0;
        let world = setup.start();
        world.ghl.add_contact(&loc(), remote(&json!({ "email": email(1), "city": "Ulm" })), &[]).unwrap();
        // The write takes effect, but its answer is lost.
        world.ghl.on_call(|seen| {
            (seen.call.endpoint() == Endpoint::UpsertContact).then_some(CallFault::NoAnswer { done: true })
        });
        put_undoable(&world, [of_json("1", &json!({ "email": email(1), "city": "Bonn" }))]).await;
        world.run_for(20 * SECOND).await;
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.city.as_deref(), Some("Bonn"));
        world.ghl.heal();
        world.run_until_settled(HOUR).await.unwrap();
        assert!(world.record(&contact_key(1)).accepted_version.is_some());
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.city.as_deref(), Some("Ulm"));
        assert_eq!(left(&world, &contact_key(1)), []);
    });
}

#[test]
fn what_was_refused_or_not_sent_is_no_pre_image_and_an_undo_does_nothing_to_it() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.add_contact(&loc(), remote(&json!({ "email": email(1), "city": "Ulm" })), &[]).unwrap();
        world.ghl.on_call(|seen| (seen.call.endpoint() == Endpoint::UpsertContact).then(|| CallFault::status(400)));
        put_undoable(&world, [of_json("1", &json!({ "email": email(1), "city": "Bonn" }))]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert!(world.items.entries::<PreImage>().iter().all(|entry| entry.value.is_void && entry.value.is_empty()));
        // Someone writes the same content by hand.
        let id = world.ghl.contact(&loc(), &email(1)).unwrap().0;
        world.ghl.edit_contact(&loc(), &id, |contact| contact.city = Some("Bonn".to_owned()));
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.city.as_deref(), Some("Bonn"));
        assert_eq!(left(&world, &contact_key(1)), []);
    });
}

#[test]
fn a_store_that_fails_keeps_the_write_back_and_forgetting_empties_what_is_kept() {
    block_on_paused(async {
        let world = exact().start();
        world.faults.fail(Op::PreImageReplace, 1..=2, PortFault::Refused);
        put_undoable(&world, [contact(1)]).await;
        world.run_until_settled(HOUR).await.unwrap();
        let kept = world.items.entries::<PreImage>();
        assert!(kept.len() == 1 && !kept[0].value.is_empty());
        assert_eq!(world.ghl.arrivals_at(Endpoint::UpsertContact).len(), 1);
        world.operator().forget(&loc(), &contact_key(1)).await.unwrap();
        assert!(world.items.entries::<PreImage>()[0].value.is_empty());
    });
}

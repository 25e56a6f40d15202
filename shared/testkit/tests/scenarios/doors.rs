//! Records refused at put, and that every accepted record can be carried to its end.

use ghl_sync_engine::ports::{Clock, Put};
use ghl_sync_model::{CustomField, MAX_PAYLOAD_BYTES, Payload, PutRecord, RecordId};
use ghl_sync_testkit::block_on_paused;

use crate::fixtures::{Look, MINUTE, contact, contact_key, exact, loc};

fn with_id(text: &str, n: usize) -> PutRecord {
    PutRecord { id: RecordId::try_from(text.to_owned()).unwrap(), ..contact(n) }
}

/// Contact `n` with a field of `characters` characters, each of which is written as six bytes.
fn long(n: usize, characters: usize) -> PutRecord {
    let mut put = contact(n);
    if let Payload::Contact(contact) = &mut put.payload {
        let value = "\u{1}".repeat(characters).into();
        contact.custom_fields = vec![CustomField { id: Some("f".to_owned()), key: None, value }];
    }
    put
}

#[test]
fn an_id_that_no_queue_carries_is_refused_at_put_and_one_that_is_stored_already_goes_out() {
    block_on_paused(async {
        let world = exact().start();
        let bad = with_id("a\u{ffff}", 7);
        let put = world.engine.put_and_start(&[bad.clone(), contact(1)]).await;
        let error = format!("{:?}", put.items[0].as_ref().unwrap_err());
        assert!(error.contains("noncharacter") && error.contains("id"), "{error}");
        assert_eq!(*put.items[1].as_ref().unwrap(), Put::Stored);
        // An earlier build accepted it.
        world.engine.ports().outbox.put(&bad, world.clock.now()).await.unwrap();
        world.put(&[contact(2)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_longest_that_is_taken_gets_through_a_dry_run() {
    block_on_paused(async {
        let world = exact().start();
        world.registry.change(&loc(), |settings| settings.dry_run = true);
        let (most, more) = (long(0, MAX_PAYLOAD_BYTES / 6 - 50), long(1, MAX_PAYLOAD_BYTES / 6));
        let put = world.engine.put_and_start(&[most, more]).await;
        assert_eq!(*put.items[0].as_ref().unwrap(), Put::Stored);
        let error = format!("{:?}", put.items[1].as_ref().unwrap_err());
        assert!(error.contains("TooLarge") && error.contains("customFields"), "{error}");
        world.run_until_settled(MINUTE).await.unwrap();
        assert!(world.record(&contact_key(0)).dry_run.is_some());
    });
}

//! Dry runs: everything except the call.

use ghl_sync_testkit::block_on_paused;

use crate::fixtures::{Look, MINUTE, SECOND, batch, contact, contact_key, contacts, exact, loc};

#[test]
fn in_a_location_in_dry_run_nothing_is_called_and_the_request_stands_at_the_record() {
    block_on_paused(async {
        let world = exact().start();
        world.registry.change(&loc(), |settings| settings.dry_run = true);
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.calls(), 0);
        assert_eq!(world.reports()[0].would_send, 3);
        let request = world.outbox.dry_run(&loc(), &contact_key(0)).unwrap();
        assert!(request.contains("contacts.upsert"), "{request}");
        // Now for real.
        world.registry.change(&loc(), |settings| settings.dry_run = false);
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn a_dry_run_of_one_batch_leaves_its_records_due_and_they_are_sent_soon() {
    block_on_paused(async {
        let world = exact().start();
        world.put_only(&contacts(3)).await.unwrap();
        let mut message = batch(None, (0..3).map(contact_key));
        message.dry_run = true;
        let report = world.invoke(&message).await.unwrap();
        assert_eq!((report.would_send, world.ghl.calls()), (3, 0));
        assert!(world.record(&contact_key(0)).due_at.is_some());
        let took = world.run_until_settled(20 * MINUTE).await.unwrap();
        assert!(took < 65 * SECOND, "{took:?}");
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn a_dry_run_that_comes_while_the_location_is_paused_calls_nothing_later() {
    use ghl_sync_testkit::CallFault;
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.number == 1).then(|| CallFault::retry_after(429, 2 * MINUTE)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_for(SECOND).await;
        let mut message = batch(None, [contact_key(0)]);
        message.dry_run = true;
        let _ = world.invoke(&message).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 1, "the record was due anyway, and is sent when the pause is over");
    });
}

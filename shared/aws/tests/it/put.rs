//! Putting records, and the due index.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{Due, Outbox, Put};
use ghl_sync_model::{Conflict, CreationKey, EpochMs, Kind, Payload, Priority, PutRecord};

use crate::fixtures::{Tables, accepted, contact, failed, ghl_id, key, location, retry};

#[tokio::test]
async fn what_is_put_is_loaded_and_due_now() {
    let tables = Tables::new().await;
    let put = PutRecord { ghl_id: Some(ghl_id("G1")), priority: Priority::High, ..contact("a", "Ada") };
    let record = tables.put_and_load(&put, 7).await;
    assert_eq!((record.location_id, record.key), (put.location_id.clone(), put.key()));
    assert_eq!((record.payload, record.priority, record.ghl_id), (put.payload, Priority::High, put.ghl_id));
    assert_eq!((record.version, record.attempts, record.due_at), (1, 0, Some(EpochMs(7))));
    assert_eq!((record.accepted_version, record.accepted_hash), (None, None));
    assert_eq!((record.last_error, record.waits_for, record.not_before), (None, None, None));
}

fn opportunity(name: &str) -> PutRecord {
    let json = format!(r#"{{"contactRecord":"a","pipelineId":"p1","name":"{name}"}}"#);
    PutRecord { payload: Payload::from_json(Kind::Opportunity, &json).unwrap(), ..contact("d", "Ada") }
}

#[tokio::test]
async fn what_it_may_have_been_created_under_is_kept_until_ghls_id_is_known() {
    let tables = Tables::new().await;
    let key_of = |put: &PutRecord| CreationKey::of(&put.payload).unwrap();
    for name in ["Roof", "Roof", "Wall", "Door"] {
        assert_eq!(tables.outbox.put(&opportunity(name), EpochMs(1)).await.unwrap(), Put::Stored);
    }
    let record = tables.record(&opportunity("Door").key()).await;
    assert_eq!(
        (record.version, &record.former),
        (4, &vec![key_of(&opportunity("Roof")), key_of(&opportunity("Wall"))])
    );
    let sent = tables.record(&record.key).await;
    tables.outbox.put(&opportunity("Gate"), EpochMs(2)).await.unwrap();
    assert_eq!(tables.record(&record.key).await.former.len(), 3);
    tables.outbox.settle(&sent, &accepted(&opportunity("Door"), "G1"), EpochMs(3)).await.unwrap();
    assert_eq!(tables.record(&record.key).await.former, [], "an acceptance of an older version tells the id, too");
    tables.outbox.put(&opportunity("Fence"), EpochMs(4)).await.unwrap();
    let known = tables.record(&record.key).await;
    assert_eq!((known.version, known.former.len()), (6, 0));
}

#[tokio::test]
async fn a_contact_that_gets_an_address_before_ghls_id_is_known_keeps_that_it_may_be_marked() {
    let tables = Tables::new().await;
    let of =
        |json: &str| PutRecord { payload: Payload::from_json(Kind::Contact, json).unwrap(), ..contact("c", "Ada") };
    tables.outbox.put(&of(r#"{"firstName":"Ada"}"#), EpochMs(1)).await.unwrap();
    tables.outbox.put(&of(r#"{"firstName":"Ada","email":"a@example.com"}"#), EpochMs(2)).await.unwrap();
    assert_eq!(tables.record(&key("contact#c")).await.former, [CreationKey::Marker]);
    tables.outbox.put(&of(r#"{"firstName":"Eve","email":"a@example.com"}"#), EpochMs(3)).await.unwrap();
    let record = tables.record(&key("contact#c")).await;
    assert_eq!((record.version, record.former), (3, vec![CreationKey::Marker]));
    // A producer that knows the id ends the uncertainty.
    let known = PutRecord { ghl_id: Some(ghl_id("G1")), ..of(r#"{"firstName":"Ada"}"#) };
    assert_eq!(tables.outbox.put(&known, EpochMs(4)).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn every_put_of_something_due_grows_the_version_even_with_equal_content() {
    let tables = Tables::new().await;
    for expected in 1..=3 {
        assert_eq!(tables.outbox.put(&contact("a", "Ada"), EpochMs(expected)).await.unwrap(), Put::Stored);
        let record = tables.record(&key("contact#a")).await;
        assert_eq!((record.version, record.due_at), (expected, Some(EpochMs(expected))));
    }
    assert_eq!(tables.due(Priority::Normal).await, ["contact#a"]);
}

#[tokio::test]
async fn content_that_ghl_has_accepted_is_not_sent_again() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
    assert_eq!(tables.outbox.put(&put, EpochMs(3)).await.unwrap(), Put::Unchanged);
    let unchanged = tables.record(&put.key()).await;
    assert_eq!((unchanged.version, unchanged.due_at), (1, None));
    assert_eq!(tables.outbox.put(&contact("a", "Eve"), EpochMs(4)).await.unwrap(), Put::Stored);
    assert_eq!(tables.record(&put.key()).await.version, 2);
}

/// Ada, Eve, and Ada once more, in every order, some of them twice.
const ORDERS: [&[(&str, u64)]; 9] = [
    &[("Ada", 10), ("Eve", 20), ("Ada", 30)],
    &[("Ada", 10), ("Ada", 30), ("Eve", 20)],
    &[("Eve", 20), ("Ada", 10), ("Ada", 30)],
    &[("Eve", 20), ("Ada", 30), ("Ada", 10)],
    &[("Ada", 30), ("Ada", 10), ("Eve", 20)],
    &[("Ada", 30), ("Eve", 20), ("Ada", 10)],
    &[("Ada", 10), ("Ada", 30), ("Ada", 30), ("Eve", 20), ("Eve", 20)],
    &[("Ada", 30), ("Eve", 20), ("Ada", 30), ("Ada", 10), ("Eve", 20)],
    &[("Eve", 20), ("Ada", 10), ("Eve", 20), ("Ada", 30), ("Ada", 10)],
];

#[tokio::test]
async fn in_whatever_order_puts_come_and_are_accepted_what_was_true_last_stands() {
    let tables = Tables::new().await;
    for (n, (order, is_accepted)) in ORDERS.iter().flat_map(|order| [(order, true), (order, false)]).enumerate() {
        let put = |name: &str, at| PutRecord { as_of: Some(EpochMs(at)), ..contact(&format!("r{n}"), name) };
        let mut newest = 0;
        for (name, at) in *order {
            let put = put(name, *at);
            let done = tables.outbox.put(&put, EpochMs(100)).await.unwrap();
            assert_eq!(done == Put::Outdated, *at < newest, "{order:?}: {name} of {at} after {newest}");
            newest = newest.max(*at);
            if is_accepted && done == Put::Stored {
                let record = tables.record(&put.key()).await;
                tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(101)).await.unwrap();
            }
        }
        assert_eq!(tables.record(&put("", 0).key()).await.payload, put("Ada", 0).payload, "{order:?}");
    }
}

#[tokio::test]
async fn a_put_that_does_not_say_when_it_was_true_stands_until_something_newer_than_it_comes() {
    let tables = Tables::new().await;
    let at = |name: &str, at| PutRecord { as_of: Some(EpochMs(at)), ..contact("a", name) };
    let put = async |put: PutRecord, now| tables.outbox.put(&put, EpochMs(now)).await.unwrap();
    // An item of an earlier build looks like this one: it does not say when it was true.
    assert_eq!(put(contact("a", "Ada"), 50).await, Put::Stored);
    assert_eq!(put(at("Eve", 49), 60).await, Put::Outdated);
    assert_eq!(put(at("Eve", 50), 60).await, Put::Stored, "of two at the same time the later to come stands");
    assert_eq!(put(contact("a", "Ida"), 40).await, Put::Stored, "whatever stands");
    let ida = tables.record(&key("contact#a")).await;
    tables.outbox.settle(&ida, &accepted(&contact("a", "Ida"), "G1"), EpochMs(41)).await.unwrap();
    assert_eq!(put(at("Ida", 60), 60).await, Put::Unchanged);
    assert_eq!(put(contact("a", "Ida"), 70).await, Put::Unchanged);
    assert_eq!(put(at("Eve", 65), 80).await, Put::Outdated, "at 70 it still was Ida");
    assert_eq!(put(at("Eve", 71), 80).await, Put::Stored);
}

#[tokio::test]
async fn a_put_that_corrects_the_ghl_id_is_stored_whatever_its_content() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
    let same = PutRecord { ghl_id: Some(ghl_id("G1")), ..put.clone() };
    assert_eq!(tables.outbox.put(&same, EpochMs(3)).await.unwrap(), Put::Unchanged);
    let corrected = PutRecord { ghl_id: Some(ghl_id("G2")), ..put.clone() };
    assert_eq!(tables.outbox.put(&corrected, EpochMs(4)).await.unwrap(), Put::Stored);
    let record = tables.record(&put.key()).await;
    assert_eq!((record.ghl_id, record.due_at, record.version), (Some(ghl_id("G2")), Some(EpochMs(4)), 2));
}

#[tokio::test]
async fn accepted_content_is_sent_again_while_something_newer_is_due() {
    let tables = Tables::new().await;
    let (first, second) = (contact("a", "Ada"), contact("a", "Eve"));
    let record = tables.put_and_load(&first, 1).await;
    tables.outbox.settle(&record, &accepted(&first, "G1"), EpochMs(2)).await.unwrap();
    tables.outbox.put(&second, EpochMs(3)).await.unwrap();
    assert_eq!(tables.outbox.put(&first, EpochMs(4)).await.unwrap(), Put::Stored);
    assert_eq!(tables.record(&first.key()).await.payload, first.payload);
}

#[tokio::test]
async fn accepted_content_is_sent_again_after_something_newer_failed() {
    let tables = Tables::new().await;
    let (first, second) = (contact("a", "Ada"), contact("a", "Eve"));
    let record = tables.put_and_load(&first, 1).await;
    tables.outbox.settle(&record, &accepted(&first, "G1"), EpochMs(2)).await.unwrap();
    let record = tables.put_and_load(&second, 3).await;
    tables.outbox.settle(&record, &failed(None), EpochMs(4)).await.unwrap();
    assert_eq!(tables.outbox.put(&first, EpochMs(5)).await.unwrap(), Put::Stored, "GHL may have taken the newer one");
    assert_eq!(tables.record(&first.key()).await.due_at, Some(EpochMs(5)));
}

#[tokio::test]
async fn accepted_content_is_sent_again_if_somebody_made_it_due_by_hand() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
    tables.edit(&put.key(), "due", AttributeValue::S(format!("1#{:020}", 3))).await;
    assert_eq!(tables.outbox.put(&put, EpochMs(4)).await.unwrap(), Put::Stored);
    assert_eq!(tables.record(&put.key()).await.version, 2);
}

#[tokio::test]
async fn a_put_starts_attempts_anew_and_keeps_what_is_known_of_ghl() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &retry(50, Some(90), Some(ghl_id("G1"))), EpochMs(2)).await.unwrap();
    let record = tables.put_and_load(&contact("a", "Eve"), 3).await;
    assert_eq!((record.attempts, record.due_at), (0, Some(EpochMs(3))));
    assert_eq!(record.not_before, Some(EpochMs(90)), "a call may still arrive until then");
    assert_eq!(record.ghl_id, Some(ghl_id("G1")));
}

#[tokio::test]
async fn a_put_brings_a_failed_record_back() {
    let tables = Tables::new().await;
    let record = tables.put_and_load(&contact("a", "Ada"), 1).await;
    tables.outbox.settle(&record, &failed(None), EpochMs(2)).await.unwrap();
    assert_eq!(tables.index_size("records", "failed").await, 1);
    tables.outbox.put(&contact("a", "Ada"), EpochMs(3)).await.unwrap();
    assert_eq!(tables.index_size("records", "failed").await, 0);
    assert_eq!(tables.due(Priority::Normal).await, ["contact#a"]);
}

#[tokio::test]
async fn due_records_come_soonest_first_by_location_and_priority() {
    let tables = Tables::new().await;
    for (id, now) in [("c", 30), ("a", 10), ("b", 20)] {
        tables.outbox.put(&contact(id, "Ada"), EpochMs(now)).await.unwrap();
    }
    let urgent = PutRecord { priority: Priority::High, ..contact("u", "Ada") };
    tables.outbox.put(&urgent, EpochMs(99)).await.unwrap();
    let elsewhere = PutRecord { location_id: "elsewhere".parse().unwrap(), ..contact("e", "Ada") };
    tables.outbox.put(&elsewhere, EpochMs(1)).await.unwrap();

    assert_eq!(tables.due(Priority::Normal).await, ["contact#a", "contact#b", "contact#c"]);
    assert_eq!(tables.due(Priority::High).await, ["contact#u"]);
    assert!(tables.due(Priority::Low).await.is_empty());

    let first = tables.outbox.due(&location(), Priority::Normal, 2).await.unwrap();
    let first: Vec<_> = first.into_iter().map(|due| (due.key.to_string(), due.due_at.0)).collect();
    assert_eq!(first, [("contact#a".to_owned(), 10), ("contact#b".to_owned(), 20)]);
    assert!(tables.outbox.due(&location(), Priority::Normal, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_put_with_another_priority_moves_the_record() {
    let tables = Tables::new().await;
    tables.outbox.put(&contact("a", "Ada"), EpochMs(1)).await.unwrap();
    let urgent = PutRecord { priority: Priority::High, ..contact("a", "Ada") };
    tables.outbox.put(&urgent, EpochMs(2)).await.unwrap();
    assert!(tables.due(Priority::Normal).await.is_empty());
    assert_eq!(tables.due(Priority::High).await, ["contact#a"]);
}

#[tokio::test]
async fn an_entry_with_a_foreign_key_does_not_hide_those_behind_it() {
    let tables = Tables::new().await;
    for (id, now) in [("a", 10), ("b", 20)] {
        tables.outbox.put(&contact(id, "Ada"), EpochMs(now)).await.unwrap();
    }
    tables.put_foreign_item("by hand", 5).await;
    let due = tables.outbox.due(&location(), Priority::Normal, 2).await.unwrap();
    let keys: Vec<_> = due.into_iter().map(|due| due.key.to_string()).collect();
    assert_eq!(keys, ["contact#a", "contact#b"]);
}

#[tokio::test]
async fn each_priority_is_paged_by_itself_and_what_was_just_written_shows() {
    let tables = Tables::new().await;
    for n in 0..7 {
        for (name, priority) in [("h", Priority::High), ("n", Priority::Normal), ("l", Priority::Low)] {
            let put = PutRecord { priority, ..contact(&format!("{name}{n}"), "Ada") };
            // Three of each at the same time: their keys set them apart.
            tables.outbox.put(&put, EpochMs(10 + n / 3)).await.unwrap();
        }
    }
    // The page that these fill is followed by another.
    tables.put_foreign_item("by hand", 0).await;
    tables.put_foreign_item("by hand, too", 0).await;
    for (name, priority) in [("h", Priority::High), ("n", Priority::Normal), ("l", Priority::Low)] {
        let expected: Vec<_> = (0..7).map(|n| format!("contact#{name}{n}")).collect();
        assert_eq!(tables.due(priority).await, expected);
        let first = tables.outbox.due(&location(), priority, 4).await.unwrap();
        assert_eq!(first.iter().map(|due| due.key.to_string()).collect::<Vec<_>>(), expected[..4]);
    }
}

#[tokio::test]
async fn a_due_time_that_nobody_can_read_is_loaded_as_damage_and_a_put_mends_it() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    tables.edit(&put.key(), "due", AttributeValue::S("1#soon".to_owned())).await;
    let due = tables.outbox.due(&location(), Priority::Normal, 5).await.unwrap();
    assert_eq!(due, [Due { key: put.key(), due_at: EpochMs(0) }]);
    assert_eq!(tables.outbox.count_due(&location(), Priority::Normal, 5).await.unwrap().oldest_at, None);
    tables.outbox.quarantine(&location(), &put.key(), "attribute `due`", EpochMs(2)).await.unwrap();
    assert!(tables.due(Priority::Normal).await.is_empty());
    assert_eq!(tables.record(&put.key()).await.failed_at, Some(EpochMs(2)));
    tables.outbox.put(&put, EpochMs(3)).await.unwrap();
    assert_eq!(tables.record(&put.key()).await.due_at, Some(EpochMs(3)));
}

#[tokio::test]
async fn who_wins_over_a_record_is_what_its_last_put_said() {
    let tables = Tables::new().await;
    let put = |name: &str, conflict| PutRecord { conflict, ..contact("a", name) };
    for (name, conflict) in [("Ada", Some(Conflict::Theirs)), ("Eve", None), ("Bob", Some(Conflict::Newest))] {
        assert_eq!(tables.put_and_load(&put(name, conflict), 1).await.conflict, conflict);
    }
}

//! Loads intact and damaged records.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{ListedPage, Loaded, Outbox, Put, Settled};
use ghl_sync_model::{EpochMs, ErrorCode, Kind, Outcome, Priority, RecordCursor, RecordKey};

use crate::fixtures::{RECORDS, Tables, accepted, contact, key, location};

#[tokio::test]
async fn records_come_in_the_order_asked_for_each_once_and_unknown_ones_are_left_out() {
    let tables = Tables::new().await;
    for id in ["a", "b", "c"] {
        tables.outbox.put(&contact(id, "Ada"), EpochMs(1)).await.unwrap();
    }
    let asked: Vec<_> = ["c", "unknown", "a", "c"].map(|id| key(&format!("contact#{id}"))).into();
    let loaded = tables.outbox.load(&location(), &asked).await.unwrap();
    assert_eq!(keys(&loaded), ["contact#c", "contact#a"]);
    assert!(tables.outbox.load(&location(), &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_of_250_keys_is_loaded_whole() {
    let tables = Tables::new().await;
    let ids: Vec<_> = (0..250).map(|n| format!("crm-{n:03}")).collect();
    for id in &ids {
        tables.outbox.put(&contact(id, "Ada"), EpochMs(1)).await.unwrap();
    }
    let asked: Vec<_> = ids.iter().rev().map(|id| key(&format!("contact#{id}"))).collect();
    let before = tables.usage.snapshot();
    let loaded = tables.outbox.load(&location(), &asked).await.unwrap();
    assert_eq!(keys(&loaded), asked.iter().map(RecordKey::to_string).collect::<Vec<_>>());
    assert_eq!(tables.usage.snapshot().since(&before).reads().requests, 3);
}

#[tokio::test]
async fn keys_that_did_not_fit_into_a_reply_are_asked_for_again() {
    let tables = Tables::new().await;
    // 50 items of 390 KB: a reply holds at most 16 MB.
    let ids: Vec<_> = (0..50).map(|n| format!("crm-{n}")).collect();
    for id in &ids {
        tables.outbox.put(&contact(id, &"A".repeat(390_000)), EpochMs(1)).await.unwrap();
    }
    let asked: Vec<_> = ids.iter().map(|id| key(&format!("contact#{id}"))).collect();
    let before = tables.usage.snapshot();
    let loaded = tables.outbox.load(&location(), &asked).await.unwrap();
    assert_eq!(keys(&loaded), asked.iter().map(RecordKey::to_string).collect::<Vec<_>>());
    assert_eq!(tables.usage.snapshot().since(&before).reads().requests, 2);
}

#[tokio::test]
async fn a_damaged_item_is_named_with_its_attribute_and_without_its_content() {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let cases = [
        ("payload", text(r#"{"email":"#), "payload"),
        ("payload", text(r#"{"email":["secret"]}"#), "payload"),
        ("payload", text(r#"{"email":"secret"}"#), "email"),
        ("payload", AttributeValue::N("1".to_owned()), "payload"),
        ("due", text("1#secret"), "due"),
        ("version", text("secret"), "version"),
        ("version", AttributeValue::N("1.5".to_owned()), "version"),
        ("priority", text("secret"), "priority"),
        ("attempts", AttributeValue::N("-1".to_owned()), "attempts"),
        ("ghl_id", text("sec ret"), "ghl_id"),
        ("accepted_hash", text("secret"), "accepted_hash"),
        ("waits_for", text("secret"), "waits_for"),
    ];
    let tables = Tables::new().await;
    for (attribute, value, named) in cases {
        let put = contact("a", "Ada");
        tables.delete(&put.key()).await;
        tables.outbox.put(&put, EpochMs(1)).await.unwrap();
        tables.edit(&put.key(), attribute, value).await;
        match tables.outbox.load(&location(), &[put.key()]).await.unwrap().remove(0) {
            Loaded::Damaged { key, reason } => {
                assert_eq!(key, put.key());
                assert!(reason.contains(named), "{attribute}: {reason}");
                assert!(!reason.contains("secret"), "{attribute}: {reason}");
            }
            Loaded::Record(record) => panic!("{attribute}: {record:?}"),
        }
    }
}

#[tokio::test]
async fn an_error_that_a_newer_build_wrote_does_not_damage_the_record() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    let newer = r#"{"code":"NOT_INVENTED_YET","message":"","at":1}"#;
    tables.edit(&put.key(), "last_error", AttributeValue::S(newer.to_owned())).await;
    assert_eq!(tables.record(&put.key()).await.last_error, None);
}

#[tokio::test]
async fn a_quarantined_record_has_left_the_due_index_as_failed_with_the_reason() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    tables.edit(&put.key(), "payload", AttributeValue::S("{".to_owned())).await;
    tables.outbox.quarantine(&location(), &put.key(), "attribute `payload` is malformed", EpochMs(2)).await.unwrap();
    assert!(tables.due(Priority::Normal).await.is_empty());
    assert_eq!(tables.index_size(RECORDS, "failed").await, 1);

    tables.edit(&put.key(), "payload", AttributeValue::S(put.payload.to_json())).await;
    let error = tables.record(&put.key()).await.last_error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Internal, "attribute `payload` is malformed"));
}

#[tokio::test]
async fn an_item_without_a_version_can_be_quarantined() {
    let tables = Tables::new().await;
    tables.put_foreign_item("contact#by-hand", 5).await;
    tables.outbox.quarantine(&location(), &key("contact#by-hand"), "no version", EpochMs(2)).await.unwrap();
    assert!(tables.due(Priority::Normal).await.is_empty());
}

#[tokio::test]
async fn a_record_that_was_repaired_or_deleted_meanwhile_is_not_quarantined() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    tables.outbox.put(&put, EpochMs(1)).await.unwrap();
    tables.outbox.quarantine(&location(), &put.key(), "was damaged once", EpochMs(2)).await.unwrap();
    assert_eq!(tables.due(Priority::Normal).await, ["contact#a"]);

    tables.delete(&put.key()).await;
    tables.outbox.quarantine(&location(), &put.key(), "was damaged once", EpochMs(3)).await.unwrap();
    assert_eq!(tables.item(&put.key()).await, None);
}

fn keys(loaded: &[Loaded]) -> Vec<String> {
    let key = |loaded: &Loaded| match loaded {
        Loaded::Record(record) => record.key.to_string(),
        Loaded::Damaged { key, .. } => key.to_string(),
    };
    loaded.iter().map(key).collect()
}

#[tokio::test]
async fn all_records_are_paged_in_the_order_of_their_keys_whatever_their_state() {
    let tables = Tables::new().await;
    for id in ["d", "a", "c", "b"] {
        tables.outbox.put(&contact(id, "Ada"), EpochMs(1)).await.unwrap();
    }
    let sent = tables.record(&key("contact#a")).await;
    tables.outbox.settle(&sent, &accepted(&contact("a", "Ada"), "G1"), EpochMs(2)).await.unwrap();
    for kind in [None, Some(Kind::Contact)] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let ListedPage { records, next } =
                tables.outbox.listed(&location(), kind, after.as_ref(), 3).await.unwrap();
            assert!(records.len() <= 3);
            found.extend(keys(&records));
            after = next.map(|next| RecordCursor::from_text(&next.to_text(&location()), &location()).unwrap());
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, ["contact#a", "contact#b", "contact#c", "contact#d"]);
    }
    let none = tables.outbox.listed(&location(), Some(Kind::Opportunity), None, 3).await.unwrap();
    assert_eq!(none, ListedPage::default());
}

#[tokio::test]
async fn what_is_forgotten_is_gone_and_no_late_outcome_brings_it_back() {
    let tables = Tables::new().await;
    let sent = tables.put_and_load(&contact("a", "Ada"), 1).await;
    assert_eq!(tables.outbox.forget(&location(), &sent.key).await.unwrap(), Some(Vec::new()));
    assert_eq!(tables.outbox.forget(&location(), &sent.key).await.unwrap(), None);
    tables.outbox.settle(&sent, &accepted(&contact("a", "Ada"), "G1"), EpochMs(2)).await.unwrap();
    assert!(tables.outbox.load(&location(), &[sent.key]).await.unwrap().is_empty());
    assert_eq!((tables.index_size(RECORDS, "due").await, tables.index_size(RECORDS, "ghl").await), (0, 0));
}

#[tokio::test]
async fn what_ghl_has_deleted_is_gone_unless_it_was_put_again_meanwhile() {
    let tables = Tables::new().await;
    for (id, put_again) in [("a", false), ("b", true)] {
        let put = tables.put_and_load(&contact(id, "Ada"), 1).await;
        assert!(!tables.outbox.ask_deletion(&put, EpochMs(2)).await.unwrap(), "GHL's id of it is not known");
        tables.outbox.settle(&put, &accepted(&contact(id, "Ada"), "G1"), EpochMs(3)).await.unwrap();
        let known = tables.record(&put.key).await;
        assert!(tables.outbox.ask_deletion(&known, EpochMs(4)).await.unwrap());
        assert!(!tables.outbox.ask_deletion(&known, EpochMs(5)).await.unwrap(), "it is another version now");
        let asked = tables.record(&put.key).await;
        assert_eq!((asked.deletion, asked.due_at), (true, Some(EpochMs(4))));
        if put_again {
            assert_eq!(tables.outbox.put(&contact(id, "Ada"), EpochMs(6)).await.unwrap(), Put::Stored);
        }
        let settled = [Settled::Done, Settled::ChangedMeanwhile][usize::from(put_again)];
        for _ in 0..2 {
            assert_eq!(tables.outbox.settle(&asked, &Outcome::Deleted, EpochMs(7)).await.unwrap(), settled);
        }
        let left = tables.outbox.load(&location(), &[put.key]).await.unwrap();
        assert_eq!(left.len(), usize::from(put_again));
        assert!(left.iter().all(|left| matches!(left, Loaded::Record(record) if !record.deletion)));
    }
}

//! Drops contents: which parts go, which stay, and when nothing happens.

use ghl_sync_aws::DynamoKnownStates;
use ghl_sync_engine::policy::Precedence;
use ghl_sync_engine::ports::{KnownStates, Outbox, Put, RemoteKey};
use ghl_sync_model::{Contact, EpochMs, EventId, Kind, KnownState, Payload, PutRecord, RemoteContent};

use crate::fixtures::{STATE, Tables, accepted, contact, failed, ghl_id, location, retry};

#[tokio::test]
async fn what_ghl_accepted_goes_and_its_hash_stays() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &retry(2, Some(3), None), EpochMs(2)).await.unwrap();
    let due = tables.record(&put.key()).await;
    assert!(!tables.outbox.drop_content(&due, EpochMs(3)).await.unwrap(), "it is due");
    tables.outbox.settle(&due, &accepted(&put, "G1"), EpochMs(4)).await.unwrap();
    let settled = tables.record(&put.key()).await;
    assert!(tables.outbox.drop_content(&settled, EpochMs(5)).await.unwrap());

    let dropped = tables.record(&put.key()).await;
    assert_eq!((&dropped.payload, dropped.content_dropped_at), (&put.payload.remains(), Some(EpochMs(5))));
    assert_eq!((dropped.last_error, dropped.earlier_errors.len()), (None, 0));
    assert_eq!((dropped.ghl_id, dropped.accepted_hash), (Some(ghl_id("G1")), Some(put.payload.hash())));
    let item = format!("{:?}", tables.item(&put.key()).await.unwrap());
    assert!(!item.contains("Ada"), "{item}");

    assert_eq!(tables.outbox.put(&put, EpochMs(6)).await.unwrap(), Put::Unchanged);
    assert_eq!(tables.outbox.put(&contact("a", "Bob"), EpochMs(7)).await.unwrap(), Put::Stored);
    let again = tables.record(&put.key()).await;
    assert_eq!((again.payload, again.content_dropped_at), (contact("a", "Bob").payload, None));
    assert!(!tables.outbox.drop_content(&settled, EpochMs(8)).await.unwrap(), "another version stands");
}

#[tokio::test]
async fn what_failed_keeps_its_content_and_an_opportunity_keeps_whose_it_is() {
    let tables = Tables::new().await;
    let json = r#"{"contactRecord":"a","pipelineId":"p","name":"Ada's roof","monetaryValue":5}"#;
    let payload = Payload::from_json(Kind::Opportunity, json).unwrap();
    let put = PutRecord::new(location(), "d".parse().unwrap(), payload);
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &failed(None), EpochMs(2)).await.unwrap();
    let record = tables.record(&put.key()).await;
    assert!(!tables.outbox.drop_content(&record, EpochMs(3)).await.unwrap());
    assert!(tables.outbox.replay(&record, EpochMs(4)).await.unwrap());
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(5)).await.unwrap();
    let record = tables.record(&put.key()).await;
    assert!(tables.outbox.drop_content(&record, EpochMs(6)).await.unwrap());
    let (Payload::Opportunity(was), Payload::Opportunity(is)) = (put.payload, tables.record(&record.key).await.payload)
    else {
        panic!("a deal")
    };
    assert_eq!((is.contact_record, is.pipeline_id, is.name), (was.contact_record, was.pipeline_id, String::new()));
}

#[tokio::test]
async fn what_ghl_told_expires_where_its_location_keeps_it_for_so_long_only() {
    let tables = Tables::new().await;
    let states = DynamoKnownStates::new(tables.client.clone(), STATE);
    let (location, id) = (location(), ghl_id("G1"));
    let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &id };
    let content = RemoteContent::Contact(Contact::default());
    for (at, keep_until) in [(1, Some(EpochMs(9_000))), (2, None)] {
        let at = EpochMs(at);
        let event_id: EventId = format!("e{}", at.0).parse().unwrap();
        let state =
            KnownState { at, event_id: event_id.clone(), content: Some(content.clone()), deleted_at: None, keep_until };
        let precedence = Precedence::of_reading(at, event_id);
        states.replace(key, &state, &precedence, at).await.unwrap();
        assert_eq!(states.load(key).await.unwrap().unwrap().keep_until, keep_until);
    }
}

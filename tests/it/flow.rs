//! From the outbox through tick, queue and consumer into GHL.

use std::time::Duration;

use futures::future::join_all;
use ghl_sync_aws::tables;
use ghl_sync_cli::sandbox::{SandboxOptions, Stats, default_pipelines};
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_model::{Api, ErrorCode, PutRecord};
use serde_json::json;

use crate::deployment::{Deployment, by_hand, failed_messages, location, options, sandbox, sqs_event};
use crate::records::{contact, contacts, in_location, opportunity};

/// Contacts with these ids, each with an opportunity.
fn contacts_with_opportunities(ids: &[&str]) -> Vec<PutRecord> {
    let contacts = ids.iter().map(|id| contact(id, json!({})));
    let opportunities = ids.iter().map(|id| opportunity(id, json!({})));
    // Opportunities first: the order must not matter.
    opportunities.chain(contacts).collect()
}

fn counts(stats: &Stats) -> (u64, u64, u64, u64) {
    (stats.calls, stats.contacts, stats.opportunities, stats.duplicates)
}

#[tokio::test]
async fn contacts_and_their_opportunities_reach_ghl_with_one_write_each() {
    let deployment = Deployment::start().await;
    let records = contacts_with_opportunities(&["a", "b", "c"]);
    assert_eq!(deployment.put(&records).await.stored, 6);
    let before = deployment.stack.usage.snapshot();

    let report = deployment.tick(json!({})).await.unwrap();
    assert_eq!((report.started, report.records), (1, 6));
    let event = deployment.next_event().await.unwrap();
    assert_eq!(failed_messages(&deployment.consume(event).await.unwrap()), [""; 0]);

    let stats = deployment.stats();
    // An upsert for each contact; a search and a create for each opportunity.
    assert_eq!(counts(&stats), (9, 3, 3, 0));
    assert_eq!((stats.ok, stats.breaches), (9, 0));
    assert_eq!(deployment.due().await, []);
    let used = deployment.stack.usage.snapshot().since(&before);
    assert_eq!(used.record_writes().requests, 6);
    assert_eq!(used.sends(), 1, "nothing is due, so no batch follows");
    for record in &records {
        let record = deployment.record(record).await;
        assert_eq!((record.accepted_version, record.attempts, record.last_error), (Some(1), 0, None));
        assert!(record.ghl_id.is_some());
    }
}

#[tokio::test]
async fn what_ghl_has_already_is_not_sent_again() {
    let deployment = Deployment::start().await;
    let records = contacts_with_opportunities(&["a", "b"]);
    deployment.put(&records).await;
    deployment.run_until_synced().await;
    let calls = deployment.stats().calls;

    let put = deployment.put(&records).await;
    assert_eq!((put.stored, put.unchanged), (0, 4));
    assert_eq!(deployment.tick(json!({})).await.unwrap().started, 0);
    assert_eq!(deployment.stats().calls, calls);
}

#[tokio::test]
async fn a_change_updates_what_is_there() {
    let deployment = Deployment::start().await;
    deployment.put(&contacts_with_opportunities(&["a", "b"])).await;
    deployment.run_until_synced().await;
    let calls = deployment.stats().calls;

    let stage = default_pipelines()[0].stages[1].id.clone();
    let moved = contact("a", json!({ "city": "Boston", "email": "new-address@example.com" }));
    let won = opportunity("b", json!({ "status": "won", "pipelineStageId": stage, "monetaryValue": 1250.5 }));
    assert_eq!(deployment.put(&[moved.clone(), won.clone()]).await.stored, 2);
    deployment.run_until_synced().await;

    assert_eq!(counts(&deployment.stats()), (calls + 2, 2, 2, 0));
    let id = deployment.ghl_id(&moved).await;
    let shown = &deployment.in_ghl(&format!("contacts/{id}")).await["contact"];
    assert_eq!((&shown["city"], &shown["email"]), (&json!("Boston"), &json!("new-address@example.com")));
    let id = deployment.ghl_id(&won).await;
    let shown = &deployment.in_ghl(&format!("opportunities/{id}")).await["opportunity"];
    assert_eq!(
        (&shown["status"], &shown["pipelineStageId"], &shown["monetaryValue"]),
        (&json!("won"), &json!(stage), &json!(1250.5))
    );
}

#[tokio::test]
async fn text_arrives_as_it_was_put() {
    let deployment = Deployment::start().await;
    let record = contact(
        "unicode",
        json!({
            "firstName": "Zoë \u{1f980}",
            "lastName": "O'Brien \"Bo\" <b>",
            "companyName": "Müller & Søn, 株式会社\\",
            "postalCode": "00501",
            "tags": ["vip", "a b"],
        }),
    );
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.run_until_synced().await;
    let id = deployment.ghl_id(&record).await;
    let shown = &deployment.in_ghl(&format!("contacts/{id}")).await["contact"];
    assert_eq!(shown["firstName"], "Zoë \u{1f980}");
    assert_eq!(shown["lastName"], "O'Brien \"Bo\" <b>");
    assert_eq!(shown["companyName"], "Müller & Søn, 株式会社\\");
    assert_eq!(shown["postalCode"], "00501");
    assert_eq!(shown["tags"], json!(["a b", "vip"]));
}

#[tokio::test]
async fn what_ghl_drops_of_a_record_that_it_accepts_is_told_and_what_it_keeps_in_another_form_is_not() {
    let deployment = Deployment::start().await;
    let there = [
        contact("ann", json!({ "email": "ann@example.com" })),
        contact("bob", json!({ "email": "bob@example.com", "phone": "+12025550102" })),
    ];
    deployment.put(&there).await;
    deployment.run_until_synced().await;
    let dropped = contact(
        "both",
        json!({ "email": "ann@example.com", "phone": "+12025550102", "gender": "female", "city": "Ulm" }),
    );
    let kept = contact(
        "new",
        json!({
            "email": "New@Example.com", "phone": "+1 (202) 555-0199", "gender": "female", "dateOfBirth": "1990-12-31",
            "tags": ["VIP"], "country": "US", "dnd": true, "companyName": "Acme",
        }),
    );
    deployment.put(&[dropped.clone(), kept.clone()]).await;
    deployment.run_until_synced().await;
    assert_eq!(deployment.record(&dropped).await.not_stored, ["gender", "phone"]);
    assert_eq!(deployment.record(&kept).await.not_stored, [""; 0]);
}

#[tokio::test]
async fn an_opportunity_waits_until_its_contact_is_in_ghl() {
    let deployment = Deployment::start().await;
    deployment.put(&[opportunity("a", json!({}))]).await;
    deployment.tick(json!({})).await.unwrap();
    let event = deployment.next_event().await.unwrap();
    deployment.consume(event).await.unwrap();
    let waiting = deployment.record(&opportunity("a", json!({}))).await;
    assert_eq!(waiting.waits_for.map(|key| key.to_string()).as_deref(), Some("contact#a"));
    assert_eq!((waiting.attempts, waiting.last_error), (0, None), "waiting is no failure");
    assert_eq!(deployment.stats().calls, 0);

    deployment.put(&[contact("a", json!({}))]).await;
    deployment.run_until_synced().await;
    assert_eq!(counts(&deployment.stats()), (3, 1, 1, 0));
}

#[tokio::test]
async fn a_second_opportunity_of_a_contact_and_pipeline_gets_its_own_or_fails_and_the_first_stays() {
    for allowed in [true, false] {
        for name in ["Deal a", "Another deal"] {
            let rules = SandboxOptions { allow_duplicate_opportunity: allowed, ..Default::default() };
            let deployment = Deployment::with(StackOptions { ghl: sandbox(rules), ..options() }).await;
            let won = json!({ "name": "Deal a", "status": "won", "monetaryValue": 50_000 });
            let first = opportunity("a", won);
            let second = opportunity("b", json!({ "contactRecord": "a", "name": name, "monetaryValue": 100 }));
            deployment.put(&[contact("a", json!({})), first.clone(), second.clone()]).await;
            deployment.run_until_synced().await;
            let records = [deployment.record(&first).await, deployment.record(&second).await];
            let accepted = records.iter().filter(|record| record.accepted_version == Some(1)).count();
            assert_eq!((accepted, deployment.stats().opportunities), (1 + usize::from(allowed), accepted as u64));
            for record in &records {
                let Some(error) = &record.last_error else {
                    let id = record.ghl_id.as_ref().unwrap();
                    let shown = &deployment.in_ghl(&format!("opportunities/{id}")).await["opportunity"];
                    let worth = if record.key == first.key() { 50_000 } else { 100 };
                    assert_eq!(shown["monetaryValue"], json!(worth));
                    continue;
                };
                let other = records.iter().find(|other| other.key != record.key).unwrap();
                assert_eq!(error.code, ErrorCode::Rejected);
                assert!(error.message.contains(&other.key.to_string()), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_record_that_is_put_again_while_it_is_sent_is_sent_again() {
    let slow =
        SandboxOptions { latency: Duration::from_millis(400)..=Duration::from_millis(400), ..Default::default() };
    let deployment = Deployment::with(StackOptions { ghl: sandbox(slow), ..options() }).await;
    let first = contact("a", json!({ "city": "Boston" }));
    let second = contact("a", json!({ "city": "Denver" }));
    deployment.put(&[first]).await;
    let put_again = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        deployment.put(std::slice::from_ref(&second)).await;
    };
    let event = by_hand(std::slice::from_ref(&second));
    let (consumed, ()) = tokio::join!(deployment.consume(event), put_again);
    assert_eq!(failed_messages(&consumed.unwrap()), [""; 0]);
    assert_eq!(deployment.due().await.len(), 1);
    deployment.run_until_synced().await;
    let record = deployment.record(&second).await;
    assert_eq!((record.version, record.accepted_version), (2, Some(2)));
    let shown = &deployment.in_ghl(&format!("contacts/{}", record.ghl_id.unwrap())).await["contact"];
    assert_eq!(shown["city"], "Denver");
    assert_eq!(deployment.stats().contacts, 1);
}

#[tokio::test]
async fn the_functions_sync_on_their_own_and_start_again_when_something_is_put() {
    let deployment = Deployment::start().await;
    deployment.put(&contacts(60)).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(1));
    deployment.synced().await;
    deployment.put(&[contact("late", json!({}))]).await;
    deployment.synced().await;
    assert_eq!(counts(&deployment.stats()), (61, 61, 0, 0));
    assert_eq!(deployment.stats().status_429, 0);
}

#[tokio::test]
async fn each_location_has_its_own_records_and_its_own_quota() {
    let (north, south) = (location("north"), location("south"));
    let locations = vec![north.clone(), south.clone()];
    let deployment = Deployment::with(StackOptions { locations, limit: 10, window_ms: 1000, ..options() }).await;
    // The same people in both.
    let of_north = in_location(&north, contacts(15));
    let of_south = in_location(&south, contacts(15));
    deployment.put(&[of_north.clone(), of_south.clone()].concat()).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(1));
    deployment.synced().await;
    let stats = deployment.stats();
    assert_eq!(counts(&stats), (30, 30, 0, 0));
    assert!(stats.status_429 == 0 && stats.max_in_any_window <= 10, "{stats:?}");
    assert_ne!(deployment.ghl_id(&of_north[0]).await, deployment.ghl_id(&of_south[0]).await);
}

#[tokio::test]
async fn locations_that_share_a_scope_share_its_quota() {
    let (north, south) = (location("north"), location("south"));
    let options =
        StackOptions { locations: vec![north.clone(), south.clone()], limit: 10, window_ms: 1000, ..options() };
    let mut deployment = Deployment::with(options).await;
    deployment.engine =
        deployment.engine_with(&[("GHL_LOCATIONS", r#"{"north":{"scope":"both"},"south":{"scope":"both"}}"#)]);
    deployment.put(&[in_location(&north, contacts(8)), in_location(&south, contacts(8))].concat()).await;
    let started = std::time::Instant::now();
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert_eq!(counts(&stats), (16, 16, 0, 0));
    assert!(started.elapsed() > Duration::from_secs(1), "16 calls do not fit into one window of 10");
}

#[tokio::test]
async fn the_legacy_api_gets_the_same_records() {
    let deployment = Deployment::with(StackOptions { api: Api::V1, ..options() }).await;
    let mut records = contacts_with_opportunities(&["a", "b"]);
    records.push(contact("c", json!({ "tags": ["vip"], "customFields": [{ "id": "size", "value": "9" }] })));
    deployment.put(&records).await;
    deployment.run_until_synced().await;
    // Four calls for two opportunities, three upserts, and one tag write.
    let stats = deployment.stats();
    assert_eq!(counts(&stats), (8, 3, 2, 0));
    assert_eq!(stats.ok, 8);

    assert_eq!(deployment.put(&records).await.unchanged, 5);
    deployment.put(&[contact("a", json!({ "city": "Boston" })), opportunity("b", json!({ "status": "lost" }))]).await;
    deployment.run_until_synced().await;
    assert_eq!(counts(&deployment.stats()), (10, 3, 2, 0));
    assert_eq!(deployment.failed().await, [""; 0]);
}

/// SQS delivers at least once, and Lambda invokes concurrently: the limits must hold across all parallel invocations.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_delivered_eight_times_at_once_is_one_batch() {
    let latency = Duration::from_millis(20)..=Duration::from_millis(60);
    let ghl = sandbox(SandboxOptions { latency, ..SandboxOptions::default() });
    let deployment = Deployment::with(StackOptions { ghl, limit: 10, window_ms: 1000, ..options() }).await;
    deployment.put(&contacts(25)).await;
    while !deployment.due().await.is_empty() {
        deployment.tick(json!({})).await.unwrap();
        let Some(event) = deployment.next_event().await else { continue };
        for consumed in join_all((0..8).map(|_| deployment.consume(event.clone()))).await {
            assert_eq!(failed_messages(&consumed.unwrap()), [""; 0]);
        }
    }
    let stats = deployment.stats();
    assert_eq!(counts(&stats), (25, 25, 0, 0));
    assert_eq!((stats.status_429, stats.breaches), (0, 0));
    assert!(stats.max_in_any_window <= 10 && stats.max_concurrent <= 5, "{stats:?}");
}

/// A manual message has no generation to identify its copies.
#[tokio::test(flavor = "multi_thread")]
async fn messages_by_hand_that_come_at_once_keep_the_limits_as_well() {
    let latency = Duration::from_millis(20)..=Duration::from_millis(60);
    let ghl = sandbox(SandboxOptions { latency, ..SandboxOptions::default() });
    let deployment = Deployment::with(StackOptions { ghl, limit: 10, window_ms: 1000, ..options() }).await;
    let records = contacts(25);
    deployment.put(&records).await;
    let event = by_hand(&records);
    let bodies = vec![event["Records"][0]["body"].as_str().unwrap(); 2];
    let twice = sqs_event([Some("m1"), Some("m2")].into_iter().zip(bodies));
    for consumed in join_all((0..4).map(|_| deployment.consume(twice.clone()))).await {
        assert_eq!(failed_messages(&consumed.unwrap()), [""; 0]);
    }
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert_eq!(counts(&stats), (25, 25, 0, 0));
    assert_eq!((stats.status_429, stats.breaches), (0, 0));
    assert!(stats.max_in_any_window <= 10 && stats.max_concurrent <= 5, "{stats:?}");
}

#[tokio::test]
async fn a_location_in_dry_run_makes_no_call_and_shows_what_it_would_send() {
    let deployment = Deployment::with(StackOptions { dry_run: true, ..options() }).await;
    let record = contact("a", json!({}));
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.run_until_synced().await;
    assert_eq!(deployment.stats().calls, 0);
    let shown = deployment.attribute(&record, tables::record::DRY_RUN).await.unwrap();
    assert!(shown.starts_with("POST ") && shown.contains("/contacts/upsert") && shown.contains("a@example.com"));
    assert!(!shown.contains(&deployment.stack.vars["GHL_TOKEN"]), "{shown}");
}

#[tokio::test]
async fn a_dry_run_comes_to_an_end_for_opportunities_too() {
    let deployment = Deployment::with(StackOptions { dry_run: true, ..options() }).await;
    deployment.put(&contacts_with_opportunities(&["a"])).await;
    deployment.run_until_synced().await;
}

#[tokio::test]
async fn a_contact_that_somebody_made_in_ghl_is_updated_and_not_doubled() {
    let deployment = Deployment::start().await;
    let body = json!({ "locationId": "loc_demo", "email": "a@example.com", "firstName": "By", "lastName": "Hand" });
    let made = deployment.create_in_ghl("contacts/", &body).await;
    let record = contact("a", json!({}));
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.run_until_synced().await;
    assert_eq!(deployment.stats().contacts, 1);
    assert_eq!(deployment.ghl_id(&record).await, made["contact"]["id"]);
}

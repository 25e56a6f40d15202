//! Faults of GHL and of the network, and their effect on a batch.

use std::time::{Duration, Instant};

use ghl_sync_cli::sandbox::{FaultChange, SandboxOptions, default_pipelines};
use ghl_sync_cli::stack::{Ghl, StackOptions};
use ghl_sync_limiter::PauseReason;
use ghl_sync_model::{ErrorCode, PutRecord, Secret};
use serde_json::json;

use crate::deployment::{Deployment, LOCATION, by_hand, failed_messages, options, sandbox};
use crate::intermediary::Act::{self, Answer, LoseAnswer, Pass};
use crate::records::{contact, contacts, opportunity};

const JSON: &str = "application/json";
const HTML: &str = "text/html";

#[tokio::test]
async fn a_contact_whose_answer_was_lost_is_sent_again_and_not_doubled() {
    let deployment = Deployment::behind([LoseAnswer]).await;
    let record = contact("a", json!({}));
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.contacts, stats.duplicates), (2, 1, 0));
    assert_eq!(deployment.record(&record).await.attempts, 0, "it was accepted within its first batch");
}

#[tokio::test]
async fn an_opportunity_whose_answer_was_lost_is_looked_for_and_not_doubled() {
    // Upsert of the contact, search, create.
    let deployment = Deployment::behind([Pass, Pass, LoseAnswer]).await;
    let opportunity = opportunity("a", json!({}));
    deployment.put(&[contact("a", json!({})), opportunity.clone()]).await;
    deployment.consume(by_hand(&[contact("a", json!({})), opportunity.clone()])).await.unwrap();
    let record = deployment.record(&opportunity).await;
    assert_eq!(record.last_error.map(|error| error.code), Some(ErrorCode::Ambiguous));
    assert!(record.not_before.is_some() && record.not_before == record.due_at);

    deployment.run_until_synced().await;
    let stats = deployment.stats();
    // The search found it, and it was updated.
    assert_eq!((stats.calls, stats.opportunities, stats.duplicates), (5, 1, 0));
    assert_eq!(deployment.record(&opportunity).await.last_error, None);
}

#[tokio::test]
async fn a_contact_without_email_and_phone_whose_answer_was_lost_is_found_by_its_marker_and_not_doubled() {
    let deployment = Deployment::behind([LoseAnswer]).await;
    let nameless = contact("a", json!({ "email": null }));
    deployment.put(std::slice::from_ref(&nameless)).await;
    deployment.run_until_synced().await;
    assert!(deployment.failed().await.is_empty());
    let record = deployment.record(&nameless).await;
    assert_eq!((record.last_error, record.accepted_version), (None, Some(record.version)));
    // Create, search, update.
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.contacts, stats.duplicates), (3, 1, 0));
}

#[tokio::test]
async fn answers_that_pass_are_not_held_against_a_record() {
    let gateway = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>";
    let timeout = r#"{"statusCode":401,"message":"Command timed out"}"#;
    let blocked = "<html><head><title>Error 1010</title></head></html>";
    let acts: [(&str, Act); 8] = [
        ("a gateway's page", Answer(502, HTML, gateway)),
        ("a gateway that gave up", Answer(504, HTML, "")),
        ("a gateway that blocks us", Answer(403, HTML, blocked)),
        ("an error of GHL", Answer(500, JSON, r#"{"statusCode":500,"message":"Internal server error"}"#)),
        ("a timeout that looks like a bad token", Answer(401, JSON, timeout)),
        ("a page that says 200", Answer(200, HTML, gateway)),
        ("half an answer", Answer(200, JSON, r#"{"contact":{"id":"#)),
        ("too many requests", Answer(429, JSON, r#"{"statusCode":429,"message":"Too Many Requests"}"#)),
    ];
    for (what, act) in acts {
        let deployment = Deployment::behind([act]).await;
        let record = contact("a", json!({}));
        deployment.put(std::slice::from_ref(&record)).await;
        deployment.run_until_synced().await;
        let record = deployment.record(&record).await;
        assert_eq!((record.accepted_version, record.attempts, record.last_error), (Some(1), 0, None), "{what}");
        let stats = deployment.stats();
        assert_eq!((stats.contacts, stats.duplicates), (1, 0), "{what}");
    }
}

#[tokio::test]
async fn a_refusal_in_html_is_none_of_ghls_and_is_tried_again() {
    let page = "<html><head><title>413 Request Entity Too Large</title></head><body><h1>nginx</h1></body></html>";
    let deployment = Deployment::behind([Answer(413, HTML, page)]).await;
    let record = contact("a", json!({}));
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.run_until_synced().await;
    let record = deployment.record(&record).await;
    assert_eq!((record.last_error, record.accepted_version), (None, Some(1)));
}

#[tokio::test]
async fn a_record_that_ghl_refuses_fails_alone_in_ghls_words_and_is_listed() {
    let deployment = Deployment::start().await;
    let bad = contact("bad", json!({ "country": "USA" }));
    let mut records = contacts(3);
    records.insert(1, bad.clone());
    deployment.put(&records).await;
    deployment.run_until_synced().await;

    let record = deployment.record(&bad).await;
    let error = record.last_error.unwrap();
    assert_eq!((error.code, error.status), (ErrorCode::Rejected, Some(422)));
    assert_eq!(error.message, "country must be a valid enum value");
    assert_eq!((record.due_at, record.accepted_version), (None, None));
    assert_eq!(deployment.failed().await, ["contact#bad"]);
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.contacts), (4, 3), "it is not tried again");
    assert_eq!(deployment.gate().await.breaker().as_str(), "closed");

    // After a fix, it is synced and leaves the list.
    deployment.put(&[contact("bad", json!({ "country": "US" }))]).await;
    deployment.run_until_synced().await;
    assert_eq!(deployment.failed().await, [""; 0]);
    assert_eq!(deployment.stats().contacts, 4);
}

#[tokio::test]
async fn an_opportunity_of_a_pipeline_that_does_not_exist_fails_alone() {
    let deployment = Deployment::start().await;
    let lost = opportunity("a", json!({ "pipelineId": "nowhere" }));
    let records = [contact("a", json!({})), contact("b", json!({})), lost.clone(), opportunity("b", json!({}))];
    deployment.put(&records).await;
    deployment.run_until_synced().await;
    let error = deployment.record(&lost).await.last_error.unwrap();
    assert_eq!((error.code, error.status), (ErrorCode::Rejected, Some(400)));
    assert_eq!(error.message, "The pipeline id nowhere is invalid.");
    assert_eq!(deployment.failed().await, ["opportunity#a"]);
    assert_eq!((deployment.stats().contacts, deployment.stats().opportunities), (2, 1));
}

/// GHL allows one opportunity per contact and pipeline, unless the location allows more.
#[tokio::test]
async fn an_opportunity_that_somebody_else_made_is_not_overwritten() {
    let deployment = Deployment::start().await;
    deployment.put(&[contact("a", json!({}))]).await;
    deployment.run_until_synced().await;
    let theirs = json!({
        "locationId": LOCATION,
        "contactId": deployment.ghl_id(&contact("a", json!({}))).await,
        "pipelineId": default_pipelines()[0].id,
        "name": "Theirs",
        "status": "open",
    });
    let made = deployment.create_in_ghl("opportunities/", &theirs).await;
    let ours = opportunity("a", json!({ "status": "lost" }));
    deployment.put(std::slice::from_ref(&ours)).await;
    deployment.run_until_synced().await;

    let error = deployment.record(&ours).await.last_error.unwrap();
    assert_eq!((error.code, error.status), (ErrorCode::Rejected, Some(400)));
    assert_eq!(error.message, "Can not create duplicate opportunity for the contact.");
    let id = made["opportunity"]["id"].as_str().unwrap();
    let shown = &deployment.in_ghl(&format!("opportunities/{id}")).await["opportunity"];
    assert_eq!((&shown["name"], &shown["status"]), (&json!("Theirs"), &json!("open")));
}

#[tokio::test]
async fn a_contact_that_was_deleted_in_ghl_is_made_anew() {
    let deployment = Deployment::start().await;
    let record = contact("a", json!({}));
    deployment.put(std::slice::from_ref(&record)).await;
    deployment.run_until_synced().await;
    let gone = deployment.ghl_id(&record).await;
    deployment.delete_in_ghl(&format!("contacts/{gone}")).await;
    deployment.put(&[contact("a", json!({ "city": "Boston" }))]).await;
    deployment.run_until_synced().await;
    assert_ne!(deployment.ghl_id(&record).await, gone);
    assert_eq!(deployment.stats().contacts, 1);
}

#[tokio::test]
async fn a_token_that_is_refused_stops_the_location_and_loses_nothing() {
    let remote = Deployment::start().await;
    let ghl = Ghl::Url { url: remote.sandbox().url(), token: Secret::new("pit-revoked") };
    let deployment = Deployment::with(StackOptions { ghl, ..options() }).await;
    deployment.put(&contacts(20)).await;
    deployment.tick(json!({})).await.unwrap();
    let event = deployment.next_event().await.unwrap();
    assert_eq!(failed_messages(&deployment.consume(event).await.unwrap()), [""; 0]);

    assert_eq!(deployment.due().await.len(), 20);
    assert_eq!(deployment.failed().await, [""; 0]);
    let calls = remote.stats().calls;
    assert!(calls <= 5, "no more than were under way at once: {calls}");
    assert_eq!(deployment.gate().await.pause().unwrap().reason, PauseReason::Credentials);
    // More work does not wake it.
    deployment.put(&contacts(21)).await;
    deployment.tick(json!({})).await.unwrap();
    assert!(deployment.next_event().await.is_none());
    assert_eq!(remote.stats().calls, calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_arrives_once_through_a_storm_of_errors() {
    let storm = SandboxOptions { error_rate: 0.3, seed: 7, ..SandboxOptions::default() };
    let mut options = StackOptions { ghl: sandbox(storm), ..options() };
    options.vars.insert("GHL_CIRCUIT_THRESHOLD".to_owned(), "100".to_owned());
    let deployment = Deployment::with(options).await;
    let records: Vec<PutRecord> = contacts(20).into_iter().chain([opportunity("c3", json!({}))]).collect();
    deployment.put(&records).await;
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert!(stats.status_other > 0, "{stats:?}");
    assert_eq!((stats.contacts, stats.opportunities, stats.duplicates, stats.breaches), (20, 1, 0, 0));
    assert_eq!(deployment.failed().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_waited_out_with_one_call_at_a_time() {
    let deployment = Deployment::start().await;
    deployment.sandbox().change_faults(FaultChange { outage: Some(true), ..FaultChange::default() });
    let records = contacts(30);
    deployment.put(&records).await;
    let started = Instant::now();
    let recovery = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (calls, breaker) = (deployment.stats().calls, deployment.gate().await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let probes = deployment.stats().calls - calls;
        deployment.sandbox().change_faults(FaultChange { outage: Some(false), ..FaultChange::default() });
        (calls, probes, breaker.breaker().as_str())
    };
    let (_, (calls, probes, breaker)) = tokio::join!(deployment.run_until_synced(), recovery);
    assert_ne!(breaker, "closed");
    assert!((5..=15).contains(&calls), "{calls} calls before it was noticed");
    assert!(probes <= 4, "{probes} calls in two seconds");
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.duplicates, stats.breaches), (30, 0, 0));
    assert_eq!(deployment.failed().await, [""; 0]);
    assert_eq!(deployment.gate().await.breaker().as_str(), "closed");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// One record that GHL cannot process is not an outage.
#[tokio::test]
async fn one_record_that_always_fails_does_not_stop_the_others() {
    let internal = Answer(500, JSON, r#"{"statusCode":500,"message":"Internal server error"}"#);
    let deployment = Deployment::behind([internal; 6]).await;
    let poison = contact("poison", json!({}));
    deployment.put(std::slice::from_ref(&poison)).await;
    deployment.consume(by_hand(std::slice::from_ref(&poison))).await.unwrap();
    let record = deployment.record(&poison).await;
    assert_eq!((record.attempts, record.last_error.unwrap().code), (1, ErrorCode::MaxRetriesExceeded));
    assert!(record.due_at.is_some(), "it comes back later");
    assert_eq!(deployment.gate().await.breaker().as_str(), "closed");

    let others = contacts(5);
    deployment.put(&others).await;
    deployment.consume(by_hand(&others)).await.unwrap();
    assert_eq!(deployment.stats().contacts, 5);
}

//! Configured faults.

use serde_json::json;

use super::*;
use crate::sandbox::FaultChange;

#[tokio::test]
async fn a_reset_is_no_answer_and_half_of_them_come_after_the_write() {
    let it = Examination::begin(SandboxOptions { error_rate: 1.0, ..options() }).await;
    let calls = (0..100).map(|n| {
        let body = json!({"locationId": LOCATION, "email": format!("{n}@example.com")});
        let request = it.request(Method::POST, "/contacts/").json(&body);
        async move { request.send().await.ok().map(|response| response.status().as_u16()) }
    });
    let answers = futures::future::join_all(calls).await;
    let count = |wanted: Option<u16>| answers.iter().filter(|answer| **answer == wanted).count() as u64;
    let stats = it.sandbox.stats();
    assert_eq!((stats.calls, stats.ok, stats.status_429), (100, count(Some(201)), 0));
    assert_eq!(stats.status_other, 100 - stats.ok);
    for wanted in [None, Some(201), Some(500), Some(502), Some(503)] {
        assert!(count(wanted) > 5, "{wanted:?} in {answers:?}");
    }
    let without_a_word = stats.contacts - stats.ok;
    assert!(without_a_word > 5 && without_a_word < count(None) + count(Some(502)), "{without_a_word} were written");
}

#[tokio::test]
async fn an_outage_is_ordered_and_ended_while_running() {
    let it = Examination::begin(options()).await;
    assert_eq!(it.post("/_sandbox/faults", json!({"outage": true})).await.0, 200);
    for _ in 0..10 {
        let response = it.request(Method::GET, "/contacts/x").send().await;
        assert!(response.is_err() || response.is_ok_and(|response| response.status() == 503));
    }
    it.sandbox.change_faults(FaultChange { outage: Some(false), ..FaultChange::default() });
    assert_eq!(it.get("/contacts/x").await.0, 400);
    assert_eq!(it.post("/_sandbox/faults", json!({"outrage": true})).await.0, 422);
}

#[tokio::test]
async fn pages_of_something_on_the_way_and_answers_of_another_location_are_ordered_and_ended() {
    let it = Examination::begin(options()).await;
    let upsert = json!({"locationId": LOCATION, "email": "ann@example.com"});
    it.sandbox.change_faults(FaultChange { page: Some(404), ..FaultChange::default() });
    let response = it.request(Method::POST, "/contacts/upsert").json(&upsert).send().await.expect("an answer");
    assert_eq!(response.status(), 404);
    assert!(response.text().await.expect("a body").starts_with("<html>"));
    it.sandbox.change_faults(FaultChange { page: Some(0), other_location: Some(true), ..FaultChange::default() });
    let (status, answer) = it.post("/contacts/upsert", upsert.clone()).await;
    assert_eq!(status, 200);
    assert_ne!(answer["contact"]["locationId"], LOCATION);
    it.sandbox.change_faults(FaultChange { other_location: Some(false), ..FaultChange::default() });
    assert_eq!(it.post("/contacts/upsert", upsert).await.1["contact"]["locationId"], LOCATION);
}

#[tokio::test]
async fn a_caller_who_gives_up_waiting_has_still_created_what_he_asked_for() {
    let latency = Duration::from_secs(1)..=Duration::from_secs(1);
    let it = Examination::begin(SandboxOptions { latency, ..options() }).await;
    let request = it.request(Method::POST, "/contacts/").json(&json!({"locationId": LOCATION, "name": "Ann"}));
    assert!(request.timeout(Duration::from_millis(400)).send().await.is_err());
    assert_eq!(it.sandbox.stats().calls, 1, "it counts on arrival");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(it.sandbox.stats().contacts, 1);
}

#[tokio::test]
async fn stopping_waits_for_the_answers_under_way() {
    let latency = Duration::from_millis(600)..=Duration::from_millis(600);
    let it = Examination::begin(SandboxOptions { latency, ..options() }).await;
    let call = tokio::spawn(it.request(Method::GET, "/contacts/x").send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    it.sandbox.stop().await;
    assert_eq!(call.await.expect("no panic").expect("an answer").status(), 400);
}

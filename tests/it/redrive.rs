//! Dead-letter messages, from the batch queue through the redrive to the parking queue.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ghl_sync_engine::ports::{DeadLetterQueue, TakenDeadLetter};
use ghl_sync_model::Batch;
use ghl_sync_operate::{Health, OverviewPage, RedriveEnd, RedriveReport};
use lambda_runtime::LambdaEvent;
use redrive::{RedriveAnswer, RedriveError};
use serde_json::{Value, json};

use crate::deployment::{Deployment, by_hand, context, failed_messages, sqs_event};
use crate::events::sample;
use crate::logs::Log;
use crate::records::{contacts, sample_contacts};

const PATIENCE: Duration = Duration::from_secs(300);

/// Returns the ids of the messages to retry.
async fn handle(deployment: &Deployment, event: Value) -> Vec<String> {
    match deployment.redrive(event).await.unwrap() {
        RedriveAnswer::Messages(response) => failed_messages(&response).into_iter().map(str::to_owned).collect(),
        RedriveAnswer::Report(report) => panic!("{report:?}"),
    }
}

async fn ordered(deployment: &Deployment, order: Value) -> RedriveReport {
    match deployment.redrive(json!({ "redrive": order })).await.unwrap() {
        RedriveAnswer::Report(report) => report,
        RedriveAnswer::Messages(response) => panic!("{response:?}"),
    }
}

impl Deployment {
    async fn send(&self, variable: &str, body: &str) {
        let send = self.stack.functions.sqs.send_message().queue_url(&self.stack.vars[variable]);
        send.message_body(body).send().await.unwrap();
    }

    /// The messages of a dead-letter queue; they are put back afterwards.
    async fn lying_in(&self, queue: DeadLetterQueue) -> Vec<TakenDeadLetter> {
        let dead_letters = &self.engine.ports().dead_letters;
        let letters = dead_letters.take(queue, 10, Duration::from_secs(30)).await.unwrap();
        for letter in &letters {
            dead_letters.put_back(&letter.receipt).await.unwrap();
        }
        letters
    }
}

/// The event with which Lambda delivers these messages.
fn event_of(letters: &[TakenDeadLetter]) -> Value {
    sqs_event(letters.iter().map(|taken| (Some(taken.letter.id.as_str()), taken.letter.body.as_str())))
}

fn body_of(event: &Value) -> &str {
    event["Records"][0]["body"].as_str().unwrap()
}

#[tokio::test]
async fn a_batch_whose_invocations_all_died_wakes_its_location_and_its_records_reach_ghl_once() {
    let deployment = Deployment::start().await;
    let records = contacts(3);
    deployment.put(&records).await;
    deployment.send("BATCH_QUEUE_URL", body_of(&by_hand(&records))).await;
    let functions = &deployment.stack.functions;
    for _ in 0..6 {
        let received = functions.sqs.receive_message().queue_url(&functions.queue_url).visibility_timeout(0);
        received.send().await.unwrap();
    }
    let letters = deployment.lying_in(DeadLetterQueue::Dead).await;
    assert_eq!(letters[0].letter.source.as_deref(), Some("ghl-sync-batches"));
    assert_eq!(handle(&deployment, event_of(&letters)).await, [""; 0]);
    let batch = deployment.next_event().await.expect("its location was woken");
    assert!(Batch::from_json(body_of(&batch)).unwrap().generation.is_some(), "the dead message was not sent again");
    deployment.consume(batch).await.unwrap();
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.calls, stats.duplicates), (3, 3, 0));
}

#[tokio::test]
async fn letters_of_one_location_start_one_batch_however_often_they_come() {
    let deployment = Deployment::start().await;
    deployment.put(&sample_contacts()).await;
    let before = deployment.stack.usage.snapshot();
    for _ in 0..3 {
        assert_eq!(handle(&deployment, sample("redrive-duplicates")).await, [""; 0]);
    }
    assert_eq!(deployment.stack.usage.snapshot().since(&before).sends(), 1);
}

#[tokio::test]
async fn what_is_no_batch_is_parked_and_counted_and_health_says_so_and_no_line_tells_what_it_says() {
    let (log, _logging) = Log::begin();
    let mut deployment = Deployment::start().await;
    let metrics = deployment.measured();
    let event = sqs_event([(Some("m1"), "ada@secret.example"), (Some("m2"), body_of(&sample("redrive")))]);
    assert_eq!(handle(&deployment, event).await, [""; 0]);
    let parked = deployment.lying_in(DeadLetterQueue::Parked).await;
    assert_eq!(parked.iter().map(|taken| taken.letter.body.as_str()).collect::<Vec<_>>(), ["ada@secret.example"]);
    assert_eq!(metrics.sum("DeadLetters"), 2);
    let overview = deployment.operator().overview(&OverviewPage::default()).await.unwrap();
    assert_eq!((overview.dead_letters, overview.health), (Some(1), Health::Degraded));

    let lines = log.events("dead_letter");
    assert!(!log.text().contains("secret"), "{}", log.text());
    let [garbage, batch] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        (&garbage["message_id"], &garbage["reason"], &garbage["result"], &garbage["bytes"]),
        (&json!("m1"), &json!("not_json"), &json!("parked"), &json!(18))
    );
    assert_eq!(
        (&batch["location"], &batch["batch"], &batch["records"], &batch["result"]),
        (&json!("loc_demo"), &json!(7), &json!(2), &json!("idle"))
    );
    assert!(batch["span"]["request_id"].is_string(), "{batch}");
}

#[tokio::test]
async fn a_letter_stays_while_a_store_or_the_parking_queue_is_out_of_reach() {
    let deployment = Deployment::start().await;
    let nowhere = "http://127.0.0.1:1";
    let ids = ["c7a1e7d2-60cb-4f0e-8a2e-5a4b9e0f1d33", "4b1f7c0e-2a83-4d65-8f44-91d0c55e6b72"];
    for (variable, stay) in [("AWS_ENDPOINT_URL_DYNAMODB", &ids[1..]), ("AWS_ENDPOINT_URL_SQS", &ids[..1])] {
        let cut_off = deployment.engine_with(&[(variable, nowhere)]);
        let event = LambdaEvent::new(sample("redrive-not-a-batch"), context());
        let Ok(RedriveAnswer::Messages(response)) = redrive::handle(&cut_off, event).await else {
            panic!("{variable}")
        };
        assert_eq!(failed_messages(&response), stay, "{variable}");
    }
}

#[tokio::test]
async fn by_hand_a_dry_run_leaves_everything_and_the_other_wakes_and_deletes_what_is_a_batch() {
    let deployment = Deployment::start().await;
    deployment.put(&sample_contacts()).await;
    let batch = sample("redrive");
    for variable in ["DEAD_LETTER_QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL"] {
        deployment.send(variable, body_of(&batch)).await;
    }
    deployment.send("PARKING_QUEUE_URL", "{").await;
    let before = deployment.stack.usage.snapshot();
    for _ in 0..2 {
        let report = ordered(&deployment, json!({ "dry_run": true })).await;
        assert_eq!(report.reasons, BTreeMap::from([("batch", 3), ("not_json", 1)]));
        assert_eq!((report.seen, report.kept, report.deleted, report.woken), (4, 4, 0, 0));
        assert_eq!(report.ended, RedriveEnd::Empty);
    }
    assert_eq!(deployment.stack.usage.snapshot().since(&before).sends(), 0);

    let elsewhere = ordered(&deployment, json!({ "dry_run": false, "location_id": "elsewhere" })).await;
    assert_eq!((elsewhere.seen, elsewhere.kept, elsewhere.woken), (4, 4, 0));
    let report = ordered(&deployment, json!({ "dry_run": false })).await;
    assert_eq!((report.seen, report.woken, report.deleted, report.kept, report.failed), (4, 1, 3, 1, 0));
    assert!(deployment.lying_in(DeadLetterQueue::Dead).await.is_empty());
    let parked = deployment.lying_in(DeadLetterQueue::Parked).await;
    assert_eq!(parked.iter().map(|taken| taken.letter.body.as_str()).collect::<Vec<_>>(), ["{"]);
    deployment.run_until_synced().await;
    assert_eq!((deployment.stats().contacts, deployment.stats().duplicates), (60, 0));
}

#[tokio::test]
async fn the_dead_letter_queue_invokes_its_function() {
    let deployment = Deployment::start().await;
    // No tick runs in time.
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    tokio::time::sleep(Duration::from_millis(500)).await;
    deployment.put(&sample_contacts()).await;
    deployment.send("DEAD_LETTER_QUEUE_URL", "{").await;
    deployment.send("DEAD_LETTER_QUEUE_URL", body_of(&sample("redrive"))).await;
    deployment.synced().await;
    let started = Instant::now();
    while deployment.lying_in(DeadLetterQueue::Parked).await.is_empty() {
        assert!(started.elapsed() < PATIENCE, "nothing is parked");
    }
    assert!(deployment.lying_in(DeadLetterQueue::Dead).await.is_empty());
    assert_eq!((deployment.stats().contacts, deployment.stats().duplicates), (60, 0));
}

#[tokio::test]
async fn an_event_that_is_neither_from_sqs_nor_an_order_is_refused_with_what_was_expected() {
    let deployment = Deployment::start().await;
    let refused = deployment.redrive(sample("redrive-bad-order")).await.unwrap_err();
    assert!(matches!(&refused, RedriveError::Order(error) if error.to_string().contains("max_per_second")));
    for event in [json!({}), json!(null), json!([1]), json!("redrive"), sample("scheduler"), sample("consumer-s3")] {
        let refused = deployment.redrive(event.clone()).await.unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, RedriveError::Event(_)) && text.contains("expects an SQS event"), "{event}: {text}");
        assert!(text.contains("by hand {\"redrive\""), "{text}");
    }
    let refused = deployment.redrive(sqs_event([(None, "{")])).await.unwrap_err();
    assert!(matches!(refused, RedriveError::NoMessageId), "{refused:?}");
}

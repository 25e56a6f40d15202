//! Batches through SQS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_smithy_types::timeout::TimeoutConfig;
use ghl_sync_aws::{AwsConfig, SqsBatchQueue, SqsMigrationQueue, Usage};
use ghl_sync_engine::ports::BatchQueue;
use ghl_sync_migrate::ports::MigrationQueue;
use ghl_sync_model::{Ask, Batch, Generation, LocationId, Message, MigrationId, MigrationMessage};

use crate::fixtures::{key, location};
use crate::servers;

#[tokio::test]
async fn a_batch_arrives_as_it_was_sent() {
    let queue = Queue::new().await;
    queue.batches.send(&batch(3), Duration::from_millis(900)).await.unwrap();
    let body = queue.receive(Duration::ZERO).await.expect("less than a second is no delay");
    assert_eq!(Batch::from_json(&body).unwrap(), batch(3));
    assert_eq!(queue.usage.snapshot().sends(), 1);
}

#[tokio::test]
async fn a_delayed_batch_arrives_after_its_delay() {
    let queue = Queue::new().await;
    let sent = Instant::now();
    queue.batches.send(&batch(4), Duration::from_secs(2)).await.unwrap();
    assert_eq!(queue.receive(Duration::ZERO).await, None);
    let body = queue.receive(Duration::from_secs(8)).await.unwrap();
    assert!(sent.elapsed() >= Duration::from_millis(1_900), "after {:?}", sent.elapsed());
    assert_eq!(Batch::from_json(&body).unwrap(), batch(4));
}

#[tokio::test]
async fn a_delay_longer_than_sqs_takes_is_cut_and_not_refused() {
    let queue = Queue::new().await;
    queue.batches.send(&batch(5), Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(queue.receive(Duration::ZERO).await, None);
}

#[tokio::test]
async fn a_step_of_a_migration_arrives_as_it_was_sent() {
    let queue = Queue::new().await;
    let migrations = SqsMigrationQueue::new(queue.client.clone(), &queue.url);
    let step = MigrationMessage { migration_id: MigrationId::new("mig-1").unwrap(), generation: 7 };
    migrations.send(&step, Duration::from_millis(900)).await.unwrap();
    let body = queue.receive(Duration::ZERO).await.expect("less than a second is no delay");
    assert_eq!(MigrationMessage::from_json(&body).unwrap(), step);
    assert_eq!(queue.usage.snapshot().sends(), 1);
}

// The embedded SQS does not keep system attributes, so this test inspects the request itself.
#[tokio::test]
async fn a_batch_carries_the_trace_that_planned_it() {
    let (endpoint, request) = servers::one_request(r#"{"MessageId":"1"}"#).await;
    let config = AwsConfig { sqs_endpoint: Some(format!("http://{endpoint}")), ..servers::config() };
    let batches = SqsBatchQueue::new(config.sqs(), format!("http://{endpoint}/1/q"))
        .traced(|| Some("Root=1-5759e988-bd862e3fe1be46a994272793".to_owned()));
    batches.send(&batch(7), Duration::ZERO).await.unwrap();
    let request = request.await.unwrap();
    let header = r#""AWSTraceHeader":{"StringValue":"Root=1-5759e988-bd862e3fe1be46a994272793","DataType":"String"}"#;
    assert!(request.contains(header), "{request}");
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_an_error_that_does_not_show_the_batch() {
    let queue = Queue::new().await;
    let nowhere = SqsBatchQueue::new(queue.client.clone(), format!("{}-nowhere", queue.url));
    let error = nowhere.send(&batch(6), Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "queue.send failed");
    assert!(!format!("{error:?}").contains("crm-42"), "{error:?}");
}

#[tokio::test]
async fn a_batch_of_any_stored_id_is_sent_in_characters_that_sqs_carries() {
    let queue = Queue::new().await;
    let keys = vec![key("contact#a\u{ffff}"), key("contact#\u{1fffe}b"), key("opportunity#Zoë 🙂 \u{fdd0}")];
    let sent = Batch { keys, ..batch(9) };
    queue.batches.send(&sent, Duration::ZERO).await.unwrap();
    let body = queue.receive(Duration::from_secs(2)).await.unwrap();
    let carries = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    assert!(body.chars().all(carries), "{body}");
    assert_eq!(Batch::from_json(&body).unwrap(), sent);
}

#[tokio::test]
async fn many_locations_are_asked_to_reconcile_ten_a_request() {
    let queue = Queue::new().await;
    let asks: Vec<(LocationId, Duration)> =
        (0..25).map(|n| (LocationId::new(format!("loc{n}")).unwrap(), Duration::ZERO)).collect();
    assert!(queue.batches.ask_all(Ask::Reconcile, &asks).await.unwrap().is_empty());
    assert_eq!(queue.usage.snapshot().sends(), 3);
    let mut asked = Vec::new();
    while let Some(body) = queue.receive(Duration::from_secs(1)).await {
        match Message::from_json(&body).unwrap() {
            Message::Ask(Ask::Reconcile, location) => asked.push(location),
            other => panic!("{other:?}"),
        }
    }
    asked.sort();
    let mut expected: Vec<LocationId> = asks.into_iter().map(|(location, _)| location).collect();
    expected.sort();
    assert_eq!(asked, expected);
}

struct Queue {
    client: Client,
    url: String,
    batches: SqsBatchQueue,
    usage: Arc<Usage>,
}

impl Queue {
    async fn new() -> Queue {
        let sqs_endpoint = Some(format!("http://{}", servers::sqs().await));
        let usage = Usage::new();
        let client = AwsConfig { sqs_endpoint, interceptor: Some(usage.interceptor()), ..servers::config() }.sqs();
        let created = client.create_queue().queue_name("batches").send().await.unwrap();
        let url = created.queue_url.unwrap();
        let batches = SqsBatchQueue::new(client.clone(), &url);
        Queue { client, url, batches, usage }
    }

    /// The body of the next message, if one arrives within `patience` (whole seconds).
    async fn receive(&self, patience: Duration) -> Option<String> {
        let longer = TimeoutConfig::builder()
            .operation_attempt_timeout(patience + Duration::from_secs(5))
            .operation_timeout(patience + Duration::from_secs(5))
            .build();
        let request = self.client.receive_message().queue_url(&self.url).wait_time_seconds(patience.as_secs() as i32);
        let request = request.customize().config_override(aws_sdk_sqs::Config::builder().timeout_config(longer));
        request.send().await.unwrap().messages.unwrap_or_default().pop().and_then(|message| message.body)
    }
}

fn batch(generation: u64) -> Batch {
    Batch { generation: Some(Generation(generation)), keys: vec![key("contact#crm-42")], ..Batch::new(location()) }
}

//! DynamoDB and SQS outages.

use std::time::Duration;

use ghl_sync_cli::sandbox::SandboxOptions;
use ghl_sync_cli::stack::StackOptions;
use lambda_runtime::LambdaEvent;
use scheduler::SchedulerError;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::deployment::{Deployment, by_hand, context, context_with, failed_messages, options, sandbox, scheduler_of};
use crate::records::contacts;

/// No server listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn a_batch_without_dynamodb_is_acknowledged_and_calls_nobody() {
    let deployment = Deployment::start().await;
    deployment.put(&contacts(3)).await;
    deployment.tick(json!({})).await.unwrap();
    let event = deployment.next_event().await.unwrap();

    let cut_off = deployment.engine_with(&[("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)]);
    let response = consumer::handle(&cut_off, LambdaEvent::new(event.clone(), context())).await.unwrap();
    assert_eq!(failed_messages(&response), [""; 0], "trouble with a store is no poison message");
    assert_eq!(deployment.stats().calls, 0, "no gate, no call");
    assert_eq!(deployment.due().await.len(), 3);

    // The message was only a hint, so a second one works as well.
    deployment.consume(event).await.unwrap();
    assert_eq!(deployment.stats().contacts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_that_goes_away_during_a_batch_loses_and_doubles_nothing() {
    let latency = Duration::from_millis(500)..=Duration::from_millis(500);
    let ghl = sandbox(SandboxOptions { latency, ..SandboxOptions::default() });
    let deployment = Deployment::with(StackOptions { ghl, ..options() }).await;
    let records = contacts(3);
    deployment.put(&records).await;
    let cable = Cable::to(&deployment.stack.vars["AWS_ENDPOINT_URL_DYNAMODB"]).await;
    let engine = deployment.engine_with(&[("AWS_ENDPOINT_URL_DYNAMODB", &cable.url)]);

    let event = LambdaEvent::new(by_hand(&records), context_with(Duration::from_secs(7)));
    let batch = tokio::spawn(async move { consumer::handle(&engine, event).await });
    while deployment.stats().calls < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cable.cut();
    assert_eq!(failed_messages(&batch.await.unwrap().unwrap()), [""; 0]);
    assert_eq!((deployment.stats().contacts, deployment.due().await.len()), (3, 3), "nobody could write it down");

    // Once the run of the dead invocation expires, another one continues.
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.contacts, stats.duplicates), (6, 3, 0));
}

#[tokio::test]
async fn a_tick_without_dynamodb_says_so() {
    let deployment = Deployment::start().await;
    let cut_off = deployment.engine_with(&[("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)]);
    for event in [json!({}), json!({ "location_id": "loc_demo" })] {
        let failed = scheduler::handle(&scheduler_of(&cut_off), LambdaEvent::new(event, context())).await.unwrap_err();
        let SchedulerError::Port(port) = &failed else { panic!("{failed:?}") };
        let action = port.to_string();
        assert!(action.starts_with("gates.") || action.starts_with("settings."), "{action}");
    }
}

#[tokio::test]
async fn a_tick_without_sqs_counts_what_it_could_not_start() {
    let deployment = Deployment::start().await;
    deployment.put(&contacts(1)).await;
    let cut_off = deployment.engine_with(&[("AWS_ENDPOINT_URL_SQS", NOWHERE), ("BATCH_QUEUE_URL", NOWHERE)]);
    let done = scheduler::handle(&scheduler_of(&cut_off), LambdaEvent::new(json!({}), context())).await.unwrap();
    let scheduler::Done::Ticked(report) = done else { panic!("{done:?}") };
    assert_eq!((report.looked_at, report.started, report.failed), (1, 0, 1));
    assert_eq!(deployment.due().await.len(), 1);
}

#[tokio::test]
async fn a_batch_without_sqs_is_sent_though_the_next_one_cannot_be_planned() {
    let deployment = Deployment::start().await;
    let records = contacts(4);
    deployment.put(&records).await;
    let cut_off = deployment.engine_with(&[("AWS_ENDPOINT_URL_SQS", NOWHERE), ("BATCH_QUEUE_URL", NOWHERE)]);
    let event = by_hand(&records[..2]);
    let response = consumer::handle(&cut_off, LambdaEvent::new(event, context())).await.unwrap();
    assert_eq!(failed_messages(&response), [""; 0]);
    assert_eq!((deployment.stats().contacts, deployment.due().await.len()), (2, 2));
    // Sends the others by hand; the tick would start them once the plan that was never sent has expired.
    deployment.consume(by_hand(&records)).await.unwrap();
    assert_eq!((deployment.stats().calls, deployment.due().await.len()), (4, 0));
}

/// A connection to a server that can be cut.
struct Cable {
    url: String,
    carrying: JoinHandle<()>,
}

impl Cable {
    async fn to(server: &str) -> Cable {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let carrying = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut server = TcpStream::connect(&server).await.unwrap();
                connections.spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
            }
        });
        Cable { url, carrying }
    }

    /// Closes all connections, and accepts no new ones.
    fn cut(self) {
        self.carrying.abort();
    }
}

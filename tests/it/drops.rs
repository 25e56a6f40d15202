//! Lists that are dropped into the bucket, from S3 to GHL and back to S3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::Message;
use ghl_sync_aws::S3Files;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_drop::ports::BucketFiles;
use ghl_sync_drop::{DropMessage, Importer};
use ghl_sync_runtime::{Config, SystemClock};
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use crate::deployment::{Deployment, context, context_with, failed_messages, options, sqs_event};
use crate::events::sample;

const PATIENCE: Duration = Duration::from_secs(300);
pub(crate) const LIST: &str = "in/loc_demo/contacts/list.csv";
const OUT: &str = "out/loc_demo/list.csv";

/// The bucket, with full read and write access.
fn bucket(deployment: &Deployment) -> S3Files {
    let config = Config::from_vars(deployment.stack.vars.clone()).unwrap();
    S3Files::new(&config.aws, &deployment.stack.vars["IMPORT_BUCKET"], Arc::new(SystemClock))
}

pub(crate) async fn put_file(deployment: &Deployment, key: &str, text: impl Into<String>) {
    bucket(deployment).put(key, text.into().into_bytes(), "text/csv").await.unwrap();
}

pub(crate) async fn text(deployment: &Deployment, key: &str) -> Option<String> {
    let files = bucket(deployment);
    let info = files.head(key).await.unwrap()?;
    let bytes = files.read(key, &info.etag, 0, info.size).await.unwrap()?;
    Some(String::from_utf8(bytes).unwrap())
}

/// The report, once it is complete. While a report is being replaced, the embedded S3 can return it truncated; real S3
/// never does.
pub(crate) async fn report(deployment: &Deployment) -> Option<Value> {
    text(deployment, &format!("{OUT}/report.json")).await.and_then(|json| serde_json::from_str(&json).ok())
}

async fn receive(deployment: &Deployment) -> Vec<Message> {
    let functions = &deployment.stack.functions;
    let receive = functions.sqs.receive_message().queue_url(&functions.import_queue_url).visibility_timeout(1);
    let messages = receive.max_number_of_messages(10).send().await.unwrap().messages.unwrap_or_default();
    if messages.is_empty() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    messages
}

async fn delete(deployment: &Deployment, message: &Message) {
    let functions = &deployment.stack.functions;
    let delete = functions.sqs.delete_message().queue_url(&functions.import_queue_url);
    delete.receipt_handle(message.receipt_handle.clone().unwrap()).send().await.unwrap();
}

/// Delivers messages to `importer` until the report is done, and sends due records in between.
pub(crate) async fn run(deployment: &Deployment, importer: &Importer) {
    deployment.consume(sample("consumer-facts")).await.unwrap();
    let started = Instant::now();
    while report(deployment).await.is_none_or(|report| report["state"] != "done") {
        assert!(started.elapsed() < PATIENCE);
        hand_over(deployment, importer).await;
    }
}

/// Runs an importer until the list with files below `out` is done.
pub(crate) async fn finish(deployment: &Deployment, out: &str) {
    let importer = deployment.importer_with(&[]);
    deployment.consume(sample("consumer-facts")).await.unwrap();
    let started = Instant::now();
    let report = format!("{out}/report.json");
    while !text(deployment, &report).await.is_some_and(|report| report.contains("\"state\": \"done\"")) {
        assert!(started.elapsed() < PATIENCE);
        hand_over(deployment, &importer).await;
    }
}

/// Delivers messages to `importer` until GHL has this many contacts.
pub(crate) async fn run_until(deployment: &Deployment, importer: &Importer, contacts: u64) {
    let started = Instant::now();
    while deployment.stats().contacts < contacts {
        assert!(started.elapsed() < PATIENCE);
        hand_over(deployment, importer).await;
    }
}

/// Delivers the waiting messages to `importer`, and sends due records.
pub(crate) async fn hand_over(deployment: &Deployment, importer: &Importer) {
    for message in receive(deployment).await {
        let event = sqs_event([(message.message_id.as_deref(), message.body.as_deref().unwrap())]);
        let answer = importer::handle(importer, LambdaEvent::new(event, context())).await.unwrap();
        if answer.batch_item_failures.is_empty() {
            delete(deployment, &message).await;
        }
    }
    deployment.run_until_synced().await;
}

/// A list of people; one in ten rows has nothing that identifies a person.
fn people(count: u64) -> String {
    let mut list = "First Name,Email\n".to_owned();
    for n in 0..count {
        list += &if n % 10 == 9 { ",nobody at all\n".to_owned() } else { format!("Ada {n},c{n}@example.com\n") };
    }
    list
}

/// The rows of a file of lines, checked to be distinct.
async fn rows(deployment: &Deployment, file: &str) -> BTreeSet<u64> {
    let text = text(deployment, &format!("{OUT}/{file}")).await.expect(file);
    let lines: Vec<BTreeMap<String, String>> =
        csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect();
    let rows: BTreeSet<u64> = lines.iter().map(|line| line["_row"].parse().unwrap()).collect();
    assert_eq!(rows.len(), lines.len(), "{file}: a row is there twice");
    assert!(lines.iter().all(|line| line.get("state").is_none_or(|state| state == "synced")), "{file}");
    rows
}

/// Drops `count` rows while the functions run. The importer is killed `kills` times. Every row must be synced in the
/// results or be in the rejects, and GHL must never return 429.
#[expect(clippy::print_stdout, reason = "what was measured, for whoever runs it by hand")]
async fn dropped(count: u64, kills: u64, options: StackOptions, patience: Duration) {
    let deployment = Deployment::with(options).await;
    let functions = deployment.stack.functions.clone();
    let _consumer = functions.start_receiving();
    put_file(&deployment, LIST, people(count)).await;
    let importer = deployment.importer_with(&[]);
    let (started, mut killed, mut handled) = (Instant::now(), 0, 0_u64);
    while report(&deployment).await.is_none_or(|report| report["state"] != "done") {
        assert!(started.elapsed() < patience, "{:?}; {:?}", report(&deployment).await, deployment.stats());
        for message in receive(&deployment).await {
            let event = sqs_event([(message.message_id.as_deref(), message.body.as_deref().unwrap())]);
            let invocation = importer::handle(&importer, LambdaEvent::new(event, context()));
            handled += 1;
            // Alternates between early and late. A message that dies five times goes to the dead-letter queue.
            let dies_after = Duration::from_millis([3, 40, 8, 150][usize::try_from(handled % 4).unwrap()]);
            let lives = if killed < kills && handled % 5 != 0 { dies_after } else { patience };
            match tokio::time::timeout(lives, invocation).await {
                Ok(answer) if answer.as_ref().unwrap().batch_item_failures.is_empty() => {
                    delete(&deployment, &message).await;
                }
                Ok(_) => {}
                Err(_) => killed += 1,
            }
        }
    }
    let (results, rejects) = (rows(&deployment, "results.csv").await, rows(&deployment, "rejects.csv").await);
    assert!(results.is_disjoint(&rejects));
    let all: BTreeSet<u64> = results.union(&rejects).copied().collect();
    assert_eq!(all, (2..count + 2).collect());
    assert_eq!(rejects.len() as u64, count / 10);
    let report = report(&deployment).await.unwrap();
    assert_eq!((&report["import"]["rows"], &report["records"]["synced"]), (&count.into(), &results.len().into()));
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.duplicates, stats.status_429), (results.len() as u64, 0, 0), "{stats:?}");
    assert!(killed * 2 >= kills, "{killed} of {handled}");
    println!("{count} rows, {killed} kills, {handled} messages, {:?}", started.elapsed());
}

/// A location that may make this many calls per second.
fn fast(limit: u32) -> StackOptions {
    StackOptions { limit, window_ms: 1_000, daily: 1_000_000, ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_rows_are_dropped_and_the_importer_is_killed_again_and_again() {
    dropped(3_000, 10, fast(1_000), Duration::from_secs(600)).await;
}

/// `cargo test --workspace --profile worlds --test it -- --ignored a_hundred_thousand_rows --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_hundred_thousand_rows_are_dropped_and_the_importer_is_killed_again_and_again() {
    dropped(100_000, 10, fast(5_000), Duration::from_secs(1_800)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_put_into_the_bucket_of_the_running_stack_arrives_by_itself() {
    let deployment = Deployment::start().await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    put_file(&deployment, "in/loc_demo/contacts/Müller + Söhne (1).csv", "Name,Email\nAda,ada@example.com\n").await;
    let started = Instant::now();
    let key = "out/loc_demo/Müller + Söhne (1).csv/report.json";
    loop {
        assert!(started.elapsed() < PATIENCE);
        if text(&deployment, key).await.is_some_and(|json| json.contains("\"state\": \"done\"")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(deployment.stats().contacts, 1);
}

#[tokio::test]
async fn a_file_of_several_parts_and_one_that_has_changed_are_read_as_they_are() {
    let deployment = Deployment::start().await;
    let files = bucket(&deployment);
    let key = "in/loc_demo/contacts/parts.csv";
    let upload = files.begin(key, "text/csv").await.unwrap();
    let parts = [vec![b'a'; 5 << 20], b"end".to_vec()];
    let mut etags = Vec::new();
    for (number, part) in (1..).zip(parts) {
        etags.push(files.put_part(key, &upload, number, part).await.unwrap());
    }
    files.complete(key, &upload, &etags).await.unwrap();
    let info = files.head(key).await.unwrap().unwrap();
    assert_eq!(info.size, (5 << 20) + 3);
    let end = files.read(key, &info.etag, 5 << 20, 3).await.unwrap();
    assert_eq!(end.as_deref(), Some(b"end".as_slice()));
    files.put(key, b"other".to_vec(), "text/csv").await.unwrap();
    assert_eq!(files.read(key, &info.etag, 0, 3).await.unwrap(), None);
    assert_eq!(files.head("in/loc_demo/contacts/none.csv").await.unwrap(), None);
    let said = receive(&deployment).await;
    assert_eq!(said.len(), 2, "one event for each file, and none for a part");
}

#[tokio::test]
async fn whoever_has_not_the_key_of_this_run_gets_nothing_from_the_bucket_and_no_page_does() {
    let deployment = Deployment::start().await;
    put_file(&deployment, LIST, "Name\nAda\n").await;
    let stranger = |changes: &[(&str, &str)]| {
        let mut vars = deployment.stack.vars.clone();
        vars.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let aws = Config::from_vars(vars).unwrap().aws;
        S3Files::new(&aws, &deployment.stack.vars["IMPORT_BUCKET"], Arc::new(SystemClock))
    };
    for changes in [("AWS_SECRET_ACCESS_KEY", "guessed"), ("AWS_ACCESS_KEY_ID", "AKIAGUESSED")] {
        assert!(stranger(&[changes]).head(LIST).await.is_err(), "{changes:?}");
    }
    let url =
        format!("{}/{}/{LIST}", deployment.stack.vars["AWS_ENDPOINT_URL_S3"], deployment.stack.vars["IMPORT_BUCKET"]);
    // reqwest needs a TLS provider, though nothing here uses TLS. A second install fails harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 403, "not signed");
    assert_eq!(client.get(&url).header("origin", "http://evil.example").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_message_comes_again_while_a_store_the_bucket_or_the_queue_is_out_of_reach() {
    let deployment = Deployment::start().await;
    put_file(&deployment, "in/loc_demo/contacts/Spring fair.csv", people(3)).await;
    let event = sample("importer");
    for variable in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS"] {
        let cut_off = deployment.importer_with(&[(variable, "http://127.0.0.1:1")]);
        let answer = importer::handle(&cut_off, LambdaEvent::new(event.clone(), context())).await.unwrap();
        assert_eq!(failed_messages(&answer).len(), 1, "{variable}");
    }
    assert_eq!(failed_messages(&deployment.import(event).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn a_step_without_time_puts_nothing_and_goes_on_later() {
    let deployment = Deployment::start().await;
    put_file(&deployment, LIST, people(3)).await;
    deployment.consume(sample("consumer-facts")).await.unwrap();
    let importer = deployment.importer_with(&[]);
    let put = DropMessage::Put(vec![LIST.to_owned()]).to_json();
    let step = DropMessage::Step { file: LIST.to_owned(), step: 1 }.to_json();
    for body in [put, step] {
        let event = LambdaEvent::new(sqs_event([(Some("m"), body.as_str())]), context_with(Duration::from_secs(5)));
        let answer = importer::handle(&importer, event).await.unwrap();
        assert_eq!(failed_messages(&answer), [""; 0]);
    }
    assert_eq!(deployment.due().await.len(), 0);
    assert_eq!(report(&deployment).await.unwrap()["rows_done"], 0);
}

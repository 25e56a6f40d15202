//! The ingest queue, from a message to GHL, and from a refused item to its dead-letter message.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use ghl_sync_model::{Kind, Payload, PutRecord};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::deployment::{Deployment, LOCATION, context, context_with, failed_messages, location};
use crate::events::{message_ids, sample};
use crate::logs::Log;
use crate::template::Template;

const PATIENCE: Duration = Duration::from_secs(300);

/// The contact `id` of the sample location, for lookups.
fn contact(id: &str) -> PutRecord {
    PutRecord::new(
        location(LOCATION),
        id.parse().unwrap(),
        Payload::from_json(Kind::Contact, r#"{"firstName":"A"}"#).unwrap(),
    )
}

impl Deployment {
    /// Delivers `event`, and checks that no message is to be retried.
    async fn ingested(&self, event: Value) {
        assert_eq!(failed_messages(&self.ingest(event).await.unwrap()), [""; 0]);
    }

    /// Receives the messages of the ingest dead-letter queue.
    async fn ingest_dead_letters(&self) -> Vec<Message> {
        let receive = self.stack.functions.sqs.receive_message();
        let receive = receive.queue_url(&self.stack.vars["INGEST_DEAD_LETTER_QUEUE_URL"]).max_number_of_messages(10);
        let receive = receive.message_attribute_names("All").wait_time_seconds(1);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }

    async fn first_name(&self, id: &str) -> Value {
        let Payload::Contact(contact) = self.record(&contact(id)).await.payload else { panic!("{id} is no contact") };
        json!(contact.first_name)
    }
}

fn attribute<'a>(letter: &'a Message, name: &str) -> Option<&'a str> {
    letter.message_attributes.as_ref()?.get(name)?.string_value.as_deref()
}

#[tokio::test]
async fn what_is_sent_to_the_queue_reaches_ghl_and_what_is_refused_lies_in_its_dead_letters_with_the_reason() {
    let deployment = Deployment::start().await;
    // No tick runs in time.
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    let queue = &deployment.stack.vars["INGEST_QUEUE_URL"];
    let send = |body: &str| deployment.stack.functions.sqs.send_message().queue_url(queue).message_body(body);
    let text = |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
    let ada = json!({ "location_id": LOCATION, "id": "ada", "contact": { "email": "ada@example.com" } });
    let opportunity = json!({
        "location_id": LOCATION, "id": "roof",
        "opportunity": { "contactRecord": "ada", "pipelineId": "pipeline-sales", "name": "Roof", "status": "open" },
    });
    let bad = json!({ "location_id": LOCATION, "id": "eve", "contact": { "emial": "eve@secret.example" } });
    send(&json!([bad, ada, opportunity]).to_string()).send().await.unwrap();
    let bob = json!({ "id": "bob", "contact": { "email": "bob@example.com" } }).to_string();
    send(&bob).message_attributes("location_id", text(LOCATION)).send().await.unwrap();
    send("hello?").send().await.unwrap();

    let started = Instant::now();
    while (deployment.stats().contacts, deployment.stats().opportunities) != (2, 1) {
        assert!(started.elapsed() < PATIENCE, "{:?}", deployment.stats());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut letters = Vec::new();
    while letters.len() < 2 {
        assert!(started.elapsed() < PATIENCE, "{letters:?}");
        letters.extend(deployment.ingest_dead_letters().await);
    }
    letters.sort_by_key(|letter| letter.body.as_ref().map(String::len));
    let [garbage, item] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(garbage.body.as_deref(), Some("hello?"));
    assert_eq!(attribute(garbage, "reason"), Some("the body is not JSON: expected value at line 1 column 1"));
    assert_eq!(item.body.as_deref().map(|body| serde_json::from_str::<Value>(body).unwrap()), Some(bad));
    assert_eq!(attribute(item, "reason"), Some("contact.emial is not a field here"));
    assert!(attribute(item, "message_id").is_some_and(|id| id.len() > 30));
    assert!(attribute(item, "as_of").is_some_and(|ms| ms.len() == 13), "sent again, it is as old as it was");
}

#[tokio::test]
async fn a_message_that_comes_twice_is_put_once_into_ghl() {
    let deployment = Deployment::start().await;
    for _ in 0..2 {
        deployment.ingested(sample("ingest-duplicate")).await;
    }
    deployment.run_until_synced().await;
    deployment.ingested(sample("ingest-duplicate")).await;
    assert_eq!(deployment.due().await.len(), 0, "GHL has it already");
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.duplicates), (1, 0));
}

#[tokio::test]
async fn in_whatever_order_messages_come_the_newest_stands() {
    let deployment = Deployment::start().await;
    let event = sample("ingest-out-of-order");
    let mut other_way = event.clone();
    other_way["Records"].as_array_mut().unwrap().reverse();
    for event in [other_way, event.clone(), event] {
        deployment.ingested(event).await;
        assert_eq!(deployment.first_name("shop-42").await, "Ada");
    }
    // The stored version is newer than both if its sender says so.
    let own = json!({
        "location_id": LOCATION, "id": "shop-42", "as_of": "2026-11-24T13:00:00+01:00",
        "contact": { "firstName": "Augusta", "email": "ada@example.com" },
    });
    for (as_of, expected) in [("2026-11-24T13:00:00+01:00", "Ada"), ("2026-11-24T12:30:00Z", "Augusta")] {
        let mut event = sample("ingest");
        event["Records"].as_array_mut().unwrap().truncate(1);
        let mut item = own.clone();
        item["as_of"] = json!(as_of);
        event["Records"][0]["body"] = json!(item.to_string());
        deployment.ingested(event).await;
        assert_eq!(deployment.first_name("shop-42").await, expected, "{as_of}");
    }
}

#[tokio::test]
async fn a_bad_item_is_put_aside_and_its_neighbours_are_put_and_no_line_tells_what_it_says() {
    let (log, _logging) = Log::begin();
    let mut deployment = Deployment::start().await;
    let metrics = deployment.measured();
    for name in ["ingest-refused", "ingest-not-json", "ingest-unknown-location", "ingest-sns-envelope"] {
        deployment.ingested(sample(name)).await;
    }
    let keys: Vec<String> = deployment.due().await.iter().map(ToString::to_string).collect();
    assert_eq!(keys, ["contact#shop-42", "contact#shop-44"]);
    let letters = deployment.ingest_dead_letters().await;
    let mut reasons: Vec<&str> = letters.iter().filter_map(|letter| attribute(letter, "reason")).collect();
    reasons.sort_unstable();
    assert_eq!(reasons.len(), 4);
    assert!(reasons[0].starts_with("contact.emial is not a field here"), "{reasons:?}");
    assert!(reasons[1].starts_with("location_id is not in GHL_LOCATIONS"), "{reasons:?}");
    assert!(reasons[2].starts_with("the body is an envelope of SNS"), "{reasons:?}");
    assert!(reasons[3].starts_with("the body is not JSON"), "{reasons:?}");
    assert_eq!((metrics.sum("IngestMessages"), metrics.sum("IngestItemsRefused")), (6, 4));
    let refused = log.events("items_refused");
    assert_eq!(refused[0]["message_id"], message_ids(&sample("ingest-refused"))[0]);
    assert!(!log.text().contains("example.com"), "{}", log.text());
}

#[tokio::test]
async fn a_message_comes_again_while_a_store_or_the_dead_letter_queue_is_out_of_reach() {
    let deployment = Deployment::start().await;
    let nowhere = "http://127.0.0.1:1";
    let event = sample("ingest-refused");
    let ids = message_ids(&event);
    for (variable, come_again) in [("AWS_ENDPOINT_URL_DYNAMODB", &ids[..]), ("AWS_ENDPOINT_URL_SQS", &ids[..1])] {
        let cut_off = deployment.intake_with(&[(variable, nowhere)]);
        let answer = ingest::handle(&cut_off, LambdaEvent::new(event.clone(), context())).await.unwrap();
        assert_eq!(failed_messages(&answer), come_again, "{variable}");
    }
    assert!(deployment.ingest_dead_letters().await.is_empty(), "nothing is put aside that comes again");
    deployment.ingested(event).await;
    assert_eq!((deployment.ingest_dead_letters().await.len(), deployment.due().await.len()), (1, 2));
}

#[tokio::test]
async fn an_invocation_without_time_takes_nothing() {
    let deployment = Deployment::start().await;
    let event = sample("ingest");
    let late = LambdaEvent::new(event.clone(), context_with(Duration::from_secs(5)));
    let answer = ingest::handle(&deployment.intake_with(&[]), late).await.unwrap();
    assert_eq!(failed_messages(&answer), message_ids(&event));
    assert_eq!(deployment.due().await.len(), 0);
}

/// The value at a path such as `$.detail.id` of an event.
fn at<'a>(event: &'a Value, path: &str) -> &'a Value {
    let found = path.trim_start_matches("$.").split('.').fold(event, |value, name| &value[name]);
    assert!(!found.is_null(), "{path}");
    found
}

/// An SQS event with this message, and a fixed send time.
fn message(body: &str) -> Value {
    let mut event = sample("ingest-duplicate");
    event["Records"].as_array_mut().unwrap().truncate(1);
    event["Records"][0]["body"] = json!(body);
    event
}

#[tokio::test]
async fn what_the_recipe_for_eventbridge_makes_of_an_event_is_taken() {
    let recipe = Template::of(include_str!("../../docs/recipes/eventbridge.yaml"));
    let rules = recipe.resources("AWS::Events::Rule");
    let transformer = &rules["CustomerChanged"]["Targets"][0]["InputTransformer"];
    let event = json!({
        "version": "0", "detail-type": "customer.changed", "source": "shop", "time": "2026-11-24T12:00:00Z",
        "detail": {
            "id": "ada", "changedAt": "2026-11-24T11:59:58.120Z",
            "contact": { "firstName": "Ada \"the\" \\ first", "email": "ada@example.com", "tags": ["shop"] },
        },
    });
    // EventBridge inserts a value as JSON if its variable stands alone.
    let template = transformer["InputTemplate"]["Fn::Sub"].as_str().unwrap().replace("${LocationId}", LOCATION);
    let body = transformer["InputPathsMap"].as_object().unwrap().iter().fold(template, |body, (name, path)| {
        body.replace(&format!("<{name}>"), &at(&event, path.as_str().unwrap()).to_string())
    });
    assert!(!body.contains('<') && !body.contains("${"), "{body}");
    arrives(&body, "Ada \"the\" \\ first").await;
}

#[tokio::test]
async fn what_the_recipe_for_a_pipe_makes_of_a_change_is_taken() {
    let recipe = Template::of(include_str!("../../docs/recipes/dynamodb-stream-pipe.yaml"));
    let pipe = recipe.resources("AWS::Pipes::Pipe")["CustomersPipe"];
    let image = json!({
        "customerId": { "S": "ada" }, "email": { "S": "ada@example.com" }, "firstName": { "S": "Ada \"A\"" },
        "lastName": { "S": "Lovelace" }, "updatedAt": { "S": "2026-11-24T11:59:58Z" },
    });
    let change = json!({ "eventName": "MODIFY", "eventSource": "aws:dynamodb", "dynamodb": { "NewImage": image } });
    let pattern = pipe["SourceParameters"]["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap();
    let pattern: Value = serde_json::from_str(pattern).unwrap();
    let guarded = &pattern["dynamodb"]["NewImage"];
    // A pipe inserts an escaped string if its path is in quotes.
    let template = pipe["TargetParameters"]["InputTemplate"]["Fn::Sub"].as_str().unwrap();
    let mut body = template.replace("${LocationId}", LOCATION);
    while let Some((before, rest)) = body.split_once("\"<") {
        let (path, after) = rest.split_once(">\"").unwrap();
        let attribute = path.trim_start_matches("$.dynamodb.NewImage.").trim_end_matches(".S");
        assert_eq!(guarded[attribute]["S"], json!([{ "exists": true }]), "{path} may be absent");
        body = format!("{before}{}{after}", at(&change, path));
    }
    arrives(&body, "Ada \"A\"").await;
}

/// Checks that the message arrives as Ada with this first name.
async fn arrives(body: &str, first_name: &str) {
    let deployment = Deployment::start().await;
    deployment.ingested(message(body)).await;
    assert!(deployment.ingest_dead_letters().await.is_empty());
    assert_eq!(deployment.first_name("ada").await, first_name);
    deployment.run_until_synced().await;
    assert_eq!(deployment.stats().contacts, 1);
}

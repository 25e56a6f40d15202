//! Outcomes, from the stream of the records table to a bus and to webhooks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use ghl_sync_cli::stack::StackOptions;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, LOCATION, context, keeping_outcomes, options, vars};
use crate::events::sample;
use crate::logs::Log;
use crate::records::contacts;
use crate::template::{Template, event_sources};

const PATIENCE: Duration = Duration::from_secs(300);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Events that a fake EventBridge received.
#[derive(Clone, Default)]
pub(crate) struct Published(Arc<Mutex<Vec<Value>>>);

/// Starts a fake EventBridge that accepts everything. Returns its URL.
pub(crate) async fn bus() -> (String, Published) {
    bus_that(&[]).await
}

/// Starts one that rejects these entries of its first requests, inside a 200 response as EventBridge does. Returns its
/// URL.
async fn bus_that(fails: &[&[usize]]) -> (String, Published) {
    let published = Published::default();
    let log = published.clone();
    let fails: Arc<Mutex<VecDeque<Vec<usize>>>> = Arc::new(Mutex::new(fails.iter().map(|it| it.to_vec()).collect()));
    let answer = async move |headers: HeaderMap, body: String| {
        assert_eq!(headers["x-amz-target"], "AWSEvents.PutEvents");
        assert!(headers["authorization"].to_str().unwrap().contains("/us-east-1/events/aws4_request"));
        let body: Value = serde_json::from_str(&body).unwrap();
        let fails = fails.lock().unwrap().pop_front().unwrap_or_default();
        let entries = body["Entries"].as_array().unwrap().iter().enumerate().map(|(place, entry)| {
            if fails.contains(&place) {
                return json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "slow down" });
            }
            log.0.lock().unwrap().push(entry.clone());
            json!({ "EventId": format!("{place}") })
        });
        let entries: Vec<Value> = entries.collect();
        axum::Json(json!({ "FailedEntryCount": fails.len(), "Entries": entries }))
    };
    (serve(Router::new().fallback(answer)).await, published)
}

async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// Posts to an endpoint, with the endpoint's responses.
type Posts = Arc<Mutex<Vec<(StatusCode, HeaderMap, String)>>>;

/// Starts an endpoint that answers its first posts with these statuses, and accepts all others.
async fn endpoint(answers: &[StatusCode]) -> (String, Posts) {
    let posts = Posts::default();
    let (log, answers) = (posts.clone(), Mutex::new(VecDeque::from(answers.to_vec())));
    let answers = Arc::new(answers);
    let answer = async move |headers: HeaderMap, body: String| {
        let status = answers.lock().unwrap().pop_front().unwrap_or(StatusCode::NO_CONTENT);
        log.lock().unwrap().push((status, headers, body));
        status
    };
    (serve(Router::new().fallback(answer)).await, posts)
}

/// A secret in a file that only its owner may read.
fn secret_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), SECRET).unwrap();
    file
}

fn is_genuine(headers: &HeaderMap, body: &str) -> bool {
    standardwebhooks::Webhook::new(SECRET).unwrap().verify(body.as_bytes(), headers).is_ok()
}

#[tokio::test]
async fn what_becomes_of_records_reaches_a_webhook_signed_whatever_it_answers_at_first() {
    let secret = secret_file();
    let (url, posts) = endpoint(&[StatusCode::SERVICE_UNAVAILABLE, StatusCode::FOUND]).await;
    let mut environment = vars(&[("OUTCOMES_WEBHOOK_URL", &url), ("LOG_LEVEL", "off")]);
    let reference = format!("file:{}", secret.path().display());
    environment.insert("OUTCOMES_WEBHOOK_SECRET".to_owned(), reference);
    let deployment = Deployment::with(StackOptions { vars: environment, ..options() }).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(1));
    let records = contacts(3);
    deployment.put(&records).await;
    let started = Instant::now();
    let taken = || posts.lock().unwrap().iter().filter(|(status, ..)| status.is_success()).count();
    while taken() < records.len() {
        assert!(started.elapsed() < PATIENCE, "{:?}", posts.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let posts = posts.lock().unwrap().clone();
    assert_eq!(posts.len(), records.len() + 2, "two came again");
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for (_, headers, body) in &posts {
        assert!(is_genuine(headers, body), "{headers:?} {body}");
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(headers["webhook-id"], event["id"].as_str().unwrap());
        assert_eq!((&event["type"], &event["data"]["version"]), (&json!("record.accepted"), &json!(1)));
        assert_eq!(event["data"]["location_id"], LOCATION);
        assert!(event["data"]["ghl_id"].is_string() && !body.contains("example.com"), "{body}");
        let id = event["data"]["record"]["id"].as_str().unwrap().to_owned();
        let first = told.entry(id).or_insert_with(|| event["id"].as_str().unwrap().to_owned());
        assert_eq!(first, event["id"].as_str().unwrap(), "a repeat has the same id");
    }
    assert_eq!(told.len(), records.len());
}

#[tokio::test]
async fn what_becomes_of_records_is_polled_page_by_page_and_a_stack_that_does_not_keep_it_says_so() {
    let without = Deployment::start().await;
    let refused = Caller::of(&without).await.get("/v1/outcomes").await.problem(409, "not-now");
    assert!(refused["detail"].as_str().unwrap().contains("OutcomesLog"), "{refused}");

    let deployment = Deployment::with(keeping_outcomes()).await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(1));
    let records = contacts(5);
    deployment.put(&records).await;
    let (started, mut told, mut since) = (Instant::now(), Vec::new(), String::new());
    while told.len() < records.len() {
        assert!(started.elapsed() < PATIENCE, "{told:?}");
        let page = caller.get(&format!("/v1/outcomes?limit=2&location={LOCATION}{since}")).await.json();
        let outcomes = page["outcomes"].as_array().unwrap().clone();
        assert!(outcomes.len() <= 2);
        if outcomes.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        told.extend(outcomes);
        since = format!("&since={}", page["cursor"].as_str().unwrap());
    }
    let ids: std::collections::BTreeSet<String> =
        told.iter().map(|it| it["data"]["record"]["id"].to_string()).collect();
    assert_eq!(ids.len(), records.len());
    assert!(told.iter().all(|it| it["type"] == "record.accepted" && it["data"]["ghl_id"].is_string()), "{told:?}");
    assert!(!json!(told).to_string().contains("example.com"), "nothing of what they say");
    let again = caller.get("/v1/outcomes?location=other").await.json();
    assert_eq!((&again["outcomes"], &again["has_more"]), (&json!([]), &json!(false)));
    for (query, field) in [
        ("since=yesterday", "since"),
        ("since=0001.0.abc", "since"),
        ("since=2001-01-01T00:00:00Z", "since"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
    ] {
        let problem = caller.get(&format!("/v1/outcomes?{query}")).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
    let wrong = caller.get("/v1/outcomes?location=a%20b").await.problem(400, "bad-request");
    assert_eq!(wrong["errors"][0]["field"], "location");
}

#[tokio::test]
async fn an_import_that_is_finished_and_a_location_that_is_paused_are_told() {
    let deployment = Deployment::with(keeping_outcomes()).await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(1));
    let location = "/v1/locations/loc_demo";
    let items: Vec<Value> =
        (0..3).map(|n| json!({ "id": format!("c{n}"), "contact": { "email": format!("c{n}@a.example") } })).collect();
    assert_eq!(caller.post(&format!("{location}/contacts?import=imp-7"), &json!(items)).await.status, 202);
    let complete = json!({ "state": "complete" });
    assert_eq!(caller.put(&format!("{location}/imports/imp-7"), &complete).await.status, 200);
    let is_told = |kind: &'static str| {
        move |page: &Answer| page.json()["outcomes"].as_array().unwrap().iter().any(|it| it["type"] == kind)
    };
    let finished = caller.until("/v1/outcomes", is_told("import.finished")).await.json();
    let finished = finished["outcomes"].as_array().unwrap().iter().find(|it| it["type"] == "import.finished").unwrap();
    assert_eq!((&finished["data"]["import"], &finished["data"]["location_id"]), (&json!("imp-7"), &json!(LOCATION)));
    assert_eq!(finished["data"]["counts"]["accepted"], json!({ "count": 3, "capped": false }));
    assert_eq!(caller.post(&format!("{location}/pause"), &json!({ "note": "Ann's wish" })).await.status, 204);
    let paused = caller.until("/v1/outcomes", is_told("location.paused")).await;
    assert!(!paused.json().to_string().contains("wish"), "an event holds no words of anybody");
}

#[tokio::test]
async fn a_record_whose_import_was_undone_is_told_with_the_id_that_ghl_had_it_under() {
    let deployment = Deployment::with(keeping_outcomes()).await;
    let caller = Caller::of(&deployment).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(1));
    let location = "/v1/locations/loc_demo";
    let open = json!({ "state": "open", "undoable": true });
    assert_eq!(caller.put(&format!("{location}/imports/imp-8"), &open).await.status, 200);
    let items = json!([{ "id": "ada", "contact": { "email": "ada@a.example" } }]);
    assert_eq!(caller.post(&format!("{location}/contacts?import=imp-8"), &items).await.status, 202);
    let has = |kind: &'static str| move |page: &Answer| page.json()["outcomes"].to_string().contains(kind);
    let accepted = caller.until("/v1/outcomes", has("record.accepted")).await.json();
    let ghl_id = &accepted["outcomes"][0]["data"]["ghl_id"];
    assert_eq!(caller.post(&format!("{location}/imports/imp-8/undo"), &json!({})).await.status, 200);
    let undone = caller.until("/v1/outcomes", has("record.undone")).await.json();
    let undone = undone["outcomes"].as_array().unwrap().iter().find(|it| it["type"] == "record.undone").unwrap();
    let expected = json!({ "location_id": LOCATION, "record": { "kind": "contact", "id": "ada" }, "version": 2,
        "ghl_id": ghl_id, "import": "imp-8", "deleted": true });
    assert_eq!(undone["data"], expected);
    assert_eq!(deployment.stats().contacts, 0);
}

#[tokio::test]
async fn a_bus_gets_each_event_once_and_in_order_and_only_what_it_did_not_take_is_sent_again() {
    let (log, _guard) = Log::begin();
    let deployment = Deployment::start().await;
    let (url, published) = bus_that(&[&[0], &[0]]).await;
    let changes = [("AWS_ENDPOINT_URL_EVENTBRIDGE", url.as_str()), ("OUTCOMES_BUS", "outcomes")];
    let notifier = deployment.notifier_with(&changes);
    let answer = notifier::handle(&notifier, LambdaEvent::new(sample("notifier"), context())).await.unwrap();
    assert_eq!(answer, notifier::NotifierAnswer::default());
    let entries = published.0.lock().unwrap().clone();
    let told: Vec<(&str, String)> = entries
        .iter()
        .map(|entry| {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            assert_eq!((&entry["EventBusName"], &entry["Source"]), (&json!("outcomes"), &json!("ghl-sync")));
            assert_eq!(detail["type"], entry["DetailType"]);
            (entry["DetailType"].as_str().unwrap(), detail["data"]["record"]["id"].as_str().unwrap().to_owned())
        })
        .collect();
    let of = |kind, id: &str| (kind, id.to_owned());
    let expected = [
        of("record.accepted", "ada"),
        of("record.not_stored", "ada"),
        of("record.failed", "eve"),
        of("record.superseded", "ada"),
    ];
    assert_eq!(told, expected);
    let all = json!(entries).to_string();
    assert!(!all.contains("example.com") && !all.contains("lf8"), "{all}");
    let failed: Value = serde_json::from_str(entries[2]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(failed["data"]["error"], json!({ "code": "REJECTED", "status": 422 }));
    let accepted: Value = serde_json::from_str(entries[0]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(accepted["data"]["import"], "imp-7");
    // The damaged record is logged, and blocks nothing.
    assert_eq!(log.events("outcome_unreadable").len(), 1);
    assert!(log.events("outcome_unreadable")[0]["error"].as_str().unwrap().contains("`version`"));
    assert!(!log.text().contains("example.com"));
}

#[tokio::test]
async fn a_bus_that_is_down_lets_the_stream_go_on_where_it_stood() {
    let deployment = Deployment::start().await;
    let everything: &[&[usize]] = &[&[], &[0], &[0], &[0], &[0]];
    let (url, published) = bus_that(everything).await;
    let changes = [("AWS_ENDPOINT_URL_EVENTBRIDGE", url.as_str()), ("OUTCOMES_BUS", "outcomes")];
    let notifier = deployment.notifier_with(&changes);
    let event = sample("notifier");
    let sequence = |place: usize| event["Records"][place]["dynamodb"]["SequenceNumber"].as_str().unwrap();
    let answer = notifier::handle(&notifier, LambdaEvent::new(event.clone(), context())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    // The first request contained the first event of `ada`; the second event, of the same record, was refused each
    // time.
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": sequence(0) }] }));
    assert_eq!(published.0.lock().unwrap().len(), 2, "that of another record went out beside it");
}

#[test]
fn the_template_gives_a_delivery_as_many_tries_as_the_function_spreads() {
    let template = Template::read();
    let function = template.functions()["NotifierFunction"];
    let (_, queue) = template.target(&event_sources(function)[0]["Queue"]);
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], ghl_sync_notify::MAX_TRIES);
    assert!(queue["MessageRetentionPeriod"].as_u64().unwrap() > 4 * 24 * 3600);
}

/// Off by default, and then none of it exists.
#[test]
fn everything_that_tells_outcomes_is_there_on_demand_only() {
    let template = Template::read();
    assert_eq!(template.parameters()["OutcomeEvents"]["Default"], "off");
    let of = |kind| template.whole(kind).into_iter().map(|(id, whole)| (id.to_owned(), whole.clone()));
    let kinds = ["AWS::Serverless::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::SQS::Queue"];
    let resources = kinds.into_iter().chain(["AWS::CloudWatch::Alarm"]).flat_map(of);
    let ours: Vec<(String, Value)> =
        resources.filter(|(id, _)| id.starts_with("Notifier") || id.starts_with("Outcomes")).collect();
    assert_eq!(ours.len(), 9, "{:?}", ours.iter().map(|(id, _)| id).collect::<Vec<_>>());
    for (id, whole) in ours {
        assert_eq!(whole["Condition"], "TellsOutcomes", "{id}");
    }
    let tables = template.resources("AWS::DynamoDB::Table");
    let stream = &tables["RecordsTable"]["StreamSpecification"]["Fn::If"];
    let kept = json!({ "StreamViewType": "NEW_AND_OLD_IMAGES" });
    assert_eq!(*stream, json!(["TellsOutcomes", kept, { "Ref": "AWS::NoValue" }]));
    // This table contains tokens, so its stream shows only keys.
    let stream = &tables["StateTable"]["StreamSpecification"]["Fn::If"];
    assert_eq!(*stream, json!(["TellsOutcomes", { "StreamViewType": "KEYS_ONLY" }, { "Ref": "AWS::NoValue" }]));
}

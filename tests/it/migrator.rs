//! Migrations through the real SDKs: messages to the migrator and the consumer, and the final state in GHL.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt;
use ghl_sync_cli::sandbox::{Contents, Unwritable};
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_engine::usecase::EngineConfig;
use ghl_sync_migrate::Migrator;
use ghl_sync_model::{
    Api, LocationId, MappingOverrides, MigrationId, MigrationOverlay, MigrationReport, MigrationRequest,
    MigrationStatus,
};
use lambda_runtime::LambdaEvent;
use migrator::{MigratorAnswer, MigratorError};
use serde_json::{Value, json};

use crate::deployment::{Deployment, context, context_with, failed_messages, location, options, sqs_event};
use crate::events::{message_ids, sample};
use crate::intermediary::{self, Act};
use crate::reconcile::in_a_minute;

pub(crate) const SOURCE: &str = "old";
pub(crate) const TARGET: &str = "new";
/// Longer than any migration here takes.
const PATIENCE: Duration = Duration::from_secs(300);
const CONTACTS: usize = 12;
const OPPORTUNITIES: usize = 5;
const STAGES: [(&str, &[&str]); 2] = [("Sales 🏠", &["New", "Won", "Lost"]), ("Service", &["Open", "Done"])];
const DAY: u64 = 86_400_000;

/// Two locations.
pub(crate) fn two_locations() -> StackOptions {
    StackOptions { locations: vec![location(SOURCE), location(TARGET)], ..options() }
}

/// A deployment with a small account in `old`, and the same pipelines in each of `targets`.
async fn with_account(options: StackOptions, targets: &[&str]) -> Deployment {
    let deployment = Deployment::with(options).await;
    fill(&deployment, targets);
    deployment
}

pub(crate) fn fill(deployment: &Deployment, targets: &[&str]) {
    let seed = deployment.sandbox().seed(SOURCE);
    // API v1 does not show fields of opportunities.
    let has_opportunity_fields = deployment.stack.vars["GHL_API"] == "v2";
    let types = [("TEXT", "contact"), ("DATE", "contact"), ("MULTIPLE_OPTIONS", "contact"), ("TEXT", "opportunity")];
    let types = &types[..3 + usize::from(has_opportunity_fields)];
    let field = |(n, (data_type, model)): (usize, &(&str, &str))| {
        let body = json!({ "name": format!("Größe {n}"), "dataType": data_type, "model": model });
        seed.custom_field(with_options(body)).unwrap()
    };
    let fields: Vec<String> = types.iter().enumerate().map(field).collect();
    seed.custom_value("Office hours", "9–5 ☕").unwrap();
    for tag in ["vip", "lead"] {
        seed.tag(tag).unwrap();
    }
    let pipelines = seed.pipelines(&STAGES).unwrap();
    for target in targets {
        deployment.sandbox().seed(target).pipelines(&STAGES).unwrap();
    }
    let contact = |n: usize| {
        let body = json!({
            "firstName": format!("Zoë {n} 🦀"), "lastName": "O'Neil", "email": format!("Person{n}@Example.com"),
            "tags": if n.is_multiple_of(2) { json!(["vip", "lead"]) } else { json!(["lead"]) },
            "customFields": [
                { "id": fields[0], "field_value": format!("täxt {n}") },
                { "id": fields[1], "field_value": "2026-10-15" },
                { "id": fields[2], "field_value": ["Red", "Green"] },
            ],
        });
        seed.contact(body, &Unwritable::default(), DAY + n as u64).unwrap()
    };
    let contacts: Vec<String> = (0..CONTACTS).map(contact).collect();
    for n in 0..OPPORTUNITIES {
        let pipeline = &pipelines[n % 2];
        let fields = fields.get(3).map(|id| json!({ "id": id, "field_value": format!("note {n}") }));
        let body = json!({
            "contactId": contacts[n], "pipelineId": pipeline.id, "pipelineStageId": pipeline.stages[1].id,
            "name": format!("Deal {n} 💰"), "status": "open", "monetaryValue": n * 100,
            "customFields": fields.into_iter().collect::<Vec<Value>>(),
        });
        seed.opportunity(body, DAY + n as u64).unwrap();
    }
}

fn with_options(mut body: Value) -> Value {
    if body["dataType"] == "MULTIPLE_OPTIONS" {
        body["options"] = json!(["Red", "Green"]);
    }
    body
}

pub(crate) fn request(target: &str) -> MigrationRequest {
    MigrationRequest {
        source: location(SOURCE),
        target: location(target),
        auto_approve: true,
        settings: MigrationOverlay::default(),
        overrides: MappingOverrides::default(),
    }
}

/// Delivers the messages of both queues until the migration waits for a person or has ended.
pub(crate) async fn drive(deployment: &Deployment, migrator: &Migrator, id: &MigrationId) -> MigrationReport {
    let _batches = deployment.stack.functions.clone().start_receiving();
    let started = Instant::now();
    while is_active(migrator, id).await {
        assert!(started.elapsed() < PATIENCE, "{:#?}", migrator.report(id).await);
        let Some(event) = next_step(deployment).await else {
            deployment.tick(json!({})).await.unwrap();
            continue;
        };
        assert_eq!(failed_steps(&step(migrator, event).await), [""; 0]);
    }
    migrator.report(id).await.unwrap().unwrap()
}

async fn is_active(migrator: &Migrator, id: &MigrationId) -> bool {
    migrator.status(id).await.unwrap().unwrap().migration.goes_on()
}

pub(crate) async fn step(migrator: &Migrator, event: Value) -> MigratorAnswer {
    migrator::handle(migrator, LambdaEvent::new(event, context())).await.unwrap()
}

fn failed_steps(answer: &MigratorAnswer) -> Vec<&str> {
    match answer {
        MigratorAnswer::Messages(response) => failed_messages(response),
        MigratorAnswer::Revived { .. } => panic!("{answer:?} is none of a queue"),
    }
}

/// The message of the next step, as the event of an event source mapping; `None` if none arrives soon.
async fn next_step(deployment: &Deployment) -> Option<Value> {
    let functions = &deployment.stack.functions;
    let request = functions.sqs.receive_message().queue_url(&functions.migration_queue_url).wait_time_seconds(2);
    let message = request.send().await.unwrap().messages.unwrap_or_default().pop()?;
    Some(sqs_event([(message.message_id.as_deref(), message.body.as_deref().unwrap())]))
}

/// The content of a location without ids and times: it must be the same on both sides.
fn essence(contents: &Contents) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let names: BTreeMap<&str, &str> = contents
        .custom_fields
        .iter()
        .map(|field| (field["id"].as_str().unwrap(), field["name"].as_str().unwrap()))
        .collect();
    let values = |record: &Value| {
        let fields = record["customFields"].as_array().cloned().unwrap_or_default().into_iter();
        let named = fields.map(|mut field| {
            let id = field["id"].take();
            (names[id.as_str().unwrap()].to_owned(), field)
        });
        format!("{:?}", named.map(|(name, field)| (name, field.to_string())).collect::<BTreeMap<_, _>>())
    };
    let contact = |contact: &Value| {
        let tags: BTreeSet<&str> = contact["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        format!("{} {} {} {tags:?} {}", contact["firstName"], contact["lastName"], contact["email"], values(contact))
    };
    let emails: BTreeMap<&str, &Value> =
        contents.contacts.iter().map(|contact| (contact["id"].as_str().unwrap(), &contact["email"])).collect();
    let opportunity = |opportunity: &Value| {
        let pipeline = contents.pipelines.iter().find(|it| opportunity["pipelineId"] == it.id).unwrap();
        let stage = pipeline.stages.iter().find(|it| opportunity["pipelineStageId"] == it.id).unwrap();
        let whose = emails[opportunity["contactId"].as_str().unwrap()];
        let (name, status, value) = (&opportunity["name"], &opportunity["status"], &opportunity["monetaryValue"]);
        format!("{name} {whose} {} {} {status} {value} {}", pipeline.name, stage.name, values(opportunity))
    };
    let field = |field: &Value| format!("{} {} {}", field["name"], field["dataType"], field["model"]);
    (
        contents.contacts.iter().map(contact).collect(),
        contents.opportunities.iter().map(opportunity).collect(),
        contents.custom_fields.iter().map(field).collect(),
    )
}

/// Checks that everything is in `target` exactly once, and that the report says so.
fn assert_complete(deployment: &Deployment, report: &MigrationReport, target: &str) {
    assert_eq!(report.status, MigrationStatus::Done, "{report:#?}");
    let (contacts, opportunities) = (CONTACTS as u64, OPPORTUNITIES as u64);
    assert_eq!((report.contacts.migrated, report.opportunities.migrated), (contacts, opportunities), "{report:#?}");
    let verify = report.verify.unwrap();
    assert_eq!((verify.ok, verify.missing, verify.different, verify.merged), (contacts + opportunities, 0, 0, 0));
    let (before, after) = (deployment.sandbox().contents(SOURCE), deployment.sandbox().contents(target));
    let fields = before.custom_fields.len() as u64;
    assert_eq!((report.custom_fields.migrated, report.pipelines.migrated, report.stages.migrated), (fields, 2, 5));
    assert_eq!((after.contacts.len(), after.opportunities.len()), (CONTACTS, OPPORTUNITIES));
    assert_eq!(essence(&after), essence(&before));
}

#[tokio::test]
async fn an_account_arrives_whole_by_both_apis() {
    for api in [Api::V2, Api::V1] {
        let deployment = with_account(StackOptions { api, ..two_locations() }, &[TARGET]).await;
        let migrator = deployment.migrator();
        let started = migrator.start(request(TARGET), Some("test")).await.unwrap();
        let report = drive(&deployment, &migrator, &started.id).await;
        assert_complete(&deployment, &report, TARGET);
        let stats = deployment.stats();
        assert_eq!((stats.status_429, stats.duplicates, stats.breaches), (0, 0, 0), "{api:?}");
        assert_eq!((report.ghl.calls, report.readiness_percent), (stats.calls, 100), "{api:?}");

        // Existing records are found, and not written again.
        let writes = |stats: &ghl_sync_cli::sandbox::Stats| (stats.contacts, stats.opportunities);
        let again = migrator.start(request(TARGET), None).await.unwrap();
        let report = drive(&deployment, &migrator, &again.id).await;
        assert_complete(&deployment, &report, TARGET);
        assert_eq!(writes(&deployment.stats()), writes(&stats));
        assert_eq!(report.custom_fields.created, 0);
    }
}

#[tokio::test]
async fn messages_that_come_twice_or_late_or_never_do_no_harm() {
    let deployment = with_account(two_locations(), &[TARGET]).await;
    let migrator = deployment.migrator();
    let later = migrator.clone().with_engine(in_a_minute(migrator.engine()));
    let id = migrator.start(request(TARGET), None).await.unwrap().id;
    let _batches = deployment.stack.functions.clone().start_receiving();
    let (mut seen, mut revived): (Vec<Value>, u32) = (Vec::new(), 0);
    let started = Instant::now();
    while is_active(&migrator, &id).await {
        assert!(started.elapsed() < PATIENCE, "{:#?}", migrator.report(&id).await);
        let Some(event) = next_step(&deployment).await else {
            // The message is lost, and a minute later the schedule notices.
            if let MigratorAnswer::Revived { revived: found } = step(&later, sample("migrator-revive")).await {
                revived += found;
            }
            continue;
        };
        seen.push(event.clone());
        if seen.len() % 3 == 1 {
            continue;
        }
        let (first, second) = tokio::join!(step(&migrator, event.clone()), step(&migrator, event));
        assert_eq!((failed_steps(&first), failed_steps(&second)), (vec![], vec![]));
        for late in &seen {
            assert_eq!(failed_steps(&step(&migrator, late.clone()).await), [""; 0]);
        }
    }
    let report = migrator.report(&id).await.unwrap().unwrap();
    assert_complete(&deployment, &report, TARGET);
    assert!(revived > 0 && seen.len() > 3, "{revived} of {}", seen.len());
    assert_eq!((deployment.stats().duplicates, deployment.stats().status_429), (0, 0));
}

#[tokio::test]
async fn what_a_migration_created_is_deleted_again_and_nothing_else() {
    let deployment = with_account(two_locations(), &[TARGET]).await;
    let theirs = json!({ "firstName": "Theirs", "email": "person3@example.com" });
    let kept = deployment.sandbox().seed(TARGET).contact(theirs, &Unwritable::default(), DAY).unwrap();
    let before = deployment.sandbox().contents(TARGET);
    let migrator = deployment.migrator();
    let id = migrator.start(request(TARGET), None).await.unwrap().id;
    assert_eq!(drive(&deployment, &migrator, &id).await.status, MigrationStatus::Done);
    migrator.rollback(&id, Some("ann")).await.unwrap();
    let report = drive(&deployment, &migrator, &id).await;
    assert_eq!(report.status, MigrationStatus::RolledBack, "{report:#?}");
    let after = deployment.sandbox().contents(TARGET);
    let ids = |contents: &Contents| contents.contacts.iter().map(|it| it["id"].clone()).collect::<Vec<Value>>();
    assert_eq!((ids(&after), after.opportunities.len()), (vec![json!(kept)], 0));
    assert_eq!(
        (after.custom_fields, after.custom_values, after.tags),
        (before.custom_fields, before.custom_values, before.tags)
    );
    assert_eq!(deployment.sandbox().contents(SOURCE).contacts.len(), CONTACTS);
}

#[tokio::test]
async fn a_message_that_is_no_step_is_reported_and_spoils_no_other() {
    let deployment = with_account(two_locations(), &[TARGET]).await;
    let migrator = deployment.migrator();
    let id = migrator.start(request(TARGET), None).await.unwrap().id;
    for name in ["migrator-malformed", "migrator-unknown-version"] {
        let event = sample(name);
        assert_eq!(failed_steps(&step(&migrator, event.clone()).await), message_ids(&event), "{name}");
    }
    // A step of an unknown migration succeeds without work.
    for name in ["migrator", "migrator-stale"] {
        assert_eq!(failed_steps(&step(&migrator, sample(name)).await), [""; 0], "{name}");
    }
    let good = next_step(&deployment).await.unwrap();
    let good = good["Records"][0]["body"].as_str().unwrap();
    let mixed = sqs_event([(Some("bad"), "{"), (Some("good"), good), (Some("none"), "")]);
    assert_eq!(failed_steps(&step(&migrator, mixed).await), ["bad", "none"]);
    let view = migrator.status(&id).await.unwrap().unwrap();
    assert!(view.migration.generation > 1, "its neighbour was made");
    let report = drive(&deployment, &migrator, &id).await;
    assert_complete(&deployment, &report, TARGET);
}

#[tokio::test]
async fn a_message_that_cannot_be_reported_fails_the_event_and_one_of_another_kind_is_refused() {
    let deployment = Deployment::start().await;
    for id in [None, Some("")] {
        let refused = deployment.migrate(sqs_event([(id, "{")])).await.unwrap_err();
        assert!(matches!(refused, MigratorError::NoMessageId(_)), "{refused:?}");
    }
    let refused = deployment.migrate(sample("migrator-scheduled")).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("expects an SQS event") && text.contains(r#"{"migrations": "revive"}"#), "{text}");
}

/// SQS moves messages that were received too often to the dead-letter queue; no other message goes with them.
#[tokio::test]
async fn a_message_that_is_none_of_a_migration_ends_in_the_dead_letter_queue() {
    let deployment = Deployment::start().await;
    let functions = &deployment.stack.functions;
    let url = &functions.migration_queue_url;
    functions.sqs.send_message().queue_url(url).message_body("{").send().await.unwrap();
    let mut receives = 0;
    loop {
        let receive = functions.sqs.receive_message().queue_url(url).visibility_timeout(0).wait_time_seconds(0);
        let Some(message) = receive.send().await.unwrap().messages.unwrap_or_default().pop() else { break };
        let event = sqs_event([(message.message_id.as_deref(), message.body.as_deref().unwrap())]);
        assert_eq!(failed_steps(&step(&deployment.migrator(), event).await).len(), 1);
        receives += 1;
        assert!(receives <= 5, "it comes again and again");
    }
    assert_eq!(receives, 5);
    let dead = functions.sqs.get_queue_url().queue_name("ghl-sync-migrations-dead-letters").send().await.unwrap();
    let dead = functions.sqs.receive_message().queue_url(dead.queue_url.unwrap()).send().await.unwrap();
    assert_eq!(dead.messages.unwrap_or_default().pop().unwrap().body.as_deref(), Some("{"));
}

const JSON: &str = "application/x-amz-json-1.0";
const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#;
/// A step that could not finish expires after this, and the next one continues.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(8);
/// One in this many writes of a step is refused, or its response is lost, whatever the SDK tries.
const ONE_IN: u64 = 17;
/// Attempts of the SDK.
const SDK_ATTEMPTS: u32 = 3;

/// A migrator with one in seventeen writes throttled, or done without a response; `run` selects which.
async fn troubled(deployment: &Deployment, run: u64) -> Migrator {
    let server = deployment.stack.vars["AWS_ENDPOINT_URL_DYNAMODB"].trim_start_matches("http://").parse().unwrap();
    let writes: Mutex<Vec<(u64, u32)>> = Mutex::default();
    let url = intermediary::deciding(server, move |request| {
        let (head, body) = request.split_at(request.windows(4).position(|window| window == b"\r\n\r\n").unwrap());
        if !String::from_utf8_lossy(head).to_ascii_lowercase().contains("dynamodb_20120810.updateitem") {
            return Act::Pass;
        }
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let hash = hasher.finish();
        let mut writes = writes.lock().unwrap();
        // A retry of the SDK is the same write; the same write in a later step is a new one.
        let repeated = writes.iter().position(|(seen, attempts)| *seen == hash && *attempts < SDK_ATTEMPTS);
        let number = repeated.unwrap_or_else(|| {
            writes.push((hash, 0));
            writes.len() - 1
        });
        writes[number].1 += 1;
        // Random instead of cyclic: a step with as many writes as the cycle is long would never finish.
        let mut hasher = DefaultHasher::new();
        (hash, number, run).hash(&mut hasher);
        match hasher.finish() % (2 * ONE_IN) {
            0 => Act::Answer(400, JSON, THROTTLED),
            ONE_IN => Act::LoseAnswer,
            _ => Act::Pass,
        }
    })
    .await;
    let migrator = deployment.migrator_with(&[("AWS_ENDPOINT_URL_DYNAMODB", &url)]);
    let engine = migrator.engine().clone();
    let config = EngineConfig { request_timeout: Duration::from_secs(1), ..engine.config().clone() };
    migrator.with_engine(ghl_sync_engine::usecase::Engine::new(engine.ports().clone(), config))
}

/// Migrates into `target` with a migrator in trouble. There is always a message for it.
async fn migrate_through(deployment: &Deployment, target: &str, run: u64) -> MigrationReport {
    let (troubled, calm) = (troubled(deployment, run).await, deployment.migrator());
    let id = calm.start(request(target), None).await.unwrap().id;
    let started = Instant::now();
    while is_active(&calm, &id).await {
        assert!(started.elapsed() < 5 * PATIENCE, "run {run}: {:#?}", calm.report(&id).await);
        let generation = calm.status(&id).await.unwrap().unwrap().migration.generation;
        let body = json!({ "v": 1, "migration_id": id, "gen": generation }).to_string();
        let event = LambdaEvent::new(sqs_event([(Some("m1"), body.as_str())]), context_with(FUNCTION_TIMEOUT));
        migrator::handle(&troubled, event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        deployment.tick(json!({})).await.unwrap();
    }
    calm.report(&id).await.unwrap().unwrap()
}

#[tokio::test]
#[ignore = "takes a minute or two: what a failed write left behind is waited for"]
async fn dynamodb_in_trouble_at_one_write_in_seventeen_loses_nothing_and_doubles_nothing() {
    let targets: Vec<String> = (0..3).map(|run| format!("new_{run}")).collect();
    let locations: Vec<LocationId> =
        std::iter::once(SOURCE).chain(targets.iter().map(String::as_str)).map(location).collect();
    let names: Vec<&str> = targets.iter().map(String::as_str).collect();
    let deployment = with_account(StackOptions { locations, limit: 1_000, ..options() }, &names).await;
    let _batches = deployment.stack.functions.clone().start_receiving();
    let runs = names.iter().zip(0..).map(|(target, run)| migrate_through(&deployment, target, run));
    let reports: Vec<MigrationReport> = futures::stream::iter(runs).buffered(names.len()).collect().await;
    for (report, target) in reports.iter().zip(&names) {
        assert_complete(&deployment, report, target);
    }
    assert_eq!((deployment.stats().duplicates, deployment.stats().breaches), (0, 0));
}

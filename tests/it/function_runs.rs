//! Uses every feature of each function, and records its requests to AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use ghl_sync_aws::DynamoOutcomeLog;
use ghl_sync_aws::tables::record;
use ghl_sync_cli::stack::OUTCOMES_TABLE;
use ghl_sync_engine::usecase::{Engine, Invocation};
use ghl_sync_migrate::Migrator;
use ghl_sync_model::{Holder, ImportState, LocationId, MigrationStatus, PutRecord, SettingsOverlay};
use ghl_sync_notify::OutcomeFeed;
use ghl_sync_operate::ImportUpdate;
use ghl_sync_runtime::{Config, SystemClock};
use lambda_runtime::LambdaEvent;
use scheduler::Scheduler;
use serde_json::json;
use tokio::net::TcpListener;

use crate::consent::Browser;
use crate::deployment::{Deployment, LOCATION, by_hand, context, keeping_outcomes, sqs_event};
use crate::events::sample;
use crate::records::contacts;
use crate::wiretap::{AwsPermission, Wiretap};
use crate::{alerts, api_runs, consent, drops, migrator, reconcile, webhooks};

/// Names of GHL tokens, below the prefix that the roles of the functions that call GHL allow.
const CREDENTIALS: [(&str, &str, &str); 2] = [
    ("ssm:", "/ghl-sync/stack/token", "parameter/CredentialsPrefix/AWS::StackName/*"),
    ("secretsmanager:", "ghl-sync/stack/token", "secret:CredentialsPrefix/AWS::StackName/*"),
];
const SIGNING_SECRETS: [(&str, &str, &str); 2] = [
    ("ssm:", "/ghl-sync/stack/outcomes/all", "parameter/CredentialsPrefix/AWS::StackName/outcomes/*"),
    ("secretsmanager:", "ghl-sync/stack/outcomes/all", "secret:CredentialsPrefix/AWS::StackName/outcomes/*"),
];
/// Names of the app's key.
const APP_KEYS: [(&str, &str, &str); 2] = [
    ("ssm:", "/ghl-sync/stack/app/oauth", "parameter/CredentialsPrefix/AWS::StackName/app/*"),
    ("secretsmanager:", "ghl-sync/stack/app/oauth", "secret:CredentialsPrefix/AWS::StackName/app/*"),
];
const APP_KEY: &str = r#"{"client_id":"app","client_secret":"local"}"#;
/// Prefix of credentials that were connected.
const CONNECTED: (&str, &str) = ("ghl-sync/local/connect/", "secret:CredentialsPrefix/AWS::StackName/connect/*");
const SIGNING_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BUS: &str = "outcomes";
const ITEM: &str = r#"{"location_id":"loc_demo","import":"x","id":"a","contact":{"email":"a@example.com"}}"#;

/// A DynamoDB client through another URL.
fn tapped(url: &str, vars: &BTreeMap<String, String>) -> aws_sdk_dynamodb::Client {
    let changed = [("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), url.to_owned())];
    Config::from_vars(vars.clone().into_iter().chain(changed).collect()).unwrap().aws.dynamodb()
}

/// Everything that a function requests from AWS when it uses all of its features.
pub(crate) async fn asked_by(function: &str) -> BTreeSet<AwsPermission> {
    let deployment = match function {
        "MigratorFunction" => Deployment::with(migrator::two_locations()).await,
        "NotifierFunction" | "ApiFunction" => Deployment::with(keeping_outcomes()).await,
        _ => Deployment::start().await,
    };
    let vars = &deployment.stack.vars;
    let dynamodb = Wiretap::to(&vars["AWS_ENDPOINT_URL_DYNAMODB"]).await;
    let sqs = Wiretap::to(&vars["AWS_ENDPOINT_URL_SQS"]).await;
    let s3 = Wiretap::to(&vars["AWS_ENDPOINT_URL_S3"]).await;
    let secret = match function {
        "NotifierFunction" => SIGNING_SECRET,
        "ConnectFunction" => APP_KEY,
        _ => &vars["GHL_TOKEN"],
    };
    let vault = Wiretap::to(&vars["AWS_ENDPOINT_URL_SECRETS_MANAGER"]).await;
    let secrets = Wiretap::to(&keep_secret(secret).await).await;
    let bus = Wiretap::to(&crate::notifier::bus().await.0).await;
    let topics = Wiretap::to(&alerts::topics().await.0).await;
    let migrator_with = |changes: &[(&str, &str)]| {
        let taps = [("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url.as_str()), ("AWS_ENDPOINT_URL_SQS", &sqs.url)];
        deployment.migrator_with(&[&taps[..], changes].concat())
    };
    let engine_with = |changes: &[(&str, &str)]| migrator_with(changes).engine().clone();
    match function {
        "SchedulerFunction" => {
            let changes = [
                ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url.as_str()),
                ("AWS_ENDPOINT_URL_SQS", &sqs.url),
                ("AWS_ENDPOINT_URL_SNS", &topics.url),
                ("ALERT_TOPIC_ARN", alerts::ALERT_TOPIC),
                ("DIGEST_TOPIC_ARN", alerts::DIGEST_TOPIC),
                ("ALERT_FAILURE_MINIMUM", "1"),
            ];
            run_scheduler(&deployment, &deployment.scheduler_with(&changes)).await;
        }
        "ConsumerFunction" => {
            let engines = CREDENTIALS.map(|(service, name, _)| {
                engine_with(&[
                    ("GHL_TOKEN", ""),
                    ("GHL_CREDENTIALS", &format!("{service}{name}")),
                    ("AWS_ENDPOINT_URL_SSM", &secrets.url),
                    ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url),
                ])
            });
            run_consumer(&deployment, engines).await;
        }
        "MigratorFunction" => {
            let credentials =
                CREDENTIALS.map(|(service, name, _)| json!({ "credentials": format!("{service}{name}") }));
            let [source, target] = credentials;
            let migrator = migrator_with(&[
                ("GHL_TOKEN", ""),
                ("GHL_LOCATIONS", &json!({ migrator::SOURCE: source, migrator::TARGET: target }).to_string()),
                ("AWS_ENDPOINT_URL_SSM", &secrets.url),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url),
            ]);
            run_migrator(&deployment, &migrator).await;
        }
        "WebhookFunction" => run_webhook(vars, &dynamodb.url).await,
        "RedriveFunction" => run_redrive(&deployment, &engine_with(&[])).await,
        "IngestFunction" => {
            run_ingest(
                &deployment,
                &[("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url.as_str()), ("AWS_ENDPOINT_URL_SQS", &sqs.url)],
            )
            .await
        }
        "NotifierFunction" => {
            let changes = [
                ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url.as_str()),
                ("AWS_ENDPOINT_URL_SQS", &sqs.url),
                ("AWS_ENDPOINT_URL_SSM", &secrets.url),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url),
                ("AWS_ENDPOINT_URL_EVENTBRIDGE", &bus.url),
                ("OUTCOMES_BUS", BUS),
            ];
            run_notifier(&deployment, &changes).await;
        }
        "ImporterFunction" => {
            let taps = [
                ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url.as_str()),
                ("AWS_ENDPOINT_URL_SQS", &sqs.url),
                ("AWS_ENDPOINT_URL_S3", &s3.url),
            ];
            run_importer(&deployment, &taps).await;
        }
        "ApiFunction" => {
            let lists = deployment.lists_with(&[("AWS_ENDPOINT_URL_S3", &s3.url)]);
            api_runs::run_api(&deployment, migrator_with(&[]), &lists).await;
            let table = DynamoOutcomeLog::new(tapped(&dynamodb.url, vars), OUTCOMES_TABLE);
            let feed = OutcomeFeed::new(Arc::new(table), Arc::new(SystemClock));
            feed.read(None, None, 10).await.unwrap();
        }
        "ConnectFunction" => {
            consent::run(&deployment, engine_with(&[]), &vault.url).await;
            for (service, name, _) in APP_KEYS {
                let app = format!("{service}{name}");
                let of_app = [
                    ("GHL_APP", app.as_str()),
                    ("AWS_ENDPOINT_URL_SSM", &secrets.url),
                    ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url),
                ];
                Browser::over(&deployment, engine_with(&[]), &of_app).await.start("location").await;
            }
        }
        other => panic!("how is {other} run?"),
    }
    let logical_ids = BTreeMap::from([
        (vars["RECORDS_TABLE"].as_str(), "RecordsTable"),
        (vars["STATE_TABLE"].as_str(), "StateTable"),
        (OUTCOMES_TABLE, "OutcomesTable"),
        (vars["BATCH_QUEUE_URL"].rsplit('/').next().unwrap(), "BatchQueue"),
        (vars["MIGRATION_QUEUE_URL"].rsplit('/').next().unwrap(), "MigrationQueue"),
        (vars["DEAD_LETTER_QUEUE_URL"].rsplit('/').next().unwrap(), "BatchDeadLetterQueue"),
        (vars["PARKING_QUEUE_URL"].rsplit('/').next().unwrap(), "BatchParkingQueue"),
        (vars["OUTCOMES_QUEUE_URL"].rsplit('/').next().unwrap(), "OutcomesQueue"),
        (BUS, "event-bus/OutcomesBus"),
        ("alarms", "AlarmTopic"),
        ("digests", "DigestTopic"),
        (vars["IMPORT_BUCKET"].as_str(), "ImportBucket"),
        (vars["IMPORT_QUEUE_URL"].rsplit('/').next().unwrap(), "ImportQueue"),
        (vars["INGEST_DEAD_LETTER_QUEUE_URL"].rsplit('/').next().unwrap(), "IngestDeadLetterQueue"),
    ]);
    let by_logical_id = |(action, resource): AwsPermission| {
        let mut places = CREDENTIALS.iter().chain(&SIGNING_SECRETS).chain(&APP_KEYS);
        if let Some((.., allowed)) = places.find(|(_, name, _)| *name == resource) {
            return (action, (*allowed).to_owned());
        }
        if resource.starts_with(CONNECTED.0) {
            return (action, CONNECTED.1.to_owned());
        }
        // `TABLE/index/NAME`, or `TABLE: KEY`.
        let end = resource.find(['/', ':']).unwrap_or(resource.len());
        let (name, rest) = resource.split_at(end);
        (action, format!("{}{rest}", logical_ids[name]))
    };
    // Here the app's key is stored next to the connected credentials.
    let is_local = |(_, resource): &AwsPermission| resource == "ghl-sync/local/app/oauth";
    let all = [dynamodb, sqs, s3, secrets, bus, vault, topics];
    all.iter().flat_map(Wiretap::asked).filter(|asked| !is_local(asked)).map(by_logical_id).collect()
}

/// A stand-in for Systems Manager and Secrets Manager that always returns this secret.
async fn keep_secret(secret: &str) -> String {
    let answer = json!({ "Parameter": { "Value": secret }, "SecretString": secret }).to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = Router::new().fallback(move || std::future::ready(answer.clone()));
    tokio::spawn(async move { axum::serve(listener, service).await });
    url
}

/// Finds work by tick, by sweep and by location; sends alerts.
async fn run_scheduler(deployment: &Deployment, scheduler: &Scheduler) {
    let events = [
        json!({ "detail-type": "Scheduled Event" }),
        json!({}),
        json!({ "location_id": LOCATION }),
        json!({ "source": "ghl-sync.reconcile" }),
        json!({ "source": "ghl-sync.facts" }),
    ];
    for (number, event) in events.into_iter().enumerate() {
        deployment.put(&contacts(number + 1)).await;
        scheduler::handle(scheduler, LambdaEvent::new(event, context())).await.unwrap();
    }
    alerts::fail_one(deployment).await;
    for event in ["scheduler-alerts", "scheduler-digest"] {
        scheduler::handle(scheduler, LambdaEvent::new(sample(event), context())).await.unwrap();
    }
}

/// Sends some of the due records, sets a damaged one aside, and plans the rest; then sends the rest with a token from
/// another store; reconciles; and reads the facts of the location.
async fn run_consumer(deployment: &Deployment, [engine, of_the_rest]: [Engine; 2]) {
    let overlay = SettingsOverlay { content_days: Some(1), ..SettingsOverlay::default() };
    deployment.engine.ports().registry.store(&LocationId::new(LOCATION).unwrap(), 0, &overlay).await.unwrap();
    let mut records = contacts(3);
    // Part of an import that can be undone.
    records[0].import = Some("imp-1".parse().unwrap());
    records[0].undo_since = Some(ghl_sync_model::EpochMs(1));
    deployment.put(&records).await;
    damage(deployment, &records[1]).await;
    let event = LambdaEvent::new(by_hand(&records[..2]), context());
    consumer::handle(&engine, event).await.unwrap();
    let stats = deployment.stats();
    assert_eq!((stats.contacts, deployment.due().await.len(), deployment.failed().await.len()), (1, 1, 1));
    let event = LambdaEvent::new(by_hand(&records[2..]), context());
    consumer::handle(&of_the_rest, event).await.unwrap();
    assert_eq!((deployment.stats().contacts, deployment.due().await.len()), (2, 0));
    consumer::handle(&reconcile::in_a_minute(&of_the_rest), reconcile::asked()).await.unwrap();
    drop_contents(&of_the_rest).await;
    consumer::handle(&of_the_rest, LambdaEvent::new(sample("consumer-facts"), context())).await.unwrap();
}

/// The location keeps contents for a day, and two have passed.
async fn drop_contents(of_function: &Engine) {
    let location = LocationId::new(LOCATION).unwrap();
    let later = reconcile::in_two_days(of_function);
    let invocation = Invocation {
        holder: Holder::new("content").unwrap(),
        deadline: later.ports().clock.now() + Duration::from_secs(60),
    };
    let report = later.drop_old_contents(&location, &invocation).await.unwrap();
    assert_eq!((report.looked_at, report.dropped, report.done), (3, 2, true));
}

/// Removes the content from a record's item.
async fn damage(deployment: &Deployment, put: &PutRecord) {
    let (dynamodb, table) = deployment.records_table();
    let update = dynamodb.update_item().table_name(table);
    let update = update.key(record::LOCATION_ID, AttributeValue::S(put.location_id.to_string()));
    let update = update.key(record::RECORD, AttributeValue::S(put.key().to_string()));
    update.update_expression(format!("REMOVE {}", record::PAYLOAD)).send().await.unwrap();
}

/// Migrates an account, rolls it back, and looks for lost messages.
async fn run_migrator(deployment: &Deployment, of_function: &Migrator) {
    migrator::fill(deployment, &[migrator::TARGET]);
    let of_api = deployment.migrator();
    let id = of_api.start(migrator::request(migrator::TARGET), None).await.unwrap().id;
    let report = migrator::drive(deployment, of_function, &id).await;
    assert_eq!(report.status, MigrationStatus::Done, "{report:#?}");
    of_api.rollback(&id, None).await.unwrap();
    let report = migrator::drive(deployment, of_function, &id).await;
    assert_eq!(report.status, MigrationStatus::RolledBack, "{report:#?}");
    migrator::step(of_function, sample("migrator-revive")).await;
}

/// Stores events about a record, and enables and disables a location.
async fn run_webhook(vars: &BTreeMap<String, String>, dynamodb: &str) {
    let webhooks = webhooks::receiver(vars, &[("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)]);
    for sample in ["webhook", "webhook-uninstall"] {
        let response = webhook::handle(&webhooks, LambdaEvent::new(webhooks::sample(sample), context())).await.unwrap();
        assert_eq!(response.status_code, 200, "{sample}");
    }
}

/// Wakes a location, parks a message that is not a batch, and processes both queues by hand.
async fn run_redrive(deployment: &Deployment, engine: &Engine) {
    let redrive = |event| redrive::handle(engine, LambdaEvent::new(event, context()));
    let batch = by_hand(&contacts(1));
    deployment.put(&contacts(1)).await;
    let garbage = sqs_event([(Some("m1"), "{"), (Some("m2"), batch["Records"][0]["body"].as_str().unwrap())]);
    redrive(garbage).await.unwrap();
    for url in ["DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL"] {
        let send = deployment.stack.functions.sqs.send_message().queue_url(&deployment.stack.vars[url]);
        send.message_body(batch["Records"][0]["body"].as_str().unwrap()).send().await.unwrap();
    }
    for order in [json!({ "redrive": { "dry_run": true } }), json!({ "redrive": { "dry_run": false } })] {
        redrive(order).await.unwrap();
    }
}

/// Puts an item twice, and sets a refused one aside.
async fn run_ingest(deployment: &Deployment, changes: &[(&str, &str)]) {
    let intake = deployment.intake_with(changes);
    for _ in 0..2 {
        let event = sqs_event([(Some("m1"), ITEM), (Some("m2"), "{}")]);
        let answer = ingest::handle(&intake, LambdaEvent::new(event, context())).await.unwrap();
        assert_eq!(answer.batch_item_failures.len(), 0);
    }
    assert_eq!(deployment.due().await.len(), 1);
}

/// Publishes events and queues them for a webhook; posts one, and fails to post another, with a secret from either
/// store.
async fn run_notifier(deployment: &Deployment, changes: &[(&str, &str)]) {
    let location = ghl_sync_model::LocationId::new(LOCATION).unwrap();
    let import = ImportUpdate { state: Some(ImportState::Complete), ..ImportUpdate::default() };
    deployment.stack.operator().tell_import(&location, &"imp-7".parse().unwrap(), &import).await.unwrap();
    for (service, name, _) in SIGNING_SECRETS {
        let secret = format!("{service}{name}");
        // No server listens there.
        let webhook = [("OUTCOMES_WEBHOOK_URL", "http://127.0.0.1:9"), ("OUTCOMES_WEBHOOK_SECRET", &secret)];
        let notifier = deployment.notifier_with(&[changes, &webhook[..]].concat());
        for event in ["notifier", "notifier-notices", "notifier-delivery"] {
            notifier::handle(&notifier, LambdaEvent::new(sample(event), context())).await.unwrap();
        }
    }
}

/// Imports a list, reports on it, and finds one list missing and another replaced.
async fn run_importer(deployment: &Deployment, changes: &[(&str, &str)]) {
    let importer = deployment.importer_with(changes);
    drops::put_file(deployment, "in/loc_demo/contacts/list.csv", "Name,Email\nAda,ada@example.com\n").await;
    drops::run(deployment, &importer).await;
    assert_eq!(deployment.stats().contacts, 1);
    drops::put_file(deployment, drops::LIST, "Name,Email\nBob,bob@example.com\n").await;
    drops::run_until(deployment, &importer, 2).await;
}

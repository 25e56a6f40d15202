//! Expiring tokens and credential stores, through the functions and the sandbox.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_cli::sandbox::{FaultChange, SandboxOptions};
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_limiter::PauseReason;
use ghl_sync_runtime::{Config, LogSink, Runtime};
use serde_json::json;

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, location, options, sandbox, vars};
use crate::records::contacts;

fn oauth(lifetime: u64) -> StackOptions {
    StackOptions { oauth: Some(Duration::from_secs(lifetime)), ..options() }
}

/// Creates a file with this content that only its owner may read.
fn private_file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ghl-sync-it-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[tokio::test]
async fn an_oauth_app_is_served_from_its_refresh_token_on() {
    let deployment = Deployment::with(oauth(86_400)).await;
    deployment.put(&contacts(20)).await;
    deployment.run_until_synced().await;
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.calls, stats.duplicates), (20, 20, 0));
    assert_eq!((stats.token_refreshes, stats.token_repeats, stats.token_refusals), (1, 0, 0));
}

#[tokio::test]
async fn eight_environments_that_need_a_token_at_once_have_it_refreshed_once() {
    let deployment = Deployment::with(StackOptions {
        locations: (0..8).map(|number| location(&format!("loc_{number}"))).collect(),
        ..oauth(86_400)
    })
    .await;
    let environments: Vec<_> = (0..8).map(|_| deployment.engine_with(&[])).collect();
    for number in 0..8 {
        let mut records = contacts(3);
        records.iter_mut().for_each(|record| record.location_id = location(&format!("loc_{number}")));
        deployment.put(&records).await;
    }
    let keys: Vec<String> = contacts(3).iter().map(|record| record.key().to_string()).collect();
    let consumed = environments.iter().enumerate().map(|(number, engine)| {
        let body = json!({ "v": 1, "location_id": format!("loc_{number}"), "keys": keys }).to_string();
        let event = crate::deployment::sqs_event([(Some("m"), body.as_str())]);
        consumer::handle(engine, lambda_runtime::LambdaEvent::new(event, crate::deployment::context()))
    });
    for consumed in futures::future::join_all(consumed).await {
        assert!(consumed.unwrap().batch_item_failures.is_empty());
    }
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.duplicates), (24, 0));
    assert_eq!((stats.token_refreshes, stats.token_repeats, stats.token_refusals), (1, 0, 0));
    assert_eq!(stats.location_tokens, 8);
}

#[tokio::test]
async fn a_dead_refresh_token_stops_the_location_and_a_new_one_in_its_place_starts_it() {
    let deployment = Deployment::with(oauth(86_400)).await;
    let good = deployment.stack.vars["GHL_TOKEN"].clone();
    let dead = serde_json::from_str::<serde_json::Value>(&good).unwrap();
    let dead = json!({ "refresh_token": "used-up", "client_id": dead["client_id"],
        "client_secret": dead["client_secret"], "user_type": dead["user_type"] });
    let file = private_file("grant", &dead.to_string());
    let reference = format!("file:{}", file.display());
    let engine = || deployment.engine_with(&[("GHL_TOKEN", ""), ("GHL_CREDENTIALS", &reference)]);
    let records = contacts(5);
    deployment.put(&records).await;
    let invoke = async |engine| {
        let event =
            lambda_runtime::LambdaEvent::new(crate::deployment::by_hand(&records), crate::deployment::context());
        consumer::handle(&engine, event).await.unwrap();
    };
    invoke(engine()).await;
    assert_eq!(deployment.gate().await.pause().unwrap().reason, PauseReason::Credentials);
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.token_refusals, deployment.due().await.len()), (0, 1, 5), "one try, and no call");

    std::fs::write(&file, good).unwrap();
    // An operator lifts the pause of five minutes.
    deployment.operator().resume(&location(LOCATION)).await.unwrap();
    invoke(engine()).await;
    std::fs::remove_file(file).unwrap();
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.token_refreshes, stats.token_refusals), (5, 1, 1));
}

#[tokio::test]
async fn a_location_that_is_not_active_pauses_and_its_records_stay_due_without_an_attempt() {
    let deployment = Deployment::with(oauth(86_400)).await;
    deployment.sandbox().change_faults(FaultChange { inactive: Some(true), ..FaultChange::default() });
    let records = contacts(3);
    deployment.put(&records).await;
    let event = lambda_runtime::LambdaEvent::new(crate::deployment::by_hand(&records), crate::deployment::context());
    consumer::handle(&deployment.engine, event).await.unwrap();
    assert_eq!(deployment.gate().await.pause().unwrap().reason, PauseReason::Credentials);
    let stats = deployment.stats();
    assert_eq!((stats.calls, stats.token_refusals, deployment.due().await.len()), (0, 0, 3));
    assert_eq!(deployment.record(&records[0]).await.attempts, 0);
}

#[tokio::test]
async fn a_private_integration_token_may_be_kept_in_a_file_of_mode_600_and_in_no_other() {
    let deployment = Deployment::with(StackOptions { ghl: sandbox(SandboxOptions::default()), ..options() }).await;
    let file = private_file("token", "pit-local\n");
    let reference = format!("file:{}", file.display());
    let records = contacts(2);
    deployment.put(&records).await;
    let environment = || {
        let changes = [("GHL_TOKEN", ""), ("GHL_CREDENTIALS", reference.as_str())];
        deployment.stack.vars.clone().into_iter().chain(vars(&changes)).collect()
    };
    let preview =
        |environment| Runtime::new(Config::from_vars(environment).unwrap(), Arc::new(LogSink)).unwrap().engine;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let event = || lambda_runtime::LambdaEvent::new(crate::deployment::by_hand(&records), crate::deployment::context());
    consumer::handle(&preview(environment()), event()).await.unwrap();
    assert_eq!(deployment.stats().calls, 0);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    deployment.operator().resume(&location(LOCATION)).await.unwrap();
    consumer::handle(&preview(environment()), event()).await.unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(deployment.stats().contacts, 2);
}

#[tokio::test]
async fn on_api_v1_the_token_of_all_locations_makes_no_call() {
    let deployment = Deployment::start().await;
    let of_all = deployment.engine_with(&[("GHL_API", "v1"), ("GHL_LOCATIONS", ""), ("GHL_LOCATION_TOKENS", "")]);
    let records = contacts(3);
    deployment.put(&records).await;
    let event = lambda_runtime::LambdaEvent::new(crate::deployment::by_hand(&records), crate::deployment::context());
    consumer::handle(&of_all, event).await.unwrap();
    assert_eq!(deployment.gate().await.pause().unwrap().reason, PauseReason::Credentials);
    assert_eq!((deployment.stats().calls, deployment.due().await.len()), (0, 3));
}

#[tokio::test]
async fn a_location_moves_to_api_v1_only_with_a_key_of_its_own() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let path = format!("/v1/locations/{LOCATION}");
    for credentials in [None, Some("env:GHL_TOKEN"), Some("env:GHL_LOCATION_TOKENS/other")] {
        let body = json!({ "api": "v1", "credentials": credentials });
        let problem = caller.put(&path, &body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "credentials", "{problem}");
    }
    for credentials in [format!("env:GHL_LOCATION_TOKENS/{LOCATION}"), "ssm:/keys/demo".to_owned()] {
        let answer = caller.put(&path, &json!({ "api": "v1", "credentials": credentials })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn tokens_that_live_for_seconds_are_renewed_in_time_and_no_call_is_refused() {
    let deployment = Deployment::with(oauth(5)).await;
    for round in 0..7 {
        deployment.put(&contacts(3 * (round + 1))).await;
        deployment.run_until_synced().await;
        tokio::time::sleep(Duration::from_millis(1_000)).await;
    }
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.expired_tokens, stats.token_refusals, stats.status_other), (21, 0, 0, 0));
    assert!(stats.token_refreshes >= 2, "{} refreshes", stats.token_refreshes);
}

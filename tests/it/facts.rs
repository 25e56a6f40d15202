//! Facts about locations, from GHL to functions without a token: the importer and the API.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ghl_sync_cli::sandbox::SandboxOptions;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_model::Api;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, options, sandbox};
use crate::drops::{LIST, put_file, report, text};
use crate::events::sample;

const PATIENCE: Duration = Duration::from_secs(300);
const MEMBERS: &str = "Name,Email,Phone,Shoe size\nAda,ada@example.com,(202) 555-0143,41\n";

/// Drops a list without a mapping into a running stack whose location has a custom field for shoe size. Returns its
/// report.
async fn dropped(deployment: &Deployment) -> Value {
    let field = json!({ "name": "Shoe size", "dataType": "NUMERICAL", "model": "contact" });
    deployment.create_in_ghl(&format!("locations/{LOCATION}/customFields"), &field).await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    put_file(deployment, LIST, MEMBERS).await;
    let started = Instant::now();
    loop {
        let report = report(deployment).await.unwrap_or_default();
        if report["state"] == "done" {
            return report;
        }
        assert!(started.elapsed() < PATIENCE, "{report}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_national_numbers_and_a_custom_field_arrives_whole_without_a_mapping() {
    let deployment = Deployment::start().await;
    let report = dropped(&deployment).await;
    assert_eq!(
        (&report["import"]["left_out"], &report["known"]["country"], &report["known"]["custom_fields"]),
        (&0.into(), &"US".into(), &1.into()),
        "{report}"
    );
    let rejects = text(&deployment, "out/loc_demo/list.csv/rejects.csv").await.unwrap();
    assert_eq!(rejects.lines().count(), 1, "{rejects}");
    let found =
        deployment.in_ghl(&format!("contacts/search/duplicate?locationId={LOCATION}&email=ada%40example.com")).await;
    let ada = &found["contact"];
    assert_eq!((&ada["phone"], &ada["customFields"][0]["value"]), (&"+12025550143".into(), &41.into()), "{ada}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_token_lacks_a_scope_the_report_names_it_and_what_is_known_is_used() {
    let missing: BTreeSet<(String, String)> =
        [(LOCATION.to_owned(), "locations/customFields.readonly".to_owned())].into();
    let ghl = sandbox(SandboxOptions { missing_scopes: missing, ..SandboxOptions::default() });
    let deployment = Deployment::with(StackOptions { ghl, ..options() }).await;
    let report = dropped(&deployment).await;
    let unknown = report["known"]["unknown"][0].as_str().unwrap();
    assert!(
        unknown.starts_with("custom fields:") && unknown.contains("needs the scope locations/customFields.readonly")
    );
    let found =
        deployment.in_ghl(&format!("contacts/search/duplicate?locationId={LOCATION}&email=ada%40example.com")).await;
    assert_eq!(found["contact"]["phone"], "+12025550143");
    let problems = report["import"]["problems"].to_string();
    assert!(problems.contains("Shoe size"), "{problems}");
}

#[tokio::test]
async fn a_new_location_is_asked_for_and_the_api_shows_what_ghl_told() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let path = format!("/v1/locations/{LOCATION}");
    assert_eq!(caller.get(&path).await.json().get("facts"), None);
    assert_eq!(caller.put(&path, &json!({})).await.status, 200);
    let event = deployment.next_event().await.unwrap();
    assert_eq!(event["Records"][0]["body"], json!({ "facts": LOCATION, "v": 1 }).to_string());
    deployment.consume(event).await.unwrap();
    let facts = caller.get(&path).await.json()["facts"].clone();
    let told = json!({
        "asked_at": facts["asked_at"], "as_of": facts["asked_at"], "name": LOCATION, "company": LOCATION,
        "timezone": "America/Chicago", "country": "US", "allow_duplicate_contact": false, "custom_fields": 0, "untold": [],
        "pipelines": facts["pipelines"],
    });
    assert_eq!(facts, told);
    let pipelines = facts["pipelines"].as_array().unwrap();
    let names: Vec<&str> = pipelines.iter().map(|pipeline| pipeline["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Sales", "Onboarding", "Renewal"]);
    assert_eq!(pipelines[2]["stages"][1], json!({ "id": "renewal-renewed", "name": "Renewed" }));
    // Once a day all locations are refreshed.
    let asked = deployment.schedule(sample("scheduler-facts")).await.unwrap();
    assert_eq!(asked, scheduler::Done::AskedForFacts { asked_for_facts: 1 });
}

#[tokio::test]
async fn api_v1_tells_custom_fields_and_no_location() {
    let deployment = Deployment::with(StackOptions { api: Api::V1, ..options() }).await;
    deployment.consume(sample("consumer-facts")).await.unwrap();
    let facts = Caller::of(&deployment).await.get(&format!("/v1/locations/{LOCATION}")).await.json()["facts"].clone();
    assert_eq!((&facts["custom_fields"], facts.get("country"), facts.get("name")), (&0.into(), None, None), "{facts}");
    assert_eq!((&facts["untold"][0]["what"], facts["untold"].as_array().unwrap().len()), (&"location".into(), 1));
    let why = facts["untold"][0]["why"].as_str().unwrap();
    assert!(why.contains("API v1 does not show the location"), "{why}");
}

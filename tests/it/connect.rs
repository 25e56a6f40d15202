//! Connecting accounts in a browser, from the consent page to the name of the location, and disconnecting them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ghl_sync_access::ports::SecretError;
use ghl_sync_cli::sandbox::{FaultChange, Marketplace, SandboxOptions};
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_limiter::PauseReason;
use ghl_sync_model::{CredentialsRef, Secret};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::caller::Answer;
use crate::consent::Browser;
use crate::deployment::{Deployment, LOCATION, by_hand, context, options, sandbox};
use crate::logs::Log;
use crate::records::contacts;

const NAME: &str = "Main Street Dental";
const PLACE: &str = "secretsmanager:ghl-sync/local/connect/";
/// Prefixes of secrets that must appear nowhere except in the credentials store.
const SECRETS: [&str; 4] = ["code-", "refresh-", "access-", "pit-local"];

/// A deployment with a named location.
async fn named() -> Deployment {
    let deployment = Deployment::start().await;
    deployment.sandbox().seed(LOCATION).profile(NAME, "America/New_York", "US").unwrap();
    deployment
}

/// The stored credentials of a connection.
async fn kept(deployment: &Deployment, id: &str) -> Result<Secret, SecretError> {
    let reference: CredentialsRef = format!("{PLACE}{id}").parse().unwrap();
    deployment.stack.connecting(deployment.engine.clone()).unwrap().store.read(&reference).await
}

/// The settings of a location.
async fn settings(browser: &Browser, location: &str) -> Value {
    browser.caller.get(&format!("/v1/locations/{location}")).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_is_connected_by_consent_and_the_first_call_tells_its_name() {
    let deployment = named().await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    let browser = Browser::at(&deployment).await;
    let overview = browser.get("/connect").await;
    assert!(overview.text.contains("Nothing yet.") && overview.text.contains("/connect/callback"), "{overview:?}");
    let page = browser.connect("location", NAME).await;
    assert!(page.text.contains(NAME) && page.text.contains("reached"), "{}", page.text);
    assert!(!page.text.contains("scopes were not granted"), "{}", page.text);
    let set = settings(&browser, LOCATION).await;
    let reference = format!("{PLACE}location-{LOCATION}");
    assert_eq!((&set["settings"]["credentials"], &set["settings"]["enabled"]), (&json!(reference), &json!(true)));
    assert_eq!(set["facts"]["name"], NAME);
    let grant: Value = serde_json::from_str(kept(&deployment, "location-loc_demo").await.unwrap().expose()).unwrap();
    assert_eq!((&grant["client_id"], &grant["user_type"]), (&json!("app"), &json!("Location")));
    assert!(grant["refresh_token"].is_string() && grant["access_token"].is_string() && grant["expires_at"].is_u64());
    deployment.engine.put_and_start(&contacts(3)).await;
    deployment.synced().await;
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.token_refreshes, stats.token_refusals), (3, 0, 0), "the first token is used");
    let trail = browser.caller.get("/v1/audit").await.json();
    let entry = &trail["requests"][0];
    let told = ["operation", "caller", "location", "subject"].map(|field| entry[field].as_str().unwrap().to_owned());
    assert_eq!(told, ["connect", "local", LOCATION, "location-loc_demo"]);
    assert!(browser.get("/connect").await.text.contains("/connect/location-loc_demo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_agency_those_sub_accounts_are_added_that_are_ticked() {
    let deployment = named().await;
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    let browser = Browser::at(&deployment).await;
    let page = browser.connect("agency", "The agency agency and all its sub-accounts").await;
    for (id, name) in [(LOCATION, NAME), ("loc_north", "North Street Dental"), ("loc_south", "South Bay Roofing")] {
        assert!(page.text.contains(name) && page.text.contains(&format!("value=\"{id}\"")), "{}", page.text);
    }
    assert_eq!(page.text.matches("not added").count(), 3);
    let path = "/connect/agency-agency/locations";
    let added = browser.post(path, &[("location", "loc_north"), ("location", "loc_south")]).await;
    assert_eq!((added.status, added.header("location")), (303, "/connect/agency-agency"));
    let page = browser.get("/connect/agency-agency").await;
    assert_eq!((page.text.matches("not added").count(), page.text.matches("reached").count()), (1, 2), "{}", page.text);
    let reference = format!("{PLACE}agency-agency");
    for id in ["loc_north", "loc_south"] {
        assert_eq!(settings(&browser, id).await["settings"]["credentials"], reference);
    }
    assert_eq!(settings(&browser, LOCATION).await["settings"]["credentials"], "env:GHL_TOKEN");
    assert_eq!(deployment.stats().location_tokens, 2);
    let grant: Value = serde_json::from_str(kept(&deployment, "agency-agency").await.unwrap().expose()).unwrap();
    assert_eq!((&grant["user_type"], &grant["company_id"]), (&json!("Company"), &json!("agency")));
    for foreign in [&[("location", "loc_of_others")][..], &[], &[("location", "../app")]] {
        let refused = browser.post(path, foreign).await;
        assert_eq!(refused.status, 422, "{refused:?}");
    }
    assert_eq!(browser.caller.get("/v1/audit").await.json()["requests"][0]["operation"], "connect_locations");
}

#[tokio::test]
async fn a_grant_that_is_refused_is_followed_by_a_new_one_and_what_stood_still_goes_on() {
    let deployment = named().await;
    let browser = Browser::at(&deployment).await;
    browser.connect("location", NAME).await;
    let connecting = deployment.stack.connecting(deployment.engine.clone()).unwrap();
    let first = kept(&deployment, "location-loc_demo").await.unwrap();
    let mut dead: Value = serde_json::from_str(first.expose()).unwrap();
    dead["refresh_token"] = json!("used-up");
    dead.as_object_mut().unwrap().retain(|field, _| field != "access_token" && field != "expires_at");
    let name = "ghl-sync/local/connect/location-loc_demo";
    connecting.vault.keep(name, &Secret::new(dead.to_string())).await.unwrap();
    let records = contacts(3);
    deployment.put(&records).await;
    deployment.consume(by_hand(&records)).await.unwrap();
    assert_eq!(deployment.gate().await.pause().unwrap().reason, PauseReason::Credentials);
    assert_eq!(deployment.stats().calls, 0);

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    browser.connect("location", NAME).await;
    assert_ne!(kept(&deployment, "location-loc_demo").await.unwrap(), first, "a new grant, and a new chain of tokens");
    assert!(deployment.gate().await.pause().is_none(), "nobody waits for the end of the pause");
    // The same process, which had cached the dead grant.
    consumer::handle(&deployment.engine, LambdaEvent::new(by_hand(&records), context())).await.unwrap();
    assert!(deployment.stats().contacts > 0, "it reads the new one");
    deployment.run_until_synced().await;
    assert_eq!((deployment.stats().contacts, deployment.due().await.len()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_whose_tokens_were_refused_goes_on_within_seconds_of_being_connected_anew() {
    let deployment = named().await;
    // No schedule helps.
    let _running = deployment.stack.functions.clone().start(Duration::from_secs(3600));
    let browser = Browser::at(&deployment).await;
    browser.connect("location", NAME).await;
    let inactive = |is_inactive| FaultChange { inactive: Some(is_inactive), ..FaultChange::default() };
    for (accepted, anew) in [(3, "consent"), (6, "token")] {
        deployment.sandbox().change_faults(inactive(true));
        deployment.engine.put_and_start(&contacts(accepted)).await;
        let began = Instant::now();
        while deployment.gate().await.pause().is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "nobody refuses");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        deployment.sandbox().change_faults(inactive(false));
        // Rejected credentials are read again after one second at the earliest.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let began = Instant::now();
        match anew {
            "consent" => drop(browser.connect("location", NAME).await),
            _ => assert_eq!(by_form(&browser, LOCATION, "pit-local").await.status, 303),
        }
        deployment.synced().await;
        assert!(began.elapsed() < Duration::from_secs(30), "{anew}: {:?}", began.elapsed());
        assert_eq!(deployment.stats().contacts, accepted as u64, "{anew}");
    }
}

/// Submits a token by the form.
async fn by_form(browser: &Browser, location: &str, token: &str) -> Answer {
    browser.post("/connect/token", &[("location_id", location), ("token", token)]).await
}

#[tokio::test]
async fn a_token_that_ghl_does_not_accept_for_the_location_is_not_kept_and_the_one_before_stays() {
    let deployment = named().await;
    let browser = Browser::at(&deployment).await;
    let mistyped = by_form(&browser, LOCATION, "pit-wrong").await;
    assert_eq!(mistyped.status, 422, "{mistyped:?}");
    for said in ["access token is invalid", LOCATION, "was not stored", "Copy the token once more"] {
        assert!(mistyped.text.contains(said), "{said} in {}", mistyped.text);
    }
    assert!(!mistyped.text.contains("pit-wrong"), "{}", mistyped.text);
    assert!(kept(&deployment, "location-loc_demo").await.is_err(), "nothing is connected");
    assert!(browser.get("/connect").await.text.contains("Nothing yet."));
    assert_eq!(settings(&browser, LOCATION).await["settings"]["credentials"], "env:GHL_TOKEN");

    browser.connect("location", NAME).await;
    browser.connect("location", "North Street Dental").await;
    let before = kept(&deployment, "location-loc_demo").await.unwrap();
    let of_north: Value =
        serde_json::from_str(kept(&deployment, "location-loc_north").await.unwrap().expose()).unwrap();
    let of_another = of_north["access_token"].as_str().unwrap();
    for (token, said) in
        [("pit-wrong", "access token is invalid"), (of_another, "does not have access to this location")]
    {
        let refused = by_form(&browser, LOCATION, token).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text.contains(said) && !refused.text.contains(token), "{}", refused.text);
        assert_eq!(kept(&deployment, "location-loc_demo").await.unwrap(), before);
    }
    let made_up = by_form(&browser, "loc_made_up", of_another).await;
    assert_eq!(made_up.status, 422, "{made_up:?}");
    assert!(!browser.get("/connect").await.text.contains("loc_made_up"));
    assert!(browser.get("/connect").await.text.contains("<td>consent</td>"));
}

#[tokio::test]
async fn a_token_that_could_not_be_tried_is_not_kept_and_the_page_says_so() {
    let deployment = named().await;
    let browser = Browser::at(&deployment).await;
    browser.connect("location", NAME).await;
    let before = kept(&deployment, "location-loc_demo").await.unwrap();
    let failing = |rate| FaultChange { error_rate: Some(rate), ..FaultChange::default() };
    deployment.sandbox().change_faults(failing(1.0));
    let untried = by_form(&browser, LOCATION, "pit-local").await;
    assert_eq!(untried.status, 502, "{untried:?}");
    assert!(untried.text.contains("could not be asked") && untried.text.contains("was not stored"), "{}", untried.text);
    assert_eq!(kept(&deployment, "location-loc_demo").await.unwrap(), before);
    deployment.sandbox().change_faults(failing(0.0));
    assert_eq!(by_form(&browser, LOCATION, "pit-local").await.status, 303);
    assert_eq!(kept(&deployment, "location-loc_demo").await.unwrap(), Secret::new("pit-local"));
}

#[tokio::test]
async fn a_token_that_lacks_the_scope_to_read_the_location_is_taken_and_the_page_names_the_scope() {
    let lacking = |scopes: &[&str]| {
        let missing_scopes = scopes.iter().map(|scope| (LOCATION.to_owned(), (*scope).to_owned())).collect();
        StackOptions { ghl: sandbox(SandboxOptions { missing_scopes, ..SandboxOptions::default() }), ..options() }
    };
    let deployment = Deployment::with(lacking(&["locations.readonly"])).await;
    let browser = Browser::at(&deployment).await;
    let given = by_form(&browser, LOCATION, "pit-local").await;
    assert_eq!(given.status, 303, "{given:?}");
    let page = browser.get("/connect/location-loc_demo").await;
    assert!(page.text.contains("<li><code>locations.readonly</code>"), "{}", page.text);
    assert!(page.text.contains("private integration in GoHighLevel"), "{}", page.text);

    let deployment = Deployment::with(lacking(&["locations.readonly", "contacts.readonly"])).await;
    let browser = Browser::at(&deployment).await;
    let refused = by_form(&browser, LOCATION, "pit-local").await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.text.contains("not authorized for this scope"), "{}", refused.text);
    assert!(kept(&deployment, "location-loc_demo").await.is_err());
}

#[tokio::test]
async fn what_is_disconnected_stands_still_and_its_credentials_are_gone_until_it_is_connected_again() {
    let deployment = named().await;
    let browser = Browser::at(&deployment).await;
    browser.connect("location", NAME).await;
    for _ in 0..2 {
        let ended = browser.post("/connect/location-loc_demo/disconnect", &[]).await;
        assert_eq!((ended.status, ended.header("location")), (303, "/connect"));
    }
    let set = settings(&browser, LOCATION).await;
    let reference = format!("{PLACE}location-{LOCATION}");
    assert_eq!((&set["settings"]["enabled"], &set["settings"]["credentials"]), (&json!(false), &json!(reference)));
    let error = kept(&deployment, "location-loc_demo").await.unwrap_err().to_string();
    assert!(error.contains("InvalidRequestException"), "{error}");
    let page = browser.get("/connect/location-loc_demo").await;
    assert!(page.text.contains("No longer connected") && !page.text.contains("<form"), "{}", page.text);
    assert!(browser.get("/connect").await.text.contains("Disconnected"));
    let trail = browser.caller.get("/v1/audit").await.json();
    assert_eq!(
        (&trail["requests"][0]["operation"], &trail["requests"][0]["location"]),
        (&json!("disconnect"), &json!(LOCATION))
    );
    assert_eq!(browser.post("/connect/location-nobody/disconnect", &[]).await.status, 404);

    browser.connect("location", NAME).await;
    assert_eq!(settings(&browser, LOCATION).await["settings"]["enabled"], true);
    assert!(kept(&deployment, "location-loc_demo").await.is_ok());
}

#[tokio::test]
async fn a_location_that_was_given_other_credentials_is_left_alone_by_the_end_of_its_connection() {
    let deployment = named().await;
    let browser = Browser::at(&deployment).await;
    browser.connect("location", NAME).await;
    let other = json!({ "credentials": "env:GHL_TOKEN", "daily_limit": 1000 });
    assert_eq!(browser.caller.put("/v1/locations/loc_demo", &other).await.status, 200);
    assert_eq!(browser.post("/connect/location-loc_demo/disconnect", &[]).await.status, 303);
    let set = settings(&browser, LOCATION).await;
    assert_eq!((&set["settings"]["enabled"], &set["settings"]["credentials"]), (&json!(true), &json!("env:GHL_TOKEN")));
    browser.connect("location", NAME).await;
    assert_eq!(settings(&browser, LOCATION).await["settings"]["daily_limit"], 1000, "what else is set stays");
}

#[tokio::test]
async fn a_private_integration_token_goes_where_credentials_are_and_is_shown_nowhere() {
    let deployment = Deployment::start().await;
    let browser = Browser::at(&deployment).await;
    let given = browser.post("/connect/token", &[("location_id", LOCATION), ("token", "pit-local%0A")]).await;
    assert_eq!((given.status, given.header("location")), (303, "/connect/location-loc_demo"), "{given:?}");
    assert_eq!(kept(&deployment, "location-loc_demo").await.unwrap(), Secret::new("pit-local"));
    let page = browser.get("/connect").await;
    assert!(page.text.contains("private integration token") && !page.text.contains("pit-local"), "{}", page.text);
    assert!(deployment.stored().await.iter().all(|item| !item.contains("pit-local")));
    let grant = "%7B%22client_id%22%3A%22a%22%2C%22client_secret%22%3A%22hush%22%2C%22refresh_token%22%3A%22r%22%2C%22user_type%22%3A%22Location%22%7D";
    for (location, token, said) in [
        (LOCATION, "", "is empty"),
        (LOCATION, "pit-hush%20hush", "neither a token"),
        (LOCATION, grant, "is a grant"),
        ("", "pit-hush", "location"),
        ("../app/oauth", "pit-hush", "location"),
    ] {
        let refused = browser.post("/connect/token", &[("location_id", location), ("token", token)]).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text.contains(said) && !refused.text.contains("hush"), "{}", refused.text);
    }
}

#[tokio::test]
async fn scopes_that_were_not_granted_are_named_on_the_page() {
    let scopes = ["contacts.readonly", "contacts.write", "opportunities.readonly", "locations.readonly"];
    let app = Marketplace {
        client_id: "app".to_owned(),
        client_secret: Secret::new("local"),
        lifetime: Duration::from_secs(86_399),
        company: "agency".to_owned(),
        locations: vec![LOCATION.to_owned()],
        scopes: Some(scopes.map(str::to_owned).into()),
    };
    let ghl = sandbox(SandboxOptions { marketplace: Some(app), ..SandboxOptions::default() });
    let deployment = Deployment::with(StackOptions { ghl, ..options() }).await;
    let browser = Browser::at(&deployment).await;
    let page = browser.connect("location", LOCATION).await;
    let missing: BTreeSet<&str> =
        page.text.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(missing, ["locations/customFields.readonly", "opportunities.write"].into(), "{}", page.text);
    let page = browser.connect("agency", "The agency agency and all its sub-accounts").await;
    assert!(
        page.text.contains("oauth.readonly") && page.text.contains("Not all sub-accounts are known"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn no_code_and_no_token_is_in_a_log_an_address_a_page_or_the_api_s_environment() {
    let (log, _logging) = Log::begin();
    let deployment = named().await;
    let browser = Browser::at(&deployment).await;
    let at = browser.start("location").await;
    let back = browser.choose(&at, NAME).await;
    assert!(back.contains("code=code-"), "{back}");
    let returned = browser.come_back(&back, &at.cookie).await;
    assert_eq!(returned.header("referrer-policy"), "no-referrer");
    let mut shown = vec![returned.text.clone()];
    let state = back.split("state=").nth(1).unwrap().to_owned();
    browser.post("/connect/token", &[("location_id", "loc_north"), ("token", "pit-local")]).await;
    for path in ["/connect", "/connect/location-loc_demo", "/connect/location-loc_north"] {
        let page = browser.get(path).await;
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert!(!page.header("content-security-policy").contains("unsafe"));
        shown.push(page.text);
    }
    let used = browser.come_back(&back, &at.cookie).await;
    assert_eq!(used.status, 409);
    shown.push(used.text);
    let text = log.text();
    assert!(text.contains("/connect/callback"), "{text}");
    shown.push(text);
    shown.extend(deployment.stored().await);
    for (text, secret) in shown.iter().flat_map(|text| SECRETS.map(|secret| (text, secret))) {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let cookie = at.cookie.split('=').nth(1).unwrap();
    assert!(shown.iter().all(|text| !text.contains(cookie) && !text.contains(&state)));
}

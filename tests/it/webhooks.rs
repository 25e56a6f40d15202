//! GHL's webhooks, from the event of a function URL to the stored state.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::lambda_function_urls::LambdaFunctionUrlResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ghl_sync_aws::Usage;
use ghl_sync_engine::ports::{Clock, RemoteKey};
use ghl_sync_model::{EpochMs, GhlId, Kind, KnownState, Payload, RemoteContent};
use ghl_sync_runtime::{Config, LogSink, SystemClock, Webhooks};
use http::HeaderMap;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use webhook::{LARGEST_BODY, WebhookAnswer, WebhookEventError};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, by_hand, context, location, options, vars};
use crate::intermediary::{self, Act};
use crate::logs::{Log, Metrics};
use crate::records::contact;
use crate::signing;

/// The app of the sample events.
const APP: &str = "ve9EPM428h8vShlRW1KT";
/// The contact of the sample events.
const CONTACT: &str = "nmFmQEsNgz6AVpgLVUJ0";
/// No server listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Every webhook event in `events/`, by its name, with the expected response.
pub(crate) const SAMPLES: [(&str, &str, u16, &str); 13] = [
    ("webhook", include_str!("../../events/webhook.json"), 200, "stored"),
    ("webhook-contact-update", include_str!("../../events/webhook-contact-update.json"), 200, "collapsed"),
    ("webhook-contact-delete", include_str!("../../events/webhook-contact-delete.json"), 200, "stored"),
    (
        "webhook-opportunity-stage-legacy",
        include_str!("../../events/webhook-opportunity-stage-legacy.json"),
        200,
        "stored",
    ),
    ("webhook-install", include_str!("../../events/webhook-install.json"), 200, "enabled"),
    ("webhook-uninstall", include_str!("../../events/webhook-uninstall.json"), 200, "stopped"),
    ("webhook-unknown-type", include_str!("../../events/webhook-unknown-type.json"), 200, "ignored"),
    ("webhook-unsigned", include_str!("../../events/webhook-unsigned.json"), 401, "not_genuine"),
    ("webhook-rewritten", include_str!("../../events/webhook-rewritten.json"), 401, "not_genuine"),
    ("webhook-truncated", include_str!("../../events/webhook-truncated.json"), 401, "not_genuine"),
    ("webhook-too-old", include_str!("../../events/webhook-too-old.json"), 401, "outside_window"),
    ("webhook-no-location", include_str!("../../events/webhook-no-location.json"), 400, "malformed"),
    ("webhook-not-utf8", include_str!("../../events/webhook-not-utf8.json"), 400, "malformed"),
];

/// The sample events have old timestamps: this accepts them for years.
const YEARS: (&str, &str) = ("GHL_WEBHOOK_MAX_AGE", "157680000000");

pub(crate) fn sample(name: &str) -> Value {
    let (_, text, ..) = SAMPLES.iter().find(|(sample, ..)| *sample == name).unwrap();
    serde_json::from_str(text).unwrap()
}

async fn deployment() -> Deployment {
    Deployment::with(options()).await
}

/// The webhook receiver in `deployment`, with changes to its environment.
fn webhooks_with(deployment: &Deployment, changes: &[(&str, &str)]) -> Webhooks {
    receiver(&deployment.stack.vars, changes)
}

/// A receiver that trusts the test keys and the sample events.
pub(crate) fn receiver(environment: &BTreeMap<String, String>, changes: &[(&str, &str)]) -> Webhooks {
    Webhooks::new(Config::for_webhooks(self::environment(environment, changes)).unwrap(), Arc::new(LogSink))
}

/// An environment without a queue that trusts the test keys and the sample events.
fn environment(environment: &BTreeMap<String, String>, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut environment = environment.clone();
    environment.remove("BATCH_QUEUE_URL");
    environment.extend(vars(&[
        ("GHL_WEBHOOK_PUBLIC_KEYS", signing::ED25519_PUBLIC),
        ("GHL_WEBHOOK_LEGACY_PUBLIC_KEYS", signing::RSA_PUBLIC),
        ("GHL_WEBHOOK_APP_ID", APP),
        YEARS,
    ]));
    environment.extend(vars(changes));
    environment
}

async fn invoke(webhooks: &Webhooks, event: Value) -> (i64, Value) {
    let response: LambdaFunctionUrlResponse =
        webhook::handle(webhooks, LambdaEvent::new(event, context())).await.unwrap();
    (response.status_code, serde_json::from_str(&response.body.unwrap()).unwrap())
}

/// Delivers `body`, signed, as any HTTP server would.
async fn deliver(webhooks: &Webhooks, body: &[u8]) -> WebhookAnswer {
    let headers = HeaderMap::from_iter([("x-ghl-signature".parse().unwrap(), signing::ed25519(body).parse().unwrap())]);
    webhook::answer(webhooks, &headers, body).await
}

/// A contact event of this age.
fn contact_event(id: &str, age: Duration, fields: Value) -> Value {
    let at = EpochMs(SystemClock.now().0) - age;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).unwrap();
    let mut event = json!({
        "type": "ContactUpdate", "locationId": LOCATION, "id": "c1", "webhookId": id, "appId": APP,
        "timestamp": at.to_offset(UtcOffset::UTC).format(&Rfc3339).unwrap(),
    });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

async fn deliver_json(webhooks: &Webhooks, event: &Value) -> (u16, &'static str, Option<String>) {
    let answer = deliver(webhooks, event.to_string().as_bytes()).await;
    (answer.status.as_u16(), answer.said.result, answer.said.field)
}

/// The stored state of a contact of the sample location.
async fn known(webhooks: &Webhooks, id: &str) -> Option<KnownState> {
    let (location, ghl_id) = (location(LOCATION), id.parse::<GhlId>().unwrap());
    webhooks.receiver.known(RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &ghl_id }).await.unwrap()
}

#[tokio::test]
async fn every_sample_gets_the_answer_that_it_deserves() {
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[]);
    for (name, _, status, result) in SAMPLES {
        let (answered, said) = invoke(&webhooks, sample(name)).await;
        assert_eq!((answered, said["result"].as_str().unwrap()), (status.into(), result), "{name}: {said}");
    }
    let (_, said) = invoke(&webhooks, sample("webhook-no-location")).await;
    let expected = json!({ "result": "malformed", "detail": "field `locationId` is missing", "field": "locationId" });
    assert_eq!(said, expected);
    let (_, said) = invoke(&webhooks, sample("webhook-unknown-type")).await;
    assert_eq!(said, json!({ "result": "ignored", "reason": "unknown_type" }));
    // Replays everything: nothing changes, and nothing is done twice.
    for (name, _, status, _) in SAMPLES {
        let (answered, said) = invoke(&webhooks, sample(name)).await;
        assert_eq!(answered, i64::from(status), "{name}: {said}");
        assert_ne!(said["result"], "stored", "{name}");
    }
    assert_eq!(known(&webhooks, CONTACT).await.unwrap().content, None, "the contact was deleted");
}

#[tokio::test]
async fn an_event_costs_two_writes_and_makes_nothing_due() {
    let deployment = deployment().await;
    let usage = Usage::new();
    let mut config = Config::for_webhooks(environment(&deployment.stack.vars, &[])).unwrap();
    config.aws.interceptor = Some(usage.interceptor());
    let webhooks = Webhooks::new(config, Arc::new(LogSink));
    // An earlier event loads the location's settings.
    deliver_json(&webhooks, &contact_event("first", Duration::ZERO, json!({}))).await;
    let before = usage.snapshot();
    let (_, said) = invoke(&webhooks, sample("webhook")).await;
    let used = usage.snapshot().since(&before);
    assert_eq!((said, used.writes().requests, used.reads().requests), (json!({ "result": "stored" }), 2, 0));
    let Some(RemoteContent::Contact(contact)) = known(&webhooks, CONTACT).await.unwrap().content else { panic!() };
    assert_eq!((contact.first_name.as_deref(), contact.postal_code.as_deref()), (Some("Ann"), Some("35061")));
    assert!(deployment.due().await.is_empty());
    deployment.tick(json!({ "sweep": true })).await.unwrap();
    assert_eq!(deployment.stats().calls, 0);
}

#[tokio::test]
async fn a_body_in_base64_is_the_same_bytes() {
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[]);
    let mut event = sample("webhook");
    event["body"] = STANDARD.encode(event["body"].as_str().unwrap()).into();
    event["isBase64Encoded"] = true.into();
    assert_eq!(invoke(&webhooks, event).await, (200, json!({ "result": "stored" })));
}

#[tokio::test]
async fn bodies_that_are_no_webhook_are_refused_and_the_field_is_named() {
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[("GHL_WEBHOOK_MAX_AGE", "")]);
    let now = Duration::ZERO;
    let long = "x".repeat(64);
    let cases = [
        (contact_event("1", now, json!({ "locationId": "../loc" })), 400, "malformed", Some("locationId")),
        (contact_event("2", now, json!({ "locationId": 5.5 })), 400, "malformed", Some("locationId")),
        (contact_event("3", now, json!({ "id": null })), 400, "malformed", Some("id")),
        (contact_event("4", now, json!({ "tags": { "a": 1 } })), 400, "malformed", Some("tags")),
        (contact_event("5", now, json!({ "timestamp": "yesterday" })), 400, "malformed", Some("timestamp")),
        (contact_event("6", now, json!({ "type": null })), 400, "malformed", Some("type")),
        (contact_event("7", now, json!({ "type": "NoteCreate", "locationId": null })), 200, "ignored", None),
        (contact_event("8", now, json!({ "type": long, "id": [] })), 200, "ignored", None),
        (contact_event("9", Duration::from_secs(4 * 86_400 + 1), json!({})), 401, "outside_window", Some("timestamp")),
        (contact_event("10", Duration::from_secs(3 * 86_400), json!({})), 200, "stored", None),
        (contact_event("11", now, json!({ "locationId": "loc_elsewhere" })), 200, "ignored", None),
    ];
    for (event, status, result, field) in cases {
        let expected = (status, result, field.map(str::to_owned));
        assert_eq!(deliver_json(&webhooks, &event).await, expected, "{event}");
    }
    for body in [&b""[..], b"null", b"[1]", b"{\"type\":", b"\xff\xfe\x00", b"{\"type\":\"\xc3\x28\"}"] {
        assert_eq!(deliver(&webhooks, body).await.status.as_u16(), 400, "{}", String::from_utf8_lossy(body));
    }
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_refused_before_it_is_read() {
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[]);
    let event = contact_event("1", Duration::ZERO, json!({ "source": "x".repeat(1 << 20) })).to_string();
    assert_eq!(deliver(&webhooks, event.as_bytes()).await.status.as_u16(), 413);
    let event = contact_event("1", Duration::ZERO, json!({ "source": "" })).to_string();
    let padded =
        event.replace("\"source\":\"\"", &format!("\"source\":\"{}\"", "x".repeat(LARGEST_BODY - event.len())));
    assert_eq!(deliver(&webhooks, padded.as_bytes()).await.status.as_u16(), 200);
}

#[tokio::test]
async fn the_keys_can_be_rotated_and_ghl_s_own_are_the_default() {
    let deployment = deployment().await;
    let published = webhooks_with(&deployment, &[("GHL_WEBHOOK_PUBLIC_KEYS", "")]);
    let (status, said) = invoke(&published, sample("webhook")).await;
    assert_eq!((status, said["result"].as_str().unwrap()), (401, "not_genuine"), "the test key is not GHL's");
    let ghl = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=\n-----END PUBLIC KEY-----\n";
    let both = format!("{ghl}{}", signing::ED25519_PUBLIC);
    let both = webhooks_with(&deployment, &[("GHL_WEBHOOK_PUBLIC_KEYS", &both)]);
    assert_eq!(invoke(&both, sample("webhook")).await.0, 200);
    let no_legacy = webhooks_with(&deployment, &[("GHL_WEBHOOK_LEGACY_PUBLIC_KEYS", "none")]);
    let (status, said) = invoke(&no_legacy, sample("webhook-opportunity-stage-legacy")).await;
    assert!(status == 401 && said["detail"].as_str().unwrap().contains("GHL_WEBHOOK_LEGACY_PUBLIC_KEYS"), "{said}");
}

#[tokio::test]
async fn what_dynamodb_throttles_is_not_taken_in_and_comes_again() {
    const THROTTLED: &str =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#;
    let deployment = deployment().await;
    let server = deployment.stack.vars["AWS_ENDPOINT_URL_DYNAMODB"].trim_start_matches("http://").parse().unwrap();
    // The settings are cached, and the state is stored at once; the event's id never, however often the SDK tries.
    let throttled = Act::Answer(400, "application/x-amz-json-1.0", THROTTLED);
    let url = intermediary::start(server, [Act::Pass, Act::Pass, throttled, throttled, throttled]).await;
    let webhooks = webhooks_with(&deployment, &[("AWS_ENDPOINT_URL_DYNAMODB", &url)]);
    let event = contact_event("1", Duration::ZERO, json!({ "firstName": "Ann" }));
    let (status, result, _) = deliver_json(&webhooks, &event).await;
    assert_eq!((status, result), (503, "not_stored"));
    let (status, result, _) = deliver_json(&webhooks, &event).await;
    assert_eq!((status, result), (200, "duplicate"), "the state had been stored");
    assert!(known(&webhooks, "c1").await.is_some());
}

#[tokio::test]
async fn without_dynamodb_ghl_is_asked_to_come_again() {
    let deployment = deployment().await;
    let cut_off = webhooks_with(&deployment, &[("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)]);
    for name in ["webhook", "webhook-contact-delete", "webhook-install"] {
        let (status, said) = invoke(&cut_off, sample(name)).await;
        assert_eq!((status, said["result"].as_str().unwrap()), (503, "not_stored"), "{name}: {said}");
    }
    // Events that need no store still succeed.
    assert_eq!(invoke(&cut_off, sample("webhook-unknown-type")).await.0, 200);
    assert_eq!(invoke(&cut_off, sample("webhook-unsigned")).await.0, 401);
}

#[tokio::test]
async fn what_is_not_posted_is_no_webhook_and_what_is_no_request_is_an_error() {
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[]);
    let mut get = sample("webhook");
    get["requestContext"]["http"]["method"] = "GET".into();
    assert_eq!(invoke(&webhooks, get).await.0, 405);
    let mut not_base64 = sample("webhook");
    not_base64["isBase64Encoded"] = true.into();
    let mut no_flag = sample("webhook");
    no_flag.as_object_mut().unwrap().remove("isBase64Encoded");
    for event in [json!({}), json!(null), json!([]), json!({ "Records": [] }), not_base64, no_flag] {
        let failed = webhook::handle(&webhooks, LambdaEvent::new(event.clone(), context())).await.unwrap_err();
        let text = failed.to_string();
        assert!(!text.contains("Ann"), "{text}");
        match failed {
            WebhookEventError::NotHttp => assert!(text.contains("function URL"), "{text}"),
            WebhookEventError::Malformed(_) | WebhookEventError::Body(_) => {
                assert!(failed.source().is_some(), "{text}");
            }
        }
    }
}

/// As served by `cargo ghl-sync up`.
#[tokio::test]
async fn beside_the_local_api_webhooks_are_taken_in_by_the_same_rules() {
    let mut options = options();
    options.vars.extend(vars(&[("GHL_WEBHOOK_PUBLIC_KEYS", signing::ED25519_PUBLIC), ("GHL_WEBHOOK_APP_ID", APP)]));
    let deployment = Deployment::with(options).await;
    // reqwest needs a TLS provider, though nothing here uses TLS. A second install fails harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let api = deployment.stack.serve_api(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let client = reqwest::Client::new();
    let post = async |signature: String, body: String| {
        let request = client.post(api.webhook_url()).header("X-GHL-Signature", signature).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["result"].as_str().unwrap().to_owned())
    };
    let event = contact_event("1", Duration::ZERO, json!({ "firstName": "Ann" })).to_string();
    let signature = signing::ed25519(event.as_bytes());
    assert_eq!(post(signature.clone(), event.clone()).await, (200, "stored".to_owned()));
    assert_eq!(post(signature.clone(), event.clone()).await, (200, "duplicate".to_owned()));
    assert_eq!(post(signature.clone(), event.replace("Ann", "Eve")).await, (401, "not_genuine".to_owned()));
    assert_eq!(post(signature, "x".repeat(LARGEST_BODY + 1)).await, (413, "too_large".to_owned()));
    assert_eq!(client.get(api.webhook_url()).send().await.unwrap().status().as_u16(), 405);
    assert!(known(&webhooks_with(&deployment, &[]), "c1").await.is_some());
}

#[tokio::test]
async fn each_webhook_is_counted_by_what_became_of_it() {
    let deployment = deployment().await;
    let metrics = Arc::new(Metrics::default());
    let config = |changes: &[(&str, &str)]| Config::for_webhooks(environment(&deployment.stack.vars, changes)).unwrap();
    let webhooks = Webhooks::new(config(&[]), metrics.clone());
    for (name, ..) in SAMPLES {
        invoke(&webhooks, sample(name)).await;
    }
    let cut_off = Webhooks::new(config(&[("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)]), metrics.clone());
    invoke(&cut_off, sample("webhook")).await;
    let sums = ["Received", "Stored", "Duplicate", "Ignored", "Refused", "NotStored"];
    let sums = sums.map(|name| metrics.sum(&format!("Webhooks{name}")));
    assert_eq!(sums, [14, 5, 1, 1, 6, 1]);
}

#[tokio::test]
async fn no_line_tells_who_a_contact_is() {
    let (log, _logging) = Log::begin();
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[]);
    for (name, ..) in SAMPLES {
        invoke(&webhooks, sample(name)).await;
    }
    let private = json!({ "firstName": "Augusta", "email": ["ada@secret.example"] });
    deliver_json(&webhooks, &contact_event("x", Duration::ZERO, private)).await;
    let cut_off = webhooks_with(&deployment, &[("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)]);
    invoke(&cut_off, sample("webhook")).await;
    let text = log.text();
    assert_eq!(log.events("webhook_refused").len(), 7, "{text}");
    assert_eq!(log.events("webhook_not_stored").len(), 1, "{text}");
    assert_eq!(log.events("webhook").len(), 7, "{text}");
    for words in ["Augusta", "secret.example", "Ann", "example.com", "2025550143", "Dolomite"] {
        assert_eq!(text.lines().find(|line| line.contains(words)), None, "it tells {words}");
    }
}

#[tokio::test]
async fn the_api_tells_what_a_webhook_showed_of_a_record_and_who_left_it_so() {
    let deployment = deployment().await;
    let webhooks = webhooks_with(&deployment, &[]);
    let caller = Caller::of(&deployment).await;
    let ours = contact("a", json!({ "city": "Boston" }));
    deployment.put(std::slice::from_ref(&ours)).await;
    consumer::handle(&deployment.engine, LambdaEvent::new(by_hand(std::slice::from_ref(&ours)), context()))
        .await
        .unwrap();
    let ghl_id = deployment.record(&ours).await.ghl_id.unwrap();
    let record_status = async || caller.get("/v1/locations/loc_demo/records/contact/a").await.json();
    assert_eq!(record_status().await["last_known"], Value::Null);

    let Payload::Contact(sent) = &ours.payload else { panic!() };
    let shown = |id: &str, city: &str| {
        let fields = json!({
            "id": ghl_id.as_str(), "firstName": sent.first_name, "lastName": sent.last_name, "email": sent.email, "city": city,
        });
        contact_event(id, Duration::ZERO, fields)
    };
    for (id, city, origin) in [("echo", "Boston", "own_write"), ("change", "Ulm", "elsewhere")] {
        assert_eq!(deliver_json(&webhooks, &shown(id, city)).await.1, "stored");
        let known = &record_status().await["last_known"];
        assert_eq!((&known["told_by"], &known["origin"]), (&json!("webhook"), &json!(origin)));
        assert_eq!((&known["content"]["city"], &known["content"]["email"]), (&json!(city), &json!(sent.email)));
    }
}

//! Reconciling, from the schedule's event to the final state in GHL and in the tables.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_cli::sandbox::Unwritable;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_engine::ports::{Clock, RemoteKey};
use ghl_sync_engine::usecase::{Engine, EngineConfig, Ports};
use ghl_sync_model::{Answer, Api, Call, Conflict, Contact, EpochMs, GhlId, Kind, PutRecord, RemoteContent};
use ghl_sync_runtime::SystemClock;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::deployment::{Deployment, LOCATION, by_hand, context_with, failed_messages, location, options, sqs_event};
use crate::records::contact;

const MINUTE: Duration = Duration::from_secs(60);

/// A clock with an offset.
struct Shifted {
    ahead: Duration,
    behind: Duration,
}

#[async_trait]
impl Clock for Shifted {
    fn now(&self) -> EpochMs {
        SystemClock.now() + self.ahead - self.behind
    }

    async fn sleep_until(&self, time: EpochMs) {
        SystemClock.sleep_until(time + self.behind - self.ahead).await;
    }
}

fn shifted(engine: &Engine, clock: Shifted) -> Engine {
    Engine::new(Ports { clock: Arc::new(clock), ..engine.ports().clone() }, engine.config().clone())
}

/// The same engine some minutes ago: any plan from then has expired by now.
fn minutes_ago(engine: &Engine) -> Engine {
    shifted(engine, Shifted { ahead: Duration::ZERO, behind: 5 * MINUTE })
}

/// The same engine, with indexes that have no lag.
fn prompt(engine: &Engine) -> Engine {
    let config = EngineConfig { settle_lag: Duration::ZERO, ..engine.config().clone() };
    Engine::new(engine.ports().clone(), config)
}

/// The same engine in a minute: by then every index shows the current puts.
pub(crate) fn in_a_minute(engine: &Engine) -> Engine {
    shifted(engine, Shifted { ahead: MINUTE, behind: Duration::ZERO })
}

/// The same engine in two days.
pub(crate) fn in_two_days(engine: &Engine) -> Engine {
    shifted(engine, Shifted { ahead: 48 * 60 * MINUTE, behind: Duration::ZERO })
}

/// The message that asks to reconcile the sample location, and an invocation with enough time.
pub(crate) fn asked() -> LambdaEvent<Value> {
    let body = json!({ "v": 1, "reconcile": LOCATION }).to_string();
    LambdaEvent::new(sqs_event([(Some("reconcile"), body.as_str())]), context_with(5 * MINUTE))
}

#[tokio::test]
async fn a_contact_that_somebody_changed_gets_our_content_again_by_both_apis() {
    for api in [Api::V2, Api::V1] {
        let deployment = Deployment::with(StackOptions { api, ..options() }).await;
        let ours = contact("a", json!({ "phone": "+12025550143", "city": "Boston", "tags": ["vip"] }));
        let past = minutes_ago(&deployment.engine);
        past.put(std::slice::from_ref(&ours)).await.unwrap();
        let batch = LambdaEvent::new(by_hand(std::slice::from_ref(&ours)), context_with(MINUTE));
        consumer::handle(&past, batch).await.unwrap();
        let id = deployment.record(&ours).await.ghl_id.unwrap();
        change_city(&deployment, &ours, "Ulm").await;

        let asked = deployment.schedule(json!({ "source": "ghl-sync.reconcile" })).await.unwrap();
        assert_eq!(asked, scheduler::Done::Asked { asked_to_reconcile: 1 });
        // One location is asked within two seconds. A plan of the previous batch may arrive first, and is dropped.
        let wanted = json!({ "v": 1, "reconcile": LOCATION }).to_string();
        let message = loop {
            let message = deployment.next_event().await.unwrap();
            if message["Records"][0]["body"] == wanted {
                break message;
            }
        };
        // Changes within the indexes' lag are left to the next reading.
        let prompt = prompt(&deployment.engine);
        let reads = LambdaEvent::new(message, context_with(MINUTE));
        assert_eq!(failed_messages(&consumer::handle(&prompt, reads).await.unwrap()), [""; 0]);

        let loc = location(LOCATION);
        let key = RemoteKey { location: &loc, kind: Kind::Contact, ghl_id: &id };
        let known = deployment.engine.ports().known.load(key).await.unwrap().unwrap();
        let Some(RemoteContent::Contact(known)) = known.content else { panic!("{known:?}") };
        assert_eq!((known.city.as_deref(), known.first_name.as_deref()), (Some("Ulm"), Some("Ada")), "{api:?}");
        assert_eq!(deployment.due().await, [ours.key()]);
        // It was planned immediately.
        let message = deployment.next_event().await.unwrap();
        assert_eq!(failed_messages(&deployment.consume(message).await.unwrap()), [""; 0]);
        assert_eq!(deployment.due().await, []);
        assert_eq!(city(&deployment, &ours).await.as_deref(), Some("Boston"), "{api:?}");
        assert_eq!(deployment.stats().breaches, 0);
    }
}

#[tokio::test]
async fn a_location_whose_rule_is_theirs_keeps_what_was_changed_in_ghl() {
    let deployment = Deployment::start().await;
    let theirs = deployment.engine_with(&[("GHL_LOCATIONS", r#"{"loc_demo":{"conflict":"theirs"}}"#)]);
    let settings = theirs.ports().registry.location(&location(LOCATION)).await.unwrap().unwrap();
    assert_eq!(settings.conflict, Conflict::Theirs);
    let ours = contact("a", json!({ "city": "Boston" }));
    let past = minutes_ago(&theirs);
    past.put(std::slice::from_ref(&ours)).await.unwrap();
    let batch = LambdaEvent::new(by_hand(std::slice::from_ref(&ours)), context_with(MINUTE));
    consumer::handle(&past, batch).await.unwrap();
    change_city(&deployment, &ours, "Ulm").await;
    consumer::handle(&prompt(&theirs), asked()).await.unwrap();
    assert!(deployment.record(&ours).await.superseded_at.is_some());
    assert_eq!(deployment.due().await, []);
    assert_eq!(deployment.put(std::slice::from_ref(&ours)).await.unchanged, 1);
    assert_eq!(city(&deployment, &ours).await.as_deref(), Some("Ulm"));
}

#[tokio::test]
async fn a_last_known_state_that_cannot_be_read_is_replaced_and_hides_neither_its_neighbours_nor_its_records_story() {
    let deployment = Deployment::start().await;
    let both = [contact("a", json!({ "city": "Boston" })), contact("b", json!({ "city": "Boston" }))];
    let past = minutes_ago(&deployment.engine);
    past.put(&both).await.unwrap();
    consumer::handle(&past, LambdaEvent::new(by_hand(&both), context_with(MINUTE))).await.unwrap();
    let reads = async || consumer::handle(&deployment.engine, asked()).await.unwrap();
    reads().await;
    let (dynamodb, _) = deployment.records_table();
    let damaged = format!("known#{LOCATION}#contact#{}", deployment.record(&both[0]).await.ghl_id.unwrap());
    let update = dynamodb.update_item().table_name(&deployment.stack.vars["STATE_TABLE"]);
    let update = update.key("pk", AttributeValue::S(damaged)).update_expression("SET content = :nonsense");
    update.expression_attribute_values(":nonsense", AttributeValue::S("{".to_owned())).send().await.unwrap();

    let record_status = async |put: &PutRecord| {
        deployment.operator().record_status(&put.location_id, &put.key()).await.unwrap().unwrap()
    };
    assert_eq!(record_status(&both[0]).await.last_known, None);
    for put in &both {
        change_city(&deployment, put, "Ulm").await;
    }
    reads().await;
    for put in &both {
        let known = record_status(put).await.last_known.unwrap();
        let Some(RemoteContent::Contact(shown)) = known.content else { panic!("{known:?}") };
        assert_eq!(shown.city.as_deref(), Some("Ulm"), "{}", put.key());
    }
}

#[tokio::test]
async fn a_contact_whose_answer_is_longer_than_1_mb_hides_neither_what_came_before_nor_what_comes_after() {
    let deployment = Deployment::start().await;
    let seed = deployment.sandbox().seed(LOCATION);
    let ids = ["short", "long", "later"].map(|name| {
        let source = if name == "long" { "x".repeat(1_100_000) } else { name.to_owned() };
        let body = json!({ "email": format!("{name}@example.com"), "source": source });
        let minutes = match name {
            "short" => 3,
            "long" => 2,
            _ => 1,
        };
        let changed_at = SystemClock.now() - minutes * MINUTE;
        GhlId::new(seed.contact(body, &Unwritable::default(), changed_at.0).unwrap()).unwrap()
    });
    let read = consumer::handle(&deployment.engine, asked()).await.unwrap();
    assert_eq!(failed_messages(&read), [""; 0]);
    let loc = location(LOCATION);
    let mut known = Vec::new();
    for ghl_id in &ids {
        let key = RemoteKey { location: &loc, kind: Kind::Contact, ghl_id };
        known.push(deployment.engine.ports().known.load(key).await.unwrap().is_some());
    }
    assert_eq!(known, [true, false, true]);
    let bookmark = deployment.engine.ports().bookmarks.find(&loc).await.unwrap().unwrap();
    assert!(bookmark.page.is_none() && bookmark.since + 2 * MINUTE > SystemClock.now(), "{bookmark:?}");
}

/// A person changes the contact of `put` in GHL.
async fn change_city(deployment: &Deployment, put: &PutRecord, city: &str) {
    let id = deployment.record(put).await.ghl_id.unwrap();
    let contact = Contact { city: Some(city.to_owned()), ..Contact::default() };
    let call = Call::UpdateContact { id, contact };
    let reply = deployment.engine.ports().crm.call(&put.location_id, &call, Duration::from_secs(5)).await;
    reply.answer.unwrap();
}

/// The city of the contact of `put` in GHL.
async fn city(deployment: &Deployment, put: &PutRecord) -> Option<String> {
    let id = deployment.record(put).await.ghl_id.unwrap();
    let call = Call::GetContact(id);
    let reply = deployment.engine.ports().crm.call(&put.location_id, &call, Duration::from_secs(5)).await;
    match reply.answer.unwrap() {
        Answer::Contact(Some(contact)) => contact.content.city,
        other => panic!("{other:?}"),
    }
}

//! Alerts: from the status that a batch stores for a location to an SNS topic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use lambda_runtime::LambdaEvent;
use serde_json::json;
use tokio::net::TcpListener;

use crate::deployment::{Deployment, LOCATION, context};
use crate::events::sample;
use crate::records::{contact, contacts};

pub(crate) const ALERT_TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:alarms";
pub(crate) const DIGEST_TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:digests";

/// Messages that a fake SNS received, or how it refuses.
#[derive(Clone, Default)]
pub(crate) struct Topics {
    published: Arc<Mutex<Vec<BTreeMap<String, String>>>>,
    refuses: Arc<Mutex<Option<&'static str>>>,
}

/// Starts a fake SNS. Returns its URL.
pub(crate) async fn topics() -> (String, Topics) {
    let topics = Topics::default();
    let at_work = topics.clone();
    let answer = async move |headers: HeaderMap, body: String| {
        assert!(headers["authorization"].to_str().unwrap().contains("/us-east-1/sns/aws4_request"));
        if let Some(code) = *at_work.refuses.lock().unwrap() {
            let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
            return (StatusCode::FORBIDDEN, body);
        }
        let fields = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        at_work.published.lock().unwrap().push(fields);
        (
            StatusCode::OK,
            "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>".to_owned(),
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (url, topics)
}

/// GHL accepts one record and refuses another.
pub(crate) async fn fail_one(deployment: &Deployment) {
    let mut records = contacts(1);
    records.push(contact("bad", json!({ "country": "USA" })));
    deployment.put(&records).await;
    deployment.run_until_synced().await;
    assert_eq!(deployment.failed().await, ["contact#bad"]);
}

#[tokio::test]
async fn who_is_in_trouble_and_how_the_day_went_reaches_the_topics_with_what_people_filter_by() {
    let deployment = Deployment::start().await;
    fail_one(&deployment).await;
    let (url, topics) = topics().await;
    let scheduler = deployment.scheduler_with(&[
        ("AWS_ENDPOINT_URL_SNS", &url),
        ("ALERT_TOPIC_ARN", ALERT_TOPIC),
        ("DIGEST_TOPIC_ARN", DIGEST_TOPIC),
        ("DASHBOARD_URL", "https://api.example/dashboard"),
        ("ALERT_FAILURE_MINIMUM", "2"),
    ]);
    let handle = |event| scheduler::handle(&scheduler, LambdaEvent::new(sample(event), context()));

    *topics.refuses.lock().unwrap() = Some("AuthorizationError");
    let refused = handle("scheduler-alerts").await.unwrap_err();
    assert!(ghl_sync_runtime::causes(&refused).contains("AuthorizationError (403)"), "{refused:?}");
    *topics.refuses.lock().unwrap() = None;
    let scheduler::Done::Looked(looked) = handle("scheduler-alerts").await.unwrap() else { panic!("that is a look") };
    assert_eq!((looked.alerts_begun, looked.alerts_over, looked.alerts_on), (1, 0, 1));
    let scheduler::Done::Digested(told) = handle("scheduler-digest").await.unwrap() else { panic!("that is a digest") };
    assert_eq!(told.digests, 2);

    let published = topics.published.lock().unwrap().clone();
    let [alert, of_stack, of_location] = published.as_slice() else { panic!("{published:?}") };
    assert_eq!((alert["Action"].as_str(), alert["Version"].as_str()), ("Publish", "2010-03-31"));
    assert_eq!((alert["TopicArn"].as_str(), of_stack["TopicArn"].as_str()), (ALERT_TOPIC, DIGEST_TOPIC));
    assert_eq!(alert["Subject"], format!("local: too many records fail: {LOCATION}"));
    assert!(alert["Message"].contains("1 of 2 records failed within an hour"), "{}", alert["Message"]);
    assert!(alert["Message"].contains(&format!("https://api.example/dashboard#/{LOCATION}\n")), "{}", alert["Message"]);
    let attributes = |message: &BTreeMap<String, String>| {
        let of = |n, part| message.get(&format!("MessageAttributes.entry.{n}.{part}")).cloned();
        (1..=2).filter_map(|n| Some((of(n, "Name")?, of(n, "Value.StringValue")?))).collect::<Vec<_>>()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(attributes(of_stack), [pair("scope", "stack")]);
    assert_eq!(attributes(of_location), [pair("scope", "location"), pair("location_id", LOCATION)]);
    for message in &published {
        assert!(!message["Message"].contains("example.com"), "nothing of what records say: {}", message["Message"]);
    }
}

#[tokio::test]
async fn an_event_that_asks_for_alerts_and_more_is_refused() {
    let deployment = Deployment::start().await;
    let event = json!({ "source": "ghl-sync.alerts", "location_id": LOCATION });
    let refused = deployment.schedule(event).await.unwrap_err();
    assert!(refused.to_string().contains("it got an object with"), "{refused}");
}

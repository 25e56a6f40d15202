//! The HTTP function as API Gateway invokes it.

use ghl_sync_runtime::Config;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::deployment::{Deployment, context};

/// The sample events, each with the status of its response.
pub(crate) const SAMPLES: [(&str, u16, &str); 31] = [
    ("api", 200, include_str!("../../events/api.json")),
    ("api-overview", 200, include_str!("../../events/api-overview.json")),
    ("api-metrics", 200, include_str!("../../events/api-metrics.json")),
    ("api-dashboard", 200, include_str!("../../events/api-dashboard.json")),
    ("api-openapi", 200, include_str!("../../events/api-openapi.json")),
    ("api-no-key", 401, include_str!("../../events/api-no-key.json")),
    ("api-contacts", 202, include_str!("../../events/api-contacts.json")),
    ("api-contacts-lines", 207, include_str!("../../events/api-contacts-lines.json")),
    ("api-opportunities", 202, include_str!("../../events/api-opportunities.json")),
    ("api-truncated-body", 400, include_str!("../../events/api-truncated-body.json")),
    ("api-location", 200, include_str!("../../events/api-location.json")),
    ("api-set-location", 200, include_str!("../../events/api-set-location.json")),
    ("api-pause", 204, include_str!("../../events/api-pause.json")),
    ("api-resume", 204, include_str!("../../events/api-resume.json")),
    ("api-reset-breaker", 204, include_str!("../../events/api-reset-breaker.json")),
    ("api-record", 404, include_str!("../../events/api-record.json")),
    ("api-failed", 200, include_str!("../../events/api-failed.json")),
    ("api-replay", 200, include_str!("../../events/api-replay.json")),
    ("api-unknown-location", 404, include_str!("../../events/api-unknown-location.json")),
    ("api-hostile-query", 400, include_str!("../../events/api-hostile-query.json")),
    ("api-wrong-method", 405, include_str!("../../events/api-wrong-method.json")),
    ("api-migration-config", 200, include_str!("../../events/api-migration-config.json")),
    ("api-migration-config-update", 200, include_str!("../../events/api-migration-config-update.json")),
    ("api-migration-config-out-of-range", 422, include_str!("../../events/api-migration-config-out-of-range.json")),
    ("api-migration-env", 200, include_str!("../../events/api-migration-env.json")),
    ("api-migration-same-location", 422, include_str!("../../events/api-migration-same-location.json")),
    ("api-migration-target", 200, include_str!("../../events/api-migration-target.json")),
    ("api-migration-start", 202, include_str!("../../events/api-migration-start.json")),
    ("api-migration-summary", 200, include_str!("../../events/api-migration-summary.json")),
    ("api-migration-list", 200, include_str!("../../events/api-migration-list.json")),
    ("api-migration-status", 404, include_str!("../../events/api-migration-status.json")),
];

/// The API with the key of `sam local`.
async fn start() -> (Deployment, axum::Router) {
    let deployment = Deployment::start().await;
    let environment: Value = serde_json::from_str(include_str!("../../events/env.local.json")).unwrap();
    let keys = environment["Parameters"]["API_KEYS"].as_str().unwrap().to_owned();
    let vars = deployment.stack.vars.clone().into_iter().chain([("API_KEYS".to_owned(), keys)]).collect();
    let access = Config::from_vars(vars).unwrap().api_access.unwrap();
    let router = deployment.router(access);
    (deployment, router)
}

async fn invoke(router: &axum::Router, event: Value) -> Result<Value, api::EventError> {
    let answer = api::handle(router, LambdaEvent::new(event, context())).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

#[tokio::test]
async fn each_sample_is_answered_as_api_gateway_wants_it() {
    let (_deployment, router) = start().await;
    for (name, status, event) in SAMPLES {
        let answer = invoke(&router, serde_json::from_str(event).unwrap()).await.unwrap();
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        assert_eq!(answer["headers"]["x-request-id"], "JKJaXmPLvHcESHA=", "{name}");
        if status >= 400 {
            let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(problem["status"], status, "{name}");
        }
    }
}

#[tokio::test]
async fn with_signatures_the_caller_is_whom_api_gateway_names() {
    let deployment = Deployment::start().await;
    let router = deployment.router(ghl_sync_runtime::ApiAccess::Iam);
    let mut event: Value = serde_json::from_str(include_str!("../../events/api-overview.json")).unwrap();
    assert_eq!(invoke(&router, event.clone()).await.unwrap()["statusCode"], 401, "a key is no signature");
    let arn = "arn:aws:iam::123456789012:user/operator";
    event["requestContext"]["authorizer"] = json!({ "iam": { "userArn": arn, "accountId": "123456789012" } });
    assert_eq!(invoke(&router, event).await.unwrap()["statusCode"], 200);
}

#[tokio::test]
async fn an_event_that_is_no_request_is_an_error_that_says_what_was_expected() {
    let (_deployment, router) = start().await;
    let s3 = json!({ "Records": [{ "eventSource": "aws:s3" }] });
    for event in
        [s3, json!({}), json!([]), json!({ "version": "1.0", "httpMethod": "GET" }), json!({ "version": "2.0" })]
    {
        let Err(error) = invoke(&router, event.clone()).await else { panic!("{event}") };
        assert!(error.to_string().contains("expects an event of an HTTP API"), "{error}");
    }
}

/// `lambda_http` would panic on these.
#[tokio::test]
async fn an_event_that_cannot_be_made_a_request_is_an_error_and_no_panic() {
    let (_deployment, router) = start().await;
    let event = || serde_json::from_str::<Value>(include_str!("../../events/api-contacts.json")).unwrap();
    let with = |field: &str, value: Value| {
        let mut event = event();
        event[field] = value;
        event
    };
    let mut not_base64 = with("body", json!("{\"id\": \"a\"}"));
    not_base64["isBase64Encoded"] = json!(true);
    let long = "ü".repeat(70_000);
    let unreadable =
        [not_base64, with("rawQueryString", json!(format!("a={long}"))), with("rawPath", json!(format!("/{long}")))];
    for event in unreadable {
        let Err(error) = invoke(&router, event).await else { panic!("it was answered") };
        assert!(error.to_string().contains("expects an event of an HTTP API"), "{error}");
    }
    // The largest query that API Gateway passes on; encoding triples each byte.
    let answer = invoke(&router, with("rawQueryString", json!("\u{1}".repeat(10_000)))).await.unwrap();
    assert_eq!(answer["statusCode"], 400, "it is a request, with a parameter that nobody knows: {answer}");
}

//! The function that connects accounts, as API Gateway invokes it.

use ghl_sync_runtime::Config;
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use crate::deployment::{Deployment, context};

/// The sample events, each with the status of its response.
pub(crate) const SAMPLES: [(&str, u16, &str); 5] = [
    ("connect", 200, include_str!("../../events/connect.json")),
    ("connect-no-key", 401, include_str!("../../events/connect-no-key.json")),
    ("connect-start", 303, include_str!("../../events/connect-start.json")),
    ("connect-callback", 403, include_str!("../../events/connect-callback.json")),
    ("connect-token", 303, include_str!("../../events/connect-token.json")),
];

#[tokio::test]
async fn each_sample_is_answered_by_a_page_or_leads_on() {
    let deployment = Deployment::start().await;
    let environment: Value = serde_json::from_str(include_str!("../../events/env.local.json")).unwrap();
    let keys = environment["Parameters"]["API_KEYS"].as_str().unwrap().to_owned();
    let vars = deployment.stack.vars.clone().into_iter().chain([("API_KEYS".to_owned(), keys)]).collect();
    let mut connecting = deployment.stack.connecting(deployment.engine.clone()).unwrap();
    connecting.access = Config::from_vars(vars).unwrap().api_access.unwrap();
    let router = connect::router(connecting);
    for (name, status, event) in SAMPLES {
        let event = LambdaEvent::new(serde_json::from_str(event).unwrap(), context());
        let answer = serde_json::to_value(connect::handle(&router, event).await.unwrap()).unwrap();
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        assert_eq!(answer["headers"]["x-request-id"], "JKJaXmPLvHcESHA=", "{name}");
        let is_page = answer["headers"]["content-security-policy"].is_string();
        assert_eq!(is_page, status != 303, "{name}: {answer}");
    }
}

//! Every place that the OpenAPI document calls an object must refuse other types. The cases are generated from the
//! document.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION};
use crate::document::{Document, Place, Step};

#[tokio::test]
async fn nothing_but_an_object_is_taken_for_an_object_wherever_the_document_has_one() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let document = Document::of(&caller).await;
    let before = caller.get(&format!("/v1/locations/{LOCATION}")).await.json();
    let wrong =
        [json!([]), json!([null]), json!(["Ann", "Lee"]), json!([{}]), json!([[]]), json!(7), json!("x"), json!(true)];
    let mut tried = 0;
    for operation in document.operations() {
        let Some(schema) = &operation.body else { continue };
        let (method, url, takes_lists) = (&operation.method, operation.url(None), operation.takes_lists);
        let places: Vec<Place> =
            document.places(schema).into_iter().filter(|place| place.kinds.contains("object")).collect();
        assert!(!places.is_empty(), "{method} {url} takes a body that is no object");
        for place in places {
            for value in &wrong {
                // There, a list means several items.
                if takes_lists && place.path.is_empty() && value.is_array() {
                    continue;
                }
                let mut sent = place.put(&Value::Null, value.clone());
                // This is checked only once an item is complete.
                let item = if sent.is_array() { sent.get_mut(0) } else { Some(&mut sent) };
                if takes_lists && let Some(item) = item.and_then(Value::as_object_mut) {
                    item.insert("id".to_owned(), json!("a"));
                }
                let answer = caller.with_body(method.clone(), &url, "application/json", sent.to_string()).await;
                let said = answer.json();
                let case = format!("{method} {url} {sent}: {said}");
                assert_eq!(answer.status, 422, "{case}");
                // In a list of items, the error has the first step as the item's index.
                let is_item = takes_lists && place.path.first() == Some(&Step::Element);
                let field = place.name();
                let field = if is_item { field.trim_start_matches("[0]").trim_start_matches('.') } else { &field };
                let errors = said["errors"].as_array().unwrap_or_else(|| panic!("{case}"));
                let is_told = |error: &Value| {
                    error["field"] == *field && error["detail"].as_str().unwrap().contains("must be an object")
                };
                assert!(errors.iter().any(is_told), "{field:?} is not named: {case}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried} cases only: the document is read wrongly");
    let after = caller.get(&format!("/v1/locations/{LOCATION}")).await.json();
    assert_eq!(before, after, "a refused body changes nothing");
}

#[tokio::test]
async fn every_operation_has_an_id_of_its_own_a_description_and_the_answer_to_a_wrong_key() {
    let deployment = Deployment::start().await;
    let document = Document::of(&Caller::of(&deployment).await).await;
    let mut ids = BTreeMap::new();
    for (name, operation) in document.described() {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty(), "{name} has no id");
        if let Some(other) = ids.insert(id, name.clone()) {
            panic!("{name} and {other} are both called {id}");
        }
        assert!(operation["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} is not described");
        let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
        assert!(is_open || operation["responses"].get("401").is_some(), "{name} does not say what a wrong key does");
    }
    assert!(ids.len() > 30, "{} operations only: the document is read wrongly", ids.len());
}

#[tokio::test]
async fn an_array_switches_no_dry_run_off() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let location = format!("/v1/locations/{LOCATION}");
    assert_eq!(caller.put(&location, &json!({ "dry_run": true })).await.status, 200);
    caller.put(&location, &json!([])).await.problem(422, "invalid");
    assert_eq!(caller.get(&location).await.json()["settings"]["dry_run"], true);
    let twice = json!({ "id": "a", "contact": ["Ann", "Lee"] });
    let problem = caller.post(&format!("{location}/contacts"), &twice).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "contact");
}

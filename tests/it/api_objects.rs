//! Whatever the OpenAPI document says is an object, is taken as an object only: cases are made from the document.

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION};

/// A place in a body.
#[derive(Debug, Clone)]
enum Step {
    Member(String),
    Element,
}

/// Deeper than any body.
const DEEPEST: usize = 8;

/// The places of `schema` at which there must be an object, and nothing else.
fn objects(document: &Value, schema: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    if path.len() > DEEPEST {
        return;
    }
    let alternatives: Vec<&Value> =
        ["oneOf", "anyOf", "allOf"].iter().filter_map(|of| schema[*of].as_array()).flatten().collect();
    let is = |schema: &Value, kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|it| it == kind))
    };
    if is(schema, "object") {
        // One of a list, too, is so taken by itself.
        found.push(path.clone());
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        path.push(Step::Member(name.clone()));
        objects(document, member, path, found);
        path.pop();
    }
    if schema["additionalProperties"].is_object() {
        path.push(Step::Member("x".to_owned()));
        objects(document, &schema["additionalProperties"], path, found);
        path.pop();
    }
    if is(schema, "array") {
        path.push(Step::Element);
        objects(document, &schema["items"], path, found);
        path.pop();
    }
    for alternative in alternatives {
        objects(document, alternative, path, found);
    }
}

/// A body with `value` at `path`, and nothing else.
fn body(path: &[Step], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |inner, step| match step {
        Step::Member(name) => json!({ name: inner }),
        Step::Element => json!([inner]),
    })
}

/// The path as the API writes it.
fn named(path: &[Step]) -> String {
    path.iter().fold(String::new(), |named, step| match step {
        Step::Member(name) if named.is_empty() => name.clone(),
        Step::Member(name) => format!("{named}.{name}"),
        Step::Element => format!("{named}[0]"),
    })
}

#[tokio::test]
async fn nothing_but_an_object_is_taken_for_an_object_wherever_the_document_has_one() {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    let document = caller.get("/openapi.json").await.json();
    let before = caller.get(&format!("/v1/locations/{LOCATION}")).await.json();
    let wrong =
        [json!([]), json!([null]), json!(["Ann", "Lee"]), json!([{}]), json!([[]]), json!(7), json!("x"), json!(true)];
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let takes_lists = operation["requestBody"]["content"].get("application/x-ndjson").is_some();
            let url = path.replace("{location_id}", LOCATION).replace("{migration_id}", "mig-1");
            assert!(!url.contains('{'), "{url}: what stands there?");
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut places = Vec::new();
            objects(&document, schema, &mut Vec::new(), &mut places);
            assert!(!places.is_empty(), "{method} {url} takes a body that is no object");
            for place in places {
                for value in &wrong {
                    // A list is several items there.
                    if takes_lists && place.is_empty() && value.is_array() {
                        continue;
                    }
                    let mut sent = body(&place, value);
                    // What is looked at only when an item is whole.
                    let item = if sent.is_array() { sent.get_mut(0) } else { Some(&mut sent) };
                    if takes_lists && let Some(item) = item.and_then(Value::as_object_mut) {
                        item.insert("id".to_owned(), json!("a"));
                    }
                    let answer = caller.with_body(method.clone(), &url, "application/json", sent.to_string()).await;
                    let said = answer.json();
                    let case = format!("{method} {url} {sent}: {said}");
                    assert_eq!(answer.status, 422, "{case}");
                    // The first step of a list of items is told as the item's place.
                    let is_item = takes_lists && matches!(place.first(), Some(Step::Element));
                    let field = named(if is_item { &place[1..] } else { &place });
                    let errors = said["errors"].as_array().unwrap_or_else(|| panic!("{case}"));
                    let is_told = |error: &Value| {
                        error["field"] == *field && error["detail"].as_str().unwrap().contains("must be an object")
                    };
                    assert!(errors.iter().any(is_told), "{field:?} is not named: {case}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 200, "{tried} cases only: the document is read wrongly");
    let after = caller.get(&format!("/v1/locations/{LOCATION}")).await.json();
    assert_eq!(before, after, "a refused body changes nothing");
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

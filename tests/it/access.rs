//! Who may what: every route of the OpenAPI document, for every role, in its own location and in another one.

use std::collections::BTreeSet;

use ghl_sync_cli::stack::StackOptions;
use ghl_sync_model::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, location, options};
use crate::document::{Document, Operation};

const OTHER: &str = "loc_other";
/// What a bound key may use although no location is named: it tells of the key's own, or is the same for everybody.
const FOR_BOUND_KEYS: [&str; 4] = ["dashboard", "list_locations", "metrics", "overview"];

async fn two_locations() -> (Deployment, Caller) {
    let locations = vec![location(LOCATION), location(OTHER)];
    let deployment = Deployment::with(StackOptions { locations, ..options() }).await;
    let caller = Caller::of(&deployment).await;
    (deployment, caller)
}

/// A key with a role, bound to a location or good for all.
struct Key {
    text: String,
    role: Role,
    bound_to: Option<&'static str>,
}

impl Key {
    async fn make(caller: &Caller, role: Role, bound_to: Option<&'static str>) -> Key {
        let locations = bound_to.map(|location| json!([location]));
        let asked = json!({ "name": "a-key", "role": role, "locations": locations });
        let made = caller.post("/v1/keys", &asked).await;
        assert_eq!(made.status, 201, "{made:?}");
        Key { text: made.json()["key"].as_str().unwrap().to_owned(), role, bound_to }
    }

    fn may(&self, operation: &Operation, location: &str) -> bool {
        let needed: Role =
            operation.role.as_deref().unwrap_or_else(|| panic!("{} has no role", operation.id)).parse().unwrap();
        let names_location = operation.path.contains("{location_id}");
        let reaches = match self.bound_to {
            None => true,
            Some(own) if names_location => own == location,
            Some(_) => FOR_BOUND_KEYS.contains(&operation.id.as_str()),
        };
        self.role >= needed && reaches
    }
}

#[tokio::test]
async fn every_route_is_forbidden_exactly_where_a_role_or_a_binding_does_not_allow_it() {
    let (_deployment, caller) = two_locations().await;
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push(Key::make(&caller, role, None).await);
    }
    for role in [Role::Read, Role::Operate] {
        keys.push(Key::make(&caller, role, Some(LOCATION)).await);
    }
    let document = Document::of(&caller).await;
    let (mut allowed, mut forbidden) = (0, 0);
    for operation in document.operations().into_iter().filter(|operation| operation.path != "/health") {
        for key in &keys {
            for location in [LOCATION, OTHER] {
                // Without a body, and about nothing that there is: what is allowed does little.
                let url = operation.url(Some(("location_id", location)));
                let answer = caller.with_key(&key.text, operation.method.clone(), &url, None).await;
                let case = format!("{} {url} as {:?} of {:?}", operation.method, key.role, key.bound_to);
                if key.may(&operation, location) {
                    assert!(![401, 403].contains(&answer.status), "{case}: {answer:?}");
                    allowed += 1;
                } else {
                    let said = answer.problem(403, "forbidden")["detail"].as_str().unwrap().to_owned();
                    assert!(said.contains("role `") || said.contains("bound to"), "{case}: {said}");
                    forbidden += 1;
                }
            }
        }
    }
    assert!(allowed > 100 && forbidden > 100, "{allowed} allowed, {forbidden} forbidden: the document is read wrongly");
}

#[tokio::test]
async fn a_bound_key_sees_its_own_locations_as_if_there_were_no_others() {
    let (_deployment, caller) = two_locations().await;
    let key = Key::make(&caller, Role::Read, Some(LOCATION)).await;
    let get = |path: &'static str| caller.with_key(&key.text, Method::GET, path, None);
    let ids = |overview: &Value| -> BTreeSet<String> {
        let all = overview["locations"].as_array().unwrap().iter();
        all.map(|overview| overview["id"].as_str().unwrap().to_owned()).collect()
    };
    for location in [LOCATION, OTHER] {
        assert_eq!(caller.post(&format!("/v1/locations/{location}/pause"), &json!({})).await.status, 204);
    }
    for path in ["/v1/overview", "/v1/locations", "/health"] {
        assert_eq!(ids(&caller.get(path).await.json()), [LOCATION, OTHER].map(str::to_owned).into(), "{path}");
    }
    for path in ["/v1/overview", "/v1/locations", "/health"] {
        let answer = get(path).await;
        assert_eq!((answer.status, ids(&answer.json())), (200, [LOCATION.to_owned()].into()), "{path}");
        assert!(!answer.text.contains(OTHER), "{path}");
    }
    let metrics = get("/metrics").await;
    assert!(metrics.text.contains(LOCATION) && !metrics.text.contains(OTHER));
}

#[tokio::test]
async fn nobody_without_a_good_key_learns_more_than_that_and_nobody_but_an_admin_what_is_not_there() {
    let (_deployment, caller) = two_locations().await;
    let key = Key::make(&caller, Role::Operate, None).await;
    let send = |method: Method, path: &'static str| caller.with_key(&key.text, method, path, None);
    assert_eq!(send(Method::HEAD, "/v1/overview").await.status, 200, "who may read may ask for the headers");
    send(Method::GET, "/nothing").await.problem(404, "not-found");
    send(Method::PATCH, "/v1/overview").await.problem(403, "forbidden");
    assert_eq!(send(Method::GET, "/openapi.json").await.status, 200);
    assert_eq!(caller.with_key(&caller.key, Method::PATCH, "/v1/overview", None).await.status, 405);
}

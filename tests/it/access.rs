//! Access rights: every route of the OpenAPI document, for every role, in the key's own location and in another one.

use std::collections::BTreeSet;

use ghl_sync_cli::stack::StackOptions;
use ghl_sync_model::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::{Deployment, LOCATION, location, options};
use crate::document::{Document, Operation};

const OTHER: &str = "loc_other";
/// Routes without a location that a bound key may use: they show only the key's own locations, or are the same for
/// everybody.
const FOR_BOUND_KEYS: [&str; 5] = ["dashboard", "list_locations", "metrics", "overview", "recent_imports"];

async fn two_locations() -> (Deployment, Caller) {
    let locations = vec![location(LOCATION), location(OTHER)];
    let deployment = Deployment::with(StackOptions { locations, ..options() }).await;
    let caller = Caller::of(&deployment).await;
    (deployment, caller)
}

/// How a key is bound.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// Works for all locations.
    Nowhere,
    /// To the sample location.
    ToLocation,
    /// To a tag of the sample location.
    ToTag,
}

/// A key with a role, bound or not.
struct Key {
    text: String,
    role: Role,
    bound: Bound,
}

impl Key {
    async fn make(caller: &Caller, role: Role, bound: Bound) -> Key {
        let asked = match bound {
            Bound::Nowhere => json!({ "name": "a-key", "role": role }),
            Bound::ToLocation => json!({ "name": "a-key", "role": role, "locations": [LOCATION] }),
            Bound::ToTag => json!({ "name": "a-key", "role": role, "tags": ["dental"] }),
        };
        let made = caller.post("/v1/keys", &asked).await;
        assert_eq!(made.status, 201, "{made:?}");
        Key { text: made.json()["key"].as_str().unwrap().to_owned(), role, bound }
    }

    fn may(&self, operation: &Operation, location: &str) -> bool {
        let needed: Role =
            operation.role.as_deref().unwrap_or_else(|| panic!("{} has no role", operation.id)).parse().unwrap();
        let names_location = operation.path.contains("{location_id}");
        let reaches = match self.bound {
            Bound::Nowhere => true,
            _ if names_location => location == LOCATION,
            _ => FOR_BOUND_KEYS.contains(&operation.id.as_str()),
        };
        self.role >= needed && reaches
    }
}

#[tokio::test]
async fn every_route_is_forbidden_exactly_where_a_role_or_a_binding_does_not_allow_it() {
    let (_deployment, caller) = two_locations().await;
    tag(&caller, LOCATION, &["Dental"]).await;
    let mut keys = Vec::new();
    for bound in [Bound::ToTag, Bound::ToLocation] {
        for role in [Role::Read, Role::Operate] {
            keys.push(Key::make(&caller, role, bound).await);
        }
    }
    for role in Role::ALL {
        keys.push(Key::make(&caller, role, Bound::Nowhere).await);
    }
    let document = Document::of(&caller).await;
    let (mut allowed, mut forbidden) = (0, 0);
    for operation in document.operations().into_iter().filter(|operation| operation.path != "/health") {
        for key in &keys {
            for location in [LOCATION, OTHER] {
                // Without a body, and about something that does not exist: an allowed request does little.
                let url = operation.url(Some(("location_id", location)));
                let answer = caller.with_key(&key.text, operation.method.clone(), &url, None).await;
                let case = format!("{} {url} as {:?}, bound {:?}", operation.method, key.role, key.bound);
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
        // An admin's request may have removed the settings.
        if operation.id == "remove_location" {
            tag(&caller, LOCATION, &["Dental"]).await;
        }
    }
    assert!(allowed > 100 && forbidden > 100, "{allowed} allowed, {forbidden} forbidden: the document is read wrongly");
}

#[tokio::test]
async fn a_bound_key_sees_its_own_locations_as_if_there_were_no_others() {
    let (_deployment, caller) = two_locations().await;
    tag(&caller, LOCATION, &["DENTAL", "berlin"]).await;
    tag(&caller, OTHER, &["dent"]).await;
    for location in [LOCATION, OTHER] {
        assert_eq!(caller.post(&format!("/v1/locations/{location}/pause"), &json!({})).await.status, 204);
        assert_eq!(caller.put(&format!("/v1/locations/{location}/imports/x"), &json!({})).await.status, 200);
    }
    let imports = caller.until("/v1/imports", |answer| answer.json()["imports"].as_array().unwrap().len() == 2).await;
    assert_eq!(imports.json()["imports"][0]["location_id"], OTHER);
    for path in ["/v1/overview", "/v1/locations", "/health"] {
        assert_eq!(ids(&caller.get(path).await.json()), [LOCATION, OTHER].map(str::to_owned).into(), "{path}");
    }
    for bound in [Bound::ToLocation, Bound::ToTag] {
        let key = Key::make(&caller, Role::Read, bound).await;
        let get = |path: &'static str| caller.with_key(&key.text, Method::GET, path, None);
        for path in ["/v1/overview", "/v1/locations", "/v1/locations?limit=1", "/health"] {
            let answer = get(path).await;
            assert_eq!((answer.status, ids(&answer.json())), (200, [LOCATION.to_owned()].into()), "{path} {bound:?}");
            assert!(!answer.text.contains(OTHER), "{path} {bound:?}");
        }
        let imports = get("/v1/imports").await.json();
        assert_eq!((&imports["imports"][0]["location_id"], &imports["imports"][1]), (&json!(LOCATION), &Value::Null));
        assert_eq!(get("/v1/locations").await.json()["looked_at"], 1);
        assert_eq!(get("/v1/overview").await.json()["summary"]["locations"], 1);
        let metrics = get("/metrics").await;
        assert!(metrics.text.contains(LOCATION) && !metrics.text.contains(OTHER), "{bound:?}");
    }
}

#[tokio::test]
async fn a_key_follows_its_tags_and_cannot_set_them_itself() {
    let (_deployment, caller) = two_locations().await;
    let make = async |asked: Value| caller.post("/v1/keys", &asked).await.json()["key"].as_str().unwrap().to_owned();
    let by_tag = make(json!({ "name": "a", "role": "operate", "tags": ["dental", "Köln 2"] })).await;
    let by_both = make(json!({ "name": "b", "role": "operate", "tags": ["dental"], "locations": [OTHER] })).await;
    let sees = async |key: &str| {
        let mut seen = Vec::new();
        for location in [LOCATION, OTHER] {
            let answer = caller.with_key(key, Method::GET, &format!("/v1/locations/{location}"), None).await;
            assert!([200, 403].contains(&answer.status), "{answer:?}");
            seen.extend((answer.status == 200).then_some(location.to_owned()));
        }
        for path in ["/v1/locations", "/v1/overview"] {
            let listed = caller.with_key(key, Method::GET, path, None).await.json();
            assert_eq!(ids(&listed), seen.iter().cloned().collect(), "{path}");
        }
        seen
    };
    assert!(sees(&by_tag).await.is_empty(), "nobody has the tag yet");
    assert_eq!(sees(&by_both).await, [OTHER]);
    tag(&caller, LOCATION, &["DENTAL"]).await;
    assert_eq!(sees(&by_tag).await, [LOCATION]);
    assert_eq!(sees(&by_both).await, [LOCATION, OTHER]);
    tag(&caller, OTHER, &["köln 2"]).await;
    assert_eq!(sees(&by_tag).await, [LOCATION, OTHER]);
    tag(&caller, LOCATION, &["dentalx"]).await;
    assert_eq!(sees(&by_tag).await, [OTHER]);

    // What the key may not do to its own location, or to another one.
    let tags = json!({ "tags": ["dental"] });
    for location in [LOCATION, OTHER] {
        for method in [Method::PATCH, Method::PUT] {
            let path = format!("/v1/locations/{location}");
            caller.with_key(&by_tag, method, &path, Some(&tags)).await.problem(403, "forbidden");
        }
    }
    let many = json!({ "locations": [{ "location_id": LOCATION, "tags": ["dental"] }] });
    caller.with_key(&by_tag, Method::PATCH, "/v1/locations", Some(&many)).await.problem(403, "forbidden");
    let wider = json!({ "name": "c", "role": "operate", "tags": ["dentalx"] });
    caller.with_key(&by_tag, Method::POST, "/v1/keys", Some(&wider)).await.problem(403, "forbidden");
    caller.with_key(&by_tag, Method::GET, "/v1/locations/nobody_knows", None).await.problem(403, "forbidden");
    assert_eq!(sees(&by_tag).await, [OTHER]);
}

/// Sets its tags as an admin, and enables it.
async fn tag(caller: &Caller, location: &str, tags: &[&str]) {
    let asked = json!({ "tags": tags, "enabled": true });
    let path = format!("/v1/locations/{location}");
    let answer = caller.with_key(&caller.key, Method::PATCH, &path, Some(&asked)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn ids(listed: &Value) -> BTreeSet<String> {
    let all = listed["locations"].as_array().unwrap().iter();
    all.map(|location| location["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nobody_without_a_good_key_learns_more_than_that_and_nobody_but_an_admin_what_is_not_there() {
    let (_deployment, caller) = two_locations().await;
    let key = Key::make(&caller, Role::Operate, Bound::Nowhere).await;
    let send = |method: Method, path: &'static str| caller.with_key(&key.text, method, path, None);
    assert_eq!(send(Method::HEAD, "/v1/overview").await.status, 200, "who may read may ask for the headers");
    send(Method::GET, "/nothing").await.problem(404, "not-found");
    send(Method::PATCH, "/v1/overview").await.problem(403, "forbidden");
    assert_eq!(send(Method::GET, "/openapi.json").await.status, 200);
    assert_eq!(caller.with_key(&caller.key, Method::PATCH, "/v1/overview", None).await.status, 405);
}

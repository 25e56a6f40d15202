//! The structure of a location.

use serde_json::json;

use super::*;

fn part(path: &str) -> String {
    format!("/locations/{LOCATION}{path}")
}

#[tokio::test]
async fn a_location_tells_its_name_and_settings_to_its_own_token_only() {
    let it = Examination::begin(SandboxOptions { allow_duplicate_opportunity: true, ..options() }).await;
    it.sandbox.seed(LOCATION).profile("Dentist", "Europe/Berlin", "DE").expect("a profile");
    let (status, said) = it.get(&part("")).await;
    let location = &said["location"];
    assert_eq!((status, &location["name"], &location["timezone"]), (200, &json!("Dentist"), &json!("Europe/Berlin")));
    assert_eq!(location["settings"]["allowDuplicateContact"], false);
    assert_eq!(location["settings"]["allowDuplicateOpportunity"], true);
    assert_eq!(it.get(&format!("/locations/{OTHER_LOCATION}")).await.0, 403);
    assert_eq!(it.get(&format!("/locations/{OTHER_LOCATION}/tags")).await.0, 403);
}

#[tokio::test]
async fn a_custom_field_is_written_under_one_name_and_shown_under_another() {
    let it = Examination::begin(options()).await;
    let body = json!({
        "name": "Shoe size", "dataType": "SINGLE_OPTIONS", "options": ["S", "L"], "model": "opportunity",
        "placeholder": "Pick", "position": 3,
    });
    let (status, said) = it.post(&part("/customFields"), body.clone()).await;
    assert_eq!(status, 201, "{said}");
    let field = &said["customField"];
    let id = field["id"].as_str().expect("an id");
    let expected = json!({
        "id": id, "name": "Shoe size", "fieldKey": "opportunity.shoe_size", "dataType": "SINGLE_OPTIONS",
        "model": "opportunity", "position": 3, "placeholder": "Pick", "picklistOptions": ["S", "L"],
        "locationId": LOCATION,
    });
    assert_eq!(field, &expected);
    for (query, expected) in
        [("", vec![]), ("?model=contact", vec![]), ("?model=opportunity", vec![id]), ("?model=all", vec![id])]
    {
        let (_, said) = it.get(&part(&format!("/customFields{query}"))).await;
        assert_eq!(ids(&said["customFields"]), expected, "{query}");
    }
    assert_eq!(it.post(&part("/customFields"), body).await.0, 400, "a second one of the same key");
    let path = part(&format!("/customFields/{id}"));
    let (status, said) = it.put(&path, json!({"name": "Boot size"})).await;
    assert_eq!((status, &said["customField"]["fieldKey"]), (200, &json!("opportunity.shoe_size")), "the key stays");
    assert_eq!(it.put(&path, json!({"name": "x", "dataType": "TEXT"})).await.0, 422);
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await, (200, json!({"succeded": true})));
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await.0, 404);
}

#[tokio::test]
async fn a_definition_that_ghl_would_not_take_is_refused() {
    let it = Examination::begin(options()).await;
    let table = [
        (json!({"name": "A"}), "dataType must be one of the following values"),
        (json!({"name": "A", "dataType": "MONETARY"}), "dataType must be one of"),
        (json!({"name": " ", "dataType": "TEXT"}), "name should not be empty"),
        (json!({"name": "A", "dataType": "RADIO"}), "options should not be empty"),
        (json!({"name": "A", "dataType": "TEXTBOX_LIST", "options": ["a"]}), "textBoxListOptions should not be empty"),
        (json!({"name": "A", "dataType": "TEXT", "locationId": LOCATION}), "property locationId should not exist"),
        (json!({"name": "A", "dataType": "TEXT", "picklistOptions": []}), "property picklistOptions should not exist"),
        (json!({"name": "A", "dataType": "TEXT", "model": "company"}), "model must be one of"),
    ];
    for (body, complaint) in table {
        let (status, said) = it.post(&part("/customFields"), body.clone()).await;
        let first = said["message"][0].as_str().unwrap_or_default();
        assert!(status == 422 && first.starts_with(complaint), "{body}: {said}");
    }
}

#[tokio::test]
async fn values_keep_to_the_definitions_once_there_are_any() {
    let it = Examination::begin(options()).await;
    let seed = it.sandbox.seed(LOCATION);
    let born = seed.custom_field(json!({"name": "Born", "dataType": "DATE"})).expect("a field");
    let size =
        seed.custom_field(json!({"name": "Size", "dataType": "NUMERICAL", "model": "opportunity"})).expect("a field");
    let with = |field: Value| json!({"locationId": LOCATION, "email": "a@example.com", "customFields": [field]});
    for (field, expected) in [
        (json!({"id": "elsewhere", "field_value": "x"}), 400),
        (json!({"id": size, "field_value": 7}), 400),
        (json!({"id": born, "field_value": "yesterday"}), 422),
        (json!({"key": "contact.born", "field_value": "2026-10-15T14:30:00-07:00"}), 201),
    ] {
        let (status, said) = it.post("/contacts/", with(field.clone())).await;
        assert_eq!(status, expected, "{field}: {said}");
    }
    let contact = &it.sandbox.contents(LOCATION).contacts[0];
    assert_eq!(contact["customFields"], json!([{"id": born, "value": "2026-10-15"}]), "without the time of day");
    let cleared = json!({"customFields": [{"id": born, "field_value": ""}]});
    let path = format!("/contacts/{}", contact["id"].as_str().expect("an id"));
    assert_eq!(it.put(&path, cleared).await.1["contact"]["customFields"][0]["value"], "2026-10-15", "ignored");
    let opportunity = |value: Value| {
        json!({
            "locationId": LOCATION, "pipelineId": "pipeline-sales", "name": "Roof", "status": "open",
            "contactId": contact["id"], "customFields": [{"id": size, "field_value": value}],
        })
    };
    assert_eq!(it.post("/opportunities/", opportunity(json!("big"))).await.0, 422);
    assert_eq!(it.post("/opportunities/", opportunity(json!(7))).await.0, 201);
}

#[tokio::test]
async fn custom_values_are_made_changed_and_deleted() {
    let it = Examination::begin(options()).await;
    let (status, said) = it.post(&part("/customValues"), json!({"name": "Office hours", "value": "9–5 ☕"})).await;
    assert_eq!((status, &said["customValue"]["fieldKey"]), (201, &json!("{{ custom_values.office_hours }}")));
    let path = part(&format!("/customValues/{}", said["customValue"]["id"].as_str().expect("an id")));
    let (status, said) = it.put(&path, json!({"name": "Office hours", "value": "10–6"})).await;
    assert_eq!((status, &said["customValue"]["value"]), (200, &json!("10–6")));
    assert_eq!(it.post(&part("/customValues"), json!({"name": "office hours", "value": "x"})).await.0, 400);
    assert_eq!(it.post(&part("/customValues"), json!({"name": "x"})).await.0, 422);
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await.0, 200);
    assert_eq!(it.get(&part("/customValues")).await.1["customValues"], json!([]));
}

#[tokio::test]
async fn a_tag_that_a_contact_gets_is_known_to_its_location_and_stays_when_the_contact_loses_it() {
    let it = Examination::begin(options()).await;
    let id = it.contact(json!({"email": "a@example.com", "tags": ["new"]})).await;
    it.post(&format!("/contacts/{id}/tags"), json!({"tags": ["vip"]})).await;
    it.send(Method::DELETE, &format!("/contacts/{id}/tags"), json!({"tags": ["vip"]})).await;
    let (status, said) = it.post(&part("/tags"), json!({"name": "cold"})).await;
    assert_eq!((status, &said["tag"]["name"]), (200, &json!("cold")));
    assert_eq!(it.post(&part("/tags"), json!({"name": "vip"})).await.0, 400);
    let (_, listed) = it.get(&part("/tags")).await;
    let mut names: Vec<&str> =
        listed["tags"].as_array().expect("a list").iter().filter_map(|tag| tag["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cold", "new", "vip"]);
    let path = part(&format!("/tags/{}", said["tag"]["id"].as_str().expect("an id")));
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await, (200, json!({"succeded": true})));
    assert_eq!(it.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_record_is_assigned_to_users_of_its_location_only() {
    let it = Examination::begin(options()).await;
    it.contact(json!({"email": "a@example.com", "assignedTo": "anybody"})).await;
    let id = it.sandbox.seed(LOCATION).user("Ann Lee", "ann@example.com").expect("a user");
    let (_, said) = it.get(&format!("/users/?locationId={LOCATION}")).await;
    assert_eq!((ids(&said["users"]), &said["users"][0]["lastName"]), (vec![id.as_str()], &json!("Lee")));
    let with = |user: &str| json!({"locationId": LOCATION, "email": "b@example.com", "assignedTo": user});
    assert_eq!(it.post("/contacts/", with("anybody")).await.0, 400);
    assert_eq!(it.post("/contacts/", with(&id)).await.0, 201);
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused_where_it_is_needed_and_nowhere_else() {
    let missing = [(LOCATION.to_owned(), "locations/tags.write".to_owned())].into();
    let it = Examination::begin(SandboxOptions { missing_scopes: missing, ..options() }).await;
    let (status, said) = it.post(&part("/tags"), json!({"name": "a"})).await;
    assert_eq!((status, &said["message"]), (401, &json!("The token is not authorized for this scope.")));
    assert_eq!(it.get(&part("/tags")).await.0, 200);
    it.contact(json!({"email": "a@example.com"})).await;
}

#[tokio::test]
async fn calls_for_structure_count_toward_the_limit_like_all_others() {
    let it = Examination::begin(SandboxOptions { limit: 2, ..options() }).await;
    let (first, second) = (it.get(&part("/tags")).await.0, it.get(&part("/customFields")).await.0);
    assert_eq!((first, second, it.get(&part("/customValues")).await.0), (200, 200, 429));
}

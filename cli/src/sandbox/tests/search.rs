//! `POST /contacts/search` and the deprecated list.

use serde_json::json;

use super::*;

async fn search(it: &Examination, body: Value) -> Said {
    let mut search = json!({"locationId": LOCATION, "pageLimit": 100});
    for (name, value) in body.as_object().expect("an object") {
        search[name] = value.clone();
    }
    it.post("/contacts/search", search).await
}

#[tokio::test]
async fn search_after_leads_through_every_contact_once() {
    let it = Examination::begin(options()).await;
    let mut created = Vec::new();
    for n in 0..7 {
        created.push(it.contact(json!({"email": format!("{n}@example.com")})).await);
    }
    let sort = json!([{"field": "dateUpdated", "direction": "asc"}]);
    let (mut read, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut body = json!({"pageLimit": 3, "sort": sort});
        if !cursor.is_null() {
            body["searchAfter"] = cursor;
        }
        let (status, page) = search(&it, body).await;
        assert_eq!((status, &page["total"]), (200, &json!(7)));
        read.extend(ids(&page["contacts"]).into_iter().map(str::to_owned));
        match page["contacts"].as_array().and_then(|contacts| contacts.last()) {
            Some(last) => cursor = last["searchAfter"].clone(),
            None => break,
        }
    }
    created.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, created);
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let it = Examination::begin(options()).await;
    let ann =
        it.contact(json!({"name": "Ann Lee", "email": "ann@example.com", "source": "web", "tags": ["vip"]})).await;
    let bob = it.contact(json!({"name": "Bob Ray", "phone": "+18885550100", "source": "import"})).await;
    let (_, said) = it.get(&format!("/contacts/{ann}")).await;
    let changed = &said["contact"]["dateUpdated"];
    let filter =
        |field: &str, operator: &str, value: Value| json!({"field": field, "operator": operator, "value": value});
    let table = [
        (json!([filter("email", "eq", json!("ANN@example.com"))]), vec![&ann]),
        (json!([filter("phone", "eq", json!("+18885550100"))]), vec![&bob]),
        (json!([filter("firstName", "contains", json!("bo"))]), vec![&bob]),
        (json!([filter("source", "not_eq", json!("web"))]), vec![&bob]),
        (json!([filter("tags", "eq", json!("vip"))]), vec![&ann]),
        (json!([filter("phone", "not_exists", Value::Null)]), vec![&ann]),
        (json!([filter("source", "exists", Value::Null), filter("email", "exists", Value::Null)]), vec![&ann]),
        (json!([filter("dateUpdated", "range", json!({"gte": changed}))]), vec![&ann, &bob]),
        (json!([filter("dateUpdated", "range", json!({"gt": changed}))]), vec![&bob]),
        (json!([filter("dateUpdated", "range", json!({"gt": 0, "lte": changed}))]), vec![&ann]),
        (
            json!([{"group": "OR", "filters": [
                filter("firstName", "eq", json!("Ann")), filter("source", "eq", json!("import")),
            ]}]),
            vec![&ann, &bob],
        ),
    ];
    for (filters, expected) in table {
        let sort = json!([{"field": "dateAdded", "direction": "asc"}]);
        let (status, said) = search(&it, json!({"filters": filters, "sort": sort})).await;
        assert_eq!(status, 200, "{filters}: {said}");
        assert_eq!(ids(&said["contacts"]), expected, "{filters}");
    }
    assert_eq!(ids(&search(&it, json!({"query": "lee"})).await.1["contacts"]), [&ann]);
}

#[tokio::test]
async fn a_search_that_ghl_would_not_understand_is_refused() {
    let it = Examination::begin(options()).await;
    let table = [
        (json!({"pageLimit": 501}), 400),
        (json!({"pageLimit": "10"}), 422),
        (json!({"page": 1, "searchAfter": [1, "x"]}), 400),
        (json!({"page": 101}), 400),
        (json!({"filters": [{"field": "shoeSize", "operator": "eq", "value": 1}]}), 400),
        (json!({"filters": [{"field": "dateUpdated", "operator": "gte", "value": 1}]}), 422),
        (json!({"limit": 10}), 422),
    ];
    for (body, expected) in table {
        let (status, said) = search(&it, body.clone()).await;
        assert_eq!(status, expected, "{body}: {said}");
    }
    assert_eq!(it.post("/contacts/search", json!({"locationId": LOCATION})).await.0, 422);
}

#[tokio::test]
async fn the_index_lags_and_reading_by_id_does_not() {
    let it = Examination::begin(SandboxOptions { search_lag: Duration::from_secs(1), ..options() }).await;
    let id = it.contact(json!({"email": "a@example.com"})).await;
    assert_eq!(it.get(&format!("/contacts/{id}")).await.0, 200);
    assert_eq!(search(&it, json!({})).await.1["total"], 0);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(search(&it, json!({})).await.1["total"], 1);
}

#[tokio::test]
async fn the_deprecated_list_pages_and_lower_cases_first_names() {
    let it = Examination::begin(options()).await;
    for n in 0..3 {
        it.contact(json!({"firstName": format!("Ann{n}")})).await;
    }
    let list = format!("/contacts/?locationId={LOCATION}&limit=2");
    let (status, page) = it.get(&list).await;
    assert_eq!((status, &page["count"], ids(&page["contacts"]).len()), (200, &json!(3), 2));
    assert!(page["contacts"][0]["firstName"].as_str().is_some_and(|name| name.starts_with("ann")));
    let meta = &page["meta"];
    let id = meta["startAfterId"].as_str().expect("a cursor");
    let (_, rest) = it.get(&format!("{list}&startAfter={}&startAfterId={id}", meta["startAfter"])).await;
    assert_eq!(ids(&rest["contacts"]).len(), 1);
    assert_eq!(rest["meta"]["nextPageUrl"], Value::Null);
    assert_eq!(it.get(&format!("/contacts/?locationId={LOCATION}&limit=101")).await.0, 400);
}

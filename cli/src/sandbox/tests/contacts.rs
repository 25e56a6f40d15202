//! Contacts.

use reqwest::Method;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_created_contact_reads_back_as_ghl_shows_it() {
    let it = Examination::begin(options()).await;
    let id = it
        .contact(json!({
            "name": "Rosan Deo Silva", "email": "Rosan@Deos.com", "phone": "+1 888-555-0100", "country": "US",
            "tags": ["a", "b", "a"], "customFields": [{"key": "shoe_size", "field_value": 43}],
        }))
        .await;
    let (status, said) = it.get(&format!("/contacts/{id}")).await;
    let contact = &said["contact"];
    assert_eq!(status, 200);
    assert_eq!(contact["firstName"], "Rosan");
    assert_eq!(contact["lastName"], "Deo Silva");
    assert_eq!(contact["email"], "rosan@deos.com");
    assert_eq!(contact["phone"], "+18885550100");
    assert_eq!(contact["tags"], json!(["a", "b"]));
    assert_eq!(contact["customFields"], json!([{"id": "shoe_size", "value": 43}]));
    assert_eq!(contact["locationId"], LOCATION);
}

#[tokio::test]
async fn an_upsert_of_a_contact_that_is_there_drops_its_gender_and_a_phone_number_of_another_without_a_word() {
    let it = Examination::begin(options()).await;
    it.contact(json!({"email": "ann@example.com"})).await;
    it.contact(json!({"email": "bob@example.com", "phone": "+12025550102"})).await;
    let both = json!({
        "locationId": LOCATION, "email": "ann@example.com", "phone": "+12025550102", "gender": "female", "city": "Ulm",
    });
    let (status, said) = it.post("/contacts/upsert", both).await;
    assert_eq!((status, &said["new"], &said["contact"]["city"]), (200, &json!(false), &json!("Ulm")));
    assert!(said["contact"].get("phone").is_none() && said["contact"].get("gender").is_none(), "{said}");
    let (_, said) =
        it.post("/contacts/upsert", json!({"locationId": LOCATION, "email": "new@x.com", "gender": "f"})).await;
    assert_eq!((&said["new"], &said["contact"]["gender"]), (&json!(true), &json!("f")), "a new one has it");
}

#[tokio::test]
async fn an_update_takes_a_company_unless_the_sandbox_is_as_ghl_was() {
    let it = Examination::begin(options()).await;
    let id = it.contact(json!({"email": "a@example.com"})).await;
    let (status, said) = it.send(Method::PUT, &format!("/contacts/{id}"), json!({"companyName": "Acme"})).await;
    assert_eq!((status, &said["contact"]["companyName"]), (200, &json!("Acme")));
}

#[tokio::test]
async fn what_is_not_on_the_field_list_is_refused_by_name() {
    let it = Examination::begin(SandboxOptions { updates_take_company: false, ..options() }).await;
    let id = it.contact(json!({"email": "a@example.com"})).await;
    let put = format!("/contacts/{id}");
    let table = [
        (
            Method::POST,
            "/contacts/",
            json!({"locationId": LOCATION, "dateAdded": "x"}),
            "property dateAdded should not exist",
        ),
        (Method::POST, "/contacts/", json!({"locationId": LOCATION, "dnd": "no"}), "dnd must be a boolean value"),
        (Method::POST, "/contacts/upsert", json!({"email": "a@example.com"}), "locationId must be a string"),
        (Method::PUT, &put, json!({"locationId": LOCATION}), "property locationId should not exist"),
        (Method::PUT, &put, json!({"gender": "f"}), "property gender should not exist"),
        (Method::PUT, &put, json!({"companyName": "x"}), "property companyName should not exist"),
        (Method::PUT, &put, json!({"country": "Germany"}), "country must be a valid enum value"),
        (
            Method::PUT,
            &put,
            json!({"customFields": [{"id": "i", "value": 1, "field_value": 1}]}),
            "property customFields.0.value should not exist",
        ),
    ];
    for (method, path, body, complaint) in table {
        let (status, said) = it.send(method, path, body).await;
        assert_eq!(status, 422, "{said}");
        assert_eq!(said["message"], json!([complaint]));
        assert_eq!(said["error"], "Unprocessable Entity");
    }
}

#[tokio::test]
async fn a_create_with_nothing_but_a_location_is_a_400_that_says_422() {
    let it = Examination::begin(options()).await;
    let (status, said) = it.post("/contacts/", json!({"locationId": LOCATION})).await;
    assert_eq!((status, &said["statusCode"]), (400, &json!(422)));
}

#[tokio::test]
async fn a_second_contact_of_an_email_or_phone_is_refused_with_the_first_ones_id() {
    let it = Examination::begin(options()).await;
    let id = it.contact(json!({"name": "Ann Lee", "email": "a@example.com", "phone": "+18885550100"})).await;
    let table = [
        (json!({"locationId": LOCATION, "email": "A@EXAMPLE.COM"}), "email"),
        (json!({"locationId": LOCATION, "email": "b@example.com", "phone": "(888) 555-0100"}), "phone"),
    ];
    for (body, field) in table {
        let (status, said) = it.post("/contacts/", body).await;
        let expected = json!({
            "statusCode": 400,
            "message": "This location does not allow duplicated contacts.",
            "meta": {"contactId": id, "contactName": "Ann Lee", "matchingField": field},
        });
        assert_eq!((status, said), (400, expected));
    }
    let other = it.contact(json!({"email": "c@example.com"})).await;
    for body in [json!({"email": "a@example.com"}), json!({"phone": "+18885550100", "city": "Ulm"})] {
        let (status, said) = it.put(&format!("/contacts/{other}"), body).await;
        assert_eq!((status, &said["meta"]["contactId"]), (400, &json!(id)));
    }
    assert_eq!(it.get(&format!("/contacts/{other}")).await.1["contact"].get("city"), None, "nothing of it was written");
    assert_eq!(it.sandbox.stats().duplicates, 0);
}

#[tokio::test]
async fn a_location_that_allows_duplicates_gets_them_and_they_are_counted() {
    let it = Examination::begin(SandboxOptions { allow_duplicate_contact: true, ..options() }).await;
    for _ in 0..3 {
        it.contact(json!({"email": "a@example.com"})).await;
    }
    assert_eq!((it.sandbox.stats().contacts, it.sandbox.stats().duplicates), (3, 2));
    let body = json!({"locationId": LOCATION, "email": "a@example.com"});
    assert_eq!(it.post("/contacts/upsert", body.clone()).await.1["new"], false);
    let mut insisting = body;
    insisting["createNewIfDuplicateAllowed"] = json!(true);
    assert_eq!(it.post("/contacts/upsert", insisting).await.1["new"], true);
}

#[tokio::test]
async fn an_upsert_that_is_repeated_converges_on_one_contact() {
    let it = Examination::begin(options()).await;
    let body = json!({"locationId": LOCATION, "email": "a@example.com", "createNewIfDuplicateAllowed": true});
    let (status, first) = it.post("/contacts/upsert", body.clone()).await;
    assert_eq!((status, &first["new"]), (200, &json!(true)));
    let (status, second) = it.post("/contacts/upsert", body).await;
    assert_eq!((status, &second["new"]), (200, &json!(false)));
    assert_eq!(first["contact"]["id"], second["contact"]["id"]);
    assert!(first["contact"]["dateUpdated"].as_str() < second["contact"]["dateUpdated"].as_str());
}

#[tokio::test]
async fn an_upsert_goes_by_email_before_phone_and_replaces_tags() {
    let it = Examination::begin(options()).await;
    let by_email = it.contact(json!({"email": "a@example.com", "tags": ["old"]})).await;
    let by_phone = it.contact(json!({"phone": "+18885550100"})).await;
    let body = json!({"locationId": LOCATION, "email": "a@example.com", "phone": "+18885550100", "tags": ["new"]});
    let (_, said) = it.post("/contacts/upsert", body).await;
    assert_eq!(said["contact"]["id"], json!(by_email));
    assert_eq!(said["contact"]["tags"], json!(["new"]));
    assert_eq!(said["contact"]["phone"], Value::Null, "the other one's number is ignored");
    let (_, said) = it.post("/contacts/upsert", json!({"locationId": LOCATION, "phone": "8885550100"})).await;
    assert_eq!(said["contact"]["id"], json!(by_phone));
}

#[tokio::test]
async fn tags_are_added_to_and_removed_from_what_is_there() {
    let it = Examination::begin(options()).await;
    let id = it.contact(json!({"email": "a@example.com", "tags": ["a"]})).await;
    let tags = format!("/contacts/{id}/tags");
    let (status, said) = it.post(&tags, json!({"tags": ["b", "a"]})).await;
    assert_eq!((status, &said["tags"]), (201, &json!(["a", "b"])));
    let (status, said) = it.send(Method::DELETE, &tags, json!({"tags": ["a"]})).await;
    assert_eq!((status, &said["tags"]), (200, &json!(["b"])));
    assert_eq!(it.post(&tags, json!({"tags": "b"})).await.0, 422);
}

#[tokio::test]
async fn an_unknown_or_deleted_contact_is_a_400() {
    let it = Examination::begin(options()).await;
    let id = it.contact(json!({"email": "a@example.com"})).await;
    let path = format!("/contacts/{id}");
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await, (200, json!({"succeded": true})));
    for (status, said) in [it.get(&path).await, it.put(&path, json!({"city": "x"})).await] {
        assert_eq!(status, 400);
        assert_eq!(said["message"], format!("Contact not found for id:{id}"));
    }
}

#[tokio::test]
async fn a_duplicate_is_looked_up_by_email_or_number() {
    let it = Examination::begin(options()).await;
    let id = it.contact(json!({"email": "a+b@example.com", "phone": "+18885550100"})).await;
    let path = "/contacts/search/duplicate";
    for query in ["email=a%2Bb%40example.com", "number=%2B18885550100"] {
        let (status, said) = it.get(&format!("{path}?locationId={LOCATION}&{query}")).await;
        assert_eq!((status, &said["contact"]["id"]), (200, &json!(id)), "{query}");
    }
    let (status, said) = it.get(&format!("{path}?locationId={LOCATION}&email=no%40example.com")).await;
    assert_eq!((status, &said["contact"]), (200, &Value::Null));
}

#[tokio::test]
async fn tokens_versions_and_locations_are_checked() {
    let it = Examination::begin(options()).await;
    let url = format!("{}/contacts/x", it.sandbox.url());
    let of = |request: RequestBuilder| async { said(request.send().await.expect("an answer")).await };
    let invalid =
        json!({"statusCode": 401, "message": "Invalid token: access token is invalid", "error": "Unauthorized"});
    assert_eq!(of(it.client.get(&url)).await, (401, invalid.clone()));
    assert_eq!(of(it.client.get(&url).bearer_auth("stolen")).await, (401, invalid));
    let (status, body) = of(it.client.get(&url).bearer_auth(TOKEN)).await;
    assert_eq!((status, &body["message"]), (401, &json!("version header was not found.")));
    let (status, body) = of(it.client.get(&url).bearer_auth(TOKEN).header("Version", "v9")).await;
    assert_eq!((status, &body["message"]), (401, &json!("version header is invalid")));

    let (status, body) = it.post("/contacts/", json!({"locationId": OTHER_LOCATION, "name": "x"})).await;
    assert_eq!((status, &body["message"]), (403, &json!("The token does not have access to this location.")));
    let mine = it.contact(json!({"name": "Mine"})).await;
    let theirs = it.client.get(format!("{}/contacts/{mine}", it.sandbox.url())).bearer_auth(OTHER_TOKEN);
    assert_eq!(of(theirs.header("Version", "2021-07-28")).await.0, 403);
    assert_eq!(it.get("/nowhere").await.0, 404);
}

#[tokio::test]
async fn one_token_for_all_finds_the_location_through_the_contact() {
    let it = Examination::begin(SandboxOptions { tokens: SandboxTokens::Any(TOKEN.into()), ..options() }).await;
    let id = it.contact(json!({"email": "a@example.com"})).await;
    let (status, said) = it.put(&format!("/contacts/{id}"), json!({"city": "Ulm"})).await;
    assert_eq!((status, &said["succeded"]), (200, &json!(true)));
    let (status, _) = it.post("/contacts/", json!({"locationId": OTHER_LOCATION, "email": "a@example.com"})).await;
    assert_eq!(status, 201, "another location has contacts of its own");
    assert_eq!(it.sandbox.stats().duplicates, 0);
}

#[tokio::test]
async fn a_channel_that_the_contact_has_closed_for_good_is_never_written() {
    let it = Examination::begin(options()).await;
    let settings = |status: &str| json!({"SMS": {"status": status}});
    let id = it.contact(json!({"email": "a@example.com", "dndSettings": settings("permanent")})).await;
    let put = format!("/contacts/{id}");
    for (method, path) in [(Method::PUT, put.as_str()), (Method::POST, "/contacts/upsert")] {
        let mut body = json!({"email": "a@example.com", "dndSettings": settings("active")});
        if method == Method::POST {
            body["locationId"] = json!(LOCATION);
        }
        let (status, said) = it.send(method, path, body).await;
        assert_eq!(status, 400, "{said}");
        assert_eq!(said["message"], "Not authorized to update permanent dnd setting for SMS");
    }
    let (status, _) = it.send(Method::PUT, &put, json!({"city": "Ulm", "dndSettings": settings("permanent")})).await;
    assert_eq!(status, 200);
}

//! Requests of API v2 (`services.leadconnectorhq.com`): GoHighLevel/highlevel-api-docs, `apps/contacts.json`,
//! `apps/opportunities.json` and `apps/locations.json`.

mod structure;

use ghl_sync_model::{
    Call, Contact, ContactRef, CustomField, EpochMs, GhlId, LocationId, Marker, Opportunity, OpportunityStatus,
    PageCursor,
};
use serde_json::{Value, json};

use crate::fields::{self, Object, put};
use crate::iso8601;
use crate::request::{self, ApiRequest, MAX_PAGE, Unsupported};

/// The `Version` header of contacts and opportunities; without one GHL answers 401.
pub(crate) const VERSION: &str = "2021-07-28";

/// Writes `call` of `location` as a request.
pub(crate) fn request(location: &LocationId, call: &Call) -> Result<ApiRequest, Unsupported> {
    Ok(match call {
        Call::UpsertContact(contact) => ApiRequest::post("/contacts/upsert", new_contact(location, contact)),
        Call::CreateContact(contact) => ApiRequest::post("/contacts/", new_contact(location, contact)),
        Call::UpdateContact { id, contact } => ApiRequest::put(format!("/contacts/{id}"), known_contact(contact)),
        Call::AddTags { id, tags } => ApiRequest::post(format!("/contacts/{id}/tags"), json!({ "tags": tags })),
        Call::RemoveTags { id, tags } => {
            ApiRequest::delete_with(format!("/contacts/{id}/tags"), json!({ "tags": tags }))
        }
        Call::GetContact(id) => ApiRequest::get(format!("/contacts/{id}"), Vec::new()),
        Call::FindMarked(marker) => find_marked(location, marker),
        Call::FindContact { email, phone } => find_contact(location, email.as_deref(), phone.as_deref()),
        Call::ContactsChanged { since, cursor, limit } => contacts_changed(location, *since, cursor.as_ref(), *limit)?,
        Call::GetOpportunity(id) => ApiRequest::get(format!("/opportunities/{id}"), Vec::new()),
        Call::FindOpportunities(of) => find_opportunities(location, of)?,
        Call::CreateOpportunity { contact_id, opportunity } => {
            ApiRequest::post("/opportunities/", new_opportunity(location, contact_id, opportunity))
        }
        Call::UpdateOpportunity { id, opportunity } => {
            ApiRequest::put(format!("/opportunities/{id}"), known_opportunity(opportunity))
        }
        Call::ContactsPage { cursor, limit } => contacts_page(location, cursor.as_ref(), *limit)?,
        Call::OpportunitiesPage { pipeline, cursor, limit } => {
            opportunities_page(location, pipeline.as_ref(), cursor.as_ref(), *limit)?
        }
        Call::DeleteContact(id) => ApiRequest::delete(format!("/contacts/{id}")),
        Call::DeleteOpportunity { id, pipeline_id: _ } => ApiRequest::delete(format!("/opportunities/{id}")),
        Call::GetLocation => structure::get(location, ""),
        Call::ListCustomFields => structure::custom_fields(location),
        Call::CreateCustomField(field) => structure::post(location, "/customFields", structure::new_field(field)),
        Call::DeleteCustomField(id) => structure::delete(location, "/customFields", id),
        Call::ListCustomValues => structure::get(location, "/customValues"),
        Call::CreateCustomValue { name, value } => {
            structure::post(location, "/customValues", json!({ "name": name, "value": value }))
        }
        Call::DeleteCustomValue(id) => structure::delete(location, "/customValues", id),
        Call::ListTags => structure::get(location, "/tags"),
        Call::CreateTag(name) => structure::post(location, "/tags", json!({ "name": name })),
        Call::DeleteTag(id) => structure::delete(location, "/tags", id),
        Call::ListUsers => ApiRequest::get("/users/", vec![("locationId", location.to_string())]),
        Call::ListPipelines => ApiRequest::get("/opportunities/pipelines", vec![("locationId", location.to_string())]),
        Call::GetPipeline(id) => ApiRequest::get(format!("/opportunities/pipelines/{id}"), Vec::new()),
        Call::CreatePipeline(pipeline) => structure::create_pipeline(location, pipeline),
        Call::DeletePipeline(id) => ApiRequest::delete(format!("/opportunities/pipelines/{id}")),
    })
}

/// `CreateContactDto`, which upsert accepts as well.
fn new_contact(location: &LocationId, contact: &Contact) -> Object {
    let mut body = known_contact(contact);
    put(&mut body, "gender", &contact.gender);
    // These two are not nullable here, unlike on update. The contact is new, or we do not know whether it has them.
    if contact.source.as_deref() == Some("") {
        body.insert("source".to_owned(), "".into());
    }
    if contact.assigned_to.as_deref() == Some("") {
        body.remove("assignedTo");
    }
    put(&mut body, "tags", &fields::tags(contact));
    body.insert("locationId".to_owned(), location.as_str().into());
    body
}

/// `UpdateContactDto`, which has neither `locationId` nor `gender`: GHL answers 422 to unknown fields. It does not
/// list `companyName` either, but GHL was seen to accept it (2026-07).
fn known_contact(contact: &Contact) -> Object {
    let mut body = fields::common(contact);
    put(&mut body, "dndSettings", &contact.dnd_settings);
    put(&mut body, "customFields", &custom_fields(&contact.custom_fields));
    body
}

/// Custom fields are written as `field_value`, although they are read as `value`.
fn custom_fields(fields: &[CustomField]) -> Option<Vec<Value>> {
    let written = |field: &CustomField| {
        let (by, name) = fields::name_of(field);
        json!({ by: name, "field_value": fields::custom_value(field) })
    };
    (!fields.is_empty()).then(|| fields.iter().map(written).collect())
}

/// GHL's parameter for the phone is `number`.
fn find_contact(location: &LocationId, email: Option<&str>, phone: Option<&str>) -> ApiRequest {
    let mut query = vec![("locationId", location.to_string())];
    query.extend(email.map(|email| ("email", email.to_owned())));
    query.extend(phone.map(|phone| ("number", phone.to_owned())));
    ApiRequest::get("/contacts/search/duplicate", query)
}

/// The vendor's search guide lists `source` among its fields. Whether `contains` finds a word in it is unverified.
fn find_marked(location: &LocationId, marker: &Marker) -> ApiRequest {
    ApiRequest::post(
        "/contacts/search",
        json!({
            "locationId": location.as_str(),
            "pageLimit": 20,
            "filters": [{ "field": "source", "operator": "contains", "value": marker.as_str() }],
        }),
    )
}

/// The specification leaves the body's schema empty; fields, operators and cursor come from the vendor's search
/// guide, which it links to. A flat `gte` instead of `range` is a 422.
fn contacts_changed(
    location: &LocationId,
    since: EpochMs,
    cursor: Option<&PageCursor>,
    limit: u32,
) -> Result<ApiRequest, Unsupported> {
    let mut body = json!({
        "locationId": location.as_str(),
        "pageLimit": limit.clamp(1, MAX_PAGE),
        "filters": [{ "field": "dateUpdated", "operator": "range", "value": { "gte": iso8601::format(since) } }],
        "sort": [{ "field": "dateUpdated", "direction": "asc" }],
    });
    go_on(&mut body, cursor)?;
    Ok(ApiRequest::post("/contacts/search", body))
}

/// Sorted by creation date, which nothing changes while the pages are read. Numbered pages end at 10,000 contacts.
fn contacts_page(location: &LocationId, cursor: Option<&PageCursor>, limit: u32) -> Result<ApiRequest, Unsupported> {
    let mut body = json!({
        "locationId": location.as_str(),
        "pageLimit": limit.clamp(1, MAX_PAGE),
        "sort": [{ "field": "dateAdded", "direction": "asc" }],
    });
    go_on(&mut body, cursor)?;
    Ok(ApiRequest::post("/contacts/search", body))
}

fn go_on(search: &mut Value, cursor: Option<&PageCursor>) -> Result<(), Unsupported> {
    if let Some(PageCursor(cursor)) = cursor {
        let after: Vec<Value> =
            serde_json::from_str(cursor).map_err(|_| Unsupported("the page cursor is not one of this API"))?;
        search["searchAfter"] = after.into();
    }
    Ok(())
}

/// `added_asc` is the specification's example of an order. `status` is `all` in case it is not the default.
fn opportunities_page(
    location: &LocationId,
    pipeline: Option<&GhlId>,
    cursor: Option<&PageCursor>,
    limit: u32,
) -> Result<ApiRequest, Unsupported> {
    let mut query = vec![("location_id", location.to_string())];
    query.extend(pipeline.map(|pipeline| ("pipeline_id", pipeline.to_string())));
    query.push(("status", "all".to_owned()));
    query.push(("order", "added_asc".to_owned()));
    query.push(("limit", limit.clamp(1, MAX_PAGE).to_string()));
    query.extend(request::after(cursor)?.into_iter().flatten());
    Ok(ApiRequest::get("/opportunities/search", query))
}

/// The query's names are in snake case; GHL answers 422 to `locationId` here. Won and lost opportunities are found
/// too.
fn find_opportunities(location: &LocationId, of: &ContactRef) -> Result<ApiRequest, Unsupported> {
    let mut query = vec![
        ("location_id", location.to_string()),
        ("pipeline_id", of.pipeline_id.to_string()),
        ("contact_id", of.contact_id.to_string()),
        ("status", "all".to_owned()),
        ("limit", MAX_PAGE.to_string()),
    ];
    query.extend(request::after(of.after.as_ref())?.into_iter().flatten());
    Ok(ApiRequest::get("/opportunities/search", query))
}

/// `CreateDto`, which requires a status.
fn new_opportunity(location: &LocationId, contact: &GhlId, opportunity: &Opportunity) -> Object {
    let mut body = known_opportunity(opportunity);
    body.insert("locationId".to_owned(), location.as_str().into());
    body.insert("contactId".to_owned(), contact.as_str().into());
    body.insert("status".to_owned(), opportunity.status.unwrap_or(OpportunityStatus::Open).as_str().into());
    body
}

/// `UpdateOpportunityDto`, which has neither `locationId` nor `contactId`.
fn known_opportunity(opportunity: &Opportunity) -> Object {
    let Opportunity {
        contact_record: _,
        contact_id: _,
        pipeline_id,
        name,
        status,
        pipeline_stage_id,
        monetary_value,
        assigned_to,
        custom_fields: fields,
    } = opportunity;
    let mut body = Object::new();
    body.insert("pipelineId".to_owned(), pipeline_id.as_str().into());
    body.insert("name".to_owned(), name.as_str().into());
    put(&mut body, "status", &status.map(OpportunityStatus::as_str));
    put(&mut body, "pipelineStageId", &pipeline_stage_id.as_ref().map(GhlId::as_str));
    put(&mut body, "monetaryValue", monetary_value);
    put(&mut body, "assignedTo", assigned_to);
    put(&mut body, "customFields", &custom_fields(fields));
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::samples;

    fn shown(call: &Call) -> String {
        let base = "https://services.leadconnectorhq.com".parse().unwrap();
        request(&LocationId::new("loc1").unwrap(), call).unwrap().preview(&base)
    }

    #[test]
    fn every_call_is_the_request_that_the_specification_says() {
        let cases = [
            (
                Call::UpsertContact(samples::full_contact()),
                r#"POST /contacts/upsert
{"address1":"1 Rd","assignedTo":"u1","city":"Ulm","companyName":"Acme","country":"DE","customFields":[{"field_value":"42","id":"cf1"},{"field_value":["a","b"],"key":"contact.colours"}],"dateOfBirth":"1990-09-25","dnd":true,"dndSettings":{"SMS":{"status":"active"}},"email":"ann+x@example.com","firstName":"Ann","gender":"female","lastName":"Lee","locationId":"loc1","name":"Ann Lee","phone":"+15550100","postalCode":"01234","source":"crm","state":"BW","tags":["vip"],"timezone":"Europe/Berlin","website":"https://a.example"}"#,
            ),
            (
                Call::CreateContact(samples::named_contact()),
                r#"POST /contacts/
{"companyName":"Acme","firstName":"Ann","locationId":"loc1","tags":["vip"]}"#,
            ),
            (
                Call::UpdateContact { id: samples::id("c1"), contact: samples::full_contact() },
                r#"PUT /contacts/c1
{"address1":"1 Rd","assignedTo":"u1","city":"Ulm","companyName":"Acme","country":"DE","customFields":[{"field_value":"42","id":"cf1"},{"field_value":["a","b"],"key":"contact.colours"}],"dateOfBirth":"1990-09-25","dnd":true,"dndSettings":{"SMS":{"status":"active"}},"email":"ann+x@example.com","firstName":"Ann","lastName":"Lee","name":"Ann Lee","phone":"+15550100","postalCode":"01234","source":"crm","state":"BW","timezone":"Europe/Berlin","website":"https://a.example"}"#,
            ),
            (
                Call::AddTags { id: samples::id("c1"), tags: ["vip".to_owned(), "new".to_owned()].into() },
                r#"POST /contacts/c1/tags
{"tags":["new","vip"]}"#,
            ),
            (
                Call::RemoveTags { id: samples::id("c1"), tags: ["old".to_owned()].into() },
                r#"DELETE /contacts/c1/tags
{"tags":["old"]}"#,
            ),
            (Call::GetContact(samples::id("c1")), "GET /contacts/c1"),
            (
                Call::FindContact { email: Some("ann+x@example.com".to_owned()), phone: Some("+15550100".to_owned()) },
                "GET /contacts/search/duplicate?locationId=loc1&email=ann%2Bx%40example.com&number=%2B15550100",
            ),
            (
                Call::FindContact { email: None, phone: Some("+1 & co".to_owned()) },
                "GET /contacts/search/duplicate?locationId=loc1&number=%2B1+%26+co",
            ),
            (
                Call::FindMarked(samples::marker()),
                r#"POST /contacts/search
{"filters":[{"field":"source","operator":"contains","value":"ghlsync802c5eeba960e0d8"}],"locationId":"loc1","pageLimit":20}"#,
            ),
            (
                Call::ContactsChanged { since: EpochMs(1_625_745_731_285), cursor: None, limit: 1000 },
                r#"POST /contacts/search
{"filters":[{"field":"dateUpdated","operator":"range","value":{"gte":"2021-07-08T12:02:11.285Z"}}],"locationId":"loc1","pageLimit":100,"sort":[{"direction":"asc","field":"dateUpdated"}]}"#,
            ),
            (
                Call::ContactsChanged {
                    since: EpochMs(0),
                    cursor: Some(PageCursor(r#"[1736471515514,"VU1"]"#.to_owned())),
                    limit: 20,
                },
                r#"POST /contacts/search
{"filters":[{"field":"dateUpdated","operator":"range","value":{"gte":"1970-01-01T00:00:00.000Z"}}],"locationId":"loc1","pageLimit":20,"searchAfter":[1736471515514,"VU1"],"sort":[{"direction":"asc","field":"dateUpdated"}]}"#,
            ),
            (
                Call::FindOpportunities(samples::contact_ref()),
                "GET /opportunities/search?location_id=loc1&pipeline_id=p1&contact_id=c1&status=all&limit=100",
            ),
            (
                Call::FindOpportunities(samples::next_page_of(samples::contact_ref())),
                "GET /opportunities/search?location_id=loc1&pipeline_id=p1&contact_id=c1&status=all&limit=100&startAfter=1736471515514&startAfterId=VU1",
            ),
            (
                Call::CreateOpportunity { contact_id: samples::id("c1"), opportunity: samples::bare_opportunity() },
                r#"POST /opportunities/
{"contactId":"c1","locationId":"loc1","name":"Roof","pipelineId":"p1","status":"open"}"#,
            ),
            (
                Call::CreateOpportunity { contact_id: samples::id("c1"), opportunity: samples::full_opportunity() },
                r#"POST /opportunities/
{"assignedTo":"u1","contactId":"c1","customFields":[{"field_value":7,"key":"opportunity.size"}],"locationId":"loc1","monetaryValue":220.5,"name":"Roof","pipelineId":"p1","pipelineStageId":"s1","status":"won"}"#,
            ),
            (
                Call::UpdateOpportunity { id: samples::id("o1"), opportunity: samples::full_opportunity() },
                r#"PUT /opportunities/o1
{"assignedTo":"u1","customFields":[{"field_value":7,"key":"opportunity.size"}],"monetaryValue":220.5,"name":"Roof","pipelineId":"p1","pipelineStageId":"s1","status":"won"}"#,
            ),
            (
                Call::UpdateOpportunity { id: samples::id("o1"), opportunity: samples::bare_opportunity() },
                r#"PUT /opportunities/o1
{"name":"Roof","pipelineId":"p1"}"#,
            ),
            (
                Call::ContactsPage { cursor: None, limit: 500 },
                r#"POST /contacts/search
{"locationId":"loc1","pageLimit":100,"sort":[{"direction":"asc","field":"dateAdded"}]}"#,
            ),
            (
                Call::ContactsPage { cursor: Some(PageCursor(r#"[1736471515514,"VU1"]"#.to_owned())), limit: 100 },
                r#"POST /contacts/search
{"locationId":"loc1","pageLimit":100,"searchAfter":[1736471515514,"VU1"],"sort":[{"direction":"asc","field":"dateAdded"}]}"#,
            ),
            (
                Call::OpportunitiesPage { pipeline: None, cursor: None, limit: 0 },
                "GET /opportunities/search?location_id=loc1&status=all&order=added_asc&limit=1",
            ),
            (
                Call::OpportunitiesPage {
                    pipeline: Some(samples::id("p1")),
                    cursor: Some(PageCursor(r#"[1736471515514,"VU1"]"#.to_owned())),
                    limit: 100,
                },
                "GET /opportunities/search?location_id=loc1&pipeline_id=p1&status=all&order=added_asc&limit=100&startAfter=1736471515514&startAfterId=VU1",
            ),
            (Call::DeleteContact(samples::id("c1")), "DELETE /contacts/c1"),
            (
                Call::DeleteOpportunity { id: samples::id("o1"), pipeline_id: samples::id("p1") },
                "DELETE /opportunities/o1",
            ),
        ];
        for (call, expected) in cases {
            assert_eq!(shown(&call), expected);
        }
    }

    #[test]
    fn an_update_never_replaces_tags() {
        assert!(!samples::full_contact().tags.is_empty());
        let contact = samples::full_contact;
        for (call, takes_tags) in [
            (Call::UpsertContact(contact()), true),
            (Call::CreateContact(contact()), true),
            (Call::UpdateContact { id: samples::id("c1"), contact: contact() }, false),
        ] {
            assert_eq!(shown(&call).contains(r#""tags":["vip"]"#), takes_tags, "{call:?}");
        }
    }

    #[test]
    fn a_cursor_that_is_none_is_not_sent() {
        let cursor = || Some(PageCursor("x".to_owned()));
        for call in [
            Call::ContactsChanged { since: EpochMs(0), cursor: cursor(), limit: 1 },
            Call::ContactsPage { cursor: cursor(), limit: 1 },
            Call::OpportunitiesPage { pipeline: None, cursor: cursor(), limit: 1 },
        ] {
            let Unsupported(lacking) = request(&LocationId::new("loc1").unwrap(), &call).unwrap_err();
            assert!(lacking.contains("cursor"), "{lacking}");
        }
    }
}

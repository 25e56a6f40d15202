//! Requests of API v1 (`rest.gohighlevel.com/v1`): at its end of life since 2025, for users who still have a key.
//!
//! The key implies the location, so no request names one, and there is no `Version`. The vendor's documentation is
//! gone; our facts come from its mirrors (api.omnily.io, example.leadprosper.tech) and from public clients, and
//! points that neither covers are marked "unverified". We have found no evidence that v1 still answers today.

use ghl_sync_model::{
    Call, Contact, ContactRef, CustomField, EpochMs, GhlId, Kind, NewField, Opportunity, OpportunityStatus, PageCursor,
};
use serde_json::{Value, json};

use crate::fields::{self, Object, put};
use crate::request::{self, ApiRequest, MAX_PAGE, Unsupported};

/// Writes `call` as a request.
pub(crate) fn request(call: &Call) -> Result<ApiRequest, Unsupported> {
    Ok(match call {
        // Public clients use this as an upsert. Whether it updates a match is unverified.
        Call::UpsertContact(contact) | Call::CreateContact(contact) => {
            ApiRequest::post("/contacts/", new_contact(contact)?)
        }
        Call::UpdateContact { id, contact } => ApiRequest::put(format!("/contacts/{id}"), body_of(contact)?),
        // Path and body as in v2, with v1's trailing slash: unverified.
        Call::AddTags { id, tags } => ApiRequest::post(format!("/contacts/{id}/tags/"), json!({ "tags": tags })),
        Call::RemoveTags { id, tags } => {
            ApiRequest::delete_with(format!("/contacts/{id}/tags/"), json!({ "tags": tags }))
        }
        Call::GetContact(id) => ApiRequest::get(format!("/contacts/{id}"), Vec::new()),
        Call::FindMarked(_) => return Err(Unsupported("API v1 cannot search the source of contacts")),
        Call::FindContact { email, phone } => find_contact(email.as_ref(), phone.as_ref()),
        Call::ContactsChanged { since, cursor, limit } => contacts_changed(*since, cursor.as_ref(), *limit)?,
        Call::GetOpportunity(_) => return Err(Unsupported("API v1 is not known to show a single opportunity")),
        Call::FindOpportunities(of) => find_opportunities(of)?,
        Call::CreateOpportunity { contact_id, opportunity } => create_opportunity(contact_id, opportunity)?,
        Call::UpdateOpportunity { id, opportunity } => update_opportunity(id, opportunity)?,
        Call::ContactsPage { cursor, limit } => contacts_page(cursor.as_ref(), *limit)?,
        Call::OpportunitiesPage { pipeline, cursor, limit } => {
            opportunities_page(pipeline.as_ref(), cursor.as_ref(), *limit)?
        }
        // Deletions follow public clients.
        Call::DeleteContact(id) => ApiRequest::delete(format!("/contacts/{id}")),
        Call::DeleteOpportunity { id, pipeline_id } => {
            ApiRequest::delete(format!("/pipelines/{pipeline_id}/opportunities/{id}"))
        }
        Call::ListCustomFields => ApiRequest::get("/custom-fields/", Vec::new()),
        Call::CreateCustomField(field) => ApiRequest::post("/custom-fields/", new_field(field)?),
        Call::DeleteCustomField(id) => ApiRequest::delete(format!("/custom-fields/{id}")),
        Call::ListPipelines => ApiRequest::get("/pipelines/", Vec::new()),
        Call::GetPipeline(_) | Call::CreatePipeline(_) | Call::DeletePipeline(_) => {
            return Err(Unsupported("API v1 cannot create, read or delete single pipelines"));
        }
        Call::GetLocation => return Err(Unsupported("API v1 does not show the location of a key")),
        Call::ListCustomValues | Call::CreateCustomValue { .. } | Call::DeleteCustomValue(_) => {
            return Err(Unsupported("API v1 is not known to have custom values"));
        }
        Call::ListTags | Call::CreateTag(_) | Call::DeleteTag(_) => {
            return Err(Unsupported("API v1 is not known to have tags of a location"));
        }
        Call::ListUsers => return Err(Unsupported("API v1 is not known to list the users of a location")),
    })
}

/// The fields of a new contact, with its tags.
fn new_contact(contact: &Contact) -> Result<Object, Unsupported> {
    let mut body = body_of(contact)?;
    put(&mut body, "tags", &fields::tags(contact));
    Ok(body)
}

/// The documented fields of a contact, the same for create and update. `assignedTo` is documented for answers only;
/// writing it is unverified.
fn body_of(contact: &Contact) -> Result<Object, Unsupported> {
    // Refuse the call instead of losing a field silently.
    if contact.gender.is_some() {
        return Err(Unsupported("API v1 has no field `gender`"));
    }
    if contact.dnd_settings.is_some() {
        return Err(Unsupported("API v1 has no field `dndSettings`"));
    }
    let mut body = fields::common(contact);
    if !contact.custom_fields.is_empty() {
        // By id, as documented. Whether a key works as well is unverified.
        let by_name = |field: &CustomField| {
            let (_, name) = fields::name_of(field);
            (name.to_owned(), fields::custom_value(field))
        };
        body.insert("customField".to_owned(), Value::Object(contact.custom_fields.iter().map(by_name).collect()));
    }
    Ok(body)
}

/// Not in the mirrored documentation, but used by several public clients.
fn find_contact(email: Option<&String>, phone: Option<&String>) -> ApiRequest {
    let email = email.map(|email| ("email", email.clone()));
    let phone = phone.map(|phone| ("phone", phone.clone()));
    ApiRequest::get("/contacts/lookup", email.into_iter().chain(phone).collect())
}

/// Pages by the time and id of the last contact. Unverified: that `startAfter` is compared with the `sortBy` field,
/// and that it works without `startAfterId`.
fn contacts_changed(since: EpochMs, cursor: Option<&PageCursor>, limit: u32) -> Result<ApiRequest, Unsupported> {
    let mut query = vec![
        ("limit", limit.clamp(1, MAX_PAGE).to_string()),
        ("sortBy", "date_updated".to_owned()),
        ("order", "asc".to_owned()),
    ];
    match cursor {
        // "After" excludes the exact millisecond, which the engine wants included.
        None => query.push(("startAfter", since.0.saturating_sub(1).to_string())),
        cursor => query.extend(request::after(cursor)?.into_iter().flatten()),
    }
    Ok(ApiRequest::get("/contacts/", query))
}

fn contacts_page(cursor: Option<&PageCursor>, limit: u32) -> Result<ApiRequest, Unsupported> {
    let mut query = vec![
        ("limit", limit.clamp(1, MAX_PAGE).to_string()),
        ("sortBy", "date_added".to_owned()),
        ("order", "asc".to_owned()),
    ];
    query.extend(request::after(cursor)?.into_iter().flatten());
    Ok(ApiRequest::get("/contacts/", query))
}

/// The API has its own order: newest first, as far as we know.
fn opportunities_page(
    pipeline: Option<&GhlId>,
    cursor: Option<&PageCursor>,
    limit: u32,
) -> Result<ApiRequest, Unsupported> {
    let Some(pipeline) = pipeline else {
        return Err(Unsupported("API v1 lists the opportunities of one pipeline only"));
    };
    let mut query = vec![("limit", limit.clamp(1, MAX_PAGE).to_string())];
    query.extend(request::after(cursor)?.into_iter().flatten());
    Ok(ApiRequest::get(format!("/pipelines/{pipeline}/opportunities"), query))
}

/// The documented fields are those of v2. Where the options belong is unverified.
fn new_field(field: &NewField) -> Result<Object, Unsupported> {
    match field.model {
        Kind::Contact => Ok(fields::definition(field)),
        Kind::Opportunity => Err(Unsupported("API v1 has no custom fields of opportunities")),
    }
}

/// v1 cannot search by contact: its `query` is free text over names, e-mail and phone, none of which a [`ContactRef`]
/// has. So this reads a page of the pipeline, and the reader filters it by contact; if the page is full, the next one
/// follows. Without a status it lists opportunities of any status, as far as we know.
fn find_opportunities(of: &ContactRef) -> Result<ApiRequest, Unsupported> {
    opportunities_page(Some(&of.pipeline_id), of.after.as_ref(), MAX_PAGE)
}

fn create_opportunity(contact: &GhlId, opportunity: &Opportunity) -> Result<ApiRequest, Unsupported> {
    let mut body = opportunity_body(opportunity)?;
    body.insert("contactId".to_owned(), contact.as_str().into());
    body.insert("status".to_owned(), opportunity.status.unwrap_or(OpportunityStatus::Open).as_str().into());
    Ok(ApiRequest::post(format!("/pipelines/{}/opportunities/", opportunity.pipeline_id), body))
}

fn update_opportunity(id: &GhlId, opportunity: &Opportunity) -> Result<ApiRequest, Unsupported> {
    // Sending `open` would be a guess, and could reopen a won opportunity.
    if opportunity.status.is_none() {
        return Err(Unsupported("API v1 requires `status` to update an opportunity, and the record has none"));
    }
    let body = opportunity_body(opportunity)?;
    Ok(ApiRequest::put(format!("/pipelines/{}/opportunities/{id}", opportunity.pipeline_id), body))
}

/// v1 writes `title` and `stageId`, but reads them back as `name` and `pipelineStageId`.
fn opportunity_body(opportunity: &Opportunity) -> Result<Object, Unsupported> {
    let Opportunity {
        contact_record: _,
        contact_id: _,
        pipeline_id: _,
        name,
        status,
        pipeline_stage_id,
        monetary_value,
        assigned_to,
        custom_fields,
    } = opportunity;
    if !custom_fields.is_empty() {
        return Err(Unsupported("API v1 has no field `customFields` for an opportunity"));
    }
    let mut body = Object::new();
    body.insert("title".to_owned(), name.as_str().into());
    put(&mut body, "status", &status.map(OpportunityStatus::as_str));
    put(&mut body, "stageId", &pipeline_stage_id.as_ref().map(GhlId::as_str));
    put(&mut body, "monetaryValue", monetary_value);
    put(&mut body, "assignedTo", assigned_to);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::samples;

    fn shown(call: &Call) -> String {
        let base = "https://rest.gohighlevel.com/v1".parse().unwrap();
        request(call).unwrap().preview(&base)
    }

    #[test]
    fn every_call_is_the_request_that_the_mirrored_documentation_says() {
        let contact = r#"{"address1":"1 Rd","assignedTo":"u1","city":"Ulm","companyName":"Acme","country":"DE","customField":{"cf1":"42","contact.colours":["a","b"]},"dateOfBirth":"1990-09-25","dnd":true,"email":"ann+x@example.com","firstName":"Ann","lastName":"Lee","name":"Ann Lee","phone":"+15550100","postalCode":"01234","source":"crm","state":"BW","timezone":"Europe/Berlin","website":"https://a.example"}"#;
        let tagged = contact.replace(r#""state":"BW","#, r#""state":"BW","tags":["vip"],"#);
        let cases = [
            (Call::UpsertContact(samples::v1_contact()), format!("POST /v1/contacts/\n{tagged}")),
            (
                Call::CreateContact(samples::named_contact()),
                "POST /v1/contacts/\n{\"companyName\":\"Acme\",\"firstName\":\"Ann\",\"tags\":[\"vip\"]}".to_owned(),
            ),
            (
                Call::UpdateContact { id: samples::id("c1"), contact: samples::v1_contact() },
                format!("PUT /v1/contacts/c1\n{contact}"),
            ),
            (
                Call::AddTags { id: samples::id("c1"), tags: ["vip".to_owned(), "new".to_owned()].into() },
                "POST /v1/contacts/c1/tags/\n{\"tags\":[\"new\",\"vip\"]}".to_owned(),
            ),
            (
                Call::RemoveTags { id: samples::id("c1"), tags: ["old".to_owned()].into() },
                "DELETE /v1/contacts/c1/tags/\n{\"tags\":[\"old\"]}".to_owned(),
            ),
            (Call::GetContact(samples::id("c1")), "GET /v1/contacts/c1".to_owned()),
            (
                Call::FindContact { email: Some("ann+x@example.com".to_owned()), phone: Some("+15550100".to_owned()) },
                "GET /v1/contacts/lookup?email=ann%2Bx%40example.com&phone=%2B15550100".to_owned(),
            ),
            (
                Call::ContactsChanged { since: EpochMs(1_625_745_731_285), cursor: None, limit: 1000 },
                "GET /v1/contacts/?limit=100&sortBy=date_updated&order=asc&startAfter=1625745731284".to_owned(),
            ),
            (
                Call::ContactsChanged {
                    since: EpochMs(0),
                    cursor: Some(PageCursor(r#"[1603870249758,"UIa"]"#.to_owned())),
                    limit: 20,
                },
                "GET /v1/contacts/?limit=20&sortBy=date_updated&order=asc&startAfter=1603870249758&startAfterId=UIa"
                    .to_owned(),
            ),
            (
                Call::FindOpportunities(samples::contact_ref()),
                "GET /v1/pipelines/p1/opportunities?limit=100".to_owned(),
            ),
            (
                Call::FindOpportunities(samples::next_page_of(samples::contact_ref())),
                "GET /v1/pipelines/p1/opportunities?limit=100&startAfter=1736471515514&startAfterId=VU1".to_owned(),
            ),
            (
                Call::CreateOpportunity { contact_id: samples::id("c1"), opportunity: samples::bare_opportunity() },
                r#"POST /v1/pipelines/p1/opportunities/
{"contactId":"c1","status":"open","title":"Roof"}"#
                    .to_owned(),
            ),
            (
                Call::UpdateOpportunity { id: samples::id("o1"), opportunity: samples::v1_opportunity() },
                r#"PUT /v1/pipelines/p1/opportunities/o1
{"assignedTo":"u1","monetaryValue":220.5,"stageId":"s1","status":"won","title":"Roof"}"#
                    .to_owned(),
            ),
            (
                Call::ContactsPage { cursor: None, limit: 100 },
                "GET /v1/contacts/?limit=100&sortBy=date_added&order=asc".to_owned(),
            ),
            (
                Call::ContactsPage { cursor: Some(PageCursor(r#"[1603870249758,"UIa"]"#.to_owned())), limit: 100 },
                "GET /v1/contacts/?limit=100&sortBy=date_added&order=asc&startAfter=1603870249758&startAfterId=UIa"
                    .to_owned(),
            ),
            (
                Call::OpportunitiesPage { pipeline: Some(samples::id("p1")), cursor: None, limit: 100 },
                "GET /v1/pipelines/p1/opportunities?limit=100".to_owned(),
            ),
            (
                Call::OpportunitiesPage {
                    pipeline: Some(samples::id("p1")),
                    cursor: Some(PageCursor(r#"[1603870249758,"UIa"]"#.to_owned())),
                    limit: 100,
                },
                "GET /v1/pipelines/p1/opportunities?limit=100&startAfter=1603870249758&startAfterId=UIa".to_owned(),
            ),
            (Call::DeleteContact(samples::id("c1")), "DELETE /v1/contacts/c1".to_owned()),
            (
                Call::DeleteOpportunity { id: samples::id("o1"), pipeline_id: samples::id("p1") },
                "DELETE /v1/pipelines/p1/opportunities/o1".to_owned(),
            ),
            (Call::ListCustomFields, "GET /v1/custom-fields/".to_owned()),
            (
                Call::CreateCustomField(samples::new_field()),
                r#"POST /v1/custom-fields/
{"dataType":"SINGLE_OPTIONS","name":"Size","options":["S","L"],"placeholder":"Pick","position":3}"#
                    .to_owned(),
            ),
            (Call::DeleteCustomField(samples::id("f1")), "DELETE /v1/custom-fields/f1".to_owned()),
            (Call::ListPipelines, "GET /v1/pipelines/".to_owned()),
        ];
        for (call, expected) in cases {
            assert_eq!(shown(&call), expected);
        }
    }

    #[test]
    fn what_v1_lacks_is_refused_by_name() {
        let gender = Contact { gender: Some("female".to_owned()), ..Contact::default() };
        let dnd = Contact { dnd_settings: Some(json!({})), ..Contact::default() };
        let cursor = || Some(PageCursor("[]".to_owned()));
        let opportunity_field = NewField { model: Kind::Opportunity, ..samples::new_field() };
        let cases = [
            (Call::UpsertContact(gender), "`gender`"),
            (Call::UpdateContact { id: samples::id("c1"), contact: dnd }, "`dndSettings`"),
            (Call::UpdateOpportunity { id: samples::id("o1"), opportunity: samples::bare_opportunity() }, "`status`"),
            (
                Call::CreateOpportunity { contact_id: samples::id("c1"), opportunity: samples::full_opportunity() },
                "`customFields`",
            ),
            (Call::FindMarked(samples::marker()), "source"),
            (Call::ContactsChanged { since: EpochMs(0), cursor: cursor(), limit: 1 }, "cursor"),
            (Call::ContactsPage { cursor: cursor(), limit: 1 }, "cursor"),
            (Call::OpportunitiesPage { pipeline: None, cursor: None, limit: 1 }, "pipeline"),
            (Call::OpportunitiesPage { pipeline: Some(samples::id("p1")), cursor: cursor(), limit: 1 }, "cursor"),
            (Call::CreateCustomField(opportunity_field), "custom fields of opportunities"),
            (Call::GetPipeline(samples::id("p1")), "pipelines"),
            (Call::CreatePipeline(samples::new_pipeline()), "pipelines"),
            (Call::DeletePipeline(samples::id("p1")), "pipelines"),
            (Call::GetLocation, "location"),
            (Call::ListCustomValues, "custom values"),
            (Call::CreateCustomValue { name: "a".to_owned(), value: "b".to_owned() }, "custom values"),
            (Call::DeleteCustomValue(samples::id("v1")), "custom values"),
            (Call::ListTags, "tags"),
            (Call::CreateTag("a".to_owned()), "tags"),
            (Call::DeleteTag(samples::id("t1")), "tags"),
            (Call::ListUsers, "users"),
        ];
        for (call, field) in cases {
            let Unsupported(lacking) = request(&call).unwrap_err();
            assert!(lacking.contains(field), "{lacking}");
        }
    }
}

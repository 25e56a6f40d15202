//! Reads the bodies of successful answers. GHL has no common envelope; each call has its own.

mod long;
mod page;
mod structure;
mod whose;

use ghl_sync_model::{
    Answer, Api, Call, Cause, Contact, ContactRef, EpochMs, FoundOpportunity, FoundPage, GhlId, ListedContact,
    ListedOpportunity, LocationId, Marker, NotCarried, Provenance, View,
};
use serde_json::{Value, json};

use crate::iso8601;
use crate::request::MAX_PAGE;
use crate::shown::{self, RecordFields};
use crate::transport::MAX_ANSWER;

/// Why a body with a success status is not a valid answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Misread {
    pub(crate) cause: Cause,
    /// What is wrong with the body.
    pub(crate) problem: String,
}

fn unreadable(problem: impl Into<String>) -> Misread {
    Misread { cause: Cause::Unreadable, problem: problem.into() }
}

/// Problem text for an answer that exceeds our limit.
pub(crate) const TOO_LONG: &str = "the answer is longer than 1 MB";

/// Reads `body` as the answer to `call` of `location`.
pub(crate) fn read(api: Api, location: &LocationId, call: &Call, body: &[u8]) -> Result<Answer, Misread> {
    if body.len() > MAX_ANSWER {
        return long::read(api, location, call, body);
    }
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        // A success status is enough, whatever the body holds: `succeded`, the deleted record, or nothing.
        Err(_) if call.is_deletion() => Value::Null,
        Err(error) => return Err(unreadable(format!("not JSON: {error}"))),
    };
    read_json(api, location, call, &body)
}

fn read_json(api: Api, location: &LocationId, call: &Call, body: &Value) -> Result<Answer, Misread> {
    whose::check(location, call, body)?;
    match call {
        Call::UpsertContact(_) => Ok(contact_written(api, body, written(api, body, "contact")?, of_upsert(body))),
        Call::CreateContact(_) => {
            // v1 may turn a creation into an update.
            let provenance = if api == Api::V2 { Provenance::Created } else { Provenance::Unknown };
            Ok(contact_written(api, body, written(api, body, "contact")?, provenance))
        }
        Call::UpdateContact { id, .. } => {
            let id = updated(api, body, "contact", id)?;
            Ok(contact_written(api, body, id, Provenance::Unknown))
        }
        Call::AddTags { .. } => tags_of(api, body).map(|tags| Answer::TagsAdded { tags }),
        Call::RemoveTags { .. } => tags_of(api, body).map(|tags| Answer::TagsRemoved { tags }),
        Call::GetContact(_) => contact(body),
        Call::FindMarked(marker) => marked(body, marker),
        Call::FindContact { .. } if api == Api::V1 => looked_up(body),
        Call::FindContact { .. } => contact(body),
        Call::ContactsChanged { limit, .. } => page::contacts(api, body, *limit),
        Call::GetOpportunity(_) => opportunity(body),
        Call::FindOpportunities(of) => opportunities(api, body, of),
        Call::CreateOpportunity { .. } => Ok(opportunity_written(api, body, written(api, body, "opportunity")?)),
        Call::UpdateOpportunity { id, .. } => {
            Ok(opportunity_written(api, body, updated(api, body, "opportunity", id)?))
        }
        Call::ContactsPage { limit, .. } => page::contacts(api, body, *limit),
        Call::OpportunitiesPage { limit, .. } => page::opportunities(body, *limit),
        Call::DeleteContact(_)
        | Call::DeleteOpportunity { .. }
        | Call::DeleteCustomField(_)
        | Call::DeleteCustomValue(_)
        | Call::DeleteTag(_)
        | Call::DeletePipeline(_) => Ok(Answer::Deleted),
        Call::GetLocation => structure::one(body, "location", structure::location).map(Answer::Location),
        Call::ListCustomFields => structure::all(body, "customFields", structure::field).map(Answer::CustomFields),
        Call::CreateCustomField(_) => custom_field(api, body),
        Call::ListCustomValues => {
            structure::all(body, "customValues", structure::custom_value).map(Answer::CustomValues)
        }
        Call::CreateCustomValue { .. } => {
            structure::one(body, "customValue", structure::custom_value).map(Answer::CustomValue)
        }
        Call::ListTags => structure::all(body, "tags", structure::tag).map(Answer::Tags),
        Call::CreateTag(_) => structure::one(body, "tag", structure::tag).map(Answer::Tag),
        Call::ListUsers => structure::all(body, "users", structure::user).map(Answer::Users),
        Call::ListPipelines => structure::all(body, "pipelines", structure::pipeline).map(Answer::Pipelines),
        Call::GetPipeline(_) | Call::CreatePipeline(_) => structure::one_pipeline(body).map(Answer::Pipeline),
    }
}

/// Whether an upsert created the contact. Only v2 reports this.
fn of_upsert(body: &Value) -> Provenance {
    match body["new"].as_bool() {
        Some(true) => Provenance::Created,
        Some(false) => Provenance::Found,
        None => Provenance::Unknown,
    }
}

/// v1 returns a new field bare (some public clients expect that) or wrapped as v2 does.
fn custom_field(api: Api, body: &Value) -> Result<Answer, Misread> {
    let bare = if api == Api::V1 { structure::field(body) } else { None };
    bare.map_or_else(|| structure::one(body, "customField", structure::field), Ok).map(Answer::CustomField)
}

/// The id in the answer to a write: `{"contact":{"id":…}}`. v1 returns opportunities bare.
fn written(api: Api, body: &Value, what: &str) -> Result<GhlId, Misread> {
    let wrapped = body.get(what).and_then(id_of);
    let id = wrapped.or_else(|| if api == Api::V1 { id_of(body) } else { None });
    id.ok_or_else(|| unreadable(format!("no {what} with an id")))
}

/// The id of an updated record. We know it already, so a bare success flag is enough: `succeded`, `succeeded` or
/// `success`, depending on endpoint and version.
fn updated(api: Api, body: &Value, what: &str, id: &GhlId) -> Result<GhlId, Misread> {
    let succeeded = ["succeded", "succeeded", "success"].iter().any(|flag| body[*flag] == true);
    written(api, body, what).or_else(|misread| if succeeded { Ok(id.clone()) } else { Err(misread) })
}

/// The written contact, as far as `body` shows it.
///
/// The specification (`GetContectByIdSchema`) says v2 returns the whole contact. We do not treat an answer as whole
/// if it lacks the location or all of the contact's own fields, or has an unreadable field. v1's answer is
/// unverified.
fn contact_written(api: Api, body: &Value, id: GhlId, provenance: Provenance) -> Answer {
    let view = body["contact"].as_object().map(|record| {
        let shown::PartialRecord { content, fault } = shown::contact(RecordFields(record));
        let is_short = content == Contact::default() || !record.get("locationId").is_some_and(Value::is_string);
        let has_custom_fields = record.get("customFields").is_some_and(Value::is_array);
        Box::new(View { content, is_whole: api == Api::V2 && !is_short && fault.is_none(), has_custom_fields })
    });
    Answer::ContactWritten { id, provenance, view }
}

/// The written opportunity, as far as `body` shows it. (`SearchOpportunitiesResponseSchema` describes v2.)
fn opportunity_written(api: Api, body: &Value, id: GhlId) -> Answer {
    let view = body["opportunity"].as_object().map(|record| {
        let shown::PartialRecord { mut content, fault } = shown::opportunity(RecordFields(record));
        content.contact_id = content.contact_id.or_else(|| text(&body["opportunity"]["contact"], "id"));
        let is_short = content.pipeline_id.is_none() || !record.get("locationId").is_some_and(Value::is_string);
        let has_custom_fields = record.get("customFields").is_some_and(Value::is_array);
        Box::new(View { content, is_whole: api == Api::V2 && !is_short && fault.is_none(), has_custom_fields })
    });
    Answer::OpportunityWritten { id, view }
}

/// v2 answers with the contact's whole tag list. v1's answer is unverified, so any object is accepted.
fn tags_of(api: Api, body: &Value) -> Result<Option<Vec<String>>, Misread> {
    let fits = match api {
        Api::V2 => body["tags"].is_array(),
        Api::V1 => body.is_object(),
    };
    let shown = body["tags"].as_array();
    let tags = shown.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    if fits { Ok(tags) } else { Err(unreadable("no list of tags")) }
}

/// `{"contact":{…}}`, or `{"contact":null}` if there is none. A body without `contact` is invalid.
fn contact(body: &Value) -> Result<Answer, Misread> {
    match body.get("contact") {
        None => Err(unreadable("no contact")),
        Some(Value::Null) => Ok(Answer::Contact(None)),
        Some(contact) => match remote_contact(contact) {
            Some(contact) => Ok(Answer::Contact(Some(Box::new(contact)))),
            None => Err(unreadable("no contact with an id")),
        },
    }
}

/// `{"opportunity":{…}}`
fn opportunity(body: &Value) -> Result<Answer, Misread> {
    let shown = remote_opportunity(&body["opportunity"]).ok_or_else(|| unreadable("no opportunity with an id"))?;
    Ok(Answer::Opportunity(Box::new(shown)))
}

/// v1's lookup answers with a list; public clients take the first entry.
fn looked_up(body: &Value) -> Result<Answer, Misread> {
    let contacts = list(body, "contacts")?;
    match contacts.first() {
        None => Ok(Answer::Contact(None)),
        Some(first) => contact(&json!({ "contact": first })),
    }
}

/// The first search result that really carries the marker.
fn marked(body: &Value, marker: &Marker) -> Result<Answer, Misread> {
    let carries = |record: &&Value| record["source"].as_str().is_some_and(|source| marker.is_in(source));
    match list(body, "contacts")?.iter().find(carries) {
        None => Ok(Answer::Contact(None)),
        Some(found) => contact(&json!({ "contact": found })),
    }
}

fn opportunities(api: Api, body: &Value, of: &ContactRef) -> Result<Answer, Misread> {
    let records = list(body, "opportunities")?;
    let found: Vec<FoundOpportunity> =
        records.iter().filter(|record| belongs(api, record, of)).filter_map(found_opportunity).collect();
    let next = page::next_of_opportunities(body, records, MAX_PAGE);
    if found.is_empty() && next.is_none() && page::is_full(records, MAX_PAGE) {
        // Answering "none" would be a guess, and would duplicate an opportunity that is on a later page.
        let problem = "GHL does not say where the next page of this pipeline's opportunities begins";
        return Err(Misread { cause: Cause::Unsupported, problem: problem.to_owned() });
    }
    Ok(Answer::Opportunities(FoundPage { found, next }))
}

/// Whether an opportunity belongs to the requested contact. v2 searches by contact, so a record without a contact is
/// accepted; v1 returns the opportunities of all contacts.
fn belongs(api: Api, record: &Value, of: &ContactRef) -> bool {
    let contact = record["contactId"].as_str().or_else(|| record["contact"]["id"].as_str());
    match contact {
        Some(contact) => contact == of.contact_id.as_str(),
        None => api == Api::V2,
    }
}

fn found_opportunity(record: &Value) -> Option<FoundOpportunity> {
    Some(FoundOpportunity { id: id_of(record)?, name: record["name"].as_str().unwrap_or_default().to_owned() })
}

pub(crate) fn remote_contact(record: &Value) -> Option<ListedContact> {
    Some(ListedContact {
        id: id_of(record)?,
        // Unreadable fields are left out: one odd field must cost neither the contact nor the page.
        content: shown::contact(RecordFields(record.as_object()?)).content,
        created_at: time(&record["dateAdded"]),
        updated_at: time(&record["dateUpdated"]),
        not_carried: NotCarried {
            additional_emails: texts(&record["additionalEmails"], "email"),
            additional_phones: texts(&record["additionalPhones"], "phone"),
            attachments: texts(&record["attachments"], "url"),
            ..NotCarried::default()
        },
        raw: record.clone(),
    })
}

/// A list of texts, or of objects with the text in `name`: GHL was seen to send both.
fn texts(list: &Value, name: &str) -> Vec<String> {
    let one = |item: &Value| item.as_str().map(str::to_owned).or_else(|| text(item, name));
    list.as_array().into_iter().flatten().filter_map(one).filter(|text| !text.is_empty()).collect()
}

pub(crate) fn remote_opportunity(record: &Value) -> Option<ListedOpportunity> {
    let mut content = shown::opportunity(RecordFields(record.as_object()?)).content;
    // The legacy API shows only the contact object.
    content.contact_id = content.contact_id.or_else(|| text(&record["contact"], "id"));
    Some(ListedOpportunity {
        id: id_of(record)?,
        content,
        created_at: time(&record["createdAt"]),
        updated_at: time(&record["updatedAt"]),
        not_carried: NotCarried {
            lost_reason: text(record, "lostReasonId"),
            followers: texts(&record["followers"], "id"),
            ..NotCarried::default()
        },
    })
}

/// A non-empty text.
fn text(record: &Value, name: &str) -> Option<String> {
    record[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// ISO 8601 according to the specification; some search results have milliseconds since 1970.
fn time(value: &Value) -> Option<EpochMs> {
    value.as_u64().map(EpochMs).or_else(|| iso8601::parse(value.as_str()?))
}

fn id_of(record: &Value) -> Option<GhlId> {
    GhlId::new(record.get("id")?.as_str()?).ok()
}

fn list<'a>(body: &'a Value, name: &str) -> Result<&'a Vec<Value>, Misread> {
    body.get(name).and_then(Value::as_array).ok_or_else(|| unreadable(format!("no list of {name}")))
}

#[cfg(test)]
mod tests;

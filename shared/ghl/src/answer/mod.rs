//! Reading the bodies of successes. GHL has no common envelope; each call has its own.

mod long;
mod page;
mod structure;
mod whose;

use ghl_sync_model::{
    Answer, Api, Call, Cause, Contact, ContactRef, EpochMs, FoundOpportunity, FoundPage, GhlId, LocationId, Marker,
    NotCarried, Provenance, RemoteContact, RemoteDeal, View,
};
use serde_json::{Value, json};

use crate::iso8601;
use crate::request::MAX_PAGE;
use crate::shown::{self, Fields};
use crate::transport::MAX_ANSWER;

/// Why a success is none.
#[derive(Debug, PartialEq)]
pub(crate) struct Misread {
    pub(crate) cause: Cause,
    /// What is wrong with the body.
    pub(crate) problem: String,
}

fn unreadable(problem: impl Into<String>) -> Misread {
    Misread { cause: Cause::Unreadable, problem: problem.into() }
}

/// What is said of an answer that is longer than we take.
pub(crate) const TOO_LONG: &str = "the answer is longer than 1 MB";

/// What `body` answers to `call` of `location`.
pub(crate) fn read(api: Api, location: &LocationId, call: &Call, body: &[u8]) -> Result<Answer, Misread> {
    if body.len() > MAX_ANSWER {
        return long::read(api, location, call, body);
    }
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        // A success is one, whatever it says: `succeded`, what was deleted, or nothing at all.
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
            // v1's creation may be an update.
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

/// Whether an upsert created the contact; only v2 tells.
fn of_upsert(body: &Value) -> Provenance {
    match body["new"].as_bool() {
        Some(true) => Provenance::Created,
        Some(false) => Provenance::Found,
        None => Provenance::Unknown,
    }
}

/// v1 shows a new field bare, as some public clients read it, or as v2 does.
fn custom_field(api: Api, body: &Value) -> Result<Answer, Misread> {
    let bare = if api == Api::V1 { structure::field(body) } else { None };
    bare.map_or_else(|| structure::one(body, "customField", structure::field), Ok).map(Answer::CustomField)
}

/// The id of the record that a write answers with: `{"contact":{"id":…}}`. v1 shows an opportunity bare.
fn written(api: Api, body: &Value, what: &str) -> Result<GhlId, Misread> {
    let wrapped = body.get(what).and_then(id_of);
    let id = wrapped.or_else(|| if api == Api::V1 { id_of(body) } else { None });
    id.ok_or_else(|| unreadable(format!("no {what} with an id")))
}

/// The id of an updated record. It was known before, so a mere "success" does as well: spelled `succeded`,
/// `succeeded` or `success`, by endpoint and version.
fn updated(api: Api, body: &Value, what: &str, id: &GhlId) -> Result<GhlId, Misread> {
    let succeeded = ["succeded", "succeeded", "success"].iter().any(|flag| body[*flag] == true);
    written(api, body, what).or_else(|misread| if succeeded { Ok(id.clone()) } else { Err(misread) })
}

/// The contact that was written, as far as `body` shows it.
///
/// By the specification (`GetContectByIdSchema`) v2 shows the contact as a whole. An answer that is shorter is not
/// taken for whole: it lacks the location, or all that is a contact's own, or has a field that cannot be read. What v1
/// shows is unverified.
fn contact_written(api: Api, body: &Value, id: GhlId, provenance: Provenance) -> Answer {
    let view = body["contact"].as_object().map(|record| {
        let shown::Shown { content, fault } = shown::contact(Fields(record));
        let is_short = content == Contact::default() || !record.get("locationId").is_some_and(Value::is_string);
        let has_custom_fields = record.get("customFields").is_some_and(Value::is_array);
        Box::new(View { content, is_whole: api == Api::V2 && !is_short && fault.is_none(), has_custom_fields })
    });
    Answer::ContactWritten { id, provenance, view }
}

/// The opportunity that was written, as far as `body` shows it. (`SearchOpportunitiesResponseSchema` is v2's.)
fn opportunity_written(api: Api, body: &Value, id: GhlId) -> Answer {
    let view = body["opportunity"].as_object().map(|record| {
        let shown::Shown { mut content, fault } = shown::opportunity(Fields(record));
        content.contact_id = content.contact_id.or_else(|| text(&body["opportunity"]["contact"], "id"));
        let is_short = content.pipeline_id.is_none() || !record.get("locationId").is_some_and(Value::is_string);
        let has_custom_fields = record.get("customFields").is_some_and(Value::is_array);
        Box::new(View { content, is_whole: api == Api::V2 && !is_short && fault.is_none(), has_custom_fields })
    });
    Answer::OpportunityWritten { id, view }
}

/// v2 answers with the contact's whole list of tags; what v1 answers is unverified, so any object will do.
fn tags_of(api: Api, body: &Value) -> Result<Option<Vec<String>>, Misread> {
    let fits = match api {
        Api::V2 => body["tags"].is_array(),
        Api::V1 => body.is_object(),
    };
    let shown = body["tags"].as_array();
    let tags = shown.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    if fits { Ok(tags) } else { Err(unreadable("no list of tags")) }
}

/// `{"contact":{…}}`, or `{"contact":null}` for none; a body without `contact` says neither.
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
    let shown = remote_deal(&body["opportunity"]).ok_or_else(|| unreadable("no opportunity with an id"))?;
    Ok(Answer::Opportunity(Box::new(shown)))
}

/// v1's lookup answers with a list, as public clients read it; the first one is theirs.
fn looked_up(body: &Value) -> Result<Answer, Misread> {
    let contacts = list(body, "contacts")?;
    match contacts.first() {
        None => Ok(Answer::Contact(None)),
        Some(first) => contact(&json!({ "contact": first })),
    }
}

/// Of what the search found, the first that does carry the marker.
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
        // "None" would be a guess, and make a duplicate of the deal that stands on a later page.
        let problem = "GHL does not say where the next page of this pipeline's opportunities begins";
        return Err(Misread { cause: Cause::Unsupported, problem: problem.to_owned() });
    }
    Ok(Answer::Opportunities(FoundPage { found, next }))
}

/// Whether an opportunity is of the contact that was asked for. v2 searches by contact, so that one without any is
/// believed; v1 answers with those of all contacts.
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

pub(crate) fn remote_contact(record: &Value) -> Option<RemoteContact> {
    Some(RemoteContact {
        id: id_of(record)?,
        // A field that cannot be read is left out: one odd field costs neither the contact nor the page.
        content: shown::contact(Fields(record.as_object()?)).content,
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

/// A list of texts, or of objects that have the text as `name`: both were seen.
fn texts(list: &Value, name: &str) -> Vec<String> {
    let one = |item: &Value| item.as_str().map(str::to_owned).or_else(|| text(item, name));
    list.as_array().into_iter().flatten().filter_map(one).filter(|text| !text.is_empty()).collect()
}

pub(crate) fn remote_deal(record: &Value) -> Option<RemoteDeal> {
    let mut content = shown::opportunity(Fields(record.as_object()?)).content;
    // The legacy API shows the contact only.
    content.contact_id = content.contact_id.or_else(|| text(&record["contact"], "id"));
    Some(RemoteDeal {
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

/// A text that is not empty.
fn text(record: &Value, name: &str) -> Option<String> {
    record[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// ISO 8601 by the specification; milliseconds since 1970 in some search results.
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::samples::{self, id};

    fn answer(api: Api, call: &Call, body: &str) -> Result<Answer, Misread> {
        read(api, &samples::location(), call, body.as_bytes())
    }

    fn changed(limit: u32) -> Call {
        Call::ContactsChanged { since: EpochMs(0), cursor: None, limit }
    }

    fn find_contact() -> Call {
        Call::FindContact { email: Some("a@b.c".to_owned()), phone: None }
    }

    fn calls() -> Vec<Call> {
        vec![
            Call::UpsertContact(samples::full_contact()),
            Call::CreateContact(samples::full_contact()),
            Call::UpdateContact { id: id("c1"), contact: samples::full_contact() },
            Call::AddTags { id: id("c1"), tags: ["a".to_owned()].into() },
            Call::RemoveTags { id: id("c1"), tags: ["a".to_owned()].into() },
            Call::GetContact(id("c1")),
            find_contact(),
            changed(1),
            Call::FindOpportunities(samples::contact_ref()),
            Call::CreateOpportunity { contact_id: id("c1"), opportunity: samples::full_opportunity() },
            Call::UpdateOpportunity { id: id("o1"), opportunity: samples::full_opportunity() },
        ]
    }

    fn calls_of_structure() -> Vec<Call> {
        vec![
            Call::ContactsPage { cursor: None, limit: 1 },
            Call::OpportunitiesPage { pipeline: None, cursor: None, limit: 1 },
            Call::GetLocation,
            Call::ListCustomFields,
            Call::CreateCustomField(samples::new_field()),
            Call::ListCustomValues,
            Call::CreateCustomValue { name: "a".to_owned(), value: "b".to_owned() },
            Call::ListTags,
            Call::CreateTag("a".to_owned()),
            Call::ListUsers,
            Call::ListPipelines,
            Call::GetPipeline(id("p1")),
            Call::CreatePipeline(samples::new_pipeline()),
        ]
    }

    #[test]
    fn a_write_answers_with_the_id_of_what_was_written() {
        let [upsert, create, update, _, _, _, _, _, _, create_opportunity, update_opportunity] = &calls()[..] else {
            unreachable!()
        };
        let written = |text, provenance| (id(text), provenance);
        let contact = |text| written(text, Provenance::Unknown);
        let new_contact = |text| written(text, Provenance::Created);
        let opportunity = contact;
        let told = |api, call: &Call, body: &str| match answer(api, call, body) {
            Ok(Answer::ContactWritten { id, provenance, .. }) => (id, provenance),
            Ok(Answer::OpportunityWritten { id, .. }) => (id, Provenance::Unknown),
            other => panic!("{body}: {other:?}"),
        };
        let v2 = [
            (upsert, r#"{"new":false,"contact":{"id":"c9"},"traceId":"t"}"#, written("c9", Provenance::Found)),
            (upsert, r#"{"new":true,"contact":{"id":"c9"},"traceId":"t"}"#, new_contact("c9")),
            (upsert, r#"{"contact":{"id":"c9"}}"#, contact("c9")),
            (create, r#"{"contact":{"id":"c9"}}"#, new_contact("c9")),
            (update, r#"{"succeded":true,"contact":{"id":"c9"}}"#, contact("c9")),
            (update, r#"{"succeded":true}"#, contact("c1")),
            (create_opportunity, r#"{"opportunity":{"id":"o9"}}"#, opportunity("o9")),
            (update_opportunity, r#"{"opportunity":{"id":"o9"}}"#, opportunity("o9")),
            (update_opportunity, r#"{"success":true}"#, opportunity("o1")),
        ];
        for (call, body, expected) in v2 {
            assert_eq!(told(Api::V2, call, body), expected, "{body}");
        }
        assert_eq!(told(Api::V1, create_opportunity, r#"{"id":"o9","name":"Roof"}"#), opportunity("o9"));
        for call in [upsert, create] {
            assert_eq!(told(Api::V1, call, r#"{"contact":{"id":"c9"}}"#), contact("c9"));
        }
    }

    #[test]
    fn a_written_record_is_shown_as_far_as_the_answer_shows_it() {
        let [upsert, .., create_opportunity, _] = &calls()[..] else { unreachable!() };
        let view = |api, body: &str| match answer(api, upsert, body) {
            Ok(Answer::ContactWritten { view, .. }) => view.map(|view| (view.is_whole, view.has_custom_fields)),
            other => panic!("{other:?}"),
        };
        let whole = r#"{"contact":{"id":"c9","locationId":"loc1","email":"a@b.c","customFields":[]}}"#;
        for (api, body, expected) in [
            (Api::V2, whole, (true, true)),
            (Api::V1, whole, (false, true)),
            (Api::V2, r#"{"contact":{"id":"c9","locationId":"loc1","email":"a@b.c"}}"#, (true, false)),
            (Api::V2, r#"{"contact":{"id":"c9","email":"a@b.c"}}"#, (false, false)),
            (Api::V2, r#"{"contact":{"id":"c9","locationId":"loc1"}}"#, (false, false)),
            (Api::V2, r#"{"contact":{"id":"c9","locationId":"loc1","email":["x"],"city":"Ulm"}}"#, (false, false)),
        ] {
            assert_eq!(view(api, body), Some(expected), "{body}");
        }
        let body =
            r#"{"opportunity":{"id":"o9","locationId":"loc1","pipelineId":"p1","name":"Roof","contact":{"id":"c1"}}}"#;
        let Ok(Answer::OpportunityWritten { view: Some(view), .. }) = answer(Api::V2, create_opportunity, body) else {
            panic!()
        };
        assert_eq!((view.is_whole, view.content.contact_id.as_deref()), (true, Some("c1")));
        let Call::AddTags { .. } = &calls()[3] else { panic!() };
        let tags = answer(Api::V2, &calls()[3], r#"{"tags":["a","b"]}"#);
        assert_eq!(tags, Ok(Answer::TagsAdded { tags: Some(vec!["a".to_owned(), "b".to_owned()]) }));
        let tags = answer(Api::V2, &calls()[4], r#"{"tags":["b"]}"#);
        assert_eq!(tags, Ok(Answer::TagsRemoved { tags: Some(vec!["b".to_owned()]) }));
    }

    #[test]
    fn an_answer_that_shows_another_location_is_refused_and_says_which() {
        let [upsert, .., create_opportunity, update_opportunity] = &calls()[..] else { unreachable!() };
        let page = Call::ContactsPage { cursor: None, limit: 1 };
        let deals = Call::OpportunitiesPage { pipeline: None, cursor: None, limit: 1 };
        let cases = [
            (Api::V2, upsert, r#"{"new":true,"contact":{"id":"c1","locationId":"WHOSE"}}"#),
            (Api::V1, upsert, r#"{"contact":{"id":"c1","locationId":"WHOSE"}}"#),
            (Api::V2, create_opportunity, r#"{"opportunity":{"id":"o1","locationId":"WHOSE"}}"#),
            (Api::V1, create_opportunity, r#"{"id":"o1","locationId":"WHOSE"}"#),
            (Api::V2, update_opportunity, r#"{"opportunity":{"id":"o1","locationId":"WHOSE"}}"#),
            (Api::V2, &Call::GetContact(id("c1")), r#"{"contact":{"id":"c1","locationId":"WHOSE"}}"#),
            (Api::V2, &Call::GetLocation, r#"{"location":{"id":"WHOSE","name":"x"}}"#),
            (Api::V2, &page, r#"{"contacts":[{"id":"c1","locationId":"loc1"},{"id":"c2","locationId":"WHOSE"}]}"#),
            (Api::V2, &deals, r#"{"opportunities":[{"id":"o1","locationId":"WHOSE"}],"meta":{}}"#),
            (
                Api::V2,
                &Call::ListPipelines,
                r#"{"pipelines":[{"id":"p1","name":"x","stages":[],"locationId":"WHOSE"}]}"#,
            ),
        ];
        for (api, call, body) in cases {
            assert!(answer(api, call, &body.replace("WHOSE", "loc1")).is_ok(), "{body}");
            let misread = answer(api, call, &body.replace("WHOSE", "loc2")).unwrap_err();
            assert_eq!(misread.cause, Cause::OtherLocation, "{body}");
            assert!(misread.problem.contains("location loc2"), "{}", misread.problem);
        }
    }

    #[test]
    fn a_success_that_does_not_say_what_it_should_is_unreadable() {
        let bodies = [
            "",
            "{",
            r#"{"contact":{"id":"c9""#,
            "<html></html>",
            "null",
            "[]",
            "{}",
            r#"{"statusCode":429,"message":"Too Many Requests"}"#,
            r#"{"contact":{"id":7},"opportunity":{"id":"not an id"}}"#,
            r#"{"contact":{},"opportunity":{},"contacts":{},"opportunities":null,"tags":1}"#,
            r#"{"location":{},"customField":{"id":"f1"},"customValue":{},"tag":{},"users":{},"pipeline":{"id":"p1"}}"#,
        ];
        for call in calls().into_iter().chain(calls_of_structure()) {
            for body in bodies {
                let misread = answer(Api::V2, &call, body).unwrap_err();
                assert_eq!(misread.cause, Cause::Unreadable, "{call:?} {body}");
            }
        }
    }

    #[test]
    fn a_contact_is_read_with_all_that_ghl_says_of_it() {
        let body =
            r#"{"contact":{"id":"c9","email":"a@b.c","phone":"","dateUpdated":"2021-07-08T12:02:11.285Z","x":1}}"#;
        let expected = RemoteContact {
            id: id("c9"),
            content: Contact { email: Some("a@b.c".to_owned()), ..Contact::default() },
            created_at: None,
            updated_at: Some(EpochMs(1_625_745_731_285)),
            not_carried: NotCarried::default(),
            raw: serde_json::from_str::<Value>(body).unwrap()["contact"].clone(),
        };
        for call in [Call::GetContact(id("c9")), find_contact()] {
            assert_eq!(answer(Api::V2, &call, body), Ok(Answer::Contact(Some(Box::new(expected.clone())))));
        }
        let listed = r#"{"contacts":[{"id":"c9"},{"id":"c8"}]}"#;
        let Ok(Answer::Contact(Some(first))) = answer(Api::V1, &find_contact(), listed) else { panic!() };
        assert_eq!(first.id, id("c9"));
    }

    #[test]
    fn no_contact_is_an_answer() {
        assert_eq!(answer(Api::V2, &find_contact(), r#"{"contact":null}"#), Ok(Answer::Contact(None)));
        assert_eq!(answer(Api::V1, &find_contact(), r#"{"contacts":[]}"#), Ok(Answer::Contact(None)));
    }

    #[test]
    fn a_deletion_needs_no_words() {
        let deletions = [
            Call::DeleteContact(id("c1")),
            Call::DeleteOpportunity { id: id("o1"), pipeline_id: id("p1") },
            Call::DeleteCustomField(id("f1")),
            Call::DeleteCustomValue(id("v1")),
            Call::DeleteTag(id("t1")),
            Call::DeletePipeline(id("p1")),
        ];
        for call in deletions {
            for body in [r#"{"succeded":true}"#, "", r#"{"contact":{"id":"c1"}}"#] {
                assert_eq!(answer(Api::V2, &call, body), Ok(Answer::Deleted), "{call:?} {body}");
            }
        }
    }

    #[test]
    fn opportunities_of_other_contacts_are_not_found() {
        let call = Call::FindOpportunities(samples::contact_ref());
        let body = r#"{"opportunities":[
            {"id":"o1","name":"Roof","contactId":"c1"},
            {"id":"o2","name":"Wall","contact":{"id":"c1"}},
            {"id":"o3","name":"Door","contact":{"id":"c2"}},
            {"id":"o4","name":"Gate"}]}"#;
        let ids = |api| match answer(api, &call, body) {
            Ok(Answer::Opportunities(page)) => page.found.into_iter().map(|o| o.id.to_string()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(ids(Api::V2), ["o1", "o2", "o4"]);
        assert_eq!(ids(Api::V1), ["o1", "o2"]);
    }

    #[test]
    fn a_pipeline_is_never_said_to_have_none_before_it_was_seen_to_the_end() {
        let call = Call::FindOpportunities(samples::contact_ref());
        let record = |contact: &str| json!({ "id": "o1", "name": "Roof", "contact": { "id": contact } });
        let of_others = vec![record("c2"); 100];
        let meta = json!({ "startAfter": 1_736_471_515_514_u64, "startAfterId": "VU1" });
        let found = |api, body: &serde_json::Value| match answer(api, &call, &body.to_string()) {
            Ok(Answer::Opportunities(page)) => Ok((page.found.len(), page.next)),
            Ok(other) => panic!("{other:?}"),
            Err(misread) => Err(misread.cause),
        };
        for api in [Api::V1, Api::V2] {
            assert_eq!(found(api, &json!({ "opportunities": of_others })), Err(Cause::Unsupported));
            let next = samples::next_page_of(samples::contact_ref()).after;
            assert_eq!(found(api, &json!({ "opportunities": of_others, "meta": meta })), Ok((0, next)));
            let rest = json!({ "opportunities": of_others[1..], "meta": meta });
            assert_eq!(found(api, &rest), Ok((0, None)), "a page that is not full is the last one");
            let with_one = [&of_others[1..], &[record("c1")]].concat();
            assert_eq!(found(api, &json!({ "opportunities": with_one })), Ok((1, None)));
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for call in calls().into_iter().chain(calls_of_structure()) {
                let _ = read(Api::V2, &samples::location(), &call, &bytes);
                let _ = read(Api::V1, &samples::location(), &call, &bytes);
            }
        }
    }
}

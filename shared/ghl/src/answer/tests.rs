//! Tests for reading GHL's answers.

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
    let opportunities = Call::OpportunitiesPage { pipeline: None, cursor: None, limit: 1 };
    let cases = [
        (Api::V2, upsert, r#"{"new":true,"contact":{"id":"c1","locationId":"WHOSE"}}"#),
        (Api::V1, upsert, r#"{"contact":{"id":"c1","locationId":"WHOSE"}}"#),
        (Api::V2, create_opportunity, r#"{"opportunity":{"id":"o1","locationId":"WHOSE"}}"#),
        (Api::V1, create_opportunity, r#"{"id":"o1","locationId":"WHOSE"}"#),
        (Api::V2, update_opportunity, r#"{"opportunity":{"id":"o1","locationId":"WHOSE"}}"#),
        (Api::V2, &Call::GetContact(id("c1")), r#"{"contact":{"id":"c1","locationId":"WHOSE"}}"#),
        (Api::V2, &Call::GetLocation, r#"{"location":{"id":"WHOSE","name":"x"}}"#),
        (Api::V2, &page, r#"{"contacts":[{"id":"c1","locationId":"loc1"},{"id":"c2","locationId":"WHOSE"}]}"#),
        (Api::V2, &opportunities, r#"{"opportunities":[{"id":"o1","locationId":"WHOSE"}],"meta":{}}"#),
        (Api::V2, &Call::ListPipelines, r#"{"pipelines":[{"id":"p1","name":"x","stages":[],"locationId":"WHOSE"}]}"#),
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
    let body = r#"{"contact":{"id":"c9","email":"a@b.c","phone":"","dateUpdated":"2021-07-08T12:02:11.285Z","x":1}}"#;
    let expected = ListedContact {
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

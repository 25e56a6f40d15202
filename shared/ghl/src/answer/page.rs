//! Reads pages of lists.

use ghl_sync_model::{Answer, Api, ContactPage, OpportunityPage, PageCursor, Unread, UnreadRecord};
use serde_json::{Value, json};

use super::{Misread, list, remote_contact, remote_opportunity, time, unreadable};
use crate::request::MAX_PAGE;

/// Reads a page of contacts.
pub(super) fn contacts(api: Api, body: &Value, limit: u32) -> Result<Answer, Misread> {
    let records = list(body, "contacts")?;
    let (contacts, unread) = readable(records, remote_contact, "dateUpdated");
    // One odd record does not cost the rest of the page, but a page of only odd records is not a page of contacts.
    if contacts.is_empty() && !records.is_empty() {
        return Err(unreadable("no contact with an id"));
    }
    // Even the last page has a cursor, so the list ends at the first page that is not full.
    let next = if records.len() < asked_for(limit) { None } else { cursor(api, body, records) };
    Ok(Answer::Contacts(ContactPage { contacts, unread, next, total: total(body) }))
}

/// Splits `records` into those that `read` can read and the others.
fn readable<T>(records: &[Value], read: fn(&Value) -> Option<T>, changed: &str) -> (Vec<T>, Vec<UnreadRecord>) {
    let (mut all, mut unread) = (Vec::with_capacity(records.len()), Vec::new());
    for record in records {
        match read(record) {
            Some(one) => all.push(one),
            None => unread.push(UnreadRecord { id: None, updated_at: time(&record[changed]), why: Unread::NoId }),
        }
    }
    (all, unread)
}

/// v2's contact search puts the total beside the contacts, all other lists put it in `meta`.
fn total(body: &Value) -> Option<u64> {
    body["total"].as_u64().or_else(|| body["meta"]["total"].as_u64())
}

/// Cursor of the next page: in v2 it is in the last record, in v1 in the page's `meta`. Both are kept as
/// `[number,"id"]`.
fn cursor(api: Api, body: &Value, records: &[Value]) -> Option<PageCursor> {
    match api {
        Api::V2 => records
            .last()?
            .get("searchAfter")
            .filter(|cursor| cursor.is_array())
            .map(|cursor| PageCursor(cursor.to_string())),
        Api::V1 => cursor_in_meta(body),
    }
}

fn cursor_in_meta(body: &Value) -> Option<PageCursor> {
    let meta = body.get("meta")?;
    let after = &meta["startAfter"];
    let after = after.as_u64().or_else(|| after.as_str()?.parse().ok())?;
    Some(PageCursor(json!([after, meta["startAfterId"].as_str()?]).to_string()))
}

/// Reads a page of opportunities. Both APIs put the cursor in `meta`. As with contacts, a page that is not full is
/// the last.
pub(super) fn opportunities(body: &Value, limit: u32) -> Result<Answer, Misread> {
    let records = list(body, "opportunities")?;
    let (opportunities, unread) = readable(records, remote_opportunity, "updatedAt");
    if opportunities.is_empty() && !records.is_empty() {
        return Err(unreadable("no opportunity with an id"));
    }
    let next = next_of_opportunities(body, records, limit);
    Ok(Answer::OpportunityPage(OpportunityPage { opportunities, unread, next, total: total(body) }))
}

/// Cursor of the next page of opportunities.
pub(super) fn next_of_opportunities(body: &Value, records: &[Value], limit: u32) -> Option<PageCursor> {
    if is_full(records, limit) { cursor_in_meta(body) } else { None }
}

/// Whether another page may follow.
pub(super) fn is_full(records: &[Value], limit: u32) -> bool {
    records.len() >= asked_for(limit)
}

fn asked_for(limit: u32) -> usize {
    usize::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::{Call, Cause, Contact, EpochMs, GhlId, NotCarried, Unread, UnreadRecord};

    use super::*;
    use crate::answer::read;

    fn answer(api: Api, call: &Call, body: &str) -> Result<Answer, Misread> {
        read(api, &crate::request::samples::location(), call, body.as_bytes())
    }

    fn changed(limit: u32) -> Call {
        Call::ContactsChanged { since: EpochMs(0), cursor: None, limit }
    }

    #[test]
    fn only_a_full_page_has_a_next_one() {
        let next = |api, limit, body: &str| match answer(api, &changed(limit), body) {
            Ok(Answer::Contacts(page)) => page.next.map(|PageCursor(cursor)| cursor),
            other => panic!("{other:?}"),
        };
        let v2 = r#"{"contacts":[{"id":"a","searchAfter":[1,"a"]},{"id":"b","searchAfter":[2,"b"]}],"total":2}"#;
        assert_eq!(next(Api::V2, 2, v2), Some(r#"[2,"b"]"#.to_owned()));
        assert_eq!(next(Api::V2, 3, v2), None);
        assert_eq!(next(Api::V2, 2, r#"{"contacts":[]}"#), None);
        let v1 = r#"{"contacts":[{"id":"a"}],"meta":{"startAfter":1603870249758,"startAfterId":"a","nextPage":2}}"#;
        assert_eq!(next(Api::V1, 1, v1), Some(r#"[1603870249758,"a"]"#.to_owned()));
        assert_eq!(next(Api::V1, 1, r#"{"contacts":[{"id":"a"}],"meta":{"startAfter":null}}"#), None);
    }

    #[test]
    fn of_a_page_with_one_record_that_is_too_long_its_id_and_the_next_page_are_read() {
        let long = "x".repeat(1024 * 1024);
        let v2 = format!(
            r#"{{"contacts":[{{"notes":"{long}","id":"a","dateUpdated":7,"tags":["{long}"],"searchAfter":[1,"a"]}}],"total":3}}"#
        );
        let record = |at| UnreadRecord { id: Some(GhlId::new("a").unwrap()), updated_at: at, why: Unread::TooLong };
        let Ok(Answer::Contacts(page)) = answer(Api::V2, &changed(1), &v2) else { panic!() };
        let next = Some(PageCursor(r#"[1,"a"]"#.to_owned()));
        let unread = vec![record(Some(EpochMs(7)))];
        assert_eq!(page, ContactPage { contacts: Vec::new(), unread, next, total: Some(3) });

        let opportunities = format!(
            r#"{{"opportunities":[{{"id":"a","name":"{long}"}}],"meta":{{"startAfter":1,"startAfterId":"a","total":2}}}}"#
        );
        let one = Call::OpportunitiesPage { pipeline: None, cursor: None, limit: 1 };
        let Ok(Answer::OpportunityPage(page)) = answer(Api::V2, &one, &opportunities) else { panic!() };
        assert_eq!((page.opportunities, page.unread), (Vec::new(), vec![record(None)]));
        assert!(page.next.is_some());
    }

    #[test]
    fn which_record_of_several_is_too_long_is_not_guessed_and_no_list_ends_there() {
        let long = "x".repeat(1024 * 1024);
        let two = format!(r#"{{"contacts":[{{"id":"a","notes":"{long}"}},{{"id":"b"}}]}}"#);
        let none = format!(r#"{{"contacts":[],"notes":"{long}"}}"#);
        let nameless = format!(r#"{{"contacts":[{{"notes":"{long}"}}]}}"#);
        let one = format!(r#"{{"contacts":[{{"id":"a","notes":"{long}"}}]}}"#);
        for (call, body) in [(changed(1), &two), (changed(1), &none), (changed(1), &nameless), (changed(2), &one)] {
            let misread = answer(Api::V2, &call, body).unwrap_err();
            assert_ne!(misread.cause, Cause::OtherLocation);
        }
        let foreign = format!(r#"{{"contacts":[{{"notes":"{long}","id":"a","locationId":"somebody"}}]}}"#);
        assert_eq!(answer(Api::V2, &changed(1), &foreign).unwrap_err().cause, Cause::OtherLocation);
    }

    #[test]
    fn an_odd_field_costs_neither_the_contact_nor_the_page() {
        let body = r#"{"contacts":[{"id":"a","email":7,"phone":[],"tags":"vip","city":"Ulm","dateUpdated":{}}]}"#;
        let Ok(Answer::Contacts(page)) = answer(Api::V2, &changed(2), body) else { panic!() };
        let expected = Contact { email: Some("7".to_owned()), city: Some("Ulm".to_owned()), ..Contact::default() };
        assert_eq!((&page.contacts[0].content, page.contacts[0].updated_at), (&expected, None));
    }

    #[test]
    fn what_no_call_can_write_is_read_beside_the_content() {
        let body = r#"{"contacts":[{"id":"a","dateAdded":"2021-07-08T12:02:11.285Z",
            "additionalEmails":["x@example.com",{"email":"y@example.com","validEmailDate":null},""],
            "additionalPhones":[{"phone":"+15550100","phoneLabel":null}],
            "attachments":["https://a.example/1.pdf",{"url":"https://a.example/2.pdf"}]}],"total":20001}"#;
        let Ok(Answer::Contacts(page)) = answer(Api::V2, &Call::ContactsPage { cursor: None, limit: 1 }, body) else {
            panic!()
        };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let expected = NotCarried {
            additional_emails: texts(&["x@example.com", "y@example.com"]),
            additional_phones: texts(&["+15550100"]),
            attachments: texts(&["https://a.example/1.pdf", "https://a.example/2.pdf"]),
            ..NotCarried::default()
        };
        assert_eq!(page.contacts[0].not_carried, expected);
        assert_eq!(page.contacts[0].created_at, Some(EpochMs(1_625_745_731_285)));
        assert_eq!(page.total, Some(20_001));
    }

    #[test]
    fn a_page_of_opportunities_shows_what_each_says() {
        let page = |api, limit, body: &str| {
            let call = Call::OpportunitiesPage { pipeline: None, cursor: None, limit };
            match answer(api, &call, body) {
                Ok(Answer::OpportunityPage(page)) => page,
                other => panic!("{other:?}"),
            }
        };
        let body = r#"{"opportunities":[{"id":"o1","name":"Roof","contactId":"c1","pipelineId":"p1","pipelineStageId":"s1",
            "status":"won","lostReasonId":"r1","followers":["u2",{"id":"u3"}],"monetaryValue":220.5,"assignedTo":"u1","source":"","createdAt":"2021-07-08T12:02:11.285Z",
            "updatedAt":"2021-07-08T12:02:12.285Z","contact":{"id":"c1","name":"Ann"},
            "customFields":[{"id":"f1","type":"string","fieldValueString":"x"},{"id":"f2","fieldValue":["a"]}]}],
            "meta":{"total":7,"startAfter":1625745731285,"startAfterId":"o1"},"aggregations":{}}"#;
        let shown = page(Api::V2, 1, body);
        let opportunity = &shown.opportunities[0];
        let expected = json!({
            "name": "Roof", "contactId": "c1", "pipelineId": "p1", "pipelineStageId": "s1", "status": "won",
            "monetaryValue": 220.5, "assignedTo": "u1",
            "customFields": [{ "id": "f1", "value": "x" }, { "id": "f2", "value": ["a"] }],
        });
        assert_eq!(serde_json::to_value(&opportunity.content).unwrap(), expected);
        let followers = vec!["u2".to_owned(), "u3".to_owned()];
        let not_carried = NotCarried { lost_reason: Some("r1".to_owned()), followers, ..NotCarried::default() };
        assert_eq!(opportunity.not_carried, not_carried);
        assert_eq!(opportunity.created_at, Some(EpochMs(1_625_745_731_285)));
        assert_eq!(opportunity.updated_at, Some(EpochMs(1_625_745_732_285)));
        assert_eq!(shown.next, Some(PageCursor(r#"[1625745731285,"o1"]"#.to_owned())));
        assert_eq!(shown.total, Some(7));
        assert_eq!(page(Api::V2, 2, body).next, None, "a page that is not full is the last one");
        let v1 = r#"{"opportunities":[{"id":"o1","name":"Roof","contact":{"id":"c1"}}],"meta":{"total":1}}"#;
        assert_eq!(page(Api::V1, 100, v1).opportunities[0].content.contact_id.as_deref(), Some("c1"));
    }

    #[test]
    fn one_odd_contact_does_not_cost_the_page() {
        let Ok(Answer::Contacts(page)) = answer(Api::V2, &changed(2), r#"{"contacts":[{"id":"a"},{"id":null}]}"#)
        else {
            panic!()
        };
        assert_eq!((page.contacts.len(), page.unread.len()), (1, 1));
        assert_eq!(answer(Api::V2, &changed(2), r#"{"contacts":[{}]}"#), Err(unreadable("no contact with an id")));
    }
}

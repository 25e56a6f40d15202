//! Finds the fields that GHL did not store although it answered the call with success.
//!
//! A success means that GHL accepted the request, not that it stored every field: it sometimes drops fields without an
//! error. GHL's answer shows the record after the call, so we compare it with what we sent. A field missing from the
//! answer proves nothing, unless the answer shows the whole record: by the specification, answers to create, upsert and
//! update contain every field of the record.

use std::collections::BTreeSet;

use serde_json::Value;

use super::comparison::{self, ComparedField, folded};
use ghl_sync_model::{
    Contact, KnownState, Opportunity, Provenance, RemoteContent, RemoteOpportunity, View, is_same_tag,
};

/// Most fields that one record reports as not stored. Nobody would read more.
const MOST_FIELDS: usize = 50;
/// Longest name of a field, in characters. The producer chooses the id of a custom field.
const MOST_CHARS: usize = 100;
/// Name under which a lost additional e-mail address of a contact is reported.
const ADDITIONAL_EMAILS: &str = "additionalEmails";

/// The fields that GHL did not store, over all calls for one record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotStored(BTreeSet<String>);

impl NotStored {
    /// Compares the answer to a write of `sent`. `provenance` says whether that call created the contact or found it,
    /// as far as we know.
    pub fn contact_written(&mut self, sent: &Contact, view: Option<&View<Contact>>, provenance: Provenance) {
        let nothing = View { content: Contact::default(), is_whole: false, has_custom_fields: false };
        let view = view.unwrap_or(&nothing);
        let theirs = &view.content;
        self.take(comparison::contact(sent, theirs), view.is_whole, view.has_custom_fields);
        if let Some(ours) = &sent.timezone {
            self.take(comparison::text("timezone", ours, theirs.timezone.as_deref(), folded), view.is_whole, false);
        }
        // GHL accepts gender only when it creates a contact: an update rejects it, and an upsert drops it.
        if let Some(ours) = &sent.gender {
            match (&theirs.gender, provenance) {
                (Some(theirs), _) => self.note("gender", folded(theirs) == folded(ours)),
                (None, Provenance::Created) => self.note("gender", true),
                (None, Provenance::Found) => self.note("gender", false),
                (None, Provenance::Unknown) => {}
            }
        }
        if let Some(Value::Object(ours)) = &sent.dnd_settings {
            self.channels(ours, theirs.dnd_settings.as_ref(), view.is_whole);
        }
    }

    /// Compares the answer to a write of `sent`.
    pub fn opportunity_written(&mut self, sent: &Opportunity, view: Option<&View<RemoteOpportunity>>) {
        if let Some(view) = view {
            self.take(comparison::opportunity(sent, &view.content), view.is_whole, view.has_custom_fields);
        }
    }

    /// Checks the contact's tags after `sent` were added, if the answer shows them.
    pub fn tags_added<'a>(&mut self, sent: impl IntoIterator<Item = &'a String>, shown: Option<&[String]>) {
        let Some(shown) = shown else { return };
        self.note("tags", sent.into_iter().all(|tag| is_among(tag, shown)));
    }

    /// Checks the contact's tags after `sent` were removed, if the answer shows them.
    pub fn tags_removed<'a>(&mut self, sent: impl IntoIterator<Item = &'a String>, shown: Option<&[String]>) {
        let Some(shown) = shown else { return };
        self.note("removeTags", !sent.into_iter().any(|tag| is_among(tag, shown)));
    }

    /// Notes that an upsert of `sent` matched the contact known as `before`. If that contact had another primary
    /// address and was not matched by phone, ours was one of its additional addresses: GHL makes ours the primary
    /// address and drops the old one.
    pub fn contact_met(&mut self, sent: &Contact, before: &KnownState) {
        let Some(RemoteContent::Contact(before)) = &before.content else { return };
        let (Some(ours), Some(theirs)) = (&sent.email, &before.email) else { return };
        let by_phone = match (&sent.phone, &before.phone) {
            (Some(ours), Some(theirs)) => comparison::same_phone(ours, theirs),
            _ => false,
        };
        if folded(ours) != folded(theirs) && !by_phone {
            self.note(ADDITIONAL_EMAILS, false);
        }
    }

    /// GHL's names of the fields that were not stored, sorted, at most 50.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        self.0.iter().take(MOST_FIELDS).cloned().collect()
    }

    fn channels(&mut self, ours: &serde_json::Map<String, Value>, theirs: Option<&Value>, is_whole: bool) {
        let theirs = theirs.and_then(Value::as_object);
        let status = |setting: &Value| setting["status"].as_str().map(folded);
        for (channel, setting) in ours {
            let Some(wanted) = status(setting) else { continue };
            let shown = theirs.and_then(|theirs| {
                theirs.iter().find(|(name, _)| name.eq_ignore_ascii_case(channel)).and_then(|(_, shown)| status(shown))
            });
            // A channel that GHL does not show is open.
            if theirs.is_some() || is_whole {
                self.note(&format!("dndSettings.{channel}"), shown.unwrap_or_else(|| "inactive".to_owned()) == wanted);
            }
        }
    }

    fn take(&mut self, compared: impl IntoIterator<Item = ComparedField>, is_whole: bool, has_custom_fields: bool) {
        let mut differing = BTreeSet::new();
        for ComparedField { field, is_same, is_shown, .. } in compared {
            let is_proof = is_shown || if field.starts_with("customFields.") { has_custom_fields } else { is_whole };
            if is_same && !differing.contains(&field) {
                self.note(&field, true);
            } else if !is_same && is_proof {
                self.note(&field, false);
                // Several tags count as one field.
                differing.insert(field);
            }
        }
    }

    fn note(&mut self, field: &str, is_stored: bool) {
        let field: String = field.chars().take(MOST_CHARS).collect();
        if is_stored {
            self.0.remove(&field);
        } else {
            self.0.insert(field);
        }
    }
}

/// Tags that the contact still has after `sent` were removed and that match one of `sent` in another spelling. Empty if
/// the answer shows no tags.
#[must_use]
pub fn spelled_otherwise(sent: &[String], shown: Option<&[String]>) -> BTreeSet<String> {
    let is_left = |tag: &&String| !sent.contains(tag) && is_among(tag, sent);
    shown.unwrap_or_default().iter().filter(is_left).cloned().collect()
}

fn is_among(tag: &str, tags: &[String]) -> bool {
    tags.iter().any(|other| is_same_tag(other, tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use ghl_sync_model::{EpochMs, Kind, Payload};

    fn contact(value: &Value) -> Contact {
        let Payload::Contact(contact) = Payload::from_json(Kind::Contact, &value.to_string()).unwrap() else {
            panic!()
        };
        contact
    }

    /// The fields reported for `sent` if the answer shows `shown` as the whole record.
    fn of(sent: &Value, shown: &Value) -> Vec<String> {
        let mut not_stored = NotStored::default();
        let content: Contact = serde_json::from_value(shown.clone()).unwrap();
        let view = View { content, is_whole: true, has_custom_fields: true };
        not_stored.contact_written(&contact(sent), Some(&view), Provenance::Found);
        not_stored.fields()
    }

    fn full() -> Value {
        json!({
            "firstName": "Ann", "lastName": "Lee", "name": "Ann Lee", "email": "Ann@Example.com",
            "phone": "+1 (202) 555-0101", "address1": "1 Main St", "city": "Ulm", "state": "BW", "postalCode": "01234",
            "website": "https://a.example/", "timezone": "Europe/Berlin", "source": "Fair", "country": "US",
            "companyName": "Acme", "assignedTo": "Uid1", "dateOfBirth": "1990-12-31", "dnd": true,
            "dndSettings": { "SMS": { "status": "active" } }, "tags": ["VIP", "new"],
            "customFields": [
                { "id": "number", "value": "5" }, { "id": "date", "value": "2026-01-02" },
                { "id": "list", "value": ["b", "a"] }, { "id": "text", "value": "007" },
            ],
        })
    }

    fn as_ghl_shows_it() -> Value {
        json!({
            "firstName": "ann", "lastName": "lee ", "name": "ann lee", "email": "ann@example.com",
            "phone": "+12025550101", "address1": "1 Main  St", "city": "Ulm", "state": "bw", "postalCode": "01234",
            "website": "https://a.example", "timezone": "Europe/Berlin", "source": "fair", "country": "United States",
            "companyName": "Acme", "assignedTo": "Uid1", "dateOfBirth": "1990-12-31T00:00:00.000Z", "dnd": true,
            "dndSettings": { "sms": { "status": "active" } }, "tags": ["vip", "old", "new"],
            "customFields": [
                { "id": "number", "value": 5 }, { "id": "date", "value": "2026-01-02T00:00:00.000Z" },
                { "id": "list", "value": ["a", "b"] }, { "id": "text", "value": "007" },
            ],
        })
    }

    #[test]
    fn the_forms_that_ghl_gives_are_no_differences() {
        assert_eq!(of(&full(), &as_ghl_shows_it()), [""; 0]);
    }

    #[test]
    fn every_field_that_ghl_shows_otherwise_or_not_at_all_is_named() {
        for (field, value) in full().as_object().unwrap() {
            let mut missing = as_ghl_shows_it();
            missing.as_object_mut().unwrap().remove(field);
            let expected: Vec<String> = match field.as_str() {
                "customFields" => ["date", "list", "number", "text"].map(|id| format!("customFields.{id}")).into(),
                "dndSettings" => vec!["dndSettings.SMS".to_owned()],
                // GHL builds the name from its parts.
                "name" => Vec::new(),
                field => vec![field.to_owned()],
            };
            let found = of(&full(), &missing);
            match field.as_str() {
                "firstName" | "lastName" => assert!(found.contains(field), "{field}: {found:?}"),
                _ => assert_eq!(found, expected, "{field} is not shown"),
            }
            let other = match value {
                Value::String(_) if field == "phone" => json!("+442025550101"),
                Value::String(_) if field == "country" => json!("Canada"),
                Value::String(_) if field == "dateOfBirth" => json!("1991-12-31"),
                Value::String(_) => json!("other@example.com"),
                Value::Bool(_) => json!(false),
                _ => continue,
            };
            let mut changed = as_ghl_shows_it();
            changed[field.as_str()] = other;
            assert!(of(&full(), &changed).contains(field), "{field} is another one");
        }
    }

    #[test]
    fn a_short_answer_proves_nothing_of_what_it_does_not_show() {
        let sent = contact(&full());
        let mut not_stored = NotStored::default();
        not_stored.contact_written(&sent, None, Provenance::Found);
        assert_eq!(not_stored.fields(), [""; 0]);
        let content = Contact { city: Some("Bonn".to_owned()), ..Contact::default() };
        let view = View { content, is_whole: false, has_custom_fields: false };
        not_stored.contact_written(&sent, Some(&view), Provenance::Found);
        assert_eq!(not_stored.fields(), ["city"], "what it shows otherwise is another matter");
    }

    #[test]
    fn gender_is_stored_by_a_creation_only_unless_the_answer_shows_it() {
        let sent = contact(&json!({ "email": "a@b.c", "gender": "female" }));
        let view = |gender: Option<&str>| View {
            content: Contact { gender: gender.map(str::to_owned), ..contact(&json!({ "email": "a@b.c" })) },
            is_whole: true,
            has_custom_fields: true,
        };
        for (shown, provenance, expected) in [
            (None, Provenance::Created, vec![]),
            (None, Provenance::Found, vec!["gender"]),
            (None, Provenance::Unknown, vec![]),
            (Some("Female"), Provenance::Found, vec![]),
            (Some("male"), Provenance::Found, vec!["gender"]),
            (Some("male"), Provenance::Created, vec!["gender"]),
        ] {
            let mut not_stored = NotStored::default();
            not_stored.contact_written(&sent, Some(&view(shown)), provenance);
            assert_eq!(not_stored.fields(), expected, "{shown:?} {provenance:?}");
        }
    }

    #[test]
    fn what_was_to_be_cleared_and_is_still_shown_is_not_stored() {
        let sent = json!({ "email": "a@b.c", "city": null, "customFields": [{ "id": "f1", "value": null }] });
        let still = json!({ "email": "a@b.c", "city": "Ulm", "customFields": [{ "id": "f1", "value": 7 }] });
        assert_eq!(of(&sent, &still), ["city", "customFields.f1"]);
        for cleared in
            [json!({ "email": "a@b.c" }), json!({ "email": "a@b.c", "customFields": [{ "id": "f1", "value": "" }] })]
        {
            assert_eq!(of(&sent, &cleared), [""; 0]);
        }
    }

    #[test]
    fn a_later_call_that_stores_the_field_ends_it() {
        let sent = contact(&json!({ "email": "a@b.c", "companyName": "Acme" }));
        let mut not_stored = NotStored::default();
        let without = View { content: contact(&json!({ "email": "a@b.c" })), is_whole: true, has_custom_fields: true };
        not_stored.contact_written(&sent, Some(&without), Provenance::Found);
        assert_eq!(not_stored.fields(), ["companyName"]);
        not_stored.contact_written(&sent, Some(&View { content: sent.clone(), ..without }), Provenance::Found);
        assert_eq!(not_stored.fields(), [""; 0]);
    }

    #[test]
    fn the_first_address_that_an_upsert_by_an_additional_one_replaced_is_told() {
        let known = |email: &str, phone: &str| KnownState {
            at: EpochMs(0),
            event_id: "e".parse().unwrap(),
            content: Some(RemoteContent::Contact(contact(&json!({ "email": email, "phone": phone })))),
            deleted_at: None,
            keep_until: None,
        };
        let sent = contact(&json!({ "email": "second@b.c", "phone": "+12025550101" }));
        for (before, expected) in [
            (known("first@b.c", "+12025550199"), vec!["additionalEmails"]),
            (known("SECOND@b.c", "+12025550199"), vec![]),
            // Matched by phone: the contact is meant to get this address.
            (known("first@b.c", "+12025550101"), vec![]),
        ] {
            let mut not_stored = NotStored::default();
            not_stored.contact_met(&sent, &before);
            assert_eq!(not_stored.fields(), expected);
        }
    }

    #[test]
    fn an_opportunity_is_judged_field_by_field() {
        let opportunity = |value: Value| {
            let Payload::Opportunity(opportunity) = Payload::from_json(Kind::Opportunity, &value.to_string()).unwrap()
            else {
                panic!()
            };
            opportunity
        };
        let sent = json!({
            "contactId": "c", "pipelineId": "p", "pipelineStageId": "s", "name": "Roof", "status": "won",
            "monetaryValue": 10, "assignedTo": "u", "customFields": [{ "id": "f", "value": "x" }],
        });
        let shown = json!({
            "contactId": "c", "pipelineId": "p", "pipelineStageId": "s", "name": "roof", "status": "won",
            "monetaryValue": 10.0, "assignedTo": "u", "customFields": [{ "id": "f", "value": "X" }],
        });
        let of = |shown: &Value| {
            let mut not_stored = NotStored::default();
            let content: RemoteOpportunity = serde_json::from_value(shown.clone()).unwrap();
            let view = View { content, is_whole: true, has_custom_fields: true };
            not_stored.opportunity_written(&opportunity(sent.clone()), Some(&view));
            not_stored.fields()
        };
        assert_eq!(of(&shown), [""; 0]);
        for field in ["pipelineId", "pipelineStageId", "name", "status", "monetaryValue", "assignedTo", "customFields"]
        {
            let mut other = shown.clone();
            other.as_object_mut().unwrap().remove(field);
            let expected = if field == "customFields" { "customFields.f" } else { field };
            assert_eq!(of(&other), [expected]);
        }
    }

    /// `text` in another notation that GHL may use for the same value.
    fn rewritten(text: &str, upper: bool, blanks: usize) -> String {
        let text = if upper { text.to_uppercase() } else { text.to_lowercase() };
        format!("{}{text}{}", " ".repeat(blanks), " ".repeat(blanks))
    }

    proptest! {
        #[test]
        fn a_normalised_form_never_counts_and_another_value_always_does(
            word in "[a-z]{1,8}( [a-z]{1,8})?", other in "[a-z]{1,8}", upper: bool, blanks in 0usize..3,
            number in -1_000_000i64..1_000_000, cents in 0u32..100, ms_day in 0u64..30_000,
            digits in "[2-9][0-9]{9}",
        ) {
            prop_assume!(word != other);
            let amount = format!("{number}.{cents:02}");
            let day = { let ms = ms_day * 86_400_000; comparison::day_of(ms) };
            let sent = json!({
                "email": format!("{}@x.example", word.replace(' ', ".")), "firstName": word, "city": word,
                "companyName": word, "phone": format!("+1{digits}"), "dateOfBirth": day,
                "customFields": [
                    { "id": "n", "value": amount }, { "id": "i", "value": number }, { "id": "d", "value": day },
                    { "id": "t", "value": word }, { "id": "l", "value": [word, other] },
                ],
            });
            let shown = json!({
                "email": rewritten(&format!("{}@x.example", word.replace(' ', ".")), upper, 0),
                "firstName": rewritten(&word, upper, blanks), "city": rewritten(&word, upper, blanks),
                "companyName": rewritten(&word, upper, blanks),
                "phone": format!("+1 ({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
                "dateOfBirth": format!("{day}T00:00:00.000Z"),
                "customFields": [
                    { "id": "n", "value": amount.parse::<f64>().unwrap() }, { "id": "i", "value": number.to_string() },
                    { "id": "d", "value": ms_day * 86_400_000 }, { "id": "t", "value": rewritten(&word, upper, blanks) },
                    { "id": "l", "value": [rewritten(&other, upper, 0), rewritten(&word, upper, 0)] },
                ],
            });
            prop_assert_eq!(of(&sent, &shown), [""; 0]);
            for (field, value) in [
                ("firstName", json!(other)), ("city", json!(other)), ("companyName", json!(other)),
                ("phone", json!(format!("+44{digits}"))), ("email", json!("nobody@x.example")),
                ("dateOfBirth", json!("2099-01-01")),
            ] {
                let mut changed = shown.clone();
                changed[field] = value;
                prop_assert_eq!(of(&sent, &changed), [field]);
            }
            for (at, id, value) in [
                (0, "n", json!(number + 3)), (1, "i", json!(number + 1)), (2, "d", json!("2099-01-01")),
                (3, "t", json!(other)), (4, "l", json!([other])),
            ] {
                let mut changed = shown.clone();
                changed["customFields"][at]["value"] = value;
                prop_assert_eq!(of(&sent, &changed), [format!("customFields.{id}")]);
            }
        }
    }
}

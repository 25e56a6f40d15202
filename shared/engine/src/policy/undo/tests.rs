//! The actions of an undo, case by case.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const WRITTEN: EpochMs = EpochMs(1_795_000_000_000);

fn id() -> GhlId {
    "g1".parse().unwrap()
}

fn payload(kind: Kind, json: &Value) -> Payload {
    match kind {
        Kind::Contact => Payload::Contact(serde_json::from_value(json.clone()).unwrap()),
        Kind::Opportunity => Payload::Opportunity(serde_json::from_value(json.clone()).unwrap()),
    }
}

fn content(kind: Kind, json: &Value) -> RemoteContent {
    RemoteContent::from_json(kind, &json.to_string()).unwrap()
}

fn image(kind: Kind, before: Option<&Value>, sent: &[Value]) -> PreImage {
    let before = before.map(|before| Before::new(id(), content(kind, before)));
    let image = PreImage::new("x".parse().unwrap(), WRITTEN, before);
    sent.iter().fold(image, |image, sent| image.with_sent(&payload(kind, sent)).unwrap_or(image))
}

fn shown(kind: Kind, json: &Value) -> ShownNow {
    ShownNow { ghl_id: id(), content: content(kind, json), changed_at: Some(WRITTEN) }
}

/// What an undo writes, and what it leaves.
fn reversed(kind: Kind, before: &Value, sent: &[Value], now: &Value) -> (Value, Vec<(String, LeftReason)>) {
    let image = image(kind, Some(before), sent);
    let undoing = Undoing { image: &image, is_ours: false, written_at: WRITTEN };
    let Reversal { delete, restore, left } = reversal(kind, &undoing, Some(&shown(kind, now)));
    assert!(!delete);
    let written = restore.map_or(Value::Null, |payload| serde_json::from_str(&payload.to_json()).unwrap());
    (written, left.into_iter().map(|LeftField { field, why }| (field, why)).collect())
}

fn whole(kind: Kind, is_ours: bool, sent: &Value, now: Option<&ShownNow>) -> Reversal {
    let image = image(kind, None, std::slice::from_ref(sent));
    reversal(kind, &Undoing { image: &image, is_ours, written_at: WRITTEN }, now)
}

#[test]
fn a_field_of_a_contact_goes_back_where_ghl_shows_what_was_sent() {
    use LeftReason::{Changed, Consent, NotClearable, SentByKey};
    let table = [
        (json!({"city": "Ulm"}), json!({"city": "Bonn"}), json!({"city": "bonn "}), json!({"city": "Ulm"}), vec![]),
        (json!({}), json!({"city": "Bonn"}), json!({"city": "Bonn"}), json!({"city": null}), vec![]),
        (json!({"city": "Ulm"}), json!({"city": null}), json!({}), json!({"city": "Ulm"}), vec![]),
        (json!({"city": "Ulm"}), json!({"city": "Bonn"}), json!({"city": "Ulm"}), json!(null), vec![]),
        (json!({"city": "Ulm"}), json!({"city": "Ulm"}), json!({"city": "Kiel"}), json!(null), vec![]),
        (
            json!({"city": "Ulm"}),
            json!({"city": "Bonn"}),
            json!({"city": "Kiel"}),
            json!(null),
            vec![("city", Changed)],
        ),
        (json!({"city": "Ulm"}), json!({"city": "Bonn"}), json!({}), json!(null), vec![("city", Changed)]),
        (
            json!({}),
            json!({"country": "DE"}),
            json!({"country": "Germany"}),
            json!(null),
            vec![("country", NotClearable)],
        ),
        (
            json!({"country": "US"}),
            json!({"country": "DE"}),
            json!({"country": "DE"}),
            json!({"country": "US"}),
            vec![],
        ),
        (
            json!({"timezone": "Europe/Berlin"}),
            json!({"timezone": "Europe/Paris"}),
            json!({"timezone": "Europe/Paris"}),
            json!({"timezone": "Europe/Berlin"}),
            vec![],
        ),
        (
            json!({"phone": "+12025550101"}),
            json!({"phone": "+12025550199"}),
            json!({"phone": "+1 (202) 555-0199"}),
            json!({"phone": "+12025550101"}),
            vec![],
        ),
        (
            json!({"firstName": "Ann", "lastName": "Lee", "name": "Ann Lee"}),
            json!({"name": "Bea Fox"}),
            json!({"firstName": "Bea", "lastName": "Fox", "name": "Bea Fox"}),
            json!({"firstName": "Ann", "lastName": "Lee"}),
            vec![],
        ),
        (
            json!({"name": "Ann Lee"}),
            json!({"name": "Bea Fox"}),
            json!({"name": "Cem Ott"}),
            json!(null),
            vec![("name", Changed)],
        ),
        (
            json!({"tags": ["a", "b"]}),
            json!({"tags": ["b", "c"], "removeTags": ["a"]}),
            json!({"tags": ["b", "c", "d"]}),
            json!({"tags": ["a"], "removeTags": ["c"]}),
            vec![],
        ),
        (
            json!({"tags": ["a"]}),
            json!({"tags": ["c"], "removeTags": ["a"]}),
            json!({"tags": ["a"]}),
            json!(null),
            vec![],
        ),
        (json!({}), json!({"dnd": true}), json!({"dnd": true}), json!(null), vec![("dnd", Consent)]),
        (json!({"dnd": true}), json!({"dnd": true}), json!({"dnd": true}), json!(null), vec![]),
        (
            json!({}),
            json!({"dndSettings": {"SMS": {"status": "active"}}}),
            json!({"dndSettings": {"SMS": {"status": "active"}}}),
            json!(null),
            vec![("dndSettings.SMS", Consent)],
        ),
        (
            json!({"customFields": [{"id": "f", "value": 7}]}),
            json!({"customFields": [{"id": "f", "value": "8"}, {"id": "g", "value": "x"}]}),
            json!({"customFields": [{"id": "f", "value": 8}, {"id": "g", "value": "x"}, {"id": "h", "value": "y"}]}),
            json!({"customFields": [{"id": "f", "value": 7}, {"id": "g", "value": null}]}),
            vec![],
        ),
        (
            json!({}),
            json!({"customFields": [{"key": "contact.size", "value": "L"}]}),
            json!({"customFields": [{"id": "f", "value": "L"}]}),
            json!(null),
            vec![("customFields.contact.size", SentByKey)],
        ),
        (json!({}), json!({"customFields": [{"key": "contact.size", "value": "L"}]}), json!({}), json!(null), vec![]),
    ];
    for (before, sent, now, written, left) in table {
        let left: Vec<(String, LeftReason)> = left.into_iter().map(|(field, why)| (field.to_owned(), why)).collect();
        let found = reversed(Kind::Contact, &before, std::slice::from_ref(&sent), &now);
        assert_eq!(found, (written, left), "{before} {sent} {now}");
    }
}

#[test]
fn every_content_that_was_sent_counts_as_the_imports() {
    let sent = [json!({"city": "Bonn"}), json!({"city": "Kiel", "state": "SH"})];
    for city in ["Bonn", "Kiel"] {
        let (written, left) =
            reversed(Kind::Contact, &json!({"city": "Ulm"}), &sent, &json!({"city": city, "state": "SH"}));
        assert_eq!((written, left), (json!({"city": "Ulm", "state": null}), vec![]), "{city}");
    }
}

#[test]
fn an_opportunity_goes_back_with_its_pipeline_and_stage_and_what_cannot_be_cleared_stays() {
    use LeftReason::{Changed, NotClearable};
    let opportunity = |more: Value| {
        let mut opportunity = json!({"contactId": "c", "pipelineId": "p", "name": "Roof"});
        opportunity.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        opportunity
    };
    let table = [
        (
            json!({"monetaryValue": 1}),
            json!({"monetaryValue": 2}),
            json!({"monetaryValue": 2.0}),
            json!({"monetaryValue": 1}),
            vec![],
        ),
        (json!({}), json!({"monetaryValue": 2}), json!({"monetaryValue": 2}), json!({"monetaryValue": 0}), vec![]),
        (
            json!({"status": "open"}),
            json!({"status": "won"}),
            json!({"status": "lost"}),
            json!(null),
            vec![("status", Changed)],
        ),
        (
            json!({}),
            json!({"assignedTo": "u"}),
            json!({"assignedTo": "u"}),
            json!(null),
            vec![("assignedTo", NotClearable)],
        ),
        (
            json!({"pipelineId": "o", "pipelineStageId": "s"}),
            json!({}),
            json!({"pipelineStageId": "t"}),
            json!({"pipelineId": "o", "pipelineStageId": "s"}),
            vec![],
        ),
        (json!({"name": "Garage"}), json!({}), json!({}), json!({"name": "Garage"}), vec![]),
    ];
    for (before, sent, now, written, left) in table {
        let left: Vec<(String, LeftReason)> = left.into_iter().map(|(field, why)| (field.to_owned(), why)).collect();
        let expected = match written {
            Value::Null => Value::Null,
            written => {
                let mut expected = opportunity(written);
                expected.as_object_mut().unwrap().remove("contactId");
                expected
            }
        };
        let sent = opportunity(sent);
        let found = reversed(
            Kind::Opportunity,
            &opportunity(before.clone()),
            std::slice::from_ref(&sent),
            &opportunity(now.clone()),
        );
        assert_eq!(found, (expected, left), "{before} {sent} {now}");
    }
}

#[test]
fn what_the_import_created_is_deleted_only_where_nothing_says_that_somebody_else_has_to_do_with_it() {
    let sent = json!({"email": "a@b.c", "name": "Ann Lee", "tags": ["a"], "customFields": [{"id": "f", "value": "1"}]});
    let mut there = json!({
        "email": "a@b.c", "firstName": "Ann", "lastName": "Lee", "name": "ann lee", "tags": ["a"], "country": "US",
        "source": "public api", "customFields": [{"id": "f", "value": 1}, {"id": "g", "value": ""}], "dnd": false,
    });
    let now = |json: &Value| shown(Kind::Contact, json);
    let unchanged = Reversal { delete: true, ..Reversal::default() };
    assert_eq!(whole(Kind::Contact, true, &sent, Some(&now(&there))), unchanged);
    assert_eq!(whole(Kind::Contact, true, &sent, None), Reversal::default());
    let fields = |reversal: Reversal| -> Vec<String> { reversal.left.into_iter().map(|left| left.field).collect() };
    for is_ours in [true, false] {
        let late = ShownNow { changed_at: Some(WRITTEN + OWN_WRITE + Duration::from_millis(1)), ..now(&there) };
        let reversal = whole(Kind::Contact, is_ours, &sent, Some(&late));
        assert_eq!((reversal.delete, fields(reversal)), (false, vec!["contact".to_owned()]));
    }
    assert!(!whole(Kind::Contact, true, &sent, Some(&ShownNow { changed_at: None, ..now(&there) })).delete);
    for (field, value, told) in [
        ("email", json!("b@b.c"), "email"),
        ("city", json!("Ulm"), "city"),
        ("tags", json!(["a", "b"]), "tags"),
        ("customFields", json!([{"id": "f", "value": "1"}, {"id": "g", "value": "x"}]), "customFields.g"),
        ("dnd", json!(true), "dnd"),
        ("dndSettings", json!({"SMS": {"status": "active"}}), "dndSettings.SMS"),
    ] {
        let before = there[field].clone();
        there[field] = value;
        let reversal = whole(Kind::Contact, true, &sent, Some(&now(&there)));
        assert!(!reversal.delete && fields(reversal).contains(&told.to_owned()), "{field}");
        there[field] = before;
    }
    let opportunity = json!({"contactId": "c", "pipelineId": "p", "name": "Roof"});
    let shown_opportunity = |more: Value| {
        let mut opportunity = opportunity.clone();
        opportunity.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        shown(Kind::Opportunity, &opportunity)
    };
    let untouched = json!({"status": "open", "pipelineStageId": "s", "monetaryValue": 0});
    assert!(whole(Kind::Opportunity, true, &opportunity, Some(&shown_opportunity(untouched))).delete);
    for more in [json!({"status": "won"}), json!({"monetaryValue": 5}), json!({"name": "Garage"})] {
        assert!(!whole(Kind::Opportunity, true, &opportunity, Some(&shown_opportunity(more.clone()))).delete, "{more}");
    }
}

#[test]
fn another_contact_than_the_one_that_was_looked_at_is_left_alone() {
    let (before, sent) = (json!({"city": "Ulm"}), json!({"city": "Bonn"}));
    let image = image(Kind::Contact, Some(&before), std::slice::from_ref(&sent));
    let undoing = Undoing { image: &image, is_ours: true, written_at: WRITTEN };
    let other = ShownNow { ghl_id: "g2".parse().unwrap(), ..shown(Kind::Contact, &sent) };
    assert_eq!(
        reversal(Kind::Contact, &undoing, Some(&other)),
        Reversal::left_whole(Kind::Contact, LeftReason::NotKnown)
    );
    assert_eq!(reversal(Kind::Contact, &undoing, None), Reversal::left_whole(Kind::Contact, LeftReason::Gone));
}

proptest! {
    /// GHL as a map of texts: an import writes some, others write some, and the undo writes its reversal.
    #[test]
    fn the_identity_on_what_nobody_else_touched(
        before in proptest::collection::btree_map("[a-f]", "[xyz]", 0..5),
        sent in proptest::collection::btree_map("[a-f]", proptest::option::of("[xyz]"), 0..5),
        edits in proptest::collection::btree_map("[a-f]", proptest::option::of("[uvw]"), 0..3),
    ) {
        const NAMES: [(&str, &str); 6] = [("a", "firstName"), ("b", "lastName"), ("c", "city"), ("d", "state"), ("e", "website"), ("f", "companyName")];
        let name = |key: &str| NAMES.iter().find(|(short, _)| *short == key).unwrap().1.to_owned();
        let write = |there: &mut Map<String, Value>, field: String, value: Option<String>| match value {
            Some(value) => drop(there.insert(field, value.into())),
            None => drop(there.remove(&field)),
        };
        let mut there = Map::new();
        before.iter().for_each(|(key, value)| write(&mut there, name(key), Some(value.clone())));
        let was = there.clone();
        let content: Map<String, Value> = sent.iter().map(|(key, value)| (name(key), json!(value))).collect();
        sent.iter().for_each(|(key, value)| write(&mut there, name(key), value.clone()));
        edits.iter().for_each(|(key, value)| write(&mut there, name(key), value.clone()));
        let edited = there.clone();
        let (written, _) = reversed(Kind::Contact, &json!(was), &[json!(content)], &json!(there));
        for (field, value) in written.as_object().cloned().unwrap_or_default() {
            write(&mut there, field, value.as_str().map(str::to_owned));
        }
        for (key, field) in NAMES {
            let is_edit = edits.contains_key(key) && edits.get(key) != sent.get(key);
            let expected = if is_edit { &edited } else { &was };
            prop_assert_eq!(there.get(field), expected.get(field), "{}", field);
        }
    }
}

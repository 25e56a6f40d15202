//! Computes how a mend changes the content of a record. It decides nothing else.

use ghl_sync_model::{Contact, Kind, Opportunity, Payload};
use serde_json::{Map, Value};

use super::LeftAloneReason;
use crate::items::{ItemFault, JsonFault, from_json, printable};

/// Most fields that one mend removes, and most that it sets.
pub const MAX_FIELDS: usize = 50;
/// Longest name of a field, in bytes.
const LONGEST_NAME: usize = 256;
/// The list of custom fields, whose entries are removed and set one by one.
const CUSTOM_FIELDS: &str = "customFields";
/// Why consent is not changed in bulk.
const OPENS: &str =
    "says whether a person may be contacted, and cannot be changed in bulk: put such a record individually";
/// Fields that identify a record or its owner. Records with the same value in one of them are one object in GHL.
const WHO: [&str; 4] = ["email", "phone", "contactRecord", "contactId"];
/// Fields that say whether a person may be contacted. Removing them in bulk would open many contacts.
const CONSENT: [&str; 2] = ["dnd", "dndSettings"];
/// Fields that an opportunity requires.
const NEEDED: [&str; 3] = ["contactRecord", "contactId", "pipelineId"];

/// A change of the content of records: fields to remove, and fields to set.
#[derive(Debug, Clone, PartialEq)]
pub struct ContentChange {
    without: Vec<Without>,
    set: Map<String, Value>,
    /// The kinds of records that can have all fields to set.
    kinds: Vec<Kind>,
}

/// A field to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Without {
    /// A field, by name.
    Field(String),
    /// A custom field, by id or key.
    Custom(String),
}

impl ContentChange {
    /// Removes the fields in `without` (by name, as `customFields.` and an id or a key, or by a custom field's key with
    /// its dot) and sets those in `set` as a put would, in records of `kind` or of any kind.
    ///
    /// # Errors
    /// The faulty field of the request, and its problem.
    pub fn new(without: Vec<String>, set: Map<String, Value>, kind: Option<Kind>) -> Result<ContentChange, ItemFault> {
        if without.is_empty() && set.is_empty() {
            return fault("without", "or `set` must name a field, or both");
        }
        for (field, count) in [("without", without.len()), ("set", set.len())] {
            if count > MAX_FIELDS {
                return fault(field, &format!("names {count} fields; at most {MAX_FIELDS} are allowed"));
            }
        }
        let candidates: Vec<Kind> = kind.map_or_else(|| vec![Kind::Contact, Kind::Opportunity], |kind| vec![kind]);
        let mut left_out = Vec::with_capacity(without.len());
        for (index, name) in without.into_iter().enumerate() {
            let place = format!("without[{index}]");
            let named = Without::of(name, &candidates).map_err(|detail| ItemFault { field: place.clone(), detail })?;
            if let Without::Field(name) = &named
                && set.contains_key(name)
            {
                return fault(&place, "is in `set` as well: is it to be left out or to be set?");
            }
            if !left_out.contains(&named) {
                left_out.push(named);
            }
        }
        if let Some(who) = WHO.into_iter().find(|who| set.contains_key(*who)) {
            return fault(
                &format!("set.{who}"),
                "says who a record is, and cannot be the same for all: put each by itself",
            );
        }
        let closes = |name: &str| name == "dnd" && set.get(name) == Some(&Value::Bool(true));
        if let Some(consent) = CONSENT.into_iter().find(|name| set.contains_key(*name) && !closes(name)) {
            return fault(&format!("set.{consent}"), OPENS);
        }
        let kinds = kinds_that_take(&set, candidates)?;
        Ok(ContentChange { without: left_out, set, kinds })
    }

    /// Applies the change to `payload`.
    ///
    /// # Errors
    /// Why the record is left as it is.
    pub fn of(&self, payload: &Payload) -> Result<Payload, LeftAloneReason> {
        let kind = payload.kind();
        if !self.kinds.contains(&kind) {
            return Err(LeftAloneReason::NoSuchField);
        }
        let mut content: Map<String, Value> = from_json(&payload.to_json()).map_err(|_| LeftAloneReason::NotValid)?;
        let mut has_one = false;
        for without in &self.without {
            has_one |= without.leave_out(&mut content);
        }
        if !has_one && self.set.is_empty() {
            return Err(LeftAloneReason::NoSuchField);
        }
        if has_one && self.set.is_empty() && read(kind, &content).is_none() {
            return Err(LeftAloneReason::NothingLeft);
        }
        for (name, value) in &self.set {
            set(&mut content, name, value);
        }
        let changed = read(kind, &content).ok_or(LeftAloneReason::NotValid)?;
        if changed == *payload { Err(LeftAloneReason::Unchanged) } else { Ok(changed) }
    }
}

/// The payload, if a put would accept this content.
fn read(kind: Kind, content: &Map<String, Value>) -> Option<Payload> {
    let payload = Payload::from_json(kind, &json(content)).ok()?;
    payload.check_size().is_ok().then_some(payload)
}

fn json(content: &Map<String, Value>) -> String {
    // The value was parsed from JSON: serialization cannot fail.
    serde_json::to_string(content).unwrap_or_default()
}

impl Without {
    fn of(name: String, kinds: &[Kind]) -> Result<Without, String> {
        if name.len() > LONGEST_NAME {
            return Err(format!("is longer than {LONGEST_NAME} bytes"));
        }
        if let Some(one) = name.strip_prefix(CUSTOM_FIELDS).and_then(|rest| rest.strip_prefix('.')) {
            return if one.is_empty() {
                Err("names no custom field: its id or its key follows the dot".to_owned())
            } else {
                Ok(Without::Custom(one.to_owned()))
            };
        }
        let is_field = kinds.iter().any(|kind| fields_of(*kind).any(|field| field == name));
        if is_field && NEEDED.contains(&name.as_str()) {
            return Err("is required in an opportunity: set another value instead".to_owned());
        }
        if CONSENT.contains(&name.as_str()) {
            return Err(OPENS.to_owned());
        }
        match is_field {
            true => Ok(Without::Field(name)),
            false if name.contains('.') => Ok(Without::Custom(name)),
            false => Err(format!("`{}` is not a field of these records", printable(&name))),
        }
    }

    /// Removes the field. Returns whether it was there.
    fn leave_out(&self, content: &mut Map<String, Value>) -> bool {
        match self {
            Without::Field(name) => content.remove(name).is_some(),
            Without::Custom(one) => {
                let Some(Value::Array(fields)) = content.get_mut(CUSTOM_FIELDS) else { return false };
                let before = fields.len();
                fields.retain(|field| !is_called(field, one));
                fields.len() < before
            }
        }
    }
}

/// Sets a field. For custom fields, sets those that are named and keeps the others.
fn set(content: &mut Map<String, Value>, name: &str, value: &Value) {
    if let (CUSTOM_FIELDS, Value::Array(wanted)) = (name, value)
        && let Some(Value::Array(fields)) = content.get_mut(CUSTOM_FIELDS)
    {
        for one in wanted {
            match fields.iter_mut().find(|field| names(one).any(|name| is_called(field, name))) {
                Some(field) => field.clone_from(one),
                None => fields.push(one.clone()),
            }
        }
        return;
    }
    content.insert(name.to_owned(), value.clone());
}

/// The id and the key of a custom field, in any of their spellings.
fn names(field: &Value) -> impl Iterator<Item = &str> {
    ["id", "key", "fieldKey", "field_key"].into_iter().filter_map(|name| field.get(name)?.as_str())
}

fn is_called(field: &Value, one: &str) -> bool {
    names(field).any(|name| name == one)
}

/// Those of `kinds` whose records can have all fields of `set`.
fn kinds_that_take(set: &Map<String, Value>, kinds: Vec<Kind>) -> Result<Vec<Kind>, ItemFault> {
    let has_all = |kind: &Kind| set.keys().all(|name| fields_of(*kind).any(|field| field == name));
    let with_all: Vec<Kind> = kinds.iter().copied().filter(has_all).collect();
    if with_all.is_empty() {
        let is_of_none =
            |name: &&String| !kinds.iter().any(|kind| fields_of(*kind).any(|field| field == name.as_str()));
        return match set.keys().find(is_of_none) {
            Some(name) => fault(&format!("set.{}", printable(name)), "is not a field of these records"),
            None => fault("set", "has fields of contacts and of opportunities: a record has those of one"),
        };
    }
    let mut takes = Vec::new();
    let mut refusal = None;
    for kind in with_all {
        match check(kind, set) {
            Ok(()) => takes.push(kind),
            Err(fault) => refusal = refusal.or(Some(fault)),
        }
    }
    refusal.filter(|_| takes.is_empty()).map_or(Ok(takes), Err)
}

/// Checks the fields to set as a put would, together with the fields that this kind requires.
fn check(kind: Kind, set: &Map<String, Value>) -> Result<(), ItemFault> {
    let of_json = |error: JsonFault| in_set(&error.field, error.detail);
    let mut content = Map::new();
    let needed: &[(&str, &str)] = match kind {
        Kind::Contact => &[("email", "a@b.example")],
        Kind::Opportunity => &[("contactId", "c"), ("pipelineId", "p"), ("name", "n")],
    };
    content.extend(needed.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    content.extend(set.clone());
    let payload = match kind {
        Kind::Contact => from_json::<Contact>(&json(&content)).map(Payload::Contact),
        Kind::Opportunity => from_json::<Opportunity>(&json(&content)).map(Payload::Opportunity),
    };
    let payload = payload.map_err(of_json)?;
    payload.check().and_then(|()| payload.check_size()).map_err(|error| match error {
        ghl_sync_model::PayloadError::Field { field, reason } => in_set(field, reason.to_owned()),
        ghl_sync_model::PayloadError::Malformed { ref field, .. }
        | ghl_sync_model::PayloadError::TooLarge { ref field, .. } => in_set(field, error.to_string()),
    })
}

fn in_set(field: &str, detail: String) -> ItemFault {
    let field = if field.is_empty() { "set".to_owned() } else { format!("set.{field}") };
    ItemFault { field, detail }
}

fn fault<T>(field: &str, detail: &str) -> Result<T, ItemFault> {
    Err(ItemFault { field: field.to_owned(), detail: detail.to_owned() })
}

/// The fields of a kind, under GHL's names.
fn fields_of(kind: Kind) -> Box<dyn Iterator<Item = &'static str>> {
    const OF_CONTACTS: [&str; 5] = ["dnd", "dndSettings", "tags", "removeTags", CUSTOM_FIELDS];
    const OF_OPPORTUNITIES: [&str; 9] = [
        "contactRecord",
        "contactId",
        "pipelineId",
        "name",
        "status",
        "pipelineStageId",
        "monetaryValue",
        "assignedTo",
        CUSTOM_FIELDS,
    ];
    match kind {
        Kind::Contact => Box::new(Contact::TEXTS.into_iter().map(|text| text.name).chain(OF_CONTACTS)),
        Kind::Opportunity => Box::new(OF_OPPORTUNITIES.into_iter()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn change(without: &[&str], set: Value) -> Result<ContentChange, ItemFault> {
        ContentChange::new(without.iter().map(|name| (*name).to_owned()).collect(), object(set), None)
    }

    fn payload(kind: Kind, content: &Value) -> Payload {
        Payload::from_json(kind, &content.to_string()).unwrap()
    }

    #[test]
    fn the_fields_are_those_that_a_put_knows() {
        for kind in [Kind::Contact, Kind::Opportunity] {
            // The error lists all known fields.
            let unknown = match kind {
                Kind::Contact => serde_json::from_str::<Contact>(r#"{"?":1}"#).unwrap_err().to_string(),
                Kind::Opportunity => serde_json::from_str::<Opportunity>(r#"{"?":1}"#).unwrap_err().to_string(),
            };
            let all: BTreeSet<&str> = unknown.split('`').skip(3).step_by(2).collect();
            assert_eq!(fields_of(kind).collect::<BTreeSet<_>>(), all);
        }
    }

    #[test]
    fn a_field_is_left_out_or_set_and_all_others_stay() {
        use Kind::{Contact as C, Opportunity as O};
        let contact = json!({ "email": "a@x.test", "city": "Köln", "tags": ["vip"],
            "customFields": [{ "id": "f1", "value": 1 }, { "key": "contact.size", "value": "L" }] });
        let opportunity = json!({ "contactId": "c", "pipelineId": "old", "name": "Roof", "pipelineStageId": "s" });
        for (kind, before, without, set, after) in [
            (
                C,
                &contact,
                &["city", "tags", "state"][..],
                json!({}),
                json!({ "email": "a@x.test",
                "customFields": [{ "id": "f1", "value": 1 }, { "key": "contact.size", "value": "L" }] }),
            ),
            (
                C,
                &contact,
                &["customFields.f1", "tags"],
                json!({}),
                json!({ "email": "a@x.test", "city": "Köln",
                "customFields": [{ "key": "contact.size", "value": "L" }] }),
            ),
            (
                C,
                &contact,
                &["contact.size", "customFields.f1"],
                json!({}),
                json!({ "email": "a@x.test", "city": "Köln", "tags": ["vip"] }),
            ),
            (
                C,
                &contact,
                &["customFields"],
                json!({ "city": null }),
                json!({ "email": "a@x.test", "city": null, "tags": ["vip"] }),
            ),
            (
                C,
                &contact,
                &[],
                json!({ "customFields": [{ "fieldKey": "contact.size", "value": "M" }, { "id": "f2", "value": 2 }] }),
                json!({ "email": "a@x.test", "city": "Köln", "tags": ["vip"], "customFields":
                    [{ "id": "f1", "value": 1 }, { "key": "contact.size", "value": "M" }, { "id": "f2", "value": 2 }] }),
            ),
            (
                O,
                &opportunity,
                &[],
                json!({ "pipelineId": "new", "pipelineStageId": "n1" }),
                json!({ "contactId": "c", "pipelineId": "new", "name": "Roof", "pipelineStageId": "n1" }),
            ),
            (
                O,
                &opportunity,
                &["pipelineStageId"],
                json!({ "pipelineId": "new" }),
                json!({ "contactId": "c", "pipelineId": "new", "name": "Roof" }),
            ),
        ] {
            let changed = change(without, set.clone()).unwrap().of(&payload(kind, before)).unwrap();
            assert_eq!(changed, payload(kind, &after), "{without:?} {set}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_mended_so_is_left_and_it_is_said_why() {
        use Kind::{Contact as C, Opportunity as O};
        let opportunity = json!({ "contactId": "c", "pipelineId": "p", "name": "Roof", "pipelineStageId": "s" });
        let lost = json!({ "email": "a@x.test", "removeTags": ["vip"] });
        for (kind, content, without, set, why) in [
            (C, json!({ "email": "a@x.test" }), &["city"][..], json!({}), LeftAloneReason::NoSuchField),
            (C, json!({ "email": "a@x.test" }), &["customFields.f1"], json!({}), LeftAloneReason::NoSuchField),
            (C, json!({ "email": "a@x.test" }), &[], json!({ "pipelineId": "p" }), LeftAloneReason::NoSuchField),
            (C, json!({ "email": "a@x.test", "city": "Köln" }), &["email"], json!({}), LeftAloneReason::NothingLeft),
            (O, opportunity.clone(), &["name"], json!({}), LeftAloneReason::NothingLeft),
            (O, opportunity, &[], json!({ "pipelineId": "p", "pipelineStageId": "s" }), LeftAloneReason::Unchanged),
            (C, lost, &[], json!({ "tags": ["VIP"] }), LeftAloneReason::NotValid),
        ] {
            assert_eq!(
                change(without, set.clone()).unwrap().of(&payload(kind, &content)),
                Err(why),
                "{without:?} {set}"
            );
        }
    }

    #[test]
    fn what_no_put_would_take_is_refused_with_the_name_of_the_field() {
        let long = "x".repeat(300);
        for (without, set, field) in [
            (&[][..], json!({}), "without"),
            (&["colour"][..], json!({}), "without[0]"),
            (&["city", "customFields."], json!({}), "without[1]"),
            (&["pipelineId"], json!({}), "without[0]"),
            (&[long.as_str()], json!({}), "without[0]"),
            (&["city"], json!({ "city": "Köln" }), "without[0]"),
            (&["city", "dnd"], json!({}), "without[1]"),
            (&["dndSettings"], json!({}), "without[0]"),
            (&[], json!({ "dnd": false }), "set.dnd"),
            (&[], json!({ "dndSettings": { "SMS": { "status": "inactive" } } }), "set.dndSettings"),
            (&[], json!({ "email": "a@x.test" }), "set.email"),
            (&[], json!({ "contactRecord": "crm-1" }), "set.contactRecord"),
            (&[], json!({ "colour": "red" }), "set.colour"),
            (&[], json!({ "city": "Köln", "pipelineId": "p" }), "set"),
            (&[], json!({ "pipelineId": 7 }), "set.pipelineId"),
            (&[], json!({ "pipelineId": null }), "set.pipelineId"),
            (&[], json!({ "country": null }), "set.country"),
            (&[], json!({ "tags": ["x", 7] }), "set.tags[1]"),
            (&[], json!({ "status": "open?" }), "set.status"),
            (&[], json!({ "tags": ["a"], "removeTags": ["A"] }), "set.removeTags"),
            (&[], json!({ "customFields": [{ "id": "f1" }] }), "set.customFields[0].value"),
            (&[], json!({ "customFields": [{ "value": 1 }] }), "set.customFields"),
        ] {
            let fault = change(without, set.clone()).unwrap_err();
            assert_eq!(fault.field, field, "{without:?} {set}: {fault:?}");
            assert!(
                !fault.detail.contains("Köln") && !fault.detail.contains("open?"),
                "no value is repeated: {fault:?}"
            );
        }
        let of_contacts = |set: Value| ContentChange::new(Vec::new(), object(set), Some(Kind::Contact));
        assert_eq!(of_contacts(json!({ "pipelineId": "p" })).unwrap_err().field, "set.pipelineId");
        assert!(of_contacts(json!({ "name": "Ann" })).is_ok());
        assert!(of_contacts(json!({ "dnd": true })).is_ok(), "an opt-out may be set for many");
        let many = (0..=MAX_FIELDS).map(|n| format!("customFields.{n}")).collect();
        assert_eq!(ContentChange::new(many, Map::new(), None).unwrap_err().field, "without");
    }

    proptest! {
        /// Fields that are not named stay, named ones are removed or set, and applying the change twice equals applying
        /// it once.
        #[test]
        fn a_mend_changes_what_it_names_and_nothing_else(
            has in proptest::collection::btree_set(0..FIELDS.len(), 0..FIELDS.len()),
            without in proptest::collection::btree_set(0..FIELDS.len(), 0..4),
            set in proptest::collection::btree_set(0..FIELDS.len(), 0..4),
        ) {
            let mut content = object(json!({ "email": "a@x.test" }));
            content.extend(has.iter().map(|field| (FIELDS[*field].to_owned(), json!("before"))));
            let names = without.difference(&set).map(|field| FIELDS[*field].to_owned()).collect::<Vec<_>>();
            let set: Map<String, Value> = set.iter().map(|field| (FIELDS[*field].to_owned(), json!("after"))).collect();
            prop_assume!(!names.is_empty() || !set.is_empty());
            let change = ContentChange::new(names.clone(), set.clone(), None).unwrap();
            let before = payload(Kind::Contact, &Value::Object(content.clone()));
            let mut expected = content;
            names.iter().for_each(|name| _ = expected.remove(name));
            expected.extend(set);
            let expected = payload(Kind::Contact, &Value::Object(expected));
            match change.of(&before) {
                Ok(mended) => {
                    prop_assert_ne!(mended.hash(), before.hash(), "it is another content");
                    prop_assert!(change.of(&mended).is_err(), "done already");
                    prop_assert_eq!(mended, expected);
                }
                Err(why) => {
                    prop_assert!(matches!(why, LeftAloneReason::NoSuchField | LeftAloneReason::Unchanged), "{why:?}");
                    prop_assert_eq!(before, expected);
                }
            }
        }
    }

    const FIELDS: [&str; 6] = ["firstName", "city", "website", "source", "companyName", "timezone"];
}

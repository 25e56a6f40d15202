//! Random histories of an import, of people's changes in GHL, and of its undo: fields that nobody else touched return
//! to their old values, other people's changes stay, and consent never becomes less strict.

use std::collections::BTreeSet;

use ghl_sync_model::{Contact, Kind, LocationId, Payload, PutRecord};
use ghl_sync_testkit::{CallFault, Setup, TestRandomness, World};
use serde_json::{Map, Value, json};

use crate::fixtures::{HOUR, MINUTE, SECOND, contact_key, each_seed, email, loc, put_of};
use crate::undo::{put_undoable, undo, undone};

/// Number of contacts in a history.
const CONTACTS: usize = 6;
const FIELDS: [&str; 8] =
    ["firstName", "lastName", "address1", "city", "state", "website", "companyName", "postalCode"];
const TAGS: [&str; 4] = ["a", "b", "c", "d"];

/// Random decisions.
struct Chance(TestRandomness);

impl Chance {
    fn one_in(&self, n: u64) -> bool {
        self.0.within(1..=n) == 1
    }

    fn text(&self) -> String {
        ["Ann", "Bea", "Cem", "Dan", "Eve"][usize::try_from(self.0.within(0..=4)).unwrap()].to_owned()
    }

    fn fields(&self, one_in: u64, clears: bool) -> Map<String, Value> {
        let mut fields = Map::new();
        for field in FIELDS {
            if self.one_in(one_in) {
                let value = if clears && self.one_in(4) { Value::Null } else { self.text().into() };
                fields.insert(field.to_owned(), value);
            }
        }
        fields
    }

    fn tags(&self, one_in: u64) -> Vec<String> {
        TAGS.into_iter().filter(|_| self.one_in(one_in)).map(str::to_owned).collect()
    }
}

/// A contact in GHL: its fields, its tags, and whether it opted out.
#[derive(Debug, Clone, PartialEq)]
struct ContactInGhl {
    fields: Map<String, Value>,
    tags: BTreeSet<String>,
    dnd: bool,
}

fn there(world: &World, n: usize) -> Option<ContactInGhl> {
    let (_, contact, tags) = world.ghl.contact(&loc(), &email(n))?;
    let Value::Object(mut fields) = serde_json::to_value(&contact).unwrap() else { panic!() };
    let has_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    fields.retain(|field, value| FIELDS.contains(&field.as_str()) && has_text(value));
    Some(ContactInGhl { fields, tags, dnd: contact.dnd == Some(true) })
}

fn sent(chance: &Chance, n: usize) -> (PutRecord, Map<String, Value>) {
    let mut fields = chance.fields(2, true);
    fields.insert("email".to_owned(), email(n).into());
    let tags = chance.tags(3);
    let removed: Vec<String> = chance.tags(3).into_iter().filter(|tag| !tags.contains(tag)).collect();
    fields.insert("tags".to_owned(), json!(tags));
    fields.insert("removeTags".to_owned(), json!(removed));
    if chance.one_in(3) {
        fields.insert("dnd".to_owned(), json!(chance.one_in(2)));
    }
    let json = Value::Object(fields.clone()).to_string();
    (put_of(&n.to_string(), Payload::from_json(Kind::Contact, &json).unwrap()), fields)
}

/// Changes a contact by hand. Returns the touched fields and tags.
fn edit(world: &World, chance: &Chance, location: &LocationId, n: usize) -> (BTreeSet<String>, BTreeSet<String>) {
    let Some((id, ..)) = world.ghl.contact(location, &email(n)) else { return Default::default() };
    let fields = chance.fields(5, true);
    let tags = chance.tags(5);
    let opts_out = chance.one_in(8);
    world.ghl.edit_contact(location, &id, |contact: &mut Contact| {
        let Value::Object(mut all) = serde_json::to_value(&*contact).unwrap() else { panic!() };
        all.extend(fields.clone());
        *contact = serde_json::from_value(Value::Object(all)).unwrap();
        for tag in &tags {
            if contact.tags.contains(tag) {
                contact.tags.retain(|other| other != tag);
            } else {
                contact.tags.push(tag.clone());
            }
        }
        if opts_out {
            contact.dnd = Some(true);
        }
    });
    (fields.keys().cloned().collect(), tags.into_iter().collect())
}

#[test]
fn undo_is_the_identity_on_what_nobody_else_touched_and_the_edits_of_others_survive() {
    each_seed(150, async |seed| {
        let mut setup = Setup { seed, ..Setup::default() };
        setup.ghl.search_lag = SECOND;
        let world = setup.start();
        let chance = Chance(TestRandomness::seeded(seed));
        for n in 0..CONTACTS {
            if chance.one_in(3) {
                continue;
            }
            let mut fields = chance.fields(2, false);
            fields.insert("email".to_owned(), email(n).into());
            fields.insert("dnd".to_owned(), json!(chance.one_in(4)));
            let contact = serde_json::from_value(Value::Object(fields)).unwrap();
            let tags = chance.tags(2);
            world.ghl.add_contact(&loc(), contact, &tags.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        }
        let before: Vec<Option<ContactInGhl>> = (0..CONTACTS).map(|n| there(&world, n)).collect();
        if chance.one_in(2) {
            let faults = TestRandomness::seeded(seed + 1_000);
            world.ghl.on_call(move |_| match faults.within(0..=24) {
                0 => Some(CallFault::status(500)),
                1 => Some(CallFault::status(429)),
                2 => Some(CallFault::NoAnswer { done: false }),
                3 => Some(CallFault::Unreachable),
                _ => None,
            });
        }
        let (puts, mut contents): (Vec<PutRecord>, Vec<Vec<Map<String, Value>>>) =
            (0..CONTACTS).map(|n| sent(&chance, n)).map(|(put, content)| (put, vec![content])).unzip();
        put_undoable(&world, puts).await;
        if chance.one_in(3) {
            world.run_for(SECOND).await;
            // Some contacts get a second content under the same import.
            let (puts, more): (Vec<PutRecord>, Vec<_>) = (0..2).map(|n| sent(&chance, n)).unzip();
            contents.iter_mut().zip(more).for_each(|(contents, more)| contents.push(more));
            put_undoable(&world, puts).await;
        }
        if chance.one_in(6) {
            world.run_for(SECOND).await;
        } else {
            world.run_until_settled(4 * HOUR).await.unwrap();
        }
        world.run_for(MINUTE).await;
        let after_import: Vec<Option<ContactInGhl>> = (0..CONTACTS).map(|n| there(&world, n)).collect();
        let edits: Vec<_> = (0..CONTACTS)
            .map(|n| if chance.one_in(2) { edit(&world, &chance, &loc(), n) } else { Default::default() })
            .collect();
        let after_edits: Vec<Option<ContactInGhl>> = (0..CONTACTS).map(|n| there(&world, n)).collect();
        undo(&world).await;
        world.run_until_settled(4 * HOUR).await.unwrap();
        for n in 0..CONTACTS {
            let (now, (fields, tags)) = (there(&world, n), &edits[n]);
            let what = format!(
                "contact {n}: before {:?}, import {:?}, edits {:?}, now {now:?}, {:?}",
                before[n],
                after_import[n],
                after_edits[n],
                world.outbox.record(&loc(), &contact_key(n)).unwrap().undo
            );
            if world.outbox.record(&loc(), &contact_key(n)).unwrap().failed_at.is_some() {
                continue;
            }
            let Some(now) = now else {
                // Deleted: the contact was not there before, and nobody has touched it.
                assert!(before[n].is_none() && after_edits[n] == after_import[n], "{what}");
                continue;
            };
            let edited = after_edits[n].as_ref().unwrap_or_else(|| panic!("{what}"));
            assert!(now.dnd >= edited.dnd, "consent is less strict: {what}");
            let Some(before) = &before[n] else {
                // Created, and kept as it is.
                assert_eq!(&now, edited, "{what}");
                assert!(!undone(&world, &contact_key(n)).left.is_empty(), "{what}");
                continue;
            };
            for field in FIELDS {
                // Setting a field to the value that the import sent cannot be told from the import.
                let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
                let edit = text(edited.fields.get(field));
                let is_sent =
                    |content: &Map<String, Value>| content.contains_key(field) && text(content.get(field)) == edit;
                let is_same = contents[n].iter().any(is_sent);
                let expected = if fields.contains(field) && !is_same { edited } else { before };
                assert_eq!(now.fields.get(field), expected.fields.get(field), "{field} of {what}");
            }
            for tag in TAGS {
                let has =
                    |content: &Map<String, Value>, list: &str| content[list].as_array().unwrap().contains(&json!(tag));
                let list = if edited.tags.contains(tag) { "tags" } else { "removeTags" };
                let is_same = contents[n].iter().any(|content| has(content, list));
                let expected = if tags.contains(tag) && !is_same { edited } else { before };
                assert_eq!(now.tags.contains(tag), expected.tags.contains(tag), "tag {tag} of {what}");
            }
        }
    });
}

//! The one place that knows the engine's types: from a draft to a checked contact with its id.

use ghl_sync_model::{
    Contact, CustomField, LocationId, MAX_PAYLOAD_BYTES, Payload, PayloadError, Priority, PutRecord, RecordId,
};
use serde_json::{Map, Value, json};

use crate::consent::Channels;
use crate::draft::Draft;
use crate::identity::{self, Keys, KnownIds};
use crate::mapping::{Field, Mapping};
use crate::{Effect, Problem};

/// A contact, where it came from, and what of its rows did not go into it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedContact {
    /// The row that it began with, as a spreadsheet numbers it.
    pub row: u64,
    /// All rows that it was merged of; one, unless merging was asked for.
    pub rows: Vec<u64>,
    /// Its id in the outbox. The same person has the same id in each import, and the id tells nothing of the person.
    pub id: RecordId,
    /// The contact; its payload check has passed.
    pub contact: Contact,
    /// What of the row was left out, cut, or read as nothing.
    pub problems: Vec<Problem>,
    /// The row's cells as they stand in the list, where it has problems.
    pub cells: Vec<String>,
    /// What other rows and headings close, as `_dnd` of a list of rejects says it: channels such as `Email, SMS`, or `all`.
    pub dnd: String,
}

impl ImportedContact {
    /// A contact of no list, with the id that it would have there.
    #[must_use]
    pub fn of_contact(row: u64, contact: Contact) -> ImportedContact {
        let keys = identity::keys(None, contact.email.as_deref(), contact.phone.as_deref());
        let id = record_id(keys, &contact, &KnownIds::default());
        ImportedContact {
            row,
            rows: vec![row],
            id,
            contact,
            problems: Vec::new(),
            cells: Vec::new(),
            dnd: String::new(),
        }
    }

    /// The contact as the outbox takes it.
    #[must_use]
    pub fn into_put(self, location_id: LocationId, priority: Priority) -> PutRecord {
        PutRecord { priority, ..PutRecord::new(location_id, self.id, Payload::Contact(self.contact)) }
    }
}

/// Makes a checked contact of a draft with these keys. An error leaves its row out.
pub(crate) fn of_draft(
    mut draft: Draft,
    keys: Keys,
    mapping: &Mapping,
    known: &KnownIds,
) -> Result<ImportedContact, Box<(Problem, Vec<String>)>> {
    // Of so few bytes of cells there is no JSON that is too long, whatever its signs.
    let is_short = text_bytes(&draft) + mapping_bytes(mapping) < MAX_PAYLOAD_BYTES / 8;
    let contact = contact(&mut draft, mapping);
    let id = record_id(keys, &contact, known);
    let payload = Payload::Contact(contact);
    if let Err(error) = payload.check().and_then(|()| if is_short { Ok(()) } else { payload.check_size() }) {
        let (field, message) = match &error {
            PayloadError::Field { field: "email", .. } => {
                (None, "has no e-mail address, phone number, name or company: nothing says who this is".to_owned())
            }
            PayloadError::Field { field, .. } => (Some((*field).to_owned()), error.to_string()),
            PayloadError::TooLarge { field, .. } => (Some(field.clone()), error.to_string()),
            PayloadError::Malformed { .. } => (None, error.to_string()),
        };
        return Err(Box::new((Problem { field, ..Problem::row(draft.row, message) }, draft.cells)));
    }
    let Payload::Contact(contact) = payload else {
        return Err(Box::new((Problem::row(draft.row, "is no contact".to_owned()), draft.cells)));
    };
    let Draft { row, rows, problems, cells, closed_by_others, .. } = draft;
    Ok(ImportedContact { row, rows, id, contact, problems, cells, dnd: closed_by_others.listed() })
}

/// The bytes of a draft's texts, or more; of one with custom fields, which may be anything, more than there is room for.
fn text_bytes(draft: &Draft) -> usize {
    let texts = draft.fields.values().chain(&draft.tags).map(|text| text.len() + 8);
    if draft.custom.is_empty() { texts.sum() } else { MAX_PAYLOAD_BYTES }
}

fn mapping_bytes(mapping: &Mapping) -> usize {
    [&mapping.source, &mapping.assigned_to].into_iter().flatten().map(String::len).sum()
}

/// What is said of a contact whose phone number was that of another one in an earlier import.
pub(crate) fn shared_phone(row: u64) -> Problem {
    let message = "has the phone number of another contact of an earlier import: GoHighLevel makes them one contact, unless the \
                   location allows duplicates";
    let field = Some(Field::Phone.as_str().to_owned());
    Problem { effect: Effect::Note, field, ..Problem::row(row, message) }
}

/// What later imports will know a contact with these keys by.
pub(crate) fn learn(known: &mut KnownIds, keys: Keys, imported: &ImportedContact) {
    if let Some(id) = identity::hash_of_id(imported.id.as_str()) {
        known.insert(keys, || name_hash(&imported.contact), id);
    }
}

/// The contact of a draft, whose values it takes out.
fn contact(draft: &mut Draft, mapping: &Mapping) -> Contact {
    let mut contact = Contact {
        dnd: draft.closed.has(Channels::ALL).then_some(true),
        dnd_settings: settings(draft.closed),
        tags: std::mem::take(&mut draft.tags),
        assigned_to: mapping.assigned_to.clone(),
        custom_fields: std::mem::take(&mut draft.custom)
            .into_iter()
            .map(|(custom, value)| CustomField {
                key: if custom.id.is_some() { None } else { custom.key },
                id: custom.id,
                value,
            })
            .collect(),
        ..Contact::default()
    };
    for (field, value) in std::mem::take(&mut draft.fields) {
        if let Some(text) = Contact::TEXTS.into_iter().find(|text| text.name == field.as_str()) {
            *text.of_mut(&mut contact) = Some(value);
        }
    }
    contact.source = contact.source.or_else(|| mapping.source.clone());
    contact
}

/// The closed channels as GHL has them. Nothing is said of open ones: an import never opens a channel.
fn settings(closed: Channels) -> Option<Value> {
    let channels: Map<String, Value> =
        closed.names().map(|name| (name.to_owned(), json!({ "status": "active" }))).collect();
    (!channels.is_empty()).then_some(Value::Object(channels))
}

/// The id of a contact in the outbox: by the list's own id, else the one that it has from an earlier import, else by the
/// e-mail address, else by the phone number, else by all that is known. It is a hash, because ids appear in logs.
fn record_id(keys: Keys, contact: &Contact, known: &KnownIds) -> RecordId {
    let known_id = || known.id_of(keys, || name_hash(contact));
    let content = || identity::hash("content", &Payload::Contact(contact.clone()).to_json());
    let hash = keys.own.or_else(known_id).or(keys.email).or(keys.phone);
    hashed_id(hash.unwrap_or_else(content))
}

#[expect(clippy::expect_used, reason = "20 letters, digits and `-` are a record id")]
fn hashed_id(hash: u64) -> RecordId {
    RecordId::new(identity::id_of_hash(hash)).expect("a record id")
}

fn name_hash(contact: &Contact) -> u64 {
    let Contact { first_name, last_name, name, company_name, .. } = contact;
    let names =
        [first_name, last_name, name, company_name].map(|name| identity::lower(name.as_deref().unwrap_or_default()));
    identity::hash("name", &names.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(email: Option<&str>, phone: Option<&str>, own: Option<&str>) -> String {
        let mut draft = Draft { own_id: own.map(str::to_owned), ..Draft::default() };
        draft.fields.insert(Field::Name, "Ann".to_owned());
        email.map(|email| draft.fields.insert(Field::Email, email.to_owned()));
        phone.map(|phone| draft.fields.insert(Field::Phone, phone.to_owned()));
        let keys = identity::keys(own, email, phone);
        of_draft(draft, keys, &Mapping::default(), &KnownIds::default()).unwrap().id.as_str().to_owned()
    }

    #[test]
    fn the_id_depends_on_the_first_of_own_id_email_phone_and_content_that_is_there() {
        let ann = id(Some("Ann@Example.com"), Some("+12025550100"), None);
        assert_eq!(ann, id(Some("ann@example.com"), None, None));
        assert_eq!(id(None, Some("+12025550100"), None), id(None, Some("+12025550100"), None));
        assert_eq!(id(Some("x@example.com"), None, Some("7")), id(None, Some("+12025550100"), Some("7")));
        assert_ne!(ann, id(None, Some("+12025550100"), None));
    }

    #[test]
    fn the_id_of_a_contact_never_changes() {
        assert_eq!(id(Some("ann@example.com"), None, None), "csv-35f3b3170d36d0a1");
    }

    #[test]
    fn closed_channels_become_dnd_and_open_ones_are_never_written() {
        let of = |closed| {
            let mut draft = Draft { closed, ..Draft::default() };
            draft.fields.insert(Field::Name, "Ann".to_owned());
            let contact = contact(&mut draft, &Mapping::default());
            (contact.dnd, contact.dnd_settings)
        };
        assert_eq!(of(Channels::NONE), (None, None));
        assert_eq!(of(Channels::ALL), (Some(true), None));
        let settings = json!({ "Email": { "status": "active" }, "SMS": { "status": "active" } });
        assert_eq!(of(Channels::EMAIL.and(Channels::SMS)), (None, Some(settings)));
    }
}

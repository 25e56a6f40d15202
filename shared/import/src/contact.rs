//! Turns a draft into a checked contact with an id. Only this module uses the engine's types.

use ghl_sync_model::{
    Contact, CustomField, LocationId, MAX_PAYLOAD_BYTES, Payload, PayloadError, Priority, PutRecord, RecordId,
};
use serde_json::{Map, Value, json};

use crate::consent::Channels;
use crate::draft::Draft;
use crate::identity::{self, Keys, KnownIds};
use crate::mapping::{Field, Mapping};
use crate::{ListProblem, ProblemEffect};

/// A contact with its source rows and the parts of them that it lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedContact {
    /// Its first row, as a spreadsheet numbers it.
    pub row: u64,
    /// All rows merged into it; just one unless merging was requested.
    pub rows: Vec<u64>,
    /// Its id in the outbox. The same person gets the same id in each import. The id reveals nothing about the person.
    pub id: RecordId,
    /// The contact; it has passed the payload check.
    pub contact: Contact,
    /// Values of the rows that were left out, cut, or ignored.
    pub problems: Vec<ListProblem>,
    /// The row's cells as in the list, if it has problems.
    pub cells: Vec<String>,
    /// Channels that other rows and headings close, in the form of a reject list's `_dnd`: such as `Email, SMS`, or
    /// `all`.
    pub dnd: String,
}

impl ImportedContact {
    /// A contact that comes from no list, with the id it would have in one.
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

    /// Converts it into a put for the outbox.
    #[must_use]
    pub fn into_put(self, location_id: LocationId, priority: Priority) -> PutRecord {
        PutRecord { priority, ..PutRecord::new(location_id, self.id, Payload::Contact(self.contact)) }
    }
}

/// Makes a checked contact from a draft with these keys. An error leaves its row out.
pub(crate) fn of_draft(
    mut draft: Draft,
    keys: Keys,
    mapping: &Mapping,
    known: &KnownIds,
) -> Result<ImportedContact, Box<(ListProblem, Vec<String>)>> {
    // With this few bytes of text, the JSON stays within the limit whatever the escaping.
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
        return Err(Box::new((ListProblem { field, ..ListProblem::row(draft.row, message) }, draft.cells)));
    }
    let Payload::Contact(contact) = payload else {
        return Err(Box::new((ListProblem::row(draft.row, "is no contact".to_owned()), draft.cells)));
    };
    let Draft { row, rows, problems, cells, closed_by_others, .. } = draft;
    Ok(ImportedContact { row, rows, id, contact, problems, cells, dnd: closed_by_others.listed() })
}

/// An upper estimate of the bytes of a draft's texts. Custom fields can hold anything, so they always exceed the
/// limit.
fn text_bytes(draft: &Draft) -> usize {
    let texts = draft.fields.values().chain(&draft.tags).map(|text| text.len() + 8);
    if draft.custom.is_empty() { texts.sum() } else { MAX_PAYLOAD_BYTES }
}

fn mapping_bytes(mapping: &Mapping) -> usize {
    [&mapping.source, &mapping.assigned_to].into_iter().flatten().map(String::len).sum()
}

/// Note on a contact whose phone number belonged to another contact in an earlier import.
pub(crate) fn shared_phone(row: u64) -> ListProblem {
    let message = "has the phone number of another contact of an earlier import: GoHighLevel makes them one contact, unless the \
                   location allows duplicates";
    let field = Some(Field::Phone.as_str().to_owned());
    ListProblem { effect: ProblemEffect::Note, field, ..ListProblem::row(row, message) }
}

/// Stores the keys by which later imports will recognize this contact.
pub(crate) fn learn(known: &mut KnownIds, keys: Keys, imported: &ImportedContact) {
    if let Some(id) = identity::hash_of_id(imported.id.as_str()) {
        known.insert(keys, || name_hash(&imported.contact), id);
    }
}

/// Makes the contact, taking the draft's values.
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

/// Closed channels as `dndSettings`. Open channels are never written: an import never opens one.
fn settings(closed: Channels) -> Option<Value> {
    let channels: Map<String, Value> =
        closed.names().map(|name| (name.to_owned(), json!({ "status": "active" }))).collect();
    (!channels.is_empty()).then_some(Value::Object(channels))
}

/// The id of a contact in the outbox. It is derived from the list's own id, else taken from an earlier import, else
/// derived from the e-mail address, the phone number, or the whole content. It is a hash, because ids appear in logs.
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

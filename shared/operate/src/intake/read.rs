//! Reads an item of a message: its location, its kind, and its faults.

use std::collections::BTreeMap;

use ghl_sync_model::{EpochMs, ImportId, Kind, LocationId, Priority, PutRecord};
use serde_json::value::RawValue;

use super::IngestMessage;
use crate::items::{
    self, AsOf, ContactItem, ItemFault, OpportunityItem, RecordItem, from_json, from_json_without_doubles,
};

const LOCATION_ID: &str = "location_id";
const AS_OF: &str = "as_of";
const IMPORT: &str = "import";

/// The texts of a message's items.
pub(super) fn items_of(body: &str) -> Result<Vec<&str>, ItemFault> {
    let items = items::one_or_list(body)?;
    match items::too_many(items.len()) {
        _ if items.is_empty() => Err(fault("", "has no item")),
        Some(detail) => Err(fault("", detail)),
        None => Ok(items),
    }
}

/// An item of which only the location, the kind and the import have been read.
pub(super) struct Placed {
    pub(super) location: LocationId,
    kind: Kind,
    import: Option<ImportId>,
    /// The item in the format of the HTTP API.
    item: String,
}

impl Placed {
    /// Reads these parts of `text`, an item of `message`.
    pub(super) fn read(text: &str, message: &IngestMessage) -> Result<Placed, ItemFault> {
        let mut members: BTreeMap<String, &RawValue> = from_json_without_doubles(text)?;
        let kind = kind(&members)?;
        let location = location(members.remove(LOCATION_ID), message)?;
        let import = import(members.remove(IMPORT), message)?;
        let item = serde_json::to_string(&members).map_err(|_| fault("", "cannot be read"))?;
        Ok(Placed { location, kind, import, item })
    }

    /// The record to put at `now`, into a location with this `default` priority.
    pub(super) fn record(
        &self,
        default: Priority,
        message: &IngestMessage,
        now: EpochMs,
    ) -> Result<PutRecord, ItemFault> {
        let record = match self.kind {
            Kind::Contact => self.record_of::<ContactItem>(default, now),
            Kind::Opportunity => self.record_of::<OpportunityItem>(default, now),
        }?;
        let record = PutRecord { import: self.import.clone(), ..record };
        if record.as_of.is_some() {
            return Ok(record);
        }
        Ok(PutRecord { as_of: as_of(message, now)?, ..record })
    }

    fn record_of<T: RecordItem>(&self, default: Priority, now: EpochMs) -> Result<PutRecord, ItemFault> {
        let item: T = from_json_without_doubles(&self.item)?;
        items::checked(item, &self.location, default, now)
    }
}

fn kind(members: &BTreeMap<String, &RawValue>) -> Result<Kind, ItemFault> {
    let has = |name: &str| members.contains_key(name);
    let (contact, opportunity) = (ContactItem::CONTENT, OpportunityItem::CONTENT);
    match (has(contact), has(opportunity)) {
        (true, false) => Ok(Kind::Contact),
        (false, true) => Ok(Kind::Opportunity),
        (true, true) => Err(fault(opportunity, "stands beside `contact`; an item has one of them")),
        (false, false) => {
            let envelope = ENVELOPES.iter().find(|envelope| envelope.members.iter().all(|name| has(name)));
            Err(match envelope {
                Some(envelope) => fault("", envelope.what_to_do),
                None => fault(contact, "is missing, and so is `opportunity`; an item has one of them"),
            })
        }
    }
}

/// The envelope in which an AWS service wraps a message by default.
struct Envelope {
    members: &'static [&'static str],
    what_to_do: &'static str,
}

const ENVELOPES: [Envelope; 3] = [
    Envelope {
        members: &["Type", "Message"],
        what_to_do: "is an envelope of SNS; switch on the subscription's raw message delivery",
    },
    Envelope {
        members: &["detail-type"],
        what_to_do: "is an event of EventBridge; give the rule's target an input transformer that makes an item of it",
    },
    Envelope {
        members: &["eventName", "dynamodb"],
        what_to_do: "is a record of a DynamoDB stream; give the pipe's target an input template that makes an item of it",
    },
];

/// The location that an item names, or else its message's.
fn location(own: Option<&RawValue>, message: &IngestMessage) -> Result<LocationId, ItemFault> {
    // The id's own error message begins with its name.
    let detail = |error: &str| error.strip_prefix("location_id ").unwrap_or(error).to_owned();
    match (own, &message.location_id) {
        (Some(own), _) => from_json(own.get()).map_err(|error| fault(LOCATION_ID, detail(&error.detail))),
        (None, Some(text)) => LocationId::new(text)
            .map_err(|error| fault(LOCATION_ID, format!("of the message's attributes {}", detail(&error.to_string())))),
        (None, None) => Err(fault(LOCATION_ID, "is missing; the item has it, or the message as an attribute")),
    }
}

/// The import that an item names, or else its message's; `None` if neither has one.
fn import(own: Option<&RawValue>, message: &IngestMessage) -> Result<Option<ImportId>, ItemFault> {
    // The id's own error message begins with its name.
    let detail = |error: &str| error.strip_prefix("import id ").unwrap_or(error).to_owned();
    match (own, &message.import) {
        (Some(own), _) => {
            let read = from_json(own.get()).map_err(|error| fault(IMPORT, detail(&error.detail)));
            read.map(Some)
        }
        (None, Some(text)) => ImportId::new(text)
            .map(Some)
            .map_err(|error| fault(IMPORT, format!("of the message's attributes {}", detail(&error.to_string())))),
        (None, None) => Ok(None),
    }
}

/// The date of a content without one of its own: the message's attribute, or when the message was sent.
fn as_of(message: &IngestMessage, now: EpochMs) -> Result<Option<EpochMs>, ItemFault> {
    let Some(text) = &message.as_of else { return Ok(message.sent_at) };
    let of_attribute = |detail: String| fault(AS_OF, format!("of the message's attributes {detail}"));
    let as_of: AsOf = match text.parse::<u64>() {
        Ok(ms) => from_json(&ms.to_string()),
        Err(_) => from_json(&serde_json::Value::from(text.as_str()).to_string()),
    }
    .map_err(|error| of_attribute(error.detail))?;
    match as_of.fault(now) {
        Some(detail) => Err(of_attribute(detail.to_owned())),
        None => Ok(Some(as_of.0)),
    }
}

pub(super) fn fault(field: &str, detail: impl Into<String>) -> ItemFault {
    ItemFault { field: field.to_owned(), detail: detail.into() }
}

//! Items from outside: records that a program puts by HTTP or by the queue, and their faults.

mod as_of;
mod json;

use ghl_sync_model::{
    Contact, EpochMs, GhlId, LocationId, Opportunity, Payload, PayloadError, Priority, PutRecord, RecordId,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use as_of::AsOf;
pub use json::{JsonFault, from_json, from_json_without_doubles, one_or_list, printable};

/// Most items of one request or message: this many can be stored well before a caller stops waiting for the answer.
pub const MAX_ITEMS: usize = 10_000;

/// The fault of a request with this many items, if they are too many.
#[must_use]
pub fn too_many(items: usize) -> Option<String> {
    (items > MAX_ITEMS).then(|| format!("has {items} items; at most {MAX_ITEMS} are taken at once, send it in parts"))
}

/// A contact to put.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "id": "crm-42",
    "contact": { "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "tags": ["vip"] },
})))]
pub struct ContactItem {
    /// Your own id of the contact, unique among the location's contacts; putting the same id again replaces the
    /// content. It appears in logs, so it should not be an e-mail address or a phone number.
    id: RecordId,
    /// Priority; defaults to the location's.
    priority: Option<Priority>,
    /// GHL's id of the contact, if you know it: then the contact is updated and never created.
    ghl_id: Option<GhlId>,
    /// When this content was true, if your source knows it: an RFC 3339 time, or milliseconds since 1970. Content older
    /// than the stored content is not stored (`outdated`), so late or reordered items do no harm. Without it, the
    /// content replaces whatever is stored. At most 5 minutes ahead.
    as_of: Option<AsOf>,
    /// The contact's fields, under the names of GHL's API v2. An absent field is left as it is in GHL.
    contact: Contact,
}

/// An opportunity to put.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "id": "deal-7",
    "opportunity": { "contactRecord": "crm-42", "pipelineId": "pipe_sales", "name": "Analytical engine", "status": "open" },
})))]
pub struct OpportunityItem {
    /// Your own id of the opportunity, unique among the location's opportunities; putting the same id again replaces
    /// the content.
    id: RecordId,
    /// Priority; defaults to the location's.
    priority: Option<Priority>,
    /// GHL's id of the opportunity, if you know it: then the opportunity is updated and never created.
    ghl_id: Option<GhlId>,
    /// When this content was true, if your source knows it: an RFC 3339 time, or milliseconds since 1970. Content older
    /// than the stored content is not stored (`outdated`), so late or reordered items do no harm. Without it, the
    /// content replaces whatever is stored. At most 5 minutes ahead.
    as_of: Option<AsOf>,
    /// The opportunity's fields, under the names of GHL's API v2. An absent field is left as it is in GHL.
    opportunity: Opportunity,
}

/// An item of either kind.
pub trait RecordItem: DeserializeOwned + Send {
    /// The record to put into `location`, whose default priority is `default`.
    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord;

    /// Name of the field that holds the content.
    const CONTENT: &'static str;
}

impl RecordItem for ContactItem {
    const CONTENT: &'static str = "contact";

    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord {
        PutRecord {
            priority: self.priority.unwrap_or(default),
            ghl_id: self.ghl_id,
            as_of: self.as_of.map(|AsOf(time)| time),
            ..PutRecord::new(location.clone(), self.id, Payload::Contact(self.contact))
        }
    }
}

impl RecordItem for OpportunityItem {
    const CONTENT: &'static str = "opportunity";

    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord {
        PutRecord {
            priority: self.priority.unwrap_or(default),
            ghl_id: self.ghl_id,
            as_of: self.as_of.map(|AsOf(time)| time),
            ..PutRecord::new(location.clone(), self.id, Payload::Opportunity(self.opportunity))
        }
    }
}

/// Why an item is rejected: the field and its problem, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFault {
    /// Path of the field; empty for the item itself.
    pub field: String,
    /// What is wrong.
    pub detail: String,
}

impl From<JsonFault> for ItemFault {
    fn from(JsonFault { syntax: _, field, detail }: JsonFault) -> ItemFault {
        ItemFault { field, detail }
    }
}

/// The record to put into `location` at `now`; `default` is the location's default priority.
///
/// # Errors
/// The fault of the content.
pub fn checked<T: RecordItem>(
    item: T,
    location: &LocationId,
    default: Priority,
    now: EpochMs,
) -> Result<PutRecord, ItemFault> {
    let record = item.into_put(location, default);
    if let Some(fault) = record.as_of.and_then(|as_of| AsOf(as_of).fault(now)) {
        return Err(ItemFault { field: "as_of".to_owned(), detail: fault.to_owned() });
    }
    record.check().map_err(|error| of_check(T::CONTENT, &error))?;
    Ok(record)
}

fn of_check(content: &str, error: &PayloadError) -> ItemFault {
    let (field, detail) = match error {
        PayloadError::Field { field: "id", reason } => ("id".to_owned(), (*reason).to_owned()),
        PayloadError::TooLarge { field, .. } => (format!("{content}.{field}"), error.to_string()),
        PayloadError::Field { field, reason } => (format!("{content}.{field}"), (*reason).to_owned()),
        // Only parsing a payload from text fails this way.
        PayloadError::Malformed { .. } => (content.to_owned(), "is malformed".to_owned()),
    };
    ItemFault { field, detail }
}

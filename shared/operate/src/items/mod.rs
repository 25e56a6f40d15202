//! Items from outside: what a program puts, by HTTP or by the queue, and what is wrong with it.

mod as_of;
mod json;

use ghl_sync_model::{
    Contact, EpochMs, GhlId, LocationId, Opportunity, Payload, PayloadError, Priority, PutRecord, RecordId,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use as_of::AsOf;
pub use json::{JsonFault, from_json, from_json_without_doubles, one_or_list, printable};

/// Most items of one request or message: so many can be stored well before anybody stops waiting for an answer.
pub const MAX_ITEMS: usize = 10_000;

/// What is wrong with so many items at once, if anything is.
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
    /// Your own id of it, unique among the location's contacts; putting the same id again replaces the content. It is
    /// written into logs, so it should not be an e-mail address or a phone number.
    id: RecordId,
    /// How urgent; the location's default where it is absent.
    priority: Option<Priority>,
    /// GHL's id of it, where you know it: then it is updated and never created.
    ghl_id: Option<GhlId>,
    /// When this content was true, where your source knows it: a time as RFC 3339 writes it, or milliseconds since 1970.
    /// Content that is true of an earlier time than what stands is not stored (`outdated`), so what comes late or out of
    /// order does no harm. Where it is absent the content replaces whatever stands. At most 5 minutes ahead.
    as_of: Option<AsOf>,
    /// Its fields, named as GHL's API v2 names them. An absent field is left as it is in GHL.
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
    /// Your own id of it, unique among the location's opportunities; putting the same id again replaces the content.
    id: RecordId,
    /// How urgent; the location's default where it is absent.
    priority: Option<Priority>,
    /// GHL's id of it, where you know it: then it is updated and never created.
    ghl_id: Option<GhlId>,
    /// When this content was true, where your source knows it: a time as RFC 3339 writes it, or milliseconds since 1970.
    /// Content that is true of an earlier time than what stands is not stored (`outdated`), so what comes late or out of
    /// order does no harm. Where it is absent the content replaces whatever stands. At most 5 minutes ahead.
    as_of: Option<AsOf>,
    /// Its fields, named as GHL's API v2 names them. An absent field is left as it is in GHL.
    opportunity: Opportunity,
}

/// An item of either kind.
pub trait Item: DeserializeOwned + Send {
    /// The record that it puts into `location`, whose default priority is `default`.
    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord;

    /// The name of the field that holds the content.
    const CONTENT: &'static str;
}

impl Item for ContactItem {
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

impl Item for OpportunityItem {
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

/// Why an item is refused: which field of it, and what is wrong there, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFault {
    /// The path of the field; empty where it is the item itself.
    pub field: String,
    /// What is wrong.
    pub detail: String,
}

impl From<JsonFault> for ItemFault {
    fn from(JsonFault { syntax: _, field, detail }: JsonFault) -> ItemFault {
        ItemFault { field, detail }
    }
}

/// The record that an item puts into `location` at `now`, where the default priority is `default`.
///
/// # Errors
/// What is wrong with its content.
pub fn checked<T: Item>(
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
        // Only reading a payload from text ends so.
        PayloadError::Malformed { .. } => (content.to_owned(), "is malformed".to_owned()),
    };
    ItemFault { field, detail }
}

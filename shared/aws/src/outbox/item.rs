//! A record as an item: how it is read.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::{
    Conflict, CreationKey, EpochMs, ErrorCode, Kind, LastError, LocationId, Payload, PayloadError, Priority,
    Provenance, Record, RecordKey,
};

use super::due_key::DueKey;
use super::{import_key, undo};
use crate::expression::text;
use crate::fields::{Damage, Fields};
use crate::table::Item;
use crate::tables::record;

/// Reads the record of `location` and `key` from its item.
pub(super) fn read(location: &LocationId, key: &RecordKey, item: &Item) -> Result<Record, Damage> {
    let fields = Fields(item);
    let time = |attribute| Ok(fields.optional_number(attribute)?.map(EpochMs));
    let priority = priority(fields.text(record::PRIORITY)?)?;
    let due = DueKey::read(item)?;
    Ok(Record {
        location_id: location.clone(),
        key: key.clone(),
        payload: match item.contains_key(record::CONTENT_DROPPED_AT) {
            true => payload(key, fields.text(record::PAYLOAD)?, Payload::remains_from_json)?,
            false => payload(key, fields.text(record::PAYLOAD)?, Payload::from_json)?,
        },
        version: fields.number(record::VERSION)?,
        // What it is due by rules while it is: so `DueKey::of` the record is what stands.
        priority: due.map_or(priority, |due| due.priority),
        due_at: due.map(|due| due.due_at),
        not_before: time(record::NOT_BEFORE)?,
        put_at: time(record::UPDATED_AT)?,
        attempts: fields.optional_number(record::ATTEMPTS)?.unwrap_or_default(),
        last_error: read_last_error(fields.optional_text(record::LAST_ERROR)?),
        earlier_errors: read_errors(fields.optional_text(record::EARLIER_ERRORS)?),
        ghl_id: fields.optional_parsed(record::GHL_ID)?,
        accepted_version: fields.optional_number(record::ACCEPTED_VERSION)?,
        accepted_hash: fields.optional_parsed(record::ACCEPTED_HASH)?,
        accepted_at: time(record::ACCEPTED_AT)?,
        not_stored: read_names(fields.optional_text(record::NOT_STORED)?),
        failed_at: time(record::FAILED_AT)?,
        dry_run: fields.optional_text(record::DRY_RUN)?.map(str::to_owned),
        overruled: fields.optional_parsed(record::OVERRULED)?,
        superseded_at: time(record::SUPERSEDED_AT)?,
        waits_for: fields.optional_parsed(record::WAITS_FOR)?,
        awaited_by: awaited_by(item)?,
        conflict: conflict(fields.optional_text(record::CONFLICT)?)?,
        is_new: is_true(item, record::IS_NEW),
        former: former(item)?,
        provenance: provenance(item),
        deletion: is_true(item, record::TO_DELETE),
        import: import_key::import_of(item),
        content_dropped_at: time(record::CONTENT_DROPPED_AT)?,
        undo: undo::read(item)?,
    })
}

/// Whether GHL said that our call created it (`true`) or that it was there (`false`).
fn provenance(item: &Item) -> Provenance {
    match item.get(record::MADE) {
        Some(AttributeValue::Bool(true)) => Provenance::Created,
        Some(AttributeValue::Bool(false)) => Provenance::Found,
        _ => Provenance::Unknown,
    }
}

/// In the order of their keys: DynamoDB's sets have none.
pub(super) fn awaited_by(item: &Item) -> Result<Vec<RecordKey>, Damage> {
    let keys = match item.get(record::AWAITED_BY) {
        None => return Ok(Vec::new()),
        Some(AttributeValue::Ss(keys)) => keys,
        Some(_) => return Err(Damage::new(record::AWAITED_BY, "is no set of strings")),
    };
    let read =
        |key: &String| key.parse().map_err(|_| Damage::new(record::AWAITED_BY, "names something that is no record"));
    let mut keys = keys.iter().map(read).collect::<Result<Vec<RecordKey>, Damage>>()?;
    keys.sort();
    Ok(keys)
}

fn is_true(item: &Item, name: &str) -> bool {
    matches!(item.get(name), Some(AttributeValue::Bool(true)))
}

/// What GHL would have the record under, as it is stored.
pub(super) fn creation_key_as_stored(key: &CreationKey) -> AttributeValue {
    // Strings only: this cannot fail to serialize.
    text(serde_json::to_string(key).unwrap_or_default())
}

/// What GHL would have had it under before, as it is stored.
pub(super) fn former_as_stored(former: &[CreationKey]) -> AttributeValue {
    // Strings only: this cannot fail to serialize.
    text(serde_json::to_string(former).unwrap_or_default())
}

pub(super) fn creation_key(item: &Item) -> Result<Option<CreationKey>, Damage> {
    Fields(item).optional_text(record::CREATION_KEY)?.map(|json| read_key(record::CREATION_KEY, json)).transpose()
}

pub(super) fn former(item: &Item) -> Result<Vec<CreationKey>, Damage> {
    let json = Fields(item).optional_text(record::FORMER)?;
    json.map_or(Ok(Vec::new()), |json| read_key(record::FORMER, json))
}

/// One that a newer build wrote cannot be looked for: the record is left to it.
fn read_key<T: serde::de::DeserializeOwned>(attribute: &'static str, json: &str) -> Result<T, Damage> {
    serde_json::from_str(json)
        .map_err(|_| Damage::new(attribute, "says nothing that this build can look for".to_owned()))
}

/// What went wrong last, as it is stored.
pub(super) fn last_error(error: &LastError) -> AttributeValue {
    // Strings and numbers only: this cannot fail to serialize.
    text(serde_json::to_string(error).unwrap_or_default())
}

/// What went wrong before, as it is stored; `None` if nothing did.
pub(super) fn errors(errors: &[LastError]) -> Option<AttributeValue> {
    // Strings and numbers only: this cannot fail to serialize.
    (!errors.is_empty()).then(|| text(serde_json::to_string(errors).unwrap_or_default()))
}

/// The fields that GHL did not store, as they are kept; `None` if there are none.
pub(super) fn not_stored(fields: &[String]) -> Option<AttributeValue> {
    // Strings only: this cannot fail to serialize.
    (!fields.is_empty()).then(|| text(serde_json::to_string(fields).unwrap_or_default()))
}

/// They are for people to read: what is no list of names is none.
fn read_names(json: Option<&str>) -> Vec<String> {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// What went wrong last is for people to read. A code that this build does not know (a newer one wrote it) must not
/// keep the record from being sent.
fn read_last_error(json: Option<&str>) -> Option<LastError> {
    serde_json::from_str(json?).ok()
}

/// Whether the last error of an item was our own.
pub(super) fn has_failed_by_us(item: &Item) -> bool {
    let error = read_last_error(Fields(item).optional_text(record::LAST_ERROR).ok().flatten());
    error.is_some_and(|error| error.code == ErrorCode::Internal)
}

/// Likewise: those that can be read.
fn read_errors(json: Option<&str>) -> Vec<LastError> {
    let errors: Vec<serde_json::Value> = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    errors.into_iter().filter_map(|error| serde_json::from_value(error).ok()).collect()
}

fn payload(
    key: &RecordKey,
    json: &str,
    read: fn(Kind, &str) -> Result<Payload, PayloadError>,
) -> Result<Payload, Damage> {
    read(key.kind, json).map_err(|error| match error {
        // The parser's own words may quote the content.
        PayloadError::Malformed { kind, field: _, source } => {
            let position = source.column();
            Damage::new(
                record::PAYLOAD,
                format!("is a malformed {kind} ({:?} error at column {position})", source.classify()),
            )
        }
        PayloadError::Field { .. } | PayloadError::TooLarge { .. } => {
            Damage::new(record::PAYLOAD, format!("is refused: {error}"))
        }
    })
}

fn priority(text: &str) -> Result<Priority, Damage> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.as_str() == text)
        .ok_or_else(|| Damage::new(record::PRIORITY, "is not high, normal or low"))
}

/// One that this build does not know would let reconciling undo what it may not.
fn conflict(text: Option<&str>) -> Result<Option<Conflict>, Damage> {
    let Some(text) = text else { return Ok(None) };
    let known = Conflict::ALL.into_iter().find(|conflict| conflict.as_str() == text);
    known.map(Some).ok_or_else(|| Damage::new(record::CONFLICT, "is not ours, theirs or newest"))
}

//! Reads a record from its item.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::{
    Conflict, CreationKey, EpochMs, ErrorCode, Kind, LastError, LocationId, Payload, PayloadError, Priority,
    Provenance, Record, RecordKey, Undo,
};

use super::due_key::DueKey;
use super::import_key;
use crate::expression::text;
use crate::fields::{Damage, ItemFields};
use crate::table::Item;
use crate::tables::record;

/// Reads the record of `location` and `key` from its item.
pub(super) fn read(location: &LocationId, key: &RecordKey, item: &Item) -> Result<Record, Damage> {
    let fields = ItemFields(item);
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
        // While the record is due, the priority of its due key wins, so that `DueKey::of` the record equals the
        // stored key.
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
        undo: undo(item)?,
    })
}

/// A record with an unreadable undo must not be sent: it may be due for an undo.
pub(super) fn undo(item: &Item) -> Result<Option<Undo>, Damage> {
    let json = ItemFields(item).optional_text(record::UNDO)?;
    json.map(|json| serde_json::from_str(json).map_err(|_| Damage::new(record::UNDO, "says nothing of an undo")))
        .transpose()
}

/// Whether our call created the record in GHL (`true`), or it existed before (`false`).
fn provenance(item: &Item) -> Provenance {
    match item.get(record::MADE) {
        Some(AttributeValue::Bool(true)) => Provenance::Created,
        Some(AttributeValue::Bool(false)) => Provenance::Found,
        _ => Provenance::Unknown,
    }
}

/// Sorted by key, because DynamoDB's sets have no order.
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

/// Stored form of the key under which GHL would have the record.
pub(super) fn creation_key_as_stored(key: &CreationKey) -> AttributeValue {
    // Only strings: serialization cannot fail.
    text(serde_json::to_string(key).unwrap_or_default())
}

/// Stored form of the keys under which GHL would have had the record before.
pub(super) fn former_as_stored(former: &[CreationKey]) -> AttributeValue {
    // Only strings: serialization cannot fail.
    text(serde_json::to_string(former).unwrap_or_default())
}

pub(super) fn creation_key(item: &Item) -> Result<Option<CreationKey>, Damage> {
    ItemFields(item).optional_text(record::CREATION_KEY)?.map(|json| read_key(record::CREATION_KEY, json)).transpose()
}

pub(super) fn former(item: &Item) -> Result<Vec<CreationKey>, Damage> {
    let json = ItemFields(item).optional_text(record::FORMER)?;
    json.map_or(Ok(Vec::new()), |json| read_key(record::FORMER, json))
}

/// We cannot search by a key that a newer build wrote: the record is left to that build.
fn read_key<T: serde::de::DeserializeOwned>(attribute: &'static str, json: &str) -> Result<T, Damage> {
    serde_json::from_str(json)
        .map_err(|_| Damage::new(attribute, "says nothing that this build can look for".to_owned()))
}

/// Stored form of the last error.
pub(super) fn last_error(error: &LastError) -> AttributeValue {
    // Only strings and numbers: serialization cannot fail.
    text(serde_json::to_string(error).unwrap_or_default())
}

/// Stored form of the earlier errors; `None` if there are none.
pub(super) fn errors(errors: &[LastError]) -> Option<AttributeValue> {
    // Only strings and numbers: serialization cannot fail.
    (!errors.is_empty()).then(|| text(serde_json::to_string(errors).unwrap_or_default()))
}

/// Stored form of the fields that GHL did not store; `None` if there are none.
pub(super) fn not_stored(fields: &[String]) -> Option<AttributeValue> {
    // Only strings: serialization cannot fail.
    (!fields.is_empty()).then(|| text(serde_json::to_string(fields).unwrap_or_default()))
}

/// The names are only for people: anything else than a list of names reads as empty.
fn read_names(json: Option<&str>) -> Vec<String> {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// The last error is only for people. An unknown code, written by a newer build, must not keep the record from being
/// sent.
fn read_last_error(json: Option<&str>) -> Option<LastError> {
    serde_json::from_str(json?).ok()
}

/// Whether the last error of an item is an internal one.
pub(super) fn has_failed_by_us(item: &Item) -> bool {
    let error = read_last_error(ItemFields(item).optional_text(record::LAST_ERROR).ok().flatten());
    error.is_some_and(|error| error.code == ErrorCode::Internal)
}

/// The readable ones among the earlier errors.
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

/// Fails on an unknown value: ignoring it would let reconciliation overwrite what it must not.
fn conflict(text: Option<&str>) -> Result<Option<Conflict>, Damage> {
    let Some(text) = text else { return Ok(None) };
    let known = Conflict::ALL.into_iter().find(|conflict| conflict.as_str() == text);
    known.map(Some).ok_or_else(|| Damage::new(record::CONFLICT, "is not ours, theirs or newest"))
}

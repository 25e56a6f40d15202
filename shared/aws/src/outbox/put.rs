//! Puts records into the outbox.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{PortError, Put};
use ghl_sync_model::{CreationKey, EpochMs, ImportStanding, Payload, PutRecord, Record, Undo};

use super::due_key::DueKey;
use super::{TRIES, WriteConflict, import_key, item, key_of, undo};
use crate::expression::{Update, number, text};
use crate::fields::{Damage, ItemFields};
use crate::table::{DynamoTable, Item, Updated};
use crate::tables::record;

/// Usually one write. A second one is needed if the creation key changes before GHL's id is known, or if only the
/// time changes since when the content is true; further ones only if others write in between.
pub(super) async fn put(table: &DynamoTable, put: &PutRecord, now: EpochMs) -> Result<Put, PortError> {
    let failed = |damage: Damage| PortError::new("put a record", damage);
    let version = |standing: &Item| ItemFields(standing).number(record::VERSION).map_err(failed);
    let (mut update, mut done) = (update_of_same_key(put, now), Put::Stored);
    for _ in 0..TRIES {
        let key = key_of(&put.location_id, &put.key());
        let standing = match table.update("outbox.put", key, update).await? {
            Updated::Written => return Ok(done),
            Updated::Refused(standing) => standing.unwrap_or_default(),
        };
        let since = true_since(&standing).map_err(failed)?;
        if put.as_of.zip(since).is_some_and(|(as_of, since)| as_of < since) {
            return Ok(Put::Outdated);
        }
        (update, done) = match former_keys(put, &standing).map_err(failed)? {
            Some(former) => (update_of_other_key(put, now, version(&standing)?, &former), Put::Stored),
            None if is_settled(put, &standing) => {
                match newly_true(put, &standing, now).filter(|at| Some(*at) > since) {
                    Some(as_of) => (update_of_as_of(as_of, version(&standing)?), Put::Unchanged),
                    None => return Ok(Put::Unchanged),
                }
            }
            None => (update_of_same_key(put, now), Put::Stored),
        };
    }
    Err(PortError::new("put a record", WriteConflict))
}

/// All creation keys under which GHL may have the record, if its GHL id is unknown and `put` changes the key;
/// otherwise `None`.
fn former_keys(put: &PutRecord, standing: &Item) -> Result<Option<Vec<CreationKey>>, Damage> {
    if put.ghl_id.is_some() || standing.contains_key(record::GHL_ID) {
        return Ok(None);
    }
    let Some(key) = item::creation_key(standing)? else { return Ok(None) };
    if CreationKey::of(&put.payload).as_ref() == Some(&key) {
        return Ok(None);
    }
    Ok(Some(key.after(item::former(standing)?)))
}

/// When the standing content was true: the time its producer gave, or else the time of its put.
fn true_since(standing: &Item) -> Result<Option<EpochMs>, Damage> {
    let time = |attribute| Ok(ItemFields(standing).optional_number(attribute)?.map(EpochMs));
    Ok(time(record::AS_OF)?.or(time(record::UPDATED_AT)?))
}

/// The later time at which `put` confirms the standing content. A put without a time means now, which is stored only
/// if the record has a time of its producer.
fn newly_true(put: &PutRecord, standing: &Item, now: EpochMs) -> Option<EpochMs> {
    put.as_of.or_else(|| standing.contains_key(record::AS_OF).then_some(now))
}

/// Whether the record is not due, and its content was accepted as the last version or was superseded.
fn is_settled(put: &PutRecord, standing: &Item) -> bool {
    let has = |attribute: &str, value: AttributeValue| standing.get(attribute) == Some(&value);
    if put.ghl_id.as_ref().is_some_and(|id| !has(record::GHL_ID, text(id.as_str()))) {
        return false;
    }
    let is_accepted = has(record::ACCEPTED_HASH, text(put.payload.hash().to_string()))
        && standing.get(record::ACCEPTED_VERSION) == standing.get(record::VERSION)
        && !standing.contains_key(record::DUE);
    is_accepted || standing.contains_key(record::SUPERSEDED_AT) && has(record::PAYLOAD, text(put.payload.to_json()))
}

/// Makes the record due now, as a new version. Refused if the put names no other GHL id than the record has, and GHL
/// has accepted this content as the record's last version or has superseded it. Also refused if the record may have
/// been created under another key.
///
/// (If the record's newer version failed, older content counts as new: GHL may have taken the newer one.) Resets
/// attempts and due time; a bar against writing before a late call has arrived stays.
fn update_of_same_key(put: &PutRecord, now: EpochMs) -> Update {
    let update = update(put, now);
    if put.ghl_id.is_some() {
        return update;
    }
    match creation_key(put) {
        Some(key) => update
            .only_if("attribute_exists(#ghl_id) OR attribute_not_exists(#creation_key) OR #creation_key = :same_key")
            .with(":same_key", key),
        None => update.only_if("attribute_exists(#ghl_id) OR attribute_not_exists(#creation_key)"),
    }
}

/// Like [`update_of_same_key`], for a record in `version` that may have been created under the keys in `former`.
fn update_of_other_key(put: &PutRecord, now: EpochMs, version: u64, former: &[CreationKey]) -> Update {
    update(put, now)
        .set(record::FORMER, item::former_as_stored(former))
        .only_if("#version = :standing AND attribute_not_exists(#ghl_id)")
        .with(":standing", number(version))
}

/// Records that the same content, in `version`, is also true at the later time `as_of`, so that late puts do not
/// replace it.
fn update_of_as_of(as_of: EpochMs, version: u64) -> Update {
    not_outdated(Update::new())
        .set(record::AS_OF, number(as_of.0))
        .only_if("#version = :standing")
        .with(":standing", number(version))
}

/// Adds the condition that the standing content is not true of a later time. `update` must set `as_of`.
fn not_outdated(update: Update) -> Update {
    update
        .only_if("NOT (#as_of > :as_of)")
        .only_if("attribute_exists(#as_of) OR attribute_not_exists(#updated_at) OR #updated_at <= :as_of")
}

/// Replaces the content of a record that is failed in the version of `seen`. The record stays in its import.
pub(super) fn mend_update(seen: &Record, payload: &Payload, now: EpochMs) -> Update {
    let put =
        PutRecord { import: seen.import.clone(), undo_since: seen.undo_since(), ..seen.put_again(payload.clone()) };
    let update = update_of_content(&put, now);
    // Mending does not make the content true at a later time: newer content of its producer must still replace it.
    let update = match seen.put_at {
        Some(put_at) => update.set_once(record::AS_OF, number(put_at.0)),
        None => update,
    };
    let update = update
        .only_if("attribute_exists(#failed_at)")
        .only_if("#version = :failed")
        .with(":failed", number(seen.version));
    let standing = CreationKey::of(&seen.payload).filter(|_| seen.ghl_id.is_none());
    match standing.filter(|key| CreationKey::of(payload).as_ref() != Some(key)) {
        Some(key) => update
            .set(record::FORMER, item::former_as_stored(&key.after(seen.former.clone())))
            .only_if("attribute_not_exists(#ghl_id)"),
        None => update,
    }
}

fn update(put: &PutRecord, now: EpochMs) -> Update {
    let update = update_of_content(put, now).set_or_remove(record::AS_OF, put.as_of.map(|as_of| number(as_of.0)));
    if put.as_of.is_some() { not_outdated(update) } else { update }
}

/// The complete put, except the time at which its content is true.
fn update_of_content(put: &PutRecord, now: EpochMs) -> Update {
    // A put that corrects GHL's id is new, whatever its content.
    let (not_accepted, not_superseded) = if put.ghl_id.is_none() {
        (
            "NOT (#accepted_hash = :hash AND #accepted_version = #version AND attribute_not_exists(#due))",
            "NOT (attribute_exists(#superseded_at) AND #payload = :payload)",
        )
    } else {
        (
            "NOT (#accepted_hash = :hash AND #accepted_version = #version AND attribute_not_exists(#due) \
             AND #ghl_id = :ghl_id)",
            "NOT (attribute_exists(#superseded_at) AND #payload = :payload AND #ghl_id = :ghl_id)",
        )
    };
    let update = Update::new();
    let update = if put.is_new { update.set_once(record::IS_NEW, AttributeValue::Bool(true)) } else { update };
    update
        .increment(record::VERSION)
        .set(record::PAYLOAD, text(put.payload.to_json()))
        .set(record::PRIORITY, text(put.priority.as_str()))
        .set(record::DUE, DueKey { priority: put.priority, due_at: now }.as_stored())
        .set(record::ATTEMPTS, number(0))
        .set(record::UPDATED_AT, number(now.0))
        .set_once(record::CREATED_AT, number(now.0))
        .set_known(record::GHL_ID, put.ghl_id.as_ref().map(|id| text(id.as_str())))
        .set_or_remove(record::CREATION_KEY, creation_key(put))
        // If the producer names the id, we do not know who created the record.
        .remove(put.ghl_id.is_some().then_some(record::MADE))
        .set_or_remove(
            record::IMPORT,
            put.import.as_ref().map(|import| import_key::as_stored(import, ImportStanding::Pending)),
        )
        .set_or_remove(record::UNDO, put.undo_since.map(|since| undo::as_stored(&Undo::Possible { since })))
        .set_or_remove(record::CONFLICT, put.conflict.map(|conflict| text(conflict.as_str())))
        .remove([record::FAILED_AT, record::DRY_RUN, record::OVERRULED, record::SUPERSEDED_AT, record::TO_DELETE])
        .remove([record::CONTENT_DROPPED_AT])
        .only_if(not_accepted)
        .only_if(not_superseded)
        .with(":hash", text(put.payload.hash().to_string()))
}

fn creation_key(put: &PutRecord) -> Option<AttributeValue> {
    CreationKey::of(&put.payload).map(|key| item::creation_key_as_stored(&key))
}

//! Stores the outcome of a record after its batch.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{PortError, Settled};
use ghl_sync_model::{ContentHash, EpochMs, GhlId, ImportStanding, Outcome, Provenance, Record, Undone};

use super::due_key::DueKey;
use super::{TRIES, WriteConflict, deletion, import_key, item, key_of, undo};
use crate::expression::{Update, number, text};
use crate::table::{DynamoTable, Item, Updated};
use crate::tables::record;

/// A record deleted by hand must not come back.
const EXISTS: &str = "attribute_exists(#location_id)";

/// Holds while the record is due with the priority it was sent with.
const STILL_DUE: &str = "begins_with(#due, :sent_priority)";

pub(super) async fn settle(
    table: &DynamoTable,
    sent: &Record,
    outcome: &Outcome,
    now: EpochMs,
) -> Result<Settled, PortError> {
    if *outcome == Outcome::Deleted {
        let Some(standing) = deletion::settle(table, sent).await? else { return Ok(Settled::Done) };
        record_facts(table, sent, outcome, standing, now).await?;
        return Ok(Settled::ChangedMeanwhile);
    }
    let key = key_of(&sent.location_id, &sent.key);
    match table.update("outbox.settle", key, of_sent_version(sent, outcome, now)).await? {
        Updated::Written => return Ok(Settled::Done),
        // A record deleted by hand must not come back.
        Updated::Refused(None) => {}
        Updated::Refused(Some(standing)) if is_awaited_by_more(sent, outcome, &standing) => {
            return Ok(Settled::AwaitedByMore);
        }
        Updated::Refused(Some(standing)) => record_facts(table, sent, outcome, standing, now).await?,
    }
    Ok(Settled::ChangedMeanwhile)
}

/// Writes the facts learned from GHL to the current record. Repeats this if the record changes in between.
async fn record_facts(
    table: &DynamoTable,
    sent: &Record,
    outcome: &Outcome,
    mut standing: Item,
    now: EpochMs,
) -> Result<(), PortError> {
    for _ in 0..TRIES {
        let Some(facts) = facts(sent, outcome, &standing, now) else { return Ok(()) };
        let key = key_of(&sent.location_id, &sent.key);
        match table.update("outbox.settle", key, facts).await? {
            Updated::Written | Updated::Refused(None) => return Ok(()),
            // A newer version was accepted.
            Updated::Refused(Some(_)) if matches!(outcome, Outcome::Accepted { .. }) => return Ok(()),
            Updated::Refused(Some(now_stands)) => standing = now_stands,
        }
    }
    Err(PortError::new("outbox.settle", WriteConflict))
}

/// The whole outcome, provided the record is still the version that was sent.
///
/// An acceptance counts even if someone else has settled that version. Any other outcome counts only while the record
/// is due: a late failure must not undo someone else's success. Each write may happen twice, since the SDK repeats a
/// request if its reply was lost; so attempts are set instead of incremented, and a failure accepts its own trace.
fn of_sent_version(sent: &Record, outcome: &Outcome, now: EpochMs) -> Update {
    let update = Update::new().only_if("#version = :sent").with(":sent", number(sent.version));
    let update = match standing(outcome) {
        Some(standing) => import_key::stands(update, sent, standing),
        None => update,
    };
    match outcome {
        Outcome::Accepted { ghl_id, hash, provenance, not_stored } => {
            accept(only_if_all_were_woken(update, sent), sent, (ghl_id, *provenance), *hash, now)
                .remove([record::AWAITED_BY])
                .set_or_remove(record::NOT_STORED, item::not_stored(not_stored))
                .set(record::ATTEMPTS, number(0))
                .set_or_remove(record::EARLIER_ERRORS, item::errors(&sent.errors_when_accepted()))
                .remove([record::DUE, record::NOT_BEFORE, record::WAITS_FOR])
                .remove([record::LAST_ERROR, record::FAILED_AT, record::DRY_RUN, record::SUPERSEDED_AT])
        }
        Outcome::Failed { error, ghl_id, provenance } => learn_id(update, sent, ghl_id.as_ref(), *provenance)
            .only_if("attribute_exists(#due) OR #failed_at = :failed_at")
            .set(record::FAILED_AT, number(now.0))
            .set(record::LAST_ERROR, item::last_error(error))
            .set_known(record::EARLIER_ERRORS, item::errors(&sent.errors()))
            .remove([record::DUE, record::WAITS_FOR]),
        Outcome::Retry { due_at, error, not_before, ghl_id, provenance } => {
            learn_id(due_later(update, sent, *due_at), sent, ghl_id.as_ref(), *provenance)
                .set(record::ATTEMPTS, number(u64::from(sent.attempts.saturating_add(1))))
                .set(record::LAST_ERROR, item::last_error(error))
                .set_known(record::EARLIER_ERRORS, item::errors(&sent.errors()))
                .set_or_remove(record::NOT_BEFORE, time(*not_before))
                .remove([record::WAITS_FOR])
        }
        Outcome::Wait { due_at, waits_for, not_before, ghl_id, provenance, is_gone } => {
            let update = due_later(keep_errors(update, sent), sent, *due_at);
            let update = update.remove(is_gone.then_some([record::GHL_ID, record::MADE]).into_iter().flatten());
            learn_id(update, sent, ghl_id.as_ref(), *provenance)
                .set_or_remove(record::WAITS_FOR, waits_for.as_ref().map(|key| text(key.to_string())))
                .set_known(record::NOT_BEFORE, time(*not_before))
        }
        Outcome::Await { record: awaited } => keep_errors(update, sent)
            .only_if("#due = :seen_due OR (attribute_not_exists(#due) AND #waits_for = :waits_for)")
            .with(":seen_due", due_key(sent, sent.due_at.unwrap_or_default()))
            .set(record::WAITS_FOR, text(awaited.to_string()))
            .remove([record::DUE]),
        Outcome::Undone(undone) => undo::done(update, sent, undone),
        // A deletion is not an update.
        Outcome::Deleted => update,
        Outcome::WouldSend { request, stays_due: true } => {
            keep_errors(update, sent).only_if("attribute_exists(#due)").set(record::DRY_RUN, text(request))
        }
        Outcome::WouldSend { request, stays_due: false } => keep_errors(update, sent)
            .only_if("attribute_exists(#due) OR #dry_run = :dry_run")
            .set(record::DRY_RUN, text(request))
            .remove([record::DUE, record::WAITS_FOR]),
    }
}

/// The standing of a record in its import after an outcome; `None` if it stays pending.
fn standing(outcome: &Outcome) -> Option<ImportStanding> {
    match outcome {
        Outcome::Accepted { .. } => Some(ImportStanding::Accepted),
        Outcome::Failed { .. } => Some(ImportStanding::Failed),
        Outcome::WouldSend { stays_due: false, .. } => Some(ImportStanding::Other),
        Outcome::Undone(undone) => Some(ImportStanding::after(undone)),
        Outcome::WouldSend { stays_due: true, .. }
        | Outcome::Retry { .. }
        | Outcome::Wait { .. }
        | Outcome::Await { .. }
        | Outcome::Deleted => None,
    }
}

/// The facts that GHL reported, which hold for any version of the record; `None` if there are none.
///
/// An acceptance that arrives after a newer one adds nothing, and is refused.
fn facts(sent: &Record, outcome: &Outcome, standing: &Item, now: EpochMs) -> Option<Update> {
    match outcome {
        Outcome::Accepted { ghl_id, hash, provenance, not_stored } => Some(
            accept(Update::new().only_if(EXISTS), sent, (ghl_id, *provenance), *hash, now)
                .set_or_remove(record::NOT_STORED, item::not_stored(not_stored))
                .only_if("attribute_not_exists(#accepted_version) OR #accepted_version < :accepted_version"),
        ),
        Outcome::Failed { ghl_id, provenance, .. } => {
            ghl_id.as_ref().map(|ghl_id| learn_id(Update::new().only_if(EXISTS), sent, Some(ghl_id), *provenance))
        }
        Outcome::Retry { not_before, ghl_id, provenance, .. }
        | Outcome::Wait { not_before, ghl_id, provenance, .. } => {
            let is_wait = matches!(outcome, Outcome::Wait { .. });
            let cleared = is_wait.then(|| clear_crash_mark(sent, standing)).flatten();
            let is_gone = matches!(outcome, Outcome::Wait { is_gone: true, .. }) && still_names(sent, standing);
            if ghl_id.is_none() && not_before.is_none() && cleared.is_none() && !is_gone {
                return None;
            }
            let update = cleared.unwrap_or_default().only_if(EXISTS);
            let update = if is_gone { gone(update, sent) } else { update };
            let update = learn_id(update, sent, ghl_id.as_ref(), *provenance);
            Some(match not_before {
                Some(not_before) => hold_back(update, standing, *not_before),
                None => update,
            })
        }
        Outcome::Undone(Undone { deleted: true, .. }) | Outcome::Deleted => {
            still_names(sent, standing).then(|| gone(Update::new().only_if(EXISTS), sent))
        }
        Outcome::Await { .. } | Outcome::WouldSend { .. } | Outcome::Undone(_) => None,
    }
}

/// Whether `standing` has the GHL id that the record was sent with.
fn still_names(sent: &Record, standing: &Item) -> bool {
    let id = sent.ghl_id.as_ref().map(|id| text(id.as_str()));
    id.is_some() && standing.get(record::GHL_ID) == id.as_ref()
}

/// Records that GHL has nothing under that id any more. Records that depend on it, such as an opportunity of a
/// contact, must not mistake it for an existing contact.
fn gone(update: Update, sent: &Record) -> Update {
    let id = sent.ghl_id.as_ref().map_or("", |id| id.as_str());
    update.only_if("#ghl_id = :gone").with(":gone", text(id)).remove([record::GHL_ID, record::MADE])
}

/// Removes the crash mark written against `sent` before the record was put again; `None` if there was none. Anything
/// that others wrote in between, such as a cancellation, stays.
fn clear_crash_mark(sent: &Record, standing: &Item) -> Option<Update> {
    let is_put_again = standing.get(record::VERSION) != Some(&number(sent.version));
    let is_marked = item::has_failed_by_us(standing) && !standing.contains_key(record::FAILED_AT);
    let last_error = sent.last_error.as_ref().map(item::last_error);
    let written = standing.get(record::LAST_ERROR).filter(|written| Some(*written) != last_error.as_ref());
    let written = written.filter(|_| is_put_again && is_marked)?;
    let update = Update::new()
        .set_or_remove(record::LAST_ERROR, last_error)
        .set_or_remove(record::EARLIER_ERRORS, item::errors(&sent.earlier_errors))
        .only_if("#last_error = :written")
        .with(":written", written.clone());
    Some(update)
}

/// An acceptance clears the list of waiting records, so it holds only if the sender knew all of them.
fn only_if_all_were_woken(update: Update, sent: &Record) -> Update {
    if sent.awaited_by.is_empty() {
        return update.only_if("attribute_not_exists(#awaited_by)");
    }
    update
        .only_if("attribute_not_exists(#awaited_by) OR #awaited_by = :woken")
        .with(":woken", AttributeValue::Ss(sent.awaited_by.iter().map(ToString::to_string).collect()))
}

/// Whether `standing`, the record as sent, refused an acceptance because more records wait for it.
fn is_awaited_by_more(sent: &Record, outcome: &Outcome, standing: &Item) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
        && standing.get(record::VERSION) == Some(&number(sent.version))
        && standing.contains_key(record::AWAITED_BY)
}

/// For outcomes that do not count: restores the attempts and errors with which the record was loaded, without any
/// crash mark.
fn keep_errors(update: Update, sent: &Record) -> Update {
    update
        .set(record::ATTEMPTS, number(u64::from(sent.attempts)))
        .set_or_remove(record::LAST_ERROR, sent.last_error.as_ref().map(item::last_error))
        .set_or_remove(record::EARLIER_ERRORS, item::errors(&sent.earlier_errors))
}

fn accept(
    update: Update,
    sent: &Record,
    (ghl_id, provenance): (&GhlId, Provenance),
    hash: ContentHash,
    now: EpochMs,
) -> Update {
    learn_id(update, sent, Some(ghl_id), provenance)
        .set(record::ACCEPTED_VERSION, number(sent.version))
        .set(record::ACCEPTED_HASH, text(hash.to_string()))
        .set(record::ACCEPTED_AT, number(now.0))
        .remove([record::FORMER])
}

/// A call may still arrive at GHL until `not_before`, so the record, whatever its version, must not be due before.
/// The current item decides whether it is due, and with which priority.
fn hold_back(update: Update, standing: &Item, not_before: EpochMs) -> Update {
    let update = update.set(record::NOT_BEFORE, number(not_before.0));
    let Some(seen_due) = standing.get(record::DUE) else {
        return update.only_if("attribute_not_exists(#due)");
    };
    let update = update.only_if("#due = :seen_due").with(":seen_due", seen_due.clone());
    match DueKey::read(standing) {
        Ok(Some(due)) => update.set(record::DUE, DueKey { due_at: not_before, ..due }.as_stored()),
        // An unreadable key stays as it is: whoever loads the record quarantines it.
        _ => update,
    }
}

/// Moves the due time to `due_at`, if the record is still due with the same priority.
fn due_later(update: Update, sent: &Record, due_at: EpochMs) -> Update {
    update
        .only_if(STILL_DUE)
        .with(":sent_priority", DueKey::beginning(sent.priority))
        .set(record::DUE, due_key(sent, due_at))
}

fn due_key(sent: &Record, due_at: EpochMs) -> AttributeValue {
    DueKey { priority: sent.priority, due_at }.as_stored()
}

/// Stores GHL's id, if one was learned, and who created the record with that id.
fn learn_id(update: Update, sent: &Record, ghl_id: Option<&GhlId>, provenance: Provenance) -> Update {
    let Some(id) = ghl_id else {
        return update;
    };
    let made = match sent.provenance_of(id, provenance) {
        Provenance::Created => Some(AttributeValue::Bool(true)),
        Provenance::Found => Some(AttributeValue::Bool(false)),
        Provenance::Unknown => None,
    };
    update.set(record::GHL_ID, text(id.as_str())).set_or_remove(record::MADE, made)
}

fn time(time: Option<EpochMs>) -> Option<AttributeValue> {
    time.map(|time| number(time.0))
}

//! Counts the records of a run by their state in the outbox.

use std::collections::HashMap;

use ghl_sync_engine::ports::Loaded;
use ghl_sync_import::ImportedContact;
use ghl_sync_model::{LocationId, Priority, RecordKey};

use super::Job;
use crate::Failure;
use crate::list::{Contacts, RecordResultRow, ResultsFile};
use crate::report::RecordTotals;
use crate::stack::Stack;

/// Counts the records by their state in the outbox, which is authoritative, unlike the functions' reports. Writes
/// each result to the results file.
pub(super) async fn take(stack: &Stack, contacts: &mut Contacts, job: &Job<'_>) -> Result<RecordTotals, Failure> {
    let mut census = RecordTotals { total: contacts.len(), ..RecordTotals::default() };
    let mut file = job.output.results.as_deref().map(ResultsFile::create).transpose()?;
    let mut places = job.locations.iter().cycle();
    for chunk in contacts.chunks()? {
        let mut results = Vec::new();
        for (location, rows) in by_location(chunk?.into_iter().zip(places.by_ref())) {
            let keys: Vec<RecordKey> = rows.keys().cloned().collect();
            for loaded in stack.engine.ports().outbox.load(location, &keys).await? {
                let (counter, state) = match &loaded {
                    Loaded::Record(record) if record.due_at.is_some() => (&mut census.pending, "pending"),
                    Loaded::Record(record) if record.accepted_version == Some(record.version) => {
                        (&mut census.synced, "synced")
                    }
                    Loaded::Record(record) if record.last_error.is_none() => (&mut census.skipped, "skipped"),
                    Loaded::Record(_) | Loaded::Damaged { .. } => (&mut census.failed, "failed"),
                };
                *counter += 1;
                results.push(result(loaded, state, &rows));
            }
        }
        results.sort_by_key(|result| result.row);
        if let Some(file) = &mut file {
            results.iter().try_for_each(|result| file.write(result))?;
        }
    }
    file.map(ResultsFile::finish).transpose()?;
    census.pending += census.total - census.synced - census.skipped - census.failed - census.pending;
    Ok(census)
}

/// Keys of the contacts in each location, with their rows.
fn by_location<'l>(
    contacts: impl Iterator<Item = (ImportedContact, &'l LocationId)>,
) -> HashMap<&'l LocationId, HashMap<RecordKey, u64>> {
    let mut by_location: HashMap<&LocationId, HashMap<RecordKey, u64>> = HashMap::new();
    for (contact, location) in contacts {
        let row = contact.row;
        let key = contact.into_put(location.clone(), Priority::Normal).key();
        by_location.entry(location).or_default().insert(key, row);
    }
    by_location
}

fn result(loaded: Loaded, state: &'static str, rows: &HashMap<RecordKey, u64>) -> RecordResultRow {
    let row = |key: &RecordKey| rows.get(key).copied().unwrap_or_default();
    match loaded {
        Loaded::Record(record) => RecordResultRow {
            row: row(&record.key),
            record: record.key.id.to_string(),
            state,
            ghl_id: record.ghl_id.map(|id| id.to_string()).unwrap_or_default(),
            not_stored: record.not_stored,
            error: record.last_error.filter(|_| state != "synced").map(|error| error.message).unwrap_or_default(),
        },
        Loaded::Damaged { key, reason } => RecordResultRow {
            row: row(&key),
            record: key.id.to_string(),
            state,
            ghl_id: String::new(),
            error: reason,
            not_stored: Vec::new(),
        },
    }
}

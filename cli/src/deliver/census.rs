//! How the records of a run stand in the outbox.

use std::collections::HashMap;

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_model::{LocationId, PutRecord, RecordKey};

use crate::list::RecordResult;
use crate::report::Records;
use crate::stack::Stack;

/// How the records stand in the outbox, in all and each for itself: the store's word, not what the functions said.
pub(super) async fn take(
    stack: &Stack,
    records: &[PutRecord],
    rows: &[u64],
) -> Result<(Records, Vec<RecordResult>), PortError> {
    let mut by_location: HashMap<&LocationId, HashMap<RecordKey, u64>> = HashMap::new();
    for (record, row) in records.iter().zip(rows) {
        by_location.entry(&record.location_id).or_default().insert(record.key(), *row);
    }
    let mut census = Records { total: records.len() as u64, ..Records::default() };
    let mut results = Vec::with_capacity(records.len());
    for (location, rows) in by_location {
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
    census.pending += census.total - census.synced - census.skipped - census.failed - census.pending;
    results.sort_by_key(|result| result.row);
    Ok((census, results))
}

fn result(loaded: Loaded, state: &'static str, rows: &HashMap<RecordKey, u64>) -> RecordResult {
    let row = |key: &RecordKey| rows.get(key).copied().unwrap_or_default();
    match loaded {
        Loaded::Record(record) => RecordResult {
            row: row(&record.key),
            record: record.key.id.to_string(),
            state,
            ghl_id: record.ghl_id.map(|id| id.to_string()).unwrap_or_default(),
            not_stored: record.not_stored,
            error: record.last_error.filter(|_| state != "synced").map(|error| error.message).unwrap_or_default(),
        },
        Loaded::Damaged { key, reason } => RecordResult {
            row: row(&key),
            record: key.id.to_string(),
            state,
            ghl_id: String::new(),
            error: reason,
            not_stored: Vec::new(),
        },
    }
}

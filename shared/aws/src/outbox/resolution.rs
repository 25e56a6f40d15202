//! Queries and writes of reconciliation: finds records by GHL's id and stores its decisions.

use std::collections::HashMap;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{EpochMs, GhlId, ImportStanding, LocationId, Priority, Record, RecordKey, Resolution};

use super::due_key::DueKey;
use super::import_key;
use crate::expression::{Update, number, text};
use crate::fields::ItemFields;
use crate::table::{DynamoTable, IndexQuery};
use crate::tables::record;

/// Most records of one contact. Usually there is one.
const LIMIT: u32 = 25;

pub(super) async fn of_ghl_id(
    table: &DynamoTable,
    location: &LocationId,
    ghl_id: &GhlId,
) -> Result<Vec<RecordKey>, PortError> {
    let query = IndexQuery {
        index: record::GHL_INDEX,
        condition: "#location_id = :location AND #ghl_id = :ghl_id",
        values: HashMap::from([
            (":location".to_owned(), text(location.as_str())),
            (":ghl_id".to_owned(), text(ghl_id.as_str())),
        ]),
        projection: None,
        limit: LIMIT,
        start: None,
    };
    let page = table.query("outbox.of_ghl_id", query).await?;
    Ok(page.items.iter().filter_map(|entry| ItemFields(entry).parsed(record::RECORD).ok()).collect())
}

/// Stores a decision. It applies only to the record as seen, or as an earlier try of the same write left it.
pub(super) fn update(seen: &Record, resolution: &Resolution, now: EpochMs) -> Update {
    let update = Update::new()
        .only_if("#version = :seen AND attribute_not_exists(#failed_at)")
        .with(":seen", number(seen.version));
    match resolution {
        Resolution::Resend { overruled } => import_key::stands(update, seen, ImportStanding::Pending)
            .only_if("attribute_not_exists(#due) OR #due = :due")
            .set(record::DUE, DueKey { priority: Priority::Low, due_at: now }.as_stored())
            .set(record::PRIORITY, text(Priority::Low.as_str()))
            .set(record::ATTEMPTS, number(0))
            .set(record::OVERRULED, text(overruled.to_string()))
            .remove([record::SUPERSEDED_AT]),
        Resolution::Supersede { changed_at } => {
            import_key::stands(as_due_as(update, seen), seen, ImportStanding::Other)
                .set(record::SUPERSEDED_AT, number(changed_at.0))
                .remove([record::DUE, record::WAITS_FOR, record::OVERRULED])
        }
        Resolution::Agree => {
            let standing = ImportStanding::of(&Record { superseded_at: None, ..seen.clone() });
            import_key::stands(exactly_as_due_as(update, seen), seen, standing)
                .remove([record::OVERRULED, record::SUPERSEDED_AT])
        }
    }
}

fn as_due_as(update: Update, seen: &Record) -> Update {
    match DueKey::of(seen) {
        Some(due) => {
            update.only_if("#due = :seen_due OR #superseded_at = :superseded_at").with(":seen_due", due.as_stored())
        }
        None => exactly_as_due_as(update, seen),
    }
}

fn exactly_as_due_as(update: Update, seen: &Record) -> Update {
    match DueKey::of(seen) {
        Some(due) => update.only_if("#due = :seen_due").with(":seen_due", due.as_stored()),
        None => update.only_if("attribute_not_exists(#due)"),
    }
}

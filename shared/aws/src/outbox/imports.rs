//! Counts, lists and withdraws the records of an import.

use std::collections::HashMap;

use ghl_sync_engine::ports::{ImportPage, PortError, Tallied};
use ghl_sync_model::{EpochMs, ImportId, ImportStanding, LastError, LocationId, Record, RecordKey};

use super::import_key::{as_stored, stands};
use super::{item, key_of};
use crate::expression::{Update, number, text};
use crate::fields::ItemFields;
use crate::table::{DynamoTable, IndexQuery, Item};
use crate::tables::record;

pub(super) async fn count(
    table: &DynamoTable,
    location: &LocationId,
    import: &ImportId,
    standing: ImportStanding,
    cap: u32,
) -> Result<Tallied, PortError> {
    table.count("outbox.count_import", all(location, import, standing, cap.saturating_add(1)), cap).await
}

pub(super) async fn page(
    table: &DynamoTable,
    location: &LocationId,
    import: &ImportId,
    standing: ImportStanding,
    after: Option<&RecordKey>,
    limit: u32,
) -> Result<ImportPage, PortError> {
    let start = after.map(|key| {
        let mut entry = key_of(location, key);
        entry.insert(record::IMPORT.to_owned(), as_stored(import, standing));
        entry
    });
    let query = IndexQuery { start, ..all(location, import, standing, limit.max(1)) };
    let page = table.query("outbox.of_import", query).await?;
    let key = |entry: &Item| ItemFields(entry).parsed(record::RECORD).ok();
    Ok(ImportPage { keys: page.items.iter().filter_map(key).collect(), next: page.end.as_ref().and_then(key) })
}

/// Moves the record from the due index to the failed one, if it is still pending in the version of `seen`.
pub(super) fn withdraw_update(seen: &Record, error: &LastError, now: EpochMs) -> Update {
    let update = Update::new()
        .set(record::FAILED_AT, number(now.0))
        .set(record::LAST_ERROR, item::last_error(error))
        .set_known(record::EARLIER_ERRORS, item::errors(&seen.errors()))
        .remove([record::DUE, record::WAITS_FOR])
        .only_if("#version = :seen")
        .with(":seen", number(seen.version))
        .only_if("attribute_exists(#due) OR attribute_exists(#waits_for) OR #failed_at = :failed_at");
    stands(update, seen, ImportStanding::Failed)
}

fn all(location: &LocationId, import: &ImportId, standing: ImportStanding, limit: u32) -> IndexQuery {
    IndexQuery {
        index: record::IMPORT_INDEX,
        condition: "#location_id = :location AND #import = :import",
        values: HashMap::from([
            (":location".to_owned(), text(location.as_str())),
            (":import".to_owned(), as_stored(import, standing)),
        ]),
        projection: None,
        limit,
        start: None,
    }
}

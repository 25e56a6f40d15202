//! Which import a record belongs to and where it stands, as one text: the sort key of the import index.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{ImportPage, PortError, Tallied};
use ghl_sync_model::{EpochMs, ImportId, ImportStanding, LastError, LocationId, Record, RecordKey};

use super::{item, key_of};
use crate::expression::{Update, number, text};
use crate::fields::Fields;
use crate::table::{IndexQuery, Item, Table};
use crate::tables::record;

/// Between the import's id, which has none of it, and where the record stands.
const SEPARATOR: char = '#';

/// The attribute of a record of `import` that stands at `standing`.
pub(super) fn as_stored(import: &ImportId, standing: ImportStanding) -> AttributeValue {
    let short = match standing {
        ImportStanding::Pending => 'p',
        ImportStanding::Accepted => 'a',
        ImportStanding::Failed => 'f',
        ImportStanding::Other => 'o',
    };
    text(format!("{import}{SEPARATOR}{short}"))
}

/// The import of an item. What is no import's id was written by hand, and stays as it is.
pub(super) fn import_of(item: &Item) -> Option<ImportId> {
    let stored = Fields(item).optional_text(record::IMPORT).ok()??;
    let (import, _) = stored.rsplit_once(SEPARATOR)?;
    ImportId::new(import).ok()
}

/// The import of a stored attribute that says that the record is pending.
pub(crate) fn pending_in(stored: &str) -> Option<ImportId> {
    let (import, standing) = stored.rsplit_once(SEPARATOR)?;
    ImportId::new(import).ok().filter(|_| standing == "p")
}

/// A record stands at `standing` from now on. `update` must hold for the version that `seen` has: the import is that of the
/// version.
pub(super) fn stands(update: Update, seen: &Record, standing: ImportStanding) -> Update {
    update.set_known(record::IMPORT, seen.import.as_ref().map(|import| as_stored(import, standing)))
}

pub(super) async fn count(
    table: &Table,
    location: &LocationId,
    import: &ImportId,
    standing: ImportStanding,
    cap: u32,
) -> Result<Tallied, PortError> {
    table.count("outbox.count_import", all(location, import, standing, cap.saturating_add(1)), cap).await
}

pub(super) async fn page(
    table: &Table,
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
    let key = |entry: &Item| Fields(entry).parsed(record::RECORD).ok();
    Ok(ImportPage { keys: page.items.iter().filter_map(key).collect(), next: page.end.as_ref().and_then(key) })
}

/// Out of the due index and into the failed one, if the record is still pending in the version that was seen.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_and_a_standing_are_stored_as_documented_and_read_back() {
        let import = ImportId::new("leads-2026_11").unwrap();
        let table = [
            (ImportStanding::Pending, "leads-2026_11#p"),
            (ImportStanding::Accepted, "leads-2026_11#a"),
            (ImportStanding::Failed, "leads-2026_11#f"),
            (ImportStanding::Other, "leads-2026_11#o"),
        ];
        for (standing, stored) in table {
            assert_eq!(as_stored(&import, standing), text(stored));
            let item = Item::from([(record::IMPORT.to_owned(), text(stored))]);
            assert_eq!(import_of(&item), Some(import.clone()));
        }
        for by_hand in ["", "#p", "leads", "a b#p"] {
            assert_eq!(import_of(&Item::from([(record::IMPORT.to_owned(), text(by_hand))])), None, "{by_hand}");
        }
    }
}

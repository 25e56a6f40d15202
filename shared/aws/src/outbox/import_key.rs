//! A record's import and standing as one text: the sort key of the import index.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::{ImportId, ImportStanding, Record};

use crate::expression::{Update, text};
use crate::fields::{Item, ItemFields};
use crate::tables::record;

/// Separates the import's id, which cannot contain it, from the standing.
const SEPARATOR: char = '#';

/// The attribute of a record of `import` with `standing`.
pub(super) fn as_stored(import: &ImportId, standing: ImportStanding) -> AttributeValue {
    let short = match standing {
        ImportStanding::Pending => 'p',
        ImportStanding::Accepted => 'a',
        ImportStanding::Failed => 'f',
        ImportStanding::Other => 'o',
        ImportStanding::Undone => 'u',
        ImportStanding::Left => 'l',
    };
    text(format!("{import}{SEPARATOR}{short}"))
}

/// The import of an item. A value that is not an import's id was written by hand, and is left alone.
pub(super) fn import_of(item: &Item) -> Option<ImportId> {
    let stored = ItemFields(item).optional_text(record::IMPORT).ok()??;
    let (import, _) = stored.rsplit_once(SEPARATOR)?;
    ImportId::new(import).ok()
}

/// The import in a stored attribute, if the record is pending.
pub(crate) fn pending_in(stored: &str) -> Option<ImportId> {
    let (import, standing) = stored.rsplit_once(SEPARATOR)?;
    ImportId::new(import).ok().filter(|_| standing == "p")
}

/// Sets the record's standing in its import. `update` must apply only to the version of `seen`, because the import
/// belongs to that version.
pub(super) fn stands(update: Update, seen: &Record, standing: ImportStanding) -> Update {
    update.set_known(record::IMPORT, seen.import.as_ref().map(|import| as_stored(import, standing)))
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
            (ImportStanding::Undone, "leads-2026_11#u"),
            (ImportStanding::Left, "leads-2026_11#l"),
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

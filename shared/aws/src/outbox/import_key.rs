//! Which import a record belongs to and where it stands, as one text: the sort key of the import index.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::{ImportId, ImportStanding, Record};

use crate::expression::{Update, text};
use crate::fields::{Fields, Item};
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
        ImportStanding::Undone => 'u',
        ImportStanding::Left => 'l',
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

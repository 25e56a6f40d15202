//! Imports: records that arrived together, such as those of one file; their data, and the standing of their records.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use crate::{EpochMs, ImportId, Item, ItemKind, LocationId, Record, UNDO_WITHIN, Undo, Undone};

/// Number of a location's imports in its list: the latest ones.
pub const LISTED_IMPORTS: usize = 200;
/// An import is kept for this long after its last change. Its records keep its id.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImportState {
    /// More records may come.
    Open,
    /// The importer reported that all records were put.
    Complete,
    /// An operator cancelled it: no more records are accepted, and unsent ones count as failed.
    Cancelled,
    /// An operator is undoing it: no more records are accepted or sent, and sent ones are undone.
    Undone,
}

/// An import into a location, as its importer describes it. The outbox knows the standing of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// How far it has come.
    pub state: ImportState,
    /// A name for people, such as the name of the file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// When it began.
    pub created_at: EpochMs,
    /// When the importer last reported about it.
    pub updated_at: EpochMs,
    /// When it was completed or cancelled; `None` while it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<EpochMs>,
    /// Rows of the source.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
    /// Records made from those rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub records: Option<u64>,
    /// Number of omissions and changes, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub problems: BTreeMap<String, u64>,
    /// Names of its files: those read, and those with the results.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<String>,
    /// Start of the period in which it can be undone, if it can: GHL's copy of each record is saved before the record
    /// is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo_since: Option<EpochMs>,
}

impl Import {
    /// A new import that begins `now`.
    #[must_use]
    pub fn begun(now: EpochMs) -> Import {
        Import {
            state: ImportState::Open,
            name: None,
            created_at: now,
            updated_at: now,
            finished_at: None,
            rows: None,
            records: None,
            problems: BTreeMap::new(),
            files: Vec::new(),
            undo_since: None,
        }
    }

    /// End of the period in which it can be undone; `None` if it never can.
    #[must_use]
    pub fn undo_until(&self) -> Option<EpochMs> {
        self.undo_since.map(|since| since + UNDO_WITHIN)
    }

    /// Start of the undo period, if a record put `now` can still be undone.
    #[must_use]
    pub fn undo_since_at(&self, now: EpochMs) -> Option<EpochMs> {
        self.undo_since.filter(|since| now < *since + UNDO_WITHIN)
    }

    /// The import's entry in a list.
    #[must_use]
    pub fn summary(&self, id: &ImportId) -> ImportSummary {
        let Import { state, created_at, finished_at, .. } = *self;
        ImportSummary { id: id.clone(), name: self.name.clone(), state, created_at, finished_at }
    }
}

impl Item for Import {
    const KIND: ItemKind = ItemKind {
        name: "import",
        load: "imports.load",
        replace: "imports.write",
        attribute: "import",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = (LocationId, ImportId);

    fn item_key((location, id): &(LocationId, ImportId)) -> String {
        format!("import#{location}#{id}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.updated_at + KEPT)
    }
}

/// An import's entry in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// The import's id within its location.
    pub id: ImportId,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// How far it has come.
    pub state: ImportState,
    /// When it began.
    pub created_at: EpochMs,
    /// When it was completed or cancelled; `None` while it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<EpochMs>,
}

/// The latest imports of a location, newest first. They are one item, so listing costs the same however many there
/// were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportList {
    /// At most [`LISTED_IMPORTS`].
    pub imports: Vec<ImportSummary>,
}

impl ImportList {
    /// The same list with the current state of `import`; `None` if nothing changes.
    #[must_use]
    pub fn with(&self, import: ImportSummary) -> Option<ImportList> {
        let mut imports = self.imports.clone();
        imports.retain(|listed| listed.id != import.id);
        imports.push(import);
        imports.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        imports.truncate(LISTED_IMPORTS);
        (imports != self.imports).then_some(ImportList { imports })
    }
}

impl Item for ImportList {
    const KIND: ItemKind = ItemKind {
        name: "import_list",
        load: "imports.load",
        replace: "imports.write",
        attribute: "imports",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = LocationId;

    fn item_key(location: &LocationId) -> String {
        format!("imports#{location}")
    }
}

/// The standing of a record of an import. Each record has exactly one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImportStanding {
    /// Will be sent: it is due, or waits for another record.
    Pending,
    /// GHL accepted it.
    Accepted,
    /// Failed for good; it can be replayed.
    Failed,
    /// Will not reach GHL: a dry run showed its request, somebody changed it in GHL and that content stands, or it is
    /// to be deleted there.
    Other,
    /// Undone: GHL shows its content from before the import.
    Undone,
    /// Undone in part, or not at all: the record lists the fields that were left, and why.
    Left,
}

impl ImportStanding {
    /// All standings.
    pub const ALL: [ImportStanding; ImportStanding::COUNT] = [
        ImportStanding::Pending,
        ImportStanding::Accepted,
        ImportStanding::Failed,
        ImportStanding::Other,
        ImportStanding::Undone,
        ImportStanding::Left,
    ];

    /// The standing of `record`.
    #[must_use]
    pub fn of(record: &Record) -> ImportStanding {
        match record {
            Record { due_at: Some(_), deletion: true, .. } => ImportStanding::Other,
            Record { due_at: Some(_), .. } => ImportStanding::Pending,
            Record { failed_at: Some(_), .. } => ImportStanding::Failed,
            Record { undo: Some(Undo::Done(undone)), .. } => ImportStanding::after(undone),
            Record { waits_for: Some(_), .. } => ImportStanding::Pending,
            Record { dry_run: Some(_), .. } | Record { superseded_at: Some(_), .. } => ImportStanding::Other,
            _ => ImportStanding::Accepted,
        }
    }

    /// The standing of a record after its undo.
    #[must_use]
    pub fn after(undone: &Undone) -> ImportStanding {
        if undone.left.is_empty() { ImportStanding::Undone } else { ImportStanding::Left }
    }

    /// The standing's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(id: &str, created_at: u64) -> ImportSummary {
        Import::begun(EpochMs(created_at)).summary(&ImportId::new(id).unwrap())
    }

    #[test]
    fn a_list_holds_the_newest_imports_each_once_and_says_whether_it_changed() {
        let mut list = ImportList::default();
        for n in 0..LISTED_IMPORTS as u64 + 5 {
            list = list.with(import(&format!("i{n}"), n)).unwrap();
        }
        assert_eq!(list.imports.len(), LISTED_IMPORTS);
        assert!(list.imports.is_sorted_by(|a, b| a.created_at > b.created_at));
        assert_eq!(list.imports[0].id.as_str(), "i204");
        assert_eq!(list.with(import("i204", 204)), None, "as it is");
        assert_eq!(list.with(import("i3", 3)), None, "older than all that are listed");
        let done = ImportSummary { state: ImportState::Complete, ..import("i100", 100) };
        let changed = list.with(done.clone()).unwrap();
        assert_eq!((changed.imports.len(), changed.imports.iter().find(|i| i.id == done.id)), (200, Some(&done)));
    }

    #[test]
    fn a_full_list_of_the_longest_names_fits_into_an_item() {
        let long = |n: usize| ImportSummary {
            id: ImportId::new(format!("{n:0>64}")).unwrap(),
            name: Some("\"".repeat(200)),
            finished_at: Some(EpochMs(1_795_000_000_000)),
            ..import("x", 1_795_000_000_000)
        };
        let list = ImportList { imports: (0..LISTED_IMPORTS).map(long).collect() };
        assert!(serde_json::to_string(&list).unwrap().len() < 200_000);
    }
}

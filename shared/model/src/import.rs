//! Imports: records that came together, such as those of one file. What is known of one, and where its records stand.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use crate::{EpochMs, ImportId, Item, ItemKind, LocationId, Record, UNDO_WITHIN, Undo, Undone};

/// Imports of a location that are listed: the last ones.
pub const LISTED_IMPORTS: usize = 200;
/// Nobody asks for an import that has not changed for so long. Its records keep its id.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImportState {
    /// More records may come.
    Open,
    /// Whoever imports says that all of its records were put.
    Complete,
    /// An operator withdrew it: no more records are taken, and those that were not sent stand as failed.
    Cancelled,
    /// An operator turns it back: no more records are taken, what was not sent is not sent any more, and what was sent is
    /// undone.
    Undone,
}

/// An import into a location: what whoever imports tells of it. How its records stand is asked of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// How far it has come.
    pub state: ImportState,
    /// What people call it, such as the name of the file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// When it began.
    pub created_at: EpochMs,
    /// When it was told of last.
    pub updated_at: EpochMs,
    /// When it was completed or cancelled, while it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<EpochMs>,
    /// Rows of the source.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
    /// Records that were made of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub records: Option<u64>,
    /// What was left out or altered, by kind: how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub problems: BTreeMap<String, u64>,
    /// The names of its files: what was read, and what was written about it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<String>,
    /// Since when it can be undone, if it can: what GHL shows of each record is kept before it is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo_since: Option<EpochMs>,
}

impl Import {
    /// One that begins `now`.
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

    /// Until when it can be undone; `None` if it never can.
    #[must_use]
    pub fn undo_until(&self) -> Option<EpochMs> {
        self.undo_since.map(|since| since + UNDO_WITHIN)
    }

    /// Since when it can be undone, if what is put `now` can be.
    #[must_use]
    pub fn undo_since_at(&self, now: EpochMs) -> Option<EpochMs> {
        self.undo_since.filter(|since| now < *since + UNDO_WITHIN)
    }

    /// What a list says of it.
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

/// What a list says of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// The import's id within its location.
    pub id: ImportId,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// How far it has come.
    pub state: ImportState,
    /// When it began.
    pub created_at: EpochMs,
    /// When it was completed or cancelled, while it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<EpochMs>,
}

/// The last imports of a location, the newest first: one item, so that listing them costs the same however many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportList {
    /// At most [`LISTED_IMPORTS`].
    pub imports: Vec<ImportSummary>,
}

impl ImportList {
    /// The same list with `import` in it as it is now; `None` if that changes nothing.
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

/// Where a record of an import stands. Each record of an import stands at exactly one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImportStanding {
    /// It will be sent: it is due, or waits for another record.
    Pending,
    /// GHL has it.
    Accepted,
    /// It failed for good; it can be replayed.
    Failed,
    /// It comes to GHL neither now nor later: a dry run has shown what would have been sent, somebody changed it in GHL and
    /// that content stands, or it is to be deleted there.
    Other,
    /// It was undone: GHL shows what it showed before the import.
    Undone,
    /// It was undone in part, or not at all: the record says what was left, and why.
    Left,
}

impl ImportStanding {
    /// All of them.
    pub const ALL: [ImportStanding; ImportStanding::COUNT] = [
        ImportStanding::Pending,
        ImportStanding::Accepted,
        ImportStanding::Failed,
        ImportStanding::Other,
        ImportStanding::Undone,
        ImportStanding::Left,
    ];

    /// Where `record` stands.
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

    /// Where a record stands after its undo.
    #[must_use]
    pub fn after(undone: &Undone) -> ImportStanding {
        if undone.left.is_empty() { ImportStanding::Undone } else { ImportStanding::Left }
    }

    /// The standing as it is written.
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

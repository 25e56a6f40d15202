//! What there is to tell of an import, and of its records.

use std::collections::BTreeMap;

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use ghl_sync_engine::ports::{ImportPage, PortError, Tallied};
use ghl_sync_model::{
    Import, ImportCursor, ImportId, ImportStanding, ImportState, ImportSummary, LocationId, RecordKey, Time,
};

use super::{ImportError, Imports};
use crate::{Operator, RecordStatus};

/// Records of an import that are counted at most, by where they stand. Counting so many reads about 15 MB of an index.
const MOST_COUNTED: u32 = 100_000;

/// How many records of an import stand where. Together they are the records that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ImportCounts {
    /// They will be sent.
    pub pending: Tallied,
    /// GHL has them.
    pub accepted: Tallied,
    /// They failed for good; they can be replayed.
    pub failed: Tallied,
    /// A dry run has shown them, or GHL's own content stands.
    pub other: Tallied,
}

/// What there is to tell of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = ImportDocument))]
pub struct ImportStatus {
    /// The import's id within its location.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "contacts-csv-5f1c09e2"))]
    pub id: ImportId,
    /// What people call it, such as the name of the file.
    pub name: Option<String>,
    /// How far it has come: `open`, `complete`, `cancelled` or `undone`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "open"))]
    pub state: ImportState,
    /// When it began.
    pub created_at: Time,
    /// When it was told of last.
    pub updated_at: Time,
    /// When it was completed, cancelled or undone; null while it is open.
    pub finished_at: Option<Time>,
    /// Rows of the source, as told.
    pub rows: Option<u64>,
    /// Records that were made of them, as told.
    pub records: Option<u64>,
    /// What was left out or altered, by kind, as told.
    pub problems: BTreeMap<String, u64>,
    /// The names of its files, as told.
    pub files: Vec<String>,
    /// How its records stand, each counted up to 100,000.
    pub counts: ImportCounts,
    /// What became of its undo; null if it cannot be undone.
    pub undo: Option<ImportUndo>,
}

/// How far the undo of an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ImportUndo {
    /// Until when it can be asked for.
    pub until: Time,
    /// Records that are as they were before the import.
    pub undone: Tallied,
    /// Records of which something was left as it is; each says what, and why.
    pub left: Tallied,
}

impl ImportStatus {
    fn of(id: &ImportId, import: Import, counts: ImportCounts, undo: Option<ImportUndo>) -> ImportStatus {
        let Import { state, name, created_at, updated_at, finished_at, rows, records, problems, files, undo_since: _ } =
            import;
        ImportStatus {
            id: id.clone(),
            name,
            state,
            created_at: Time(created_at),
            updated_at: Time(updated_at),
            finished_at: Time::maybe(finished_at),
            rows,
            records,
            problems,
            files,
            counts,
            undo,
        }
    }
}

/// A page of an import's records that stand at the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportPageOf {
    /// The records. A page may hold fewer than asked for, and still not be the last.
    pub records: Vec<RecordStatus>,
    /// Where to go on; `None` on the last page.
    pub next: Option<ImportCursor>,
}

impl Operator {
    /// The last imports of `location`, the newest first.
    ///
    /// # Errors
    /// When the location is not known, or a store fails.
    pub async fn imports(&self, location: &LocationId) -> Result<Vec<ImportSummary>, ImportError> {
        self.known(location).await?;
        let list = Imports::of(&self.engine).lists.load(location).await?;
        Ok(list.map(|entry| entry.value.imports).unwrap_or_default())
    }

    /// What there is to tell of an import.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn import(&self, location: &LocationId, id: &ImportId) -> Result<ImportStatus, ImportError> {
        self.known(location).await?;
        let import = Imports::of(&self.engine).load(location, id).await?;
        let import = import.ok_or_else(|| ImportError::Unknown(id.clone()))?;
        let undo = self.undo_of_import(location, id, &import).await?;
        Ok(ImportStatus::of(id, import, self.import_counts(location, id).await?, undo))
    }

    async fn undo_of_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        import: &Import,
    ) -> Result<Option<ImportUndo>, PortError> {
        let Some(until) = import.undo_until() else { return Ok(None) };
        let count = |standing| self.ports().outbox.count_import(location, id, standing, MOST_COUNTED);
        let (undone, left) = futures::try_join!(count(ImportStanding::Undone), count(ImportStanding::Left))?;
        Ok(Some(ImportUndo { until: Time(until), undone, left }))
    }

    /// How the records of an import stand, but for those that were undone.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn import_counts(&self, location: &LocationId, id: &ImportId) -> Result<ImportCounts, PortError> {
        let count = |standing| self.ports().outbox.count_import(location, id, standing, MOST_COUNTED);
        let (pending, accepted, failed, other) = futures::try_join!(
            count(ImportStanding::Pending),
            count(ImportStanding::Accepted),
            count(ImportStanding::Failed),
            count(ImportStanding::Other),
        )?;
        Ok(ImportCounts { pending, accepted, failed, other })
    }

    /// Up to `limit` records of an import that stand at `standing`, from `after` on.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn records_of_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportPageOf, PortError> {
        let page = self.ports().outbox.of_import(location, id, standing, after, limit.max(1)).await?;
        let ImportPage { keys, next } = page;
        let loaded = self.ports().outbox.load(location, &keys).await?;
        let records = loaded.into_iter().map(|loaded| RecordStatus::of(location, loaded)).collect();
        Ok(ImportPageOf { records, next: next.map(|key| ImportCursor { key }) })
    }
}

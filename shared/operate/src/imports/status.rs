//! The status of an import and of its records.

use std::collections::BTreeMap;

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use ghl_sync_engine::ports::{ImportPage, PortError, Tallied};
use ghl_sync_model::{
    Import, ImportCursor, ImportId, ImportStanding, ImportState, ImportSummary, LocationId, RecordKey, Time,
};

use super::{ImportError, ImportStores};
use crate::{Operator, RecordStatus};

/// Most records counted in each state. Counting this many reads about 15 MB of an index.
const MOST_COUNTED: u32 = 100_000;

/// Number of an import's records by state. Together they are all records of the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ImportCounts {
    /// Records that will be sent.
    pub pending: Tallied,
    /// Records that GHL accepted.
    pub accepted: Tallied,
    /// Records that failed permanently; they can be replayed.
    pub failed: Tallied,
    /// Records that were part of a dry run, or superseded by GHL's own content.
    pub other: Tallied,
}

/// The status of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = ImportDocument))]
pub struct ImportStatus {
    /// The import's id within its location.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "contacts-csv-5f1c09e2"))]
    pub id: ImportId,
    /// A name for people, such as the name of the file.
    pub name: Option<String>,
    /// State of the import: `open`, `complete`, `cancelled` or `undone`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "open"))]
    pub state: ImportState,
    /// When it began.
    pub created_at: Time,
    /// When it was last updated.
    pub updated_at: Time,
    /// When it was completed, cancelled or undone; null while it is open.
    pub finished_at: Option<Time>,
    /// Rows of the source, as reported by the importer.
    pub rows: Option<u64>,
    /// Records made from them, as reported by the importer.
    pub records: Option<u64>,
    /// Number of problems by kind (left out or altered), as reported by the importer.
    pub problems: BTreeMap<String, u64>,
    /// Names of its files, as reported by the importer.
    pub files: Vec<String>,
    /// The states of its records, each counted up to 100,000.
    pub counts: ImportCounts,
    /// Progress of its undo; null if it cannot be undone.
    pub undo: Option<ImportUndo>,
}

/// Progress of the undo of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ImportUndo {
    /// Until when the undo can be requested.
    pub until: Time,
    /// Records that are as they were before the import.
    pub undone: Tallied,
    /// Records of which something was left as it is; each record says what, and why.
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

/// A page of an import's records in one state.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRecordPage {
    /// The records. A page may be short without being the last.
    pub records: Vec<RecordStatus>,
    /// Where to continue; `None` on the last page.
    pub next: Option<ImportCursor>,
}

impl Operator {
    /// The most recent imports of `location`, the newest first.
    ///
    /// # Errors
    /// If the location is unknown, or a store fails.
    pub async fn imports(&self, location: &LocationId) -> Result<Vec<ImportSummary>, ImportError> {
        self.known(location).await?;
        let list = ImportStores::of(&self.engine).lists.load(location).await?;
        Ok(list.map(|entry| entry.value.imports).unwrap_or_default())
    }

    /// The status of an import.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn import(&self, location: &LocationId, id: &ImportId) -> Result<ImportStatus, ImportError> {
        self.known(location).await?;
        let import = ImportStores::of(&self.engine).load(location, id).await?;
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

    /// The states of an import's records, except for those that were undone.
    ///
    /// # Errors
    /// If a store fails.
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

    /// Up to `limit` records of an import with this `standing`, after `after`.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn records_of_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportRecordPage, PortError> {
        let page = self.ports().outbox.of_import(location, id, standing, after, limit.max(1)).await?;
        let ImportPage { keys, next } = page;
        let loaded = self.ports().outbox.load(location, &keys).await?;
        let records = loaded.into_iter().map(|loaded| RecordStatus::of(location, loaded)).collect();
        Ok(ImportRecordPage { records, next: next.map(|key| ImportCursor { key }) })
    }
}

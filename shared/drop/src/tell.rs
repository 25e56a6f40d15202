//! The import of the stack that the contacts of a list are put under, so that it can be listed, counted and cancelled.

use std::collections::BTreeMap;

use ghl_sync_import::report::ImportReport;
use ghl_sync_model::{ContentHash, EpochMs, Import, ImportId, ImportState, PutRecord};
use ghl_sync_operate::{ImportError, ImportUpdate, Operator};

use crate::DropError;
use crate::importer::Importer;
use crate::run::Run;

/// What the ids of these imports begin with, and digits of the hash behind it.
const PREFIX: &str = "drop-";
const HASH_DIGITS: usize = 16;
/// What a stack keeps of a name, in bytes, and of kinds of problems.
const LONGEST_NAME: usize = 200;
const CANCELLED: &str =
    "its import was cancelled: set the import's `state` to `open` by the API, and put the file there again";
const MOST_KINDS: usize = 50;

/// The import of a list: another one for another content of it.
pub(crate) fn import_of(run: &Run) -> Result<ImportId, DropError> {
    let hash = ContentHash::of(format!("{}\n{}", run.place.key, run.checkpoint.content.file).as_bytes()).to_string();
    let digits: String = hash.chars().take(HASH_DIGITS).collect();
    Ok(ImportId::new(format!("{PREFIX}{digits}"))?)
}

/// What contacts are put under.
pub(crate) struct Under {
    pub(crate) id: ImportId,
    /// Since when the import can be undone, if it can.
    undo_since: Option<EpochMs>,
}

impl Under {
    /// The same record, put under this import.
    pub(crate) fn take(&self, record: PutRecord) -> PutRecord {
        PutRecord { import: Some(self.id.clone()), undo_since: self.undo_since, ..record }
    }
}

impl Importer {
    /// Tells the stack that the import of a list begins, or goes on; or says why it does not.
    pub(crate) async fn begin_import(&self, run: &Run, undoable: bool) -> Result<Result<Under, String>, DropError> {
        let id = import_of(run)?;
        let (name, undoable) = (Some(in_bounds(&run.place.name)), undoable.then_some(true));
        let told = self.tell_import(run, &id, &ImportUpdate { name, undoable, ..ImportUpdate::default() }).await?;
        Ok(told.map(|import| Under { id, undo_since: import.undo_since_at(self.now()) }))
    }

    /// Tells the stack that all contacts of a list were put, and what was left out.
    pub(crate) async fn complete_import(&self, run: &Run, report: &ImportReport) -> Result<(), DropError> {
        let mut kinds: Vec<(String, u64)> = report.problems.by_kind().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kinds = kinds.into_iter().take(MOST_KINDS).map(|(kind, count)| (in_bounds(&kind), count));
        let update = ImportUpdate {
            state: Some(ImportState::Complete),
            rows: Some(report.rows),
            records: Some(report.contacts),
            problems: Some(kinds.collect::<BTreeMap<String, u64>>()),
            files: Some(["report.json", "results.csv", "rejects.csv"].map(str::to_owned).into()),
            ..ImportUpdate::default()
        };
        // One that was cancelled stays so.
        self.tell_import(run, &import_of(run)?, &update).await.map(drop)
    }

    /// What was told is taken, or no try will ever change why it is not.
    async fn tell_import(
        &self,
        run: &Run,
        id: &ImportId,
        update: &ImportUpdate,
    ) -> Result<Result<Import, String>, DropError> {
        match Operator::new(self.engine.clone()).tell_import(&run.place.location, id, update).await {
            Ok(import) => Ok(Ok(import)),
            Err(ImportError::Cancelled(_) | ImportError::Undone(_)) => Ok(Err(CANCELLED.to_owned())),
            Err(error @ ImportError::Invalid { field: "undoable", .. }) => Ok(Err(error.to_string())),
            Err(ImportError::Port(error)) => Err(error.into()),
            Err(
                error @ (ImportError::UnknownLocation(_)
                | ImportError::Unknown(_)
                | ImportError::NotUndoable(..)
                | ImportError::Invalid { .. }),
            ) => Err(DropError::Import(error)),
        }
    }
}

/// A name without what a stack refuses.
fn in_bounds(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name[..end].to_owned()
}

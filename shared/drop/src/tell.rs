//! The stack's import for a list, which makes its contacts countable and the import cancellable.

use std::collections::BTreeMap;

use ghl_sync_import::report::ImportReport;
use ghl_sync_model::{ContentHash, EpochMs, Import, ImportId, ImportState, PutRecord};
use ghl_sync_operate::{ImportError, ImportUpdate, Operator};

use crate::DropError;
use crate::importer::Importer;
use crate::run::StepRun;

/// Prefix of these imports' ids. [`HASH_DIGITS`] digits of a hash follow.
const PREFIX: &str = "drop-";
const HASH_DIGITS: usize = 16;
/// Most bytes that the stack keeps of a name. It keeps at most [`MOST_KINDS`] kinds of problems.
const LONGEST_NAME: usize = 200;
const CANCELLED: &str =
    "its import was cancelled: set the import's `state` to `open` by the API, and put the file there again";
const MOST_KINDS: usize = 50;

/// Import id of a list. Each content of a list has its own.
pub(crate) fn import_of(run: &StepRun) -> Result<ImportId, DropError> {
    let hash = ContentHash::of(format!("{}\n{}", run.place.key, run.checkpoint.content.file).as_bytes()).to_string();
    let digits: String = hash.chars().take(HASH_DIGITS).collect();
    Ok(ImportId::new(format!("{PREFIX}{digits}"))?)
}

/// The import that contacts are put under.
pub(crate) struct ListImport {
    pub(crate) id: ImportId,
    /// Start of the time in which the import can be undone, if it can.
    undo_since: Option<EpochMs>,
}

impl ListImport {
    /// The record, assigned to this import.
    pub(crate) fn take(&self, record: PutRecord) -> PutRecord {
        PutRecord { import: Some(self.id.clone()), undo_since: self.undo_since, ..record }
    }
}

impl Importer {
    /// Starts or resumes the import of a list in the stack; or says why it cannot go on.
    pub(crate) async fn begin_import(
        &self,
        run: &StepRun,
        undoable: bool,
    ) -> Result<Result<ListImport, String>, DropError> {
        let id = import_of(run)?;
        let (name, undoable) = (Some(in_bounds(&run.place.name)), undoable.then_some(true));
        let told = self.tell_import(run, &id, &ImportUpdate { name, undoable, ..ImportUpdate::default() }).await?;
        Ok(told.map(|import| ListImport { id, undo_since: import.undo_since_at(self.now()) }))
    }

    /// Completes the import in the stack, after all contacts of the list were put.
    pub(crate) async fn complete_import(&self, run: &StepRun, report: &ImportReport) -> Result<(), DropError> {
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
        // A cancelled import stays cancelled.
        self.tell_import(run, &import_of(run)?, &update).await.map(drop)
    }

    /// Updates the import. The inner error is final; no retry can change it.
    async fn tell_import(
        &self,
        run: &StepRun,
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

/// A name with the characters and length that the stack accepts.
fn in_bounds(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name[..end].to_owned()
}

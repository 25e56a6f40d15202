//! Imports: their metadata, the state of their records, and withdrawing unsent records.

mod cancel;
mod recent;
mod status;
mod tell;
mod undo;

pub use cancel::CancelReport;
pub use recent::{MAX_RECENT_IMPORTS, RecentImport};
pub use status::{ImportCounts, ImportRecordPage, ImportStatus, ImportUndo};
pub use tell::ImportUpdate;
pub use undo::{UndoCursor, UndoReport};

use ghl_sync_engine::ports::{Entry, PortError, Replaced, Versioned};
use ghl_sync_engine::usecase::Engine;
use ghl_sync_model::{BegunImport, EpochMs, Import, ImportId, ImportList, ImportState, LocationId};

use crate::OperateError;

/// Tries to change an import while others write in between.
const TRIES: u32 = 5;

/// Why an import could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The location is unknown.
    #[error("location {0} is unknown")]
    UnknownLocation(LocationId),
    /// The import was never announced, or not in the last 400 days.
    #[error("import {0} is unknown in this location")]
    Unknown(ImportId),
    /// The import was cancelled, and takes no records until it is opened again.
    #[error("import {0} was cancelled; set its `state` to `open` to go on with it")]
    Cancelled(ImportId),
    /// The import was undone, and takes no records until it is opened again.
    #[error("import {0} was undone; set its `state` to `open` to begin it anew")]
    Undone(ImportId),
    /// The import was not announced as undoable before its records were put, or that was too long ago.
    #[error("import {0} cannot be undone: {1}")]
    NotUndoable(ImportId, &'static str),
    /// A field of the import is invalid.
    #[error("field `{field}` {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with the field.
        reason: String,
    },
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<OperateError> for ImportError {
    fn from(error: OperateError) -> ImportError {
        match error {
            OperateError::Unknown(location) => ImportError::UnknownLocation(location),
            OperateError::Port(error) => ImportError::Port(error),
            // Only pausing fails this way.
            OperateError::UntilIsPast => ImportError::Invalid { field: "until", reason: error.to_string() },
        }
    }
}

/// Others kept writing in between.
#[derive(Debug, thiserror::Error)]
#[error("others changed the import in between, {TRIES} times in a row; do it again")]
struct ImportRace;

/// The stores of imports.
struct ImportStores {
    imports: Versioned<Import>,
    lists: Versioned<ImportList>,
    begun: Versioned<BegunImport>,
}

impl ImportStores {
    fn of(engine: &Engine) -> ImportStores {
        let items = &engine.ports().items;
        ImportStores {
            imports: Versioned::new(items.clone()),
            lists: Versioned::new(items.clone()),
            begun: Versioned::new(items.clone()),
        }
    }

    async fn load(&self, location: &LocationId, id: &ImportId) -> Result<Option<Import>, PortError> {
        let found = self.imports.load(&(location.clone(), id.clone())).await?;
        Ok(found.map(|entry| entry.value))
    }

    /// Stores the result of `change` on the current import (`None`: there is none yet), and updates its location's
    /// list. A change without effect costs no write.
    async fn change(
        &self,
        location: &LocationId,
        id: &ImportId,
        change: impl Fn(Option<&Import>) -> Result<Import, ImportError>,
    ) -> Result<Import, ImportError> {
        let key = (location.clone(), id.clone());
        let mut standing = self.imports.load(&key).await?;
        for _ in 0..TRIES {
            let (rev, before) = rev_and_value(standing.as_ref());
            let import = change(before)?;
            if before == Some(&import) {
                // The process that last wrote it may have died before listing it.
                self.list(location, id, &import).await?;
                return Ok(import);
            }
            if before.is_none() {
                self.mark(location, id, import.created_at).await?;
            }
            match self.imports.replace(&key, rev, &import).await? {
                Replaced::Written { .. } => {
                    self.list(location, id, &import).await?;
                    return Ok(import);
                }
                Replaced::Conflict(now) => standing = now,
            }
        }
        Err(PortError::new("imports.write", ImportRace).into())
    }

    async fn list(&self, location: &LocationId, id: &ImportId, import: &Import) -> Result<(), ImportError> {
        let mut standing = self.lists.load(location).await?;
        for _ in 0..TRIES {
            let (rev, before) = rev_and_value(standing.as_ref());
            let Some(list) = before.cloned().unwrap_or_default().with(import.summary(id)) else { return Ok(()) };
            match self.lists.replace(location, rev, &list).await? {
                Replaced::Written { .. } => return Ok(()),
                Replaced::Conflict(now) => standing = now,
            }
        }
        Err(PortError::new("imports.write", ImportRace).into())
    }
}

fn rev_and_value<T>(entry: Option<&Entry<T>>) -> (u64, Option<&T>) {
    (entry.map_or(0, |entry| entry.rev), entry.map(|entry| &entry.value))
}

/// Whether records may be put under this import of `location`; returns since when it can be undone, if it can. An
/// import that nobody announced starts with its first records.
///
/// # Errors
/// [`ImportError::Cancelled`], [`ImportError::Undone`]; [`ImportError::Port`] if a store fails.
pub async fn take_into_import(
    engine: &Engine,
    location: &LocationId,
    id: &ImportId,
) -> Result<Option<EpochMs>, ImportError> {
    let imports = ImportStores::of(engine);
    let import = match imports.load(location, id).await? {
        Some(import) => import,
        None => {
            let begun = Import::begun(engine.ports().clock.now());
            // Listed first: if the process ends in between, the next put finds no import and comes here again.
            imports.list(location, id, &begun).await?;
            imports.change(location, id, |before| Ok(before.unwrap_or(&begun).clone())).await?
        }
    };
    match import.state {
        ImportState::Open | ImportState::Complete => Ok(import.undo_since_at(engine.ports().clock.now())),
        ImportState::Undone => Err(ImportError::Undone(id.clone())),
        ImportState::Cancelled => Err(ImportError::Cancelled(id.clone())),
    }
}

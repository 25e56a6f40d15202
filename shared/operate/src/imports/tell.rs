//! Updates that an importer reports: that an import begins, its progress, and that it is complete.

use std::collections::BTreeMap;

use ghl_sync_model::{Api, EpochMs, Import, ImportId, ImportState, LocationId};

use super::{ImportError, ImportStores};
use crate::Operator;

/// Longest name of an import or of a file, in bytes.
const LONGEST_NAME: usize = 200;
/// Most kinds of problems, and most files, of one import.
const MOST_KINDS: usize = 50;
const MOST_FILES: usize = 20;
/// Largest accepted number of rows, records, or problems of a kind.
const MOST: u64 = 1_000_000_000_000;

/// An update of an import. Absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportUpdate {
    /// A name for people.
    pub name: Option<String>,
    /// `Open` or `Complete`; opening a cancelled import resumes it.
    pub state: Option<ImportState>,
    /// Rows of the source.
    pub rows: Option<u64>,
    /// Records made from the rows.
    pub records: Option<u64>,
    /// Number of problems by kind (left out or altered).
    pub problems: Option<BTreeMap<String, u64>>,
    /// Names of the import's files.
    pub files: Option<Vec<String>>,
    /// Whether records put from now on can be undone. Earlier ones stay as they are.
    pub undoable: Option<bool>,
}

impl ImportUpdate {
    fn check(&self) -> Result<(), ImportError> {
        let invalid = |field, reason: String| Err(ImportError::Invalid { field, reason });
        if matches!(self.state, Some(ImportState::Cancelled | ImportState::Undone)) {
            return invalid(
                "state",
                "must be `open` or `complete`; an import is cancelled by its path `cancel`, and undone by `undo`"
                    .to_owned(),
            );
        }
        if let Some(reason) = self.name.as_deref().and_then(fault_of_name) {
            return invalid("name", reason);
        }
        for (field, number) in [("rows", self.rows), ("records", self.records)] {
            if number.is_some_and(|number| number > MOST) {
                return invalid(field, format!("is more than {MOST}"));
            }
        }
        if let Some(problems) = &self.problems {
            if problems.values().any(|count| *count > MOST) {
                return invalid("problems", format!("has a number of more than {MOST}"));
            }
            if problems.len() > MOST_KINDS {
                return invalid("problems", format!("has {} kinds; at most {MOST_KINDS} are kept", problems.len()));
            }
            if let Some(reason) = problems.keys().find_map(|kind| fault_of_name(kind)) {
                return invalid("problems", format!("has a kind that {reason}"));
            }
        }
        if let Some(files) = &self.files {
            if files.len() > MOST_FILES {
                return invalid("files", format!("lists {}; at most {MOST_FILES} are kept", files.len()));
            }
            if let Some(reason) = files.iter().find_map(|file| fault_of_name(file)) {
                return invalid("files", format!("has a name that {reason}"));
            }
        }
        Ok(())
    }

    /// `import` with the update applied.
    fn onto(&self, import: &Import, now: EpochMs) -> Import {
        let state = self.state.unwrap_or(import.state);
        let told = Import {
            state,
            name: self.name.clone().or_else(|| import.name.clone()),
            finished_at: match state {
                ImportState::Open => None,
                ImportState::Complete | ImportState::Cancelled | ImportState::Undone if state == import.state => {
                    import.finished_at
                }
                ImportState::Complete | ImportState::Cancelled | ImportState::Undone => Some(now),
            },
            rows: self.rows.or(import.rows),
            records: self.records.or(import.records),
            problems: self.problems.clone().unwrap_or_else(|| import.problems.clone()),
            files: self.files.clone().unwrap_or_else(|| import.files.clone()),
            undo_since: match self.undoable {
                Some(true) if import.state == ImportState::Undone => Some(now),
                Some(true) => import.undo_since_at(now).or(Some(now)),
                Some(false) => None,
                None => import.undo_since,
            },
            ..import.clone()
        };
        if told == *import { told } else { Import { updated_at: now, ..told } }
    }
}

fn fault_of_name(name: &str) -> Option<String> {
    match name {
        "" => Some("is empty".to_owned()),
        _ if name.len() > LONGEST_NAME => Some(format!("is longer than {LONGEST_NAME} bytes")),
        _ if name.chars().any(char::is_control) => Some("has a control character".to_owned()),
        _ => None,
    }
}

impl Operator {
    /// Begins the import `id` of `location`, or updates it if it exists.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn tell_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        update: &ImportUpdate,
    ) -> Result<Import, ImportError> {
        update.check()?;
        let settings = self.known(location).await?;
        if settings.api == Api::V1 && update.undoable == Some(true) {
            let reason = "cannot be true: API v1 is not known to show a single opportunity".to_owned();
            return Err(ImportError::Invalid { field: "undoable", reason });
        }
        let now = self.ports().clock.now();
        ImportStores::of(&self.engine)
            .change(location, id, |before| match before {
                Some(Import { state: ImportState::Cancelled, .. }) if update.state != Some(ImportState::Open) => {
                    Err(ImportError::Cancelled(id.clone()))
                }
                Some(Import { state: ImportState::Undone, .. }) if update.state != Some(ImportState::Open) => {
                    Err(ImportError::Undone(id.clone()))
                }
                Some(import) => Ok(update.onto(import, now)),
                None => Ok(update.onto(&Import::begun(now), now)),
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(update: ImportUpdate) -> String {
        update.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_its_field() {
        let name = |name: &str| ImportUpdate { name: Some(name.to_owned()), ..ImportUpdate::default() };
        assert_eq!(fault(name("")), "field `name` is empty");
        assert_eq!(fault(name(&"x".repeat(201))), "field `name` is longer than 200 bytes");
        assert_eq!(fault(name("a\nb")), "field `name` has a control character");
        let cancelled = ImportUpdate { state: Some(ImportState::Cancelled), ..ImportUpdate::default() };
        assert!(fault(cancelled).starts_with("field `state` must be `open` or `complete`"));
        assert_eq!(
            fault(ImportUpdate { rows: Some(u64::MAX), ..ImportUpdate::default() }),
            "field `rows` is more than 1000000000000"
        );
        let problems = (0..51).map(|n| (format!("kind_{n}"), 1)).collect();
        assert!(fault(ImportUpdate { problems: Some(problems), ..ImportUpdate::default() }).contains("has 51 kinds"));
        let files = vec!["f".to_owned(); 21];
        assert!(fault(ImportUpdate { files: Some(files), ..ImportUpdate::default() }).contains("lists 21"));
    }

    #[test]
    fn what_is_absent_stays_and_the_end_is_written_down_once() {
        let begun = Import::begun(EpochMs(1));
        let update = ImportUpdate { name: Some("a.csv".to_owned()), rows: Some(7), ..ImportUpdate::default() };
        let told = update.onto(&begun, EpochMs(2));
        assert_eq!((told.name.as_deref(), told.rows, told.updated_at), (Some("a.csv"), Some(7), EpochMs(2)));
        let complete = ImportUpdate { state: Some(ImportState::Complete), ..ImportUpdate::default() };
        let done = complete.onto(&told, EpochMs(3));
        assert_eq!((done.rows, done.finished_at), (Some(7), Some(EpochMs(3))));
        assert_eq!(complete.onto(&done, EpochMs(4)), done, "told twice");
        let open = ImportUpdate { state: Some(ImportState::Open), ..ImportUpdate::default() };
        assert_eq!(open.onto(&done, EpochMs(5)).finished_at, None);
    }
}

//! Ids that contacts got in earlier imports into a location, kept with the location's state.

use std::path::{Path, PathBuf};

use ghl_sync_import::KnownIds;
use ghl_sync_model::LocationId;

use crate::Failure;

/// A file of known ids, or no file if no state is kept.
pub(crate) struct IdsFile(Option<PathBuf>);

impl IdsFile {
    pub(crate) fn of(folder: Option<&Path>, location: &LocationId) -> IdsFile {
        IdsFile(folder.map(|folder| folder.join(format!("known-ids-{location}.txt"))))
    }

    /// Reads the known ids. Warns about unusable lines, because their contacts may get another id.
    pub(crate) fn read(&self) -> Result<KnownIds, Failure> {
        let known = self.load()?;
        if let (damaged @ 1.., Some(path)) = (known.damaged_lines(), &self.0) {
            eprintln!(
                "warning: {damaged} lines of {} cannot be read: contacts that they tell of may get another id",
                path.display()
            );
        }
        Ok(known)
    }

    fn load(&self) -> Result<KnownIds, Failure> {
        let Some(path) = self.0.as_ref().filter(|path| path.exists()) else { return Ok(KnownIds::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(KnownIds::from_text(&text))
    }

    /// Adds newly learned ids. An interrupted write leaves the old file.
    pub(crate) fn write(&self, learned: KnownIds) -> Result<(), Failure> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut known = self.load()?;
        known.merge(learned);
        let new = path.with_extension("new");
        let written = std::fs::write(&new, known.to_text()).and_then(|()| std::fs::rename(&new, path));
        written.map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

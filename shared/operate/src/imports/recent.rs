//! The most recent imports of all locations.

use std::collections::HashMap;

use ghl_sync_engine::ports::{ItemPage, Listing, PortError, Versioned};
use ghl_sync_model::{BegunImport, EpochMs, Import, ImportId, ImportSummary, LocationId, Reach};

use super::ImportStores;
use crate::Operator;

/// Most imports that are listed.
pub const MAX_RECENT_IMPORTS: u32 = 100;
/// Imports read per page. Somebody with a small reach may see few of them, since the number of pages is limited.
const TOGETHER: u32 = 100;
const MOST_LOOKS: usize = 5;

/// An import of some location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentImport {
    /// The location that it imports into.
    pub location: LocationId,
    /// Its summary.
    pub summary: ImportSummary,
}

impl ImportStores {
    /// Stores that an import begins.
    pub(super) async fn mark(&self, location: &LocationId, id: &ImportId, at: EpochMs) -> Result<(), PortError> {
        let begun = BegunImport { at, location: location.clone(), import: id.clone() };
        // A conflict means that an earlier try, whose reply was lost, stored the same.
        self.begun.replace(&begun, 0, &begun).await.map(drop)
    }
}

impl Operator {
    /// The imports that began within the last 30 days, the newest first: up to `limit` out of the last 500, and only
    /// those within `reach`. One that began a moment ago may be missing.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn recent_imports(&self, reach: Option<&Reach>, limit: u32) -> Result<Vec<RecentImport>, PortError> {
        let limit = limit.min(MAX_RECENT_IMPORTS) as usize;
        let items = &self.ports().items;
        let begun = Versioned::<BegunImport>::new(items.clone());
        let mut recent = Vec::new();
        let mut before = "begun$".to_owned();
        for _ in 0..MOST_LOOKS {
            let wanted = Listing { from: "begun#".to_owned(), before, limit: TOGETHER };
            let ItemPage { items, next } = begun.list(&wanted).await?;
            let marks: Vec<BegunImport> = items.into_iter().map(|(_, entry)| entry.value).collect();
            let marks = self.within(reach, marks).await?;
            let marks = &marks[..marks.len().min(limit - recent.len())];
            let known = self.imports_of(marks).await?;
            recent.extend(marks.iter().filter_map(|mark| {
                let import = known.get(&key_of(mark)).filter(|import| import.created_at == mark.at)?;
                Some(RecentImport { location: mark.location.clone(), summary: import.summary(&mark.import) })
            }));
            match next {
                Some(next) if recent.len() < limit => before = next,
                Some(_) | None => break,
            }
        }
        Ok(recent)
    }

    async fn imports_of(&self, marks: &[BegunImport]) -> Result<HashMap<(LocationId, ImportId), Import>, PortError> {
        let mut keys: Vec<_> = marks.iter().map(key_of).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = Versioned::<Import>::new(self.ports().items.clone()).load_each(&keys).await?;
        Ok(keys.into_iter().zip(found).filter_map(|(key, entry)| Some((key, entry?.value))).collect())
    }

    async fn within(&self, reach: Option<&Reach>, marks: Vec<BegunImport>) -> Result<Vec<BegunImport>, PortError> {
        let Some(reach) = reach else { return Ok(marks) };
        let mut ids: Vec<LocationId> = marks.iter().map(|mark| mark.location.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let own = self.reached(reach, &ids).await?;
        Ok(marks.into_iter().filter(|mark| own.contains(&mark.location)).collect())
    }
}

fn key_of(mark: &BegunImport) -> (LocationId, ImportId) {
    (mark.location.clone(), mark.import.clone())
}

//! The lists of a location, newest first.

use std::collections::HashMap;

use ghl_sync_engine::ports::{Listing, PortError, Versioned};
use ghl_sync_model::{EpochMs, ImportId, Item, ListCursor, LocationId};

use crate::checkpoint::{Checkpoint, ListFigures};
use crate::mark::Mark;
use crate::{ListPlace, ListState, Lists};

/// Most lists of a page.
pub const MAX_LISTS: u32 = 100;
/// Most reads of marks for a page. Marks of deleted files are skipped.
const MOST_LOOKS: usize = 5;

/// A page of a location's lists, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The lists.
    pub lists: Vec<ListSummary>,
    /// Cursor of the last mark read; `None` on the last page.
    pub next: Option<ListCursor>,
}

/// Summary of a list, as the importer last stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSummary {
    /// The list's name. A list in a folder has `/` in it.
    pub name: String,
    /// The list's state; never [`ListState::Uploading`].
    pub state: ListState,
    /// When it entered this state.
    pub since: Option<EpochMs>,
    /// When the file was uploaded to the bucket.
    pub uploaded_at: EpochMs,
    /// Whether a step is overdue, so that the import is stalled.
    pub stands_still: bool,
    /// Number of rows, once counted. Before the list is done or held, only rows that look like people count.
    pub rows: Option<u64>,
    /// Rows that are, or would be, left out; once known.
    pub left_out: Option<u64>,
    /// Contacts that failed, once it is done.
    pub failed: Option<u64>,
    /// The import of the list's contacts, once it has begun.
    pub import: Option<ImportId>,
}

impl Lists {
    /// A page of the location's contact lists in the bucket, after `after`: up to `limit`, at most [`MAX_LISTS`]. A
    /// list uploaded a moment ago may be missing.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn listed(
        &self,
        location: &LocationId,
        after: Option<ListCursor>,
        limit: u32,
    ) -> Result<ListPage, PortError> {
        let limit = limit.clamp(1, MAX_LISTS);
        let ports = self.engine.ports();
        let (marks, now) = (Versioned::<Mark>::new(ports.items.clone()), ports.clock.now());
        let (from, end) = Mark::range(location);
        let mut next = after;
        let mut lists = Vec::new();
        for _ in 0..MOST_LOOKS {
            let before = next.as_ref().map_or(end.clone(), |last| Mark::item_key(&(location.clone(), last.clone())));
            let page = marks.list(&Listing { from: from.clone(), before, limit }).await?;
            let marks: Vec<Mark> = page.items.into_iter().map(|(_, entry)| entry.value).collect();
            let standing = self.standing(&marks).await?;
            for mark in marks {
                if lists.len() >= limit as usize {
                    return Ok(ListPage { lists, next });
                }
                lists.extend(standing.get(&mark.file).and_then(|checkpoint| summary(&mark, checkpoint, now)));
                next = Some(mark.key().1);
            }
            if page.next.is_none() {
                return Ok(ListPage { lists, next: None });
            }
            if lists.len() >= limit as usize {
                break;
            }
        }
        Ok(ListPage { lists, next })
    }

    /// Checkpoints of the lists of these marks, by file key.
    async fn standing(&self, marks: &[Mark]) -> Result<HashMap<String, Checkpoint>, PortError> {
        let mut files: Vec<String> = marks.iter().map(|mark| mark.file.clone()).collect();
        files.sort_unstable();
        files.dedup();
        let items = self.engine.ports().items.clone();
        let found = Versioned::<Checkpoint>::new(items).load_each(&files).await?;
        Ok(files.into_iter().zip(found).filter_map(|(file, entry)| Some((file, entry?.value))).collect())
    }
}

/// Summary of a list; `None` if the mark belongs to an earlier upload, or the bucket may have deleted the file.
fn summary(mark: &Mark, checkpoint: &Checkpoint, now: EpochMs) -> Option<ListSummary> {
    let ListFigures { uploaded_at, deleted_from: _, state: told, rows, left_out, failed, import } = &checkpoint.shown;
    if *uploaded_at != Some(mark.at) || mark.deleted_from <= now {
        return None;
    }
    let state = checkpoint.state();
    Some(ListSummary {
        name: ListPlace::of(&mark.file)?.name,
        state,
        since: told.filter(|(told, _)| *told == state).map(|(_, since)| since),
        uploaded_at: mark.at,
        stands_still: !checkpoint.has_ended() && checkpoint.expected_until <= now,
        rows: *rows,
        left_out: *left_out,
        failed: *failed,
        import: import.clone(),
    })
}

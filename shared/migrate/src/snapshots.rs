//! The target's records as read back, looked up by id. Only the index and the most recently used pages are in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::step::MigrationStep;
use super::trouble::Interrupted;
use ghl_sync_model::{GhlId, PageContent, PageKind, Snapshot};

/// Pages in memory. Both sides are read oldest first, so consecutive lookups are mostly close together.
const PAGES: usize = 50;

type Fields = BTreeMap<String, String>;

/// The target's records as read back.
pub(super) struct Snapshots {
    kind: PageKind,
    page_of: HashMap<GhlId, u32>,
    pages: VecDeque<(u32, HashMap<GhlId, Fields>)>,
    /// Source record that each target record belongs to.
    claimed: HashMap<GhlId, GhlId>,
}

impl Snapshots {
    /// Opens the `count` pages of a `kind`.
    pub(super) async fn open(step: &MigrationStep<'_>, kind: PageKind, count: u32) -> Result<Snapshots, Interrupted> {
        let mut snapshots =
            Snapshots { kind, page_of: HashMap::new(), pages: VecDeque::new(), claimed: HashMap::new() };
        for number in 0..count {
            let page = snapshots.read(step, number).await?;
            snapshots.page_of.extend(page.keys().map(|id| (id.clone(), number)));
            snapshots.keep(number, page);
        }
        Ok(snapshots)
    }

    /// The values of the record with this id; `None` if it was not read back.
    pub(super) async fn get(&mut self, step: &MigrationStep<'_>, id: &GhlId) -> Result<Option<Fields>, Interrupted> {
        let Some(number) = self.page_of.get(id).copied() else {
            return Ok(None);
        };
        if let Some((_, page)) = self.pages.iter().find(|(kept, _)| *kept == number) {
            return Ok(page.get(id).cloned());
        }
        let page = self.read(step, number).await?;
        let found = page.get(id).cloned();
        self.keep(number, page);
        Ok(found)
    }

    /// Assigns the target record to `source_id`. Returns its earlier source record, if that is a different one.
    pub(super) fn claim(&mut self, id: &GhlId, source_id: &GhlId) -> Option<GhlId> {
        match self.claimed.get(id) {
            Some(other) if other != source_id => Some(other.clone()),
            Some(_) => None,
            None => {
                self.claimed.insert(id.clone(), source_id.clone());
                None
            }
        }
    }

    async fn read(&self, step: &MigrationStep<'_>, number: u32) -> Result<HashMap<GhlId, Fields>, Interrupted> {
        let pages = step.migrator.store.pages(&step.migration.id, self.kind, number, 1).await?;
        let content = pages.into_iter().find(|page| page.number == number).map(|page| page.content);
        Ok(match content {
            Some(PageContent::Snapshots(snapshots)) => {
                snapshots.into_iter().map(|Snapshot { id, fields }| (id, fields)).collect()
            }
            _ => HashMap::new(),
        })
    }

    fn keep(&mut self, number: u32, page: HashMap<GhlId, Fields>) {
        self.pages.push_front((number, page));
        self.pages.truncate(PAGES);
    }
}

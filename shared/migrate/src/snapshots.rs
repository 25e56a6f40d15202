//! What was read back of the target, looked up by id. Only the index and the pages that were used last are in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::step::Step;
use super::trouble::Interrupted;
use ghl_sync_model::{GhlId, PageContent, PageKind, Snapshot};

/// Pages in memory at once. Both sides are read oldest first, so what is looked for is mostly close together.
const PAGES: usize = 50;

type Fields = BTreeMap<String, String>;

/// Records of the target as they were read back.
pub(super) struct Snapshots {
    kind: PageKind,
    page_of: HashMap<GhlId, u32>,
    pages: VecDeque<(u32, HashMap<GhlId, Fields>)>,
    /// Which record of the source has which of them.
    claimed: HashMap<GhlId, GhlId>,
}

impl Snapshots {
    /// Those of a `kind` of page, of which there are so many.
    pub(super) async fn open(step: &Step<'_>, kind: PageKind, count: u32) -> Result<Snapshots, Interrupted> {
        let mut snapshots =
            Snapshots { kind, page_of: HashMap::new(), pages: VecDeque::new(), claimed: HashMap::new() };
        for number in 0..count {
            let page = snapshots.read(step, number).await?;
            snapshots.page_of.extend(page.keys().map(|id| (id.clone(), number)));
            snapshots.keep(number, page);
        }
        Ok(snapshots)
    }

    /// What the record of this id says; `None` if it was not there.
    pub(super) async fn get(&mut self, step: &Step<'_>, id: &GhlId) -> Result<Option<Fields>, Interrupted> {
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

    /// The record of this id is that of `source_id`. Returns whose it was already, if it was another one's.
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

    async fn read(&self, step: &Step<'_>, number: u32) -> Result<HashMap<GhlId, Fields>, Interrupted> {
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

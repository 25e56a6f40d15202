//! Following the records that were put until they are final.

use std::collections::{BTreeMap, BTreeSet};

use super::step::MigrationStep;
use super::transfer::page_kind;
use super::trouble::Interrupted;
use ghl_sync_engine::ports::Loaded;
use ghl_sync_model::{ErrorCode, Kind, OpenPage, PageContent, Record, RecordKey, Transferred};

/// Pages checked in one pass.
const PAGES: usize = 10;

/// How many records of a page are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct PageStanding {
    accepted: u32,
    failed: u32,
    withdrawn: u32,
    blocked: u32,
    open: u32,
}

/// Whether somebody withdrew the record before GHL accepted it.
fn is_withdrawn(record: &Record) -> bool {
    let is_cancelled = record.last_error.as_ref().is_some_and(|error| error.code == ErrorCode::Cancelled);
    record.failed_at.is_some() && is_cancelled
}

impl MigrationStep<'_> {
    /// Checks the pages in progress, in the order in which they were put.
    pub(super) async fn look(&mut self, kind: Kind) -> Result<(), Interrupted> {
        let before = self.state_of(kind).open.clone();
        let mut looked_at = 0;
        for page in before.iter().take(PAGES) {
            let standing = self.next_check_at(kind, page.number).await?;
            looked_at += 1;
            let transfer = self.state_of(kind);
            if standing.open == 0 {
                transfer.open.retain(|other| other.number != page.number);
                transfer.accepted += u64::from(standing.accepted);
                transfer.failed += u64::from(standing.failed);
                transfer.withdrawn += u64::from(standing.withdrawn);
                transfer.blocked += u64::from(standing.blocked);
                looked_at -= 1;
            } else if let Some(open) = transfer.open.iter_mut().find(|other| other.number == page.number) {
                *open = OpenPage { number: page.number, open: standing.open, accepted: standing.accepted };
            }
            let has_begun = standing != (PageStanding { open: standing.open, ..PageStanding::default() });
            // Records are sent in the order in which they were put, so later pages have not begun either.
            if !has_begun {
                break;
            }
        }
        let transfer = self.state_of(kind);
        if looked_at >= PAGES {
            transfer.open.rotate_left(PAGES);
        }
        let changed = transfer.open != before;
        transfer.idle = if changed || transfer.open.is_empty() { 0 } else { transfer.idle.saturating_add(1) };
        Ok(())
    }

    async fn next_check_at(&self, kind: Kind, number: u32) -> Result<PageStanding, Interrupted> {
        let Some(page) = self.transferred(kind, number).await? else {
            return Ok(PageStanding::default());
        };
        let records = self.records(kind, &page).await?;
        let lost = self.lost_contacts(records.values()).await?;
        let mut standing = PageStanding::default();
        for id in &page.put {
            match self.migration.key(kind, id).and_then(|key| records.get(&key)) {
                Some(record) if is_withdrawn(record) => standing.withdrawn += 1,
                Some(record) if record.failed_at.is_some() => standing.failed += 1,
                Some(record) if record.due_at.is_none() && record.accepted_version == Some(record.version) => {
                    standing.accepted += 1;
                }
                // A dry run stored its request; it will not be sent.
                Some(record) if record.due_at.is_none() && record.dry_run.is_some() => standing.blocked += 1,
                Some(record) if record.waits_for.as_ref().is_some_and(|contact| lost.contains(contact)) => {
                    standing.blocked += 1;
                }
                Some(_) => standing.open += 1,
                None => standing.failed += 1,
            }
        }
        if standing.open == 0 {
            let page = Transferred { is_final: true, ..page };
            self.put_page(page_kind(kind), number, PageContent::Transferred(page)).await?;
        }
        Ok(standing)
    }

    /// A page of records that were put.
    pub(super) async fn transferred(&self, kind: Kind, number: u32) -> Result<Option<Transferred>, Interrupted> {
        let pages = self.migrator.store.pages(&self.migration.id, page_kind(kind), number, 1).await?;
        Ok(pages.into_iter().filter(|page| page.number == number).find_map(|page| match page.content {
            PageContent::Transferred(page) => Some(page),
            _ => None,
        }))
    }

    /// The records of a page as they are in the target's outbox.
    pub(super) async fn records(
        &self,
        kind: Kind,
        page: &Transferred,
    ) -> Result<BTreeMap<RecordKey, Record>, Interrupted> {
        self.load(page.put.iter().filter_map(|id| self.migration.key(kind, id)).collect()).await
    }

    /// Records of the target's outbox.
    pub(super) async fn load(&self, keys: BTreeSet<RecordKey>) -> Result<BTreeMap<RecordKey, Record>, Interrupted> {
        let keys: Vec<RecordKey> = keys.into_iter().collect();
        let loaded = self.engine.ports().outbox.load(&self.migration.target, &keys).await?;
        Ok(loaded
            .into_iter()
            .filter_map(|loaded| match loaded {
                Loaded::Record(record) => Some((record.key.clone(), *record)),
                Loaded::Damaged { .. } => None,
            })
            .collect())
    }

    /// The contacts that these records wait for and that will not arrive on their own.
    async fn lost_contacts(
        &self,
        records: impl Iterator<Item = &Record> + Send,
    ) -> Result<BTreeSet<RecordKey>, Interrupted> {
        let awaited: BTreeSet<RecordKey> = records.filter_map(|record| record.waits_for.clone()).collect();
        if awaited.is_empty() {
            return Ok(awaited);
        }
        let contacts = self.load(awaited.clone()).await?;
        let is_lost = |key: &RecordKey| contacts.get(key).is_none_or(|contact| contact.failed_at.is_some());
        Ok(awaited.into_iter().filter(is_lost).collect())
    }
}

//! Data stored beside a migration's state: structures, the mapping and the journal, in pieces that fit into an item.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Migrator;
use super::step::MigrationStep;
use super::trouble::Interrupted;
use crate::policy::IdMap;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{
    Created, Finding, MappingReport, Migration, MigrationId, MigrationPage, PageContent, PageKind, Part, Snapshot,
    Structure,
};

/// Most bytes of JSON per page.
const MOST: usize = 200_000;
/// Pages read at once.
const AT_ONCE: u32 = 100;

impl MigrationStep<'_> {
    pub(super) async fn put_page(&self, kind: PageKind, number: u32, content: PageContent) -> Result<(), Interrupted> {
        let page = MigrationPage { number, content };
        let keep_until = self.migration.keep_pages_until();
        Ok(self.migrator.store.put_page(&self.migration.id, kind, &page, keep_until).await?)
    }

    /// Stores a structure. Returns the number of pages.
    pub(super) async fn put_structure(&self, kind: PageKind, structure: Structure) -> Result<u32, Interrupted> {
        let Structure { custom_fields, custom_values, tags, users, pipelines, unread } = structure;
        let none = Structure::default;
        let mut pieces = vec![Structure { unread, ..none() }];
        pieces.extend(pieced(custom_fields).map(|custom_fields| Structure { custom_fields, ..none() }));
        pieces.extend(pieced(custom_values).map(|custom_values| Structure { custom_values, ..none() }));
        pieces.extend(pieced(tags).map(|tags| Structure { tags, ..none() }));
        pieces.extend(pieced(users).map(|users| Structure { users, ..none() }));
        pieces.extend(pieced(pipelines).map(|pipelines| Structure { pipelines, ..none() }));
        self.put_all(kind, 0, pieces.into_iter().map(PageContent::Structure)).await
    }

    /// Stores the mapping. Returns the number of pages.
    pub(super) async fn put_mapping(&self, report: &MappingReport) -> Result<u32, Interrupted> {
        let none = MappingReport::default;
        let mut pieces = vec![MappingReport { summary: report.summary, ..none() }];
        let conflicts = pieced(report.type_conflicts.clone());
        pieces.extend(conflicts.map(|type_conflicts| MappingReport { type_conflicts, ..none() }));
        pieces.extend(pieced(report.warnings.clone()).map(|warnings| MappingReport { warnings, ..none() }));
        for part in Part::ALL {
            for piece in pieced(report.of(part).to_vec()) {
                let mut report = none();
                *report.of_mut(part) = piece;
                pieces.push(report);
            }
        }
        self.put_all(PageKind::Mapping, 0, pieces.into_iter().map(|piece| PageContent::Mapping(Box::new(piece)))).await
    }

    /// Stores snapshots of records from page `from` on. Returns the number of the next free page.
    pub(super) async fn put_snapshots(
        &self,
        kind: PageKind,
        from: u32,
        snapshots: Vec<Snapshot>,
    ) -> Result<u32, Interrupted> {
        // A snapshot that fits no page is reduced to its id; the comparison then reads the record itself.
        let kept = snapshots.into_iter().map(|snapshot| match size(&snapshot) > MOST {
            true => Snapshot { fields: BTreeMap::new(), ..snapshot },
            false => snapshot,
        });
        let mut pieces: Vec<Vec<Snapshot>> = pieced(kept.collect()).collect();
        if pieces.is_empty() {
            pieces.push(Vec::new());
        }
        self.put_all(kind, from, pieces.into_iter().map(PageContent::Snapshots)).await
    }

    /// Stores findings from page `from` on. Returns the number of the next free page.
    pub(super) async fn put_findings(&self, from: u32, findings: Vec<Finding>) -> Result<u32, Interrupted> {
        self.put_all(PageKind::Findings, from, pieced(findings).map(PageContent::Findings)).await
    }

    async fn put_all(
        &self,
        kind: PageKind,
        from: u32,
        contents: impl Iterator<Item = PageContent> + Send,
    ) -> Result<u32, Interrupted> {
        let mut number = from;
        for content in contents {
            self.put_page(kind, number, content).await?;
            number += 1;
        }
        Ok(number)
    }

    pub(super) async fn source_structure(&self) -> Result<Structure, Interrupted> {
        let Migration { id, source_structure, .. } = &self.migration;
        Ok(self.migrator.structure_of(id, PageKind::SourceStructure, *source_structure).await?)
    }

    /// The target's structure before the migration.
    pub(super) async fn target_structure(&self) -> Result<Structure, Interrupted> {
        let Migration { id, target_structure, .. } = &self.migration;
        Ok(self.migrator.structure_of(id, PageKind::TargetStructure, *target_structure).await?)
    }

    pub(super) async fn mapping(&self) -> Result<MappingReport, Interrupted> {
        Ok(self.migrator.mapping_of(&self.migration).await?)
    }

    /// The journal: items that were created or are about to be, in order.
    pub(super) async fn journal(&self) -> Result<Vec<Created>, Interrupted> {
        Ok(self.migrator.journal_of(&self.migration.id).await?)
    }

    /// The target's ids of the source's structure, as far as known.
    pub(super) async fn id_map(&self) -> Result<IdMap, Interrupted> {
        let (report, journal) = (self.mapping().await?, self.journal().await?);
        Ok(IdMap::new(&report, &journal, &self.source_structure().await?))
    }
}

impl Migrator {
    /// A structure stored in this many `pages` of a `kind`.
    pub(super) async fn structure_of(
        &self,
        id: &MigrationId,
        kind: PageKind,
        pages: u32,
    ) -> Result<Structure, PortError> {
        let mut whole = Structure::default();
        for page in self.read_pages(id, kind, pages).await? {
            if let PageContent::Structure(piece) = page.content {
                whole.custom_fields.extend(piece.custom_fields);
                whole.custom_values.extend(piece.custom_values);
                whole.tags.extend(piece.tags);
                whole.users.extend(piece.users);
                whole.pipelines.extend(piece.pipelines);
                whole.unread.extend(piece.unread);
            }
        }
        Ok(whole)
    }

    pub(super) async fn mapping_of(&self, migration: &Migration) -> Result<MappingReport, PortError> {
        let mut whole = MappingReport::default();
        for page in self.read_pages(&migration.id, PageKind::Mapping, migration.mapping).await? {
            if let PageContent::Mapping(mut piece) = page.content {
                for part in Part::ALL {
                    whole.of_mut(part).append(piece.of_mut(part));
                }
                whole.type_conflicts.append(&mut piece.type_conflicts);
                whole.warnings.append(&mut piece.warnings);
                if page.number == 0 {
                    whole.summary = piece.summary;
                }
            }
        }
        Ok(whole)
    }

    pub(super) async fn journal_of(&self, id: &MigrationId) -> Result<Vec<Created>, PortError> {
        let pages = self.read_pages(id, PageKind::Journal, u32::MAX).await?;
        let created = |page: MigrationPage| match page.content {
            PageContent::Created(created) => Some(created),
            _ => None,
        };
        Ok(pages.into_iter().filter_map(created).collect())
    }

    /// The first `count` pages of a kind.
    pub(super) async fn read_pages(
        &self,
        id: &MigrationId,
        kind: PageKind,
        count: u32,
    ) -> Result<Vec<MigrationPage>, PortError> {
        let mut pages = Vec::new();
        let mut from = 0;
        while from < count {
            let limit = AT_ONCE.min(count - from);
            let read = self.store.pages(id, kind, from, limit).await?;
            let is_last = read.len() < limit as usize;
            from = read.last().map_or(count, |page| page.number + 1);
            pages.extend(read.into_iter().filter(|page| page.number < count));
            if is_last {
                break;
            }
        }
        Ok(pages)
    }
}

/// Length of `item` as JSON, in bytes.
fn size<T: Serialize>(item: &T) -> usize {
    serde_json::to_string(item).map_or(0, |json| json.len())
}

/// Splits `items` into pieces that each fit into a page.
pub(super) fn pieced<T: Serialize>(items: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut pieces: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for item in items {
        let size = size(&item) + 1;
        match pieces.last_mut() {
            Some(piece) if size <= room => piece.push(item),
            _ => {
                room = MOST;
                pieces.push(vec![item]);
            }
        }
        room = room.saturating_sub(size);
    }
    pieces.into_iter()
}

//! Deleting everything that this migration created in the target, and nothing else: opportunities, contacts, then
//! pipelines, tags, values and fields. Items that existed before stay as they are now. A record whose counterpart is
//! deleted counts as undone: GHL no longer has it, so a put of the same content is sent.

use std::collections::BTreeSet;
use std::time::Duration;

use super::deletion::{DeletionResult, delete};
use super::step::MigrationStep;
use super::structure::is_unknown;
use super::transfer::page_kind;
use super::trouble::{Continuation, Interrupted};
use ghl_sync_engine::usecase::DirectCalls;
use ghl_sync_model::{
    Answer, Call, Created, EpochMs, GhlId, Kind, MigrationStatus, OpenPage, Outcome, PageContent, PageKind, Part,
    Payload, Provenance, Record, RecordKey, Side, Transferred, Undo, Undone,
};

/// The data that tells this migration's records of one kind from others.
struct Ownership {
    /// Ids that the target had before the migration.
    before: BTreeSet<GhlId>,
    /// Records that the migration put.
    own: BTreeSet<RecordKey>,
}

impl MigrationStep<'_> {
    pub(super) async fn roll_back(&mut self) -> Result<Continuation, Interrupted> {
        if self.migration.withdrawal.is_some() {
            return self.withdraw().await;
        }
        for kind in [Kind::Contact, Kind::Opportunity] {
            self.take_up_begun_pages(kind).await?;
            self.look(kind).await?;
        }
        if self.under_way() > 0 {
            // Records in the outbox must be sent first: otherwise they would be created anew after their deletion.
            self.save().await?;
            return Ok(Continuation::Later(Duration::from_secs(10)));
        }
        let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
        let calls = self.calls(&engine, &target, Side::Target).await?;
        let deleted = self.delete_all(&calls).await;
        calls.close().await?;
        if let Some(wait) = deleted? {
            self.save().await?;
            return Ok(Continuation::Later(wait));
        }
        self.migrator.store.release_target(&self.migration.target, &self.migration.id, true).await?;
        Ok(Continuation::Stop(MigrationStatus::RolledBack, None))
    }

    /// Counts pages that were only begun: the migration was stopped in the middle of them, or all records were to be
    /// put again.
    pub(super) async fn take_up_begun_pages(&mut self, kind: Kind) -> Result<(), Interrupted> {
        loop {
            let number = self.state_of(kind).scan.pages;
            let Some(page) = self.transferred(kind, number).await? else {
                return Ok(());
            };
            let transfer = self.state_of(kind);
            transfer.scan.pages += 1;
            transfer.offset = 0;
            let open = u32::try_from(page.put.len()).unwrap_or(u32::MAX);
            transfer.open.push(OpenPage { number, open, accepted: 0 });
        }
    }

    /// Deletes records and structure. Returns how long to wait before it continues, if it is not done.
    async fn delete_all(&mut self, calls: &DirectCalls<'_>) -> Result<Option<Duration>, Interrupted> {
        let before = self.ids_before(PageKind::TargetOpportunities, self.migration.target_opportunities.pages).await?;
        let whose = Ownership { before, own: self.own_records(Kind::Opportunity).await? };
        while self.migration.reverted.opportunities < self.migration.opportunities.scan.pages {
            self.delete_page(Kind::Opportunity, self.migration.reverted.opportunities, &whose, calls).await?;
            self.migration.reverted.opportunities += 1;
            self.save().await?;
        }
        let before = self.ids_before(PageKind::TargetContacts, self.migration.target_contacts.pages).await?;
        let whose = Ownership { before, own: self.own_records(Kind::Contact).await? };
        while self.migration.reverted.contacts < self.migration.contacts.scan.pages {
            self.delete_page(Kind::Contact, self.migration.reverted.contacts, &whose, calls).await?;
            self.migration.reverted.contacts += 1;
            self.save().await?;
        }
        self.delete_structure(calls).await
    }

    /// Ids that the target had before the migration.
    async fn ids_before(&self, kind: PageKind, pages: u32) -> Result<BTreeSet<GhlId>, Interrupted> {
        let mut ids = BTreeSet::new();
        for page in self.migrator.read_pages(&self.migration.id, kind, pages).await? {
            match page.content {
                PageContent::ExistingContacts(contacts) => ids.extend(contacts.into_iter().map(|contact| contact.id)),
                PageContent::Opportunities(opportunities) => {
                    ids.extend(opportunities.into_iter().map(|opportunity| opportunity.id))
                }
                _ => {}
            }
        }
        Ok(ids)
    }

    /// The records that this migration put.
    async fn own_records(&self, kind: Kind) -> Result<BTreeSet<RecordKey>, Interrupted> {
        let pages = match kind {
            Kind::Contact => self.migration.contacts.scan.pages,
            Kind::Opportunity => self.migration.opportunities.scan.pages,
        };
        let mut keys = BTreeSet::new();
        for page in self.migrator.read_pages(&self.migration.id, page_kind(kind), pages).await? {
            if let PageContent::Transferred(page) = page.content {
                keys.extend(page.put.iter().filter_map(|id| self.migration.key(kind, id)));
            }
        }
        Ok(keys)
    }

    async fn delete_page(
        &mut self,
        kind: Kind,
        number: u32,
        whose: &Ownership,
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        let Some(page) = self.transferred(kind, number).await?.filter(|page| !page.reverted) else {
            return Ok(());
        };
        let records = self.records(kind, &page).await?;
        // Several records of this page may share one contact, which is deleted only once.
        let mut gone = BTreeSet::new();
        for record in records.into_values().skip(self.migration.reverted.offset as usize) {
            let fate = match gone.contains(&record.key) {
                true => Some(DeletionResult::Deleted),
                false => self.delete_record(&record, whose, &mut gone, calls).await?,
            };
            let done = &mut self.migration.reverted.done;
            match (fate, kind) {
                (None, _) => {}
                (Some(DeletionResult::Deleted), Kind::Contact) => done.contacts += 1,
                (Some(DeletionResult::Deleted), Kind::Opportunity) => done.opportunities += 1,
                (Some(DeletionResult::Kept), _) => done.kept += 1,
                (Some(DeletionResult::Unproven), _) => done.unproven += 1,
                (Some(DeletionResult::Refused | DeletionResult::Wait(_)), _) => done.failed += 1,
            }
            // If the time runs out at the next record, the end of the step saves this offset.
            self.migration.reverted.offset += 1;
        }
        let page = Transferred { reverted: true, ..page };
        self.put_page(page_kind(kind), number, PageContent::Transferred(page)).await?;
        self.migration.reverted.offset = 0;
        Ok(())
    }

    /// Deletes GHL's copy of a record and marks all of this migration's records that share it; their keys are added
    /// to `gone`. Returns `None` if GHL has no copy.
    async fn delete_record(
        &self,
        record: &Record,
        whose: &Ownership,
        gone: &mut BTreeSet<RecordKey>,
        calls: &DirectCalls<'_>,
    ) -> Result<Option<DeletionResult>, Interrupted> {
        let Some(id) = record.ghl_id.clone() else {
            // An interrupted step has deleted it, or it shared a copy that was deleted before.
            let is_deleted = matches!(&record.undo, Some(Undo::Done(undone)) if undone.deleted);
            return Ok(is_deleted.then_some(DeletionResult::Deleted));
        };
        if whose.before.contains(&id) {
            return Ok(Some(DeletionResult::Kept));
        }
        let others = self.engine.other_holders(&record.location_id, &record.key, &id).await?;
        let others = self.load(others.into_iter().collect()).await?.into_values();
        let twins: Vec<Record> = others.filter(|other| other.ghl_id.as_ref() == Some(&id)).collect();
        if twins.iter().any(|twin| !whose.own.contains(&twin.key)) {
            return Ok(Some(DeletionResult::Kept));
        }
        let is_made_by_twin = twins.iter().any(|twin| twin.provenance == Provenance::Created);
        match self.provenance(record, &id, calls).await? {
            Provenance::Found if !is_made_by_twin => return Ok(Some(DeletionResult::Kept)),
            Provenance::Unknown if !is_made_by_twin => return Ok(Some(DeletionResult::Unproven)),
            Provenance::Found | Provenance::Unknown | Provenance::Created => {}
        }
        if !delete(&deletion(record, id), calls).await? {
            return Ok(Some(DeletionResult::Refused));
        }
        let outbox = &self.engine.ports().outbox;
        let mut holders: Vec<&Record> = twins.iter().chain([record]).collect();
        // The record that proves the creation goes last: if this is interrupted, the next step still finds it.
        holders.sort_by_key(|holder| holder.provenance == Provenance::Created);
        for holder in holders {
            let undone = Outcome::Undone(Undone::new(self.now(), true, Vec::new()));
            outbox.settle(holder, &undone, self.now()).await?;
            gone.insert(holder.key.clone());
        }
        Ok(Some(DeletionResult::Deleted))
    }

    /// Who created a record. GHL has reported it, except on API v1: there a contact is ours if it was put once and
    /// GHL created it during the very call that it accepted. For everything else it is unknown.
    async fn provenance(
        &self,
        record: &Record,
        id: &GhlId,
        calls: &DirectCalls<'_>,
    ) -> Result<Provenance, Interrupted> {
        let once_at = record.accepted_at.filter(|_| record.version == 1);
        let accepted_at = match (record.provenance, once_at) {
            (Provenance::Unknown, Some(at)) if record.key.kind == Kind::Contact => at,
            (known, _) => return Ok(known),
        };
        let created_at = match calls.call(&Call::GetContact(id.clone())).await {
            Ok(Answer::Contact(Some(contact))) => contact.created_at,
            // It is already gone.
            Ok(_) => return Ok(Provenance::Created),
            Err(error) if error.is_missing() => return Ok(Provenance::Created),
            Err(error) => return Err(Interrupted::Call { side: Side::Target, error }),
        };
        let (skew, longest) = (self.engine.config().clock_skew, self.engine.config().request_timeout);
        let is_of_call = |at: EpochMs| at + longest + skew >= accepted_at && at <= accepted_at + skew;
        Ok(if created_at.is_some_and(is_of_call) { Provenance::Created } else { Provenance::Unknown })
    }

    /// Deletes the structure, last created first.
    async fn delete_structure(&mut self, calls: &DirectCalls<'_>) -> Result<Option<Duration>, Interrupted> {
        let mut journal = self.journal().await?;
        let source = self.source_structure().await?;
        for part in [Part::CustomFields, Part::CustomValues, Part::Tags, Part::Pipelines] {
            if journal.iter().any(|made| made.part == part && is_unknown(made)) {
                self.adopt(part, &mut journal, &source, calls).await?;
            }
        }
        if journal.iter().any(|made| made.part == Part::Pipelines && made.id.is_some() && !made.deleted) {
            let wait = self.until_records_are_gone().await?;
            if wait.is_some() {
                return Ok(wait);
            }
        }
        for number in (0..journal.len()).rev().filter(|number| !journal[*number].deleted).collect::<Vec<_>>() {
            let Some(id) = journal[number].id.clone() else {
                continue;
            };
            let made = &journal[number];
            let fate = match deletion_of(made, id) {
                _ if made.found => DeletionResult::Unproven,
                None => self.delete_pipeline(made, &source, calls).await?,
                Some(call) if delete(&call, calls).await? => DeletionResult::Deleted,
                Some(_) => DeletionResult::Refused,
            };
            let done = &mut self.migration.reverted.done;
            match fate {
                DeletionResult::Deleted => done.structure += 1,
                DeletionResult::Kept => done.kept += 1,
                DeletionResult::Unproven => done.unproven += 1,
                DeletionResult::Refused => done.failed += 1,
                DeletionResult::Wait(wait) => return Ok(Some(wait)),
            }
            journal[number].deleted = true;
            self.write_down(number, &journal).await?;
            self.save().await?;
        }
        Ok(None)
    }
}

fn deletion(record: &Record, id: GhlId) -> Call {
    match &record.payload {
        Payload::Contact(_) => Call::DeleteContact(id),
        Payload::Opportunity(opportunity) => {
            Call::DeleteOpportunity { id, pipeline_id: opportunity.pipeline_id.clone() }
        }
    }
}

fn deletion_of(made: &Created, id: GhlId) -> Option<Call> {
    match made.part {
        Part::CustomFields => Some(Call::DeleteCustomField(id)),
        Part::CustomValues => Some(Call::DeleteCustomValue(id)),
        Part::Tags => Some(Call::DeleteTag(id)),
        Part::Users | Part::Pipelines | Part::Stages => None,
    }
}

//! Deleting what this migration created in the target, and only that: opportunities, contacts, then pipelines,
//! tags, values and fields. What was there before stays, as it is now. A record whose counterpart is deleted stands as
//! undone: GHL has it no more, so a put of the same content goes out.

use std::collections::BTreeSet;
use std::time::Duration;

use super::deletion::{Fate, delete};
use super::step::Step;
use super::structure::is_unknown;
use super::transfer::page_kind;
use super::trouble::{Interrupted, Next};
use ghl_sync_engine::usecase::DirectCalls;
use ghl_sync_model::{
    Answer, Call, Created, EpochMs, GhlId, Kind, MigrationStatus, OpenPage, Outcome, PageContent, PageKind, Part,
    Payload, Provenance, Record, RecordKey, Side, Transferred, Undo, Undone,
};

/// What tells things of a kind that are this migration's from others.
struct Whose {
    /// What the target had before.
    before: BTreeSet<GhlId>,
    /// The records that it put.
    own: BTreeSet<RecordKey>,
}

impl Step<'_> {
    pub(super) async fn roll_back(&mut self) -> Result<Next, Interrupted> {
        if self.migration.withdrawal.is_some() {
            return self.withdraw().await;
        }
        for kind in [Kind::Contact, Kind::Opportunity] {
            self.take_up_begun_pages(kind).await?;
            self.look(kind).await?;
        }
        if self.under_way() > 0 {
            // What is in the outbox goes out first: it would be made anew after it was deleted.
            self.save().await?;
            return Ok(Next::Later(Duration::from_secs(10)));
        }
        let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
        let calls = self.calls(&engine, &target, Side::Target).await?;
        let deleted = self.delete_all(&calls).await;
        calls.close().await?;
        if let Some(wait) = deleted? {
            self.save().await?;
            return Ok(Next::Later(wait));
        }
        self.migrator.store.release_target(&self.migration.target, &self.migration.id, true).await?;
        Ok(Next::Stop(MigrationStatus::RolledBack, None))
    }

    /// Pages that were begun count, too: the migration was stopped in their middle, or all of it was to be put again.
    pub(super) async fn take_up_begun_pages(&mut self, kind: Kind) -> Result<(), Interrupted> {
        loop {
            let number = self.state_of(kind).walk.pages;
            let Some(page) = self.transferred(kind, number).await? else {
                return Ok(());
            };
            let transfer = self.state_of(kind);
            transfer.walk.pages += 1;
            transfer.offset = 0;
            let open = u32::try_from(page.put.len()).unwrap_or(u32::MAX);
            transfer.open.push(OpenPage { number, open, accepted: 0 });
        }
    }

    /// Returns how long to wait before it goes on, if it is not done.
    async fn delete_all(&mut self, calls: &DirectCalls<'_>) -> Result<Option<Duration>, Interrupted> {
        let before = self.ids_before(PageKind::TargetDeals, self.migration.target_deals.pages).await?;
        let whose = Whose { before, own: self.own_records(Kind::Opportunity).await? };
        while self.migration.reverted.deals < self.migration.opportunities.walk.pages {
            self.delete_page(Kind::Opportunity, self.migration.reverted.deals, &whose, calls).await?;
            self.migration.reverted.deals += 1;
            self.save().await?;
        }
        let before = self.ids_before(PageKind::TargetContacts, self.migration.target_contacts.pages).await?;
        let whose = Whose { before, own: self.own_records(Kind::Contact).await? };
        while self.migration.reverted.contacts < self.migration.contacts.walk.pages {
            self.delete_page(Kind::Contact, self.migration.reverted.contacts, &whose, calls).await?;
            self.migration.reverted.contacts += 1;
            self.save().await?;
        }
        self.delete_structure(calls).await
    }

    /// What the target had before.
    async fn ids_before(&self, kind: PageKind, pages: u32) -> Result<BTreeSet<GhlId>, Interrupted> {
        let mut ids = BTreeSet::new();
        for page in self.migrator.read_pages(&self.migration.id, kind, pages).await? {
            match page.content {
                PageContent::ExistingContacts(contacts) => ids.extend(contacts.into_iter().map(|contact| contact.id)),
                PageContent::Deals(deals) => ids.extend(deals.into_iter().map(|deal| deal.id)),
                _ => {}
            }
        }
        Ok(ids)
    }

    /// The records that this migration put.
    async fn own_records(&self, kind: Kind) -> Result<BTreeSet<RecordKey>, Interrupted> {
        let pages = match kind {
            Kind::Contact => self.migration.contacts.walk.pages,
            Kind::Opportunity => self.migration.opportunities.walk.pages,
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
        whose: &Whose,
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        let Some(page) = self.transferred(kind, number).await?.filter(|page| !page.reverted) else {
            return Ok(());
        };
        let records = self.records(kind, &page).await?;
        // Records that are one contact with another one of this page go with that.
        let mut gone = BTreeSet::new();
        for record in records.into_values().skip(self.migration.reverted.offset as usize) {
            let fate = match gone.contains(&record.key) {
                true => Some(Fate::Deleted),
                false => self.delete_record(&record, whose, &mut gone, calls).await?,
            };
            let done = &mut self.migration.reverted.done;
            match (fate, kind) {
                (None, _) => {}
                (Some(Fate::Deleted), Kind::Contact) => done.contacts += 1,
                (Some(Fate::Deleted), Kind::Opportunity) => done.opportunities += 1,
                (Some(Fate::Kept), _) => done.kept += 1,
                (Some(Fate::Unproven), _) => done.unproven += 1,
                (Some(Fate::Refused | Fate::Wait(_)), _) => done.failed += 1,
            }
            // Should the time be up at the next one, this is written with the step's end.
            self.migration.reverted.offset += 1;
        }
        let page = Transferred { reverted: true, ..page };
        self.put_page(page_kind(kind), number, PageContent::Transferred(page)).await?;
        self.migration.reverted.offset = 0;
        Ok(())
    }

    /// Deletes what GHL has of a record, and writes that down at all records of this migration that hold it; they are `gone`
    /// then. Returns `None` if GHL has nothing of it.
    async fn delete_record(
        &self,
        record: &Record,
        whose: &Whose,
        gone: &mut BTreeSet<RecordKey>,
        calls: &DirectCalls<'_>,
    ) -> Result<Option<Fate>, Interrupted> {
        let Some(id) = record.ghl_id.clone() else {
            // A step that was cut off has done so, or its twin has gone before.
            let is_deleted = matches!(&record.undo, Some(Undo::Done(undone)) if undone.deleted);
            return Ok(is_deleted.then_some(Fate::Deleted));
        };
        if whose.before.contains(&id) {
            return Ok(Some(Fate::Kept));
        }
        let others = self.engine.other_holders(&record.location_id, &record.key, &id).await?;
        let others = self.load(others.into_iter().collect()).await?.into_values();
        let twins: Vec<Record> = others.filter(|other| other.ghl_id.as_ref() == Some(&id)).collect();
        if twins.iter().any(|twin| !whose.own.contains(&twin.key)) {
            return Ok(Some(Fate::Kept));
        }
        let is_made_by_twin = twins.iter().any(|twin| twin.provenance == Provenance::Created);
        match self.provenance(record, &id, calls).await? {
            Provenance::Found if !is_made_by_twin => return Ok(Some(Fate::Kept)),
            Provenance::Unknown if !is_made_by_twin => return Ok(Some(Fate::Unproven)),
            Provenance::Found | Provenance::Unknown | Provenance::Created => {}
        }
        if !delete(&deletion(record, id), calls).await? {
            return Ok(Some(Fate::Refused));
        }
        let outbox = &self.engine.ports().outbox;
        let mut holders: Vec<&Record> = twins.iter().chain([record]).collect();
        // The one that proves it goes last: should this be cut off, the next step finds it.
        holders.sort_by_key(|holder| holder.provenance == Provenance::Created);
        for holder in holders {
            let undone = Outcome::Undone(Undone::new(self.now(), true, Vec::new()));
            outbox.settle(holder, &undone, self.now()).await?;
            gone.insert(holder.key.clone());
        }
        Ok(Some(Fate::Deleted))
    }

    /// Who created it. GHL has said so, unless its API (v1) does not tell: then a contact is ours that was put once and
    /// that GHL created during the very call that it accepted. Of anything else nobody knows.
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
            // It is gone already.
            Ok(_) => return Ok(Provenance::Created),
            Err(error) if error.is_missing() => return Ok(Provenance::Created),
            Err(error) => return Err(Interrupted::Call { side: Side::Target, error }),
        };
        let (skew, longest) = (self.engine.config().clock_skew, self.engine.config().request_timeout);
        let is_of_call = |at: EpochMs| at + longest + skew >= accepted_at && at <= accepted_at + skew;
        Ok(if created_at.is_some_and(is_of_call) { Provenance::Created } else { Provenance::Unknown })
    }

    /// The last that was made goes first.
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
                _ if made.found => Fate::Unproven,
                None => self.delete_pipeline(made, &source, calls).await?,
                Some(call) if delete(&call, calls).await? => Fate::Deleted,
                Some(_) => Fate::Refused,
            };
            let done = &mut self.migration.reverted.done;
            match fate {
                Fate::Deleted => done.structure += 1,
                Fate::Kept => done.kept += 1,
                Fate::Unproven => done.unproven += 1,
                Fate::Refused => done.failed += 1,
                Fate::Wait(wait) => return Ok(Some(wait)),
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
        Payload::Opportunity(deal) => Call::DeleteOpportunity { id, pipeline_id: deal.pipeline_id.clone() },
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

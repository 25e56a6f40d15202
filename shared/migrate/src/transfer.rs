//! Transferring records: one page of the source at a time goes into the target's outbox. The transfer never runs far
//! ahead of GHL, so that a stopped migration ends soon.

use std::collections::BTreeSet;
use std::time::Duration;

use super::discover::{PageOf, next_contacts, next_opportunities};
use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use crate::policy::{IdMap, carry_contact, carry_opportunity};
use ghl_sync_engine::ports::Loaded;
use ghl_sync_engine::usecase::DirectCalls;
use ghl_sync_model::{
    Conflict, GhlId, Kind, ListedContact, ListedOpportunity, MigrationSettings, OpenPage, PageContent, PageKind,
    Payload, Priority, PutRecord, RecordKey, Side, Transfer, Transferred,
};

/// Records that may be in progress, at least; more if the groups are large.
const UNDER_WAY: u64 = 500;
/// If this many records failed and none was accepted, the cause is not in single records.
const MANY: u64 = 10;

/// The records of a page, prepared for the outbox.
#[derive(Default)]
struct PreparedPage {
    puts: Vec<PutRecord>,
    page: Transferred,
}

impl PreparedPage {
    fn without(not_put: Vec<(GhlId, String)>) -> PreparedPage {
        PreparedPage { puts: Vec::new(), page: Transferred { not_put, ..Transferred::default() } }
    }

    /// Adds a record. A record that may not be put is listed and does not stop the others.
    fn add(&mut self, source_id: GhlId, put: PutRecord) {
        match put.check() {
            Ok(()) => {
                self.puts.push(put);
                self.page.put.push(source_id);
            }
            Err(error) => self.page.not_put.push((source_id, error.to_string())),
        }
    }
}

impl MigrationStep<'_> {
    pub(super) async fn contacts(&mut self) -> Result<Continuation, Interrupted> {
        self.transfer(Kind::Contact).await
    }

    pub(super) async fn opportunities(&mut self) -> Result<Continuation, Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        if settings.skip_opportunities {
            self.migration.opportunities.skipped = self.migration.source_opportunities.seen;
            return Ok(Continuation::Advance);
        }
        self.transfer(Kind::Opportunity).await
    }

    async fn transfer(&mut self, kind: Kind) -> Result<Continuation, Interrupted> {
        self.look(kind).await?;
        if let Some(reason) = self.all_refused(kind).await? {
            // Once the cause is fixed, all records are put again from the first one on.
            *self.state_of(kind) = Transfer::default();
            return Ok(Continuation::fail(reason));
        }
        let settings = self.migrator.settings_of(&self.migration).await?;
        let room = UNDER_WAY.max(u64::from(settings.batch_size) * 10);
        let transfer = self.state_of(kind);
        if transfer.is_done() {
            return Ok(Continuation::Advance);
        }
        if !transfer.scan.done && transfer.under_way() < room {
            let ids = self.id_map().await?;
            let lists =
                if kind == Kind::Opportunity { self.opportunity_lists(Side::Source).await? } else { Vec::new() };
            let (engine, source) = (self.engine_of(Side::Source), self.migration.source.clone());
            let calls = self.calls(&engine, &source, Side::Source).await?;
            let carried = self.carry_pages(kind, &settings, room, &ids, &lists, &calls).await;
            calls.close().await?;
            carried?;
        }
        self.save().await?;
        if self.state_of(kind).offset > 0 {
            return Ok(Continuation::Later(settings.delay()));
        }
        Ok(Continuation::Later(self.pause_before_look(kind).await?))
    }

    /// The reason if GHL rejects all records, such as a missing scope: all further records would fail, too.
    async fn all_refused(&mut self, kind: Kind) -> Result<Option<String>, Interrupted> {
        let transfer = self.state_of(kind);
        let failed = transfer.failed;
        if failed < MANY || transfer.accepted_so_far() > 0 {
            return Ok(None);
        }
        let page = self.transferred(kind, 0).await?.unwrap_or_default();
        let records = self.records(kind, &page).await?;
        let error = records.values().find_map(|record| record.last_error.as_ref());
        let error = error.map(|error| format!(" ({}: {})", error.code, error.message)).unwrap_or_default();
        let them = match kind {
            Kind::Contact => "contacts",
            Kind::Opportunity => "opportunities",
        };
        Ok(Some(format!("GHL took none of the first {failed} {them}{error}. Mend that, then resume")))
    }

    pub(super) fn state_of(&mut self, kind: Kind) -> &mut Transfer {
        match kind {
            Kind::Contact => &mut self.migration.contacts,
            Kind::Opportunity => &mut self.migration.opportunities,
        }
    }

    /// Reads pages and puts their records, up to `room` records in progress.
    async fn carry_pages(
        &mut self,
        kind: Kind,
        settings: &MigrationSettings,
        room: u64,
        ids: &IdMap,
        lists: &[Option<GhlId>],
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        while self.is_running() {
            let transfer = self.state_of(kind);
            if transfer.scan.done || transfer.under_way() >= room {
                return Ok(());
            }
            let mut scan = transfer.scan.clone();
            let prepared = match kind {
                Kind::Contact => self.prepare_contacts(next_contacts(&mut scan, calls, Side::Source).await?, ids),
                Kind::Opportunity => {
                    let opportunities = next_opportunities(&mut scan, lists, calls, Side::Source).await?;
                    self.prepare_opportunities(opportunities, ids).await?
                }
            };
            let number = scan.pages - 1;
            let (put, not_put) = (prepared.page.put.len(), prepared.page.not_put.len());
            let page = Transferred { is_final: put == 0, ..prepared.page };
            self.begin_page(kind, number, page).await?;
            if !self.put_in_groups(kind, &prepared.puts, settings).await? {
                return Ok(());
            }
            let transfer = self.state_of(kind);
            transfer.scan = scan;
            transfer.offset = 0;
            transfer.skipped += not_put as u64;
            if put > 0 {
                transfer.open.push(OpenPage { number, open: u32::try_from(put).unwrap_or(u32::MAX), accepted: 0 });
            }
            transfer.idle = 0;
            self.save().await?;
        }
        Ok(())
    }

    /// Stores which records are about to be put, so that a rollback finds them after any interruption. If the source
    /// now shows a half-put page differently, the page starts anew.
    async fn begin_page(&mut self, kind: Kind, number: u32, page: Transferred) -> Result<(), Interrupted> {
        let offset = self.state_of(kind).offset as usize;
        if offset > 0 {
            let begun = self.transferred(kind, number).await?;
            let is_same = begun.is_some_and(|begun| begun.put.get(..offset) == page.put.get(..offset));
            if is_same {
                return Ok(());
            }
            self.state_of(kind).offset = 0;
        }
        self.put_page(page_kind(kind), number, PageContent::Transferred(page)).await
    }

    fn prepare_contacts(&self, contacts: PageOf<ListedContact>, ids: &IdMap) -> PreparedPage {
        let mut prepared = PreparedPage::without(contacts.unread);
        for contact in contacts.records {
            let id = self.migration.record_id(&contact.id);
            match (carry_contact(&contact.content, ids), id) {
                (Ok(carried), Some(id)) => prepared.add(contact.id, self.put_of(id, Payload::Contact(carried.content))),
                (Ok(_), None) => prepared.page.not_put.push((contact.id, "its id is too long".to_owned())),
                (Err(reason), _) => prepared.page.not_put.push((contact.id, reason)),
            }
        }
        prepared
    }

    /// Prepares opportunities. Each belongs to its contact's record, and waits for it.
    async fn prepare_opportunities(
        &self,
        opportunities: PageOf<ListedOpportunity>,
        ids: &IdMap,
    ) -> Result<PreparedPage, Interrupted> {
        let contact_of = |opportunity: &ListedOpportunity| {
            let contact = opportunity.content.contact_id.as_deref().and_then(|id| GhlId::new(id).ok())?;
            self.migration.key(Kind::Contact, &contact)
        };
        let known = self.known(opportunities.records.iter().filter_map(contact_of).collect()).await?;
        let mut prepared = PreparedPage::without(opportunities.unread);
        for opportunity in opportunities.records {
            let contact = contact_of(&opportunity).filter(|key| known.contains(key));
            let carried = match (contact, self.migration.record_id(&opportunity.id)) {
                (Some(contact), Some(id)) => {
                    carry_opportunity(&opportunity.content, contact.id, ids).map(|carried| (id, carried.content))
                }
                _ => Err("its contact is not among those that were carried over".to_owned()),
            };
            match carried {
                Ok((id, content)) => prepared.add(opportunity.id, self.put_of(id, Payload::Opportunity(content))),
                Err(reason) => prepared.page.not_put.push((opportunity.id, reason)),
            }
        }
        Ok(prepared)
    }

    /// The keys for which a record exists.
    async fn known(&self, keys: BTreeSet<RecordKey>) -> Result<BTreeSet<RecordKey>, Interrupted> {
        let keys: Vec<RecordKey> = keys.into_iter().collect();
        let loaded = self.engine.ports().outbox.load(&self.migration.target, &keys).await?;
        let key = |loaded: Loaded| match loaded {
            Loaded::Record(record) => record.key,
            Loaded::Damaged { key, .. } => key,
        };
        Ok(loaded.into_iter().map(key).collect())
    }

    fn put_of(&self, id: ghl_sync_model::RecordId, payload: Payload) -> PutRecord {
        let location_id = self.migration.target.clone();
        let is_new = self.migration.forecast.is_some_and(|forecast| forecast.meets_nothing());
        // Later changes by people in the target stand.
        let conflict = Some(Conflict::Theirs);
        PutRecord { priority: Priority::Low, is_new, conflict, ..PutRecord::new(location_id, id, payload) }
    }

    /// Puts the records in groups of `batch_size`, with a pause between groups. Returns whether all were put; if not,
    /// the time is up, and the next step continues after the last group.
    async fn put_in_groups(
        &mut self,
        kind: Kind,
        puts: &[PutRecord],
        settings: &MigrationSettings,
    ) -> Result<bool, Interrupted> {
        let clock = self.engine.ports().clock.clone();
        let groups = puts.get(self.state_of(kind).offset as usize..).unwrap_or_default();
        for (number, group) in groups.chunks(settings.batch_size.max(1) as usize).enumerate() {
            if number > 0 {
                let at = clock.now() + settings.delay();
                let is_late = at + self.engine.config().request_timeout > self.invocation.deadline;
                if is_late || !self.is_running() || !self.engine.sleep_until(at).await {
                    return Ok(false);
                }
            }
            let put = self.engine.put_and_start(group).await;
            if let Some(error) = put.items.into_iter().find_map(Result::err) {
                return Err(Interrupted::Port(error));
            }
            self.state_of(kind).offset += u32::try_from(group.len()).unwrap_or(u32::MAX);
        }
        Ok(true)
    }

    /// How long to wait for GHL before the next check.
    async fn pause_before_look(&mut self, kind: Kind) -> Result<Duration, Interrupted> {
        let settings = self.engine.ports().registry.location(&self.migration.target).await?;
        let rate = settings.map_or(10.0, |settings| settings.pace.rate());
        let transfer = self.state_of(kind);
        // Two calls per record, and half of them should be done by then.
        let seconds = (transfer.under_way() as f64 / rate).clamp(2.0, 15.0);
        // The wait doubles with each check that finds no change, as after a failure.
        let patience = 1u32 << transfer.idle.min(6);
        Ok(Duration::from_secs_f64(seconds).saturating_mul(patience).min(Duration::from_secs(120)))
    }
}

pub(super) fn page_kind(kind: Kind) -> PageKind {
    match kind {
        Kind::Contact => PageKind::Contact,
        Kind::Opportunity => PageKind::Opportunity,
    }
}

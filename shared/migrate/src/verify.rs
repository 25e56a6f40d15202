//! Both sides are read again, as a whole, and compared record by record.

use std::collections::{BTreeMap, BTreeSet};

use super::discover::{PageOf, next_contacts, next_deals};
use super::snapshots::Snapshots;
use super::step::Step;
use super::trouble::{Interrupted, Next};
use crate::policy::{
    Carried, IdMap, carry_contact, carry_deal, contact_snapshot, deal_snapshot, differences, expected_contact,
    expected_deal,
};
use ghl_sync_engine::usecase::DirectCalls;
use ghl_sync_model::{
    Answer, Call, EpochMs, Finding, GhlId, Kind, NotCarried, PageContent, PageKind, Problem, Record, RecordKey,
    RemoteContact, RemoteDeal, ReportVerify, Side, Snapshot,
};

/// So many contacts that differ are looked at by themselves. Where there are more, it is not for the lag of a list.
const LOOKS: u32 = 500;

/// A record of the source, in the target's words.
struct Expected {
    kind: Kind,
    source_id: GhlId,
    created_at: Option<EpochMs>,
    extra: NotCarried,
    /// A person left out the pipeline or the stage that it is in.
    by_choice: bool,
    /// What it should say in the target, and what could not be said; or why nothing could.
    fields: Result<Carried<BTreeMap<String, String>>, String>,
}

impl Expected {
    fn unread(kind: Kind, (source_id, why): (GhlId, String)) -> Expected {
        let (extra, fields) = (NotCarried::default(), Err(why));
        Expected { kind, source_id, created_at: None, extra, by_choice: false, fields }
    }
}

impl Step<'_> {
    pub(super) async fn verify(&mut self) -> Result<Next, Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        if settings.skip_verify {
            return Ok(Next::Advance);
        }
        // GHL's lists lag behind its writes.
        let from = self.migration.stage_since + self.engine.config().search_lag;
        if self.now() < from {
            return Ok(Next::Later(self.now().until(from)));
        }
        if settings.skip_opportunities {
            self.migration.verify.target_deals.done = true;
            self.migration.verify.source_deals.done = true;
        }
        let verify = &self.migration.verify;
        if !verify.target_contacts.done || !verify.target_deals.done {
            self.read_target().await?;
        } else if !verify.source_contacts.done {
            self.compare(Kind::Contact).await?;
        } else if !verify.source_deals.done {
            self.compare(Kind::Opportunity).await?;
        } else {
            self.tidy().await?;
            return Ok(Next::Advance);
        }
        self.save().await?;
        Ok(Next::Again)
    }

    async fn read_target(&mut self) -> Result<(), Interrupted> {
        let lists = self.deal_lists(Side::Target).await?;
        let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
        let calls = self.calls(&engine, &target, Side::Target).await?;
        let read = self.read_target_pages(&lists, &calls).await;
        calls.close().await?;
        read
    }

    async fn read_target_pages(&mut self, lists: &[Option<GhlId>], calls: &DirectCalls<'_>) -> Result<(), Interrupted> {
        while !self.migration.verify.target_contacts.done && self.is_running() {
            let mut walk = self.migration.verify.target_contacts.clone();
            let contacts = next_contacts(&mut walk, calls, Side::Target).await?;
            let snapshot = |contact: RemoteContact| {
                let fields = contact_snapshot(&contact.content);
                Snapshot { id: contact.id, fields }
            };
            let snapshots = contacts.records.into_iter().map(snapshot).collect();
            let from = self.migration.verify.contact_snapshots;
            let behind = self.put_snapshots(PageKind::ContactSnapshot, from, snapshots).await?;
            self.migration.verify.contact_snapshots = behind;
            self.migration.verify.target_contacts = walk;
            self.save().await?;
        }
        while !self.migration.verify.target_deals.done && self.is_running() {
            let mut walk = self.migration.verify.target_deals.clone();
            let deals = next_deals(&mut walk, lists, calls, Side::Target).await?;
            let snapshot = |deal: RemoteDeal| Snapshot { id: deal.id, fields: deal_snapshot(&deal.content) };
            let snapshots = deals.records.into_iter().map(snapshot).collect();
            let from = self.migration.verify.deal_snapshots;
            self.migration.verify.deal_snapshots =
                self.put_snapshots(PageKind::OpportunitySnapshot, from, snapshots).await?;
            self.migration.verify.target_deals = walk;
            self.save().await?;
        }
        let verify = &mut self.migration.verify;
        verify.found.target_total = verify.target_contacts.seen + verify.target_deals.seen;
        Ok(())
    }

    async fn compare(&mut self, kind: Kind) -> Result<(), Interrupted> {
        let ids = self.id_map().await?;
        let lists = if kind == Kind::Opportunity { self.deal_lists(Side::Source).await? } else { Vec::new() };
        let verify = &self.migration.verify;
        let mut snapshots = match kind {
            Kind::Contact => Snapshots::open(self, PageKind::ContactSnapshot, verify.contact_snapshots).await?,
            Kind::Opportunity => Snapshots::open(self, PageKind::OpportunitySnapshot, verify.deal_snapshots).await?,
        };
        self.claim_compared(kind, &mut snapshots).await?;
        let (source, target) = (self.migration.source.clone(), self.migration.target.clone());
        let (source_engine, engine) = (self.engine_of(Side::Source), self.engine_of(Side::Target));
        let of_target = self.calls(&engine, &target, Side::Target).await?;
        let of_source = match self.calls(&source_engine, &source, Side::Source).await {
            Ok(of_source) => of_source,
            Err(error) => {
                of_target.close().await?;
                return Err(error);
            }
        };
        let compared = self.compare_pages(kind, &ids, &lists, &mut snapshots, (&of_source, &of_target)).await;
        of_source.close().await?;
        of_target.close().await?;
        compared
    }

    /// Takes note of what earlier steps have compared.
    async fn claim_compared(&self, kind: Kind, snapshots: &mut Snapshots) -> Result<(), Interrupted> {
        let pages = match kind {
            Kind::Contact => self.migration.verify.source_contacts.pages,
            Kind::Opportunity => self.migration.verify.source_deals.pages,
        };
        for number in 0..pages {
            let Some(page) = self.transferred(kind, number).await? else {
                continue;
            };
            let records = self.records(kind, &page).await?;
            for source_id in &page.put {
                let record = self.migration.key(kind, source_id).and_then(|key| records.get(&key));
                if let Some(id) = record.and_then(|record| record.ghl_id.as_ref()) {
                    snapshots.claim(id, source_id);
                }
            }
        }
        Ok(())
    }

    async fn compare_pages(
        &mut self,
        kind: Kind,
        ids: &IdMap,
        lists: &[Option<GhlId>],
        snapshots: &mut Snapshots,
        (of_source, of_target): (&DirectCalls<'_>, &DirectCalls<'_>),
    ) -> Result<(), Interrupted> {
        while self.is_running() {
            let mut walk = match kind {
                Kind::Contact => self.migration.verify.source_contacts.clone(),
                Kind::Opportunity => self.migration.verify.source_deals.clone(),
            };
            if walk.done {
                return Ok(());
            }
            let expected = match kind {
                Kind::Contact => {
                    let contacts = next_contacts(&mut walk, of_source, Side::Source).await?;
                    let unread = contacts.unread.into_iter().map(|one| Expected::unread(Kind::Contact, one));
                    contacts
                        .records
                        .into_iter()
                        .map(|contact| expected_of_contact(contact, ids))
                        .chain(unread)
                        .collect()
                }
                Kind::Opportunity => {
                    let deals = next_deals(&mut walk, lists, of_source, Side::Source).await?;
                    self.expected_of_deals(deals, ids).await?
                }
            };
            let (found, findings) = self.compare_page(kind, expected, ids, snapshots, of_target).await?;
            if !findings.is_empty() {
                let from = self.migration.verify.findings;
                self.migration.verify.findings = self.put_findings(from, findings).await?;
            }
            // Together with the walk: a page that is compared again is not counted again.
            self.migration.verify.found = found;
            match kind {
                Kind::Contact => self.migration.verify.source_contacts = walk,
                Kind::Opportunity => self.migration.verify.source_deals = walk,
            }
            self.save().await?;
        }
        Ok(())
    }

    async fn expected_of_deals(&self, deals: PageOf<RemoteDeal>, ids: &IdMap) -> Result<Vec<Expected>, Interrupted> {
        let PageOf { records: deals, unread } = deals;
        let contact_of = |deal: &RemoteDeal| {
            let contact = deal.content.contact_id.as_deref().and_then(|id| GhlId::new(id).ok())?;
            self.migration.key(Kind::Contact, &contact)
        };
        let contacts = self.load(deals.iter().filter_map(contact_of).collect()).await?;
        let expected = |deal: RemoteDeal| {
            let parts = [&deal.content.pipeline_id, &deal.content.pipeline_stage_id];
            let by_choice = parts.into_iter().flatten().any(|id| ids.is_left_out_by_choice(id));
            let contact = contact_of(&deal).and_then(|key| contacts.get(&key));
            let fields = match contact {
                Some(contact) => carry_deal(&deal.content, contact.key.id.clone(), ids).map(|carried| Carried {
                    content: expected_deal(&carried.content, contact.ghl_id.as_ref()),
                    left_out: carried.left_out,
                }),
                None => Err("its contact is not among those that were carried over".to_owned()),
            };
            let RemoteDeal { id, created_at, not_carried, .. } = deal;
            Expected { kind: Kind::Opportunity, source_id: id, created_at, extra: not_carried, by_choice, fields }
        };
        let unread = unread.into_iter().map(|one| Expected::unread(Kind::Opportunity, one));
        Ok(deals.into_iter().map(expected).chain(unread).collect())
    }

    /// What was found in all, and what of this page.
    async fn compare_page(
        &mut self,
        kind: Kind,
        expected: Vec<Expected>,
        ids: &IdMap,
        snapshots: &mut Snapshots,
        of_target: &DirectCalls<'_>,
    ) -> Result<(ReportVerify, Vec<Finding>), Interrupted> {
        let keys: BTreeSet<RecordKey> =
            expected.iter().filter_map(|expected| self.migration.key(kind, &expected.source_id)).collect();
        let records = self.load(keys).await?;
        let (mut found, mut findings) = (self.migration.verify.found, Vec::new());
        for expected in expected {
            let record = self.migration.key(kind, &expected.source_id).and_then(|key| records.get(&key));
            let target_id = record.and_then(|record| record.ghl_id.clone());
            let problem = self.problem(&expected, record, ids, snapshots, of_target).await?;
            found.checked += 1;
            match &problem {
                None => found.ok += 1,
                Some(Problem::Missing { .. }) => {
                    found.missing += 1;
                    found.left_out += u64::from(expected.by_choice);
                }
                Some(Problem::Different { .. }) => found.different += 1,
                Some(Problem::Merged { .. }) => found.merged += 1,
                Some(Problem::NotCarried { .. } | Problem::NotStored { .. }) => {}
            }
            let not_carried = not_carried(&expected);
            found.not_carried += u64::from(not_carried.is_some());
            let source_id = expected.source_id;
            let finding =
                |problem| Finding { kind, source_id: source_id.clone(), target_id: target_id.clone(), problem };
            let not_stored = record.map(|record| record.not_stored.clone()).filter(|fields| !fields.is_empty());
            findings.extend(problem.map(finding));
            findings.extend(not_stored.map(|fields| finding(Problem::NotStored { fields })));
            findings.extend(not_carried.map(finding));
        }
        Ok((found, findings))
    }

    async fn problem(
        &mut self,
        expected: &Expected,
        record: Option<&Record>,
        ids: &IdMap,
        snapshots: &mut Snapshots,
        of_target: &DirectCalls<'_>,
    ) -> Result<Option<Problem>, Interrupted> {
        let missing = |reason: String| Ok(Some(Problem::Missing { reason }));
        let carried = match &expected.fields {
            Ok(carried) => carried,
            Err(reason) => return missing(reason.clone()),
        };
        let Some(record) = record else {
            return missing("it was not there when the others were carried over".to_owned());
        };
        let Some(id) = &record.ghl_id else {
            return missing(why_not_there(record));
        };
        if let Some(with) = snapshots.claim(id, &expected.source_id) {
            return Ok(Some(Problem::Merged { with }));
        }
        let mut found = snapshots.get(self, id).await?;
        let is_same = |found: &Option<BTreeMap<String, String>>| {
            found.as_ref().is_some_and(|found| differences(&carried.content, found, ids).is_empty())
        };
        // GHL's lists lag; the contact itself does not.
        if !is_same(&found) && expected.kind == Kind::Contact && self.migration.verify.looked_at < LOOKS {
            self.migration.verify.looked_at += 1;
            match of_target.call(&Call::GetContact(id.clone())).await {
                Ok(Answer::Contact(contact)) => found = contact.map(|contact| contact_snapshot(&contact.content)),
                Ok(_) => {}
                Err(error) if error.is_missing() => found = None,
                Err(error) if error.is_too_long() => {
                    return missing("in the target it is longer than 1 MB, so it could not be read back".to_owned());
                }
                Err(error) => return Err(Interrupted::Call { side: Side::Target, error }),
            }
        }
        Ok(match found {
            None => Some(Problem::Missing { reason: "GHL does not show it any more".to_owned() }),
            Some(found) => {
                let fields = differences(&carried.content, &found, ids);
                (!fields.is_empty()).then_some(Problem::Different { fields })
            }
        })
    }

    /// The copies of what was read back are not needed any more, and are full of names.
    async fn tidy(&mut self) -> Result<(), Interrupted> {
        let verify = &self.migration.verify;
        let kinds = [
            (PageKind::ContactSnapshot, verify.contact_snapshots),
            (PageKind::OpportunitySnapshot, verify.deal_snapshots),
        ];
        for (kind, pages) in kinds {
            for number in 0..pages {
                self.put_page(kind, number, PageContent::Snapshots(Vec::new())).await?;
            }
        }
        Ok(())
    }
}

fn expected_of_contact(contact: RemoteContact, ids: &IdMap) -> Expected {
    let fields = carry_contact(&contact.content, ids)
        .map(|carried| Carried { content: expected_contact(&carried.content), left_out: carried.left_out });
    let RemoteContact { id, created_at, not_carried, .. } = contact;
    Expected { kind: Kind::Contact, source_id: id, created_at, extra: not_carried, by_choice: false, fields }
}

fn why_not_there(record: &Record) -> String {
    match (&record.last_error, &record.waits_for) {
        (_, Some(contact)) => {
            format!(
                "it waits for {contact}, which is not in the target; once GHL accepts that one, it follows by itself"
            )
        }
        (Some(error), _) => format!("{}: {}", error.code, error.message),
        (None, None) => "it is still under way".to_owned(),
    }
}

fn not_carried(expected: &Expected) -> Option<Problem> {
    let fields = expected.fields.as_ref().map(|carried| carried.left_out.clone()).unwrap_or_default();
    let (created_at, extra) = (expected.created_at, expected.extra.clone());
    let is_nothing = created_at.is_none() && extra.is_empty() && fields.is_empty();
    (!is_nothing).then_some(Problem::NotCarried { created_at, extra, fields })
}

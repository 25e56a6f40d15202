//! The verification: both sides are read again in full and compared record by record.

use std::collections::{BTreeMap, BTreeSet};

use super::discover::{PageOf, next_contacts, next_opportunities};
use super::snapshots::Snapshots;
use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use crate::policy::{
    Carried, IdMap, carry_contact, carry_opportunity, contact_snapshot, differences, expected_contact,
    expected_opportunity, opportunity_snapshot,
};
use ghl_sync_engine::usecase::DirectCalls;
use ghl_sync_model::{
    Answer, Call, EpochMs, Finding, GhlId, Kind, ListedContact, ListedOpportunity, NotCarried, PageContent, PageKind,
    Problem, Record, RecordKey, ReportVerify, Side, Snapshot,
};

/// Number of differing contacts that are read individually. If more differ, the cause is not a lagging list.
const LOOKS: u32 = 500;

/// A source record, translated for the target.
struct ExpectedRecord {
    kind: Kind,
    source_id: GhlId,
    created_at: Option<EpochMs>,
    extra: NotCarried,
    /// Whether a person left out its pipeline or stage.
    by_choice: bool,
    /// The values expected in the target, and the parts that could not be translated; or why nothing could.
    fields: Result<Carried<BTreeMap<String, String>>, String>,
}

impl ExpectedRecord {
    fn unread(kind: Kind, (source_id, why): (GhlId, String)) -> ExpectedRecord {
        let (extra, fields) = (NotCarried::default(), Err(why));
        ExpectedRecord { kind, source_id, created_at: None, extra, by_choice: false, fields }
    }
}

impl MigrationStep<'_> {
    pub(super) async fn verify(&mut self) -> Result<Continuation, Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        if settings.skip_verify {
            return Ok(Continuation::Advance);
        }
        // GHL's lists lag behind its writes.
        let from = self.migration.stage_since + self.engine.config().search_lag;
        if self.now() < from {
            return Ok(Continuation::Later(self.now().until(from)));
        }
        if settings.skip_opportunities {
            self.migration.verify.target_opportunities.done = true;
            self.migration.verify.source_opportunities.done = true;
        }
        let verify = &self.migration.verify;
        if !verify.target_contacts.done || !verify.target_opportunities.done {
            self.read_target().await?;
        } else if !verify.source_contacts.done {
            self.compare(Kind::Contact).await?;
        } else if !verify.source_opportunities.done {
            self.compare(Kind::Opportunity).await?;
        } else {
            self.tidy().await?;
            return Ok(Continuation::Advance);
        }
        self.save().await?;
        Ok(Continuation::Again)
    }

    async fn read_target(&mut self) -> Result<(), Interrupted> {
        let lists = self.opportunity_lists(Side::Target).await?;
        let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
        let calls = self.calls(&engine, &target, Side::Target).await?;
        let read = self.read_target_pages(&lists, &calls).await;
        calls.close().await?;
        read
    }

    async fn read_target_pages(&mut self, lists: &[Option<GhlId>], calls: &DirectCalls<'_>) -> Result<(), Interrupted> {
        while !self.migration.verify.target_contacts.done && self.is_running() {
            let mut scan = self.migration.verify.target_contacts.clone();
            let contacts = next_contacts(&mut scan, calls, Side::Target).await?;
            let snapshot = |contact: ListedContact| {
                let fields = contact_snapshot(&contact.content);
                Snapshot { id: contact.id, fields }
            };
            let snapshots = contacts.records.into_iter().map(snapshot).collect();
            let from = self.migration.verify.contact_snapshots;
            let behind = self.put_snapshots(PageKind::ContactSnapshot, from, snapshots).await?;
            self.migration.verify.contact_snapshots = behind;
            self.migration.verify.target_contacts = scan;
            self.save().await?;
        }
        while !self.migration.verify.target_opportunities.done && self.is_running() {
            let mut scan = self.migration.verify.target_opportunities.clone();
            let opportunities = next_opportunities(&mut scan, lists, calls, Side::Target).await?;
            let snapshot = |opportunity: ListedOpportunity| Snapshot {
                id: opportunity.id,
                fields: opportunity_snapshot(&opportunity.content),
            };
            let snapshots = opportunities.records.into_iter().map(snapshot).collect();
            let from = self.migration.verify.opportunity_snapshots;
            self.migration.verify.opportunity_snapshots =
                self.put_snapshots(PageKind::OpportunitySnapshot, from, snapshots).await?;
            self.migration.verify.target_opportunities = scan;
            self.save().await?;
        }
        let verify = &mut self.migration.verify;
        verify.found.target_total = verify.target_contacts.seen + verify.target_opportunities.seen;
        Ok(())
    }

    async fn compare(&mut self, kind: Kind) -> Result<(), Interrupted> {
        let ids = self.id_map().await?;
        let lists = if kind == Kind::Opportunity { self.opportunity_lists(Side::Source).await? } else { Vec::new() };
        let verify = &self.migration.verify;
        let mut snapshots = match kind {
            Kind::Contact => Snapshots::open(self, PageKind::ContactSnapshot, verify.contact_snapshots).await?,
            Kind::Opportunity => {
                Snapshots::open(self, PageKind::OpportunitySnapshot, verify.opportunity_snapshots).await?
            }
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

    /// Claims the target records that earlier steps have compared.
    async fn claim_compared(&self, kind: Kind, snapshots: &mut Snapshots) -> Result<(), Interrupted> {
        let pages = match kind {
            Kind::Contact => self.migration.verify.source_contacts.pages,
            Kind::Opportunity => self.migration.verify.source_opportunities.pages,
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
            let mut scan = match kind {
                Kind::Contact => self.migration.verify.source_contacts.clone(),
                Kind::Opportunity => self.migration.verify.source_opportunities.clone(),
            };
            if scan.done {
                return Ok(());
            }
            let expected = match kind {
                Kind::Contact => {
                    let contacts = next_contacts(&mut scan, of_source, Side::Source).await?;
                    let unread = contacts.unread.into_iter().map(|one| ExpectedRecord::unread(Kind::Contact, one));
                    contacts
                        .records
                        .into_iter()
                        .map(|contact| expected_of_contact(contact, ids))
                        .chain(unread)
                        .collect()
                }
                Kind::Opportunity => {
                    let opportunities = next_opportunities(&mut scan, lists, of_source, Side::Source).await?;
                    self.expected_of_opportunities(opportunities, ids).await?
                }
            };
            let (found, findings) = self.compare_page(kind, expected, ids, snapshots, of_target).await?;
            if !findings.is_empty() {
                let from = self.migration.verify.findings;
                self.migration.verify.findings = self.put_findings(from, findings).await?;
            }
            // Saved together with the scan, so that a page compared twice is counted once.
            self.migration.verify.found = found;
            match kind {
                Kind::Contact => self.migration.verify.source_contacts = scan,
                Kind::Opportunity => self.migration.verify.source_opportunities = scan,
            }
            self.save().await?;
        }
        Ok(())
    }

    async fn expected_of_opportunities(
        &self,
        opportunities: PageOf<ListedOpportunity>,
        ids: &IdMap,
    ) -> Result<Vec<ExpectedRecord>, Interrupted> {
        let PageOf { records: opportunities, unread } = opportunities;
        let contact_of = |opportunity: &ListedOpportunity| {
            let contact = opportunity.content.contact_id.as_deref().and_then(|id| GhlId::new(id).ok())?;
            self.migration.key(Kind::Contact, &contact)
        };
        let contacts = self.load(opportunities.iter().filter_map(contact_of).collect()).await?;
        let expected = |opportunity: ListedOpportunity| {
            let parts = [&opportunity.content.pipeline_id, &opportunity.content.pipeline_stage_id];
            let by_choice = parts.into_iter().flatten().any(|id| ids.is_left_out_by_choice(id));
            let contact = contact_of(&opportunity).and_then(|key| contacts.get(&key));
            let fields = match contact {
                Some(contact) => {
                    carry_opportunity(&opportunity.content, contact.key.id.clone(), ids).map(|carried| Carried {
                        content: expected_opportunity(&carried.content, contact.ghl_id.as_ref()),
                        left_out: carried.left_out,
                    })
                }
                None => Err("its contact is not among those that were carried over".to_owned()),
            };
            let ListedOpportunity { id, created_at, not_carried, .. } = opportunity;
            ExpectedRecord { kind: Kind::Opportunity, source_id: id, created_at, extra: not_carried, by_choice, fields }
        };
        let unread = unread.into_iter().map(|one| ExpectedRecord::unread(Kind::Opportunity, one));
        Ok(opportunities.into_iter().map(expected).chain(unread).collect())
    }

    /// Compares one page. Returns the totals so far and the findings of this page.
    async fn compare_page(
        &mut self,
        kind: Kind,
        expected: Vec<ExpectedRecord>,
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
        expected: &ExpectedRecord,
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
        // GHL's lists lag; reading the contact itself does not.
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

    /// Deletes the copies of the target's records: they are no longer needed and full of personal names.
    async fn tidy(&mut self) -> Result<(), Interrupted> {
        let verify = &self.migration.verify;
        let kinds = [
            (PageKind::ContactSnapshot, verify.contact_snapshots),
            (PageKind::OpportunitySnapshot, verify.opportunity_snapshots),
        ];
        for (kind, pages) in kinds {
            for number in 0..pages {
                self.put_page(kind, number, PageContent::Snapshots(Vec::new())).await?;
            }
        }
        Ok(())
    }
}

fn expected_of_contact(contact: ListedContact, ids: &IdMap) -> ExpectedRecord {
    let fields = carry_contact(&contact.content, ids)
        .map(|carried| Carried { content: expected_contact(&carried.content), left_out: carried.left_out });
    let ListedContact { id, created_at, not_carried, .. } = contact;
    ExpectedRecord { kind: Kind::Contact, source_id: id, created_at, extra: not_carried, by_choice: false, fields }
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

fn not_carried(expected: &ExpectedRecord) -> Option<Problem> {
    let fields = expected.fields.as_ref().map(|carried| carried.left_out.clone()).unwrap_or_default();
    let (created_at, extra) = (expected.created_at, expected.extra.clone());
    let is_nothing = created_at.is_none() && extra.is_empty() && fields.is_empty();
    (!is_nothing).then_some(Problem::NotCarried { created_at, extra, fields })
}

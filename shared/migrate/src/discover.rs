//! The stage that reads the structure and the records of both sides.

use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use crate::policy::name_hash;
use ghl_sync_engine::usecase::{DirectCalls, DirectError};
use ghl_sync_model::{
    Answer, Api, Call, Cause, Contact, ContactPage, ExistingContact, ExistingOpportunity, GhlId, ListedContact,
    ListedOpportunity, OpportunityPage, PageContent, PageKind, Part, Payload, Scan, Side, SourceContact, Structure,
    UnreadRecord,
};

/// Records per page: the maximum of both of GHL's APIs.
const PAGE: u32 = 100;

impl MigrationStep<'_> {
    pub(super) async fn discover(&mut self) -> Result<Continuation, Interrupted> {
        if self.migration.target_structure == 0 {
            let structure = self.read_structure(Side::Target).await?;
            self.migration.target_structure = self.put_structure(PageKind::TargetStructure, structure).await?;
        } else if self.migration.source_structure == 0 {
            let structure = self.read_structure(Side::Source).await?;
            self.migration.source_structure = self.put_structure(PageKind::SourceStructure, structure).await?;
        } else if !self.migration.target_contacts.done {
            self.survey_contacts(Side::Target).await?;
        } else if !self.migration.source_contacts.done {
            self.survey_contacts(Side::Source).await?;
        } else if !self.migration.target_opportunities.done {
            self.survey_opportunities(Side::Target).await?;
        } else if !self.migration.source_opportunities.done {
            self.survey_opportunities(Side::Source).await?;
        } else {
            return Ok(Continuation::Advance);
        }
        self.save().await?;
        Ok(Continuation::Again)
    }

    async fn read_structure(&self, side: Side) -> Result<Structure, Interrupted> {
        let (engine, location) = (self.engine_of(side), self.migration.location(side).clone());
        let calls = self.calls(&engine, &location, side).await?;
        let structure = structure(&calls).await;
        calls.close().await?;
        structure.map_err(|error| Interrupted::Call { side, error })
    }

    async fn survey_contacts(&mut self, side: Side) -> Result<(), Interrupted> {
        let (engine, location) = (self.engine_of(side), self.migration.location(side).clone());
        let calls = self.calls(&engine, &location, side).await?;
        let surveyed = self.survey_contact_pages(side, &calls).await;
        calls.close().await?;
        surveyed
    }

    async fn survey_contact_pages(&mut self, side: Side, calls: &DirectCalls<'_>) -> Result<(), Interrupted> {
        loop {
            let mut scan = self.contact_survey(side).clone();
            if scan.done || !self.is_running() {
                return Ok(());
            }
            let page = next_contacts(&mut scan, calls, side).await?;
            let (kind, content) = match side {
                Side::Source => {
                    let all =
                        page.records.iter().map(in_short).chain(page.unread.into_iter().map(|(id, _)| unread(id)));
                    (PageKind::SourceContacts, PageContent::SourceContacts(all.collect()))
                }
                Side::Target => {
                    let unread = |id| ExistingContact { id, email: None, phone: None };
                    let all = page.records.iter().map(known).chain(page.unread.into_iter().map(|(id, _)| unread(id)));
                    (PageKind::TargetContacts, PageContent::ExistingContacts(all.collect()))
                }
            };
            self.put_page(kind, scan.pages - 1, content).await?;
            *self.contact_survey(side) = scan;
            self.save().await?;
        }
    }

    fn contact_survey(&mut self, side: Side) -> &mut Scan {
        match side {
            Side::Source => &mut self.migration.source_contacts,
            Side::Target => &mut self.migration.target_contacts,
        }
    }

    async fn survey_opportunities(&mut self, side: Side) -> Result<(), Interrupted> {
        let lists = self.opportunity_lists(side).await?;
        let (engine, location) = (self.engine_of(side), self.migration.location(side).clone());
        let calls = self.calls(&engine, &location, side).await?;
        let surveyed = self.survey_opportunity_pages(side, &lists, &calls).await;
        calls.close().await?;
        surveyed
    }

    async fn survey_opportunity_pages(
        &mut self,
        side: Side,
        lists: &[Option<GhlId>],
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        loop {
            let mut scan = self.opportunity_survey(side).clone();
            if scan.done || !self.is_running() {
                return Ok(());
            }
            let page = next_opportunities(&mut scan, lists, calls, side).await?;
            let all = page
                .records
                .iter()
                .map(opportunity_in_short)
                .chain(page.unread.into_iter().map(|(id, _)| unread_opportunity(id)));
            let opportunities = PageContent::Opportunities(all.collect());
            let kind = if side == Side::Source { PageKind::SourceOpportunities } else { PageKind::TargetOpportunities };
            self.put_page(kind, scan.pages - 1, opportunities).await?;
            *self.opportunity_survey(side) = scan;
            self.save().await?;
        }
    }

    fn opportunity_survey(&mut self, side: Side) -> &mut Scan {
        match side {
            Side::Source => &mut self.migration.source_opportunities,
            Side::Target => &mut self.migration.target_opportunities,
        }
    }

    /// The lists that contain all opportunities: a single one, or with API v1 one per pipeline.
    pub(super) async fn opportunity_lists(&self, side: Side) -> Result<Vec<Option<GhlId>>, Interrupted> {
        let (account, structure) = match side {
            Side::Source => (&self.migration.source_account, self.source_structure().await?),
            Side::Target => (&self.migration.target_account, self.target_structure().await?),
        };
        let of_target = if side == Side::Target { self.made_pipelines().await? } else { Vec::new() };
        Ok(match account.as_ref().map(|account| account.api) {
            Some(Api::V1) => {
                let known = structure.pipelines.into_iter().map(|pipeline| pipeline.id);
                known.chain(of_target).map(Some).collect()
            }
            _ => vec![None],
        })
    }

    async fn made_pipelines(&self) -> Result<Vec<GhlId>, Interrupted> {
        let made = self.journal().await?.into_iter().filter(|created| created.part == Part::Pipelines);
        Ok(made.filter_map(|created| created.id).collect())
    }
}

/// Records of the next page: GHL's maximum, unless such a page was longer than we accept.
fn page_size(scan: &Scan) -> u32 {
    if scan.limit == 0 { PAGE } else { scan.limit.min(PAGE) }
}

/// A page of a scan over all records.
pub(super) struct PageOf<T> {
    pub(super) records: Vec<T>,
    /// Records that cannot be read, by GHL's id, with the reason.
    pub(super) unread: Vec<(GhlId, String)>,
}

/// Labels unreadable records by GHL's id, as findings do. Those without an id share a placeholder.
fn by_id(unread: Vec<UnreadRecord>) -> Vec<(GhlId, String)> {
    let named = |UnreadRecord { id, why, .. }: UnreadRecord| {
        (id.unwrap_or_else(GhlId::unknown), format!("it {why}, so it was passed over"))
    };
    unread.into_iter().map(named).collect()
}

/// The next page of a scan over all contacts.
pub(super) async fn next_contacts(
    scan: &mut Scan,
    calls: &DirectCalls<'_>,
    side: Side,
) -> Result<PageOf<ListedContact>, Interrupted> {
    let (cursor, mut limit) = (scan.cursor.clone(), page_size(scan));
    let call = |limit| Call::ContactsPage { cursor: cursor.clone(), limit };
    let answer = calls.page(&mut limit, call).await.map_err(|error| Interrupted::Call { side, error })?;
    let ContactPage { contacts, unread, next, total } = match answer {
        Answer::Contacts(page) => page,
        _ => ContactPage::default(),
    };
    // One long record says nothing about the following ones.
    scan.limit = if unread.is_empty() { limit } else { PAGE };
    scan.pages += 1;
    scan.seen += (contacts.len() + unread.len()) as u64;
    scan.done = next.is_none();
    scan.total = if scan.done { Some(scan.seen) } else { total.or(scan.total) };
    scan.cursor = next;
    Ok(PageOf { records: contacts, unread: by_id(unread) })
}

/// The next page of a scan over all opportunities in these `lists`.
pub(super) async fn next_opportunities(
    scan: &mut Scan,
    lists: &[Option<GhlId>],
    calls: &DirectCalls<'_>,
    side: Side,
) -> Result<PageOf<ListedOpportunity>, Interrupted> {
    let mut page = OpportunityPage::default();
    if let Some(pipeline) = lists.get(scan.pipeline as usize) {
        let (pipeline, cursor) = (pipeline.clone(), scan.cursor.clone());
        let mut limit = page_size(scan);
        let call = |limit| Call::OpportunitiesPage { pipeline: pipeline.clone(), cursor: cursor.clone(), limit };
        if let Answer::OpportunityPage(answer) =
            calls.page(&mut limit, call).await.map_err(|error| Interrupted::Call { side, error })?
        {
            page = answer;
        }
        scan.limit = if page.unread.is_empty() { limit } else { PAGE };
    }
    scan.pages += 1;
    scan.seen += (page.opportunities.len() + page.unread.len()) as u64;
    scan.cursor = page.next;
    scan.pipeline += u32::from(scan.cursor.is_none());
    scan.done = scan.pipeline as usize >= lists.len();
    if scan.done {
        scan.total = Some(scan.seen);
    } else if lists.len() == 1 {
        scan.total = page.total.or(scan.total);
    }
    Ok(PageOf { records: page.opportunities, unread: by_id(page.unread) })
}

/// A source contact of which only the id is known: it is not transferred.
fn unread(id: GhlId) -> SourceContact {
    SourceContact { id, email: None, phone: None, is_tagged: false, is_nobody: true }
}

fn unread_opportunity(id: GhlId) -> ExistingOpportunity {
    ExistingOpportunity { id, contact_id: None, pipeline_id: None, name: name_hash("") }
}

/// Reads the structure of a location. Parts that the transfer does not require may be unreadable.
async fn structure(calls: &DirectCalls<'_>) -> Result<Structure, DirectError> {
    let mut structure = Structure::default();
    if let Answer::CustomFields(fields) = calls.call(&Call::ListCustomFields).await? {
        structure.custom_fields = fields;
    }
    if let Answer::Pipelines(pipelines) = calls.call(&Call::ListPipelines).await? {
        structure.pipelines = pipelines;
    }
    let optional =
        [(Part::CustomValues, Call::ListCustomValues), (Part::Tags, Call::ListTags), (Part::Users, Call::ListUsers)];
    for (part, call) in optional {
        match calls.call(&call).await {
            Ok(Answer::CustomValues(values)) => structure.custom_values = values,
            Ok(Answer::Tags(tags)) => structure.tags = tags,
            Ok(Answer::Users(users)) => structure.users = users,
            Ok(_) => {}
            Err(DirectError::Failed(failure))
                if matches!(failure.cause, Some(Cause::Forbidden | Cause::Unsupported)) =>
            {
                structure.unread.push((part, failure.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(structure)
}

fn in_short(contact: &ListedContact) -> SourceContact {
    let (email, phone) = natural_keys(&contact.content);
    let is_nobody = email.is_none() && phone.is_none() && Payload::Contact(contact.content.clone()).check().is_err();
    SourceContact { id: contact.id.clone(), email, phone, is_tagged: !contact.content.tags.is_empty(), is_nobody }
}

fn known(contact: &ListedContact) -> ExistingContact {
    let (email, phone) = natural_keys(&contact.content);
    ExistingContact { id: contact.id.clone(), email, phone }
}

/// Hashes of the e-mail address and phone number by which GHL identifies a contact.
fn natural_keys(contact: &Contact) -> (Option<u64>, Option<u64>) {
    let email = contact.email.as_deref().map(|email| email.trim().to_lowercase());
    let digits = |phone: &str| phone.chars().filter(char::is_ascii_digit).collect::<String>();
    let phone = contact.phone.as_deref().map(digits).filter(|digits| !digits.is_empty());
    (email.as_deref().map(name_hash), phone.as_deref().map(name_hash))
}

fn opportunity_in_short(opportunity: &ListedOpportunity) -> ExistingOpportunity {
    let id = |id: &Option<String>| id.as_deref().and_then(|id| GhlId::new(id).ok());
    ExistingOpportunity {
        id: opportunity.id.clone(),
        contact_id: id(&opportunity.content.contact_id),
        pipeline_id: id(&opportunity.content.pipeline_id),
        name: name_hash(opportunity.content.name.as_deref().unwrap_or_default().trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::Unread;

    #[test]
    fn every_record_that_cannot_be_read_is_named_with_its_reason() {
        let id = GhlId::new("c1").unwrap();
        let unread = [(Some(id.clone()), Unread::TooLong), (None, Unread::NoId), (None, Unread::NoId)];
        let unread = unread.map(|(id, why)| UnreadRecord { id, updated_at: None, why });
        let no_id = (GhlId::unknown(), "it has no id, so it was passed over".to_owned());
        let long = (id, "it is longer than 1 MB, so it was passed over".to_owned());
        assert_eq!(by_id(unread.to_vec()), [long, no_id.clone(), no_id]);
    }
}

//! One location of the simulated GHL: its contacts, its opportunities, and what calls do to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::structure::Structure;
use super::{missing, refused};
use ghl_sync_model::{
    Answer, Call, Cause, Contact, ContactPage, ContactRef, CustomField, EpochMs, Failure, FoundOpportunity, FoundPage,
    GhlId, LocationId, Marker, NotCarried, Opportunity, OpportunityPage, PageCursor, Provenance, RemoteContact,
    RemoteDeal, RemoteOpportunity, Unread, UnreadRecord, View,
};

/// Opportunities on a page of a search.
const FOUND_PER_PAGE: u32 = 100;

/// What a location holds.
#[derive(Default)]
pub(super) struct Location {
    pub(super) contacts: BTreeMap<GhlId, StoredContact>,
    pub(super) opportunities: BTreeMap<GhlId, StoredOpportunity>,
    pub(super) structure: Structure,
}

pub(super) struct StoredContact {
    pub(super) contact: Contact,
    pub(super) tags: BTreeSet<String>,
    pub(super) not_carried: NotCarried,
    created_at: EpochMs,
    pub(super) changed_at: EpochMs,
}

pub(super) struct StoredOpportunity {
    pub(super) contact_id: GhlId,
    pub(super) opportunity: Opportunity,
    pub(super) not_carried: NotCarried,
    created_at: EpochMs,
    changed_at: EpochMs,
}

/// The circumstances of a call.
pub(super) struct Moment<'a> {
    pub(super) location: &'a LocationId,
    pub(super) now: EpochMs,
    /// The id that something new gets.
    pub(super) new_id: GhlId,
    /// How long the search does not show what was written.
    pub(super) search_lag: Duration,
    /// Whether a contact may have several opportunities in one pipeline.
    pub(super) allow_duplicate_opportunities: bool,
    /// Whether the token has the scope `pipelines.create`.
    pub(super) pipelines_open: bool,
    /// Whether reads show pipelines that a call made without their stages.
    pub(super) stages_hidden: bool,
    /// Whether an update may not have a company.
    pub(super) company_refused: bool,
}

impl Moment<'_> {
    /// Whether the search shows what was written at `time`.
    pub(super) fn shows(&self, time: EpochMs) -> bool {
        time + self.search_lag <= self.now
    }
}

/// The most bytes of an answer that a client takes.
const MAX_ANSWER: usize = 1024 * 1024;

/// The most bytes of a page of one record of which a client takes the id; fewer than the real one does, to be quick.
const MAX_PAGE_OF_ONE: usize = 4 * MAX_ANSWER;

/// The page as a client takes it: if it is too long, only the name of its one contact, or nothing.
fn readable(call: &Call, mut page: ContactPage) -> Result<Answer, Failure> {
    let size = |contact: &RemoteContact| serde_json::to_string(&contact.content).map_or(0, |json| json.len());
    match page.contacts.iter().map(size).sum::<usize>() {
        0..=MAX_ANSWER => Ok(Answer::Contacts(page)),
        size if size <= MAX_PAGE_OF_ONE && call.shows_one_record() => {
            let contacts = page.contacts.drain(..);
            page.unread = contacts
                .map(|one| UnreadRecord { id: Some(one.id), updated_at: one.updated_at, why: Unread::TooLong })
                .collect();
            Ok(Answer::Contacts(page))
        }
        _ => Err(Failure { status: Some(200), ..refused(200, Some(Cause::TooLong)) }),
    }
}

impl Location {
    /// Does `call`.
    pub(super) fn act(&mut self, call: &Call, moment: Moment<'_>) -> Result<Answer, Failure> {
        let now = moment.now;
        match call {
            Call::UpsertContact(contact) => {
                let found = self.find(contact.email.as_deref(), contact.phone.as_deref());
                let provenance = if found.is_some() { Provenance::Found } else { Provenance::Created };
                let id = found.unwrap_or_else(|| moment.new_id.clone());
                self.check_closed_channels(&id, contact)?;
                let contact = if provenance == Provenance::Created {
                    contact.clone()
                } else {
                    self.taken_by_upsert(&id, contact)
                };
                self.write(id.clone(), &contact, now);
                self.replace_tags(&id, &contact, &moment);
                Ok(self.contact_written(id, provenance))
            }
            Call::CreateContact(contact) => {
                let id = moment.new_id.clone();
                self.write(id.clone(), contact, now);
                self.replace_tags(&id, contact, &moment);
                Ok(self.contact_written(id, Provenance::Created))
            }
            Call::UpdateContact { id, contact } => {
                self.contacts.get(id).ok_or_else(missing)?;
                self.check_closed_channels(id, contact)?;
                if moment.company_refused && contact.company_name.is_some() {
                    return Err(refused(422, Some(Cause::CompanyRefused)));
                }
                self.write(id.clone(), &Contact { gender: None, ..contact.clone() }, now);
                Ok(self.contact_written(id.clone(), Provenance::Unknown))
            }
            Call::DeleteContact(id) => {
                self.contacts.remove(id);
                self.opportunities.retain(|_, stored| stored.contact_id != *id);
                Ok(Answer::Deleted)
            }
            Call::AddTags { id, tags } => self.add_tags(id, tags, &moment),
            Call::GetContact(id) => {
                let page = ContactPage { contacts: self.show(id).into_iter().collect(), ..ContactPage::default() };
                let Answer::Contacts(page) = readable(call, page)? else { return Err(missing()) };
                Ok(Answer::Contact(page.contacts.into_iter().next().map(Box::new)))
            }
            Call::FindMarked(marker) => Ok(Answer::Contact(self.find_marked(marker, &moment).map(Box::new))),
            Call::FindContact { email, phone } => {
                let found = self.find(email.as_deref(), phone.as_deref());
                Ok(Answer::Contact(found.and_then(|id| self.show(&id)).map(Box::new)))
            }
            Call::ContactsChanged { since, cursor, limit } => {
                let changed = |stored: &StoredContact| (stored.changed_at >= *since).then_some(stored.changed_at);
                readable(call, self.contact_page(changed, cursor.as_ref(), *limit))
            }
            Call::ContactsPage { cursor, limit } => {
                let shown = |stored: &StoredContact| moment.shows(stored.created_at).then_some(stored.created_at);
                readable(call, self.contact_page(shown, cursor.as_ref(), *limit))
            }
            Call::FindOpportunities(wanted) => Ok(Answer::Opportunities(self.find_opportunities(wanted, &moment))),
            Call::OpportunitiesPage { pipeline, cursor, limit } => {
                let page = self.opportunity_page(pipeline.as_ref(), cursor.as_ref(), *limit, &moment);
                Ok(Answer::OpportunityPage(page))
            }
            Call::CreateOpportunity { contact_id, opportunity } => {
                self.contacts.get(contact_id).ok_or_else(|| refused(400, None))?;
                if let Some(id) = self.duplicate_of(contact_id, &opportunity.pipeline_id, &moment) {
                    return Err(refused(400, Some(Cause::Duplicate(id))));
                }
                let (contact_id, opportunity) = (contact_id.clone(), opportunity.clone());
                let not_carried = NotCarried::default();
                let stored =
                    StoredOpportunity { contact_id, opportunity, not_carried, created_at: now, changed_at: now };
                self.opportunities.insert(moment.new_id.clone(), stored);
                Ok(self.opportunity_written(moment.new_id))
            }
            Call::UpdateOpportunity { id, opportunity } => {
                let stored = self.opportunities.get_mut(id).ok_or_else(missing)?;
                stored.opportunity.clone_from(opportunity);
                stored.changed_at = now;
                Ok(self.opportunity_written(id.clone()))
            }
            Call::DeleteOpportunity { id, .. } => {
                self.opportunities.remove(id);
                Ok(Answer::Deleted)
            }
            Call::GetLocation
            | Call::ListCustomFields
            | Call::CreateCustomField(_)
            | Call::DeleteCustomField(_)
            | Call::ListCustomValues
            | Call::CreateCustomValue { .. }
            | Call::DeleteCustomValue(_)
            | Call::ListTags
            | Call::CreateTag(_)
            | Call::DeleteTag(_)
            | Call::ListUsers
            | Call::ListPipelines
            | Call::GetPipeline(_)
            | Call::CreatePipeline(_) => self.structure.act(call, moment),
            Call::DeletePipeline(id) => {
                self.structure.delete_pipeline(id, &moment)?;
                self.opportunities.retain(|_, stored| stored.opportunity.pipeline_id != *id);
                Ok(Answer::Deleted)
            }
        }
    }

    /// GHL refuses to write a channel that the contact has closed for good.
    fn check_closed_channels(&self, id: &GhlId, written: &Contact) -> Result<(), Failure> {
        let channels = |contact: &Contact| contact.dnd_settings.clone().and_then(|value| value.as_object().cloned());
        let stored = self.contacts.get(id).and_then(|stored| channels(&stored.contact)).unwrap_or_default();
        let written = channels(written).unwrap_or_default();
        let is_closed = |channel: &String| stored.get(channel).is_some_and(|state| state["status"] == "permanent");
        match written.iter().find(|(channel, state)| is_closed(channel) && state["status"] != "permanent") {
            Some(_) => Err(refused(400, None)),
            None => Ok(()),
        }
    }

    fn find(&self, email: Option<&str>, phone: Option<&str>) -> Option<GhlId> {
        let by = |matches: &dyn Fn(&Contact) -> bool| {
            self.contacts.iter().find(|(_, stored)| matches(&stored.contact)).map(|(id, _)| id.clone())
        };
        let additional = |email: &str| {
            let has = |stored: &StoredContact| stored.not_carried.additional_emails.iter().any(|other| other == email);
            self.contacts.iter().find(|(_, stored)| has(stored)).map(|(id, _)| id.clone())
        };
        email
            .and_then(|email| by(&|contact| contact.email.as_deref() == Some(email)).or_else(|| additional(email)))
            .or_else(|| phone.and_then(|phone| by(&|contact| contact.phone.as_deref() == Some(phone))))
    }

    fn find_marked(&self, marker: &Marker, moment: &Moment<'_>) -> Option<RemoteContact> {
        let (id, _) = self.contacts.iter().find(|(_, stored)| {
            stored.contact.source.as_deref().is_some_and(|source| marker.is_in(source))
                && moment.shows(stored.changed_at)
        })?;
        self.show(id)
    }

    /// What an upsert takes of `contact` for one that is there: not the gender, and not a phone number that another
    /// contact has. All the rest it drops without a word.
    fn taken_by_upsert(&self, id: &GhlId, contact: &Contact) -> Contact {
        let is_others = |phone: &String| {
            self.contacts.iter().any(|(other, stored)| other != id && stored.contact.phone.as_ref() == Some(phone))
        };
        let phone = contact.phone.clone().filter(|phone| !is_others(phone));
        Contact { gender: None, phone, ..contact.clone() }
    }

    /// The contact says this now, and what else it said before. Its tags stay: an update does not send them. The channels
    /// of `dndSettings` are replaced as a whole (whether GHL does so is not known; it is the worse of the two). An additional address that becomes the first takes its place, and the one that was there is gone.
    fn write(&mut self, id: GhlId, contact: &Contact, now: EpochMs) {
        let stored = match self.contacts.remove(&id) {
            Some(mut stored) => {
                stored.not_carried.additional_emails.retain(|other| Some(other) != contact.email.as_ref());
                StoredContact { contact: merged(&stored.contact, contact), changed_at: now, ..stored }
            }
            None => StoredContact {
                contact: merged(&Contact::default(), contact),
                tags: BTreeSet::new(),
                not_carried: NotCarried::default(),
                created_at: now,
                changed_at: now,
            },
        };
        self.contacts.insert(id, stored);
    }

    fn contact_written(&self, id: GhlId, provenance: Provenance) -> Answer {
        let view = self.show(&id).map(|shown| {
            // No answer was seen to show the gender.
            let content = Contact { gender: None, ..shown.content };
            Box::new(View { content, is_whole: true, has_custom_fields: true })
        });
        Answer::ContactWritten { id, provenance, view }
    }

    fn opportunity_written(&self, id: GhlId) -> Answer {
        let view = self.opportunities.get(&id).map(|stored| {
            Box::new(View { content: stored.show(&id).content, is_whole: true, has_custom_fields: true })
        });
        Answer::OpportunityWritten { id, view }
    }

    /// Tags that come with an upsert or a creation take the place of those that are there.
    fn replace_tags(&mut self, id: &GhlId, contact: &Contact, moment: &Moment<'_>) {
        if let Some(stored) = self.contacts.get_mut(id).filter(|_| !contact.tags.is_empty()) {
            stored.tags = contact.tags.iter().cloned().collect();
            self.structure.learn_tags(&stored.tags, &moment.new_id);
        }
    }

    /// A tag that the location does not know becomes known.
    fn add_tags(&mut self, id: &GhlId, tags: &BTreeSet<String>, moment: &Moment<'_>) -> Result<Answer, Failure> {
        let stored = self.contacts.get_mut(id).ok_or_else(missing)?;
        stored.tags.extend(tags.iter().cloned());
        let all = stored.tags.iter().cloned().collect();
        self.structure.learn_tags(tags, &moment.new_id);
        Ok(Answer::TagsAdded { tags: Some(all) })
    }

    fn show(&self, id: &GhlId) -> Option<RemoteContact> {
        let StoredContact { contact, tags, not_carried, created_at, changed_at } = self.contacts.get(id)?;
        let content = Contact { tags: tags.iter().cloned().collect(), ..contact.clone() };
        Some(RemoteContact {
            id: id.clone(),
            created_at: Some(*created_at),
            updated_at: Some(*changed_at),
            not_carried: not_carried.clone(),
            raw: serde_json::to_value(&content).unwrap_or_default(),
            content,
        })
    }

    /// A page of the contacts that have a `place`, in this order.
    fn contact_page(
        &self,
        place: impl Fn(&StoredContact) -> Option<EpochMs>,
        cursor: Option<&PageCursor>,
        limit: u32,
    ) -> ContactPage {
        let places = self.contacts.iter().filter_map(|(id, stored)| Some((place(stored)?, id))).collect();
        let (ids, next, total) = cut(places, cursor, limit);
        let contacts = ids.into_iter().filter_map(|id| self.show(id)).collect();
        ContactPage { contacts, next, total: Some(total), ..ContactPage::default() }
    }

    /// The opportunity that stands in the way of another one of the contact in the pipeline.
    fn duplicate_of(&self, contact_id: &GhlId, pipeline_id: &GhlId, moment: &Moment<'_>) -> Option<GhlId> {
        let is_there = |stored: &StoredOpportunity| {
            stored.contact_id == *contact_id && stored.opportunity.pipeline_id == *pipeline_id
        };
        let found = self.opportunities.iter().find(|(_, stored)| is_there(stored));
        found.filter(|_| !moment.allow_duplicate_opportunities).map(|(id, _)| id.clone())
    }

    fn find_opportunities(&self, wanted: &ContactRef, moment: &Moment<'_>) -> FoundPage {
        let found = self.opportunities.iter().filter(|(_, stored)| {
            stored.contact_id == wanted.contact_id
                && stored.opportunity.pipeline_id == wanted.pipeline_id
                && moment.shows(stored.created_at)
        });
        let places = found.map(|(id, stored)| (stored.created_at, id)).collect();
        let (ids, next, _) = cut(places, wanted.after.as_ref(), FOUND_PER_PAGE);
        let found = |id: &GhlId| {
            let name = self.opportunities.get(id)?.opportunity.name.clone();
            Some(FoundOpportunity { id: id.clone(), name })
        };
        FoundPage { found: ids.into_iter().filter_map(found).collect(), next }
    }

    fn opportunity_page(
        &self,
        pipeline: Option<&GhlId>,
        cursor: Option<&PageCursor>,
        limit: u32,
        moment: &Moment<'_>,
    ) -> OpportunityPage {
        let shown = self.opportunities.iter().filter(|(_, stored)| {
            moment.shows(stored.created_at)
                && pipeline.is_none_or(|pipeline| stored.opportunity.pipeline_id == *pipeline)
        });
        let (ids, next, total) = cut(shown.map(|(id, stored)| (stored.created_at, id)).collect(), cursor, limit);
        let opportunities = ids.into_iter().filter_map(|id| Some(self.opportunities.get(id)?.show(id))).collect();
        OpportunityPage { opportunities, next, total: Some(total), ..OpportunityPage::default() }
    }
}

impl StoredOpportunity {
    fn show(&self, id: &GhlId) -> RemoteDeal {
        let Opportunity {
            contact_record: _,
            contact_id: _,
            pipeline_id,
            name,
            status,
            pipeline_stage_id,
            monetary_value,
            assigned_to,
            custom_fields,
        } = self.opportunity.clone();
        let content = RemoteOpportunity {
            name: Some(name),
            contact_id: Some(self.contact_id.to_string()),
            pipeline_id: Some(pipeline_id.to_string()),
            pipeline_stage_id: pipeline_stage_id.map(|stage| stage.to_string()),
            status: Some(status.map_or("open", |status| status.as_str()).to_owned()),
            monetary_value,
            assigned_to,
            source: None,
            custom_fields: custom_fields.into_iter().map(by_id).collect(),
        };
        let (created_at, updated_at) = (Some(self.created_at), Some(self.changed_at));
        RemoteDeal { id: id.clone(), content, created_at, updated_at, not_carried: self.not_carried.clone() }
    }
}

/// `old` with what `new` says. What is empty in it is cleared.
fn merged(old: &Contact, new: &Contact) -> Contact {
    let text = |old: &Option<String>, new: &Option<String>| match new {
        Some(new) => Some(new.clone()).filter(|new| !new.is_empty()),
        None => old.clone(),
    };
    let mut custom_fields = old.custom_fields.clone();
    for field in &new.custom_fields {
        custom_fields.retain(|other| (&other.id, &other.key) != (&field.id, &field.key));
        custom_fields.extend(Some(field.clone()).filter(|field| !field.value.is_null()));
    }
    Contact {
        first_name: text(&old.first_name, &new.first_name),
        last_name: text(&old.last_name, &new.last_name),
        name: text(&old.name, &new.name),
        email: text(&old.email, &new.email),
        phone: text(&old.phone, &new.phone),
        address1: text(&old.address1, &new.address1),
        city: text(&old.city, &new.city),
        state: text(&old.state, &new.state),
        postal_code: text(&old.postal_code, &new.postal_code),
        website: text(&old.website, &new.website),
        timezone: text(&old.timezone, &new.timezone),
        gender: text(&old.gender, &new.gender),
        source: text(&old.source, &new.source),
        country: text(&old.country, &new.country),
        company_name: text(&old.company_name, &new.company_name),
        assigned_to: text(&old.assigned_to, &new.assigned_to),
        date_of_birth: text(&old.date_of_birth, &new.date_of_birth),
        dnd: new.dnd.or(old.dnd),
        dnd_settings: new.dnd_settings.clone().or_else(|| old.dnd_settings.clone()),
        tags: Vec::new(),
        custom_fields,
    }
}

/// Values are shown by id only.
fn by_id(field: CustomField) -> CustomField {
    CustomField { id: field.id.or(field.key), key: None, value: field.value }
}

/// A page of `places`, oldest first: the ids, where to go on, and how many there are on all pages. As at GHL, the
/// cursor is the place where the last page ended, so that what comes or goes meanwhile moves nothing.
fn cut<'a>(
    mut places: Vec<(EpochMs, &'a GhlId)>,
    cursor: Option<&PageCursor>,
    limit: u32,
) -> (Vec<&'a GhlId>, Option<PageCursor>, u64) {
    places.sort();
    let total = places.len() as u64;
    if let Some((time, id)) = cursor.and_then(|cursor| serde_json::from_str::<(u64, String)>(&cursor.0).ok()) {
        places.retain(|(at, other)| (at.0, other.as_str()) > (time, id.as_str()));
    }
    let more = places.len() > limit as usize;
    places.truncate(limit as usize);
    let last = places.last().filter(|_| more);
    let next = last.map(|(at, id)| PageCursor(format!("[{},\"{id}\"]", at.0)));
    (places.into_iter().map(|(_, id)| id).collect(), next, total)
}

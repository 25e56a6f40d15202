//! A simulated GHL: the contacts and opportunities of its locations, a rate limit, and faults.
//!
//! What was sent arrives, whoever still waits for the answer: each request runs in a task of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::quota::{Counting, Usage};
use super::{TestClock, TestDice, lock};
use crate::domain::{
    Answer, Call, Cause, Contact, ContactPage, Endpoint, EpochMs, Failure, FoundOpportunity, GhlId, LocationId,
    Opportunity, Pace, PageCursor, Quota, RemoteContact, Reply, RetryAfter,
};
use crate::ports::{Clock, Crm};

/// How the simulated GHL behaves.
#[derive(Debug, Clone)]
pub struct GhlSettings {
    /// Its limit: so many calls in a window.
    pub pace: Pace,
    /// How it counts its windows.
    pub counting: Counting,
    /// Whether all locations share one quota.
    pub shared_quota: bool,
    /// Calls per day, and the headers that tell of them.
    pub daily_limit: Option<u64>,
    /// Whether answers tell of the burst quota in their headers.
    pub quota_headers: bool,
    /// `Retry-After` of a 429.
    pub retry_after: Option<Duration>,
    /// What the network takes one way, in milliseconds.
    pub network_ms: RangeInclusive<u64>,
    /// What a request takes at the server, in milliseconds.
    pub work_ms: RangeInclusive<u64>,
    /// How long the search does not show what was written.
    pub search_lag: Duration,
}

/// A call as the rules of [`SimulatedGhl::on_call`] see it.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its number among all calls, from 1.
    pub number: u64,
    /// How often this was called for this subject, this time included.
    pub tries: u32,
    /// When it is sent.
    pub at: EpochMs,
    /// Time since the simulation began.
    pub elapsed: Duration,
    /// For whom.
    pub location: &'a LocationId,
    /// What.
    pub call: &'a Call,
    /// The contact's e-mail address, the opportunity's name, or the id: see [`Arrival::subject`].
    pub subject: &'a str,
}

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is not done, and this is the answer.
    Refused {
        /// HTTP status.
        status: u16,
        /// What the body says.
        cause: Option<Cause>,
        /// What the headers say.
        quota: Quota,
    },
    /// It is done, and yet the answer has this status.
    DoneButRefused(u16),
    /// There is no answer, though it may be done.
    NoAnswer {
        /// Whether it is done.
        done: bool,
    },
    /// It arrives, and is done, so long after its caller has given up.
    ArrivesLate(Duration),
    /// GHL is not reached.
    Unreachable,
    /// The client's code panics when the call is done.
    Panics,
    /// The function hangs until it is killed; the call is done.
    Hangs,
}

impl Fault {
    /// An answer with `status`, and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Fault {
        Fault::Refused { status, cause: None, quota: Quota::default() }
    }

    /// An answer with `status` and `Retry-After`.
    #[must_use]
    pub fn retry_after(status: u16, span: Duration) -> Fault {
        let quota = Quota { retry_after: Some(RetryAfter::Delay(span)), ..Quota::default() };
        Fault::Refused { status, cause: None, quota }
    }

    /// An answer that says `cause`.
    #[must_use]
    pub fn cause(status: u16, cause: Cause) -> Fault {
        Fault::Refused { status, cause: Some(cause), quota: Quota::default() }
    }
}

/// A request that reached GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it was sent.
    pub sent_at: EpochMs,
    /// When it arrived and was counted.
    pub at: EpochMs,
    /// For whom.
    pub location: LocationId,
    /// What was called.
    pub endpoint: Endpoint,
    /// The contact's e-mail address, phone number or name, the opportunity's name, or the id of what is read or
    /// tagged.
    pub subject: String,
    /// Whether the quota allowed it.
    pub allowed: bool,
}

type Rule = Box<dyn Fn(&Seen<'_>) -> Option<Fault> + Send + Sync>;

/// A [`Crm`] in memory.
#[derive(Clone)]
pub struct SimulatedGhl(Arc<Shared>);

struct Shared {
    clock: TestClock,
    dice: TestDice,
    settings: GhlSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    locations: BTreeMap<LocationId, Location>,
    quotas: BTreeMap<Option<LocationId>, Usage>,
    arrivals: Vec<Arrival>,
    rules: Vec<Rule>,
    calls: u64,
    tries: BTreeMap<(LocationId, Endpoint, String), u32>,
    at_once: BTreeMap<LocationId, u32>,
    most_at_once: BTreeMap<LocationId, u32>,
    last_id: u64,
}

#[derive(Default)]
struct Location {
    contacts: BTreeMap<GhlId, StoredContact>,
    opportunities: BTreeMap<GhlId, StoredOpportunity>,
}

struct StoredContact {
    contact: Contact,
    tags: BTreeSet<String>,
    changed_at: EpochMs,
}

struct StoredOpportunity {
    contact_id: GhlId,
    opportunity: Opportunity,
    created_at: EpochMs,
}

impl SimulatedGhl {
    /// A GHL whose locations are empty.
    #[must_use]
    pub fn new(clock: TestClock, settings: GhlSettings, dice: TestDice) -> Self {
        SimulatedGhl(Arc::new(Shared { clock, dice, settings, state: Mutex::default() }))
    }

    /// Asks `rule` what goes wrong with each call from now on. The first rule that has an answer decides.
    pub fn on_call(&self, rule: impl Fn(&Seen<'_>) -> Option<Fault> + Send + Sync + 'static) {
        lock(&self.0.state).rules.push(Box::new(rule));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        lock(&self.0.state).rules.clear();
    }

    /// Somebody else makes `calls` calls now, as far as the quota still allows them.
    pub fn others_call(&self, location: &LocationId, calls: u32) {
        let now = self.0.clock.now();
        (0..calls).for_each(|_| {
            self.0.count(location, now);
        });
    }

    /// The requests that arrived, in this order.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.0.state).arrivals.clone()
    }

    /// The requests to `endpoint` that arrived.
    #[must_use]
    pub fn arrivals_at(&self, endpoint: Endpoint) -> Vec<Arrival> {
        self.arrivals().into_iter().filter(|arrival| arrival.endpoint == endpoint).collect()
    }

    /// How many calls were made, whether they arrived or not.
    #[must_use]
    pub fn calls(&self) -> u64 {
        lock(&self.0.state).calls
    }

    /// How many requests were refused because the quota was used up.
    #[must_use]
    pub fn over_quota(&self) -> usize {
        self.arrivals().iter().filter(|arrival| !arrival.allowed).count()
    }

    /// Most requests of one quota that arrived within any window.
    #[must_use]
    pub fn fullest_window(&self, window: Duration) -> usize {
        let mut by_quota: BTreeMap<Option<LocationId>, Vec<EpochMs>> = BTreeMap::new();
        for arrival in self.arrivals() {
            by_quota.entry(self.0.quota_of(&arrival.location)).or_default().push(arrival.at);
        }
        let fullest = |times: &Vec<EpochMs>| {
            let from = |i: usize| times[i..].iter().take_while(|at| **at < times[i] + window).count();
            (0..times.len()).map(from).max().unwrap_or(0)
        };
        by_quota.values().map(fullest).max().unwrap_or(0)
    }

    /// Most calls of `location` that were under way at once, as their callers saw it.
    #[must_use]
    pub fn most_at_once(&self, location: &LocationId) -> u32 {
        lock(&self.0.state).most_at_once.get(location).copied().unwrap_or(0)
    }

    /// Contacts and opportunities that are there twice.
    #[must_use]
    pub fn doubles(&self) -> Vec<String> {
        let state = lock(&self.0.state);
        let mut seen = BTreeSet::new();
        let mut doubles = Vec::new();
        for (id, location) in &state.locations {
            let contacts = location.contacts.values().map(|stored| format!("{id} {}", name_of(&stored.contact)));
            let opportunities = location.opportunities.values().map(|stored| {
                let StoredOpportunity { contact_id, opportunity, .. } = stored;
                format!("{id} {contact_id} {} {}", opportunity.pipeline_id, opportunity.name)
            });
            doubles.extend(contacts.chain(opportunities).filter(|name| !seen.insert(name.clone())));
        }
        doubles
    }

    /// How many contacts there are, in all locations.
    #[must_use]
    pub fn contact_count(&self) -> usize {
        lock(&self.0.state).locations.values().map(|location| location.contacts.len()).sum()
    }

    /// How many opportunities there are, in all locations.
    #[must_use]
    pub fn opportunity_count(&self) -> usize {
        lock(&self.0.state).locations.values().map(|location| location.opportunities.len()).sum()
    }

    /// The contact of this e-mail address, and its tags.
    #[must_use]
    pub fn contact(&self, location: &LocationId, email: &str) -> Option<(GhlId, Contact, BTreeSet<String>)> {
        let state = lock(&self.0.state);
        let contacts = &state.locations.get(location)?.contacts;
        let (id, stored) = contacts.iter().find(|(_, stored)| stored.contact.email.as_deref() == Some(email))?;
        Some((id.clone(), stored.contact.clone(), stored.tags.clone()))
    }

    /// The opportunities of this name, and whose they are.
    #[must_use]
    pub fn opportunities(&self, location: &LocationId, name: &str) -> Vec<(GhlId, Opportunity)> {
        let state = lock(&self.0.state);
        let stored = state.locations.get(location).into_iter().flat_map(|location| location.opportunities.values());
        let named = stored.filter(|stored| stored.opportunity.name == name);
        named.map(|stored| (stored.contact_id.clone(), stored.opportunity.clone())).collect()
    }

    /// A contact that is there from the start. Returns its id.
    pub fn add_contact(&self, location: &LocationId, contact: Contact, tags: &[&str]) -> Option<GhlId> {
        let answer = self.0.act(location, &Call::CreateContact(contact));
        let Ok(Answer::ContactWritten { id }) = answer else {
            return None;
        };
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.0.act(location, &Call::AddTags { id: id.clone(), tags }).ok()?;
        Some(id)
    }

    /// Deletes a contact, as a user of GHL does.
    pub fn delete_contact(&self, location: &LocationId, id: &GhlId) {
        if let Some(location) = lock(&self.0.state).locations.get_mut(location) {
            location.contacts.remove(id);
        }
    }
}

impl Shared {
    /// Decides on a call that is sent now.
    fn send(&self, location: &LocationId, call: &Call, subject: &str) -> Option<Fault> {
        let mut state = lock(&self.state);
        state.calls += 1;
        let tries = state.tries.entry((location.clone(), call.endpoint(), subject.to_owned())).or_default();
        *tries += 1;
        let (at, elapsed) = (self.clock.now(), self.clock.elapsed());
        let seen = Seen { tries: *tries, number: state.calls, at, elapsed, location, call, subject };
        state.rules.iter().find_map(|rule| rule(&seen))
    }

    fn quota_of(&self, location: &LocationId) -> Option<LocationId> {
        (!self.settings.shared_quota).then(|| location.clone())
    }

    /// Counts a request. Returns whether the quota allows it, and what the headers say.
    fn count(&self, location: &LocationId, now: EpochMs) -> (bool, Quota) {
        let mut state = lock(&self.state);
        let usage = state.quotas.entry(self.quota_of(location)).or_default();
        usage.count(&self.settings, now)
    }

    /// The request's way to GHL, through it and back. `None` if no answer comes.
    async fn serve(
        &self,
        sent_at: EpochMs,
        location: &LocationId,
        call: &Call,
        subject: String,
        fault: Option<Fault>,
    ) -> Option<Reply> {
        self.take(&self.settings.network_ms).await;
        let at = self.clock.now();
        let (allowed, quota) = self.count(location, at);
        let endpoint = call.endpoint();
        let arrival = Arrival { sent_at, at, location: location.clone(), endpoint, subject, allowed };
        lock(&self.state).arrivals.push(arrival);
        let answer = if !allowed {
            Err(refused(429, None))
        } else {
            self.take(&self.settings.work_ms).await;
            match fault {
                Some(Fault::Refused { status, cause, quota: said }) => {
                    self.take(&self.settings.network_ms).await;
                    let quota = if said == Quota::default() { quota } else { said };
                    return Some(Reply { answer: Err(refused(status, cause)), status: Some(status), quota });
                }
                Some(Fault::NoAnswer { done: false }) => return None,
                Some(Fault::NoAnswer { done: true } | Fault::ArrivesLate(_)) => {
                    let _ = self.act(location, call);
                    return None;
                }
                Some(Fault::DoneButRefused(status)) => {
                    let _ = self.act(location, call);
                    Err(refused(status, None))
                }
                _ => self.act(location, call),
            }
        };
        self.take(&self.settings.network_ms).await;
        let status = answer.as_ref().map_or_else(|failure| failure.status, |_| Some(200));
        Some(Reply { answer, status, quota })
    }

    async fn take(&self, ms: &RangeInclusive<u64>) {
        tokio::time::sleep(Duration::from_millis(self.dice.within(ms.clone()))).await;
    }

    /// Does `call`.
    fn act(&self, location: &LocationId, call: &Call) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.last_id += 1;
        let new_id =
            format!("{}{}", if call.endpoint() == Endpoint::CreateOpportunity { 'o' } else { 'c' }, state.last_id);
        let new_id = GhlId::new(new_id).map_err(|error| refused_because(500, error.to_string()))?;
        let location = state.locations.entry(location.clone()).or_default();
        match call {
            Call::UpsertContact(contact) => {
                let id = location.find(contact.email.as_deref(), contact.phone.as_deref()).unwrap_or(new_id);
                Ok(location.write(id, contact, now))
            }
            Call::CreateContact(contact) => Ok(location.write(new_id, contact, now)),
            Call::UpdateContact { id, contact } => {
                location.contacts.get(id).ok_or_else(missing)?;
                Ok(location.write(id.clone(), contact, now))
            }
            Call::AddTags { id, tags } => {
                let stored = location.contacts.get_mut(id).ok_or_else(missing)?;
                stored.tags.extend(tags.iter().cloned());
                Ok(Answer::TagsAdded)
            }
            Call::GetContact(id) => Ok(Answer::Contact(location.show(id))),
            Call::FindMarked(marker) => {
                let found = location.contacts.iter().find(|(_, stored)| {
                    stored.contact.source.as_deref().is_some_and(|source| marker.is_in(source))
                        && stored.changed_at + self.settings.search_lag <= now
                });
                let found = found.map(|(id, _)| id.clone());
                Ok(Answer::Contact(found.and_then(|id| location.show(&id))))
            }
            Call::FindContact { email, phone } => {
                let found = location.find(email.as_deref(), phone.as_deref());
                Ok(Answer::Contact(found.and_then(|id| location.show(&id))))
            }
            Call::ContactsChanged { since, cursor, limit } => {
                Ok(Answer::Contacts(location.page(*since, cursor.as_ref(), *limit)))
            }
            Call::FindOpportunities(wanted) => {
                let found = location.opportunities.iter().filter(|(_, stored)| {
                    stored.contact_id == wanted.contact_id
                        && stored.opportunity.pipeline_id == wanted.pipeline_id
                        && stored.created_at + self.settings.search_lag <= now
                });
                let found = found
                    .map(|(id, stored)| FoundOpportunity { id: id.clone(), name: stored.opportunity.name.clone() });
                Ok(Answer::Opportunities(found.collect()))
            }
            Call::CreateOpportunity { contact_id, opportunity } => {
                location.contacts.get(contact_id).ok_or_else(|| refused(400, None))?;
                let (contact_id, opportunity) = (contact_id.clone(), opportunity.clone());
                let stored = StoredOpportunity { contact_id, opportunity, created_at: now };
                location.opportunities.insert(new_id.clone(), stored);
                Ok(Answer::OpportunityWritten { id: new_id })
            }
            Call::UpdateOpportunity { id, opportunity } => {
                let stored = location.opportunities.get_mut(id).ok_or_else(missing)?;
                stored.opportunity.clone_from(opportunity);
                Ok(Answer::OpportunityWritten { id: id.clone() })
            }
        }
    }
}

impl Location {
    fn find(&self, email: Option<&str>, phone: Option<&str>) -> Option<GhlId> {
        let by = |matches: &dyn Fn(&Contact) -> bool| {
            self.contacts.iter().find(|(_, stored)| matches(&stored.contact)).map(|(id, _)| id.clone())
        };
        email
            .and_then(|email| by(&|contact| contact.email.as_deref() == Some(email)))
            .or_else(|| phone.and_then(|phone| by(&|contact| contact.phone.as_deref() == Some(phone))))
    }

    /// The contact has this content now. Its tags stay: the client does not send them with it.
    fn write(&mut self, id: GhlId, contact: &Contact, now: EpochMs) -> Answer {
        let tags = self.contacts.remove(&id).map(|stored| stored.tags).unwrap_or_default();
        self.contacts.insert(id.clone(), StoredContact { contact: contact.clone(), tags, changed_at: now });
        Answer::ContactWritten { id }
    }

    fn show(&self, id: &GhlId) -> Option<Box<RemoteContact>> {
        let StoredContact { contact, tags, changed_at } = self.contacts.get(id)?;
        let content = Contact { tags: tags.iter().cloned().collect(), ..contact.clone() };
        let raw = serde_json::to_value(&content).unwrap_or_default();
        Some(Box::new(RemoteContact { id: id.clone(), content, updated_at: Some(*changed_at), raw }))
    }

    fn page(&self, since: EpochMs, cursor: Option<&PageCursor>, limit: u32) -> ContactPage {
        let mut changed: Vec<(EpochMs, &GhlId)> = self
            .contacts
            .iter()
            .filter(|(_, stored)| stored.changed_at >= since)
            .map(|(id, stored)| (stored.changed_at, id))
            .collect();
        changed.sort();
        let from = cursor.and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let to = changed.len().min(from + limit as usize);
        let contacts = changed[from.min(to)..to].iter().filter_map(|(_, id)| self.show(id)).map(|contact| *contact);
        ContactPage { contacts: contacts.collect(), next: (to < changed.len()).then(|| PageCursor(to.to_string())) }
    }
}

#[async_trait]
impl Crm for SimulatedGhl {
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply {
        let shared = &self.0;
        let subject = subject_of(call);
        let fault = shared.send(location, call, &subject);
        let _under_way = UnderWay::begin(shared.clone(), location);
        if let Some(Fault::Unreachable) = fault {
            shared.take(&shared.settings.network_ms).await;
            return unanswered(false, "connection refused");
        }
        let late = match fault {
            Some(Fault::ArrivesLate(late)) => timeout + late,
            _ => Duration::ZERO,
        };
        let (panics, hangs) = (matches!(fault, Some(Fault::Panics)), matches!(fault, Some(Fault::Hangs)));
        let (answered, answer) = oneshot::channel();
        let sent_at = shared.clock.now();
        let request = {
            let (shared, location, call) = (shared.clone(), location.clone(), call.clone());
            async move {
                tokio::time::sleep(late).await;
                let mut answered = answered;
                match shared.serve(sent_at, &location, &call, subject, fault).await {
                    Some(reply) => drop(answered.send(reply)),
                    // The connection stays open, and silent.
                    None => answered.closed().await,
                }
            }
        };
        tokio::spawn(request);
        let answer = tokio::time::timeout(timeout, answer).await;
        if hangs {
            std::future::pending::<()>().await;
        }
        #[expect(clippy::panic, reason = "on purpose: a defect of the client")]
        if panics {
            panic!("the client panics, as the test wants it");
        }
        match answer {
            Ok(Ok(reply)) => reply,
            _ => unanswered(true, "no answer in time"),
        }
    }

    async fn preview(&self, location: &LocationId, call: &Call) -> String {
        format!("{} {} for {location}", call.endpoint().as_str(), subject_of(call))
    }
}

/// Counts the calls that are under way.
struct UnderWay {
    shared: Arc<Shared>,
    location: LocationId,
}

impl UnderWay {
    fn begin(shared: Arc<Shared>, location: &LocationId) -> UnderWay {
        {
            let mut state = lock(&shared.state);
            let now = state.at_once.entry(location.clone()).or_default();
            *now += 1;
            let now = *now;
            let most = state.most_at_once.entry(location.clone()).or_default();
            *most = now.max(*most);
        }
        UnderWay { shared, location: location.clone() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(now) = lock(&self.shared.state).at_once.get_mut(&self.location) {
            *now -= 1;
        }
    }
}

fn subject_of(call: &Call) -> String {
    match call {
        Call::UpsertContact(contact) | Call::CreateContact(contact) | Call::UpdateContact { contact, .. } => {
            name_of(contact)
        }
        Call::AddTags { id, .. } | Call::GetContact(id) => id.to_string(),
        Call::FindMarked(marker) => marker.to_string(),
        Call::FindContact { email, phone } => email.clone().or_else(|| phone.clone()).unwrap_or_default(),
        Call::ContactsChanged { .. } => "changed".to_owned(),
        Call::FindOpportunities(wanted) => wanted.contact_id.to_string(),
        Call::CreateOpportunity { opportunity, .. } | Call::UpdateOpportunity { opportunity, .. } => {
            opportunity.name.clone()
        }
    }
}

fn name_of(contact: &Contact) -> String {
    let Contact { email, phone, name, first_name, .. } = contact;
    [email, phone, name, first_name].into_iter().flatten().next().cloned().unwrap_or_default()
}

fn refused(status: u16, cause: Option<Cause>) -> Failure {
    Failure { cause, ..refused_because(status, format!("status {status}, as simulated")) }
}

fn refused_because(status: u16, message: String) -> Failure {
    Failure { status: Some(status), sent: true, cause: None, message }
}

fn missing() -> Failure {
    refused(400, Some(Cause::Missing))
}

fn unanswered(sent: bool, message: &str) -> Reply {
    let failure = Failure { status: None, sent, cause: None, message: message.to_owned() };
    Reply { answer: Err(failure), status: None, quota: Quota::default() }
}

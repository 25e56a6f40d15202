//! A simulated GHL: the contacts and opportunities of its locations, a rate limit, and faults.
//!
//! What was sent arrives, whoever still waits for the answer: each request runs in a task of its own.

mod fault;
mod location;
mod seed;
mod structure;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

pub use self::fault::{Arrival, Fault, Seen};
use self::fault::{name_of, subject_of};
use self::location::{Location, Moment, StoredOpportunity};
use super::quota::{Counting, Day, Usage};
use super::{TestClock, TestRandomness, lock};
use ghl_sync_engine::ports::{Clock, Crm};
use ghl_sync_model::{
    Answer, Call, Cause, Contact, Endpoint, EpochMs, Failure, GhlId, LocationId, Opportunity, Pace, Quota, Reply,
};

/// How the simulated GHL behaves.
#[derive(Debug, Clone)]
pub struct GhlSettings {
    /// Its limit: so many calls in a window.
    pub pace: Pace,
    /// How it counts its windows.
    pub counting: Counting,
    /// Whether all locations share one quota.
    pub shared_quota: bool,
    /// Whether all locations share the day, as the private integrations of one account do.
    pub shared_day: bool,
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
    /// Whether a contact may have several opportunities in one pipeline.
    pub allow_duplicate_opportunities: bool,
}

type Rule = Box<dyn Fn(&Seen<'_>) -> Option<Fault> + Send + Sync>;

/// A [`Crm`] in memory.
#[derive(Clone)]
pub struct SimulatedGhl(Arc<Shared>);

struct Shared {
    clock: TestClock,
    randomness: TestRandomness,
    settings: GhlSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    locations: BTreeMap<LocationId, Location>,
    quotas: BTreeMap<Option<LocationId>, Usage>,
    days: BTreeMap<Option<LocationId>, Day>,
    arrivals: Vec<Arrival>,
    rules: Vec<Rule>,
    calls: u64,
    tries: BTreeMap<(LocationId, Endpoint, String), u32>,
    at_once: BTreeMap<LocationId, u32>,
    most_at_once: BTreeMap<LocationId, u32>,
    last_id: u64,
    pipelines_open: bool,
    stages_hidden: bool,
    company_refused: bool,
}

impl SimulatedGhl {
    /// A GHL whose locations are empty.
    #[must_use]
    pub fn new(clock: TestClock, settings: GhlSettings, randomness: TestRandomness) -> Self {
        SimulatedGhl(Arc::new(Shared { clock, randomness, settings, state: Mutex::default() }))
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
        let (quota, State { quotas, days, .. }) = (self.quota_of(location), &mut *state);
        let day = days.entry(quota.clone().filter(|_| !self.settings.shared_day)).or_default();
        quotas.entry(quota).or_default().count(day, &self.settings, now)
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
        // What arrives late has been on its way all the time.
        if !matches!(fault, Some(Fault::ArrivesLate(_))) {
            self.take(&self.settings.network_ms).await;
        }
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
        tokio::time::sleep(Duration::from_millis(self.randomness.within(ms.clone()))).await;
    }

    /// Does `call`.
    fn act(&self, location: &LocationId, call: &Call) -> Result<Answer, Failure> {
        let mut state = lock(&self.state);
        state.last_id += 1;
        let new_id = format!("{}{}", initial(call), state.last_id);
        let moment = Moment {
            location,
            now: self.clock.now(),
            new_id: GhlId::new(new_id).map_err(|error| refused_because(500, error.to_string()))?,
            search_lag: self.settings.search_lag,
            allow_duplicate_opportunities: self.settings.allow_duplicate_opportunities,
            pipelines_open: state.pipelines_open,
            stages_hidden: state.stages_hidden,
            company_refused: state.company_refused,
        };
        state.locations.entry(location.clone()).or_default().act(call, moment)
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

/// What the ids of new things begin with.
fn initial(call: &Call) -> char {
    match call {
        Call::CreateOpportunity { .. } => 'o',
        Call::CreateCustomField(_) => 'f',
        Call::CreateCustomValue { .. } => 'v',
        Call::CreateTag(_) | Call::AddTags { .. } => 't',
        Call::CreatePipeline(_) => 'p',
        _ => 'c',
    }
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

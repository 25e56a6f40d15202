//! A simulated GHL: the fake one, called in this process, with its own rate limit and faults.
//!
//! Each call is written as a request, answered by [`FakeGhl`], and read as over HTTP. A sent request arrives even if
//! nobody waits for its answer any more: each runs in its own task.

mod fault;
mod look;
mod seed;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::fault::subject_of;
pub use self::fault::{Arrival, CallFault, ObservedCall};
pub use self::look::says;
pub use self::settings::GhlSettings;
use super::{TestClock, TestRandomness, lock, quota};
use ghl_sync_engine::ports::{Clock, Crm};
use ghl_sync_fake_ghl::{BurstWindow, DayWindow, FakeGhl, SandboxOptions, SandboxPipeline, SandboxRequest, Stage};
use ghl_sync_ghl::in_process::{self, WrittenRequest};
use ghl_sync_model::{Answer, Call, Cause, Endpoint, EpochMs, Failure, GhlId, LocationId, Quota, Reply};

/// The scopes that a token needs to change pipelines.
const SCOPES_OF_PIPELINES: &[&str] = &["pipelines.create", "pipelines.write"];

/// Most bytes of an answer; fewer than the real client reads, to be quick.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

type Rule = Box<dyn Fn(&ObservedCall<'_>) -> Option<CallFault> + Send + Sync>;

/// A [`Crm`] in memory.
#[derive(Clone)]
pub struct SimulatedGhl(Arc<SharedGhl>);

struct SharedGhl {
    clock: TestClock,
    randomness: TestRandomness,
    settings: GhlSettings,
    fake: FakeGhl,
    state: Mutex<GhlState>,
}

#[derive(Default)]
struct GhlState {
    quotas: BTreeMap<Option<LocationId>, BurstWindow>,
    days: BTreeMap<Option<LocationId>, DayWindow>,
    arrivals: Vec<Arrival>,
    rules: Vec<Rule>,
    calls: u64,
    tries: BTreeMap<(LocationId, Endpoint, String), u32>,
    at_once: BTreeMap<LocationId, u32>,
    most_at_once: BTreeMap<LocationId, u32>,
    pipelines_open: bool,
    stages_hidden: bool,
    /// Pipelines created by calls.
    made: BTreeSet<GhlId>,
}

impl SimulatedGhl {
    /// Creates a GHL with empty locations.
    #[must_use]
    pub fn new(clock: TestClock, settings: GhlSettings, randomness: TestRandomness) -> Self {
        let pipeline = |id: &&str| SandboxPipeline::new(id, id, vec![Stage::new(&format!("{id}-new"), "New")]);
        let options = SandboxOptions {
            search_lag: settings.search_lag,
            allow_duplicate_opportunity: settings.allow_duplicate_opportunities,
            pipelines: settings.pipelines.iter().map(pipeline).collect(),
            ..SandboxOptions::default()
        };
        let fake = FakeGhl::new(options, move || Duration::from_millis(clock.now().0), 0);
        SimulatedGhl(Arc::new(SharedGhl { clock, randomness, settings, fake, state: Mutex::default() }))
    }

    /// From now on, `rule` decides the fault of each call. The first rule with an answer wins.
    pub fn on_call(&self, rule: impl Fn(&ObservedCall<'_>) -> Option<CallFault> + Send + Sync + 'static) {
        lock(&self.0.state).rules.push(Box::new(rule));
    }

    /// Removes all faults.
    pub fn heal(&self) {
        lock(&self.0.state).rules.clear();
    }

    /// Makes `calls` calls of another client now, as far as the quota still allows them.
    pub fn others_call(&self, location: &LocationId, calls: u32) {
        let now = self.0.clock.now();
        (0..calls).for_each(|_| {
            self.0.count(location, now);
        });
    }

    /// The requests that arrived, in order.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.0.state).arrivals.clone()
    }

    /// The requests that arrived at `endpoint`.
    #[must_use]
    pub fn arrivals_at(&self, endpoint: Endpoint) -> Vec<Arrival> {
        self.arrivals().into_iter().filter(|arrival| arrival.endpoint == endpoint).collect()
    }

    /// Number of calls, including those that did not arrive.
    #[must_use]
    pub fn calls(&self) -> u64 {
        lock(&self.0.state).calls
    }

    /// Number of requests refused because the quota was used up.
    #[must_use]
    pub fn over_quota(&self) -> usize {
        self.arrivals().iter().filter(|arrival| !arrival.allowed).count()
    }

    /// The most requests of one quota that arrived within any window.
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

    /// The most calls of `location` under way at once, from the callers' point of view.
    #[must_use]
    pub fn most_at_once(&self, location: &LocationId) -> u32 {
        lock(&self.0.state).most_at_once.get(location).copied().unwrap_or(0)
    }
}

impl SharedGhl {
    /// Decides the fault of a call that is sent now.
    fn send(&self, location: &LocationId, call: &Call, subject: &str) -> Option<CallFault> {
        let mut state = lock(&self.state);
        state.calls += 1;
        let tries = state.tries.entry((location.clone(), call.endpoint(), subject.to_owned())).or_default();
        *tries += 1;
        let (at, elapsed) = (self.clock.now(), self.clock.elapsed());
        let seen = ObservedCall { tries: *tries, number: state.calls, at, elapsed, location, call, subject };
        state.rules.iter().find_map(|rule| rule(&seen))
    }

    fn quota_of(&self, location: &LocationId) -> Option<LocationId> {
        (!self.settings.shared_quota).then(|| location.clone())
    }

    /// Counts a request. Returns whether the quota allows it, and the quota headers.
    fn count(&self, location: &LocationId, now: EpochMs) -> (bool, Quota) {
        let mut state = lock(&self.state);
        let (quota, GhlState { quotas, days, .. }) = (self.quota_of(location), &mut *state);
        let day = days.entry(quota.clone().filter(|_| !self.settings.shared_day)).or_default();
        let burst = quotas.entry(quota).or_insert_with(|| BurstWindow::of(self.settings.counting));
        quota::count(burst, day, &self.settings, now)
    }

    /// Carries the request to GHL and the answer back. `None` if no answer arrives.
    async fn serve(
        &self,
        sent_at: EpochMs,
        location: &LocationId,
        call: &Call,
        subject: String,
        fault: Option<CallFault>,
    ) -> Option<Reply> {
        // A late request has been on its way all the time.
        if !matches!(fault, Some(CallFault::ArrivesLate(_))) {
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
                Some(CallFault::Refused { status, cause, quota: said }) => {
                    self.take(&self.settings.network_ms).await;
                    let quota = if said == Quota::default() { quota } else { said };
                    return Some(Reply { answer: Err(refused(status, cause)), status: Some(status), quota });
                }
                Some(CallFault::NoAnswer { done: false }) => return None,
                Some(CallFault::NoAnswer { done: true } | CallFault::ArrivesLate(_)) => {
                    let _ = self.act(location, call);
                    return None;
                }
                Some(CallFault::DoneButRefused(status)) => {
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

    /// Performs `call`.
    fn act(&self, location: &LocationId, call: &Call) -> Result<Answer, Failure> {
        let request = request(location, call)?;
        let lacking: &[&str] = if lock(&self.state).pipelines_open { &[] } else { SCOPES_OF_PIPELINES };
        let (status, body) = self.fake.call(&request, location.as_str(), lacking);
        if body.len() > MAX_ANSWER {
            return Err(refused(200, Some(Cause::TooLong)));
        }
        let mut answer = in_process::read(location, call, status, body)?;
        self.hide_stages(call, &mut answer);
        Ok(answer)
    }

    /// While stages are hidden, removes them from reads of pipelines that calls created.
    fn hide_stages(&self, call: &Call, answer: &mut Answer) {
        let mut state = lock(&self.state);
        let shown = match answer {
            Answer::Pipeline(pipeline) => std::slice::from_mut(pipeline),
            Answer::Pipelines(pipelines) => pipelines.as_mut_slice(),
            _ => return,
        };
        if matches!(call, Call::CreatePipeline(_)) {
            state.made.extend(shown.iter().map(|pipeline| pipeline.id.clone()));
        }
        let hidden = shown.iter_mut().filter(|pipeline| state.stages_hidden && state.made.contains(&pipeline.id));
        hidden.for_each(|pipeline| pipeline.stages.clear());
    }
}

/// Writes `call` as a request.
fn request(location: &LocationId, call: &Call) -> Result<SandboxRequest, Failure> {
    let WrittenRequest { method, path, query, body } = in_process::write(location, call)?;
    let query = query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(SandboxRequest::of(method, path, query, body))
}

#[async_trait]
impl Crm for SimulatedGhl {
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply {
        let shared = &self.0;
        let subject = subject_of(call);
        let fault = shared.send(location, call, &subject);
        let _under_way = CallInFlight::begin(shared.clone(), location);
        if let Some(CallFault::Unreachable) = fault {
            shared.take(&shared.settings.network_ms).await;
            return unanswered(false, "connection refused");
        }
        let late = match fault {
            Some(CallFault::ArrivesLate(late)) => timeout + late,
            _ => Duration::ZERO,
        };
        let (panics, hangs) = (matches!(fault, Some(CallFault::Panics)), matches!(fault, Some(CallFault::Hangs)));
        let (answered, answer) = oneshot::channel();
        let sent_at = shared.clock.now();
        let request = {
            let (shared, location, call) = (shared.clone(), location.clone(), call.clone());
            async move {
                tokio::time::sleep(late).await;
                let mut answered = answered;
                match shared.serve(sent_at, &location, &call, subject, fault).await {
                    Some(reply) => drop(answered.send(reply)),
                    // The connection stays open and silent.
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

/// Counts the calls under way.
struct CallInFlight {
    shared: Arc<SharedGhl>,
    location: LocationId,
}

impl CallInFlight {
    fn begin(shared: Arc<SharedGhl>, location: &LocationId) -> CallInFlight {
        {
            let mut state = lock(&shared.state);
            let now = state.at_once.entry(location.clone()).or_default();
            *now += 1;
            let now = *now;
            let most = state.most_at_once.entry(location.clone()).or_default();
            *most = now.max(*most);
        }
        CallInFlight { shared, location: location.clone() }
    }
}

impl Drop for CallInFlight {
    fn drop(&mut self) {
        if let Some(now) = lock(&self.shared.state).at_once.get_mut(&self.location) {
            *now -= 1;
        }
    }
}

fn refused(status: u16, cause: Option<Cause>) -> Failure {
    Failure { status: Some(status), sent: true, cause, message: format!("status {status}, as simulated") }
}

fn unanswered(sent: bool, message: &str) -> Reply {
    let failure = Failure { status: None, sent, cause: None, message: message.to_owned() };
    Reply { answer: Err(failure), status: None, quota: Quota::default() }
}

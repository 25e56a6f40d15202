//! The system in memory, run as Lambda and its triggers run it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::mortal::Mortal;
use super::{
    FailNth, FixedRegistry, GhlSettings, Lag, MemoryBookmarks, MemoryCounters, MemoryDeadLetters, MemoryGateStore,
    MemoryItems, MemoryKnownStates, MemoryOutbox, MemoryQueue, PortFaults, QueueDelivery, RecordingSink, SimulatedGhl,
    TestClock, TestRandomness, WindowKind, lock,
};
use ghl_sync_engine::ports::{Clock, PortError, Versioned};
use ghl_sync_engine::usecase::{BatchReport, Engine, EngineConfig, Invocation, Ports, PutReport, Shutdown};
use ghl_sync_inbound::{Reconciler, WebhookPorts, WebhookReceiver, WebhookRules};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{
    Api, Batch, Conflict, CredentialsRef, EpochMs, Holder, LocationId, LocationLabels, LocationSettings, Pace,
    Priority, PutRecord, Record, ScopeId,
};
use ghl_sync_operate::Operator;

/// Interval of the schedule's ticks.
const TICK: Duration = Duration::from_secs(60);
/// Every n-th tick is a sweep.
const SWEEP: u64 = 15;
/// How often [`World::run_until_settled`] checks.
const LOOK: Duration = Duration::from_millis(200);
/// GHL's limit, and the pace in our settings.
const PACE: Pace = Pace { limit: NonZeroU32::new(100).unwrap(), window: Duration::from_secs(10) };

/// Settings of a world. All its randomness derives from `seed`.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Determines everything random.
    pub seed: u64,
    /// The engine's settings; by default without jitter.
    pub config: EngineConfig,
    /// Which webhooks are accepted; installations are those of the app `app`.
    pub webhooks: WebhookRules,
    /// The locations; by default one, `loc`.
    pub locations: BTreeMap<LocationId, LocationSettings>,
    /// Behaviour of GHL.
    pub ghl: GhlSettings,
    /// Delay until the due index and the index of gates show a change.
    pub index_lag: RangeInclusive<Duration>,
    /// Latency of a store in each direction, in milliseconds.
    pub store_ms: RangeInclusive<u64>,
    /// Time after which a function is killed.
    pub function_timeout: Duration,
    /// Time after which the message of a dead invocation comes again.
    pub visibility: Duration,
    /// Maximum error of each host's clock.
    pub clock_skew: Duration,
    /// Number of invocations after which something must be running in circles, so that the queue's trigger stops.
    pub storm: u64,
    /// Whether the schedule and the queue's trigger run. Without them, a test performs each step itself.
    pub triggers: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let mut config = EngineConfig::default();
        config.backoff.jitter = Duration::ZERO;
        // As many as it takes to open the breaker, whatever the default: scenarios count the calls under way.
        config.concurrency = 5;
        Setup {
            seed: 1,
            config,
            webhooks: WebhookRules { app_id: Some("app".to_owned()), ..WebhookRules::default() },
            locations: Setup::settings("loc").into_iter().collect(),
            ghl: GhlSettings {
                pace: PACE,
                counting: WindowKind::Strict,
                shared_quota: false,
                shared_day: false,
                daily_limit: None,
                quota_headers: true,
                retry_after: None,
                network_ms: 10..=40,
                work_ms: 50..=200,
                search_lag: Duration::from_secs(10),
                allow_duplicate_opportunities: true,
                pipelines: &["pipeline", "other"],
            },
            index_lag: Duration::ZERO..=Duration::ZERO,
            store_ms: 1..=4,
            function_timeout: Duration::from_secs(60),
            visibility: Duration::from_secs(360),
            clock_skew: Duration::ZERO,
            storm: 5_000,
            triggers: true,
        }
    }
}

impl Setup {
    /// The location `name`, enabled, with GHL's usual quota and a scope of its own; `None` if `name` is invalid.
    #[must_use]
    pub fn settings(name: &str) -> Option<(LocationId, LocationSettings)> {
        let location = LocationId::new(name).ok()?;
        let scope = location.clone().into();
        let settings = LocationSettings {
            scope,
            day_scope: None,
            enabled: true,
            dry_run: false,
            pace: PACE,
            daily_limit: 200_000,
            daily_reserve: 0,
            default_priority: Priority::Normal,
            conflict: Conflict::Ours,
            conflict_is_set: false,
            api: Api::V2,
            credentials: CredentialsRef::Default,
            outcomes_webhook: None,
            content_days: None,
            labels: LocationLabels::default(),
        };
        Some((location, settings))
    }

    /// Builds the world and starts its triggers.
    #[must_use]
    pub fn start(self) -> Arc<World> {
        let clock = TestClock::start();
        let hosts_clock = clock.that_can_be_set();
        let randomness = TestRandomness::seeded(self.seed);
        let outbox = Arc::new(MemoryOutbox::default());
        let lag = Lag::within(&self.index_lag, randomness.fork());
        let gates = Arc::new(MemoryGateStore::new(clock, lag));
        let items = Arc::new(MemoryItems::default());
        let queue = Arc::new(MemoryQueue::new(clock, self.visibility));
        let faults = Arc::new(PortFaults::new(self.store_ms.clone(), randomness.fork()));
        let ghl = SimulatedGhl::new(clock, self.ghl.clone(), randomness.fork());
        let registry = Arc::new(FixedRegistry::new(self.locations.clone()));
        let counters = Arc::new(MemoryCounters::default());
        let dead_letters = Arc::new(MemoryDeadLetters::new(clock));
        let sink = Arc::new(RecordingSink::new(clock));
        let known = Arc::new(MemoryKnownStates::default());
        let ports = Ports {
            clock: Arc::new(hosts_clock),
            randomness: Arc::new(randomness.fork()),
            crm: Arc::new(ghl.clone()),
            outbox: Arc::new(FailNth::new(outbox.clone(), faults.clone())),
            gates: Arc::new(FailNth::new(gates.clone(), faults.clone())),
            host_health: Versioned::new(Arc::new(FailNth::new(items.clone(), faults.clone()))),
            queue: Arc::new(FailNth::new(queue.clone(), faults.clone())),
            registry: Arc::new(FailNth::new(registry.clone(), faults.clone())),
            counters: Arc::new(FailNth::new(counters.clone(), faults.clone())),
            known: Arc::new(FailNth::new(known.clone(), faults.clone())),
            bookmarks: Arc::new(FailNth::new(Arc::new(MemoryBookmarks::default()), faults.clone())),
            items: Arc::new(FailNth::new(items.clone(), faults.clone())),
            dead_letters: Arc::new(FailNth::new(dead_letters.clone(), faults.clone())),
            sink: sink.clone(),
        };
        let engine = Engine::new(ports, self.config.clone());
        let receiver = WebhookPorts {
            clock: Arc::new(hosts_clock),
            known: Arc::new(FailNth::new(known.clone(), faults.clone())),
            installations: Arc::new(FailNth::new(registry.clone(), faults.clone())),
            registry: registry.clone(),
            sink: sink.clone(),
        };
        let receiver = WebhookReceiver::new(receiver, self.webhooks.clone());
        let triggers = self.triggers;
        let state = Mutex::default();
        let world = Arc::new(World {
            clock,
            hosts_clock,
            randomness,
            engine,
            receiver,
            ghl,
            known,
            outbox,
            gates,
            items,
            queue,
            registry,
            counters,
            dead_letters,
            sink,
            faults,
            setup: self,
            state,
        });
        if triggers {
            world.keep(tokio::spawn(consume(world.clone())).abort_handle());
            world.keep(tokio::spawn(schedule(world.clone())).abort_handle());
        }
        world
    }
}

/// When an invocation dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// At the await with this number (from 1).
    AtAwait(u64),
    /// After this time.
    After(Duration),
}

/// The system in memory: an engine, its ports, and its triggers.
pub struct World {
    /// The true time.
    pub clock: TestClock,
    /// The clock of all hosts, which can be set.
    pub hosts_clock: TestClock,
    /// Randomness for tests.
    pub randomness: TestRandomness,
    /// An engine on a host with a correct clock.
    pub engine: Engine,
    /// Receives webhooks.
    pub receiver: WebhookReceiver,
    /// The states reported by webhooks.
    pub known: Arc<MemoryKnownStates>,
    /// The simulated GHL.
    pub ghl: SimulatedGhl,
    /// The record store.
    pub outbox: Arc<MemoryOutbox>,
    /// The gate store.
    pub gates: Arc<MemoryGateStore>,
    /// The other items with revisions.
    pub items: Arc<MemoryItems>,
    /// The queue of batches.
    pub queue: Arc<MemoryQueue>,
    /// The locations' settings.
    pub registry: Arc<FixedRegistry>,
    /// The counters.
    pub counters: Arc<MemoryCounters>,
    /// The dead-letter queue.
    pub dead_letters: Arc<MemoryDeadLetters>,
    /// The recorded events.
    pub sink: Arc<RecordingSink>,
    /// Faults of the outbox, the gates and the queue.
    pub faults: Arc<PortFaults>,
    setup: Setup,
    state: Mutex<WorldState>,
}

type Crashes = Box<dyn Fn(u64) -> Option<Crash> + Send>;

#[derive(Default)]
struct WorldState {
    invocations: u64,
    live: BTreeMap<u64, AbortHandle>,
    died: u64,
    reports: Vec<BatchReport>,
    crashes: Option<Crashes>,
    tasks: Vec<AbortHandle>,
    shutdown: Shutdown,
}

/// The records that were still due when the time was up.
#[derive(Clone)]
pub struct Unsettled {
    open: Vec<Record>,
    now: EpochMs,
    gates: Vec<Gate>,
    queue: String,
}

impl fmt::Debug for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} records are still due at {}", self.open.len(), self.now)?;
        for record in self.open.iter().take(10) {
            let Record { key, version, due_at, not_before, attempts, last_error, ghl_id, .. } = record;
            writeln!(f, "  {key} v{version} due {due_at:?} not before {not_before:?} attempts {attempts}")?;
            writeln!(f, "    id {ghl_id:?} last error {last_error:?}")?;
        }
        self.gates.iter().try_for_each(|gate| writeln!(f, "gate {gate:?}"))?;
        writeln!(f, "queue {}", self.queue)
    }
}

impl World {
    /// Puts `records`, as a producer does, and starts their scopes, as the API does.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn put(&self, records: &[PutRecord]) -> Result<PutReport, PortError> {
        let report = self.put_only(records).await?;
        for scope in self.scopes() {
            self.engine.fan_out(&scope).await?;
        }
        Ok(report)
    }

    /// Puts `records` and leaves them to the next tick.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn put_only(&self, records: &[PutRecord]) -> Result<PutReport, PortError> {
        self.engine.put(records).await
    }

    /// The gate of `location`'s scope.
    #[must_use]
    pub fn gate(&self, location: &LocationId) -> Gate {
        let scope = self.setup.locations.get(location).map(|settings| settings.scope.clone());
        self.gates.entry(&scope.unwrap_or_else(|| location.clone().into())).gate
    }

    /// From now on, `crashes` decides when each invocation dies, by its number (from 1).
    pub fn crash(&self, crashes: impl Fn(u64) -> Option<Crash> + Send + 'static) {
        lock(&self.state).crashes = Some(Box::new(crashes));
    }

    /// Kills all invocations under way.
    pub fn crash_all_now(&self) {
        let mut state = lock(&self.state);
        for (_, invocation) in std::mem::take(&mut state.live) {
            invocation.abort();
            state.died += 1;
        }
    }

    /// Number of invocations started.
    #[must_use]
    pub fn invocations(&self) -> u64 {
        lock(&self.state).invocations
    }

    /// Number of invocations that died.
    #[must_use]
    pub fn died(&self) -> u64 {
        lock(&self.state).died
    }

    /// Number of invocations under way.
    #[must_use]
    pub fn live(&self) -> usize {
        lock(&self.state).live.len()
    }

    /// The reports of the invocations, in the order in which they ended.
    #[must_use]
    pub fn reports(&self) -> Vec<BatchReport> {
        lock(&self.state).reports.clone()
    }

    /// Lets `span` pass.
    pub async fn run_for(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// Runs until no record is due and no invocation is under way. Returns how long that took.
    ///
    /// # Errors
    /// The records that are still due after `limit`.
    pub async fn run_until_settled(&self, limit: Duration) -> Result<Duration, Unsettled> {
        let began = self.clock.now();
        loop {
            let open = self.outbox.open();
            let took = self.clock.now().since(began);
            if open.is_empty() && self.live() == 0 {
                return Ok(took);
            }
            if took >= limit {
                let gates = self.scopes().iter().map(|scope| self.gates.entry(scope).gate).collect();
                let queue = format!("{:?}", self.queue);
                return Err(Unsettled { open, now: self.clock.now(), gates, queue });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Runs `batch` in its own invocation on its own host, to its end or death (`None`).
    pub async fn invoke(&self, batch: &Batch) -> Option<BatchReport> {
        let (number, crash) = self.begin();
        self.run(number, crash, batch).await
    }

    /// Runs `delivery` as the trigger does: in a task, deleting the message if the invocation survives.
    fn handle(self: &Arc<Self>, delivery: QueueDelivery) {
        let world = self.clone();
        let (number, crash) = self.begin();
        let task = tokio::spawn(async move {
            match world.run(number, crash, &delivery.batch).await {
                Some(report) => {
                    world.queue.delete(delivery.id);
                    lock(&world.state).reports.push(report);
                }
                None => lock(&world.state).died += 1,
            }
            lock(&world.state).live.remove(&number);
        });
        lock(&self.state).live.insert(number, task.abort_handle());
    }

    fn begin(&self) -> (u64, Option<Crash>) {
        let mut state = lock(&self.state);
        state.invocations += 1;
        let number = state.invocations;
        (number, state.crashes.as_ref().and_then(|crashes| crashes(number)))
    }

    async fn run(&self, number: u64, crash: Option<Crash>, batch: &Batch) -> Option<BatchReport> {
        let holder = Holder::new(format!("invocation-{number}")).ok()?;
        let host = self.host();
        let timeout = self.setup.function_timeout;
        let invocation = Invocation { holder, deadline: host.ports().clock.now() + timeout };
        let (dies_at, dies_after) = match crash {
            Some(Crash::AtAwait(number)) => (number, timeout),
            Some(Crash::After(span)) => (u64::MAX, timeout.min(span)),
            None => (u64::MAX, timeout),
        };
        let sync = Mortal::new(host.sync_batch(batch, &invocation), dies_at);
        tokio::time::timeout(dies_after, sync).await.ok().flatten()
    }

    /// An operator of the system.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(self.engine.clone())
    }

    /// A reconciler, which reads GHL's changes.
    #[must_use]
    pub fn reconciler(&self) -> Reconciler {
        Reconciler::new(self.engine.clone())
    }

    /// The engine on another host, with its own clock error.
    #[must_use]
    pub fn host(&self) -> Engine {
        let most = i64::try_from(self.setup.clock_skew.as_millis()).unwrap_or(0) / 2;
        let ahead = i64::try_from(self.randomness.within(0..=2 * most.unsigned_abs())).unwrap_or(0) - most;
        let ports = Ports { clock: Arc::new(self.hosts_clock.skewed(ahead)), ..self.engine.ports().clone() };
        Engine::new(ports, self.engine.config().clone()).until(lock(&self.state).shutdown.clone())
    }

    /// Asks all hosts to end. Messages sent to the queue from now on are lost with them.
    pub fn shut_down(&self) {
        self.queue.end();
        lock(&self.state).shutdown.ask();
    }

    /// Whether all hosts were asked to end, or have ended.
    fn is_shut_down(&self) -> bool {
        lock(&self.state).shutdown.is_asked()
    }

    /// Restarts the hosts with an empty queue, like a process that keeps only its stores. The tick comes at once.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn restart(&self) -> Result<(), PortError> {
        // A retried start belongs to the same process.
        if self.is_shut_down() {
            lock(&self.state).shutdown = Shutdown::default();
            self.queue.begin_anew();
        }
        let host = self.host();
        host.give_up_plans().await?;
        host.tick(true).await.map(drop)
    }

    fn scopes(&self) -> Vec<ScopeId> {
        let mut scopes: Vec<ScopeId> = self.setup.locations.values().map(|settings| settings.scope.clone()).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }

    fn keep(&self, task: AbortHandle) {
        lock(&self.state).tasks.push(task);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("setup", &self.setup).field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// The queue's trigger.
async fn consume(world: Arc<World>) {
    while world.invocations() < world.setup.storm {
        let delivery = world.queue.receive().await;
        // A process that is about to end takes no more messages.
        if !world.is_shut_down() {
            world.handle(delivery);
        }
    }
}

/// The schedule.
async fn schedule(world: Arc<World>) {
    for tick in 1.. {
        world.run_for(TICK).await;
        if world.is_shut_down() {
            continue;
        }
        // Another tick follows one that fails or hangs; the sink has recorded the failure.
        let host = world.host();
        let _ = tokio::time::timeout(world.setup.function_timeout, host.tick(tick % SWEEP == 0)).await;
    }
}

//! Turns a scenario into a running world, with its producers and its troubles at their times.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::usecase::EngineConfig;
use ghl_sync_model::{
    Api, Batch, Conflict, Contact, CredentialsRef, CustomField, GhlId, Kind, LocationId, LocationLabels,
    LocationSettings, Opportunity, Pace, Payload, Priority, PutRecord, RecordId, RecordKey,
};
use ghl_sync_testkit::{CallFault, Crash, GhlSettings, MessageFate, Setup, TestRandomness, World};

use serde_json::json;

use crate::names::{email, ms, opportunity_name, twin_name};
use crate::people::OptOutWatch;
use crate::scenario::{Limit, Puts, Scenario, ScenarioTrouble, TroubleKind};
use crate::undos::announce;

/// Timeout of a call that hangs, as in the SDK.
const CALL: Duration = Duration::from_secs(20);
/// Delay before a producer repeats a failed put.
const PUT_AGAIN: Duration = Duration::from_secs(2);
/// Records in a batch sent by hand.
const BY_HAND: u32 = 8;
/// Name prefix of contacts with neither email nor phone.
pub(crate) const NAMELESS: &str = "nameless";

impl Scenario {
    /// The world's configuration before anything happens.
    #[must_use]
    pub fn setup(&self) -> Setup {
        let pace = |limit: Limit| Pace { limit: limit.limit, window: ms(limit.window_ms) };
        let settings = |scope: &LocationId| LocationSettings {
            scope: scope.clone().into(),
            enabled: true,
            dry_run: false,
            pace: pace(self.quota),
            daily_limit: 200_000,
            daily_reserve: 0,
            day_scope: None,
            default_priority: Priority::Normal,
            conflict: Conflict::Ours,
            conflict_is_set: false,
            api: Api::V2,
            credentials: CredentialsRef::Default,
            outcomes_webhook: None,
            content_days: None,
            labels: LocationLabels::default(),
        };
        let locations = self.locations.iter().map(|place| (place.name.clone(), settings(&place.scope))).collect();
        let shared_quota = self.locations.iter().any(|place| place.name != place.scope);
        let server = &self.server;
        let limit = Limit { limit: server.limit.unwrap_or(self.quota.limit), ..self.quota };
        Setup {
            seed: self.seed,
            config: EngineConfig {
                batch_size: self.hosts.batch_size,
                concurrency: self.hosts.concurrency,
                ..EngineConfig::default()
            },
            locations,
            ghl: GhlSettings {
                pace: pace(limit),
                counting: server.counting,
                shared_quota,
                shared_day: false,
                daily_limit: server.daily_limit,
                quota_headers: server.headers,
                retry_after: server.retry_after_ms.map(ms),
                network_ms: range(server.network_ms),
                work_ms: range(server.work_ms),
                search_lag: ms(server.search_lag_ms),
                allow_duplicate_opportunities: true,
                pipelines: &["pipeline"],
            },
            index_lag: ms(self.hosts.index_lag_ms.0)..=ms(self.hosts.index_lag_ms.1),
            store_ms: range(self.hosts.store_ms),
            function_timeout: ms(self.hosts.function_timeout_ms),
            visibility: ms(self.hosts.visibility_ms),
            clock_skew: ms(self.hosts.clock_skew_ms),
            ..Setup::default()
        }
    }

    /// Starts the world and its troubles.
    pub fn start(&self) -> Arc<World> {
        self.start_watched(&OptOutWatch::default())
    }

    /// Starts the world and its troubles, with `watch` observing it.
    pub(crate) fn start_watched(&self, watch: &OptOutWatch) -> Arc<World> {
        let world = self.setup().start();
        self.puts.iter().filter(|puts| puts.dropped).for_each(|puts| self.add_others(puts, &world));
        watch.begin(self, &world);
        for trouble in &self.troubles {
            self.cause(trouble, &world);
        }
        let randomness = world.randomness.fork();
        let deaths: Vec<ScenarioTrouble> =
            self.troubles.iter().filter(|trouble| is_death(&trouble.what)).cloned().collect();
        let clock = world.clock;
        world.crash(move |_| deaths.iter().find_map(|trouble| trouble.crash(clock.elapsed(), &randomness)));
        self.decide_fates(&world);
        world
    }

    /// Adds contacts made by others: those of `puts`, and owners of their phone numbers.
    fn add_others(&self, puts: &Puts, world: &World) {
        let Some(place) = self.locations.get(puts.location) else { return };
        for n in puts.contacts.0..puts.contacts.1 {
            let others = [(email(n), None), (format!("other{n}@example.test"), Some(phone(n)))];
            for (email, phone) in others {
                if world.ghl.contact(&place.name, &email).is_none() {
                    let contact = Contact { email: Some(email), phone, ..Contact::default() };
                    world.ghl.add_contact(&place.name, contact, &[]);
                }
            }
        }
    }

    /// Runs the producers: each puts its records at its time.
    pub async fn produce(&self, world: &World) {
        futures::future::join_all(self.puts.iter().map(|puts| produce(self, puts, world))).await;
    }

    /// Builds the records of `puts`.
    pub(crate) fn records(&self, puts: &Puts) -> Vec<PutRecord> {
        let Some(place) = self.locations.get(puts.location) else {
            return Vec::new();
        };
        let content = format!("as of {}", puts.at_ms);
        let contacts =
            (puts.contacts.0..puts.contacts.1).map(|n| (format!("c{n}"), Payload::Contact(contact(puts, n, &content))));
        let shared = (puts.shared.0..puts.shared.1).map(|n| {
            let (first_name, last_name) = (Some(format!("shared {content}")), Some("shared".to_owned()));
            let contact = Contact { email: Some(email(n)), first_name, last_name, ..Contact::default() };
            (format!("s{n}"), Payload::Contact(contact))
        });
        let nameless = (puts.nameless.0..puts.nameless.1).map(|n| {
            let contact = Contact { name: Some(format!("{NAMELESS} {n}")), ..Contact::default() };
            (format!("n{n}"), Payload::Contact(contact))
        });
        let opportunity = |n: u32, id: String, name: String, worth: u64| {
            let opportunity = Opportunity {
                contact_record: Some(RecordId::new(format!("c{n}")).ok()?),
                contact_id: None,
                pipeline_id: GhlId::new("pipeline").ok()?,
                name,
                status: None,
                pipeline_stage_id: None,
                monetary_value: Some(worth.into()),
                assigned_to: None,
                custom_fields: Vec::new(),
            };
            Some((id, Payload::Opportunity(opportunity)))
        };
        let opportunities = (puts.opportunities.0..puts.opportunities.1)
            .filter_map(|n| opportunity(n, format!("d{n}"), opportunity_name(n), puts.at_ms));
        let twins = (puts.twins.0..puts.twins.1).flat_map(|n| {
            let names = [twin_name(n), twin_name(n), format!("single {n}")];
            let ids = ["a", "b", "c"].map(|of| format!("t{n}{of}"));
            (0..3u64).zip(ids).zip(names).map(move |((of, id), name)| (n, id, name, 10 * puts.at_ms + of))
        });
        let twins = twins.filter_map(|(n, id, name, worth)| opportunity(n, id, name, worth));
        let record = |(id, payload): (String, Payload)| {
            let id = RecordId::new(id).ok()?;
            let put = PutRecord::new(place.name.clone(), id, payload);
            Some(PutRecord { priority: puts.priority, import: puts.import_id(), ..put })
        };
        contacts.chain(shared).chain(nameless).chain(opportunities).chain(twins).filter_map(record).collect()
    }

    /// Makes `trouble` happen in `world` during its time. Message faults and deaths are handled elsewhere.
    fn cause(&self, trouble: &ScenarioTrouble, world: &Arc<World>) {
        let (clock, randomness) = (world.clock, world.randomness.fork());
        let this = trouble.clone();
        match trouble.what {
            TroubleKind::Store { op, fault } => {
                world.faults.decide(move |of, _| {
                    (op.is_none_or(|op| op == of) && this.strikes(clock.elapsed(), &randomness)).then_some(fault)
                });
            }
            TroubleKind::TokenExpired { location } => {
                let Some(place) = self.locations.get(location).cloned() else { return };
                world.ghl.on_call(move |seen| {
                    (*seen.location == place.name && this.is_now(seen.elapsed)).then(|| CallFault::status(401))
                });
            }
            TroubleKind::Others { location, every_ms, burst } => {
                let Some(place) = self.locations.get(location).cloned() else { return };
                tokio::spawn(others(this, place.name, every_ms, burst, world.clone(), randomness));
            }
            TroubleKind::ByHand { location, every_ms } => {
                let Some(place) = self.locations.get(location).cloned() else { return };
                tokio::spawn(by_hand(this, place.name, every_ms, world.clone(), randomness));
            }
            TroubleKind::AllDie => {
                let world = world.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(ms(this.from_ms)).await;
                    world.crash_all_now();
                });
            }
            _ => {
                if let Some(fault) = fault_of(&trouble.what) {
                    world.ghl.on_call(move |seen| this.strikes(seen.elapsed, &randomness).then(|| fault.clone()));
                }
            }
        }
    }

    fn decide_fates(&self, world: &World) {
        let (clock, randomness) = (world.clock, world.randomness.fork());
        let troubles: Vec<(ScenarioTrouble, MessageFate)> = self
            .troubles
            .iter()
            .filter_map(|trouble| {
                let fate = match trouble.what {
                    TroubleKind::MessageLost => MessageFate::Lost,
                    TroubleKind::MessageLate(late) => MessageFate::Late(ms(late)),
                    TroubleKind::MessageTwice(later) => MessageFate::Twice(ms(later)),
                    _ => return None,
                };
                Some((trouble.clone(), fate))
            })
            .collect();
        world.queue.decide(move |_, _| {
            let strikes = troubles.iter().find(|(trouble, _)| trouble.strikes(clock.elapsed(), &randomness));
            strikes.map_or(MessageFate::Arrives, |(_, fate)| *fate)
        });
    }
}

impl ScenarioTrouble {
    pub(crate) fn is_now(&self, elapsed: Duration) -> bool {
        (ms(self.from_ms)..ms(self.until_ms)).contains(&elapsed)
    }

    fn strikes(&self, elapsed: Duration, randomness: &TestRandomness) -> bool {
        self.is_now(elapsed) && randomness.within(1..=1000) <= self.per_mille
    }

    fn crash(&self, elapsed: Duration, randomness: &TestRandomness) -> Option<Crash> {
        match self.what {
            TroubleKind::DiesWithin(span) if self.strikes(elapsed, randomness) => {
                Some(Crash::After(ms(randomness.within(0..=span))))
            }
            TroubleKind::DiesAtAwait(most) if self.strikes(elapsed, randomness) => {
                Some(Crash::AtAwait(randomness.within(1..=most)))
            }
            _ => None,
        }
    }
}

fn is_death(what: &TroubleKind) -> bool {
    matches!(what, TroubleKind::DiesWithin(_) | TroubleKind::DiesAtAwait(_))
}

fn fault_of(what: &TroubleKind) -> Option<CallFault> {
    Some(match what {
        TroubleKind::Status(status) => CallFault::status(*status),
        TroubleKind::DoneBut(status) => CallFault::DoneButRefused(*status),
        TroubleKind::NoAnswer { done } => CallFault::NoAnswer { done: *done },
        TroubleKind::ArrivesLate(late) => CallFault::ArrivesLate(ms(*late)),
        TroubleKind::Unreachable => CallFault::Unreachable,
        TroubleKind::TooMany { retry_after_ms: Some(span) } => CallFault::retry_after(429, ms(*span)),
        TroubleKind::TooMany { retry_after_ms: None } => CallFault::status(429),
        _ => return None,
    })
}

/// Runs a producer. It puts its records, retrying until that succeeds, or dies before it notifies the gate.
async fn produce(scenario: &Scenario, puts: &Puts, world: &World) {
    let mut records = scenario.records(puts);
    tokio::time::sleep(ms(puts.at_ms)).await;
    if let Some(place) = scenario.locations.get(puts.location) {
        let undo_since = announce(puts, &place.name, world).await;
        records.iter_mut().for_each(|record| record.undo_since = undo_since);
    }
    let host = world.host();
    if puts.dies {
        let now = host.ports().clock.now();
        for record in &records {
            let outbox = &world.engine.ports().outbox;
            while !tokio::time::timeout(CALL, outbox.put(record, now)).await.is_ok_and(|put| put.is_ok()) {
                tokio::time::sleep(PUT_AGAIN).await;
            }
        }
        return;
    }
    while !tokio::time::timeout(CALL, host.put(&records)).await.is_ok_and(|put| put.is_ok()) {
        tokio::time::sleep(PUT_AGAIN).await;
    }
    if puts.starts
        && let Some(place) = scenario.locations.get(puts.location)
    {
        // If this fails, the next tick makes up for it.
        let _ = tokio::time::timeout(CALL, host.fan_out(&place.scope.clone().into())).await;
    }
}

async fn others(
    trouble: ScenarioTrouble,
    location: LocationId,
    every_ms: u64,
    burst: u32,
    world: Arc<World>,
    randomness: TestRandomness,
) {
    tokio::time::sleep(ms(trouble.from_ms)).await;
    while trouble.is_now(world.clock.elapsed()) {
        world.ghl.others_call(&location, burst);
        let span = every_ms * u64::from(burst);
        tokio::time::sleep(ms(randomness.within(span / 2..=span + span / 2))).await;
    }
}

async fn by_hand(
    trouble: ScenarioTrouble,
    location: LocationId,
    every_ms: u64,
    world: Arc<World>,
    randomness: TestRandomness,
) {
    tokio::time::sleep(ms(trouble.from_ms)).await;
    while trouble.is_now(world.clock.elapsed()) {
        let first = randomness.within(0..=20);
        let key = |n| RecordId::new(format!("c{n}")).map(|id| RecordKey { kind: Kind::Contact, id });
        let keys = (first..first + u64::from(BY_HAND)).filter_map(|n| key(n).ok()).collect();
        world.queue.send_by_hand(&Batch { keys, ..Batch::new(location.clone()) });
        tokio::time::sleep(ms(randomness.within(1..=2 * every_ms))).await;
    }
}

/// Content of contact `n` in `puts`.
fn contact(puts: &Puts, n: u32, content: &str) -> Contact {
    let large = (puts.large_bytes > 0).then(|| CustomField {
        id: Some("large".to_owned()),
        key: None,
        value: "x".repeat(puts.large_bytes as usize).into(),
    });
    Contact {
        email: Some(email(n)),
        first_name: Some(content.to_owned()),
        gender: puts.dropped.then(|| "female".to_owned()),
        phone: puts.dropped.then(|| phone(n)),
        dnd: puts.consents.then_some(false),
        dnd_settings: puts.consents.then(|| json!({ "SMS": { "status": "inactive" } })),
        custom_fields: large.into_iter().collect(),
        ..Contact::default()
    }
}

fn phone(n: u32) -> String {
    format!("+1202555{n:04}")
}

fn range((least, most): (u64, u64)) -> RangeInclusive<u64> {
    least..=most.max(least)
}

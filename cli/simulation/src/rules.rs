//! Rules that must hold in every world, after every step and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_engine::usecase::{RecordResult, SIGHT};
use ghl_sync_limiter::{Breaker, Gate};
use ghl_sync_model::{Contact, EpochMs, ErrorCode, LocationId, Payload, PutRecord, Record, RecordKey, ScopeId};
use ghl_sync_testkit::{Arrival, Noted, World, says};

use crate::broken::Broken;
use crate::content::{differing, doubled, overwritten};
use crate::deletes::Deletes;
use crate::names::ms;
use crate::scenario::{Scenario, TroubleKind};
use crate::undos::is_undone;

/// With fewer dead invocations, no record can look as if it had killed them.
const DEATHS_OF_A_SUSPECT: u64 = 5;

/// Watches each gate write and records the gate's state over time.
#[derive(Clone, Default)]
pub(crate) struct GateWatch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    broken: Vec<Broken>,
    /// Per scope, the blocks in force from each time on.
    history: BTreeMap<ScopeId, Vec<(EpochMs, GateBlock)>>,
}

/// Until when a gate blocks all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct GateBlock {
    pause: Option<EpochMs>,
    open: Option<EpochMs>,
}

impl GateWatch {
    /// Watches the gates of `world`, which was created from `scenario`.
    pub(crate) fn of(world: &World, scenario: &Scenario) -> GateWatch {
        let watch = GateWatch::default();
        let watching = watch.clone();
        let (limit, skew) = (scenario.quota.limit.get(), scenario.clock_skew());
        world.gates.watch(move |now, scope, before, after| {
            watching.see(now, scope, after, broken_by_write(now, scope, before, after, limit, skew));
        });
        watch
    }

    fn see(&self, now: EpochMs, scope: &ScopeId, after: &Gate, broken: Vec<Broken>) {
        let mut watched = self.lock();
        watched.broken.extend(broken);
        let open = match after.breaker() {
            Breaker::Open { until, .. } => Some(*until),
            Breaker::Closed { .. } | Breaker::HalfOpen { .. } => None,
        };
        let closed = GateBlock { pause: after.pause().map(|pause| pause.until), open };
        let history = watched.history.entry(scope.clone()).or_default();
        if history.last().is_none_or(|(_, last)| *last != closed) {
            history.push((now, closed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rules broken by a gate write, or by a call sent while the gate blocked it.
    pub(crate) fn broken(&self, scenario: &Scenario, arrivals: &[Arrival]) -> Vec<Broken> {
        let watched = self.lock();
        let skew = scenario.clock_skew();
        let scope_of = |location: &LocationId| {
            let place = scenario.locations.iter().find(|place| place.name == *location);
            place.map(|place| ScopeId::from(place.scope.clone()))
        };
        let mut broken = watched.broken.clone();
        for arrival in arrivals {
            let Some(history) = scope_of(&arrival.location).and_then(|scope| watched.history.get(&scope)) else {
                continue;
            };
            // A batch sees its own writes at once, and those of a concurrent reconciling run within `SIGHT`.
            let sight = if scenario.reconcile_every_ms.is_some() { SIGHT } else { Duration::ZERO };
            let (Some(known), Some(is)) =
                (closed_before(history, arrival.sent_at - sight), closed_before(history, arrival.sent_at))
            else {
                continue;
            };
            let forbids = |until: Option<EpochMs>| until.is_some_and(|until| until > arrival.sent_at + skew);
            if forbids(known.pause) && forbids(is.pause) {
                broken.push(Broken { rule: "no call in a pause", how: format!("{arrival:?}, {is:?}") });
            }
            if forbids(known.open) && forbids(is.open) {
                broken.push(Broken { rule: "no call past an open breaker", how: format!("{arrival:?}, {is:?}") });
            }
        }
        broken
    }
}

/// The gate's blocks just before `time`.
fn closed_before(history: &[(EpochMs, GateBlock)], time: EpochMs) -> Option<GateBlock> {
    let known = history.partition_point(|(at, _)| *at < time);
    known.checked_sub(1).map(|last| history[last].1)
}

fn broken_by_write(
    now: EpochMs,
    scope: &ScopeId,
    before: &Gate,
    after: &Gate,
    limit: u32,
    skew: Duration,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut check = |holds: bool, rule, what: &dyn fmt::Debug| {
        if !holds {
            broken.push(Broken { rule, how: format!("{scope} at {now}: {what:?}") });
        }
    };
    let runs = (before.live_run(now + skew), after.live_run(now));
    let one_run = !matches!(runs, (Some(old), Some(new)) if old.holder != new.holder);
    check(one_run, "one run at a time", &runs);
    let probe_until = |gate: &Gate| match gate.breaker() {
        Breaker::HalfOpen { probe_until, .. } => Some(*probe_until),
        _ => None,
    };
    let probes = (probe_until(before).filter(|until| *until > now + skew), probe_until(after));
    let one_probe = !matches!(probes, (Some(old), Some(new)) if old != new);
    check(one_probe, "one probe at a time", &probes);
    check(after.generation() >= before.generation(), "the generation never goes back", &after.generation());
    check(after.ledger().out() <= limit, "no more permits out than the limit", &after.ledger().out());
    let is_watched =
        after.next_check_at().is_some() || (after.live_run(now).is_none() && after.live_plan(now).is_none());
    check(is_watched, "somebody looks after every plan and run", &after.next_check_at());
    broken
}

/// Rules broken at the end; `drained` tells whether all records are final.
pub(crate) fn broken_at_end(scenario: &Scenario, world: &World, deletes: &Deletes, drained: bool) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut rule = |rule, how: Vec<String>| {
        if !how.is_empty() {
            broken.push(Broken { rule, how: how.join("; ") });
        }
    };
    let open = if drained { Vec::new() } else { world.outbox.open() };
    let open = open.iter().filter(|record| !waits_for_ever(world, record));
    rule("the backlog drains once all is well", open.map(due).collect());
    rule("nothing is doubled", doubled(scenario, world));
    rule("no record overwrites another's opportunity", overwritten(&world.outbox.records()));
    let window = ms(scenario.quota.window_ms);
    let fullest = world.ghl.fullest_window(window);
    let too_full = scenario.theorem_holds() && fullest > scenario.quota.limit.get() as usize;
    rule("no window holds more than the limit", too_full.then(|| format!("{fullest} calls")).into_iter().collect());
    let refused = scenario.is_never_throttled() && world.ghl.over_quota() > 0;
    rule("no 429", refused.then(|| format!("{} of them", world.ghl.over_quota())).into_iter().collect());
    rule("no more calls at once than allowed", too_many_at_once(scenario, world));
    rule("no record fails without a reason", unexplained(scenario, world));
    if drained {
        let stale = |(location, key): &(LocationId, RecordKey)| {
            let may_be_gone = deletes.asked(location, key) && world.outbox.record(location, key).is_none();
            if may_be_gone { None } else { stale(scenario, world, location, key) }
        };
        rule("ghl has what was accepted", scenario.put_records().iter().filter_map(stale).collect());
        let unnamed = |record: &Record| {
            let (dropped, _) = differing(scenario, world, record);
            (!dropped.is_empty()).then(|| format!("{} {dropped:?}", record.key))
        };
        let records = world.outbox.records();
        let accepted = records.iter().filter(|record| is_accepted(record));
        rule("no field that ghl has differently is called stored", accepted.filter_map(unnamed).collect());
    }
    broken
}

fn due(record: &Record) -> String {
    let Record { location_id, key, version, due_at, not_before, attempts, .. } = record;
    format!("{location_id} {key} v{version} due {due_at:?} not before {not_before:?} attempts {attempts}")
}

/// Reconciling takes permits but no run, so it adds one call to those of a batch.
fn too_many_at_once(scenario: &Scenario, world: &World) -> Vec<String> {
    let allowed = scenario.hosts.concurrency + u32::from(scenario.reconcile_every_ms.is_some());
    let most = |location: &LocationId| world.ghl.most_at_once(location);
    let places = scenario.locations.iter().filter(|place| most(&place.name) > allowed);
    places.map(|place| format!("{} at {}", most(&place.name), place.name)).collect()
}

/// Counted attempts and failures that nothing in the scenario explains.
fn unexplained(scenario: &Scenario, world: &World) -> Vec<String> {
    let refused = refused_by_ghl(scenario, world);
    let explains = |code: ErrorCode, record: &RecordKey| match code {
        // Withdrawn records are never sent, so no batch ends with `Cancelled`.
        ErrorCode::RateLimited | ErrorCode::CircuitOpen | ErrorCode::Unauthorized | ErrorCode::Cancelled => false,
        ErrorCode::MaxRetriesExceeded => scenario.has(is_transient),
        // GHL may create a contact and still answer 422; an unrecognizable one must then be searched for.
        ErrorCode::Ambiguous => {
            scenario.has(|what| is_transient(what) || matches!(what, TroubleKind::Status(422))) || world.died() > 0
        }
        ErrorCode::Rejected => {
            scenario.has(|what| matches!(what, TroubleKind::Status(400..=499))) || refused.contains(record)
        }
        ErrorCode::Internal => world.died() >= DEATHS_OF_A_SUSPECT,
    };
    let suspect = |code| code == ErrorCode::Internal && world.died() > 0;
    world.sink.pick(|at, noted| match noted {
        Noted::Settled { record, result: result @ RecordResult::Failed(code) } if !explains(*code, record) => {
            Some(format!("{record} at {at}: {result:?}"))
        }
        Noted::Settled { record, result: result @ RecordResult::Retrying(code) }
            if !explains(*code, record) && !suspect(*code) =>
        {
            Some(format!("{record} at {at}: {result:?}"))
        }
        _ => None,
    })
}

/// Records whose contact GHL refuses to update, because the phone number belongs to another contact.
fn refused_by_ghl(scenario: &Scenario, world: &World) -> BTreeSet<RecordKey> {
    let puts = scenario.puts.iter().filter(|puts| puts.dropped).flat_map(|puts| scenario.records(puts));
    let is_refused = |put: &PutRecord| match &put.payload {
        Payload::Contact(Contact { phone: Some(phone), .. }) => {
            let id = world.outbox.record(&put.location_id, &put.key()).and_then(|record| record.ghl_id);
            world.ghl.is_phone_of_another(&put.location_id, id.as_ref(), phone)
        }
        Payload::Contact(_) | Payload::Opportunity(_) => false,
    };
    puts.filter(is_refused).map(|put| put.key()).collect()
}

fn is_transient(what: &TroubleKind) -> bool {
    match what {
        TroubleKind::Status(status) | TroubleKind::DoneBut(status) => *status >= 500 || *status == 408,
        TroubleKind::NoAnswer { .. } | TroubleKind::ArrivesLate(_) | TroubleKind::Unreachable => true,
        _ => false,
    }
}

impl Scenario {
    /// Largest difference between two clocks.
    fn clock_skew(&self) -> Duration {
        ms(self.hosts.clock_skew_ms)
    }

    /// Keys of all records that are put.
    pub(crate) fn put_records(&self) -> BTreeSet<(LocationId, RecordKey)> {
        let puts = self.puts.iter().flat_map(|puts| self.records(puts));
        puts.map(|put| (put.location_id.clone(), put.key())).collect()
    }
}

/// Describes why a record is not in its final state after everything is done.
fn stale(scenario: &Scenario, world: &World, location: &LocationId, key: &RecordKey) -> Option<String> {
    let Some(record) = world.outbox.record(location, key) else {
        return Some(format!("{key} is gone"));
    };
    if waits_for_ever(world, &record) || is_undone(&record) {
        return None;
    }
    let is_final = record.due_at.is_none();
    let failed = record.accepted_version != Some(record.version);
    if !is_final {
        return Some(format!("{key} is due: {record:?}"));
    }
    if failed {
        return failed_without_error(&record);
    }
    let there = match &record.payload {
        // A contact without an address cannot be looked up here; duplicates are checked separately.
        Payload::Contact(_) => differing(scenario, world, &record).1.is_empty() || is_undone_by_another(world, &record),
        Payload::Opportunity(opportunity) => {
            world.ghl.opportunities(location, &opportunity.name).iter().any(|(_, there)| says(opportunity, there))
        }
    };
    (!there).then(|| format!("{key} v{} was accepted, and GHL has something else", record.version))
}

/// Whether another record's undo was about the same contact and reverted this record's content.
fn is_undone_by_another(world: &World, record: &Record) -> bool {
    let email = |record: &Record| match &record.payload {
        Payload::Contact(contact) => contact.email.clone(),
        Payload::Opportunity(_) => None,
    };
    let is_it = |other: &Record| {
        other.key != record.key && other.location_id == record.location_id && email(other) == email(record)
    };
    world.outbox.records().iter().any(|other| is_undone(other) && is_it(other))
}

fn is_accepted(record: &Record) -> bool {
    record.due_at.is_none() && record.accepted_version == Some(record.version)
}

fn failed_without_error(record: &Record) -> Option<String> {
    record
        .last_error
        .is_none()
        .then(|| format!("{} v{} is neither due nor accepted nor failed", record.key, record.version))
}

/// Whether the record is an opportunity that waits for a missing or failed contact, until a person fixes that.
pub(crate) fn waits_for_ever(world: &World, record: &Record) -> bool {
    let Some(contact) = &record.waits_for else {
        return false;
    };
    let contact = world.outbox.record(&record.location_id, contact);
    contact.is_none_or(|contact| contact.due_at.is_none() && contact.ghl_id.is_none())
}

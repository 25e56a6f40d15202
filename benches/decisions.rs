//! The cost of a decision: the gate and its parts, and the texts that are stored and sent.
//!
//! `cargo bench -p ghl-sync-benches --bench decisions`
#![allow(clippy::unwrap_used, reason = "a benchmark whose input is wrong shall stop")]
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use criterion::{BatchSize, Bencher, Criterion, criterion_group, criterion_main};
use ghl_sync_engine::usecase::EngineConfig;
use ghl_sync_limiter::{Breaker, BreakerRules, Gate, Ledger, Pacing, RemainingQuota, Rules, Run, Signal};
use ghl_sync_model::{
    AdoptLimits, Batch, Contact, EpochMs, Generation, Holder, Kind, LocationId, Pace, Payload, Priority, Quota,
    RecordId, RecordKey,
};

/// A time in 2026, with as many digits as real ones.
const T0: EpochMs = EpochMs(1_794_900_000_000);
const PACE: Pace = Pace { limit: NonZeroU32::new(100).unwrap(), window: Duration::from_secs(10) };
const BATCH_SIZE: u32 = 50;
/// Time between finished calls of a busy location.
const STEP: Duration = Duration::from_millis(100);

criterion_group!(benches, gate, parts, texts);
criterion_main!(benches);

/// The rules of a location with GHL's usual quota.
fn rules() -> Rules {
    let config = EngineConfig::default();
    Rules {
        pace: PACE,
        daily_limit: 200_000,
        daily_reserve: 0,
        adopt: AdoptLimits::Lower,
        day_scope: None,
        clock_skew: config.clock_skew,
        late_arrival: config.late_arrival,
        request_timeout: config.request_timeout,
        search_lag: config.search_lag,
        percent: 100,
        breaker: config.breaker,
        batch_size: config.batch_size,
        lease_size: config.lease_size,
        lease_ahead: config.lease_ahead,
        patience: config.patience,
    }
}

/// A location that is always busy: a batch was planned a moment ago, and a window is full of calls.
struct Busy {
    rules: Rules,
    /// Time when the window's first calls leave it.
    now: EpochMs,
    planned: Gate,
    generation: Generation,
    run: Run,
}

impl Busy {
    fn new() -> Busy {
        let rules = rules();
        let run = Run { holder: holder(1), until: T0 + Duration::from_secs(65) };
        let mut gate = Gate::default();
        gate.take_run(T0, None, run.clone(), &rules).unwrap();
        for _ in 0..2 {
            gate.lease(T0, &run, BATCH_SIZE, Priority::High, &rules);
        }
        for call in 1..=PACE.limit.get() {
            gate.learn(&finished(&run, T0 + STEP * call), &rules);
        }
        gate.learn(&told(T0 + PACE.window), &rules);
        gate.finish(T0 + PACE.window, &run.holder, &rules);
        let now = T0 + PACE.window + STEP * (BATCH_SIZE + 1);
        let generation = gate.plan(now, now, &rules);
        let run = Run { holder: holder(2), until: now + Duration::from_secs(65) };
        Busy { rules, now, planned: gate, generation, run }
    }

    /// The same with the batch running and its permits leased.
    fn leased(&self) -> Gate {
        let mut gate = self.planned.clone();
        gate.take_run(self.now, Some(self.generation), self.run.clone(), &self.rules).unwrap();
        gate.lease(self.now, &self.run, BATCH_SIZE, Priority::High, &self.rules);
        gate
    }
}

fn gate(criterion: &mut Criterion) {
    let busy = Busy::new();
    let Busy { rules, now, planned, generation, run } = &busy;
    let now = *now;
    let leased = busy.leased();
    let mut group = criterion.benchmark_group("gate");
    group.bench_function("opening", |b| b.iter(|| black_box(planned).opening(now, rules)));
    group.bench_function("plan", |b| changing(b, planned, |gate| gate.plan(now, now, rules)));
    group.bench_function("take_run", |b| {
        changing(b, planned, |gate| gate.take_run(now, Some(*generation), run.clone(), rules));
    });
    group.bench_function("lease of 50", |b| {
        let mut taken = planned.clone();
        taken.take_run(now, Some(*generation), run.clone(), rules).unwrap();
        changing(b, &taken, |gate| gate.lease(now, run, BATCH_SIZE, Priority::High, rules));
    });
    group.bench_function("settle of 50", |b| {
        let signals: Vec<Signal> = (1..=BATCH_SIZE).map(|call| finished(run, now + STEP * call)).collect();
        changing(b, &leased, |gate| signals.iter().for_each(|signal| gate.learn(signal, rules)));
    });
    group.bench_function("finish", |b| changing(b, &leased, |gate| gate.finish(now, &run.holder, rules)));
    group.bench_function("encode", |b| b.iter(|| serde_json::to_string(black_box(&leased)).unwrap()));
    let json = serde_json::to_string(&leased).unwrap();
    group.bench_function("decode", |b| b.iter(|| serde_json::from_str::<Gate>(black_box(&json)).unwrap()));
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let skew = Duration::from_millis(50);
    let now = T0 + PACE.window + STEP * (BATCH_SIZE + 1);
    let mut ledger = Ledger::default();
    ledger.lend(&holder(1), PACE.limit.get(), T0 + Duration::from_secs(60));
    (1..=PACE.limit.get()).for_each(|call| ledger.settle(&holder(1), T0 + STEP * call));
    let mut spaced = Pacing::default();
    spaced.throttled(T0, T0, PACE);
    let rules = BreakerRules { threshold: 5, reset: Duration::from_secs(60) };
    let mut failing = Breaker::default();
    (0..3).for_each(|operation| failing.failed(operation, T0, rules));

    let mut group = criterion.benchmark_group("parts");
    group.bench_function("ledger: next permit", |b| b.iter(|| black_box(&ledger).next_at(now, PACE, skew)));
    group.bench_function("ledger: 50 permits", |b| {
        b.iter(|| black_box(&ledger).available(now, PACE, skew, BATCH_SIZE, now + PACE.window));
    });
    group.bench_function("pacing: pace", |b| b.iter(|| black_box(&spaced).pace(now, PACE)));
    group.bench_function("pacing: 50 permits evenly spaced", |b| {
        b.iter(|| black_box(&spaced).space(vec![now; BATCH_SIZE as usize], PACE, now + PACE.window));
    });
    group.bench_function("pacing: quota headers", |b| {
        let quota = Quota { max: Some(100), remaining: Some(60), interval: Some(PACE.window), ..Quota::default() };
        changing(b, &spaced, |pacing| pacing.observe(now, &quota, &(30..=32), PACE));
    });
    group.bench_function("breaker: admit", |b| b.iter(|| black_box(&failing).admit(now)));
    group.bench_function("breaker: the fifth failure", |b| {
        let mut fourth = failing.clone();
        fourth.failed(3, T0, rules);
        changing(b, &fourth, |breaker| breaker.failed(4, now, rules));
    });
    group.bench_function("room: admit and send", |b| {
        let mut told = RemainingQuota::default();
        told.tell(now, T0, 60, PACE.window, Vec::new());
        changing(b, &told, |room| {
            let admitted = room.admit(now);
            room.send(now);
            admitted
        });
    });
    group.finish();
}

fn texts(criterion: &mut Criterion) {
    let batch = batch();
    let message = batch.to_json();
    let payload = contact();
    let json = payload.to_json();
    let mut group = criterion.benchmark_group("texts");
    group.bench_function("batch of 50: encode", |b| b.iter(|| black_box(&batch).to_json()));
    group.bench_function("batch of 50: decode", |b| b.iter(|| Batch::from_json(black_box(&message)).unwrap()));
    group.bench_function("contact: encode", |b| b.iter(|| black_box(&payload).to_json()));
    group.bench_function("contact: decode and check", |b| {
        b.iter(|| Payload::from_json(Kind::Contact, black_box(&json)).unwrap());
    });
    group.bench_function("contact: hash", |b| b.iter(|| black_box(&payload).hash()));
    group.finish();
}

/// Measures `change` on a fresh copy of `start` each time; copying is not measured.
fn changing<T: Clone, A>(bencher: &mut Bencher<'_>, start: &T, mut change: impl FnMut(&mut T) -> A) {
    let changed = |mut value: T| {
        let answer = change(&mut value);
        (value, answer) // Dropped outside of the measurement.
    };
    bencher.iter_batched(|| start.clone(), changed, BatchSize::SmallInput);
}

fn holder(number: u128) -> Holder {
    Holder::of_invocation(&format!("{number:032x}"), 0)
}

fn finished(run: &Run, at: EpochMs) -> Signal {
    Signal::Finished { holder: run.holder.clone(), at, told_daily: false }
}

fn told(at: EpochMs) -> Signal {
    let quota = Quota { max: Some(100), remaining: Some(0), interval: Some(PACE.window), ..Quota::default() };
    Signal::Told { at, quota, ours: 100..=100 }
}

fn batch() -> Batch {
    let key = |number| RecordKey { kind: Kind::Contact, id: RecordId::new(format!("crm-{number:010}")).unwrap() };
    Batch {
        generation: Some(Generation(4711)),
        keys: (0..BATCH_SIZE).map(key).collect(),
        ..Batch::new(LocationId::new("ve9EPM428h8vShlRW1KT").unwrap())
    }
}

/// A typical contact: about 300 bytes of JSON.
fn contact() -> Payload {
    let text = |text: &str| Some(text.to_owned());
    Payload::Contact(Contact {
        first_name: text("Maximiliane"),
        last_name: text("Oberhuber"),
        email: text("maximiliane.oberhuber@example.com"),
        phone: text("+43 660 5550 1234"),
        address1: text("Untere Hauptstrasse 118"),
        city: text("Sankt Johann im Pongau"),
        state: text("Salzburg"),
        postal_code: text("05600"),
        country: text("AT"),
        company_name: text("Oberhuber & Steiner Holzbau GmbH"),
        tags: vec!["customer".to_owned(), "newsletter".to_owned()],
        ..Contact::default()
    })
}

//! Records, and test runs by seed.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use ghl_sync_engine::usecase::RecordResult;
use ghl_sync_model::{
    Batch, Contact, DeadLetter, EpochMs, Generation, GhlId, Kind, LocationId, Opportunity, Payload, PutRecord, Record,
    RecordId, RecordKey,
};
use ghl_sync_testkit::{Setup, World, block_on_paused};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn loc() -> LocationId {
    LocationId::new("loc").unwrap()
}

/// Contact number `n`, as first put.
pub(crate) fn contact(n: usize) -> PutRecord {
    named_contact(n, "Ada")
}

/// Contact number `n` with this first name.
pub(crate) fn named_contact(n: usize, first_name: &str) -> PutRecord {
    let content = Contact { email: Some(email(n)), first_name: Some(first_name.to_owned()), ..Contact::default() };
    put_of(&format!("{n}"), Payload::Contact(content))
}

/// Contact number `n` with these tags, which need a call of their own.
pub(crate) fn with_tags(n: usize, tags: &[&str]) -> PutRecord {
    let mut put = contact(n);
    if let Payload::Contact(contact) = &mut put.payload {
        contact.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    }
    put
}

/// A contact with neither e-mail nor phone: creating it twice makes two contacts in GHL.
pub(crate) fn nameless(n: usize) -> PutRecord {
    let content = Contact { first_name: Some(format!("Ada {n}")), source: Some("Fair".into()), ..Contact::default() };
    put_of(&format!("{n}"), Payload::Contact(content))
}

/// An opportunity of contact record number `n`.
pub(crate) fn opportunity(n: usize) -> PutRecord {
    let content = Opportunity {
        contact_record: Some(RecordId::new(format!("{n}")).unwrap()),
        contact_id: None,
        pipeline_id: GhlId::new("pipeline").unwrap(),
        name: opportunity_name(n),
        status: None,
        pipeline_stage_id: None,
        monetary_value: None,
        assigned_to: None,
        custom_fields: Vec::new(),
    };
    put_of(&format!("{n}"), Payload::Opportunity(content))
}

pub(crate) fn put_of(id: &str, payload: Payload) -> PutRecord {
    let id = RecordId::new(id).unwrap();
    PutRecord::new(loc(), id, payload)
}

pub(crate) fn contacts(count: usize) -> Vec<PutRecord> {
    (0..count).map(contact).collect()
}

pub(crate) fn email(n: usize) -> String {
    format!("c{n}@example.test")
}

pub(crate) fn opportunity_name(n: usize) -> String {
    format!("deal {n}")
}

pub(crate) fn contact_key(n: usize) -> RecordKey {
    RecordKey { kind: Kind::Contact, id: RecordId::new(format!("{n}")).unwrap() }
}

pub(crate) fn opportunity_key(n: usize) -> RecordKey {
    RecordKey { kind: Kind::Opportunity, id: RecordId::new(format!("{n}")).unwrap() }
}

/// A batch of these records, planned in `generation` or sent by hand.
pub(crate) fn batch(generation: Option<u64>, keys: impl IntoIterator<Item = RecordKey>) -> Batch {
    Batch { generation: generation.map(Generation), keys: keys.into_iter().collect(), ..Batch::new(loc()) }
}

/// A dead-letter message that died after five receives.
pub(crate) fn letter(id: &str, body: &str) -> DeadLetter {
    let source = Some("batches".to_owned());
    DeadLetter { id: id.to_owned(), body: body.to_owned(), sent_at: Some(EpochMs(0)), receives: Some(5), source }
}

/// Constant latencies: 100 ms for a call, none for a store.
pub(crate) fn exact() -> Setup {
    let mut setup = Setup { store_ms: 0..=0, ..Setup::default() };
    setup.ghl.network_ms = 10..=10;
    setup.ghl.work_ms = 80..=80;
    setup
}

/// Runs `test` with each of the seeds. A failure names its seed.
#[expect(clippy::print_stderr, reason = "the harness shows it with the failure")]
pub(crate) fn each_seed<F: Future<Output = ()>>(count: u64, test: impl Fn(u64) -> F) {
    for seed in 1..=count {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| block_on_paused(test(seed)))) {
            eprintln!("failed with seed {seed}");
            resume_unwind(panic);
        }
    }
}

/// Runs `test` for each await in turn until nothing dies any more (`test` returns whether anything died). Returns the
/// number of awaits.
#[expect(clippy::print_stderr, reason = "the harness shows it with the failure")]
pub(crate) fn each_await<F: Future<Output = bool>>(test: impl Fn(u64) -> F) -> u64 {
    for awaits in 1.. {
        match catch_unwind(AssertUnwindSafe(|| block_on_paused(test(awaits)))) {
            Ok(true) => {}
            Ok(false) => return awaits - 1,
            Err(panic) => {
                eprintln!("failed at await {awaits}");
                resume_unwind(panic);
            }
        }
    }
    unreachable!("numbers do not end")
}

pub(crate) trait Look {
    fn record(&self, key: &RecordKey) -> Record;
    fn results(&self) -> Vec<(RecordKey, RecordResult)>;
    fn sent_to(&self, subject: &str) -> Vec<EpochMs>;
}

impl Look for World {
    fn record(&self, key: &RecordKey) -> Record {
        self.outbox.record(&loc(), key).unwrap_or_else(|| panic!("no record {key}"))
    }

    fn results(&self) -> Vec<(RecordKey, RecordResult)> {
        use ghl_sync_testkit::Noted;
        self.sink.pick(|_, noted| match noted {
            Noted::Settled { record, result } => Some((record.clone(), *result)),
            _ => None,
        })
    }

    /// When the requests about `subject` were sent.
    fn sent_to(&self, subject: &str) -> Vec<EpochMs> {
        let arrivals = self.ghl.arrivals();
        arrivals.into_iter().filter(|arrival| arrival.subject == subject).map(|arrival| arrival.sent_at).collect()
    }
}

/// The intervals between successive times, in milliseconds.
pub(crate) fn gaps_ms(times: &[EpochMs]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

//! Every change of a record that the engine makes, and the events that follow from it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use ghl_sync_engine::ports::{Outbox, Settled};
use ghl_sync_model::{
    ContentHash, EpochMs, ErrorCode, GhlId, Kind, LastError, LocationId, Outcome, Payload, Provenance, PutRecord,
    Record, RecordKey, Resolution,
};
use ghl_sync_notify::{OutcomeEvent, OutcomeKind, RecordChange, RecordFacts, events_of};
use ghl_sync_testkit::{MemoryOutbox, block_on_paused};
use proptest::prelude::*;

/// Marker in every text of a record that must not appear in events.
const CONTENT: &str = "leaks";

/// A change to the record.
#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    /// Loads the record as a batch does. Later outcomes apply to this version, whatever is put in between.
    Load,
    Accept {
        not_stored: bool,
    },
    Fail,
    Retry,
    Wait,
    WouldSend,
    /// The last outcome is written again because its reply was lost.
    Again,
    Replay,
    Supersede,
    Resend,
    Agree,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3u8).prop_map(Step::Put),
        3 => Just(Step::Load),
        3 => any::<bool>().prop_map(|not_stored| Step::Accept { not_stored }),
        2 => Just(Step::Fail),
        1 => Just(Step::Retry),
        1 => Just(Step::Wait),
        1 => Just(Step::WouldSend),
        2 => Just(Step::Again),
        1 => Just(Step::Replay),
        2 => Just(Step::Supersede),
        1 => Just(Step::Resend),
        1 => Just(Step::Agree),
    ];
    proptest::collection::vec(step, 1..40)
}

struct World {
    outbox: MemoryOutbox,
    location: LocationId,
    key: RecordKey,
    now: EpochMs,
    /// The record as a batch loaded it.
    sent: Option<Record>,
    last: Option<(Record, Outcome, EpochMs)>,
}

fn put(location: &LocationId, content: u8) -> PutRecord {
    let json = format!(r#"{{"firstName":"{CONTENT}{content}","email":"{CONTENT}@example.com"}}"#);
    let payload = Payload::from_json(Kind::Contact, &json).unwrap();
    PutRecord::new(location.clone(), "42".parse().unwrap(), payload)
}

fn error(at: EpochMs) -> LastError {
    LastError { code: ErrorCode::Rejected, status: Some(422), message: format!("{CONTENT} is no phone number"), at }
}

impl World {
    fn new() -> World {
        let (location, key) = ("loc".parse().unwrap(), "contact#42".parse().unwrap());
        World { outbox: MemoryOutbox::default(), location, key, now: EpochMs(1_000), sent: None, last: None }
    }

    fn record(&self) -> Option<Record> {
        self.outbox.record(&self.location, &self.key)
    }

    async fn settle(&mut self, outcome: Outcome) -> Option<(Record, Settled)> {
        let sent = self.sent.clone()?;
        let settled = self.outbox.settle(&sent, &outcome, self.now).await.unwrap();
        self.last = Some((sent.clone(), outcome, self.now));
        Some((sent, settled))
    }

    async fn resolve(&self, resolution: &Resolution) -> bool {
        let Some(seen) = self.record() else { return false };
        self.outbox.resolve(&seen, resolution, self.now).await.unwrap()
    }

    /// Applies the step, and returns the events expected from it without looking at the stored state.
    async fn step(&mut self, step: &Step) -> Vec<(OutcomeKind, u64)> {
        let (ghl_id, provenance) = (GhlId::new("g1").unwrap(), Provenance::Created);
        let later = EpochMs(self.now.0 + 50);
        let before = self.record();
        match step {
            Step::Put(content) => {
                self.outbox.put(&put(&self.location, *content), self.now).await.unwrap();
            }
            Step::Load => self.sent = before,
            Step::Accept { not_stored } => {
                let hash = self.sent.as_ref().map(|sent| sent.payload.hash());
                let hash = hash.unwrap_or_else(|| ContentHash::of(b""));
                let fields = [format!("customFields.{CONTENT}"), "phone".to_owned()];
                let fields: Vec<String> = fields.into_iter().filter(|_| *not_stored).collect();
                let accepted = Outcome::Accepted { ghl_id, hash, provenance, not_stored: fields };
                let Some((sent, settled)) = self.settle(accepted).await else { return Vec::new() };
                let newest = before.and_then(|before| before.accepted_version);
                // For a version that was put over since, only its first acceptance counts.
                if settled == Settled::Done || newest.is_none_or(|newest| newest < sent.version) {
                    let kinds = [(OutcomeKind::Accepted, sent.version), (OutcomeKind::NotStored, sent.version)];
                    return kinds[..1 + usize::from(*not_stored)].to_vec();
                }
            }
            Step::Fail => {
                let failed = Outcome::Failed { error: error(self.now), ghl_id: Some(ghl_id), provenance };
                if let Some((sent, Settled::Done)) = self.settle(failed).await {
                    return vec![(OutcomeKind::Failed, sent.version)];
                }
            }
            Step::Retry => {
                let (error, not_before, ghl_id) = (error(self.now), None, None);
                self.settle(Outcome::Retry { due_at: later, error, not_before, ghl_id, provenance }).await;
            }
            Step::Wait => {
                let (waits_for, not_before, ghl_id) = (None, None, None);
                self.settle(Outcome::Wait { due_at: later, waits_for, not_before, ghl_id, provenance, is_gone: false })
                    .await;
            }
            Step::WouldSend => {
                self.settle(Outcome::WouldSend { request: format!("POST {CONTENT}"), stays_due: false }).await;
            }
            Step::Again => {
                if let Some((sent, outcome, at)) = self.last.clone().filter(|(sent, _, at)| self.stands(sent, *at)) {
                    self.outbox.settle(&sent, &outcome, at).await.unwrap();
                }
            }
            Step::Replay => {
                if let Some(record) = before {
                    self.outbox.replay(&record, self.now).await.unwrap();
                }
            }
            Step::Supersede => {
                if self.resolve(&Resolution::Supersede { changed_at: self.now }).await {
                    return before.map(|before| (OutcomeKind::Superseded, before.version)).into_iter().collect();
                }
            }
            Step::Resend => {
                self.resolve(&Resolution::Resend { overruled: ContentHash::of(b"theirs") }).await;
            }
            Step::Agree => {
                self.resolve(&Resolution::Agree).await;
            }
        }
        Vec::new()
    }

    /// Whether the write at `at` was the last one: only then does the SDK repeat it.
    fn stands(&self, sent: &Record, at: EpochMs) -> bool {
        at.0 + 1 == self.now.0 && self.record().is_some_and(|record| record.version == sent.version)
    }
}

/// Applies the steps and checks the events after each.
async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let mut told = BTreeSet::new();
    for step in steps {
        let old = world.record();
        let expected = world.step(&step).await;
        let change = RecordChange {
            location_id: world.location.clone(),
            key: world.key.clone(),
            old: old.as_ref().map(RecordFacts::from),
            new: world.record().as_ref().map(RecordFacts::from),
        };
        let events: Vec<OutcomeEvent> = events_of(&change);
        let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.data.version.unwrap())).collect();
        prop_assert_eq!(&kinds, &expected, "{:?}: {:?} {:?}", step, old, world.record());
        for event in events {
            let json = event.to_json();
            prop_assert!(!json.contains(CONTENT), "{}", json);
            prop_assert!(told.insert(event.id.clone()), "{} is told twice", event.id);
        }
        world.now = EpochMs(world.now.0 + 1);
    }
    Ok(())
}

proptest! {
    #[test]
    fn each_outcome_gives_its_events_once_and_nothing_of_a_records_content_leaves(steps in steps()) {
        block_on_paused(run(steps))?;
    }
}

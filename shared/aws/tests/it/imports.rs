//! The records of an import by standing, in DynamoDB and in the in-memory model.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{Loaded, Outbox, Put, Tallied};
use ghl_sync_model::{
    ContentHash, EpochMs, ErrorCode, ImportId, ImportStanding, LastError, LeftField, LeftReason, Outcome, PutRecord,
    Record, RecordKey, Resolution, Undo, Undone,
};
use ghl_sync_testkit::MemoryOutbox;

use crate::fixtures::{RECORDS, Tables, accepted, contact, error, failed, key, location, retry};

fn import(id: &str) -> ImportId {
    ImportId::new(id).unwrap()
}

fn of(id: &str, put: PutRecord) -> PutRecord {
    PutRecord { import: Some(import(id)), ..put }
}

fn cancelled() -> LastError {
    error(ErrorCode::Cancelled)
}

async fn keys(outbox: &dyn Outbox, of: &str, standing: ImportStanding) -> Vec<String> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = outbox.of_import(&location(), &import(of), standing, after.as_ref(), 2).await.unwrap();
        keys.extend(page.keys.iter().map(ToString::to_string));
        after = page.next;
        if after.is_none() {
            keys.sort();
            return keys;
        }
    }
}

#[tokio::test]
async fn a_record_belongs_to_the_import_that_put_its_present_content() {
    let tables = Tables::new().await;
    let put = of("x", contact("a", "Ada"));
    let record = tables.put_and_load(&put, 1).await;
    assert_eq!(record.import, Some(import("x")));
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
    let stored = async |standing| keys(&tables.outbox, "x", standing).await;
    assert_eq!(stored(ImportStanding::Accepted).await, ["contact#a"]);
    for same in [of("y", contact("a", "Ada")), contact("a", "Ada")] {
        assert_eq!(tables.outbox.put(&same, EpochMs(3)).await.unwrap(), Put::Unchanged);
    }
    let late = PutRecord { as_of: Some(EpochMs(0)), ..of("y", contact("a", "Eve")) };
    assert_eq!(tables.outbox.put(&late, EpochMs(3)).await.unwrap(), Put::Outdated);
    assert_eq!(stored(ImportStanding::Accepted).await, ["contact#a"], "nothing has changed");
    assert_eq!(tables.put_and_load(&of("y", contact("a", "Eve")), 4).await.import, Some(import("y")));
    assert_eq!(keys(&tables.outbox, "y", ImportStanding::Pending).await, ["contact#a"]);
    assert_eq!(tables.put_and_load(&contact("a", "Ida"), 5).await.import, None);
    assert_eq!(tables.index_size(RECORDS, "import").await, 0);
    assert_eq!(tables.item(&put.key()).await.unwrap().get("import"), None);
}

#[tokio::test]
async fn what_is_pending_is_withdrawn_in_the_version_that_was_seen_and_can_be_replayed() {
    let tables = Tables::new().await;
    let put = of("x", contact("a", "Ada"));
    let seen = tables.put_and_load(&put, 1).await;
    let newer = tables.put_and_load(&put, 2).await;
    assert!(!tables.outbox.withdraw(&seen, &cancelled(), EpochMs(3)).await.unwrap(), "an older version");
    for _ in 0..2 {
        assert!(
            tables.outbox.withdraw(&newer, &cancelled(), EpochMs(4)).await.unwrap(),
            "a repeated write finds itself"
        );
    }
    assert!(!tables.outbox.withdraw(&newer, &cancelled(), EpochMs(5)).await.unwrap(), "it failed before");
    let record = tables.record(&put.key()).await;
    assert_eq!((record.failed_at, record.due_at), (Some(EpochMs(4)), None));
    assert_eq!(record.last_error, Some(cancelled()));
    assert_eq!(keys(&tables.outbox, "x", ImportStanding::Failed).await, ["contact#a"]);
    // A late failure or retry changes nothing; an acceptance counts.
    tables.outbox.settle(&newer, &retry(50, None, None), EpochMs(6)).await.unwrap();
    assert_eq!(tables.record(&put.key()).await.due_at, None);
    assert!(tables.outbox.replay(&record, EpochMs(7)).await.unwrap());
    assert_eq!(keys(&tables.outbox, "x", ImportStanding::Pending).await, ["contact#a"]);
    assert!(tables.outbox.withdraw(&record, &cancelled(), EpochMs(8)).await.unwrap());
    tables.outbox.settle(&newer, &accepted(&put, "G1"), EpochMs(9)).await.unwrap();
    assert_eq!(keys(&tables.outbox, "x", ImportStanding::Accepted).await, ["contact#a"]);
    assert_eq!(tables.record(&put.key()).await.failed_at, None);
}

#[tokio::test]
async fn a_damaged_record_of_an_import_stands_as_failed_and_a_mark_written_by_hand_harms_nobody() {
    let tables = Tables::new().await;
    let put = of("x", contact("a", "Ada"));
    tables.put_and_load(&put, 1).await;
    tables.edit(&put.key(), "payload", AttributeValue::S("{".to_owned())).await;
    tables.outbox.quarantine(&location(), &put.key(), "unreadable", EpochMs(2)).await.unwrap();
    assert_eq!(keys(&tables.outbox, "x", ImportStanding::Failed).await, ["contact#a"]);
    tables.put_and_load(&put, 3).await;
    tables.edit(&put.key(), "import", AttributeValue::S("by hand".to_owned())).await;
    let record = tables.record(&put.key()).await;
    assert_eq!(record.import, None);
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(4)).await.unwrap();
}

#[tokio::test]
async fn records_of_an_import_are_counted_up_to_a_cap_and_those_of_no_other() {
    let tables = Tables::new().await;
    for n in 0..5 {
        tables.outbox.put(&of("x", contact(&format!("a{n}"), "Ada")), EpochMs(1)).await.unwrap();
    }
    tables.outbox.put(&of("x1", contact("b", "Ada")), EpochMs(1)).await.unwrap();
    tables.outbox.put(&contact("c", "Ada"), EpochMs(1)).await.unwrap();
    for (cap, expected) in [(3, (3, true)), (5, (5, false)), (9, (5, false))] {
        let counted = tables.outbox.count_import(&location(), &import("x"), ImportStanding::Pending, cap).await;
        let Tallied { count, capped } = counted.unwrap();
        assert_eq!((count, capped), expected);
    }
    assert_eq!(keys(&tables.outbox, "x", ImportStanding::Pending).await.len(), 5);
    assert_eq!(keys(&tables.outbox, "x1", ImportStanding::Pending).await, ["contact#b"]);
}

/// A step in the life of records. Batches, operators and reconciliation act on a record as they loaded it, possibly
/// long ago.
#[derive(Debug, Clone)]
enum Step {
    Put(Box<PutRecord>),
    Load(RecordKey),
    Settle(Box<Outcome>),
    Withdraw,
    AskUndo,
    Replay,
    Resolve(Resolution),
    Wake,
}

const RECORD_IDS: [&str; 3] = ["a", "b", "c"];
const IMPORTS: [&str; 2] = ["x", "y"];

fn any_step(chance: &mut fastrand::Rng, prefix: &str) -> Step {
    let id = format!("{prefix}{}", chance.choice(RECORD_IDS).unwrap());
    let put = contact(&id, chance.choice(["Ada", "Eve"]).unwrap());
    let due_at = 500 + chance.u64(0..3);
    match chance.u32(0..16) {
        0..3 => {
            let import = chance.choice([None, Some(IMPORTS[0]), Some(IMPORTS[1])]).unwrap();
            let import = import.map(|import| self::import(&format!("{prefix}{import}")));
            let undo_since = import.as_ref().filter(|_| chance.bool()).map(|_| EpochMs(1));
            Step::Put(Box::new(PutRecord { import, undo_since, ..put }))
        }
        3..7 => Step::Load(put.key()),
        7 => Step::Settle(Box::new(accepted(&put, &format!("{prefix}G")))),
        8 => Step::Settle(Box::new(failed(None))),
        9 => Step::Settle(Box::new(match chance.u32(0..4) {
            0 => retry(due_at, None, None),
            1 => Outcome::WouldSend { request: "GET".to_owned(), stays_due: false },
            2 => Outcome::WouldSend { request: "GET".to_owned(), stays_due: true },
            _ => Outcome::Await { record: key("contact#other") },
        })),
        10 => Step::Withdraw,
        11 => Step::Replay,
        12 => Step::Wake,
        13 => Step::AskUndo,
        14 => {
            let left = chance.bool().then(|| LeftField::new("city", LeftReason::Changed));
            Step::Settle(Box::new(Outcome::Undone(Undone::new(
                EpochMs(due_at),
                chance.bool(),
                left.into_iter().collect(),
            ))))
        }
        _ => Step::Resolve(match chance.u32(0..3) {
            0 => Resolution::Resend { overruled: ContentHash::of(b"theirs") },
            1 => Resolution::Supersede { changed_at: EpochMs(due_at) },
            _ => Resolution::Agree,
        }),
    }
}

/// Performs a step and returns the outbox's answer.
async fn done(outbox: &dyn Outbox, step: &Step, seen: &mut Option<Record>, now: EpochMs) -> String {
    match (step, seen.as_ref()) {
        (Step::Put(put), _) => format!("{:?}", outbox.put(put, now).await.unwrap()),
        (Step::Load(key), _) => {
            *seen = load(outbox, key).await.or(seen.take());
            String::new()
        }
        (_, None) => String::new(),
        // Only an undo ends with this outcome, and an undone record is not sent.
        (Step::Settle(outcome), Some(seen))
            if matches!(**outcome, Outcome::Undone(_)) != seen.is_undoing()
                || matches!(seen.undo, Some(Undo::Done(_))) =>
        {
            String::new()
        }
        (Step::Settle(outcome), Some(seen)) => format!("{:?}", outbox.settle(seen, outcome, now).await.unwrap()),
        (Step::Withdraw, Some(seen)) => outbox.withdraw(seen, &cancelled(), now).await.unwrap().to_string(),
        (Step::AskUndo, Some(seen)) => outbox.ask_undo(seen, now).await.unwrap().to_string(),
        (Step::Replay, Some(seen)) => outbox.replay(seen, now).await.unwrap().to_string(),
        // For a due record, reconciliation makes no other decision.
        (Step::Resolve(Resolution::Resend { .. } | Resolution::Agree), Some(Record { due_at: Some(_), .. })) => {
            String::new()
        }
        (Step::Resolve(resolution), Some(seen)) => {
            // The two outboxes differ in whether a repeated write recognises itself, which is harmless.
            outbox.resolve(seen, resolution, now).await.unwrap();
            String::new()
        }
        (Step::Wake, Some(seen)) => {
            outbox.wake(seen, &key("contact#other"), now).await.unwrap();
            String::new()
        }
    }
}

async fn load(outbox: &dyn Outbox, key: &RecordKey) -> Option<Record> {
    match outbox.load(&location(), std::slice::from_ref(key)).await.unwrap().pop()? {
        Loaded::Record(record) => Some(*record),
        Loaded::Damaged { reason, .. } => panic!("{reason}"),
    }
}

/// The number of records per import and standing: as the outbox counts them, and from the records themselves.
async fn counts(outbox: &dyn Outbox, prefix: &str) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let (mut counted, mut there) = (BTreeMap::new(), BTreeMap::new());
    for import in IMPORTS.map(|id| import(&format!("{prefix}{id}"))) {
        for standing in ImportStanding::ALL {
            let count = outbox.count_import(&location(), &import, standing, 99).await.unwrap().count;
            counted.insert(format!("{import} {standing:?}"), count);
            there.insert(format!("{import} {standing:?}"), 0);
        }
    }
    for id in RECORD_IDS {
        let Some(record) = load(outbox, &contact(&format!("{prefix}{id}"), "").key()).await else { continue };
        if let Some(import) = &record.import {
            *there.entry(format!("{import} {:?}", ImportStanding::of(&record))).or_default() += 1;
        }
    }
    (counted, there)
}

/// Holds for every sequence of steps, however late each actor is.
#[tokio::test]
async fn counts_by_standing_are_those_of_the_records_after_every_write_in_dynamodb_and_in_memory() {
    let tables = Tables::new().await;
    for seed in 0..12 {
        let prefix = format!("s{seed}-");
        let mut chance = fastrand::Rng::with_seed(seed);
        let (memory, mut seen, mut seen_in_memory) = (MemoryOutbox::default(), None, None);
        let mut history = Vec::new();
        for at in 0..30 {
            let (step, now) = (any_step(&mut chance, &prefix), EpochMs(100 + at / 2));
            let answer = done(&tables.outbox, &step, &mut seen, now).await;
            let expected = done(&memory, &step, &mut seen_in_memory, now).await;
            history.push(step);
            assert_eq!(answer, expected, "seed {seed}: {history:#?}");
            let (counted, there) = counts(&tables.outbox, &prefix).await;
            assert_eq!(counted, there, "seed {seed}: {history:#?}");
            assert_eq!(counted, counts(&memory, &prefix).await.0, "seed {seed}: {history:#?}");
        }
    }
}

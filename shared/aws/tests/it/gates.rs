//! Gates: compare and replace, work sequences, and the check index.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use ghl_sync_engine::ports::{GateEntry, GateStore, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::EpochMs;

use crate::fixtures::{STATE, Tables, scope};

#[tokio::test]
async fn a_gate_that_does_not_exist_is_the_default_at_revision_0() {
    let tables = Tables::new().await;
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap(), GateEntry::default());
}

#[tokio::test]
async fn a_replaced_gate_is_loaded_one_revision_on() {
    let tables = Tables::new().await;
    let gate = gate_waking_at(70);
    for rev in 0..3 {
        let replaced = tables.gates.replace(&scope("s"), rev, &gate).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
    }
    let expected = GateEntry { rev: 3, gate, ..GateEntry::default() };
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap(), expected);
    assert_eq!(tables.gates.load(&scope("another")).await.unwrap(), GateEntry::default());
}

#[tokio::test]
async fn whoever_writes_second_gets_what_the_first_wrote() {
    let tables = Tables::new().await;
    let (first, second) = (gate_waking_at(70), gate_waking_at(80));
    for rev in [0, 1] {
        tables.gates.replace(&scope("s"), rev, &first).await.unwrap();
        let conflict = tables.gates.replace(&scope("s"), rev, &second).await.unwrap();
        let standing = GateEntry { rev: rev + 1, gate: first.clone(), ..GateEntry::default() };
        assert_eq!(conflict, Replaced::Conflict(standing));
    }
}

#[tokio::test]
async fn a_gate_deleted_meanwhile_is_a_conflict_with_the_default() {
    let tables = Tables::new().await;
    let conflict = tables.gates.replace(&scope("s"), 7, &Gate::default()).await.unwrap();
    assert_eq!(conflict, Replaced::Conflict(GateEntry::default()));
}

#[tokio::test]
async fn eight_writers_of_25_increments_each_leave_exactly_200() {
    let tables = Tables::new().await;
    let writer = async |tables: &Tables| {
        for _ in 0..25 {
            let mut entry = tables.gates.load(&scope("s")).await.unwrap();
            while let Replaced::Conflict(newer) =
                tables.gates.replace(&scope("s"), entry.rev, &gate_waking_at(wake_at(&entry) + 1)).await.unwrap()
            {
                entry = newer;
            }
        }
    };
    join_all((0..8).map(|_| writer(&tables))).await;
    let entry = tables.gates.load(&scope("s")).await.unwrap();
    assert_eq!((entry.rev, wake_at(&entry)), (200, 200));
}

#[tokio::test]
async fn new_work_creates_the_gate_and_makes_it_due_for_a_check_now() {
    let tables = Tables::new().await;
    tables.gates.advance_work_seq(&scope("s"), EpochMs(5)).await.unwrap();
    tables.gates.advance_work_seq(&scope("s"), EpochMs(6)).await.unwrap();
    let expected = GateEntry { rev: 2, work_seq: 2, gate: Gate::default() };
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap(), expected);
    assert_eq!(tables.gates.needing_check(EpochMs(6), 10).await.unwrap().scopes, [scope("s")]);
}

#[tokio::test]
async fn work_that_comes_between_load_and_replace_is_seen() {
    let tables = Tables::new().await;
    for rev in [0, 2] {
        tables.gates.advance_work_seq(&scope("s"), EpochMs(5)).await.unwrap();
        let conflict = tables.gates.replace(&scope("s"), rev, &Gate::default()).await.unwrap();
        let Replaced::Conflict(standing) = conflict else { panic!("{conflict:?}") };
        assert_eq!((standing.rev, standing.work_seq), (rev + 1, rev / 2 + 1));
        let replaced = tables.gates.replace(&scope("s"), standing.rev, &Gate::default()).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 2 });
    }
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap().work_seq, 2, "a replace keeps the work sequence");
}

#[tokio::test]
async fn gates_need_a_look_soonest_first_when_their_time_has_come() {
    let tables = Tables::new().await;
    // More scopes than shards, advanced out of order.
    let scopes: Vec<_> = (0..40).map(|n| scope(&format!("scope-{n}"))).collect();
    for (n, scope) in scopes.iter().enumerate().rev() {
        tables.gates.advance_work_seq(scope, EpochMs(100 + n as u64)).await.unwrap();
    }
    assert_eq!(tables.gates.needing_check(EpochMs(129), 100).await.unwrap().scopes, scopes[..30]);
    assert_eq!(tables.gates.needing_check(EpochMs(500), 7).await.unwrap().scopes, scopes[..7]);
    assert!(tables.gates.needing_check(EpochMs(99), 100).await.unwrap().scopes.is_empty());
    assert!(tables.gates.needing_check(EpochMs(500), 0).await.unwrap().scopes.is_empty());
}

#[tokio::test]
async fn the_look_index_holds_a_gate_exactly_while_there_is_something_to_look_at() {
    let tables = Tables::new().await;
    tables.gates.replace(&scope("s"), 0, &Gate::default()).await.unwrap();
    assert_eq!(tables.index_size(STATE, "check").await, 0);
    tables.gates.replace(&scope("s"), 1, &gate_waking_at(70)).await.unwrap();
    assert_eq!(tables.index_size(STATE, "check").await, 1);
    assert!(tables.gates.needing_check(EpochMs(69), 10).await.unwrap().scopes.is_empty());
    assert_eq!(tables.gates.needing_check(EpochMs(70), 10).await.unwrap().scopes, [scope("s")]);
    tables.gates.replace(&scope("s"), 2, &Gate::default()).await.unwrap();
    assert_eq!(tables.index_size(STATE, "check").await, 0);
}

#[tokio::test]
async fn a_gate_that_cannot_be_read_is_an_error_and_not_an_empty_gate() {
    let tables = Tables::new().await;
    tables.gates.replace(&scope("s"), 0, &Gate::default()).await.unwrap();
    let request = tables.client.update_item().table_name(STATE).key("pk", AttributeValue::S("gate#s".to_owned()));
    let request =
        request.update_expression("SET gate = :g").expression_attribute_values(":g", AttributeValue::Bool(true));
    request.send().await.unwrap();
    let error = tables.gates.load(&scope("s")).await.unwrap_err();
    assert_eq!(error.to_string(), "gates.load failed");
    assert_eq!(error.source.to_string(), "attribute `gate` is not a string");
    tables.gates.replace(&scope("s"), 0, &Gate::default()).await.unwrap_err();
}

/// A gate without work under way, and with something to do at `time`.
fn gate_waking_at(time: u64) -> Gate {
    let mut json = serde_json::to_value(Gate::default()).unwrap();
    json["wake_at"] = time.into();
    serde_json::from_value(json).unwrap()
}

fn wake_at(entry: &GateEntry) -> u64 {
    entry.gate.next_check_at().map_or(0, |time| time.0)
}

//! Tests of the semantics that `shared/aws` (`put.rs`, `settle.rs`) defines for the table.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, proptest};

use super::*;
use crate::block_on_paused;
use ghl_sync_model::{Contact, Payload, Provenance, RecordId, Undone};

const NOW: EpochMs = EpochMs(10);
const LATER: EpochMs = EpochMs(90);

fn put(name: &str) -> PutRecord {
    let payload = Payload::Contact(Contact { first_name: Some(name.to_owned()), ..Contact::default() });
    PutRecord::new(LocationId::new("loc").unwrap(), RecordId::new("a").unwrap(), payload)
}

fn id(text: &str) -> Option<GhlId> {
    Some(GhlId::new(text).unwrap())
}

fn accepted(put: &PutRecord) -> Outcome {
    Outcome::Accepted {
        ghl_id: id("G1").unwrap(),
        hash: put.payload.hash(),
        provenance: Provenance::Created,
        not_stored: Vec::new(),
    }
}

fn error() -> LastError {
    LastError { code: ErrorCode::Rejected, status: Some(422), message: "no".to_owned(), at: NOW }
}

fn failed() -> Outcome {
    Outcome::Failed { error: error(), ghl_id: id("G1"), provenance: Provenance::Unknown }
}

fn retry(not_before: Option<EpochMs>) -> Outcome {
    Outcome::Retry { due_at: LATER, error: error(), not_before, ghl_id: id("G1"), provenance: Provenance::Unknown }
}

fn wait() -> Outcome {
    Outcome::Wait {
        due_at: LATER,
        waits_for: None,
        not_before: None,
        ghl_id: None,
        provenance: Provenance::Unknown,
        is_gone: false,
    }
}

/// An outbox that holds Ada, and Ada as loaded.
async fn with_ada() -> (MemoryOutbox, Record) {
    let outbox = MemoryOutbox::default();
    outbox.put(&put("Ada"), NOW).await.unwrap();
    let record = outbox.records().remove(0);
    (outbox, record)
}

fn now(outbox: &MemoryOutbox) -> Record {
    outbox.records().remove(0)
}

#[test]
fn accepted_content_of_a_record_that_is_not_due_is_a_no_op_and_anything_else_is_stored() {
    block_on_paused(async {
        let (outbox, ada) = with_ada().await;
        assert_eq!(outbox.put(&put("Ada"), NOW).await.unwrap(), Put::Stored, "due: every put counts");
        outbox.settle(&now(&outbox), &accepted(&put("Ada")), NOW).await.unwrap();
        assert_eq!(outbox.put(&put("Ada"), NOW).await.unwrap(), Put::Unchanged);
        assert_eq!(outbox.put(&put("Eve"), NOW).await.unwrap(), Put::Stored);
        outbox.settle(&now(&outbox), &failed(), NOW).await.unwrap();
        assert_eq!(outbox.put(&put("Ada"), NOW).await.unwrap(), Put::Stored, "GHL may have taken the newer one");
        assert_eq!((ada.version, now(&outbox).version), (1, 4));
    });
}

proptest! {
    /// Ada, Eve or Ida was true at each of six times; each is put twice, in any order, and now and then GHL accepts.
    #[test]
    fn in_whatever_order_puts_come_what_was_true_last_stands(
        names in proptest::array::uniform6(0..3_usize),
        order in Just((0..6).chain(0..6).collect::<Vec<usize>>()).prop_shuffle(),
        accepts in proptest::array::uniform12(any::<bool>()),
    ) {
        let name = |at: usize| ["Ada", "Eve", "Ida"][names[at]];
        block_on_paused(async move {
            let outbox = MemoryOutbox::default();
            for (at, accepts) in order.into_iter().zip(accepts) {
                let put = PutRecord { as_of: Some(EpochMs(at as u64)), ..put(name(at)) };
                let done = outbox.put(&put, LATER).await.unwrap();
                if accepts && done == Put::Stored {
                    outbox.settle(&now(&outbox), &accepted(&put), LATER).await.unwrap();
                }
            }
            assert_eq!(now(&outbox).payload, put(name(5)).payload);
        });
    }
}

#[test]
fn a_put_that_does_not_say_when_it_was_true_stands_until_something_newer_than_it_comes() {
    block_on_paused(async {
        let outbox = MemoryOutbox::default();
        let at = |name: &str, at| PutRecord { as_of: Some(EpochMs(at)), ..put(name) };
        let done = async |put: PutRecord, now| outbox.put(&put, EpochMs(now)).await.unwrap();
        assert_eq!(done(put("Ada"), 50).await, Put::Stored);
        assert_eq!(done(at("Eve", 49), 60).await, Put::Outdated);
        assert_eq!(done(at("Eve", 50), 60).await, Put::Stored);
        assert_eq!(done(put("Ida"), 40).await, Put::Stored, "whatever stands");
        outbox.settle(&now(&outbox), &accepted(&put("Ida")), EpochMs(41)).await.unwrap();
        assert_eq!(done(at("Ida", 60), 60).await, Put::Unchanged);
        assert_eq!(done(put("Ida"), 70).await, Put::Unchanged);
        assert_eq!(done(at("Eve", 65), 80).await, Put::Outdated, "at 70 it still was Ida");
        assert_eq!(done(at("Eve", 71), 80).await, Put::Stored);
    });
}

#[test]
fn a_record_put_again_meanwhile_stays_due_and_learns_what_ghl_told() {
    for outcome in [accepted(&put("Ada")), failed(), retry(None)] {
        block_on_paused(async move {
            let (outbox, ada) = with_ada().await;
            outbox.put(&put("Eve"), EpochMs(11)).await.unwrap();
            assert_eq!(outbox.settle(&ada, &outcome, NOW).await.unwrap(), Settled::ChangedMeanwhile);
            let record = now(&outbox);
            assert_eq!((record.version, record.due_at, record.attempts), (2, Some(EpochMs(11)), 0));
            assert_eq!(record.ghl_id, id("G1"));
            let accepted = matches!(outcome, Outcome::Accepted { .. }).then_some(1);
            assert_eq!(record.accepted_version, accepted);
        });
    }
}

#[test]
fn a_record_put_again_while_ghl_deleted_it_forgets_the_id_unless_it_has_another_one_since() {
    for outcome in [Outcome::Undone(Undone::new(NOW, true, Vec::new())), Outcome::Deleted] {
        block_on_paused(async move {
            let (outbox, ada) = with_ada().await;
            outbox.settle(&ada, &accepted(&put("Ada")), NOW).await.unwrap();
            let sent = now(&outbox);
            outbox.put(&put("Eve"), EpochMs(11)).await.unwrap();
            assert_eq!(outbox.settle(&sent, &outcome, NOW).await.unwrap(), Settled::ChangedMeanwhile);
            assert_eq!((now(&outbox).ghl_id, now(&outbox).due_at), (None, Some(EpochMs(11))));
            let refound = Outcome::Accepted {
                ghl_id: GhlId::new("G2").unwrap(),
                hash: put("Eve").payload.hash(),
                provenance: Provenance::Unknown,
                not_stored: Vec::new(),
            };
            outbox.settle(&now(&outbox), &refound, LATER).await.unwrap();
            outbox.settle(&sent, &outcome, LATER).await.unwrap();
            assert_eq!(now(&outbox).ghl_id, id("G2"));
        });
    }
}

#[test]
fn what_a_rollback_deleted_stands_as_undone_wherever_it_stood_and_a_put_of_the_same_content_goes_out() {
    for ended in [accepted(&put("Ada")), failed()] {
        block_on_paused(async move {
            let (outbox, ada) = with_ada().await;
            outbox.settle(&ada, &ended, NOW).await.unwrap();
            let undone = Outcome::Undone(Undone::new(NOW, true, Vec::new()));
            let seen = now(&outbox);
            for _ in 0..2 {
                assert_eq!(outbox.settle(&seen, &undone, NOW).await.unwrap(), Settled::Done);
            }
            let stands = now(&outbox);
            assert_eq!((stands.ghl_id, stands.accepted_version, stands.failed_at), (None, None, None));
            outbox.put(&put("Ada"), LATER).await.unwrap();
            assert_eq!((now(&outbox).version, now(&outbox).due_at, now(&outbox).undo), (2, Some(LATER), None));
        });
    }
}

#[test]
fn a_call_that_may_still_arrive_holds_back_the_newer_version_too() {
    block_on_paused(async {
        let (outbox, ada) = with_ada().await;
        outbox.put(&put("Eve"), NOW).await.unwrap();
        outbox.settle(&ada, &retry(Some(EpochMs(80))), NOW).await.unwrap();
        assert_eq!((now(&outbox).not_before, now(&outbox).due_at), (Some(EpochMs(80)), Some(EpochMs(80))));
        outbox.put(&put("Zoe"), EpochMs(20)).await.unwrap();
        assert_eq!(now(&outbox).not_before, Some(EpochMs(80)), "a put does not lift it");
    });
}

#[test]
fn a_late_failure_does_not_undo_an_acceptance_and_a_late_acceptance_undoes_a_failure() {
    for late in [failed(), retry(None), wait()] {
        block_on_paused(async move {
            let (outbox, ada) = with_ada().await;
            outbox.settle(&ada, &accepted(&put("Ada")), NOW).await.unwrap();
            assert_eq!(outbox.settle(&ada, &late, LATER).await.unwrap(), Settled::ChangedMeanwhile);
            assert_eq!((now(&outbox).due_at, outbox.failed().len()), (None, 0));
        });
    }
    block_on_paused(async {
        let (outbox, ada) = with_ada().await;
        outbox.settle(&ada, &failed(), NOW).await.unwrap();
        assert_eq!(outbox.settle(&ada, &accepted(&put("Ada")), LATER).await.unwrap(), Settled::Done);
        assert_eq!(outbox.failed(), []);
    });
}

#[test]
fn a_retry_counts_the_attempt_and_a_wait_does_not() {
    block_on_paused(async {
        let (outbox, ada) = with_ada().await;
        outbox.settle(&ada, &retry(None), NOW).await.unwrap();
        assert_eq!((now(&outbox).attempts, now(&outbox).due_at), (1, Some(LATER)));
        outbox.settle(&now(&outbox), &wait(), NOW).await.unwrap();
        assert_eq!(now(&outbox).attempts, 1);
    });
}

#[test]
fn what_was_deleted_is_not_brought_back() {
    block_on_paused(async {
        let (outbox, ada) = with_ada().await;
        outbox.delete(&ada.location_id, &ada.key);
        assert_eq!(outbox.settle(&ada, &failed(), NOW).await.unwrap(), Settled::ChangedMeanwhile);
        assert_eq!(outbox.records(), []);
    });
}

#[test]
fn the_indexes_show_each_change_at_once_in_the_order_of_priority_and_time() {
    block_on_paused(async {
        let outbox = MemoryOutbox::default();
        let ada = put("Ada");
        let bob = PutRecord { id: RecordId::new("b").unwrap(), ..put("Bob") };
        outbox.put(&bob, NOW).await.unwrap();
        outbox.put(&ada, NOW + Duration::from_secs(1)).await.unwrap();
        let due = async |priority, limit| {
            let due = outbox.due(&ada.location_id, priority, limit).await.unwrap();
            due.into_iter().map(|due| due.key).collect::<Vec<_>>()
        };
        assert_eq!(due(Priority::Normal, 9).await, [bob.key(), ada.key()]);
        assert_eq!(due(Priority::Normal, 1).await, [bob.key()]);
        assert_eq!(due(Priority::High, 9).await, []);
        outbox.delete(&bob.location_id, &bob.key());
        outbox.settle(&now(&outbox), &accepted(&ada), NOW).await.unwrap();
        assert_eq!(due(Priority::Normal, 9).await, []);
        let Outcome::Accepted { ghl_id, .. } = accepted(&ada) else { panic!() };
        assert_eq!(outbox.of_ghl_id(&ada.location_id, &ghl_id).await.unwrap(), [ada.key()]);
    });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// The outbox refuses every item that DynamoDB would refuse.
    #[test]
    fn whatever_may_be_put_can_be_settled_however_long_its_errors_and_requests_are(
        length in 0_usize..=100_000,
        what in 0_usize..4,
        request in 0_usize..500_000,
        message in "[\\x01é🙂\"]{0,3000}",
    ) {
        let text = ["x", "🙂", "\u{1}", "\""][what];
        let value = text.repeat(length / [1, 4, 6, 2][what]).into();
        let mut put = put("Ada");
        if let Payload::Contact(contact) = &mut put.payload {
            let field = ghl_sync_model::CustomField { id: Some("f".to_owned()), key: None, value };
            contact.custom_fields = vec![field];
        }
        if put.check().is_ok() {
            block_on_paused(async move {
                let outbox = MemoryOutbox::default();
                outbox.put(&put, NOW).await.unwrap();
                let error = LastError { message: message.clone(), ..error() };
                let shows = |stays_due| Outcome::WouldSend { request: text.repeat(request / text.len()), stays_due };
                for _ in 0..6 {
                    let mut retry = retry(None);
                    if let Outcome::Retry { error: last, .. } = &mut retry {
                        *last = error.clone();
                    }
                    outbox.settle(&now(&outbox), &retry.in_bounds(), NOW).await.unwrap();
                    outbox.settle(&now(&outbox), &shows(true).in_bounds(), NOW).await.unwrap();
                }
                assert_eq!(now(&outbox).errors().len(), 5);
                assert_eq!(outbox.settle(&now(&outbox), &shows(false).in_bounds(), NOW).await.unwrap(), Settled::Done);
            });
        }
    }
}

//! Settles records: what is written when, and what is not.

use ghl_sync_engine::ports::{Outbox, Settled};
use ghl_sync_model::{ContentHash, EpochMs, ErrorCode, LastError, Outcome, Priority, Provenance, Record, Resolution};

use crate::fixtures::{RECORDS, Tables, accepted, contact, error, failed, ghl_id, key, retry};

#[tokio::test]
async fn an_accepted_record_leaves_the_due_index_and_keeps_what_ghl_told() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &retry(2, Some(3), None), EpochMs(2)).await.unwrap();
    let record = tables.record(&put.key()).await;

    let settled = tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(4)).await.unwrap();
    assert_eq!(settled, Settled::Done);
    assert_eq!(tables.index_size(RECORDS, "due").await, 0);
    let record = tables.record(&put.key()).await;
    assert_eq!((record.due_at, record.not_before, record.last_error, record.attempts), (None, None, None, 0));
    assert_eq!(record.ghl_id, Some(ghl_id("G1")));
    assert_eq!((record.accepted_version, record.accepted_hash), (Some(1), Some(put.payload.hash())));
}

#[tokio::test]
async fn the_first_word_about_who_created_an_id_stands_and_another_id_begins_anew() {
    use Provenance::{Created, Found, Unknown};
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let mut record = tables.put_and_load(&put, 1).await;
    let table = [
        ("G1", Unknown, Unknown),
        ("G1", Created, Created),
        ("G1", Unknown, Created),
        ("G1", Found, Created),
        ("G2", Unknown, Unknown),
        ("G2", Found, Found),
        ("G2", Created, Found),
        ("G3", Created, Created),
    ];
    for (id, provenance, remembered) in table {
        let accepted =
            Outcome::Accepted { ghl_id: ghl_id(id), hash: put.payload.hash(), provenance, not_stored: Vec::new() };
        tables.outbox.settle(&record, &accepted, EpochMs(4)).await.unwrap();
        record = tables.record(&put.key()).await;
        assert_eq!(record.provenance, remembered, "{id} {provenance:?}");
    }
}

#[tokio::test]
async fn an_acceptance_may_be_written_twice() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    for _ in 0..2 {
        let settled = tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
        assert_eq!(settled, Settled::Done);
    }
    assert_eq!(tables.record(&put.key()).await.accepted_version, Some(1));
}

#[tokio::test]
async fn a_failed_record_leaves_the_due_index_for_the_failed_one() {
    let tables = Tables::new().await;
    let record = tables.put_and_load(&contact("a", "Ada"), 1).await;
    let settled = tables.outbox.settle(&record, &failed(Some(ghl_id("G1"))), EpochMs(2)).await.unwrap();
    assert_eq!(settled, Settled::Done);
    assert_eq!((tables.index_size(RECORDS, "due").await, tables.index_size(RECORDS, "failed").await), (0, 1));
    let record = tables.record(&record.key).await;
    assert_eq!((record.last_error, record.ghl_id), (Some(error(ErrorCode::Rejected)), Some(ghl_id("G1"))));
}

#[tokio::test]
async fn a_record_to_retry_is_due_later_and_counts_the_attempt() {
    let tables = Tables::new().await;
    let mut record = tables.put_and_load(&contact("a", "Ada"), 1).await;
    for (attempts, not_before) in [(1, Some(60)), (2, None)] {
        let settled = tables.outbox.settle(&record, &retry(50, not_before, None), EpochMs(2)).await.unwrap();
        assert_eq!(settled, Settled::Done);
        record = tables.record(&record.key).await;
        assert_eq!((record.due_at, record.attempts), (Some(EpochMs(50)), attempts));
        assert_eq!(record.not_before, not_before.map(EpochMs));
        assert_eq!(record.last_error, Some(error(ErrorCode::MaxRetriesExceeded)));
    }
}

#[tokio::test]
async fn the_errors_before_the_last_one_are_kept_in_short_until_an_acceptance_that_met_none() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let mut record = tables.put_and_load(&put, 1).await;
    assert_eq!(record.errors(), [], "an item without the attribute");
    for status in 501..=507 {
        let error = LastError { status: Some(status), message: "é".repeat(400), ..error(ErrorCode::Rejected) };
        let outcome = Outcome::Retry {
            due_at: EpochMs(50),
            error,
            not_before: None,
            ghl_id: None,
            provenance: Provenance::Unknown,
        };
        tables.outbox.settle(&record, &outcome, EpochMs(2)).await.unwrap();
        record = tables.record(&record.key).await;
    }
    let statuses = |record: &Record| record.errors().iter().map(|error| error.status.unwrap()).collect::<Vec<_>>();
    assert_eq!(statuses(&record), [507, 506, 505, 504, 503]);
    assert!(record.errors().iter().all(|error| error.message.chars().count() == 300));
    for remembered in [5, 0] {
        tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(3)).await.unwrap();
        record = tables.record(&record.key).await;
        assert_eq!((record.errors().len(), &record.last_error), (remembered, &None));
    }
}

#[tokio::test]
async fn a_waiting_record_is_due_later_without_counting() {
    let tables = Tables::new().await;
    let record = tables.put_and_load(&contact("a", "Ada"), 1).await;
    let waits_for = Some(key("contact#b"));
    let wait = wait(40, waits_for.clone(), Some(30));
    assert_eq!(tables.outbox.settle(&record, &wait, EpochMs(2)).await.unwrap(), Settled::Done);
    let record = tables.record(&record.key).await;
    assert_eq!((record.due_at, record.attempts), (Some(EpochMs(40)), 0));
    assert_eq!((record.waits_for, record.not_before), (waits_for, Some(EpochMs(30))));
}

#[tokio::test]
async fn what_does_not_count_takes_back_what_was_written_against_the_record_since_it_was_loaded() {
    let tables = Tables::new().await;
    let would_send = Outcome::WouldSend { request: "POST /contacts/upsert".to_owned(), stays_due: false };
    for outcome in [wait(1, None, None), would_send] {
        let record = tables.put_and_load(&contact("a", "Ada"), 1).await;
        tables.outbox.settle(&record, &retry(50, None, None), EpochMs(2)).await.unwrap();
        assert_eq!(tables.record(&record.key).await.attempts, 1);
        tables.outbox.settle(&record, &outcome, EpochMs(3)).await.unwrap();
        let after = tables.record(&record.key).await;
        assert_eq!((after.attempts, after.errors()), (record.attempts, record.errors()), "{outcome:?}");
    }
    let mut record = tables.put_and_load(&contact("b", "Bob"), 1).await;
    for time in 2..4 {
        tables.outbox.settle(&record, &retry(time, None, None), EpochMs(time)).await.unwrap();
        record = tables.record(&record.key).await;
    }
    tables.outbox.settle(&record, &retry(50, None, None), EpochMs(4)).await.unwrap();
    tables.outbox.settle(&record, &wait(3, None, None), EpochMs(5)).await.unwrap();
    assert_eq!(tables.record(&record.key).await, record, "with the two errors that it had");
}

#[tokio::test]
async fn waiting_for_another_record_keeps_the_bar_against_a_late_call() {
    let tables = Tables::new().await;
    let record = tables.put_and_load(&contact("a", "Ada"), 1).await;
    tables.outbox.settle(&record, &wait(40, None, Some(30)), EpochMs(2)).await.unwrap();
    tables.outbox.settle(&record, &wait(50, Some(key("contact#b")), None), EpochMs(3)).await.unwrap();
    assert_eq!(tables.record(&record.key).await.not_before, Some(EpochMs(30)));
    tables.outbox.settle(&record, &wait(60, None, None), EpochMs(4)).await.unwrap();
    assert_eq!(tables.record(&record.key).await.waits_for, None);
}

#[tokio::test]
async fn a_dry_run_takes_the_record_out_unless_it_stays_due() {
    let tables = Tables::new().await;
    let record = tables.put_and_load(&contact("a", "Ada"), 1).await;
    for (stays_due, due) in [(true, 1), (false, 0)] {
        let outcome = Outcome::WouldSend { request: "POST /contacts/upsert".to_owned(), stays_due };
        assert_eq!(tables.outbox.settle(&record, &outcome, EpochMs(2)).await.unwrap(), Settled::Done);
        assert_eq!(tables.index_size(RECORDS, "due").await, due);
        assert!(tables.item(&record.key).await.unwrap().contains_key("dry_run"));
    }
    tables.outbox.put(&contact("a", "Ada"), EpochMs(3)).await.unwrap();
    assert_eq!(tables.due(Priority::Normal).await, ["contact#a"]);
    assert!(!tables.item(&record.key).await.unwrap().contains_key("dry_run"));
}

#[tokio::test]
async fn a_record_put_again_meanwhile_stays_due_and_learns_what_ghl_told() {
    let outcomes = [
        accepted(&contact("a", "Ada"), "G1"),
        failed(Some(ghl_id("G1"))),
        retry(90, None, Some(ghl_id("G1"))),
        Outcome::WouldSend { request: "POST".to_owned(), stays_due: false },
    ];
    for outcome in outcomes {
        let tables = Tables::new().await;
        let sent = tables.put_and_load(&contact("a", "Ada"), 1).await;
        tables.outbox.put(&contact("a", "Eve"), EpochMs(2)).await.unwrap();
        let settled = tables.outbox.settle(&sent, &outcome, EpochMs(3)).await.unwrap();
        assert_eq!(settled, Settled::ChangedMeanwhile, "{outcome:?}");

        let record = tables.record(&sent.key).await;
        assert_eq!((record.version, record.due_at, record.attempts), (2, Some(EpochMs(2)), 0), "{outcome:?}");
        assert_eq!(record.payload, contact("a", "Eve").payload, "{outcome:?}");
        let told = !matches!(outcome, Outcome::WouldSend { .. });
        assert_eq!(record.ghl_id.is_some(), told, "{outcome:?}");
        let accepted = matches!(outcome, Outcome::Accepted { .. }).then_some(1);
        assert_eq!(record.accepted_version, accepted, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_call_that_may_still_arrive_holds_back_the_newer_version_too() {
    for outcome in [retry(90, Some(80), None), wait(90, None, Some(80))] {
        let tables = Tables::new().await;
        let sent = tables.put_and_load(&contact("a", "Ada"), 1).await;
        tables.outbox.put(&contact("a", "Eve"), EpochMs(2)).await.unwrap();
        tables.outbox.settle(&sent, &outcome, EpochMs(3)).await.unwrap();
        let record = tables.record(&sent.key).await;
        assert_eq!((record.version, record.attempts), (2, 0));
        assert_eq!((record.not_before, record.due_at), (Some(EpochMs(80)), Some(EpochMs(80))));
    }
}

#[tokio::test]
async fn a_late_older_acceptance_does_not_overwrite_a_newer_one() {
    let tables = Tables::new().await;
    let (first, second) = (contact("a", "Ada"), contact("a", "Eve"));
    let older = tables.put_and_load(&first, 1).await;
    let newer = tables.put_and_load(&second, 2).await;
    tables.outbox.settle(&newer, &accepted(&second, "G2"), EpochMs(3)).await.unwrap();
    let settled = tables.outbox.settle(&older, &accepted(&first, "G1"), EpochMs(4)).await.unwrap();
    assert_eq!(settled, Settled::ChangedMeanwhile);
    let record = tables.record(&first.key()).await;
    assert_eq!((record.accepted_version, record.accepted_hash), (Some(2), Some(second.payload.hash())));
    assert_eq!((record.ghl_id, record.due_at), (Some(ghl_id("G2")), None));
}

#[tokio::test]
async fn a_late_failure_does_not_undo_an_acceptance_of_the_same_version() {
    let late = [failed(None), retry(90, None, None), wait(90, None, None)];
    for outcome in late {
        let tables = Tables::new().await;
        let put = contact("a", "Ada");
        let record = tables.put_and_load(&put, 1).await;
        tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
        let settled = tables.outbox.settle(&record, &outcome, EpochMs(3)).await.unwrap();
        assert_eq!(settled, Settled::ChangedMeanwhile, "{outcome:?}");
        let record = tables.record(&put.key()).await;
        assert_eq!((record.due_at, record.accepted_version), (None, Some(1)), "{outcome:?}");
        assert_eq!((tables.index_size(RECORDS, "due").await, tables.index_size(RECORDS, "failed").await), (0, 0));
    }
}

#[tokio::test]
async fn a_late_retry_does_not_put_off_what_reconciling_has_made_due_of_the_same_version() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let sent = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&sent, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
    let resend = Resolution::Resend { overruled: ContentHash::of(b"what GHL said") };
    assert!(tables.outbox.resolve(&tables.record(&put.key()).await, &resend, EpochMs(3)).await.unwrap());
    let settled = tables.outbox.settle(&sent, &retry(90, None, None), EpochMs(4)).await.unwrap();
    assert_eq!(settled, Settled::ChangedMeanwhile);
    let record = tables.record(&put.key()).await;
    assert_eq!((record.priority, record.due_at), (Priority::Low, Some(EpochMs(3))));
    assert_eq!(tables.due(Priority::Low).await, ["contact#a"]);
}

#[tokio::test]
async fn a_late_acceptance_clears_a_failure_of_the_same_version() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &failed(None), EpochMs(2)).await.unwrap();
    let settled = tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(3)).await.unwrap();
    assert_eq!(settled, Settled::Done);
    assert_eq!(tables.index_size(RECORDS, "failed").await, 0);
}

/// The crash mark: an error written against a suspected poison record before its first call.
fn mark() -> Outcome {
    Outcome::Retry {
        due_at: EpochMs(2),
        error: error(ErrorCode::Internal),
        not_before: None,
        ghl_id: None,
        provenance: Provenance::Unknown,
    }
}

#[tokio::test]
async fn what_was_written_against_a_suspect_is_taken_back_though_it_was_put_again() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let sent = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&sent, &mark(), EpochMs(1)).await.unwrap();
    tables.outbox.put(&contact("a", "Bob"), EpochMs(3)).await.unwrap();
    assert!(tables.record(&put.key()).await.last_error.is_some());
    let settled = tables.outbox.settle(&sent, &wait(1, None, None), EpochMs(4)).await.unwrap();
    assert_eq!(settled, Settled::ChangedMeanwhile);
    let record = tables.record(&put.key()).await;
    assert_eq!((record.due_at, record.attempts, record.errors()), (Some(EpochMs(3)), 0, vec![]));
}

/// Found by the simulated world with seed 9300000029.
#[tokio::test]
async fn what_was_cancelled_meanwhile_keeps_the_reason_though_its_batch_had_nothing_to_say() {
    for suspected in [false, true] {
        for put_again in [false, true] {
            let tables = Tables::new().await;
            let put = contact("a", "Ada");
            let sent = tables.put_and_load(&put, 1).await;
            if suspected {
                tables.outbox.settle(&sent, &mark(), EpochMs(1)).await.unwrap();
            }
            if put_again {
                tables.outbox.put(&contact("a", "Bob"), EpochMs(3)).await.unwrap();
            }
            let seen = tables.record(&put.key()).await;
            assert!(tables.outbox.withdraw(&seen, &error(ErrorCode::Cancelled), EpochMs(4)).await.unwrap());
            tables.outbox.settle(&sent, &wait(1, None, None), EpochMs(5)).await.unwrap();
            let record = tables.record(&put.key()).await;
            assert_eq!(
                record.last_error.map(|error| error.code),
                Some(ErrorCode::Cancelled),
                "{suspected} {put_again}"
            );
        }
    }
}

#[tokio::test]
async fn a_record_changed_meanwhile_costs_two_writes_and_any_other_one() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    let writes_of = async |at| {
        let before = tables.usage.snapshot();
        tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(at)).await.unwrap();
        tables.usage.snapshot().since(&before).writes().requests
    };
    assert_eq!(writes_of(2).await, 1);
    tables.outbox.put(&contact("a", "Eve"), EpochMs(3)).await.unwrap();
    assert_eq!(writes_of(4).await, 2);
}

pub(crate) fn wait(due_at: u64, waits_for: Option<ghl_sync_model::RecordKey>, not_before: Option<u64>) -> Outcome {
    Outcome::Wait {
        due_at: EpochMs(due_at),
        waits_for,
        not_before: not_before.map(EpochMs),
        ghl_id: None,
        provenance: Provenance::Unknown,
        is_gone: false,
    }
}

#[tokio::test]
async fn the_longest_record_that_may_be_put_can_be_settled_with_the_longest_errors_and_requests() {
    let tables = Tables::new().await;
    let mut put = contact("a", "Ada");
    if let ghl_sync_model::Payload::Contact(contact) = &mut put.payload {
        contact.city = Some("🙂".repeat(24_900));
    }
    put.check().unwrap();
    tables.put_and_load(&put, 1).await;
    for at in 2..9 {
        let record = tables.record(&put.key()).await;
        let mut retried = retry(at + 1, None, None);
        if let Outcome::Retry { error, .. } = &mut retried {
            error.message = "\u{1}".repeat(5_000);
        }
        tables.outbox.settle(&record, &retried.in_bounds(), EpochMs(at)).await.unwrap();
    }
    let record = tables.record(&put.key()).await;
    let shown = Outcome::WouldSend { request: "🙂".repeat(100_000), stays_due: false };
    assert_eq!(tables.outbox.settle(&record, &shown.in_bounds(), EpochMs(9)).await.unwrap(), Settled::Done);
    let record = tables.record(&put.key()).await;
    assert!(record.dry_run.is_some_and(|request| request.ends_with("of 400000 bytes)")));
}

#[tokio::test]
async fn the_fields_that_ghl_did_not_store_are_kept_with_the_version_that_it_accepted() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let accepted = |not_stored: &[&str]| Outcome::Accepted {
        ghl_id: ghl_id("G1"),
        hash: put.payload.hash(),
        provenance: Provenance::Unknown,
        not_stored: not_stored.iter().map(|field| (*field).to_owned()).collect(),
    };
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &accepted(&["gender", "phone"]), EpochMs(2)).await.unwrap();
    assert_eq!(tables.record(&put.key()).await.not_stored, ["gender", "phone"]);
    // An acceptance of an older version is true of that version.
    let record = tables.put_and_load(&contact("a", "Eve"), 3).await;
    tables.outbox.put(&contact("a", "Ida"), EpochMs(4)).await.unwrap();
    tables.outbox.settle(&record, &accepted(&["city"]), EpochMs(5)).await.unwrap();
    assert_eq!(tables.record(&put.key()).await.not_stored, ["city"]);
    let record = tables.record(&put.key()).await;
    tables.outbox.settle(&record, &accepted(&[]), EpochMs(6)).await.unwrap();
    assert_eq!(tables.record(&put.key()).await.not_stored, [""; 0]);
}

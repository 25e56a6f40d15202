//! Settles records that are gone: deleted in between, or no longer in GHL.

use ghl_sync_engine::ports::{Outbox, Settled};
use ghl_sync_model::{EpochMs, Outcome, Provenance, Undo, Undone};

use crate::fixtures::{Tables, accepted, contact, failed, ghl_id, retry};
use crate::settle::wait;

#[tokio::test]
async fn a_deleted_record_is_not_brought_back() {
    let put = contact("a", "Ada");
    let outcomes = [
        accepted(&put, "G1"),
        failed(Some(ghl_id("G1"))),
        retry(90, Some(90), Some(ghl_id("G1"))),
        wait(90, None, Some(90)),
        Outcome::WouldSend { request: "POST".to_owned(), stays_due: true },
    ];
    let tables = Tables::new().await;
    for outcome in outcomes {
        let record = tables.put_and_load(&put, 1).await;
        tables.delete(&put.key()).await;
        let settled = tables.outbox.settle(&record, &outcome, EpochMs(2)).await.unwrap();
        assert_eq!(settled, Settled::ChangedMeanwhile, "{outcome:?}");
        assert_eq!(tables.item(&put.key()).await, None, "{outcome:?}");
    }
}

#[tokio::test]
async fn an_id_under_which_ghl_has_nothing_any_more_is_forgotten_and_one_that_was_put_since_stays() {
    let tables = Tables::new().await;
    let put = contact("a", "Ada");
    let record = tables.put_and_load(&put, 1).await;
    tables.outbox.settle(&record, &accepted(&put, "G1"), EpochMs(2)).await.unwrap();
    let record = tables.put_and_load(&contact("a", "Eve"), 3).await;
    assert!(record.ghl_id.is_some());
    let gone = |due_at| match wait(due_at, None, None) {
        Outcome::Wait { due_at, waits_for, not_before, ghl_id, provenance, .. } => {
            Outcome::Wait { due_at, waits_for, not_before, ghl_id, provenance, is_gone: true }
        }
        other => other,
    };
    tables.outbox.settle(&record, &gone(4), EpochMs(4)).await.unwrap();
    let later = tables.put_and_load(&contact("a", "Eva"), 5).await;
    assert_eq!((later.ghl_id, later.provenance), (None, Provenance::Unknown));
}

/// Outcomes that say that GHL has deleted the record, or no longer has it.
fn deleted() -> [Outcome; 3] {
    let Outcome::Wait { due_at, waits_for, not_before, ghl_id, provenance, .. } = wait(4, None, None) else {
        unreachable!()
    };
    [
        Outcome::Undone(Undone::new(EpochMs(4), true, Vec::new())),
        Outcome::Deleted,
        Outcome::Wait { due_at, waits_for, not_before, ghl_id, provenance, is_gone: true },
    ]
}

#[tokio::test]
async fn a_record_put_again_while_ghl_deleted_it_forgets_the_id_unless_it_has_another_one_since() {
    let tables = Tables::new().await;
    for (number, outcome) in deleted().into_iter().enumerate() {
        let name = format!("a{number}");
        let record = tables.put_and_load(&contact(&name, "Ada"), 1).await;
        tables.outbox.settle(&record, &accepted(&contact(&name, "Ada"), "G1"), EpochMs(2)).await.unwrap();
        let sent = tables.record(&record.key).await;
        let again = tables.put_and_load(&contact(&name, "Eve"), 3).await;
        assert_eq!(again.ghl_id, Some(ghl_id("G1")));
        let settled = tables.outbox.settle(&sent, &outcome, EpochMs(4)).await.unwrap();
        assert_eq!(settled, Settled::ChangedMeanwhile, "{outcome:?}");
        let stands = tables.record(&record.key).await;
        assert_eq!(
            (stands.ghl_id.clone(), stands.version, stands.due_at),
            (None, again.version, again.due_at),
            "{outcome:?}"
        );

        let refound = accepted(&contact(&name, "Eve"), "G2");
        tables.outbox.settle(&stands, &refound, EpochMs(5)).await.unwrap();
        assert_eq!(tables.outbox.settle(&sent, &outcome, EpochMs(6)).await.unwrap(), Settled::ChangedMeanwhile);
        assert_eq!(tables.record(&record.key).await.ghl_id, Some(ghl_id("G2")), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_a_rollback_deleted_stands_as_undone_wherever_it_stood_and_a_put_of_the_same_content_goes_out() {
    let tables = Tables::new().await;
    let undone = Outcome::Undone(Undone::new(EpochMs(4), true, Vec::new()));
    for (name, ended) in [("a", accepted(&contact("a", "Ada"), "G1")), ("b", failed(Some(ghl_id("G1"))))] {
        let put = contact(name, "Ada");
        let record = tables.put_and_load(&put, 1).await;
        tables.outbox.settle(&record, &ended, EpochMs(2)).await.unwrap();
        let seen = tables.record(&record.key).await;
        for _ in 0..2 {
            let settled = tables.outbox.settle(&seen, &undone, EpochMs(4)).await.unwrap();
            assert_eq!(settled, Settled::Done, "{name}, the second time because the first reply was lost");
        }
        let stands = tables.record(&record.key).await;
        assert_eq!((stands.ghl_id.clone(), stands.accepted_version, stands.failed_at), (None, None, None), "{name}");
        assert!(matches!(&stands.undo, Some(Undo::Done(Undone { deleted: true, .. }))), "{name}: {stands:?}");
        let again = tables.put_and_load(&put, 5).await;
        assert_eq!((again.version, again.due_at, again.undo), (2, Some(EpochMs(5)), None), "{name}");
    }
}

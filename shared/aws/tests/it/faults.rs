//! Lost replies: a repeated write does not mistake its own first write for someone else's.

use ghl_sync_aws::{AwsConfig, DynamoOutbox};
use ghl_sync_engine::ports::{GateStore, Outbox, Put, Replaced, Settled};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, Priority, PutRecord};

use crate::fixtures::{RECORDS, accepted, behind_proxy, contact, failed, retry, scope};
use crate::servers;

#[tokio::test]
async fn a_repeated_replace_finds_its_own_token_and_is_a_success() {
    let (tables, proxy) = behind_proxy(true).await;
    for rev in 0..2 {
        proxy.lose_next_reply();
        let replaced = tables.gates.replace(&scope("s"), rev, &Gate::default()).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
    }
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap().rev, 2);
    assert_eq!(tables.usage.snapshot().gate_writes().requests, 4, "each attempt is counted");
}

#[tokio::test]
async fn a_repeated_settle_is_done_once() {
    let (tables, proxy) = behind_proxy(true).await;
    let put = contact("a", "Ada");
    for (outcome, attempts) in [(retry(50, None, None), 1), (failed(None), 0), (accepted(&put, "G1"), 0)] {
        let record = tables.put_and_load(&put, 1).await;
        proxy.lose_next_reply();
        let settled = tables.outbox.settle(&record, &outcome, EpochMs(2)).await.unwrap();
        assert_eq!(settled, Settled::Done, "{outcome:?}");
        assert_eq!(tables.record(&put.key()).await.attempts, attempts, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_repeated_put_is_due_once() {
    let (tables, proxy) = behind_proxy(true).await;
    let put = contact("a", "Ada");
    proxy.lose_next_reply();
    assert_eq!(tables.outbox.put(&put, EpochMs(1)).await.unwrap(), Put::Stored);
    let record = tables.record(&put.key()).await;
    assert_eq!((record.version, record.due_at), (2, Some(EpochMs(1))));
}

#[tokio::test]
async fn without_retries_a_lost_reply_is_an_error_with_its_source() {
    let (tables, proxy) = behind_proxy(false).await;
    proxy.lose_next_reply();
    let error = tables.gates.replace(&scope("s"), 0, &Gate::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "gates.replace failed");
    assert_eq!(error.source.to_string(), "dispatch failure");
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap().rev, 1, "it was done all the same");
}

#[tokio::test]
async fn a_call_that_may_still_arrive_holds_back_what_is_put_while_that_is_written_down_and_leaves_its_priority() {
    let (tables, proxy) = behind_proxy(false).await;
    let sent = tables.put_and_load(&contact("a", "Ada"), 1).await;
    tables.outbox.put(&contact("a", "Eve"), EpochMs(2)).await.unwrap();
    let urgent = PutRecord { priority: Priority::High, ..contact("a", "Ida") };
    let put = async { assert_eq!(tables.outbox.put(&urgent, EpochMs(3)).await.unwrap(), Put::Stored) };
    // The refused outcome passes; the put comes before the facts.
    let between = proxy.before_next(1, put);
    let outcome = retry(90, Some(80), None);
    let (settled, ()) = tokio::join!(tables.outbox.settle(&sent, &outcome, EpochMs(4)), between);
    assert_eq!(settled.unwrap(), Settled::ChangedMeanwhile);
    let record = tables.record(&sent.key).await;
    assert_eq!((record.version, record.priority), (3, Priority::High));
    assert_eq!((record.not_before, record.due_at), (Some(EpochMs(80)), Some(EpochMs(80))));
    assert_eq!(tables.due(Priority::High).await, ["contact#a"]);
}

#[tokio::test]
async fn a_call_that_may_still_arrive_makes_nothing_due_that_is_accepted_while_that_is_written_down() {
    let (tables, proxy) = behind_proxy(false).await;
    let sent = tables.put_and_load(&contact("a", "Ada"), 1).await;
    let eve = contact("a", "Eve");
    let newer = tables.put_and_load(&eve, 2).await;
    let acceptance = accepted(&eve, "G1");
    let accepts = async {
        assert_eq!(tables.outbox.settle(&newer, &acceptance, EpochMs(3)).await.unwrap(), Settled::Done);
    };
    let between = proxy.before_next(1, accepts);
    let outcome = retry(90, Some(80), None);
    let (settled, ()) = tokio::join!(tables.outbox.settle(&sent, &outcome, EpochMs(4)), between);
    assert_eq!(settled.unwrap(), Settled::ChangedMeanwhile);
    let record = tables.record(&sent.key).await;
    assert_eq!((record.not_before, record.due_at), (Some(EpochMs(80)), None));
    assert_eq!(tables.index_size(RECORDS, "due").await, 0);
}

#[tokio::test]
async fn a_repeated_bar_against_a_late_call_is_written_once() {
    let (tables, proxy) = behind_proxy(true).await;
    let sent = tables.put_and_load(&contact("a", "Ada"), 1).await;
    tables.outbox.put(&contact("a", "Eve"), EpochMs(2)).await.unwrap();
    let between = proxy.before_next(1, async { proxy.lose_next_reply() });
    let outcome = retry(90, Some(80), None);
    let (settled, ()) = tokio::join!(tables.outbox.settle(&sent, &outcome, EpochMs(3)), between);
    assert_eq!(settled.unwrap(), Settled::ChangedMeanwhile);
    assert_eq!(tables.record(&sent.key).await.due_at, Some(EpochMs(80)));
}

#[tokio::test]
async fn a_record_that_is_put_while_it_is_woken_is_due_at_a_time_that_nobody_has_seen() {
    let (tables, proxy) = behind_proxy(true).await;
    let waiting = tables.put_and_load(&contact("a", "Ada"), 1).await;
    let awaited = contact("b", "Bob").key();
    let urgent = PutRecord { priority: Priority::High, ..contact("a", "Eve") };
    let put = async { assert_eq!(tables.outbox.put(&urgent, EpochMs(7)).await.unwrap(), Put::Stored) };
    let between = proxy.before_next(0, put);
    let (woken, ()) = tokio::join!(tables.outbox.wake(&waiting, &awaited, EpochMs(9)), between);
    woken.unwrap();
    let record = tables.record(&waiting.key).await;
    assert_eq!((record.priority, record.due_at), (Priority::High, Some(EpochMs(8))));
    proxy.lose_next_reply();
    tables.outbox.wake(&record, &awaited, EpochMs(9)).await.unwrap();
    assert!(tables.record(&waiting.key).await.due_at > record.due_at);
}

#[tokio::test]
async fn a_put_into_a_location_that_is_full_says_what_to_do() {
    let answer =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ItemCollectionSizeLimitExceededException","message":"x"}"#;
    let (address, _) = servers::one_answer("400 Bad Request", answer).await;
    let config = AwsConfig { dynamodb_endpoint: Some(format!("http://{address}")), ..servers::config() };
    let outbox = DynamoOutbox::new(config.dynamodb(), RECORDS);
    let error = outbox.put(&contact("a", "Ada"), EpochMs(1)).await.unwrap_err();
    let text = error.source.to_string();
    assert!(text.contains("10 GB") && text.contains("delete items"), "{text}");
    assert!(error.source.source().is_some(), "DynamoDB's own words stay");
}

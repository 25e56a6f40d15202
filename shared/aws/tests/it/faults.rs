//! Replies that get lost: what was written once is not taken for somebody else's.

use ghl_sync_aws::{AwsConfig, Purpose};
use ghl_sync_engine::ports::{GateStore, Outbox, Put, Replaced, Settled};
use ghl_sync_limiter::Gate;
use ghl_sync_model::EpochMs;

use crate::fixtures::{Tables, accepted, contact, failed, retry, scope};
use crate::servers::{self, LossyProxy};

#[tokio::test]
async fn a_repeated_replace_finds_its_own_token_and_is_a_success() {
    let (tables, proxy) = behind_proxy(true).await;
    for rev in 0..2 {
        proxy.lose_next_reply();
        let replaced = tables.gates.replace(&scope("s"), rev, &Gate::default()).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
    }
    assert_eq!(tables.gates.load(&scope("s")).await.unwrap().rev, 2);
    assert_eq!(tables.usage.snapshot().of(Purpose::GateReplace).requests, 4, "each attempt is counted");
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

async fn behind_proxy(retries: bool) -> (Tables, LossyProxy) {
    let proxy = LossyProxy::before(servers::dynamodb().await).await;
    let dynamodb_endpoint = Some(format!("http://{}", proxy.address));
    (Tables::with(AwsConfig { dynamodb_endpoint, retries, ..servers::config() }).await, proxy)
}

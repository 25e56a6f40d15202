//! Issued tokens: compare and replace, lost replies, and what an item shows.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use ghl_sync_access::ports::{TokenReplaced, TokenStore};
use ghl_sync_access::{AccessToken, TokenEntry, TokenLease, Trouble};
use ghl_sync_aws::{AwsConfig, DynamoTokenStore, Usage};
use ghl_sync_model::{EpochMs, Holder, Secret};

use crate::fixtures::{STATE, Tables};
use crate::servers;

fn store(tables: &Tables) -> DynamoTokenStore {
    DynamoTokenStore::new(tables.client.clone(), STATE, Usage::new())
}

/// An entry with everything in it.
fn full(fence: u64, holder: &str) -> TokenEntry {
    TokenEntry {
        fence,
        access: Some(AccessToken {
            token: Secret::new("access-secret"),
            issued_at: Some(EpochMs(1_795_000_000_000)),
            expires_at: EpochMs(1_795_000_086_399),
        }),
        refresh: Some(Secret::new("refresh-secret")),
        lease: Some(TokenLease { holder: Holder::new(holder).unwrap(), until: EpochMs(1_795_000_015_000) }),
        spent_since: Some(EpochMs(1_795_000_000_001)),
        trouble: Some(Trouble {
            count: 3,
            retry_at: EpochMs(1_795_000_300_000),
            refused: Some("5f".to_owned()),
            inactive: fence > 2,
            reason: "GHL refuses it: invalid_grant".to_owned(),
        }),
    }
}

#[tokio::test]
async fn an_entry_is_read_back_as_it_was_written_and_one_that_is_not_there_is_the_default() {
    let tables = Tables::new().await;
    let store = store(&tables);
    assert_eq!(store.load("grant").await.unwrap(), TokenEntry::default());
    for entry in [full(1, "me"), TokenEntry { fence: 2, ..TokenEntry::default() }, full(3, "other")] {
        assert_eq!(store.replace("grant", &entry).await.unwrap(), TokenReplaced::Written);
        assert_eq!(store.load("grant").await.unwrap(), entry);
    }
    assert_eq!(store.load("grant#loc").await.unwrap(), TokenEntry::default());
}

#[tokio::test]
async fn of_eight_who_take_the_lease_at_once_one_has_it_and_all_others_see_whose_it_is() {
    let tables = Tables::new().await;
    let store = store(&tables);
    let takers = (0..8).map(|number| {
        let store = store.clone();
        async move { store.replace("grant", &full(1, &format!("holder-{number}"))).await.unwrap() }
    });
    let taken = join_all(takers).await;
    assert_eq!(taken.iter().filter(|taken| **taken == TokenReplaced::Written).count(), 1);
    let standing = store.load("grant").await.unwrap();
    let losers = taken.iter().filter(|taken| **taken != TokenReplaced::Written);
    assert!(losers.clone().all(|taken| *taken == TokenReplaced::Conflict(Box::new(standing.clone()))));
    assert_eq!(losers.count(), 7);
}

#[tokio::test]
async fn a_holder_whose_lease_was_taken_over_writes_nothing() {
    let tables = Tables::new().await;
    let store = store(&tables);
    store.replace("grant", &full(1, "slow")).await.unwrap();
    store.replace("grant", &full(2, "fast")).await.unwrap();
    let late = TokenEntry { fence: 2, access: None, ..full(2, "slow") };
    assert_eq!(store.replace("grant", &late).await.unwrap(), TokenReplaced::Conflict(Box::new(full(2, "fast"))));
}

#[tokio::test]
async fn a_write_that_the_sdk_repeats_after_a_lost_reply_shows_its_writer_what_it_wrote() {
    let proxy = servers::LossyProxy::before(servers::dynamodb().await).await;
    let config =
        AwsConfig { dynamodb_endpoint: Some(format!("http://{}", proxy.address)), retries: true, ..servers::config() };
    let tables = Tables::with(config).await;
    let store = store(&tables);
    proxy.lose_next_reply();
    let replaced = store.replace("grant", &full(1, "me")).await.unwrap();
    assert_eq!(replaced, TokenReplaced::Conflict(Box::new(full(1, "me"))));
}

#[tokio::test]
async fn an_item_expires_long_after_its_token_and_a_damaged_one_is_an_error_that_shows_nothing() {
    let tables = Tables::new().await;
    let store = store(&tables);
    store.replace("grant", &full(1, "me")).await.unwrap();
    let key = || AttributeValue::S("token#grant".to_owned());
    let item = tables.client.get_item().table_name(STATE).key("pk", key()).send().await.unwrap().item.unwrap();
    let ttl: u64 = item["ttl_epoch_s"].as_n().unwrap().parse().unwrap();
    assert_eq!(ttl, 1_795_000_300 + 400 * 86_400, "in seconds");
    assert_eq!(tables.index_size(STATE, "check").await, 0);
    let request = tables.client.update_item().table_name(STATE).key("pk", key());
    let request = request.update_expression("SET tokens = :t");
    let damaged = AttributeValue::S(r#"{"refresh": ["refresh-secret"]}"#.to_owned());
    request.expression_attribute_values(":t", damaged).send().await.unwrap();
    let error = store.load("grant").await.unwrap_err();
    let said = format!("{error}: {} {error:?}", error.source);
    assert!(said.contains("tokens.load failed") && said.contains("`tokens`"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn what_a_newer_build_has_written_beside_a_token_is_passed_over_after_a_rollback() {
    let tables = Tables::new().await;
    let store = store(&tables);
    let entry = full(1, "me");
    store.replace("grant", &entry).await.unwrap();
    let key = || AttributeValue::S("token#grant".to_owned());
    let item = tables.client.get_item().table_name(STATE).key("pk", key()).send().await.unwrap().item.unwrap();
    let newer = format!(r#"{{"scopes":["contacts"],{}"#, item["tokens"].as_s().unwrap().strip_prefix('{').unwrap());
    let update = tables.client.update_item().table_name(STATE).key("pk", key()).update_expression("SET tokens = :t");
    update.expression_attribute_values(":t", AttributeValue::S(newer)).send().await.unwrap();
    assert_eq!(store.load("grant").await.unwrap(), entry);
}

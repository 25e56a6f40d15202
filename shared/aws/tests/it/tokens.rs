//! Issued tokens: what an item stores, and what it shows.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_access::{AccessToken, RenewalFailure, TokenEntry, TokenLease};
use ghl_sync_engine::ports::{Entry, Replaced};
use ghl_sync_model::{EpochMs, Holder, Secret};

use crate::fixtures::{STATE, Tables};

/// An entry with every field set.
fn full(inactive: bool) -> TokenEntry {
    TokenEntry {
        access: Some(AccessToken {
            token: Secret::new("access-secret"),
            issued_at: Some(EpochMs(1_795_000_000_000)),
            expires_at: EpochMs(1_795_000_086_399),
        }),
        refresh: Some(Secret::new("refresh-secret")),
        lease: Some(TokenLease { holder: Holder::new("me").unwrap(), until: EpochMs(1_795_000_015_000) }),
        spent_since: Some(EpochMs(1_795_000_000_001)),
        trouble: Some(RenewalFailure {
            count: 3,
            retry_at: EpochMs(1_795_000_300_000),
            refused: Some("5f".to_owned()),
            inactive,
            reason: "GHL refuses it: invalid_grant".to_owned(),
        }),
    }
}

#[tokio::test]
async fn an_entry_is_read_back_as_it_was_written() {
    let tables = Tables::new().await;
    let tokens = tables.versioned::<TokenEntry>();
    for (rev, value) in [(0, full(false)), (1, TokenEntry::default()), (2, full(true))] {
        let replaced = tokens.replace("grant", rev, &value).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
        assert_eq!(tokens.load("grant").await.unwrap(), Some(Entry { rev: rev + 1, value }));
    }
    assert_eq!(tokens.load("grant#loc").await.unwrap(), None);
}

#[tokio::test]
async fn an_item_expires_long_after_its_token_and_a_damaged_one_is_an_error_that_shows_nothing() {
    let tables = Tables::new().await;
    let tokens = tables.versioned::<TokenEntry>();
    tokens.replace("grant", 0, &full(false)).await.unwrap();
    let key = || AttributeValue::S("token#grant".to_owned());
    let item = tables.client.get_item().table_name(STATE).key("pk", key()).send().await.unwrap().item.unwrap();
    let ttl: u64 = item["ttl_epoch_s"].as_n().unwrap().parse().unwrap();
    assert_eq!(ttl, 1_795_000_300 + 400 * 86_400, "in seconds");
    assert_eq!(tables.index_size(STATE, "check").await, 0);
    let request = tables.client.update_item().table_name(STATE).key("pk", key());
    let request = request.update_expression("SET tokens = :t");
    let damaged = AttributeValue::S(r#"{"refresh": ["refresh-secret"]}"#.to_owned());
    request.expression_attribute_values(":t", damaged).send().await.unwrap();
    let error = tokens.load("grant").await.unwrap_err();
    let said = format!("{error}: {} {error:?}", error.source);
    assert!(said.contains("tokens.load failed") && said.contains("`tokens`"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn what_a_newer_build_has_written_beside_a_token_is_passed_over_after_a_rollback() {
    let tables = Tables::new().await;
    let tokens = tables.versioned::<TokenEntry>();
    tokens.replace("grant", 0, &full(false)).await.unwrap();
    let key = || AttributeValue::S("token#grant".to_owned());
    let item = tables.client.get_item().table_name(STATE).key("pk", key()).send().await.unwrap().item.unwrap();
    let newer = format!(r#"{{"scopes":["contacts"],{}"#, item["tokens"].as_s().unwrap().strip_prefix('{').unwrap());
    let update = tables.client.update_item().table_name(STATE).key("pk", key()).update_expression("SET tokens = :t");
    update.expression_attribute_values(":t", AttributeValue::S(newer)).send().await.unwrap();
    assert_eq!(tokens.load("grant").await.unwrap(), Some(Entry { rev: 1, value: full(false) }));
}

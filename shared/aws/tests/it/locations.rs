//! Which locations are known, and what operators set for them.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_engine::ports::{Entry, Replaced};
use ghl_sync_model::{LocationId, SettingsOverlay};

use crate::fixtures::{STATE, Tables, location};

fn overlay(json: &str) -> SettingsOverlay {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn what_is_set_is_read_back_and_only_the_last_revision_can_be_replaced() {
    let tables = Tables::new().await;
    let settings = tables.versioned::<SettingsOverlay>();
    assert_eq!(settings.load(&location()).await.unwrap(), None);
    let first = overlay(r#"{"enabled":false,"pace":{"limit":7,"window_ms":2000},"default_priority":"low"}"#);
    assert_eq!(settings.replace(&location(), 0, &first).await.unwrap(), Replaced::Written { rev: 1 });
    let set = Some(Entry { rev: 1, value: first });
    assert_eq!(settings.load(&location()).await.unwrap(), set);
    let second = overlay(r#"{"daily_reserve":5}"#);
    assert_eq!(settings.replace(&location(), 0, &second).await.unwrap(), Replaced::Conflict(set));
    assert_eq!(settings.replace(&location(), 1, &second).await.unwrap(), Replaced::Written { rev: 2 });
    assert_eq!(settings.load(&location()).await.unwrap(), Some(Entry { rev: 2, value: second }));
}

#[tokio::test]
async fn a_setting_of_a_newer_build_is_passed_over_after_a_rollback() {
    let tables = Tables::new().await;
    let newer = r#"{"daily_reserve":5,"pace":{"limit":7,"window_ms":2000,"burst":3},"night_rest":{"from":"22:00"}}"#;
    let key = AttributeValue::S(format!("location#{}", location()));
    let update = tables.client.update_item().table_name(STATE).key("pk", key);
    let update = update.update_expression("SET rev = :r, settings = :s");
    let update = update.expression_attribute_values(":r", AttributeValue::N("3".to_owned()));
    update.expression_attribute_values(":s", AttributeValue::S(newer.to_owned())).send().await.unwrap();
    let known = overlay(r#"{"daily_reserve":5,"pace":{"limit":7,"window_ms":2000}}"#);
    let read = tables.versioned::<SettingsOverlay>().load(&location()).await.unwrap();
    assert_eq!(read, Some(Entry { rev: 3, value: known }));
}

#[tokio::test]
async fn a_location_is_listed_once_it_is_registered_or_set_and_keeps_what_is_set() {
    let tables = Tables::new().await;
    let ids = ["a", "b"].map(|id| LocationId::new(id).unwrap());
    for _ in 0..2 {
        tables.locations.register(&ids[0]).await.unwrap();
    }
    let settings = tables.versioned::<SettingsOverlay>();
    assert_eq!(settings.load(&ids[0]).await.unwrap(), Some(Entry::default()), "known, with nothing set");
    let set = overlay(r#"{"dry_run":true}"#);
    assert_eq!(settings.replace(&ids[0], 0, &set).await.unwrap(), Replaced::Written { rev: 1 });
    settings.replace(&ids[1], 0, &set).await.unwrap();
    tables.locations.register(&ids[1]).await.unwrap();
    let before = tables.usage.snapshot();
    assert_eq!(tables.locations.list().await.unwrap(), ids);
    assert_eq!(tables.usage.snapshot().since(&before).reads().requests, 1);
    assert_eq!(settings.load(&ids[1]).await.unwrap(), Some(Entry { rev: 1, value: set }));
    assert_eq!(tables.index_size(STATE, "locations").await, 2);
}

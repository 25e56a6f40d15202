//! What operators set for locations.

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_aws::Purpose;
use ghl_sync_engine::ports::SettingsWritten;
use ghl_sync_model::{LocationId, SettingsOverlay};

use crate::fixtures::{STATE, Tables, location};

fn overlay(json: &str) -> SettingsOverlay {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn what_is_set_is_read_back_and_only_the_last_revision_can_be_replaced() {
    let tables = Tables::new().await;
    let settings = &tables.settings;
    assert_eq!(settings.load(&location()).await.unwrap(), None);
    let first = overlay(r#"{"enabled":false,"pace":{"limit":7,"window_ms":2000},"default_priority":"low"}"#);
    assert_eq!(settings.store(&location(), 0, &first).await.unwrap(), SettingsWritten::Written { rev: 1 });
    assert_eq!(settings.load(&location()).await.unwrap(), Some((1, first.clone())));
    let second = overlay(r#"{"daily_reserve":5}"#);
    assert_eq!(settings.store(&location(), 0, &second).await.unwrap(), SettingsWritten::Conflict);
    assert_eq!(settings.store(&location(), 1, &second).await.unwrap(), SettingsWritten::Written { rev: 2 });
    assert_eq!(settings.store(&location(), 1, &second).await.unwrap(), SettingsWritten::Written { rev: 2 }, "repeated");
    assert_eq!(settings.load(&location()).await.unwrap(), Some((2, second)));
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
    assert_eq!(tables.settings.load(&location()).await.unwrap(), Some((3, known)));
}

#[tokio::test]
async fn a_location_is_listed_once_it_is_registered_or_set_and_keeps_what_is_set() {
    let tables = Tables::new().await;
    let ids = ["a", "b"].map(|id| LocationId::new(id).unwrap());
    for _ in 0..2 {
        tables.settings.register(&ids[0]).await.unwrap();
    }
    let set = overlay(r#"{"dry_run":true}"#);
    assert_eq!(tables.settings.store(&ids[0], 0, &set).await.unwrap(), SettingsWritten::Written { rev: 1 });
    tables.settings.store(&ids[1], 0, &set).await.unwrap();
    tables.settings.register(&ids[1]).await.unwrap();
    assert_eq!(tables.settings.list().await.unwrap(), ids);
    assert_eq!(tables.settings.load(&ids[1]).await.unwrap(), Some((1, set)));
    assert_eq!(tables.index_size(STATE, "locations").await, 2);
    assert_eq!(tables.usage.snapshot().of(Purpose::SettingsList).requests, 1);
}

//! Known locations, and the settings that operators make for them.

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

#[tokio::test]
async fn locations_are_read_page_by_page_together_and_removed_at_their_revision_only() {
    let tables = Tables::new().await;
    let settings = tables.versioned::<SettingsOverlay>();
    let ids: Vec<LocationId> = (0..250).map(|number| LocationId::new(format!("l{number:03}")).unwrap()).collect();
    for id in &ids[..240] {
        settings.replace(id, 0, &overlay(&format!(r#"{{"name":"{id}"}}"#))).await.unwrap();
    }
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = tables.locations.page(after.as_ref(), 100).await.unwrap();
        assert!(page.ids.len() <= 100);
        paged.extend(page.ids);
        after = paged.last().cloned();
        if !page.has_more {
            break;
        }
    }
    assert_eq!(paged, ids[..240]);
    let before = tables.usage.snapshot().reads().requests;
    let read = settings.load_each(&ids).await.unwrap();
    assert_eq!(tables.usage.snapshot().reads().requests, before + 3, "a hundred at once");
    let names: Vec<Option<String>> = read.into_iter().map(|entry| entry.and_then(|entry| entry.value.name)).collect();
    let expected = ids.iter().enumerate().map(|(place, id)| (place < 240).then(|| id.to_string()));
    assert_eq!(names, expected.collect::<Vec<_>>());

    assert!(!settings.remove(&ids[0], Some(2)).await.unwrap(), "somebody else has read another one");
    assert!(settings.remove(&ids[0], Some(1)).await.unwrap());
    assert!(settings.remove(&ids[0], Some(1)).await.unwrap(), "it is gone, whoever removed it");
    assert!(settings.remove(&ids[1], None).await.unwrap());
    assert_eq!(settings.load(&ids[1]).await.unwrap(), None);
    assert_eq!(tables.locations.page(None, 1).await.unwrap().ids, [ids[2].clone()]);
}

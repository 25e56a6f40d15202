//! Migrations: compare and replace, claims, pages, and due checks.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_aws::DynamoMigrationStore;
use ghl_sync_aws::tables::state;
use ghl_sync_engine::ports::{GateStore, Replaced};
use ghl_sync_migrate::ports::{MigrationStore, TargetClaim};
use ghl_sync_model::{
    Created, EpochMs, GhlId, LocationId, MappingOverrides, Migration, MigrationId, MigrationOverlay, MigrationPage,
    MigrationRequest, PageContent, PageKind, Part, Transferred,
};

use crate::fixtures::{STATE, Tables, behind_proxy, scope};

/// Longer than any test takes.
const LATER: EpochMs = EpochMs(4_102_444_800_000);

#[tokio::test]
async fn a_migration_and_its_pages_expire_and_the_claim_of_its_target_does_not() {
    let (tables, store) = empty().await;
    let migration = migration("mig-1", 1_795_000_000_000);
    write(&tables, 0, &migration).await;
    store.put_page(&migration.id, PageKind::Journal, &journal(0, None), migration.keep_pages_until()).await.unwrap();
    store.claim_target(&migration.target, &migration.id).await.unwrap();
    let items = tables.client.scan().table_name(STATE).send().await.unwrap().items.unwrap();
    let expires: BTreeMap<&str, Option<u64>> = items
        .iter()
        .map(|item| {
            let expires = item.get(state::TTL).map(|seconds| seconds.as_n().unwrap().parse().unwrap());
            (item[state::PK].as_s().unwrap().as_str(), expires)
        })
        .collect();
    let (day, from) = (86_400, 1_795_000_000);
    let expected = [
        ("migration#mig-1", Some(from + 400 * day)),
        ("migration#mig-1#page#journal#000000", Some(from + 800 * day)),
        ("migration-target#t", None),
    ];
    assert_eq!(expires, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_write_that_the_sdk_repeats_after_a_lost_reply_is_a_success_and_done_once() {
    let (tables, proxy) = behind_proxy(true).await;
    let store = store(&tables);
    let (target, id) = (location("t"), id("mig-1"));

    proxy.lose_next_reply();
    assert_eq!(store.claim_target(&target, &id).await.unwrap(), TargetClaim::Claimed { round: 0 });
    assert_eq!(tables.usage.snapshot().writes().requests, 2, "each attempt is counted");
    proxy.lose_next_reply();
    store.release_target(&target, &id, true).await.unwrap();
    assert_eq!(store.claim_target(&target, &id).await.unwrap(), TargetClaim::Claimed { round: 1 });
}

#[tokio::test]
async fn a_target_is_one_migrations_until_that_one_releases_it() {
    let (_, store) = empty().await;
    let (target, first, second) = (location("t"), id("mig-1"), id("mig-2"));
    for _ in 0..2 {
        assert_eq!(store.claim_target(&target, &first).await.unwrap(), TargetClaim::Claimed { round: 0 });
        assert_eq!(store.claim_target(&target, &second).await.unwrap(), TargetClaim::HeldBy(first.clone()));
        store.release_target(&target, &second, true).await.unwrap();
    }
    store.release_target(&target, &first, false).await.unwrap();
    assert_eq!(store.claim_target(&target, &second).await.unwrap(), TargetClaim::Claimed { round: 0 });
    store.release_target(&target, &second, true).await.unwrap();
    store.release_target(&target, &second, true).await.unwrap();
    assert_eq!(store.claim_target(&target, &first).await.unwrap(), TargetClaim::Claimed { round: 1 });
    assert_eq!(store.claim_target(&location("u"), &second).await.unwrap(), TargetClaim::Claimed { round: 0 });
}

#[tokio::test]
async fn pages_come_in_the_order_of_their_numbers_however_many_there_are() {
    let (tables, store) = empty().await;
    let id = id("mig-1");
    for number in (0..130).rev() {
        store.put_page(&id, PageKind::Journal, &journal(number, None), LATER).await.unwrap();
    }
    store
        .put_page(&id, PageKind::Contact, &page(0, PageContent::Transferred(Transferred::default())), LATER)
        .await
        .unwrap();
    store.put_page(&id, PageKind::Journal, &journal(7, Some("f7")), LATER).await.unwrap();

    let numbers = async |from, limit| {
        let pages = store.pages(&id, PageKind::Journal, from, limit).await.unwrap();
        pages.into_iter().map(|page| page.number).collect::<Vec<u32>>()
    };
    assert_eq!(numbers(0, u32::MAX).await, (0..130).collect::<Vec<_>>());
    assert_eq!(numbers(120, 25).await, (120..130).collect::<Vec<_>>());
    assert_eq!(numbers(5, 3).await, [5, 6, 7]);
    assert_eq!(numbers(130, 10).await, [0; 0]);
    assert_eq!(numbers(0, 0).await, [0; 0]);
    let replaced = store.pages(&id, PageKind::Journal, 7, 1).await.unwrap();
    assert_eq!(replaced, [journal(7, Some("f7"))]);
    assert_eq!(store.pages(&id, PageKind::Contact, 0, 10).await.unwrap().len(), 1);
    assert_eq!(store.pages(&self::id("mig-2"), PageKind::Journal, 0, 10).await.unwrap(), []);
    let before = tables.usage.snapshot();
    store.pages(&id, PageKind::Journal, 0, 100).await.unwrap();
    assert_eq!(tables.usage.snapshot().since(&before).reads().requests, 1);
}

#[tokio::test]
async fn a_migration_needs_a_look_when_its_time_has_come_and_no_gate_is_taken_for_one() {
    let (tables, store) = empty().await;
    tables.gates.advance_work_seq(&scope("s"), EpochMs(1)).await.unwrap();
    for (name, next_check_at) in [("mig-c", Some(30)), ("mig-a", Some(20)), ("mig-b", None), ("mig-d", Some(10))] {
        let next_check_at = next_check_at.map(EpochMs);
        write(&tables, 0, &Migration { next_check_at, ..migration(name, 5) }).await;
    }
    assert_eq!(store.needing_check(EpochMs(25), 10).await.unwrap(), [id("mig-d"), id("mig-a")]);
    assert_eq!(store.needing_check(EpochMs(99), 1).await.unwrap(), [id("mig-d")]);
    assert_eq!(store.needing_check(EpochMs(99), 0).await.unwrap(), []);
    assert_eq!(tables.gates.needing_check(EpochMs(99), 10).await.unwrap().scopes, [scope("s")]);
    write(&tables, 1, &migration("mig-d", 5)).await;
    assert_eq!(store.needing_check(EpochMs(25), 10).await.unwrap(), [id("mig-a")]);
}

#[tokio::test]
async fn the_newest_migrations_are_listed_first_and_no_location_is_taken_for_one() {
    let (tables, store) = empty().await;
    tables.locations.register(&location("loc")).await.unwrap();
    for at in 1..=5 {
        write(&tables, 0, &migration(&format!("mig-{at}"), at)).await;
        store.put_page(&id(&format!("mig-{at}")), PageKind::Journal, &journal(0, None), LATER).await.unwrap();
    }
    let names = async |limit| {
        let listed = store.list(limit).await.unwrap();
        listed.into_iter().map(|migration| migration.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(3).await, ["mig-5", "mig-4", "mig-3"]);
    assert_eq!(names(u32::MAX).await.len(), 5);
    assert_eq!(names(0).await, [""; 0]);
    assert_eq!(tables.locations.list().await.unwrap(), [location("loc")]);
}

#[tokio::test]
async fn a_migration_that_cannot_be_read_is_an_error_that_shows_nothing_of_it() {
    let tables = Tables::new().await;
    write(&tables, 0, &migration("mig-1", 5)).await;
    let request = tables.client.update_item().table_name(STATE);
    let request = request.key("pk", AttributeValue::S("migration#mig-1".to_owned()));
    let damaged = AttributeValue::S(r#"{"id":"ann@example.com"}"#.to_owned());
    let request = request.update_expression("SET migration = :m").expression_attribute_values(":m", damaged);
    request.send().await.unwrap();
    let error = tables.versioned::<Migration>().load(&id("mig-1")).await.unwrap_err();
    assert_eq!(error.to_string(), "migrations.load failed");
    assert!(error.source.to_string().starts_with("attribute `migration` cannot be read at line 1"), "{error:?}");
    assert!(!format!("{error:?}").contains("ann@"), "{error:?}");
}

async fn write(tables: &Tables, rev: u64, migration: &Migration) {
    let replaced = tables.versioned().replace(&migration.id, rev, migration).await.unwrap();
    assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
}

async fn empty() -> (Tables, DynamoMigrationStore) {
    let tables = Tables::new().await;
    let store = store(&tables);
    (tables, store)
}

fn store(tables: &Tables) -> DynamoMigrationStore {
    DynamoMigrationStore::new(tables.client.clone(), STATE)
}

fn id(text: &str) -> MigrationId {
    MigrationId::new(text).unwrap()
}

fn location(text: &str) -> LocationId {
    LocationId::new(text).unwrap()
}

fn page(number: u32, content: PageContent) -> MigrationPage {
    MigrationPage { number, content }
}

/// A created field, or one about to be created.
fn journal(number: u32, id: Option<&str>) -> MigrationPage {
    let created = Created {
        part: Part::CustomFields,
        source_id: GhlId::new(format!("s{number}")).unwrap(),
        name: "Größe 👟".to_owned(),
        intended_at: EpochMs(7),
        id: id.map(|id| GhlId::new(id).unwrap()),
        made_at: None,
        found: false,
        stages: [].into(),
        refused: None,
        deleted: false,
    };
    page(number, PageContent::Created(created))
}

fn migration(name: &str, at: u64) -> Migration {
    let request = MigrationRequest {
        source: location("s"),
        target: location("t"),
        auto_approve: true,
        settings: MigrationOverlay::default(),
        overrides: MappingOverrides::default(),
    };
    Migration::new(id(name), request, false, EpochMs(at))
}

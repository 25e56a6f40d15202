//! Large records: no page outgrows an item of the store, and none that GHL shows stops anything.

use ghl_sync_engine::usecase::ReconcileEnd;
use ghl_sync_model::{
    Contact, CustomField, Endpoint, EpochMs, FieldDefinition, FieldType, Kind, MigrationStage, MigrationStatus,
};
use ghl_sync_testkit::block_on_paused;
use serde_json::json;

use super::fixtures::{Scene, Size, new_field, setup, source};
use crate::fixtures::{HOUR, SECOND};

/// A source of `count` contacts whose notes have so many bytes each.
async fn scene_of_large_contacts(count: usize, bytes: usize) -> Scene {
    let scene = Scene::empty(setup());
    scene.fill_source(Size { contacts: 1, deals: 0, ..Size::SMALL });
    scene.pipelines_in_target(Size::SMALL);
    let field = new_field("Notes of the visit", Kind::Contact, FieldType::LargeText);
    let field = scene.world.ghl.add_custom_field(&source(), field).unwrap();
    (0..count).for_each(|n| scene.world.ghl.add_contact(&source(), large(n, bytes, &field), &[]).map(drop).unwrap());
    scene.world.run_for(20 * SECOND).await;
    scene
}

fn large(n: usize, bytes: usize, field: &FieldDefinition) -> Contact {
    let value = CustomField { id: Some(field.id.to_string()), key: None, value: json!("x".repeat(bytes)) };
    let email = Some(format!("large{n}@example.test"));
    Contact { email, custom_fields: vec![value], ..Contact::default() }
}

#[test]
fn contacts_of_any_size_are_migrated_and_compared_and_no_item_outgrows_the_store() {
    for (count, bytes) in [(105, 6_000), (110, 12_000)] {
        block_on_paused(async {
            let scene = scene_of_large_contacts(count, bytes).await;
            let (migration, report) = scene.migrate().await;
            assert_eq!(report.status, MigrationStatus::Done, "{count} of {bytes}: {:?}", report.reason);
            let verify = report.verify.unwrap();
            assert_eq!((verify.ok, verify.missing, verify.different), (count as u64 + 1, 0, 0), "{count} of {bytes}");
            assert!(scene.store.largest() < 400 * 1024, "{}", scene.store.largest());
            // What fits is remembered: a walk finds it out once.
            let pages = scene.world.ghl.arrivals_at(Endpoint::ContactsPage).len();
            let fitting = (1 << 20) / bytes;
            assert!(pages <= 5 * (count / (fitting / 2).clamp(1, 100) + 8), "{pages} pages, {count} of {bytes}");
            assert!(migration.source_contacts.limit <= 100);
        });
    }
}

#[test]
fn a_thing_that_no_item_can_hold_stops_the_migration_with_the_reason() {
    block_on_paused(async {
        let scene = scene_of_large_contacts(1, 10).await;
        scene.world.ghl.add_custom_value(&source(), "Terms", &"y".repeat(500_000)).unwrap();
        let id = scene.migrator.start(scene.request(), None).await.unwrap().id;
        let mut told = None;
        for step in 0..20 {
            match scene.queue.receive() {
                Some(message) => drop(scene.migrator.step(&message, &scene.invocation(step)).await),
                None => scene.world.run_for(10 * SECOND).await,
            }
            let view = scene.migrator.status(&id).await.unwrap().unwrap();
            told = told.or(view.migration.reason.filter(|_| view.migration.status == MigrationStatus::Running));
        }
        let told = told.expect("the reason is told while it is still tried");
        assert!(told.contains("a store has failed 3 times in a row") && told.contains("400 KB"), "{told}");
        let (migration, report) = scene.drive(&id, 24 * HOUR).await;
        assert_eq!((report.status, migration.stage), (MigrationStatus::Failed, MigrationStage::Discover));
        assert!(report.reason.as_ref().unwrap().contains("larger than 400 KB"), "{:?}", report.reason);
    });
}

#[test]
fn reconciling_reads_changes_of_contacts_of_any_size_and_remembers_what_fits() {
    block_on_paused(async {
        let scene = scene_of_large_contacts(110, 12_000).await;
        let mut report = scene.world.engine.reconcile(&source(), &scene.invocation(0)).await;
        let mut contacts = report.contacts;
        for n in 1..20 {
            if report.ended == ReconcileEnd::CaughtUp {
                break;
            }
            scene.world.run_for(60 * SECOND).await;
            report = scene.world.engine.reconcile(&source(), &scene.invocation(n)).await;
            contacts += report.contacts;
        }
        assert_eq!((report.ended, contacts), (ReconcileEnd::CaughtUp, 111));
        let before = scene.world.ghl.arrivals_at(Endpoint::ContactsChanged).len();
        assert!(before <= 4, "{before}: a page that is too long is asked for once");
        let mut pulled = 0;
        let (since, location, invocation) = (EpochMs(0), source(), scene.invocation(99));
        let count =
            scene.world.engine.contacts_changed_since(&location, since, &invocation, |page| pulled += page.len());
        assert_eq!((count.await.unwrap(), pulled), (111, 111));
    });
}

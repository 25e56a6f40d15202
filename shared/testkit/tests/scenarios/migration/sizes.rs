//! Large records: no page outgrows an item of the store, and no record from GHL stops the migration.

use std::collections::BTreeSet;

use ghl_sync_engine::counts::Counter;
use ghl_sync_engine::ports::{Clock, Counters};
use ghl_sync_engine::usecase::ReconcileEnd;
use ghl_sync_model::{
    Contact, CustomField, Endpoint, EpochMs, FieldDefinition, FieldType, GhlId, Kind, MigrationStage, MigrationStatus,
    Problem,
};
use ghl_sync_testkit::block_on_paused;
use serde_json::json;

use super::fixtures::{Scene, Size, new_field, setup, source, target};
use crate::fixtures::{HOUR, SECOND};

/// A source of `count` contacts with notes of `bytes` bytes each.
async fn scene_of_large_contacts(count: usize, bytes: usize) -> Scene {
    let scene = Scene::empty(setup());
    scene.fill_source(Size { contacts: 1, opportunities: 0, ..Size::SMALL });
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
            // A scan finds the fitting page size only once and remembers it.
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
        let mut report = scene.world.reconciler().reconcile(&source(), &scene.invocation(0)).await;
        let mut contacts = report.contacts;
        for n in 1..20 {
            if report.ended == ReconcileEnd::CaughtUp {
                break;
            }
            scene.world.run_for(60 * SECOND).await;
            report = scene.world.reconciler().reconcile(&source(), &scene.invocation(n)).await;
            contacts += report.contacts;
        }
        assert_eq!((report.ended, contacts), (ReconcileEnd::CaughtUp, 111));
        let before = scene.world.ghl.arrivals_at(Endpoint::ContactsChanged).len();
        assert!(before <= 4, "{before}: a page that is too long is asked for once");
        let mut pulled = 0;
        let (since, location, invocation) = (EpochMs(0), source(), scene.invocation(99));
        let reconciler = scene.world.reconciler();
        let count =
            reconciler.contacts_changed_since(&location, since, &invocation, |page| pulled += page.contacts.len());
        assert_eq!((count.await.unwrap(), pulled), (111, 111));
    });
}

/// 130 small contacts and, at these places among them, some that are too long to be read. Returns the ids of the long
/// ones.
async fn long_among_others(places: &[usize]) -> (Scene, Vec<GhlId>) {
    let scene = scene_of_large_contacts(0, 0).await;
    let mut long = Vec::new();
    for n in 0..130 {
        let contact = Contact { email: Some(format!("p{n}@example.test")), ..Contact::default() };
        let source_text = places.contains(&n).then(|| "x".repeat(1_100_000));
        let is_long = source_text.is_some();
        let id = scene.world.ghl.add_contact(&source(), Contact { source: source_text, ..contact }, &[]).unwrap();
        long.extend(is_long.then_some(id));
        scene.world.run_for(SECOND).await;
    }
    scene.world.run_for(20 * SECOND).await;
    (scene, long)
}

#[test]
fn pulling_passes_over_contacts_that_are_too_long_names_them_and_reads_all_others() {
    block_on_paused(async {
        let (scene, long) = long_among_others(&[0, 60, 61, 129]).await;
        let (mut emails, mut passed_over) = (BTreeSet::new(), Vec::new());
        let (location, invocation) = (source(), scene.invocation(0));
        let reconciler = scene.world.reconciler();
        let count = reconciler.contacts_changed_since(&location, EpochMs(0), &invocation, |page| {
            passed_over.extend(page.unread.into_iter().filter_map(|one| one.id));
            emails.extend(page.contacts.into_iter().filter_map(|contact| contact.content.email));
        });
        // One is there from the beginning, a `person0`.
        assert_eq!(count.await.unwrap(), 127);
        assert_eq!((passed_over, emails.iter().filter(|email| email.starts_with('p')).count()), (long, 127));
        let calls = scene.world.ghl.arrivals_at(Endpoint::ContactsChanged).len();
        assert!(calls < 60, "{calls}: the page grows again behind a contact that is too long");
    });
}

#[test]
fn a_contact_that_is_too_long_stops_no_migration_and_is_named_in_its_findings() {
    block_on_paused(async {
        let (scene, long) = long_among_others(&[0, 60, 129]).await;
        let target_long = Contact { source: Some("y".repeat(1_100_000)), ..Contact::default() };
        scene.world.ghl.add_contact(&target(), target_long, &[]).unwrap();
        scene.world.run_for(20 * SECOND).await;
        let (migration, report) = scene.migrate().await;
        let verify = report.verify.unwrap();
        assert_eq!((verify.ok, verify.missing, verify.different), (128, 3, 0), "{:?}", report.reason);
        assert_eq!(report.status, MigrationStatus::Incomplete);
        let mut findings = Vec::new();
        for page in 0..migration.verify.findings {
            findings.extend(scene.migrator.findings(&migration.id, page).await.unwrap());
        }
        let named: Vec<_> = findings
            .iter()
            .filter(|it| matches!(&it.problem, Problem::Missing { reason } if reason.contains("1 MB")))
            .map(|it| it.source_id.clone())
            .collect();
        assert_eq!(named, long);
        assert!(!serde_json::to_string(&findings).unwrap().contains("xxx"));
        let counted = scene.world.counters.of(&source(), scene.world.clock.now()).await.unwrap().total;
        let passed_over = counted.get(Counter::PassedOver);
        assert!(passed_over >= 3, "{passed_over}");
    });
}

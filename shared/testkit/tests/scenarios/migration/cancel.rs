//! A cancelled migration stops: records that it has put and GHL does not have yet are withdrawn.

use ghl_sync_migrate::MigrationStartError;
use ghl_sync_model::{Call, ErrorCode, MigrationId, MigrationStage, MigrationStatus, Record};
use ghl_sync_testkit::{CallFault, block_on_paused, dying_at_await};

use super::fixtures::{Scene, Size};
use crate::fixtures::{HOUR, SECOND};

const SIZE: Size = Size { contacts: 117, opportunities: 0, ..Size::SMALL };

fn is_withdrawn(record: &Record) -> bool {
    record.failed_at.is_some() && record.last_error.as_ref().is_some_and(|error| error.code == ErrorCode::Cancelled)
}

/// GHL accepts no contacts.
fn refuse_contacts(scene: &Scene) {
    scene.world.ghl.on_call(|seen| matches!(seen.call, Call::UpsertContact(_)).then(|| CallFault::status(500)));
}

/// A migration with records under way while GHL accepts none.
async fn under_way(size: Size) -> (Scene, MigrationId) {
    let scene = Scene::of(size).await;
    scene.pipelines_in_target(size);
    refuse_contacts(&scene);
    let id = scene.migrator.start(scene.request(), None).await.unwrap().id;
    scene.step_until_contacts_are_put(&id).await;
    (scene, id)
}

#[test]
fn what_ghl_does_not_have_yet_is_withdrawn_and_the_counts_are_those_of_ghl() {
    block_on_paused(async {
        let scene = Scene::of(SIZE).await;
        scene.pipelines_in_target(SIZE);
        let id = scene.migrator.start(scene.request(), None).await.unwrap().id;
        scene.step_until_contacts_are_put(&id).await;
        // Some contacts are there, and calls are under way.
        scene.world.run_for(SECOND).await;
        scene.migrator.cancel(&id, None).await.unwrap();
        let (_, report) = scene.drive(&id, HOUR).await;
        assert_eq!(report.status, MigrationStatus::Cancelled);
        let there = scene.world.ghl.contact_count() - 117;
        scene.world.run_for(HOUR).await;
        assert_eq!(scene.world.ghl.contact_count() - 117, there, "nothing goes out any more");
        assert!(there > 0 && there < 117, "{there}");
        let records = scene.records_of_target().await;
        let withdrawn = records.iter().filter(|record| is_withdrawn(record)).count();
        assert_eq!(there + withdrawn, records.len(), "each is there or withdrawn");
        let report = scene.migrator.report(&id).await.unwrap().unwrap();
        let counts = report.contacts;
        assert_eq!((counts.migrated, counts.withdrawn), (there as u64, withdrawn as u64));
        assert_eq!((counts.open, counts.failed, counts.source), (0, 0, 117));
    });
}

#[test]
fn the_target_is_taken_until_all_is_withdrawn_wherever_that_is_cut_off_and_then_a_new_one_brings_everybody() {
    block_on_paused(async {
        let (scene, id) = under_way(SIZE).await;
        scene.migrator.cancel(&id, None).await.unwrap();
        let refused = scene.migrator.start(scene.request(), None).await.unwrap_err();
        assert!(matches!(&refused, MigrationStartError::TargetIsBusy { by, .. } if *by == id), "{refused}");
        let (_, report) = scene.drive_dying(&id, HOUR, |step| (step % 2 == 1).then_some(step * 17)).await;
        assert_eq!((report.contacts.withdrawn, report.contacts.migrated), (117, 0));
        scene.world.ghl.heal();
        scene.world.run_for(HOUR).await;
        assert_eq!(scene.world.ghl.contact_count(), 117, "those of the source");
        let (second, _) = scene.migrate().await;
        scene.assert_complete(&second.id, SIZE).await;
    });
}

#[test]
fn what_a_step_had_put_that_died_is_withdrawn_as_well() {
    block_on_paused(async {
        let scene = Scene::of(SIZE).await;
        scene.pipelines_in_target(SIZE);
        refuse_contacts(&scene);
        let id = scene.migrator.start(scene.request(), None).await.unwrap().id;
        let mut steps = 0;
        while scene.records_of_target().await.is_empty() {
            let _ = scene.migrator.revive().await;
            match scene.queue.receive() {
                Some(message) => {
                    steps += 1;
                    let _ = dying_at_await(40 + steps, scene.migrator.step(&message, &scene.invocation(steps))).await;
                }
                None => scene.world.run_for(SECOND).await,
            }
        }
        let migration = scene.migrator.status(&id).await.unwrap().unwrap().migration;
        assert!(migration.contacts.open.is_empty(), "it died before it could say so");
        scene.migrator.cancel(&id, None).await.unwrap();
        let (_, report) = scene.drive(&id, HOUR).await;
        assert_eq!(report.status, MigrationStatus::Cancelled);
        let records = scene.records_of_target().await;
        assert!(records.iter().all(is_withdrawn), "{records:#?}");
        scene.world.ghl.heal();
        scene.world.run_for(HOUR).await;
        assert_eq!(scene.world.ghl.contact_count(), 117, "those of the source");
    });
}

#[test]
fn opportunities_that_wait_for_a_contact_that_failed_are_withdrawn_too() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        scene.target_refuses_the_first_person();
        let id = scene.migrator.start(scene.request(), None).await.unwrap().id;
        let mut steps = 0;
        while scene.migrator.status(&id).await.unwrap().unwrap().migration.stage != MigrationStage::Verify {
            match scene.queue.receive() {
                Some(message) => {
                    steps += 1;
                    scene.migrator.step(&message, &scene.invocation(steps)).await.unwrap();
                }
                None => scene.world.run_for(SECOND).await,
            }
        }
        let before = scene.migrator.report(&id).await.unwrap().unwrap();
        assert!(before.opportunities.blocked > 0, "{before:#?}");
        scene.migrator.cancel(&id, None).await.unwrap();
        let (_, report) = scene.drive(&id, HOUR).await;
        assert_eq!((report.opportunities.blocked, report.opportunities.withdrawn), (0, before.opportunities.blocked));
        assert_eq!(report.opportunities.migrated, before.opportunities.migrated);
    });
}

#[test]
fn a_rollback_at_once_after_a_cancel_leaves_nothing_behind() {
    block_on_paused(async {
        let (scene, id) = under_way(SIZE).await;
        scene.migrator.cancel(&id, None).await.unwrap();
        scene.world.ghl.heal();
        scene.migrator.rollback(&id, None).await.unwrap();
        let (_, report) = scene.drive(&id, HOUR).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        scene.world.run_for(HOUR).await;
        assert_eq!(scene.world.ghl.contact_count(), 117, "those of the source");
    });
}

//! People pause, resume and inspect migrations.

use ghl_sync_engine::ports::Versioned;
use ghl_sync_migrate::CommandError;
use ghl_sync_model::{Item, MappingOverrides, Migration, MigrationStage, MigrationStatus};
use ghl_sync_testkit::{Noted, block_on_paused};

use super::fixtures::{Scene, Size, source, target};
use crate::fixtures::{HOUR, MINUTE, SECOND};

#[test]
fn a_pause_stops_a_step_that_is_under_way_and_resuming_goes_on_where_it_stopped() {
    block_on_paused(async {
        let size = Size { contacts: 300, ..Size::SMALL };
        let scene = std::sync::Arc::new(Scene::of(size).await);
        scene.pipelines_in_target(size);
        let started = scene.migrator.start(scene.request(), None).await.unwrap();
        for after in [1, 5, 12, 20] {
            let driver = {
                let (scene, id) = (scene.clone(), started.id.clone());
                tokio::spawn(async move { scene.drive(&id, 24 * HOUR).await })
            };
            scene.world.run_for(after * SECOND).await;
            scene.migrator.pause(&started.id, Some("ann")).await.unwrap();
            let (migration, _) = driver.await.unwrap();
            assert_eq!(migration.status, MigrationStatus::Paused);
            let stage = migration.stage;
            scene.world.run_for(5 * MINUTE).await;
            let still = scene.migrator.status(&started.id).await.unwrap().unwrap().migration;
            assert_eq!((still.status, still.stage), (MigrationStatus::Paused, stage));
            scene.migrator.resume(&started.id, Some("ann")).await.unwrap();
        }
        scene.drive(&started.id, 24 * HOUR).await;
        scene.assert_complete(&started.id, size).await;
    });
}

#[test]
fn after_a_year_nobody_goes_on_with_a_migration_or_rolls_it_back() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let waiting = scene.migrate().await.0;
        assert_eq!(waiting.status, MigrationStatus::NeedsInput);
        let year = 366 * 24 * HOUR;
        let waiting = Migration { created_at: waiting.created_at - year, ..waiting };
        let migrations = Versioned::<Migration>::new(scene.world.items.clone());
        let rev = migrations.load(&waiting.id).await.unwrap().unwrap().rev;
        migrations.replace(&waiting.id, rev, &waiting).await.unwrap();
        assert!(waiting.keep_pages_until() > waiting.keep_until().unwrap());
        let nothing = MappingOverrides::default();
        for refused in [
            scene.migrator.approve(&waiting.id, nothing, None).await,
            scene.migrator.resume(&waiting.id, None).await,
            scene.migrator.rollback(&waiting.id, None).await,
        ] {
            assert!(matches!(refused, Err(CommandError::TooOld(_))), "{refused:?}");
        }
        scene.migrator.cancel(&waiting.id, None).await.unwrap();
        scene.migrator.start(scene.request(), None).await.unwrap();
    });
}

#[test]
fn progress_is_told_for_each_stage_and_never_goes_back_within_one() {
    block_on_paused(async {
        let scene = Scene::of(Size::SEED).await;
        scene.pipelines_in_target(Size::SEED);
        scene.migrate().await;
        let told = scene.world.sink.pick(|_, noted| match noted {
            Noted::Migrating(progress) => Some(progress.clone()),
            _ => None,
        });
        let stages: Vec<MigrationStage> = told.iter().map(|progress| progress.stage).collect();
        assert!(stages.is_sorted(), "{stages:?}");
        assert_eq!(stages.last(), Some(&MigrationStage::Finish));
        let of_contacts = told.iter().filter(|progress| progress.stage == MigrationStage::Contacts);
        let of_contacts: Vec<u64> = of_contacts.map(|progress| progress.current).collect();
        assert!(of_contacts.len() > 2 && of_contacts.is_sorted(), "{of_contacts:?}");
        assert!(told.iter().all(|progress| (0.0..=100.0).contains(&progress.percentage)));
        assert!(told.iter().all(|progress| progress.current <= progress.total), "{told:#?}");
    });
}

#[test]
fn a_test_of_the_connection_says_what_each_token_may_read() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let test = scene.migrator.test_connection(&source(), &target(), &scene.invocation(1)).await.unwrap();
        assert!(test.source.ok && test.target.ok, "{test:#?}");
        assert_eq!(test.source.access.len(), 7);
        assert_eq!(test.source.daily_left, Some(200_000 - 7));
        let listed = scene.migrator.list(10).await.unwrap();
        assert!(listed.is_empty());
    });
}

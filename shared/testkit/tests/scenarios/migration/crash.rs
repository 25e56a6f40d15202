//! A step may die anywhere.

use ghl_sync_testkit::{Crash, block_on_paused};

use super::fixtures::{Scene, Size};
use crate::fixtures::{HOUR, each_seed};

const SIZE: Size = Size { contacts: 5, fields: 4, stages: [2, 2], opportunities: 3 };

#[test]
fn whichever_await_of_the_first_step_is_its_last_the_migration_ends_complete_and_nothing_is_doubled() {
    // Tries each await of the stages before the contacts are read, and then every 13th; as a prime, 13 varies the
    // points.
    for dies_at in (1..60).chain((60..900).step_by(13)) {
        block_on_paused(async {
            let scene = Scene::of(SIZE).await;
            scene.pipelines_in_target(SIZE);
            let started = scene.migrator.start(scene.request(), None).await.unwrap();
            scene.drive_dying(&started.id, 24 * HOUR, |step| (step == 1).then_some(dies_at)).await;
            scene.assert_complete(&started.id, SIZE).await;
        });
    }
}

#[test]
fn steps_and_batches_that_die_again_and_again_lose_and_double_nothing() {
    each_seed(15, |seed| async move {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        scene.world.ghl.open_pipelines();
        scene.world.crash(move |number| (number + seed).is_multiple_of(4).then_some(Crash::AtAwait(10 + seed * 3)));
        let started = scene.migrator.start(scene.request(), None).await.unwrap();
        let dies = |step: u64| (!(step + seed).is_multiple_of(3)).then_some(20 + (step * 37 + seed * 101) % 150);
        scene.drive_dying(&started.id, 48 * HOUR, dies).await;
        scene.assert_complete(&started.id, Size::SMALL).await;
    });
}

#[test]
fn a_message_that_is_lost_or_doubled_or_late_does_no_harm() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let started = scene.migrator.start(scene.request(), None).await.unwrap();
        let message = scene.queue.receive().unwrap();
        assert_eq!(scene.queue.waiting(), 0, "lost");
        scene.world.run_for(2 * crate::fixtures::MINUTE).await;
        assert_eq!(scene.migrator.revive().await.unwrap(), 1);
        let (migration, _) = scene.drive(&started.id, 24 * HOUR).await;
        scene.assert_complete(&started.id, Size::SMALL).await;
        let report = scene.migrator.step(&message, &scene.invocation(9999)).await.unwrap();
        assert_eq!(report, ghl_sync_migrate::StepReport::Stale, "late");
        let now = scene.migrator.status(&migration.id).await.unwrap().unwrap().migration;
        assert_eq!(now, migration);
    });
}

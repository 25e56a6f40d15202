//! A process that stops in the middle of a step.

use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_migrate::StepReport;
use ghl_sync_testkit::block_on_paused;

use super::fixtures::{Scene, Size};
use crate::fixtures::{HOUR, MINUTE, SECOND};

const SIZE: Size = Size { contacts: 5, fields: 4, stages: [2, 2], opportunities: 3 };

#[test]
fn a_step_that_is_told_to_end_gives_its_lease_back_and_the_next_process_goes_on_at_once() {
    for ms in (0..12_000).step_by(370) {
        block_on_paused(async move {
            let mut scene = Scene::of(SIZE).await;
            scene.pipelines_in_target(SIZE);
            let started = scene.migrator.start(scene.request(), None).await.unwrap();
            let shutdown = Shutdown::default();
            scene.migrator = scene.migrator.clone().with_engine(scene.world.host().until(shutdown.clone()));
            let ending = async {
                scene.world.run_for(Duration::from_millis(ms)).await;
                shutdown.ask();
            };
            let steps = async {
                for number in 1.. {
                    let message = loop {
                        match scene.queue.receive() {
                            Some(message) => break message,
                            None if shutdown.is_asked() => return,
                            None => scene.world.run_for(SECOND / 10).await,
                        }
                    };
                    let report = scene.migrator.step(&message, &scene.invocation(number)).await.unwrap();
                    let is_over = matches!(report, StepReport::Done { delay: None, .. });
                    if shutdown.is_asked() || is_over {
                        return;
                    }
                }
            };
            futures::join!(ending, steps);
            let migration = scene.migrator.status(&started.id).await.unwrap().unwrap().migration;
            assert_eq!(migration.lease, None, "after {ms} ms");

            // The next process has an empty queue.
            scene.queue.lose_all();
            scene.migrator = scene.migrator.clone().with_engine(scene.world.host());
            let goes_on = u32::from(migration.status.is_active());
            assert_eq!(scene.migrator.send_again().await.unwrap(), goes_on, "after {ms} ms");
            if let Some(next_check_at) = migration.next_check_at {
                // A message that has not come by this time is lost.
                let comes_at = next_check_at - MINUTE;
                scene.world.run_for(scene.world.clock.now().until(comes_at)).await;
                assert_eq!(scene.queue.receive().map(|message| message.generation), Some(migration.generation));
                assert_eq!(scene.migrator.send_again().await.unwrap(), 1);
            }
            scene.drive(&started.id, 24 * HOUR).await;
            scene.assert_complete(&started.id, SIZE).await;
        });
    }
}

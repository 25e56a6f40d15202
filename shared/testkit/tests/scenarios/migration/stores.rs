//! Failures of the store of migrations and of their queue.

use ghl_sync_testkit::{Op, PortFault, block_on_paused};

use super::fixtures::{Scene, Size};
use crate::fixtures::HOUR;

const SIZE: Size = Size { contacts: 5, fields: 4, stages: [2, 2], opportunities: 3 };

#[test]
fn whichever_call_of_a_store_fails_or_gets_no_answer_the_migration_ends_complete() {
    // The start itself makes the first calls of these.
    let ops = [
        (Op::MigrationLoad, 1),
        (Op::MigrationReplace, 3),
        (Op::MigrationClaim, 2),
        (Op::MigrationPut, 1),
        (Op::MigrationPages, 1),
        (Op::MigrationConfig, 1),
        (Op::MigrationSend, 2),
        (Op::OutboxLoad, 1),
        (Op::OutboxPut, 1),
        (Op::GateReplace, 1),
    ];
    for (op, first) in ops {
        for nth in [0, 1, 2, 4, 7, 12, 20] {
            for fault in [PortFault::Refused, PortFault::Unanswered] {
                block_on_paused(async {
                    let scene = Scene::of(SIZE).await;
                    scene.pipelines_in_target(SIZE);
                    scene.world.faults.fail(op, first + nth..=first + nth, fault);
                    let started = scene.migrator.start(scene.request(), None).await.unwrap();
                    scene.drive(&started.id, 24 * HOUR).await;
                    scene.assert_complete(&started.id, SIZE).await;
                });
            }
        }
    }
}

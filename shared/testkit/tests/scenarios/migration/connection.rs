//! A test of both accounts, requested by a process without tokens.

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{LocationId, MigratorMessage};
use ghl_sync_testkit::block_on_paused;

use super::fixtures::{Scene, Size, source, target};
use crate::fixtures::SECOND;

/// The process that performs steps does what the next message asks.
async fn answer(scene: &Scene, number: u64) {
    loop {
        if let Some(MigratorMessage::TestConnection(order)) = scene.queue.receive_any() {
            scene.migrator.answer_connection_test(&order, &scene.invocation(number)).await.unwrap();
            return;
        }
        scene.world.run_for(SECOND).await;
    }
}

#[test]
fn whoever_orders_a_test_gets_its_own_answer_and_none_from_before() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        for number in 0..2 {
            let calls = scene.world.ghl.calls();
            let (source, target) = (source(), target());
            let order = scene.migrator.order_connection_test(&source, &target, 25 * SECOND);
            let (test, ()) = tokio::join!(order, answer(&scene, number));
            let test = test.unwrap().unwrap();
            assert!(test.source.ok && test.target.ok, "{test:#?}");
            assert_eq!(scene.world.ghl.calls() - calls, 14, "each is made anew");
        }
        // There is no answer for other locations yet.
        let other = LocationId::new("other").unwrap();
        assert_eq!(scene.migrator.order_connection_test(&source(), &other, SECOND).await.unwrap(), None);
    });
}

#[test]
fn an_order_that_nobody_waits_for_any_more_makes_no_call() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let began = scene.world.clock.now();
        let answer = scene.migrator.order_connection_test(&source(), &target(), 25 * SECOND).await.unwrap();
        assert_eq!(answer, None);
        let waited = scene.world.clock.now().since(began);
        assert!((25 * SECOND..26 * SECOND).contains(&waited), "{waited:?}");
        let calls = scene.world.ghl.calls();
        let Some(MigratorMessage::TestConnection(order)) = scene.queue.receive_any() else { panic!("no order") };
        scene.migrator.answer_connection_test(&order, &scene.invocation(1)).await.unwrap();
        assert_eq!(scene.world.ghl.calls(), calls);
    });
}

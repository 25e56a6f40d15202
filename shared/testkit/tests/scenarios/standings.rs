//! Stored standings of locations: fresh where something happens, without any work where nothing does.

use ghl_sync_engine::standing::LocationState;
use ghl_sync_model::{EpochMs, LocationId, OverviewCursor, PutRecord};
use ghl_sync_operate::{Health, Overview, OverviewPage};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contact, contacts, exact, loc};

async fn overview(world: &World) -> Overview {
    world.operator().overview(&OverviewPage::default()).await.unwrap()
}

fn now(world: &World) -> EpochMs {
    world.engine.ports().clock.now()
}

#[test]
fn of_a_location_that_sends_nothing_told_is_older_than_ten_seconds_however_slow_ghl_is() {
    for round_trip in [200, 8_000] {
        block_on_paused(async move {
            let mut setup = exact();
            setup.ghl.work_ms = round_trip..=round_trip;
            let world = setup.start();
            world.put(&contacts(600)).await.unwrap();
            world.run_for(12 * SECOND).await;
            for _ in 0..60 {
                world.run_for(SECOND / 2).await;
                let told = world.counters.last_told(&loc()).unwrap();
                let age = now(&world).since(told.at);
                assert!(age <= 10 * SECOND, "{age:?} at {round_trip} ms");
                assert!(told.due.tallied.count > 0);
            }
        });
    }
}

#[test]
fn at_rest_a_location_is_told_as_it_is_and_not_written_again() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.number == 3).then(|| CallFault::status(400)));
        world.put(&contacts(130)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        world.run_for(SECOND).await;
        let told = overview(&world).await;
        let asked = world.operator().location_overview(&loc()).await.unwrap().unwrap();
        let shown = &told.locations[0];
        assert_eq!((shown.location.due.count, shown.location.failed.count), (0, 1));
        assert_eq!((shown.location.failed, &shown.counters), (asked.location.failed, &asked.counters));
        assert_eq!(told.totals, asked.counters, "what was written down adds up to what was counted");
        assert_eq!((told.health, told.summary.in_trouble), (Health::Degraded, 1));
        let (writes, alone) = (world.counters.writes(), world.counters.told());
        world.run_for(2 * HOUR).await;
        assert_eq!(
            (world.counters.writes(), world.counters.told()),
            (writes, alone),
            "sweeps touch nothing that rests"
        );
    });
}

#[test]
fn what_is_put_into_a_location_that_waits_is_told_within_a_minute() {
    block_on_paused(async {
        let world = exact().start();
        world.operator().pause(&loc(), None, Some("closed".to_owned())).await.unwrap();
        let paused = overview(&world).await.locations.remove(0).location;
        assert_eq!((paused.state, paused.due.count), (LocationState::Paused, 0), "told with the operator's answer");
        world.put(&contacts(7)).await.unwrap();
        world.run_for(MINUTE + SECOND).await;
        assert_eq!(overview(&world).await.locations[0].location.due.count, 7);
        world.operator().resume(&loc()).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.run_for(SECOND).await;
        let told = overview(&world).await;
        assert_eq!((told.health, told.locations[0].location.state), (Health::Ok, LocationState::Idle));
    });
}

#[test]
fn a_word_that_was_lost_is_made_good_by_the_sweep() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(600)).await.unwrap();
        world.run_for(12 * SECOND).await;
        world.faults.fail(Op::CountersAdd, 1..=u64::MAX, PortFault::Refused);
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(world.counters.last_told(&loc()).unwrap().due.tallied.count > 0, "the last batches could not tell");
        world.run_for(31 * MINUTE).await;
        assert_eq!(overview(&world).await.locations[0].location.due.count, 0);
    });
}

#[test]
fn trouble_comes_first_and_pages_show_each_location_once() {
    block_on_paused(async {
        let location = |n: usize| LocationId::new(format!("l{n:02}")).unwrap();
        let mut setup = exact();
        setup.locations = (0..40).filter_map(|n| Setup::settings(location(n).as_str())).collect();
        let world = setup.start();
        world.operator().pause(&location(31), None, None).await.unwrap();
        world.operator().pause(&location(17), None, None).await.unwrap();
        let records: Vec<PutRecord> = (0..3).map(|n| PutRecord { location_id: location(17), ..contact(n) }).collect();
        world.put(&records).await.unwrap();
        let first = overview(&world).await.summary;
        assert_eq!((first.locations, first.not_told), (27, 13), "a request asks 25 of which nothing is known");
        world.run_for(16 * MINUTE).await;
        let mut page = OverviewPage { limit: 7, ..OverviewPage::default() };
        let mut seen = Vec::new();
        loop {
            let overview = world.operator().overview(&page).await.unwrap();
            assert_eq!((overview.summary.locations, overview.summary.not_told), (40, 0));
            seen.extend(overview.locations.iter().map(|shown| shown.location.id.clone()));
            let Some(cursor) = overview.cursor else { break };
            page.after = Some(OverviewCursor::from_text(&cursor).unwrap());
        }
        assert_eq!(seen[..3], [location(17), location(31), location(0)]);
        seen.sort_unstable();
        assert_eq!(seen, (0..40).map(location).collect::<Vec<_>>());
        let only = OverviewPage { only_troubled: true, ..OverviewPage::default() };
        assert_eq!(world.operator().overview(&only).await.unwrap().locations.len(), 2);
        let found = OverviewPage { text: Some("L3".to_owned()), ..OverviewPage::default() };
        assert_eq!(world.operator().overview(&found).await.unwrap().locations.len(), 10);
        let health = world.operator().health(None).await.unwrap();
        assert_eq!(health.reasons, ["l17 is paused by an operator", "l31 is paused by an operator"]);
        assert_eq!(world.operator().series(None).await.unwrap().locations.len(), 40);
    });
}

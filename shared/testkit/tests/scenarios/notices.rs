//! Trouble in a location is noted once, so that it can be reported.

use std::time::Duration;

use ghl_sync_engine::ports::{Clock, Versioned};
use ghl_sync_engine::usecase::{GateNotice, GateTrouble};
use ghl_sync_model::Cause;
use ghl_sync_testkit::{CallFault, Op, PortFault, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contacts, exact, loc};

/// How often the trouble was noted, and its last notice.
async fn noticed(world: &World, trouble: GateTrouble) -> Option<(u64, GateNotice)> {
    let notices = Versioned::<GateNotice>::new(world.items.clone());
    let entry = notices.load(&(trouble, loc().into())).await.unwrap();
    entry.map(|entry| (entry.rev, entry.value))
}

#[test]
fn an_outage_is_noticed_when_the_breaker_opens_and_not_at_each_probe() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.elapsed < 5 * MINUTE).then(|| CallFault::status(503)));
        world.put(&contacts(20)).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        let (times, notice) = noticed(&world, GateTrouble::BreakerOpened).await.unwrap();
        assert_eq!(times, 1);
        assert!(notice.at.until(world.clock.now()) > 4 * MINUTE, "{notice:?}");
        assert_eq!(noticed(&world, GateTrouble::Paused).await, None);
    });
}

#[test]
fn a_token_that_is_refused_for_hours_is_noticed_once() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.elapsed < 2 * HOUR).then(|| CallFault::cause(401, Cause::Credentials)));
        world.put(&contacts(3)).await.unwrap();
        world.run_until_settled(4 * HOUR).await.unwrap();
        assert_eq!(noticed(&world, GateTrouble::CredentialsRefused).await.unwrap().0, 1);
    });
}

#[test]
fn a_pause_is_noticed_each_time_and_by_nobody_who_writes_the_gate_while_it_lasts() {
    block_on_paused(async {
        let world = exact().start();
        for times in 1..=2 {
            world.operator().pause(&loc(), None, None).await.unwrap();
            world.put(&contacts(3)).await.unwrap();
            world.run_for(5 * MINUTE).await;
            assert_eq!(noticed(&world, GateTrouble::Paused).await.unwrap().0, times);
            world.operator().resume(&loc()).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
        }
        assert_eq!(noticed(&world, GateTrouble::Paused).await.unwrap().0, 2);
    });
}

#[test]
fn a_pause_holds_although_it_could_not_be_noticed_and_is_noticed_although_it_could_not_be_written() {
    block_on_paused(async {
        for op in [Op::NoticeLoad, Op::NoticeReplace] {
            let world = exact().start();
            world.faults.fail(op, 1..=1, PortFault::Refused);
            world.operator().pause(&loc(), None, None).await.unwrap();
            world.put(&contacts(3)).await.unwrap();
            world.run_for(10 * SECOND).await;
            assert_eq!((world.ghl.calls(), noticed(&world, GateTrouble::Paused).await), (0, None));
        }
        let world = exact().start();
        world.faults.fail(Op::GateReplace, 1..=1, PortFault::Refused);
        assert!(world.operator().pause(&loc(), None, None).await.is_err());
        let (_, notice) = noticed(&world, GateTrouble::Paused).await.unwrap();
        assert!(notice.at.until(world.clock.now()) < Duration::from_secs(2));
    });
}

//! Waiting is not a record's fault: no kind of wait uses up an attempt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::RecordResult;
use ghl_sync_model::{Cause, LocationId, PutRecord};
use ghl_sync_testkit::{CallFault, Crash, MessageFate, ObservedCall, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, SECOND, contact, contacts, email, exact, loc, opportunity};

/// Why records wait.
#[derive(Debug, Clone, Copy)]
enum Wait {
    RateLimit,
    DailyQuota,
    PausedByAnOperator,
    OpenBreaker,
    HostDown,
    Credentials,
    DyingInvocations,
    RetryBeyondTheDeadline,
    RetryAfterBeyondTheLongestDelay,
    StoreDown(Op),
    Disabled,
    LostMessages,
}

/// Number of waiting records of `loc`.
const COUNT: usize = 20;

impl Wait {
    const ALL: [Wait; 16] = [
        Wait::RateLimit,
        Wait::DailyQuota,
        Wait::PausedByAnOperator,
        Wait::OpenBreaker,
        Wait::HostDown,
        Wait::Credentials,
        Wait::DyingInvocations,
        Wait::RetryBeyondTheDeadline,
        Wait::RetryAfterBeyondTheLongestDelay,
        Wait::StoreDown(Op::GateReplace),
        Wait::StoreDown(Op::OutboxLoad),
        Wait::StoreDown(Op::OutboxDue),
        Wait::StoreDown(Op::OutboxSettle),
        Wait::StoreDown(Op::QueueSend),
        Wait::Disabled,
        Wait::LostMessages,
    ];

    fn world(self) -> Arc<World> {
        let mut setup = exact();
        // The first attempt that counts is the last one.
        setup.config.max_rounds = 1;
        match self {
            Wait::DailyQuota => setup.locations.values_mut().for_each(|settings| settings.daily_limit = 10),
            Wait::HostDown => setup.locations.extend((0..3).filter_map(|n| Setup::settings(others(n).as_str()))),
            // A call may take 10 s, and storing everything is given 1.5 s.
            Wait::RetryBeyondTheDeadline => setup.function_timeout = 12 * SECOND,
            _ => {}
        }
        setup.start()
    }

    /// Starts the wait for `span`. Call this before the records are put.
    async fn begin(self, world: &World, span: Duration) {
        let until = world.clock.elapsed() + span;
        let for_now =
            move |fault: CallFault| move |seen: &ObservedCall<'_>| (seen.elapsed < until).then(|| fault.clone());
        match self {
            Wait::RateLimit => world.ghl.on_call(for_now(CallFault::retry_after(429, 2 * SECOND))),
            Wait::OpenBreaker => world.ghl.on_call(for_now(CallFault::status(503))),
            Wait::Credentials => world.ghl.on_call(for_now(CallFault::cause(401, Cause::Credentials))),
            Wait::RetryAfterBeyondTheLongestDelay => world.ghl.on_call(for_now(CallFault::retry_after(503, span))),
            Wait::RetryBeyondTheDeadline => {
                // Too few to open the breaker.
                let slow: BTreeSet<String> = (0..3).map(email).collect();
                world.ghl.on_call(move |seen| {
                    (slow.contains(seen.subject) && seen.tries <= 2).then(|| CallFault::status(503))
                });
            }
            Wait::HostDown => {
                world.ghl.on_call(for_now(CallFault::status(503)));
                for n in 0..3 {
                    let of_other = |i| PutRecord { location_id: others(n), ..contact(1000 * (n + 1) + i) };
                    world.put(&(0..10).map(of_other).collect::<Vec<_>>()).await.unwrap();
                }
                world.run_for(30 * SECOND).await;
            }
            Wait::PausedByAnOperator => {
                let until = world.clock.now() + span;
                world.operator().pause(&loc(), Some(until), None).await.unwrap();
            }
            Wait::DyingInvocations => {
                world.crash(move |number| (number <= 3).then_some(Crash::After(Duration::from_millis(150))));
            }
            Wait::StoreDown(op) => world.faults.fail(op, 1..=u64::MAX, PortFault::Refused),
            Wait::Disabled => world.registry.change(&loc(), |settings| settings.enabled = false),
            Wait::LostMessages => {
                let clock = world.clock;
                world.queue.decide(
                    move |_, _| {
                        if clock.elapsed() < until { MessageFate::Lost } else { MessageFate::Arrives }
                    },
                );
            }
            Wait::DailyQuota => {}
        }
    }

    fn end(self, world: &World) {
        match self {
            Wait::StoreDown(_) => world.faults.heal(),
            Wait::Disabled => world.registry.change(&loc(), |settings| settings.enabled = true),
            _ => {}
        }
    }

    /// How long to watch the waiting records.
    fn span(self) -> Duration {
        match self {
            Wait::DailyQuota => 20 * HOUR,
            Wait::DyingInvocations => 3 * MINUTE,
            Wait::RetryBeyondTheDeadline => SECOND,
            _ => 10 * MINUTE,
        }
    }
}

fn others(n: usize) -> LocationId {
    LocationId::new(format!("other-{n}")).unwrap()
}

#[test]
fn no_kind_of_wait_uses_up_an_attempt() {
    for wait in Wait::ALL {
        block_on_paused(async move {
            let world = wait.world();
            let span = wait.span();
            wait.begin(&world, span).await;
            world.put_only(&contacts(COUNT)).await.unwrap();
            // This may fail if a store is down; the tick makes up for it.
            let _ = world.engine.fan_out(&loc().into()).await;
            world.run_for(span).await;
            let waiting = world.outbox.open();
            assert!(!waiting.is_empty(), "{wait:?}: nothing waited");
            let counted = waiting.iter().filter(|record| record.attempts > 0).count();
            assert_eq!((counted, world.outbox.failed()), (0, vec![]), "{wait:?}");
            wait.end(&world);
            world.run_until_settled(26 * HOUR).await.unwrap_or_else(|open| panic!("{wait:?}: {open:?}"));
            assert_eq!(world.outbox.failed(), [], "{wait:?}: with one attempt allowed, one that counts is the last");
            assert_eq!(world.ghl.doubles(), Vec::<String>::new(), "{wait:?}");
            let arrived: BTreeSet<usize> =
                (0..COUNT).filter(|n| world.ghl.contact(&loc(), &email(*n)).is_some()).collect();
            assert_eq!(arrived.len(), COUNT, "{wait:?}");
            let counted = world.results().into_iter().find(|(_, result)| matches!(result, RecordResult::Retrying(_)));
            assert_eq!(counted, None, "{wait:?}");
        });
    }
}

#[test]
fn an_opportunity_that_waits_for_its_contact_for_a_day_uses_up_no_attempt() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.max_rounds = 1;
        let world = setup.start();
        world.put(&[opportunity(0)]).await.unwrap();
        world.run_for(24 * HOUR).await;
        assert_eq!((world.outbox.open()[0].attempts, world.outbox.failed()), (0, vec![]));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (1, 1));
    });
}

#[test]
fn what_is_no_wait_uses_up_the_attempt_that_there_is() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.max_rounds = 1;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.subject == email(0)).then(|| CallFault::status(500)));
        world.put(&contacts(2)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((world.outbox.failed().len(), world.ghl.contact_count()), (1, 1));
    });
}

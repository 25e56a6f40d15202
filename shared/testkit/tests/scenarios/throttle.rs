//! The quota is kept, however many come at once; and a 429 pauses everyone and counts against no record.

use std::collections::BTreeSet;
use std::time::Duration;

use ghl_sync_engine::usecase::{NotRun, RecordResult};
use ghl_sync_model::Quota;
use ghl_sync_testkit::{CallFault, Crash, MessageFate, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, batch, contact, contact_key, contacts, each_seed, email, exact, loc, nameless,
    opportunity,
};

const WINDOW: Duration = Duration::from_secs(10);

fn assert_limit_was_kept(world: &World) {
    assert_eq!(world.ghl.over_quota(), 0, "no 429");
    assert!(world.ghl.fullest_window(WINDOW) <= 100, "{} calls in a window", world.ghl.fullest_window(WINDOW));
    assert!(world.ghl.most_at_once(&loc()) <= 5, "{} calls at once", world.ghl.most_at_once(&loc()));
}

#[test]
fn a_thousand_requests_all_succeed_without_a_single_429_and_near_the_full_pace() {
    block_on_paused(async {
        let world =
            Setup { clock_skew: Duration::from_millis(50), index_lag: Duration::ZERO..=SECOND, ..Setup::default() }
                .start();
        world.put(&contacts(1000)).await.unwrap();
        let took = world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 1000);
        assert_eq!(world.ghl.calls(), 1000, "one call each");
        assert_limit_was_kept(&world);
        assert!(took < 110 * SECOND, "{took:?}");
        let skipped: u32 = world.reports().iter().map(|report| report.skipped).sum();
        assert_eq!(skipped, 0, "what the lagging index still shows is not planned again");
    });
}

#[test]
fn of_many_invocations_of_one_message_one_calls_and_the_others_end_at_once() {
    block_on_paused(async {
        let world = Setup { triggers: false, ..Setup::default() }.start();
        world.put(&contacts(50)).await.unwrap();
        let (_, message, _) = world.queue.sent().remove(0);
        let reports = futures::future::join_all((0..10).map(|_| world.invoke(&message))).await;
        let ran = reports.iter().flatten().filter(|report| report.not_run.is_none()).count();
        assert_eq!(ran, 1);
        let refused = reports.iter().flatten().filter_map(|report| report.not_run);
        assert!(refused.into_iter().all(|reason| matches!(reason, NotRun::RunLive | NotRun::Stale)));
        assert_eq!(world.ghl.calls(), 50);
        assert_limit_was_kept(&world);
    });
}

#[test]
fn invocations_at_once_with_the_same_stale_and_hand_made_messages_stay_within_the_limits_together() {
    each_seed(25, |seed| async move {
        let setup = Setup {
            seed,
            index_lag: Duration::ZERO..=5 * SECOND,
            clock_skew: Duration::from_millis(50),
            visibility: 20 * SECOND,
            ..Setup::default()
        };
        let world = setup.start();
        let randomness = world.randomness.fork();
        world.queue.decide(move |_, _| match randomness.within(0..=5) {
            0 => MessageFate::Twice(Duration::from_millis(randomness.within(0..=20_000))),
            1 => MessageFate::Late(Duration::from_millis(randomness.within(0..=5_000))),
            2 => MessageFate::Lost,
            _ => MessageFate::Arrives,
        });
        let randomness = world.randomness.fork();
        world.crash(move |_| {
            (randomness.within(0..=9) == 0).then(|| Crash::After(Duration::from_millis(randomness.within(0..=20_000))))
        });
        let by_hand = async {
            for _ in 0..30 {
                world.run_for(Duration::from_millis(world.randomness.within(0..=2_000))).await;
                let from = usize::try_from(world.randomness.within(0..=150)).unwrap();
                let generation = Some(world.randomness.within(0..=12)).filter(|generation| *generation > 3);
                world.queue.send_by_hand(&batch(generation, (from..from + 40).map(contact_key)));
            }
        };
        world.put(&contacts(200)).await.unwrap();
        by_hand.await;
        world.run_until_settled(60 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 200);
        assert_limit_was_kept(&world);
        assert!(world.invocations() > 8);
    });
}

#[test]
fn hosts_whose_clocks_differ_by_as_much_as_is_allowed_keep_to_the_limit() {
    each_seed(10, |seed| async move {
        let world = Setup { seed, clock_skew: Duration::from_millis(50), ..Setup::default() }.start();
        world.put(&contacts(450)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_limit_was_kept(&world);
    });
}

#[test]
fn clocks_of_invocations_that_differ_by_two_seconds_may_cost_429s_and_lose_and_double_nothing() {
    each_seed(10, |seed| async move {
        // Up to 2 s ahead or behind: far beyond ε.
        let mut setup = Setup {
            seed,
            clock_skew: 4 * SECOND,
            index_lag: Duration::ZERO..=5 * SECOND,
            visibility: 70 * SECOND,
            ..Setup::default()
        };
        setup.ghl.search_lag = setup.config.search_lag;
        let world = setup.start();
        let randomness = world.randomness.fork();
        world.crash(move |_| {
            (randomness.within(0..=19) == 0).then(|| Crash::After(Duration::from_millis(randomness.within(0..=10_000))))
        });
        let records = (0..150).flat_map(|n| [contact(n), nameless(n + 150), opportunity(n)]);
        world.put(&records.collect::<Vec<_>>()).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (300, 150));
        assert_eq!((world.ghl.doubles(), world.outbox.failed()), (vec![], vec![]));
        assert!(world.ghl.most_at_once(&loc()) <= 5, "{} calls at once", world.ghl.most_at_once(&loc()));
        let (refused, calls) = (world.ghl.over_quota(), world.ghl.calls());
        assert!(refused * 10 <= usize::try_from(calls).unwrap(), "{refused} of {calls} calls met a 429");
    });
}

#[test]
fn a_429_pauses_all_and_counts_as_nobodys_attempt() {
    let interval = Some(10 * SECOND);
    let cases = [
        (CallFault::retry_after(429, 7 * SECOND), 7 * SECOND),
        (CallFault::Refused { status: 429, cause: None, quota: Quota { interval, ..Quota::default() } }, 10 * SECOND),
    ];
    for (fault, pause) in cases {
        block_on_paused(async move {
            let mut setup = exact();
            setup.ghl.quota_headers = false;
            let world = setup.start();
            world.ghl.on_call(move |seen| (seen.number == 12).then(|| fault.clone()));
            world.put(&contacts(60)).await.unwrap();
            world.run_until_settled(2 * MINUTE).await.unwrap();
            let arrivals = world.ghl.arrivals();
            let answered_at = arrivals[11].sent_at + Duration::from_millis(100);
            let during = arrivals.iter().filter(|a| a.sent_at > answered_at && a.sent_at < answered_at + pause);
            assert_eq!(during.count(), 0);
            assert_eq!(world.ghl.contact_count(), 60);
            assert_eq!(world.ghl.calls(), 61);
            let kinds: BTreeSet<&str> = world.results().iter().map(|(_, result)| result.as_str()).collect();
            assert!(!kinds.contains("failed") && !kinds.contains("retrying"), "{kinds:?}");
        });
    }
}

#[test]
fn however_often_ghl_answers_429_no_record_fails_and_the_breaker_stays_closed() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.elapsed < 10 * MINUTE).then(|| CallFault::retry_after(429, 2 * SECOND)));
        world.put(&contacts(20)).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 20);
        let bad = world
            .results()
            .into_iter()
            .find(|(_, result)| matches!(result, RecordResult::Failed(_) | RecordResult::Retrying(_)));
        assert_eq!(bad, None);
        assert!(world.gate(&loc()).breaker().is_quiet());
    });
}

#[test]
fn waiting_out_429s_does_not_use_up_the_retries_of_an_error() {
    block_on_paused(async {
        let mut setup = exact();
        setup.function_timeout = 10 * MINUTE;
        let world = setup.start();
        world.ghl.on_call(|seen| match seen.tries {
            1..=5 => Some(CallFault::retry_after(429, SECOND)),
            6 => Some(CallFault::status(500)),
            _ => None,
        });
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.sent_to(&email(0)).len(), 7);
        let failed = world.results().into_iter().find(|(_, result)| result.code().is_some());
        assert_eq!(failed, None, "one 500 is no reason to give up");
    });
}

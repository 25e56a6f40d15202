//! Operators' actions: settings, pause and resume, closing the breaker, replays.

use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_limiter::{PauseReason, WaitReason};
use ghl_sync_model::{EpochMs, ErrorCode, Kind, Priority, PutRecord, SettingsOverlay, Time};
use ghl_sync_operate::{
    CauseId, Chosen, ChosenError, FailedFilter, Health, LocationState, LocationStatus, OperateError, OverviewPage,
    PutSettingsError, RecordState, RecordWait, WaitsFor,
};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, MINUTE, SECOND, contact, contact_key, contacts, each_seed, email, exact, loc, opportunity, opportunity_key,
};

async fn view(world: &World) -> LocationStatus {
    world.operator().location_overview(&loc()).await.unwrap().unwrap().location
}

async fn waits_for(world: &World, n: usize) -> Option<WaitsFor> {
    world.operator().record_status(&loc(), &contact_key(n)).await.unwrap().unwrap().waits_for.map(|wait| wait.reason)
}

#[test]
fn a_pause_stops_a_batch_under_way_within_seconds_and_a_resume_goes_on_at_once_with_nothing_lost() {
    each_seed(10, |seed| async move {
        let world = Setup { seed, ..Setup::default() }.start();
        world.put(&contacts(300)).await.unwrap();
        world.run_for(Duration::from_millis(700 * seed)).await;
        world.operator().pause(&loc(), None, Some("new pipeline".to_owned())).await.unwrap();
        world.operator().pause(&loc(), None, Some("new pipeline".to_owned())).await.unwrap();
        world.run_for(5 * SECOND).await;
        let calls = world.ghl.calls();
        let invocations = world.invocations();
        world.run_for(HOUR).await;
        assert_eq!(world.ghl.calls(), calls, "paused is paused");
        assert!(world.invocations() <= invocations + 2, "and nobody is paid for it");
        let paused = view(&world).await;
        let pause = paused.pause.unwrap();
        assert_eq!(
            (pause.reason, pause.until, pause.note.as_deref()),
            (PauseReason::Operator, None, Some("new pipeline"))
        );
        assert_eq!((paused.state, paused.forecast), (LocationState::Paused, None));
        assert_eq!(waits_for(&world, 299).await, Some(WaitsFor::Gate(WaitReason::Pause(PauseReason::Operator))));
        world.operator().resume(&loc()).await.unwrap();
        world.run_for(SECOND).await;
        assert!(world.ghl.calls() > calls, "at once");
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.calls(), world.ghl.over_quota()), (300, 300, 0));
        assert_eq!(view(&world).await.state, LocationState::Idle);
    });
}

#[test]
fn a_pause_with_an_end_ends_by_itself() {
    block_on_paused(async {
        let world = exact().start();
        let until = world.engine.ports().clock.now() + 10 * MINUTE;
        world.operator().pause(&loc(), Some(until), None).await.unwrap();
        world.put(&contacts(3)).await.unwrap();
        world.run_for(9 * MINUTE).await;
        assert_eq!(world.ghl.calls(), 0);
        assert_eq!(view(&world).await.waits_for.unwrap().until, Some(Time(until)));
        let took = world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(took < MINUTE + 5 * SECOND, "{took:?}");
        let past = world.operator().pause(&loc(), Some(until), None).await;
        assert!(matches!(past, Err(OperateError::UntilIsPast)));
        let unknown = world.operator().pause(&"nobody".parse().unwrap(), None, None).await;
        assert!(matches!(unknown, Err(OperateError::Unknown(_))));
    });
}

#[test]
fn whichever_write_of_a_pause_or_resume_fails_doing_it_again_makes_it_good() {
    for op in [Op::GateLoad, Op::GateReplace, Op::GateAdvance, Op::QueueSend] {
        for fault in [PortFault::Refused, PortFault::Unanswered] {
            block_on_paused(async move {
                let world = exact().start();
                world.put_only(&contacts(5)).await.unwrap();
                world.faults.fail(op, 1..=1, fault);
                if world.operator().pause(&loc(), None, None).await.is_err() {
                    world.operator().pause(&loc(), None, None).await.unwrap();
                }
                world.run_for(3 * MINUTE).await;
                assert_eq!(world.ghl.calls(), 0, "{op:?} {fault:?}");
                world.faults.fail(op, 1..=1, fault);
                if world.operator().resume(&loc()).await.is_err() {
                    world.operator().resume(&loc()).await.unwrap();
                }
                let took = world.run_until_settled(10 * MINUTE).await.unwrap();
                assert!(took < 2 * MINUTE + 10 * SECOND, "{op:?} {fault:?}: {took:?}");
                assert_eq!(world.ghl.calls(), 5);
            });
        }
    }
}

#[test]
fn an_open_breaker_is_seen_counted_and_told_and_a_reset_closes_it_and_starts_with_a_small_batch() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.number <= 40).then(|| CallFault::status(503)));
        world.put(&contacts(60)).await.unwrap();
        while world.gate(&loc()).breaker().as_str() != "open" {
            world.run_for(SECOND / 10).await;
        }
        world.run_for(2 * SECOND).await;
        let overview = world.operator().overview(&OverviewPage::default()).await.unwrap();
        assert_eq!(overview.health, Health::Failing);
        assert_eq!(overview.reasons, ["GHL fails for loc: its breaker is open"]);
        let open = &overview.locations[0].location;
        assert!(open.breaker.retry_at.is_some() && open.waits_for.unwrap().reason == WaitReason::Breaker);
        assert_eq!(overview.totals.get(ghl_sync_engine::counts::Counter::BreakerOpens), 1);
        assert_eq!(waits_for(&world, 59).await, Some(WaitsFor::Gate(WaitReason::Breaker)));
        world.ghl.heal();
        let invocations = world.reports().len();
        world.operator().reset_breaker(&loc()).await.unwrap();
        world.operator().reset_breaker(&loc()).await.unwrap();
        world.run_for(3 * SECOND).await;
        let after = &world.reports()[invocations..];
        assert!(after[0].succeeded > 0 && after[0].processed <= 5, "{:?}", after[0]);
        world.run_until_settled(20 * MINUTE).await.unwrap();
        let overview = world.operator().overview(&OverviewPage::default()).await.unwrap();
        assert_eq!((overview.health, overview.reasons), (Health::Ok, vec![]));
    });
}

#[test]
fn settings_lie_over_those_of_the_environment_and_two_who_change_them_do_not_overwrite_each_other() {
    block_on_paused(async {
        let world = exact().start();
        let off = SettingsOverlay { enabled: Some(false), ..SettingsOverlay::default() };
        let view = world.operator().put_settings(&loc(), Some(0), &off).await.unwrap();
        assert_eq!((view.rev, view.settings.enabled, view.settings.daily_limit), (1, false, 200_000));
        let late = world.operator().put_settings(&loc(), Some(0), &off).await;
        assert!(matches!(late, Err(PutSettingsError::Changed { current: 1 })));
        let bad = SettingsOverlay { daily_reserve: Some(200_000), ..SettingsOverlay::default() };
        let bad = world.operator().put_settings(&loc(), None, &bad).await;
        assert!(matches!(bad, Err(PutSettingsError::Settings(error)) if error.field == "daily_reserve"));
        world.engine.put_and_start(&contacts(2)).await;
        world.run_for(MINUTE).await;
        assert_eq!((world.ghl.calls(), waits_for(&world, 0).await), (0, Some(WaitsFor::Disabled)));
        world.operator().put_settings(&loc(), Some(1), &SettingsOverlay::default()).await.unwrap();
        world.run_for(SECOND).await;
        assert_eq!(world.ghl.calls(), 2, "enabled is started");
    });
}

#[test]
fn what_is_kept_of_the_day_goes_to_the_urgent_only() {
    block_on_paused(async {
        let mut setup = exact();
        setup.locations.values_mut().for_each(|settings| {
            settings.daily_limit = 20;
            settings.daily_reserve = 5;
        });
        let world = setup.start();
        world.put(&contacts(30)).await.unwrap();
        world.run_for(HOUR).await;
        assert_eq!(world.ghl.calls(), 15);
        let waiting = view(&world).await;
        assert_eq!(
            (waiting.quota.daily.left, waiting.waits_for.map(|wait| wait.reason)),
            (5, Some(WaitReason::DailyQuota))
        );
        assert!(Some(waiting.forecast.unwrap().empty_at) >= waiting.quota.daily.resets_at, "honest about the day");
        let urgent = PutRecord { priority: Priority::High, ..contact(99) };
        world.engine.put_and_start(&[urgent]).await;
        world.run_for(2 * SECOND).await;
        assert!(world.ghl.contact(&loc(), &email(99)).is_some());
        assert_eq!(world.ghl.calls(), 16);
        assert!(world.invocations() < 20, "{}", world.invocations());
        world.run_until_settled(25 * HOUR).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 31);
    });
}

/// A world in which contacts 0 to 6 have failed.
async fn with_failures() -> std::sync::Arc<World> {
    let world = exact().start();
    world.ghl.on_call(|_| Some(CallFault::status(400)));
    world.put(&contacts(7)).await.unwrap();
    world.run_until_settled(5 * MINUTE).await.unwrap();
    world.ghl.heal();
    world
}

#[test]
fn failed_records_are_listed_page_by_page_each_once_with_ghls_words() {
    block_on_paused(async {
        let world = with_failures().await;
        let (mut keys, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = world.operator().failed_records(&loc(), cursor.as_ref(), 3).await.unwrap();
            assert!(
                page.records.iter().all(|status| status.state == RecordState::Failed && status.failed_at.is_some())
            );
            assert!(
                page.records.iter().all(|status| status.last_error.as_ref().is_some_and(|e| e.status == Some(400)))
            );
            keys.extend(page.records.into_iter().map(|status| status.key));
            pages += 1;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        keys.sort();
        keys.dedup();
        assert_eq!((keys.len(), pages), (7, 3));
        assert_eq!(view(&world).await.failed.count, 7);
    });
}

#[test]
fn a_replay_makes_failed_records_due_with_their_attempts_anew_and_starts_the_location() {
    let listed = vec![contact_key(1), contact_key(1), contact_key(3), contact_key(77)];
    for (what, replayed) in [
        (Chosen::Failed(FailedFilter::default()), 7),
        (Chosen::Failed(FailedFilter { cause: Some(ErrorCode::Rejected.into()), ..FailedFilter::default() }), 7),
        (Chosen::Failed(FailedFilter { cause: Some(ErrorCode::Ambiguous.into()), ..FailedFilter::default() }), 0),
        (Chosen::Records(listed), 2),
    ] {
        block_on_paused(async move {
            let world = with_failures().await;
            let report = world.operator().replay(&loc(), &what, None).await.unwrap();
            assert_eq!((report.replayed, report.not_written, report.next), (replayed, 0, None), "{what:?}");
            world.run_for(2 * SECOND).await;
            assert_eq!(world.ghl.contact_count() as u64, replayed, "{what:?}");
            assert_eq!(world.outbox.failed().len() as u64, 7 - replayed);
            let again = world.operator().replay(&loc(), &what, None).await.unwrap();
            assert_eq!(again.replayed, 0);
        });
    }
}

#[test]
fn a_replay_takes_what_its_filter_wants_and_reads_nothing_that_failed_too_early() {
    block_on_paused(async {
        let world = with_failures().await;
        let first = world.clock.now();
        world.run_for(MINUTE).await;
        let middle = world.clock.now();
        let failures = world.operator().failures(&loc()).await.unwrap();
        let [cause] = &failures.causes[..] else { panic!("{failures:?}") };
        let other: CauseId = "REJECTED.000000000000".parse().unwrap();
        let all = FailedFilter::default;
        for (filter, wanted) in [
            (FailedFilter { kind: Some(Kind::Opportunity), ..all() }, 0),
            (FailedFilter { import: Some("x".parse().unwrap()), ..all() }, 0),
            (FailedFilter { cause: Some(other), ..all() }, 0),
            (FailedFilter { since: Some(middle), ..all() }, 0),
            (FailedFilter { until: Some(EpochMs(0)), ..all() }, 0),
            (FailedFilter { since: Some(EpochMs(0)), until: Some(first), kind: Some(Kind::Contact), ..all() }, 7),
        ] {
            let filter = FailedFilter { cause: filter.cause.or(Some(cause.id.clone())), ..filter };
            let report = world.operator().replay(&loc(), &Chosen::Failed(filter.clone()), None).await.unwrap();
            assert_eq!((report.replayed, report.next), (wanted, None), "{filter:?}");
            let looked_at = if filter.since == Some(middle) || filter.import.is_some() { 0 } else { 7 };
            assert_eq!(report.replayed + report.skipped, looked_at, "{filter:?}");
        }
    });
}

#[test]
fn a_replay_whose_writes_fail_says_so_and_can_be_repeated() {
    for fault in [PortFault::Refused, PortFault::Unanswered] {
        block_on_paused(async move {
            let world = with_failures().await;
            world.faults.fail(Op::OutboxReplay, 2..=4, fault);
            let report = world.operator().replay(&loc(), &Chosen::Failed(FailedFilter::default()), None).await.unwrap();
            assert_eq!((report.replayed, report.not_written), (4, 3));
            world.operator().replay(&loc(), &Chosen::Failed(FailedFilter::default()), None).await.unwrap();
            world.run_until_settled(20 * MINUTE).await.unwrap();
            assert_eq!((world.ghl.contact_count(), world.outbox.failed().len()), (7, 0));
        });
    }
    block_on_paused(async {
        let world = with_failures().await;
        let many = Chosen::Records((0..501).map(contact_key).collect());
        assert!(matches!(world.operator().replay(&loc(), &many, None).await, Err(ChosenError::TooMany(501))));
        let unknown =
            world.operator().replay(&"nobody".parse().unwrap(), &Chosen::Failed(FailedFilter::default()), None).await;
        assert!(matches!(unknown, Err(ChosenError::Unknown(_))));
    });
}

#[test]
fn a_records_story_says_where_it_stands_and_what_it_waits_for() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.backoff.max_retries = 0;
        let world = setup.start();
        let record_status = |key| {
            let world = world.clone();
            async move { world.operator().record_status(&loc(), &key).await.unwrap() }
        };
        assert_eq!(record_status(contact_key(0)).await, None);
        world.put_only(&[contact(0)]).await.unwrap();
        let fresh = record_status(contact_key(0)).await.unwrap();
        assert_eq!((fresh.state, fresh.version, fresh.waits_for), (RecordState::Due, 1, None));
        assert_eq!(fresh.expected_at, fresh.due_at);
        world.ghl.on_call(|_| Some(CallFault::status(503)));
        world.engine.fan_out(&loc().into()).await.unwrap();
        world.run_for(SECOND).await;
        let backing_off = record_status(contact_key(0)).await.unwrap();
        assert_eq!((backing_off.attempts, backing_off.last_error.unwrap().status), (1, Some(503)));
        assert_eq!(
            backing_off.waits_for,
            Some(RecordWait { reason: WaitsFor::Gate(WaitReason::Backoff), record: None, until: backing_off.due_at })
        );
        world.put(&[opportunity(0)]).await.unwrap();
        world.run_for(SECOND).await;
        let waiting = record_status(opportunity_key(0)).await.unwrap();
        assert_eq!(
            (waiting.state, waiting.waits_for.unwrap().reason),
            (RecordState::Waiting, WaitsFor::Record(contact_key(0)))
        );
        world.ghl.heal();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        let accepted = record_status(contact_key(0)).await.unwrap();
        assert_eq!((accepted.state, accepted.accepted_version), (RecordState::Accepted, Some(1)));
        assert!(accepted.accepted_at.is_some() && accepted.ghl_id.is_some() && accepted.waits_for.is_none());
    });
}

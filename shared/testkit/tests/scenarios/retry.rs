//! Temporary errors: when and how often they are retried, and how that ends.

use std::time::Duration;

use ghl_sync_engine::usecase::RecordResult;
use ghl_sync_model::ErrorCode;
use ghl_sync_operate::{RecordError, RecordState};
use ghl_sync_testkit::{CallFault, Noted, Setup, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_seed, email, exact, gaps_ms, loc,
};

#[test]
fn transient_errors_are_retried_after_delays_that_double() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.tries <= 5).then(|| CallFault::status(503)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(gaps_ms(&world.sent_to(&email(0))), [1100, 2100, 4100, 8100, 16_100]);
    });
}

#[test]
fn every_transient_status_and_an_unreachable_ghl_are_retried() {
    for fault in [500, 502, 503].map(CallFault::status).into_iter().chain([CallFault::Unreachable]) {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(move |seen| (seen.tries == 1).then(|| fault.clone()));
            world.put(&[contact(0)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            assert_eq!(world.ghl.calls(), 2);
            assert_eq!(world.ghl.contact_count(), 1);
        });
    }
}

#[test]
fn jitter_lengthens_each_delay_by_a_part_of_its_maximum() {
    each_seed(10, |seed| async move {
        let mut setup = Setup { seed, ..exact() };
        setup.config.backoff.jitter = SECOND;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.tries <= 4).then(|| CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let gaps = gaps_ms(&world.sent_to(&email(0)));
        let jitter: Vec<u64> = gaps.iter().zip([1100, 2100, 4100, 8100]).map(|(gap, plain)| gap - plain).collect();
        assert!(jitter.iter().all(|jitter| *jitter <= 1001), "{jitter:?}");
        assert!(jitter.windows(2).any(|pair| pair[0] != pair[1]), "{jitter:?}");
    });
}

#[test]
fn no_delay_is_longer_than_the_cap_jitter_included() {
    each_seed(10, |seed| async move {
        let mut setup = Setup { seed, function_timeout: 15 * MINUTE, ..exact() };
        setup.config.backoff.base = Duration::from_millis(29_500);
        setup.config.backoff.jitter = SECOND;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.tries <= 3).then(|| CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let gaps = gaps_ms(&world.sent_to(&email(0)));
        assert!((29_600..=30_101).contains(&gaps[0]), "{gaps:?}");
        assert!(gaps[1..].iter().all(|gap| (30_100..=30_101).contains(gap)), "{gaps:?}");
    });
}

#[test]
fn retry_after_is_waited_for_and_never_shortened() {
    for status in [429, 503] {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(move |seen| (seen.tries == 1).then(|| CallFault::retry_after(status, 12 * SECOND)));
            world.put(&[contact(0)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            assert_eq!(gaps_ms(&world.sent_to(&email(0))), [12_100], "status {status}");
        });
    }
}

#[test]
fn a_retry_after_shorter_than_the_backoff_does_not_shorten_the_backoff_of_an_error() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.tries <= 3).then(|| CallFault::retry_after(503, SECOND)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(gaps_ms(&world.sent_to(&email(0))), [1100, 2100, 4100]);
    });
}

#[test]
fn a_retry_after_beyond_the_longest_delay_pauses_the_location_and_a_delayed_message_resumes_it() {
    for status in [429, 503] {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(move |seen| (seen.number == 1).then(|| CallFault::retry_after(status, 130 * SECOND)));
            world.put(&contacts(8)).await.unwrap();
            let took = world.run_until_settled(10 * MINUTE).await.unwrap();
            let arrivals = world.ghl.arrivals();
            let asked_at = arrivals[0].sent_at + Duration::from_millis(100);
            let asked_until = asked_at + 130 * SECOND;
            for arrival in &arrivals {
                let in_pause = arrival.sent_at > asked_at && arrival.sent_at < asked_until;
                assert!(!in_pause, "status {status}: {arrival:?}");
            }
            assert!(took < 133 * SECOND, "status {status}: resumed by its message and not by the tick: {took:?}");
            assert!(world.results().iter().all(|(_, result)| !matches!(result, RecordResult::Retrying(_))));
        });
    }
}

#[test]
fn when_all_retries_failed_that_is_reported_with_the_last_error_and_the_record_rests() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| Some(CallFault::status(if seen.tries == 6 { 502 } else { 500 })));
        world.put(&[contact(0)]).await.unwrap();
        world.run_for(50 * SECOND).await;
        assert_eq!(world.ghl.calls(), 6, "the first try and five retries");
        let reports = world.reports();
        let [report] = reports.as_slice() else { panic!("{reports:?}") };
        let (key, error) = &report.errors[0];
        assert_eq!((key, error.code, error.status), (&contact_key(0), ErrorCode::MaxRetriesExceeded, Some(502)));
        assert!(error.message.contains("502"), "{error:?}");
        assert_eq!((report.failed, report.succeeded), (1, 0));
        let record = world.record(&contact_key(0));
        assert_eq!((record.attempts, record.last_error.as_ref()), (1, Some(error)));
        let rest = error.at.until(record.due_at.unwrap());
        assert!((22 * SECOND..=30 * SECOND).contains(&rest), "{rest:?}");
    });
}

#[test]
fn a_record_that_rests_comes_back_by_itself_when_its_rest_is_over() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.tries <= 6).then(|| CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        let took = world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(took < 75 * SECOND, "31 s of retries and at most 30 s of rest: {took:?}");
        assert_eq!(world.ghl.calls(), 7);
    });
}

#[test]
fn a_record_that_fails_in_every_batch_is_given_up_after_as_many_as_configured() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.max_rounds = 3;
        let world = setup.start();
        world.ghl.on_call(|_| Some(CallFault::status(500)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!(world.ghl.calls(), 3 * 6);
        let failed = world.outbox.failed();
        assert_eq!(failed[0].last_error.as_ref().unwrap().code, ErrorCode::MaxRetriesExceeded);
    });
}

#[test]
fn a_record_s_last_five_errors_outlive_its_acceptance_and_go_with_one_that_met_none() {
    block_on_paused(async {
        let world = exact().start();
        // Six batches in which all six tries fail, each batch with its own status; then all is well.
        world.ghl.on_call(|seen| (seen.tries <= 36).then(|| CallFault::status(500 + seen.tries.div_ceil(6) as u16)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(2 * HOUR).await.unwrap();
        let record = world.record(&contact_key(0));
        let statuses: Vec<_> = record.errors().iter().filter_map(|error| error.status).collect();
        assert_eq!((statuses, record.last_error.as_ref()), (vec![506, 505, 504, 503, 502], None));
        let status = world.operator().record_status(&loc(), &contact_key(0)).await.unwrap().unwrap();
        assert_eq!(
            (status.errors, status.state),
            (record.errors().into_iter().map(RecordError::from).collect::<Vec<_>>(), RecordState::Accepted)
        );

        world.ghl.heal();
        let mut again = contact(0);
        again.payload = contact(1).payload;
        world.put(&[again]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.record(&contact_key(0)).errors(), []);
    });
}

#[test]
fn a_failing_record_leaves_its_neighbours_alone() {
    block_on_paused(async {
        let world = Setup::default().start();
        world.ghl.on_call(|seen| (seen.subject == email(3)).then(|| CallFault::status(500)));
        world.put(&contacts(40)).await.unwrap();
        world.run_for(50 * SECOND).await;
        assert_eq!(world.ghl.contact_count(), 39);
        let open = world.outbox.open();
        assert_eq!(open.iter().map(|record| record.key.clone()).collect::<Vec<_>>(), [contact_key(3)]);
    });
}

#[test]
fn one_record_that_ghl_always_answers_with_500_never_opens_the_breaker() {
    block_on_paused(async {
        let world = Setup::default().start();
        world.ghl.on_call(|seen| (seen.subject == email(3)).then(|| CallFault::status(500)));
        world.put(&contacts(10)).await.unwrap();
        world.run_until_settled(6 * HOUR).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 9);
        assert_eq!(world.outbox.failed().len(), 1);
        let changes = world.sink.pick(|_, noted| matches!(noted, Noted::Breaker { .. }).then_some(()));
        assert!(changes.is_empty());
    });
}

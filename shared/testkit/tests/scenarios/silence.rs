//! Calls without an answer: they may have taken effect, or may still arrive.

use std::time::Duration;

use ghl_sync_model::{Api, Endpoint, ErrorCode, PutRecord};
use ghl_sync_testkit::{CallFault, Crash, Op, PortFault, Setup, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, each_seed, email, exact, gaps_ms, loc, named_contact, nameless,
    opportunity, opportunity_key, opportunity_name,
};

#[test]
fn after_an_upsert_without_an_answer_nothing_is_written_before_a_late_arrival_is_impossible() {
    for done in [true, false] {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(move |seen| (seen.tries == 1).then_some(CallFault::NoAnswer { done }));
            world.put(&[contact(0)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            // 10 s until we give up, and D.
            assert_eq!(gaps_ms(&world.sent_to(&email(0))), [15_000], "done: {done}");
            assert_eq!(world.ghl.contact_count(), 1);
        });
    }
}

#[test]
fn a_call_that_arrives_after_it_was_given_up_does_not_overwrite_a_newer_version() {
    for late_s in 0..5 {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(move |seen| (seen.tries == 1).then_some(CallFault::ArrivesLate(late_s * SECOND)));
            world.put(&[contact(0)]).await.unwrap();
            world.run_for(3 * SECOND).await;
            world.put(&[named_contact(0, "Eve")]).await.unwrap();
            world.run_until_settled(5 * MINUTE).await.unwrap();
            world.run_for(MINUTE).await;
            let (_, found, _) = world.ghl.contact(&loc(), &email(0)).unwrap();
            assert_eq!(found.first_name.as_deref(), Some("Eve"), "{late_s} s late");
        });
    }
}

#[test]
fn a_late_call_of_a_batch_that_ended_holds_back_the_newer_version_whenever_that_is_put() {
    // The call is given up after 10 s, and arrives after 14.
    for put_after_s in [1, 9, 11, 13] {
        block_on_paused(async move {
            let mut setup = exact();
            setup.config.backoff.max_retries = 0;
            let world = setup.start();
            world.ghl.on_call(|seen| (seen.tries == 1).then_some(CallFault::ArrivesLate(4 * SECOND)));
            world.put(&[contact(0)]).await.unwrap();
            world.run_for(put_after_s * SECOND).await;
            world.put(&[named_contact(0, "Eve")]).await.unwrap();
            world.run_until_settled(5 * MINUTE).await.unwrap();
            let sent = world.ghl.arrivals_at(Endpoint::UpsertContact);
            assert_eq!(sent.len(), 2);
            assert!(sent[1].sent_at >= sent[0].at, "an older call was still under way: {sent:?}");
            let (_, found, _) = world.ghl.contact(&loc(), &email(0)).unwrap();
            assert_eq!(found.first_name.as_deref(), Some("Eve"));
        });
    }
}

#[test]
fn an_opportunity_whose_create_got_no_answer_is_looked_for_and_not_created_twice() {
    let faults = [
        CallFault::NoAnswer { done: true },
        CallFault::NoAnswer { done: false },
        CallFault::ArrivesLate(4 * SECOND),
        CallFault::DoneButRefused(500),
        CallFault::DoneButRefused(504),
        CallFault::status(502),
    ];
    for fault in faults {
        block_on_paused(async move {
            let mut setup = exact();
            setup.ghl.search_lag = setup.config.search_lag;
            let world = setup.start();
            world.put(&[contact(0)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            let said = format!("{fault:?}");
            world.ghl.on_call(move |seen| {
                let first = seen.call.endpoint() == Endpoint::CreateOpportunity && seen.tries == 1;
                first.then(|| fault.clone())
            });
            world.put(&[opportunity(0)]).await.unwrap();
            world.run_for(30 * SECOND).await;
            let record = world.record(&opportunity_key(0));
            assert_eq!(record.last_error.unwrap().code, ErrorCode::Ambiguous, "{said}");
            let took = world.run_until_settled(5 * MINUTE).await.unwrap();
            assert!(took < 40 * SECOND, "{said}: comes back by itself: {took:?}");
            assert_eq!(world.ghl.opportunities(&loc(), &opportunity_name(0)).len(), 1, "{said}");
        });
    }
}

#[test]
fn a_contact_without_e_mail_and_phone_whose_create_got_no_answer_is_looked_for_and_not_created_twice() {
    let faults = [
        CallFault::NoAnswer { done: true },
        CallFault::NoAnswer { done: false },
        CallFault::ArrivesLate(4 * SECOND),
        CallFault::DoneButRefused(500),
        CallFault::DoneButRefused(504),
        CallFault::DoneButRefused(422),
        CallFault::status(502),
        CallFault::status(422),
    ];
    for fault in faults {
        block_on_paused(async move {
            let mut setup = exact();
            setup.ghl.search_lag = setup.config.search_lag;
            let world = setup.start();
            let said = format!("{fault:?}");
            world.ghl.on_call(move |seen| (seen.number == 1).then(|| fault.clone()));
            world.put(&[nameless(0)]).await.unwrap();
            world.run_for(30 * SECOND).await;
            let record = world.record(&contact_key(0));
            assert_eq!(record.last_error.unwrap().code, ErrorCode::Ambiguous, "{said}");
            world.run_until_settled(5 * MINUTE).await.unwrap();
            assert_eq!((world.ghl.contact_count(), world.outbox.failed()), (1, vec![]), "{said}");
            let calls: Vec<_> = world.ghl.arrivals().iter().map(|call| call.endpoint).collect();
            assert_eq!(calls[1], Endpoint::FindMarked, "{said}: {calls:?}");
        });
    }
}

#[test]
fn a_create_that_ghl_refuses_with_422_each_time_fails_at_its_second_time() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.call.endpoint() == Endpoint::CreateContact).then(|| CallFault::status(422)));
        world.put(&[nameless(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.outbox.failed()[0].last_error.as_ref().unwrap().code, ErrorCode::Rejected);
        assert_eq!(world.ghl.calls(), 3, "create, find, create");
    });
}

#[test]
fn a_contact_without_e_mail_and_phone_is_created_by_one_call_when_nothing_goes_wrong() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&(0..20).map(nameless).collect::<Vec<_>>()).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (20, 20));
        // A new put finds it by its id, and restores its own source.
        world.put(&[named_contact(0, "Eve")]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 20);
    });
}

#[test]
fn contacts_without_e_mail_and_phone_are_not_doubled_by_crashes_lost_outcomes_and_new_versions() {
    each_seed(40, |seed| async move {
        let mut setup = Setup { seed, visibility: 26 * SECOND, function_timeout: 20 * SECOND, ..Setup::default() };
        setup.ghl.search_lag = setup.config.search_lag;
        let world = setup.start();
        let randomness = world.randomness.fork();
        world.crash(move |number| {
            let unlucky = number <= 6 && randomness.within(0..=1) == 0;
            unlucky.then(|| Crash::After(Duration::from_millis(randomness.within(50..=900))))
        });
        let randomness = world.randomness.fork();
        world.ghl.on_call(move |seen| {
            let lost = seen.elapsed < 3 * MINUTE && randomness.within(0..=3) == 0;
            lost.then(|| CallFault::NoAnswer { done: randomness.within(0..=1) == 0 })
        });
        let from = world.randomness.within(1..=5);
        world.faults.fail(Op::OutboxSettle, from..=from + 3, PortFault::Refused);
        let all: Vec<PutRecord> = (0..8).map(nameless).collect();
        world.put(&all).await.unwrap();
        world.run_for(Duration::from_millis(world.randomness.within(0..=60_000))).await;
        world.put(&all[..4]).await.unwrap();
        world.run_until_settled(4 * HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.outbox.failed()), (8, vec![]));
    });
}

#[test]
fn where_the_api_cannot_search_for_it_a_create_without_an_answer_is_left_to_a_person() {
    block_on_paused(async {
        let mut setup = exact();
        setup.locations.values_mut().for_each(|settings| settings.api = Api::V1);
        let world = setup.start();
        world.ghl.on_call(|_| Some(CallFault::NoAnswer { done: true }));
        world.put(&[nameless(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let failed = world.outbox.failed();
        assert_eq!(failed[0].last_error.as_ref().unwrap().code, ErrorCode::Ambiguous);
        assert_eq!(failed[0].key, contact_key(0));
        assert_eq!(world.ghl.contact_count(), 1);
    });
}

#[test]
fn a_silent_ghl_opens_the_breaker_like_one_that_answers_with_errors() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.elapsed < MINUTE).then_some(CallFault::NoAnswer { done: false }));
        world.put(&crate::fixtures::contacts(20)).await.unwrap();
        world.run_for(40 * SECOND).await;
        assert_eq!(world.ghl.calls(), 5);
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 20);
    });
}

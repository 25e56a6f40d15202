//! Expiring tokens: many processes share one refresh; crashes, lost answers, leases that end too early.

use futures::future::join_all;
use ghl_sync_access::{NoToken, TokenEntry};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{Api, CredentialsKind, LocationId, Secret};
use ghl_sync_testkit::{OAuthFault, OAuthSettings, Op, PortFault, TestRandomness, block_on_paused, dying_at_await};

use crate::credentials_world::{Process, Tokens, agency, agency_grant, location_grant, reference};
use crate::fixtures::{HOUR, MINUTE, SECOND, each_seed, loc};

#[test]
fn a_token_that_expires_in_the_middle_of_a_batch_of_8_invocations_is_refreshed_exactly_once() {
    each_seed(4, |seed| async move {
        let (world, location) = (Tokens::of_location(2 * MINUTE, seed), loc());
        world.process("first").token().await.unwrap();
        tokio::time::sleep(100 * SECOND).await;
        let processes = world.processes(8);
        // 40 workers × 300 calls of 80 ms: from 20 s before the token's expiry, past its renewal, to 4 s after the
        // expiry.
        let failed: usize = join_all(processes.iter().map(|process| process.batch(&location, 300))).await.iter().sum();
        assert_eq!(failed, 0);
        assert_eq!((world.oauth.refreshes(), world.oauth.repeats(), world.oauth.refused()), (2, 0, 0));
    });
}

#[test]
fn a_token_that_ghl_stops_accepting_in_the_middle_of_a_batch_of_8_invocations_is_refreshed_exactly_once() {
    each_seed(4, |seed| async move {
        let (world, location) = (Tokens::of_location(24 * HOUR, seed), loc());
        let processes = world.processes(8);
        join_all(processes.iter().map(|process| process.call(&location))).await;
        tokio::time::sleep(HOUR).await;
        let revoke = async {
            tokio::time::sleep(5 * SECOND).await;
            world.oauth.expire_access_tokens();
        };
        let batches = join_all(processes.iter().map(|process| process.batch(&location, 150)));
        let (failed, ()) = futures::future::join(batches, revoke).await;
        assert_eq!(failed.iter().sum::<usize>(), 0);
        assert_eq!((world.oauth.refreshes(), world.oauth.repeats()), (2, 0));
    });
}

#[test]
fn eight_invocations_of_eight_locations_share_one_refresh_of_their_agencys_token() {
    each_seed(10, |seed| async move {
        let world = Tokens::start(agency(), &agency_grant(), seed);
        let processes = world.processes(8);
        let locations: Vec<_> = (0..8).map(|number| LocationId::new(format!("loc-{number}")).unwrap()).collect();
        let batches = processes.iter().zip(&locations).map(|(process, location)| process.batch(location, 20));
        assert_eq!(join_all(batches).await.iter().sum::<usize>(), 0);
        assert_eq!((world.oauth.refreshes(), world.oauth.location_tokens()), (1, 8));
        // Every process finds every location's token in the store.
        let others = join_all(locations.iter().rev().zip(&processes).map(|(location, process)| process.call(location)));
        assert!(others.await.iter().all(Result::is_ok));
        assert_eq!((world.oauth.refreshes(), world.oauth.location_tokens()), (1, 8));
    });
}

#[test]
fn a_location_token_that_the_agencys_token_cannot_get_any_more_is_got_with_a_new_one() {
    block_on_paused(async {
        let world = Tokens::start(agency(), &agency_grant(), 1);
        let process = world.process("one");
        process.call(&loc()).await.unwrap();
        tokio::time::sleep(HOUR).await;
        world.oauth.expire_access_tokens();
        let mut failed = 0;
        for _ in 0..10 {
            failed += u32::from(process.call(&loc()).await.is_err());
            tokio::time::sleep(SECOND).await;
        }
        assert_eq!((failed, world.oauth.refreshes(), world.oauth.location_tokens()), (0, 2, 2));
    });
}

#[test]
fn a_process_that_dies_at_any_await_of_a_refresh_locks_nobody_out() {
    // All of its awaits: loading, the lease, the request and its answer, storing.
    each_seed(40, |awaits| async move {
        let world = Tokens::of_location(24 * HOUR, awaits);
        let (dying, others) = (world.process("dying"), world.processes(3));
        let (died, answers) =
            futures::future::join(dying_at_await(awaits, dying.token()), join_all(others.iter().map(Process::token)))
                .await;
        assert!(died.is_none_or(|token| token.is_ok()));
        let tokens: Vec<Secret> = answers.into_iter().map(Result::unwrap).collect();
        assert!(tokens.iter().all(|token| world.oauth.accepts(token, &loc())));
        assert_eq!((world.oauth.refreshes(), world.oauth.refused()), (1, 0), "one rotation, or its repetition");
        // The chain continues from the stored token.
        tokio::time::sleep(23 * HOUR).await;
        assert!(world.process("tomorrow").call(&loc()).await.is_ok());
        assert_eq!((world.oauth.refreshes(), world.oauth.refused()), (2, 0));
    });
}

#[test]
fn a_call_that_is_given_up_in_the_middle_of_a_refresh_leaves_it_to_the_next_one_of_its_process() {
    each_seed(40, |awaits| async move {
        let world = Tokens::of_location(24 * HOUR, awaits);
        let process = world.process("one");
        let _given_up = dying_at_await(awaits, process.token()).await;
        let began = world.clock.elapsed();
        process.token().await.unwrap();
        assert!(world.clock.elapsed() - began < 5 * SECOND, "it waits for no lease but its own");
        assert_eq!((world.oauth.refreshes(), world.oauth.refused()), (1, 0));
    });
}

#[test]
fn a_refresh_whose_answer_is_lost_is_repeated_while_ghl_repeats_its_answer() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        world.oauth.on_request(|number| (number <= 3).then_some(OAuthFault::AnswerLost));
        let token = world.process("one").token().await.unwrap();
        assert!(world.oauth.accepts(&token, &loc()));
        assert_eq!((world.oauth.refreshes(), world.oauth.repeats(), world.oauth.refused()), (1, 3, 0));
    });
}

#[test]
fn a_refresh_whose_answer_is_lost_for_longer_stops_the_location_only_when_its_token_expires() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        let process = world.process("one");
        process.token().await.unwrap();
        tokio::time::sleep(22 * HOUR).await;
        world.oauth.on_request(|number| (number <= 20).then_some(OAuthFault::AnswerLost));
        for _ in 0..60 {
            process.call(&loc()).await.unwrap();
            tokio::time::sleep(MINUTE).await;
        }
        let reasons = world.reasons();
        assert!(reasons[0].contains("invalid_grant") && reasons[0].contains("may have been lost"), "{reasons:?}");
        tokio::time::sleep(2 * HOUR).await;
        assert!(matches!(process.token().await, Err(NoToken::Refused(_))));
    });
}

#[test]
fn of_two_holders_the_one_whose_lease_has_ended_takes_nothing_from_the_other() {
    // The first answer arrives long after the second process has stored its own.
    each_seed(10, |seed| async move {
        let settings = OAuthSettings { timeout: MINUTE, ..OAuthSettings::default() };
        let world = Tokens::start(settings, &location_grant("refresh-0"), seed);
        world.oauth.on_request(|number| (number == 1).then_some(OAuthFault::Late(25 * SECOND)));
        let (slow, fast) = (world.process("slow"), world.process("fast"));
        let (first, second) = futures::future::join(slow.token(), fast.token()).await;
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!((world.oauth.refreshes(), world.oauth.repeats(), world.oauth.refused()), (1, 1, 0));
        let stored = world.store.entries::<TokenEntry>();
        assert_eq!((stored.len(), stored[0].rev, &stored[0].value.lease), (1, 3, &None), "lease, lease, tokens");
    });
}

#[test]
fn a_holder_that_is_refused_when_its_lease_has_ended_stops_nobody() {
    block_on_paused(async {
        let settings = OAuthSettings { timeout: 2 * MINUTE, ..OAuthSettings::default() };
        let world = Tokens::start(settings, &location_grant("refresh-0"), 1);
        world.oauth.on_request(|number| (number == 1).then_some(OAuthFault::Unanswered));
        let (slow, fast) = (world.process("slow"), world.process("fast"));
        // The first process gives up after the window, and tries again with a used token.
        let (first, second) = futures::future::join(slow.token(), fast.token()).await;
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!((world.oauth.refreshes(), world.oauth.refused()), (1, 1));
        assert_eq!(world.store.entries::<TokenEntry>()[0].value.trouble, None);
    });
}

#[test]
fn new_tokens_that_cannot_be_written_down_are_not_used_and_not_lost() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        let process = world.process("one");
        // The lease is stored, but the tokens are not, for longer than GHL would repeat its answer.
        world.faults.fail(Op::TokenReplace, 2..=u64::MAX, PortFault::Refused);
        for _ in 0..12 {
            assert!(matches!(process.token().await, Err(NoToken::Unavailable(_))));
            tokio::time::sleep(4 * SECOND).await;
        }
        world.faults.heal();
        let token = process.token().await.unwrap();
        assert!(world.oauth.accepts(&token, &loc()));
        assert_eq!((world.oauth.refreshes(), world.oauth.repeats(), world.oauth.refused()), (1, 0, 0));
    });
}

#[test]
fn new_tokens_that_were_written_down_too_late_still_count_more_than_somebody_elses_refusal() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        let (one, other) = (world.process("one"), world.process("other"));
        world.faults.fail(Op::TokenReplace, 2..=4, PortFault::Refused);
        assert!(matches!(one.token().await, Err(NoToken::Unavailable(_))));
        tokio::time::sleep(MINUTE).await;
        assert!(matches!(other.token().await, Err(NoToken::Refused(_))));
        let token = one.token().await.unwrap();
        assert_eq!(other.token().await.unwrap(), token);
        assert!(world.oauth.accepts(&token, &loc()));
    });
}

#[test]
fn stores_that_fail_in_every_way_at_every_write_lose_no_refresh_token() {
    each_seed(60, |seed| async move {
        let (world, location) = (Tokens::of_location(2 * HOUR, seed), loc());
        let randomness = TestRandomness::seeded(seed);
        for op in [Op::TokenLoad, Op::TokenReplace] {
            for _ in 0..4 {
                let call = randomness.within(1..=12);
                let fault = [PortFault::Refused, PortFault::Unanswered][usize::from(randomness.within(0..=1) == 1)];
                world.faults.fail(op, call..=call, fault);
            }
        }
        let processes = world.processes(3);
        for _ in 0..48 {
            // Temporary failures are retried, as the engine does.
            join_all(processes.iter().map(|process| process.call(&location))).await;
            tokio::time::sleep(15 * MINUTE).await;
        }
        world.faults.heal();
        assert!(processes[0].call(&loc()).await.is_ok());
        assert_eq!((world.oauth.refused(), world.reasons()), (0, vec![]));
    });
}

#[test]
fn clocks_that_differ_by_two_seconds_cost_no_more_than_a_repetition() {
    block_on_paused(async {
        let world = Tokens::of_location(10 * MINUTE, 1);
        let (ahead, behind) = (world.process_ahead("ahead", 2_000), world.process_ahead("behind", -2_000));
        for _ in 0..600 {
            let (one, other) = futures::future::join(ahead.call(&loc()), behind.call(&loc())).await;
            assert_eq!((one, other), (Ok(()), Ok(())));
            tokio::time::sleep(6 * SECOND).await;
        }
        assert_eq!(world.oauth.refused(), 0);
    });
}

#[test]
fn an_access_token_that_came_with_the_credentials_is_used_before_anything_is_refreshed() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        let expires_at = world.clock.now() + HOUR;
        let secret = location_grant("refresh-0")
            .replace('}', &format!(r#","access_token":"access-seed","expires_at":{}}}"#, expires_at.0));
        world.secrets.put(&reference(), secret);
        let process = world.process("one");
        assert_eq!(process.token().await.unwrap().expose(), "access-seed");
        tokio::time::sleep(51 * MINUTE).await;
        assert_eq!(process.token().await.unwrap().expose(), "access-1");
    });
}

#[test]
fn what_credentials_are_is_told_without_them_and_those_of_an_app_end_a_year_after_their_last_renewal() {
    block_on_paused(async {
        for (settings, grant) in [(agency(), agency_grant()), (OAuthSettings::default(), location_grant("refresh-0"))] {
            let world = Tokens::start(settings, &grant, 1);
            let process = world.process("one");
            let known = async || process.tokens.known(&loc(), &reference(), Api::V2).await.unwrap();
            let before = known().await;
            assert_eq!((before.kind, before.expires_at, before.reference), (CredentialsKind::Oauth, None, reference()));
            process.call(&loc()).await.unwrap();
            let end = known().await.expires_at.unwrap();
            let left = world.clock.now().until(end);
            assert!(left > 8759 * HOUR && left <= 8760 * HOUR, "{left:?}");
        }
        for (api, kind) in [(Api::V2, CredentialsKind::PrivateIntegration), (Api::V1, CredentialsKind::ApiKey)] {
            let world = Tokens::start(agency(), "pit-1", 1);
            let told = world.process("one").tokens.known(&loc(), &reference(), api).await.unwrap();
            assert_eq!((told.kind, told.expires_at), (kind, None));
            assert!(!format!("{told:?}").contains("pit-1"));
        }
    });
}

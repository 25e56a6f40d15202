//! Credentials that do not work: what they stop, how they are reported, and how they are fixed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ghl_sync_access::NoToken;
use ghl_sync_limiter::PauseReason;
use ghl_sync_model::Cause;
use ghl_sync_testkit::{CallFault, OAuthFault, OAuthSettings, World, block_on_paused};

use crate::credentials_world::{Tokens, agency, agency_grant, location_grant, reference};
use crate::fixtures::{HOUR, MINUTE, SECOND, contacts, exact, loc};

#[test]
fn a_dead_refresh_token_stops_the_location_says_what_to_do_and_is_mended_by_new_credentials() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        let process = world.process("one");
        process.token().await.unwrap();
        world.oauth.disconnect();
        tokio::time::sleep(25 * HOUR).await;
        let Err(NoToken::Refused(reason)) = process.token().await else { panic!("there is a token") };
        assert_eq!(
            reason,
            "GHL refuses it: invalid_grant; connect the app anew (install it again for loc or its agency) and store \
             the new `refresh_token` at ssm:/ghl-sync/app"
        );
        assert_eq!(world.reasons(), [reason]);
        // Nobody hammers GHL with them.
        for _ in 0..60 {
            assert!(matches!(process.token().await, Err(NoToken::Refused(_))));
            tokio::time::sleep(MINUTE).await;
        }
        assert!(world.oauth.refused() <= 6, "{} refused", world.oauth.refused());
        world.oauth.connect("refresh-new");
        world.secrets.put(&reference(), location_grant("refresh-new"));
        tokio::time::sleep(6 * MINUTE).await;
        assert!(process.call(&loc()).await.is_ok());
    });
}

#[test]
fn a_location_that_is_not_active_waits_and_goes_on_with_the_same_refresh_token_once_it_is() {
    for (settings, grant) in [(OAuthSettings::default(), location_grant("refresh-0")), (agency(), agency_grant())] {
        block_on_paused(async move {
            let world = Tokens::start(settings, &grant, 1);
            let process = world.process("one");
            process.call(&loc()).await.unwrap();
            tokio::time::sleep(25 * HOUR).await;
            world.oauth.set_inactive(true);
            // A day with a call per minute: nobody waits, nobody hammers GHL, and nobody is told to reconnect the
            // app.
            for minute in 0..24 * 60 {
                let began = world.clock.elapsed();
                let none = process.token().await.unwrap_err();
                assert!(
                    matches!(&none, NoToken::Inactive(said) if said.contains("Location is not active")),
                    "{none:?}"
                );
                assert!(world.clock.elapsed() - began < 5 * SECOND, "minute {minute}");
                tokio::time::sleep(MINUTE).await;
            }
            assert!((90..=100).contains(&world.oauth.inactive_answers()), "{}", world.oauth.inactive_answers());
            assert_eq!((world.reasons(), world.oauth.refused()), (vec![], 0));
            world.oauth.set_inactive(false);
            tokio::time::sleep(16 * MINUTE).await;
            process.call(&loc()).await.unwrap();
            assert_eq!(world.oauth.refused(), 0);
        });
    }
}

#[test]
fn credentials_that_take_the_place_of_refused_ones_are_used_at_once_whatever_either_is_and_why_ever_they_were_refused()
{
    let cases = [
        // The old credentials, GHL's objection to them, and their replacement.
        (location_grant("refresh-0"), "inactive", location_grant("refresh-new")),
        (location_grant("refresh-0"), "dead", location_grant("refresh-new")),
        (location_grant("refresh-0"), "inactive", "pit-new".to_owned()),
        (location_grant("refresh-0"), "dead", "pit-new".to_owned()),
        ("pit-old".to_owned(), "refused", location_grant("refresh-0")),
    ];
    for (old, what, new) in cases {
        block_on_paused(async move {
            let world = Tokens::start(OAuthSettings::default(), &old, 1);
            let process = world.process("one");
            let token = process.token().await.unwrap();
            tokio::time::sleep(2 * MINUTE).await;
            match what {
                "inactive" => world.oauth.set_inactive(true),
                "dead" => world.oauth.disconnect(),
                _ => assert!(!process.tokens.refused(&loc(), &reference(), &token).await),
            }
            if what != "refused" {
                assert!(process.tokens.refused(&loc(), &reference(), &token).await, "it may be renewed");
                process.token().await.unwrap_err();
            }
            world.oauth.set_inactive(false);
            world.oauth.connect("refresh-new");
            world.secrets.put(&reference(), &new);
            tokio::time::sleep(2 * SECOND).await;
            if what == "refused" {
                assert!(process.tokens.refused(&loc(), &reference(), &token).await, "{old} {new}");
            }
            let now = process.token().await;
            assert!(now.as_ref().is_ok_and(|now| *now != token), "{old} is {what}, then comes {new}: {now:?}");
        });
    }
}

#[test]
fn a_token_that_is_refused_for_what_it_is_for_gives_way_to_others_that_are_there_and_is_not_renewed() {
    for old in [location_grant("refresh-0"), "pit-old".to_owned()] {
        block_on_paused(async move {
            let world = Tokens::start(OAuthSettings::default(), &old, 1);
            let process = world.process("one");
            let token = process.token().await.unwrap();
            let refreshes = world.oauth.refreshes();
            assert!(!process.tokens.replaced(&loc(), &reference(), &token).await, "there are no others");
            assert_eq!(process.token().await.unwrap(), token);
            world.secrets.put(&reference(), "pit-new");
            assert!(process.tokens.replaced(&loc(), &reference(), &token).await);
            assert_eq!(process.token().await.unwrap().expose(), "pit-new");
            assert!(process.tokens.replaced(&loc(), &reference(), &token).await, "a late answer to a call before");
            assert_eq!(world.oauth.refreshes(), refreshes);
        });
    }
}

/// A location with a token that is refused while the flag is set.
async fn refused_location(records: usize) -> (Arc<World>, Arc<AtomicBool>) {
    let world = exact().start();
    let is_refused = Arc::new(AtomicBool::new(true));
    let asked = is_refused.clone();
    world.ghl.on_call(move |_| asked.load(Ordering::SeqCst).then(|| CallFault::cause(401, Cause::Credentials)));
    world.put(&contacts(records)).await.unwrap();
    world.run_for(10 * SECOND).await;
    assert_eq!(world.gate(&loc()).pause().unwrap().reason, PauseReason::Credentials);
    (world, is_refused)
}

#[test]
fn a_location_that_is_connected_anew_goes_on_within_seconds_although_its_next_batch_was_planned_for_later() {
    block_on_paused(async {
        let (world, is_refused) = refused_location(3).await;
        is_refused.store(false, Ordering::SeqCst);
        world.operator().connect_location(&loc(), &reference()).await.unwrap();
        world.run_until_settled(3 * SECOND).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn new_credentials_that_are_refused_again_pause_the_location_again_after_one_call_each() {
    block_on_paused(async {
        let (world, is_refused) = refused_location(100).await;
        for _ in 0..3 {
            let calls = world.ghl.calls();
            world.operator().connect_location(&loc(), &reference()).await.unwrap();
            world.run_for(4 * MINUTE).await;
            let made = world.ghl.calls() - calls;
            assert!((1..=10).contains(&made), "{made} calls");
            assert_eq!(world.gate(&loc()).pause().unwrap().reason, PauseReason::Credentials);
        }
        is_refused.store(false, Ordering::SeqCst);
        world.operator().connect_location(&loc(), &reference()).await.unwrap();
        world.run_until_settled(30 * SECOND).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 100);
    });
}

#[test]
fn tokens_of_the_wrong_kind_stop_the_location_and_the_mended_credentials_go_on_from_the_newest_ones() {
    block_on_paused(async {
        let world = Tokens::start(agency(), &location_grant("refresh-0"), 1);
        let process = world.process("one");
        let Err(NoToken::Refused(reason)) = process.token().await else { panic!("there is a token") };
        assert!(reason.contains("`user_type` is Location, but the tokens are those of a Company"), "{reason}");
        world.secrets.put(&reference(), agency_grant());
        tokio::time::sleep(6 * MINUTE).await;
        assert!(process.call(&loc()).await.is_ok());
        assert_eq!(world.oauth.refused(), 0);
    });
}

#[test]
fn a_token_endpoint_that_is_busy_is_asked_ever_more_rarely_and_nobody_is_stopped() {
    block_on_paused(async {
        let world = Tokens::of_location(24 * HOUR, 1);
        world.oauth.on_request(|number| (number <= 6).then_some(OAuthFault::NotDone));
        let token = world.process("one").token().await.unwrap();
        assert!(world.oauth.accepts(&token, &loc()));
        assert_eq!(world.reasons(), Vec::<String>::new());
    });
}

#[test]
fn a_private_integration_token_is_read_again_when_ghl_stops_accepting_it() {
    block_on_paused(async {
        let world = Tokens::start(OAuthSettings::default(), "pit-old\n", 1);
        let process = world.process("one");
        let old = process.token().await.unwrap();
        assert_eq!(old.expose(), "pit-old");
        assert!(!process.tokens.refused(&loc(), &reference(), &old).await, "there is no other one");
        world.secrets.put(&reference(), "pit-new");
        assert_eq!(process.token().await.unwrap(), old, "as it was read");
        assert!(process.tokens.refused(&loc(), &reference(), &old).await);
        assert_eq!(process.token().await.unwrap().expose(), "pit-new");
        let reads = world.secrets.reads();
        assert!(process.tokens.refused(&loc(), &reference(), &old).await, "a late answer to a call before");
        assert_eq!(world.secrets.reads(), reads);
        tokio::time::sleep(4 * MINUTE).await;
        world.secrets.set_down(true);
        tokio::time::sleep(4 * MINUTE).await;
        assert_eq!(process.token().await.unwrap().expose(), "pit-new", "a store that is down stops nobody");
    });
}

#[test]
fn credentials_that_cannot_be_used_stop_the_location_and_say_where_they_are_and_what_is_wrong() {
    let cases = [
        (None, "there is no such secret"),
        (Some(""), "is empty"),
        (Some("two words"), "is neither a token"),
        (Some("{\"client_id\": 5}"), "field `user_type` is missing"),
    ];
    for (secret, problem) in cases {
        block_on_paused(async move {
            let world = Tokens::start(OAuthSettings::default(), secret.unwrap_or("x"), 1);
            let elsewhere = "secretsmanager:none".parse().unwrap();
            let at = if secret.is_some() { reference() } else { elsewhere };
            let none = world.process("one").tokens.of(&loc(), &at).await.unwrap_err();
            let NoToken::Refused(reason) = none else { panic!("{none:?}") };
            assert!(reason.contains(problem) && reason.contains(&at.to_string()), "{reason}");
            assert_eq!(world.reasons(), [reason]);
        });
    }
}

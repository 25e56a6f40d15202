//! No retries: refusals, wrong tokens, damaged records, our own panics, and disabled locations.

use ghl_sync_engine::usecase::{FannedOut, NotRun, RecordResult};
use ghl_sync_model::{Cause, ErrorCode, LocationId};
use ghl_sync_testkit::{CallFault, Setup, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, batch, contact, contact_key, contacts, email, exact, loc, opportunity, opportunity_name,
};

#[test]
fn a_refusal_fails_its_record_at_once_and_no_other() {
    for status in [400, 403, 404, 422] {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(move |seen| (seen.subject == email(2)).then(|| CallFault::status(status)));
            world.put(&contacts(10)).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
            assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (9, 10));
            let failed = world.outbox.failed();
            assert_eq!((failed.len(), &failed[0].key), (1, &contact_key(2)));
            let error = failed[0].last_error.as_ref().unwrap();
            assert_eq!((error.code, error.status), (ErrorCode::Rejected, Some(status)));
            assert!(world.gate(&loc()).breaker().is_quiet());
        });
    }
}

#[test]
fn a_failed_record_is_replayed_when_it_is_put_again() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.tries == 1).then(|| CallFault::status(422)));
        for _ in 0..2 {
            world.put(&[contact(0)]).await.unwrap();
            world.run_until_settled(MINUTE).await.unwrap();
        }
        assert_eq!(world.ghl.contact_count(), 1);
        assert_eq!(world.outbox.failed(), []);
    });
}

#[test]
fn a_token_that_is_not_accepted_stops_the_location_until_it_is_mended() {
    block_on_paused(async {
        let world = exact().start();
        let mended = 17 * MINUTE;
        world.ghl.on_call(move |seen| (seen.elapsed < mended).then(|| CallFault::cause(401, Cause::Credentials)));
        world.put(&contacts(20)).await.unwrap();
        world.run_for(mended).await;
        assert_eq!(world.outbox.open().len(), 20);
        assert_eq!(world.outbox.failed(), []);
        assert!(world.ghl.calls() <= 5 * (1 + mended.as_secs() / 300), "{} calls", world.ghl.calls());
        let took = world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(took < 6 * MINUTE, "{took:?}");
        assert_eq!(world.ghl.contact_count(), 20);
        assert!(world.outbox.records().iter().all(|record| record.attempts == 0));
    });
}

#[test]
fn a_token_that_went_stale_costs_each_call_under_way_one_more_and_stops_nothing() {
    block_on_paused(async {
        let world = exact().start();
        // Calls under way at that time are refused; later ones have the new token.
        world
            .ghl
            .on_call(move |seen| (6..=10).contains(&seen.number).then(|| CallFault::cause(401, Cause::StaleToken)));
        world.put(&contacts(30)).await.unwrap();
        let took = world.run_until_settled(MINUTE).await.unwrap();
        assert!(took < 10 * SECOND, "{took:?}");
        assert_eq!((world.ghl.contact_count(), world.ghl.calls(), world.ghl.over_quota()), (30, 35, 0));
        assert!(world.gate(&loc()).pause().is_none());
        assert!(world.outbox.records().iter().all(|record| record.attempts == 0));
    });
}

#[test]
fn a_record_whose_tokens_go_stale_one_after_the_other_is_left_to_a_later_batch() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.tries <= 3).then(|| CallFault::cause(401, Cause::StaleToken)));
        world.put(&contacts(1)).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (1, 4));
    });
}

#[test]
fn a_damaged_record_is_put_aside_and_its_neighbours_are_sent() {
    block_on_paused(async {
        let world = exact().start();
        world.put_only(&contacts(5)).await.unwrap();
        world.outbox.damage(&loc(), &contact_key(1), "payload is not JSON");
        world.engine.fan_out(&loc().into()).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 4);
        let error = world.record(&contact_key(1)).last_error.unwrap();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::Internal, "payload is not JSON"));
        world.put(&[contact(1)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 5, "a put mends it");
    });
}

#[test]
fn a_panic_is_its_records_failure_and_no_others() {
    for attempts in [3, 10] {
        block_on_paused(async move {
            let mut setup = exact();
            setup.config.max_rounds = attempts;
            let world = setup.start();
            world.ghl.on_call(|seen| (seen.subject == email(1)).then_some(CallFault::Panics));
            world.put(&contacts(10)).await.unwrap();
            world.run_for(20 * SECOND).await;
            assert_eq!(
                (world.outbox.open().len(), world.ghl.contact_count()),
                (1, 10),
                "it was done, and then it panicked"
            );
            world.run_until_settled(5 * HOUR).await.unwrap();
            let failed = world.outbox.failed();
            assert_eq!(failed.len(), 1);
            let error = failed[0].last_error.as_ref().unwrap();
            assert_eq!(
                (error.code, error.message.as_str()),
                (ErrorCode::Internal, "our own code panicked on this record")
            );
            assert_eq!((world.sent_to(&email(1)).len(), world.died()), (attempts as usize, 0));
            let last = world.results().into_iter().rfind(|(key, _)| *key == contact_key(1));
            assert_eq!(last, Some((contact_key(1), RecordResult::Failed(ErrorCode::Internal))));
        });
    }
}

#[test]
fn an_opportunity_whose_create_panicked_when_it_was_done_is_not_created_twice() {
    block_on_paused(async {
        let mut setup = exact();
        setup.ghl.search_lag = setup.config.search_lag;
        let world = setup.start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.ghl.on_call(|seen| (seen.subject == opportunity_name(0) && seen.tries == 1).then_some(CallFault::Panics));
        world.put(&[opportunity(0)]).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.opportunities(&loc(), &opportunity_name(0)).len(), 1);
    });
}

#[test]
fn a_location_that_is_not_enabled_is_not_called_and_goes_on_when_it_is() {
    block_on_paused(async {
        let world = exact().start();
        world.registry.change(&loc(), |settings| settings.enabled = false);
        world.put(&contacts(3)).await.unwrap();
        assert_eq!(world.engine.fan_out(&loc().into()).await.unwrap(), FannedOut::NotEnabled);
        let report = world.invoke(&batch(None, [contact_key(0)])).await.unwrap();
        assert_eq!(report.not_run, Some(NotRun::NotEnabled));
        world.run_for(5 * MINUTE).await;
        assert_eq!(world.ghl.calls(), 0);
        world.registry.change(&loc(), |settings| settings.enabled = true);
        let took = world.run_until_settled(20 * MINUTE).await.unwrap();
        assert!(took < 2 * MINUTE, "{took:?}");
    });
}

#[test]
fn a_location_that_is_disabled_while_its_batch_runs_rests_when_that_ends_and_loses_nothing() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(120)).await.unwrap();
        world.run_for(SECOND).await;
        world.registry.change(&loc(), |settings| settings.enabled = false);
        world.run_for(5 * MINUTE).await;
        assert!(world.ghl.contact_count() <= 50);
        world.registry.change(&loc(), |settings| settings.enabled = true);
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 120);
    });
}

#[test]
fn a_message_of_an_unknown_location_is_done_with() {
    block_on_paused(async {
        let world = Setup::default().start();
        let mut message = batch(None, [contact_key(0)]);
        message.location_id = LocationId::new("unknown").unwrap();
        assert_eq!(world.invoke(&message).await.unwrap().not_run, Some(NotRun::NotEnabled));
    });
}

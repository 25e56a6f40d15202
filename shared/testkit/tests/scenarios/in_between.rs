//! Answers that do not come from GHL, and answers for another account.

use ghl_sync_limiter::PauseReason;
use ghl_sync_model::Cause;
use ghl_sync_operate::{LocationState, OverviewPage};
use ghl_sync_testkit::{CallFault, block_on_paused};

use crate::fixtures::{HOUR, Look, MINUTE, contact_key, contacts, exact, loc, nameless, opportunity};

/// A captive proxy, a firewall's page, a gateway that knows no path: none of these says anything about a record.
#[test]
fn pages_of_something_on_the_way_fail_no_record_and_stop_the_location_soon() {
    for status in [302, 400, 404, 405, 410, 413, 451] {
        block_on_paused(async move {
            let world = exact().start();
            let ends = 2 * HOUR;
            world.ghl.on_call(move |seen| (seen.elapsed < ends).then(|| CallFault::cause(status, Cause::Gateway)));
            world.put(&contacts(50)).await.unwrap();
            world.put(&[opportunity(1), nameless(60)]).await.unwrap();
            world.run_for(ends).await;
            assert_eq!(world.outbox.failed(), [], "{status}");
            assert_ne!(world.gate(&loc()).breaker().as_str(), "closed", "{status}");
            assert!(world.ghl.calls() <= 160, "one probe a minute: {} calls in two hours", world.ghl.calls());
            world.run_until_settled(2 * HOUR).await.unwrap();
            assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (51, 1), "{status}");
            assert_eq!(world.ghl.doubles(), [""; 0]);
        });
    }
}

#[test]
fn an_answer_for_another_location_is_no_acceptance_and_stops_the_location_with_that_reason() {
    block_on_paused(async {
        let world = exact().start();
        let mended = 3 * HOUR;
        world.ghl.on_call(move |seen| (seen.elapsed < mended).then(|| CallFault::cause(200, Cause::OtherLocation)));
        world.put(&contacts(40)).await.unwrap();
        world.run_for(10 * MINUTE).await;
        // The calls that were under way together.
        assert!(world.ghl.calls() <= 10, "{} calls", world.ghl.calls());
        assert_eq!(world.outbox.failed(), []);
        assert_eq!(world.record(&contact_key(0)).accepted_version, None);
        assert_eq!(world.gate(&loc()).pause().unwrap().reason, PauseReason::OtherLocation);
        let overview = world.operator().overview(&OverviewPage::default()).await.unwrap();
        assert_eq!(overview.locations[0].location.state, LocationState::Stopped);
        assert!(overview.reasons.iter().any(|reason| reason.contains("another location")), "{:?}", overview.reasons);
        world.run_for(mended).await;
        assert!(world.ghl.calls() <= 80, "once an hour: {} calls", world.ghl.calls());
        world.run_until_settled(2 * HOUR).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 40);
        assert!(world.outbox.records().iter().all(|record| record.attempts == 0));
    });
}

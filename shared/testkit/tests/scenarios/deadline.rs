//! The end of a function's time: no call begins unless it can end and be stored before the deadline.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_model::{Holder, Pace};
use ghl_sync_testkit::{CallFault, Setup, block_on_paused};

use crate::fixtures::{HOUR, SECOND, batch, contact_key, contacts, each_seed, exact, loc};

/// A request may take 10 s, and storing everything is given 1.5 s.
const CALL_AND_WRITE: Duration = Duration::from_millis(11_500);

#[test]
fn whatever_the_deadline_and_the_wait_a_call_begins_only_if_it_can_end_and_be_written_down() {
    // The warm-up uses up the first windows, so later permits come at any time before the deadline.
    for (window_s, timeout_ms) in
        [1, 2, 3, 5, 8, 13].into_iter().flat_map(|w| (11_000..26_000).step_by(487).map(move |t| (w, t)))
    {
        block_on_paused(async move {
            let mut setup = Setup { triggers: false, ..exact() };
            setup.function_timeout = Duration::from_millis(timeout_ms);
            for settings in setup.locations.values_mut() {
                settings.pace = Pace { limit: NonZeroU32::new(3).unwrap(), window: window_s * SECOND };
            }
            let world = setup.start();
            world.put(&contacts(40)).await.unwrap();
            world.invoke(&batch(None, (0..3).map(contact_key))).await.unwrap();
            let before = world.ghl.arrivals().len();
            let deadline = world.clock.now() + Duration::from_millis(timeout_ms);
            // GHL is silent from time to time: the call takes its full timeout.
            world.ghl.on_call(|seen| (seen.number % 5 == 0).then_some(CallFault::NoAnswer { done: true }));
            let report = world.invoke(&batch(None, (3..40).map(contact_key))).await;
            assert!(report.is_some(), "it died: {window_s} s, {timeout_ms} ms");
            for arrival in &world.ghl.arrivals()[before..] {
                assert!(arrival.sent_at + CALL_AND_WRITE <= deadline, "{window_s} s, {timeout_ms} ms: {arrival:?}");
            }
        });
    }
}

#[test]
fn requests_that_time_out_at_the_end_of_a_function_are_no_crashes() {
    each_seed(20, |seed| async move {
        let mut setup = Setup { seed, ..Setup::default() };
        setup.function_timeout = Duration::from_millis(12_000 + 700 * seed);
        for settings in setup.locations.values_mut() {
            settings.pace = Pace { limit: NonZeroU32::new(4).unwrap(), window: 5 * SECOND };
        }
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.number % 3 == 0).then_some(CallFault::NoAnswer { done: true }));
        world.put(&contacts(40)).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.died(), world.gate(&loc()).crashes()), (0, 0));
        assert_eq!(world.ghl.contact_count(), 40);
    });
}

#[test]
fn reads_that_belong_to_no_record_leave_time_to_give_their_permits_back() {
    for timeout_ms in (11_000..14_000).step_by(250) {
        block_on_paused(async move {
            let world = exact().start();
            world.ghl.on_call(|_| Some(CallFault::NoAnswer { done: true }));
            let now = world.clock.now();
            let deadline = now + Duration::from_millis(timeout_ms);
            let invocation = Invocation { holder: Holder::new("pull").unwrap(), deadline };
            let location = loc();
            let reconciler = world.reconciler();
            let read = reconciler.contacts_changed_since(&location, now - HOUR, &invocation, |_| {});
            read.await.unwrap_err();
            assert!(world.clock.now() + Duration::from_millis(1_400) <= deadline, "{timeout_ms} ms");
            assert_eq!(world.gate(&loc()).ledger().out(), 0, "{timeout_ms} ms");
        });
    }
}

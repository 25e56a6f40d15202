//! Safer settings for a location: after the answer, no call begins that violates them. And a tick that sees only part
//! of the check index does what it can.

use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::SettingsOverlay;
use ghl_sync_testkit::{Setup, block_on_paused};

use crate::fixtures::{MINUTE, contact, contacts, exact, loc};

#[test]
fn once_a_safer_setting_or_a_pause_is_answered_no_call_begins_that_does_not_go_by_it() {
    for change in ["dry_run", "disabled", "paused"] {
        for step in 0..20 {
            block_on_paused(async move {
                let world = Setup { seed: step, ..Setup::default() }.start();
                world.put(&contacts(200)).await.unwrap();
                world.run_for(Duration::from_millis(170 * step)).await;
                let safer = SettingsOverlay {
                    dry_run: (change == "dry_run").then_some(true),
                    enabled: (change == "disabled").then_some(false),
                    ..SettingsOverlay::default()
                };
                match change {
                    "paused" => world.operator().pause(&loc(), None, None).await.unwrap(),
                    _ => drop(world.operator().put_settings(&loc(), None, &safer).await.unwrap()),
                }
                let answered = world.clock.now();
                world.run_for(3 * MINUTE).await;
                let late = world.ghl.arrivals().iter().filter(|arrival| arrival.sent_at > answered).count();
                assert_eq!(late, 0, "{change} after {step}");
                // No records are lost.
                let records = world.outbox.records();
                let accepted = records.iter().filter(|record| record.accepted_version.is_some()).count();
                let shown = records.iter().filter(|record| record.dry_run.is_some()).count();
                let open = world.outbox.open_count();
                assert_eq!(accepted + shown + open, 200, "{change} after {step}");
                assert_eq!(open == 0, change == "dry_run" || accepted == 200, "{change} after {step}: {open}");
                assert_eq!(world.ghl.contact_count(), accepted);
            });
        }
    }
}

#[test]
fn a_part_of_the_look_index_that_does_not_answer_keeps_no_other_location_back_and_is_told() {
    block_on_paused(async {
        let mut setup = Setup { triggers: false, ..exact() };
        setup.locations.extend(Setup::settings("other"));
        let world = setup.start();
        let mut other = contact(1);
        other.location_id = "other".parse().unwrap();
        world.put_only(&[contact(0), other]).await.unwrap();
        world.gates.silence([loc().into()]);
        let report = world.engine.tick(false).await.unwrap();
        assert_eq!((report.failed_shards, report.looked_at, report.started), (1, 1, 1));
        world.gates.silence([]);
        let report = world.engine.tick(false).await.unwrap();
        assert_eq!((report.failed_shards, report.started), (0, 1));
    });
}

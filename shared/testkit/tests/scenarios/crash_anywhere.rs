//! Processes that die at any of their awaits while records share a contact, an operator changes something, or GHL is
//! read: whoever continues loses nothing and duplicates nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_inbound::Reconciler;
use ghl_sync_model::{Conflict, Contact, Holder, Kind, Payload, PutRecord, RecordKey, SettingsOverlay};
use ghl_sync_operate::{Chosen, FailedFilter};
use ghl_sync_testkit::{CallFault, Crash, Setup, World, dying_at_await};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_await, email, loc, nameless, opportunity,
    opportunity_name, put_of, with_tags,
};

/// A second record of the same contact as record `n`.
fn shared(n: usize, name: &str) -> PutRecord {
    let content = Contact { email: Some(email(n)), first_name: Some(name.to_owned()), ..Contact::default() };
    put_of(&format!("s{n}"), Payload::Contact(content))
}

/// A second opportunity of the contact of record `n`, with the same name and pipeline.
fn twin(n: usize) -> PutRecord {
    let mut put = opportunity(n);
    if let Payload::Opportunity(opportunity) = &mut put.payload {
        opportunity.monetary_value = Some(7.into());
    }
    PutRecord { id: format!("t{n}").parse().unwrap(), ..put }
}

/// Two contacts with two records each, the opportunities of one of them (two with one name), and some other records.
fn of_shared_contacts() -> Vec<PutRecord> {
    vec![
        contact(0),
        shared(0, "Bea"),
        with_tags(1, &["new"]),
        shared(1, "Bea"),
        nameless(10),
        opportunity(0),
        twin(0),
        opportunity(1),
    ]
}

async fn shares_with(world: &World, key: &RecordKey) -> Vec<String> {
    let status = world.operator().record_status(&loc(), key).await.unwrap().unwrap();
    status.shares_ghl_id_with.iter().map(ToString::to_string).collect()
}

/// Checks that all of [`of_shared_contacts`] is in GHL: no contact twice, every opportunity separate, and the records
/// say who shares.
async fn assert_all_is_there(world: &World) {
    assert_eq!(world.outbox.failed(), []);
    assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (3, 3));
    assert_eq!(world.ghl.doubles().len(), 1, "the twins, and nothing else: {:?}", world.ghl.doubles());
    let records = world.outbox.records();
    assert!(records.iter().all(|record| record.accepted_version == Some(record.version)), "{records:?}");
    let opportunities = records.iter().filter(|record| record.key.kind == Kind::Opportunity);
    let ids: BTreeSet<_> = opportunities.filter_map(|opportunity| opportunity.ghl_id.clone()).collect();
    assert_eq!(ids.len(), 3, "no opportunity is two records'");
    let worth = world
        .ghl
        .opportunities(&loc(), &opportunity_name(0))
        .into_iter()
        .map(|(_, opportunity)| opportunity.monetary_value.is_some());
    assert_eq!(worth.collect::<BTreeSet<_>>(), BTreeSet::from([false, true]), "each as its record says");
    for n in [0, 1] {
        let name = world.ghl.contact(&loc(), &email(n)).unwrap().1.first_name;
        assert!(["Ada", "Bea"].contains(&name.as_deref().unwrap()), "{name:?}");
        let other: RecordKey = format!("contact#s{n}").parse().unwrap();
        assert_eq!(shares_with(world, &contact_key(n)).await, [other.to_string()]);
        assert_eq!(shares_with(world, &other).await, [contact_key(n).to_string()]);
    }
    assert_eq!(world.gate(&loc()).breaker().as_str(), "closed");
}

fn setup(seed: u64) -> Setup {
    let mut setup = Setup { seed, visibility: 2 * MINUTE, index_lag: Duration::ZERO..=2 * SECOND, ..Setup::default() };
    setup.config.batch_size = 8;
    setup.config.lease_size = 5;
    // Equals the maximum lag that the engine assumes.
    setup.ghl.search_lag = setup.config.search_lag;
    setup
}

#[test]
fn a_batch_of_records_that_share_a_contact_dies_at_any_of_its_awaits() {
    for seed in 1..=3 {
        let awaits = each_await(|awaits| async move {
            let world = setup(seed).start();
            world.crash(move |number| (number == 1).then_some(Crash::AtAwait(awaits)));
            world.put_only(&of_shared_contacts()).await.unwrap();
            // The index shows all records, so that the first batch is a full one.
            world.run_for(5 * SECOND).await;
            world.engine.fan_out(&loc().into()).await.unwrap();
            world.run_until_settled(20 * MINUTE).await.unwrap();
            world.run_for(MINUTE).await;
            assert_all_is_there(&world).await;
            world.died() > 0
        });
        assert!(awaits >= 50, "a whole batch has more awaits than {awaits}");
    }
}

#[test]
fn the_put_of_records_that_share_a_contact_dies_at_any_of_its_awaits() {
    let awaits = each_await(|awaits| async move {
        let world = setup(awaits).start();
        let records = of_shared_contacts();
        let lived = dying_at_await(awaits, world.engine.put_and_start(&records)).await.is_some();
        world.run_for(20 * MINUTE).await;
        assert!(world.outbox.open().iter().all(|record| record.waits_for.is_some()), "its contact was not stored");
        // The producer sends them again.
        world.put(&records).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        world.run_for(MINUTE).await;
        assert_all_is_there(&world).await;
        !lived
    });
    assert!(awaits >= 10, "{awaits}");
}

/// Contacts with two records each that were synced an hour ago. A user of GHL has renamed one since.
async fn renamed(rule: Conflict, seed: u64) -> Arc<World> {
    let world = setup(seed).start();
    world.registry.change(&loc(), |settings| settings.conflict = rule);
    world.put(&contacts(3)).await.unwrap();
    world.run_until_settled(20 * MINUTE).await.unwrap();
    world.run_for(MINUTE).await;
    world.put(&[shared(0, "Bea"), shared(1, "Bea")]).await.unwrap();
    world.run_until_settled(20 * MINUTE).await.unwrap();
    world.run_for(HOUR).await;
    let id = world.record(&contact_key(0)).ghl_id.unwrap();
    world.ghl.edit_contact(&loc(), &id, |contact| contact.first_name = Some("Cy".to_owned()));
    world.run_for(MINUTE).await;
    world
}

fn reader(world: &World, number: u64) -> Invocation {
    Invocation { holder: Holder::new(format!("reconcile-{number}")).unwrap(), deadline: world.clock.now() + MINUTE }
}

#[test]
fn reconciling_dies_at_any_of_its_awaits_and_the_next_reading_decides_each_conflict_once() {
    for (rule, expected) in [(Conflict::Ours, "Bea"), (Conflict::Theirs, "Cy")] {
        let awaits = each_await(|awaits| async move {
            let world = renamed(rule, awaits).await;
            let first = reader(&world, 0);
            let lived = dying_at_await(awaits, world.reconciler().reconcile(&loc(), &first)).await.is_some();
            for hour in 1..=3 {
                world.run_until_settled(20 * MINUTE).await.unwrap();
                world.run_for(HOUR).await;
                Reconciler::new(world.host()).reconcile(&loc(), &reader(&world, hour)).await;
            }
            world.run_until_settled(20 * MINUTE).await.unwrap();
            let name = |n| world.ghl.contact(&loc(), &email(n)).unwrap().1.first_name.unwrap();
            assert_eq!([name(0), name(1), name(2)], [expected, "Bea", "Ada"]);
            assert_eq!((world.ghl.contact_count(), world.ghl.doubles().len(), world.outbox.failed().len()), (3, 0, 0));
            // Five puts, plus our content once more if it wins.
            let written = world.sent_to(&email(0)).len();
            assert_eq!(written, if rule == Conflict::Ours { 3 } else { 2 }, "{rule:?}");
            let superseded = world.outbox.records().iter().filter(|record| record.superseded_at.is_some()).count();
            assert_eq!(superseded, usize::from(rule == Conflict::Theirs));
            !lived
        });
        assert!(awaits >= 10, "{awaits}");
    }
}

#[test]
fn a_change_of_settings_dies_at_any_of_its_awaits_and_holds_once_it_was_made_again() {
    let disabled = SettingsOverlay { enabled: Some(false), ..SettingsOverlay::default() };
    let change = async |world: &World, overlay: &SettingsOverlay| {
        world.operator().put_settings(&loc(), None, overlay).await.unwrap();
    };
    for back in [false, true] {
        let awaits = each_await(|awaits| {
            let disabled = disabled.clone();
            async move {
                let world = setup(awaits).start();
                world.put_only(&of_shared_contacts()).await.unwrap();
                world.run_for(SECOND).await;
                let enabled = SettingsOverlay::default();
                if back {
                    change(&world, &disabled).await;
                }
                let first = if back { &enabled } else { &disabled };
                let lived = dying_at_await(awaits, change(&world, first)).await.is_some();
                world.run_for(2 * SECOND).await;
                if !back {
                    change(&world, &disabled).await;
                    world.run_for(5 * SECOND).await;
                    let calls = world.ghl.calls();
                    world.run_for(HOUR).await;
                    assert_eq!(world.ghl.calls(), calls, "disabled is disabled");
                }
                change(&world, &enabled).await;
                world.run_until_settled(20 * MINUTE).await.unwrap();
                world.run_for(MINUTE).await;
                assert_all_is_there(&world).await;
                !lived
            }
        });
        assert!(awaits >= 2, "{awaits}");
    }
}

#[test]
fn a_pause_a_resume_and_a_reset_die_at_any_of_their_awaits_and_hold_once_they_were_made_again() {
    for command in ["pause", "resume", "reset"] {
        let run = async |world: &World, command: &str| match command {
            "pause" => world.operator().pause(&loc(), None, None).await.unwrap(),
            "resume" => drop(world.operator().resume(&loc()).await.unwrap()),
            _ => drop(world.operator().reset_breaker(&loc()).await.unwrap()),
        };
        let awaits = each_await(|awaits| async move {
            let world = setup(awaits).start();
            world.put_only(&of_shared_contacts()).await.unwrap();
            if command != "pause" {
                run(&world, "pause").await;
            }
            let lived = dying_at_await(awaits, run(&world, command)).await.is_some();
            world.run_for(2 * SECOND).await;
            run(&world, command).await;
            run(&world, "resume").await;
            world.run_until_settled(20 * MINUTE).await.unwrap();
            world.run_for(MINUTE).await;
            assert_all_is_there(&world).await;
            !lived
        });
        assert!(awaits >= 2, "{command}: {awaits}");
    }
}

#[test]
fn a_replay_dies_at_any_of_its_awaits_and_another_one_makes_the_rest_due() {
    let awaits = each_await(|awaits| async move {
        let world = setup(awaits).start();
        world.ghl.on_call(|seen| (seen.elapsed < HOUR).then(|| CallFault::status(422)));
        let records = contacts(6);
        world.put(&records).await.unwrap();
        world.run_for(HOUR).await;
        assert_eq!(world.outbox.failed().len(), 6);
        let all = Chosen::Failed(FailedFilter::default());
        let lived = dying_at_await(awaits, world.operator().replay(&loc(), &all, None)).await.is_some();
        world.run_for(2 * SECOND).await;
        world.operator().replay(&loc(), &all, None).await.unwrap();
        world.run_until_settled(20 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.doubles().len(), world.outbox.failed().len()), (6, 0, 0));
        !lived
    });
    assert!(awaits >= 5, "{awaits}");
}

//! Imports: their records and standings, and that a cancelled import sends nothing more.

use std::collections::BTreeMap;

use ghl_sync_engine::ports::{Clock, Outbox, Put};
use ghl_sync_model::{
    ErrorCode, ImportId, ImportStanding, ImportState, LISTED_IMPORTS, PutRecord, Reach, Record, RecordKey,
};
use ghl_sync_operate::{CancelReport, Chosen, FailedFilter, ImportError, ImportUpdate, take_into_import};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_seed, email, exact, loc, named_contact,
    opportunity, opportunity_key,
};

fn import(id: &str) -> ImportId {
    ImportId::new(id).unwrap()
}

fn of(id: &str, puts: impl IntoIterator<Item = PutRecord>) -> Vec<PutRecord> {
    puts.into_iter().map(|put| PutRecord { import: Some(import(id)), ..put }).collect()
}

/// The numbers of an import's records that are pending, accepted, failed, and otherwise.
async fn counts(world: &World, id: &str) -> [u64; 4] {
    // Bypasses the port's faults and latency, so that all counts are from one moment.
    let mut counts = [0; 4];
    for (count, standing) in counts.iter_mut().zip(ImportStanding::ALL) {
        *count = world.outbox.count_import(&loc(), &import(id), standing, 1_000).await.unwrap().count;
    }
    counts
}

async fn begin(world: &World, id: &str) {
    world.operator().tell_import(&loc(), &import(id), &ImportUpdate::default()).await.unwrap();
}

async fn cancel(world: &World, id: &str) -> CancelReport {
    let enough = world.clock.now() + HOUR;
    world.operator().cancel_import(&loc(), &import(id), None, enough).await.unwrap()
}

fn state(state: ImportState) -> ImportUpdate {
    ImportUpdate { state: Some(state), ..ImportUpdate::default() }
}

#[test]
fn a_record_counts_for_the_import_that_put_its_present_content_wherever_it_stands() {
    block_on_paused(async {
        let mut setup = exact();
        setup.config.backoff.max_retries = 0;
        let world = setup.start();
        world.ghl.on_call(|seen| (seen.subject == email(1)).then(|| CallFault::status(422)));
        world.put(&of("x", contacts(4))).await.unwrap();
        assert_eq!(counts(&world, "x").await, [4, 0, 0, 0]);
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(counts(&world, "x").await, [0, 3, 1, 0]);
        world.put(&of("y", [contact(0), named_contact(2, "Eve")])).await.unwrap();
        world.put(&[named_contact(3, "Ida")]).await.unwrap();
        assert_eq!((counts(&world, "x").await, counts(&world, "y").await), ([0, 1, 1, 0], [1, 0, 0, 0]));
        world.ghl.heal();
        let report = world
            .operator()
            .replay(
                &loc(),
                &Chosen::Failed(FailedFilter { import: Some(import("x")), ..FailedFilter::default() }),
                None,
            )
            .await
            .unwrap();
        assert_eq!((report.replayed, counts(&world, "x").await), (1, [1, 1, 0, 0]));
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((counts(&world, "x").await, counts(&world, "y").await), ([0, 2, 0, 0], [0, 1, 0, 0]));
        let status = world.operator().record_status(&loc(), &contact_key(0)).await.unwrap().unwrap();
        assert_eq!(status.import, Some(import("x")), "what changed nothing took nothing over");
    });
}

#[test]
fn the_imports_that_began_last_are_told_of_once_each_whatever_failed_when_they_began() {
    each_seed(20, async |seed| {
        let world = Setup { seed, ..Setup::default() }.start();
        // One of the first writes fails, or its answer is lost.
        let fault = if seed % 2 == 0 { PortFault::Unanswered } else { PortFault::Refused };
        let nth = 1 + seed % 3;
        world.faults.fail(Op::ImportReplace, nth..=nth, fault);
        for id in ["a", "b", "c"] {
            let told = async || world.operator().tell_import(&loc(), &import(id), &ImportUpdate::default()).await;
            if told().await.is_err() {
                told().await.unwrap();
            }
            tokio::time::sleep(SECOND).await;
        }
        world.operator().tell_import(&loc(), &import("a"), &state(ImportState::Complete)).await.unwrap();
        let recent = async |reach: Option<Reach>, limit| {
            let recent = world.operator().recent_imports(reach.as_ref(), limit).await.unwrap();
            recent.into_iter().map(|import| (import.summary.id.to_string(), import.summary.state)).collect::<Vec<_>>()
        };
        let told = |id: &str, state| (id.to_owned(), state);
        let all = [told("c", ImportState::Open), told("b", ImportState::Open), told("a", ImportState::Complete)];
        assert_eq!(recent(None, 10).await, all);
        assert_eq!(recent(None, 2).await, all[..2]);
        let elsewhere = Reach { locations: ["other".parse().unwrap()].into(), ..Reach::default() };
        assert_eq!(recent(Some(elsewhere), 10).await, []);
        let here = Reach { locations: [loc()].into(), ..Reach::default() };
        assert_eq!(recent(Some(here), 10).await, all);
    });
}

#[test]
fn of_a_cancelled_import_no_call_begins_after_the_answer_and_everything_else_goes_on() {
    each_seed(20, async |seed| {
        let world = Setup { seed, ..Setup::default() }.start();
        begin(&world, "x").await;
        world.put(&of("x", contacts(300))).await.unwrap();
        let others: Vec<PutRecord> = (300..330).map(contact).collect();
        world.put(&others).await.unwrap();
        world.run_for(SECOND * u32::try_from(1 + seed % 12).unwrap()).await;
        let report = cancel(&world, "x").await;
        let answered_at = world.clock.now();
        assert_eq!((report.not_written, report.next), (0, None));
        world.run_until_settled(HOUR).await.unwrap();
        let is_withdrawn = |record: &Record| {
            record.failed_at.is_some() && record.last_error.as_ref().is_some_and(|e| e.code == ErrorCode::Cancelled)
        };
        let withdrawn = (0..300).filter(|n| is_withdrawn(&world.record(&contact_key(*n))));
        let late = withdrawn.clone().filter(|n| world.sent_to(&email(*n)).iter().any(|at| *at > answered_at)).count();
        assert_eq!(late, 0, "calls that began after the answer");
        let [pending, accepted, failed, other] = counts(&world, "x").await;
        assert_eq!((pending, accepted + failed, other), (0, 300, 0));
        assert!(failed > 0 && failed as usize == withdrawn.count());
        assert!((300..330).all(|n| world.record(&contact_key(n)).accepted_version == Some(1)));
        // Calls under way ended normally, and a replay brings back the rest.
        let mut after = None;
        loop {
            let what = Chosen::Failed(FailedFilter {
                import: Some(import("x")),
                cause: Some(ErrorCode::Cancelled.into()),
                ..FailedFilter::default()
            });
            let report = world.operator().replay(&loc(), &what, after.as_ref()).await.unwrap();
            after = report.next;
            if after.is_none() {
                break;
            }
        }
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!(counts(&world, "x").await, [0, 300, 0, 0]);
        assert_eq!(world.ghl.contact_count(), 330);
    });
}

#[test]
fn a_cancelled_import_takes_no_records_and_nothing_is_told_of_it_until_it_is_opened() {
    block_on_paused(async {
        let world = exact().start();
        let unknown = world.operator().cancel_import(&loc(), &import("x"), None, world.clock.now()).await;
        assert!(matches!(unknown, Err(ImportError::Unknown(_))));
        take_into_import(&world.engine, &loc(), &import("x")).await.unwrap();
        assert_eq!(world.operator().import(&loc(), &import("x")).await.unwrap().state, ImportState::Open);
        cancel(&world, "x").await;
        let taken = take_into_import(&world.engine, &loc(), &import("x")).await;
        assert!(matches!(taken, Err(ImportError::Cancelled(_))));
        for told in [ImportUpdate::default(), state(ImportState::Complete)] {
            let told = world.operator().tell_import(&loc(), &import("x"), &told).await;
            assert!(matches!(told, Err(ImportError::Cancelled(_))));
        }
        world.operator().tell_import(&loc(), &import("x"), &state(ImportState::Open)).await.unwrap();
        take_into_import(&world.engine, &loc(), &import("x")).await.unwrap();
        let nowhere = world.operator().imports(&"nowhere".parse().unwrap()).await;
        assert!(matches!(nowhere, Err(ImportError::UnknownLocation(_))));
    });
}

#[test]
fn an_opportunity_that_waits_is_withdrawn_with_its_import_and_is_not_woken_by_its_contact() {
    block_on_paused(async {
        let world = exact().start();
        begin(&world, "x").await;
        world.ghl.on_call(|_| Some(CallFault::status(422)));
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.put(&of("x", [opportunity(0)])).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert!(world.record(&opportunity_key(0)).waits_for.is_some(), "it sleeps");
        assert_eq!(counts(&world, "x").await, [1, 0, 0, 0]);
        assert_eq!(cancel(&world, "x").await.withdrawn, 1);
        world.ghl.heal();
        world.operator().replay(&loc(), &Chosen::Failed(FailedFilter::default()), None).await.unwrap();
        world
            .operator()
            .replay(
                &loc(),
                &Chosen::Failed(FailedFilter { import: Some(import("x")), ..FailedFilter::default() }),
                None,
            )
            .await
            .unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(counts(&world, "x").await, [0, 1, 0, 0]);
    });
}

#[test]
fn a_cancel_whose_writes_fail_says_so_and_can_be_repeated() {
    for fault in [PortFault::Refused, PortFault::Unanswered] {
        block_on_paused(async move {
            let world = Setup { triggers: false, ..exact() }.start();
            begin(&world, "x").await;
            world.put(&of("x", contacts(7))).await.unwrap();
            world.faults.fail(Op::OutboxWithdraw, 2..=4, fault);
            let report = cancel(&world, "x").await;
            assert_eq!((report.withdrawn, report.not_written), (4, 3));
            cancel(&world, "x").await;
            assert_eq!(counts(&world, "x").await, [0, 0, 7, 0]);
        });
    }
}

#[test]
fn the_last_imports_are_listed_the_newest_first_whatever_write_failed() {
    block_on_paused(async {
        let world = exact().start();
        world.faults.fail(Op::ImportReplace, 3..=3, PortFault::Refused);
        let first = world.operator().tell_import(&loc(), &import("i0"), &ImportUpdate::default()).await;
        assert!(matches!(first, Err(ImportError::Port(_))), "it is stored, and not listed");
        for n in 0..LISTED_IMPORTS + 3 {
            begin(&world, &format!("i{n}")).await;
            world.run_for(SECOND).await;
        }
        let told = ImportUpdate { name: Some("last.csv".to_owned()), rows: Some(12), ..state(ImportState::Complete) };
        world.operator().tell_import(&loc(), &import("i202"), &told).await.unwrap();
        let listed = world.operator().imports(&loc()).await.unwrap();
        assert_eq!((listed.len(), listed[0].id.as_str(), listed[199].id.as_str()), (200, "i202", "i3"));
        assert_eq!((listed[0].name.as_deref(), listed[0].state), (Some("last.csv"), ImportState::Complete));
        let status = world.operator().import(&loc(), &import("i0")).await.unwrap();
        assert_eq!(status.state, ImportState::Open, "it is not listed any more, and is there");
    });
}

/// Producers put records with and without imports, GHL and the stores fail now and then, and operators cancel and
/// replay.
#[test]
fn through_whatever_happens_counts_add_up_to_the_records_that_an_import_put_last() {
    each_seed(60, async |seed| {
        let world = Setup { seed, ..Setup::default() }.start();
        let chance = world.randomness.fork();
        let picks = chance.clone();
        world.ghl.on_call(move |_| match picks.within(0..=9) {
            0 => Some(CallFault::status(422)),
            1 => Some(CallFault::status(503)),
            _ => None,
        });
        let faults = chance.fork();
        world.faults.decide(move |op, _| {
            let hit =
                matches!(op, Op::OutboxSettle | Op::OutboxReplay | Op::OutboxWithdraw) && faults.within(0..=19) == 0;
            hit.then_some(PortFault::Unanswered)
        });
        let mut owners: BTreeMap<RecordKey, Option<ImportId>> = BTreeMap::new();
        for id in ["x", "y"] {
            begin(&world, id).await;
        }
        for _ in 0..40 {
            let id = ["x", "y"][usize::try_from(chance.within(0..=1)).unwrap()];
            match chance.within(0..=9) {
                0 => _ = cancel(&world, id).await,
                1 => {
                    let what = Chosen::Failed(FailedFilter { import: Some(import(id)), ..FailedFilter::default() });
                    world.operator().replay(&loc(), &what, None).await.unwrap();
                }
                2 => world.run_for(SECOND * 5).await,
                _ => {
                    let n = usize::try_from(chance.within(0..=19)).unwrap();
                    let name = ["Ada", "Eve"][usize::try_from(chance.within(0..=1)).unwrap()];
                    let of_import = (chance.within(0..=2) > 0).then(|| import(id));
                    let put = PutRecord { import: of_import.clone(), ..named_contact(n, name) };
                    let done = world.engine.put_and_start(std::slice::from_ref(&put)).await;
                    if matches!(done.items[0], Ok(Put::Stored)) {
                        owners.insert(put.key(), of_import);
                    }
                }
            }
            for id in ["x", "y"] {
                let owned = owners.values().filter(|owner| **owner == Some(import(id))).count() as u64;
                assert_eq!(counts(&world, id).await.iter().sum::<u64>(), owned, "{id}");
            }
        }
        world.faults.heal();
        world.ghl.heal();
        world.run_until_settled(24 * HOUR).await.unwrap();
        for id in ["x", "y"] {
            let [pending, accepted, failed, other] = counts(&world, id).await;
            assert_eq!((pending, other), (0, 0));
            let operator = world.operator();
            let keys = async |standing| {
                let page = operator.records_of_import(&loc(), &import(id), standing, None, 100).await;
                page.unwrap().records
            };
            let (accepted_keys, failed_keys) =
                (keys(ImportStanding::Accepted).await, keys(ImportStanding::Failed).await);
            assert_eq!((accepted_keys.len() as u64, failed_keys.len() as u64), (accepted, failed));
            assert!(accepted_keys.iter().all(|status| status.import == Some(import(id))));
        }
    });
}

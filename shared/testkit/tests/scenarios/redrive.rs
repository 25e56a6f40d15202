//! Dead-letter messages: nothing is sent again, every location is woken, and nothing is lost on the way.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::ports::DeadLetterQueue::{Dead, Parked};
use ghl_sync_engine::usecase::DeadLetterEnd;
use ghl_sync_model::{Ask, Batch, DeadLetter, EpochMs, LocationId, Message, PutRecord};
use ghl_sync_operate::{RedriveEnd, RedriveOrder, RedriveReport};
use ghl_sync_testkit::{MessageFate, Noted, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{MINUTE, SECOND, batch, contact, contact_key, contacts, exact, letter, loc};

/// A dead-letter message with a batch of `location`.
fn letter_of(id: &str, location: &LocationId) -> DeadLetter {
    let batch = Batch { location_id: location.clone(), ..batch(Some(1), [contact_key(0)]) };
    letter(id, &batch.to_json())
}

fn locations(count: usize) -> Vec<LocationId> {
    (0..count).map(|n| LocationId::new(format!("loc{n}")).unwrap()).collect()
}

/// A world with these locations, in which nothing starts by itself.
fn world_of(locations: &[LocationId]) -> std::sync::Arc<World> {
    let locations = locations.iter().filter_map(|location| Setup::settings(location.as_str())).collect();
    Setup { locations, triggers: false, ..exact() }.start()
}

async fn by_hand(world: &World, order: &RedriveOrder) -> RedriveReport {
    let deadline = world.engine.ports().clock.now() + MINUTE;
    world.operator().redrive_by_hand(order, deadline).await.unwrap()
}

fn order(dry_run: bool) -> RedriveOrder {
    RedriveOrder { dry_run, max_per_second: NonZeroU32::new(5).unwrap(), limit: 500, location: None }
}

/// When each message was sent.
fn sent_at(world: &World) -> Vec<EpochMs> {
    world.queue.sent().into_iter().map(|(at, ..)| at).collect()
}

#[test]
fn a_batch_that_died_wakes_its_location_once_however_many_letters_it_left_and_nothing_is_doubled() {
    block_on_paused(async {
        let world = exact().start();
        // Only the dead-letter queue gets the message of the first batch.
        world.queue.decide(|number, _| if number == 1 { MessageFate::Lost } else { MessageFate::Arrives });
        world.put(&contacts(20)).await.unwrap();
        world.run_for(61 * SECOND).await;
        let (_, died, _) = world.queue.sent().remove(0);
        let letters = ["m1", "m2", "m3"].map(|id| letter(id, &died.to_json()));
        let before = world.queue.sent().len();
        let ends = world.engine.redrive(&letters).await;
        assert!(ends.iter().all(|end| *end == ends[0] && end.is_done()), "{ends:?}");
        assert!(world.queue.sent().len() <= before + 1, "one batch for three letters");
        assert!(world.queue.sent()[1..].iter().all(|(_, batch, _)| batch.generation != died.generation));
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (20, 20));
    });
}

#[test]
fn a_location_that_is_at_work_or_has_nothing_to_do_is_left_alone() {
    block_on_paused(async {
        let world = world_of(&[loc()]);
        assert_eq!(world.engine.redrive(&[letter_of("m1", &loc())]).await, [DeadLetterEnd::Idle]);
        world.put(&[contact(0)]).await.unwrap();
        assert_eq!(world.engine.redrive(&[letter_of("m2", &loc())]).await, [DeadLetterEnd::Busy]);
        assert_eq!(world.queue.sent().len(), 1);
    });
}

#[test]
fn what_is_no_batch_is_parked_as_it_is_and_spoils_no_other() {
    block_on_paused(async {
        let world = world_of(&[loc()]);
        world.put_only(&[contact(0)]).await.unwrap();
        let garbage = letter("m1", "ada@secret.example");
        let letters = [garbage.clone(), letter("m2", ""), letter_of("m3", &loc())];
        let ends = world.engine.redrive(&letters).await;
        assert_eq!(ends, [DeadLetterEnd::Parked, DeadLetterEnd::Parked, DeadLetterEnd::Started]);
        assert_eq!(world.dead_letters.visible(Parked), ["m1", "m2"]);
        let taken = world.engine.ports().dead_letters.take(Parked, 1, SECOND).await.unwrap();
        assert_eq!(taken[0].letter, garbage);
        let noted = world.sink.pick(|_, noted| match noted {
            Noted::DeadLetter { id, end } => Some((id.clone(), *end)),
            _ => None,
        });
        let expected = letters.iter().map(|letter| letter.id.clone()).zip(ends).collect::<Vec<_>>();
        assert_eq!(noted, expected, "each is told once");
    });
}

#[test]
fn letters_of_locations_that_nobody_knows_or_that_are_off_are_done_with_and_start_nothing() {
    block_on_paused(async {
        let world = world_of(&[loc()]);
        world.registry.change(&loc(), |settings| settings.enabled = false);
        world.put_only(&[contact(0)]).await.unwrap();
        let elsewhere = LocationId::new("elsewhere").unwrap();
        let ends = world.engine.redrive(&[letter_of("m1", &loc()), letter_of("m2", &elsewhere)]).await;
        assert_eq!(ends, [DeadLetterEnd::NotEnabled, DeadLetterEnd::UnknownLocation]);
        assert_eq!((world.queue.sent().len(), world.outbox.open().len()), (0, 1), "it stays due");
    });
}

#[test]
fn a_reconciliation_that_died_wakes_its_location_and_is_told_apart_from_batches() {
    block_on_paused(async {
        let world = world_of(&[loc()]);
        world.put_only(&[contact(0)]).await.unwrap();
        let asked = letter("m1", &Message::Ask(Ask::Reconcile, loc()).to_json());
        world.dead_letters.add(Dead, asked.clone());
        assert_eq!(by_hand(&world, &order(true)).await.reasons, BTreeMap::from([("reconcile", 1)]));
        assert_eq!(world.engine.redrive(&[asked]).await, [DeadLetterEnd::Started]);
    });
}

#[test]
fn a_letter_stays_while_a_store_is_down_and_its_location_is_tried_once_an_invocation() {
    for op in [Op::GateLoad, Op::OutboxDue, Op::GateReplace, Op::QueueSend] {
        block_on_paused(async {
            let world = world_of(&[loc()]);
            world.put_only(&contacts(3)).await.unwrap();
            world.faults.fail(op, 1..=u64::MAX, PortFault::Refused);
            let letters = [letter_of("m1", &loc()), letter_of("m2", &loc())];
            assert_eq!(world.engine.redrive(&letters).await, [DeadLetterEnd::Stays; 2], "{op:?}");
            assert!(world.faults.calls(op) <= 3, "{op:?}: {}", world.faults.calls(op));
            let failures = world.sink.pick(|_, noted| matches!(noted, Noted::PortFailed(_)).then_some(()));
            assert_eq!(failures.len(), 1, "{op:?}");
            world.faults.heal();
            world.run_for(2 * MINUTE).await;
            assert_eq!(world.engine.redrive(&letters).await, [DeadLetterEnd::Started; 2], "{op:?}");
        });
    }
}

#[test]
fn a_letter_that_cannot_be_parked_stays() {
    block_on_paused(async {
        let world = world_of(&[loc()]);
        world.faults.fail(Op::DeadLettersPark, 1..=1, PortFault::Refused);
        let letters = [letter("m1", "{")];
        assert_eq!(world.engine.redrive(&letters).await, [DeadLetterEnd::Stays]);
        assert_eq!(world.engine.redrive(&letters).await, [DeadLetterEnd::Parked]);
    });
}

#[test]
fn a_dry_run_counts_by_reason_and_location_and_leaves_everything_as_it_is() {
    block_on_paused(async {
        let all = locations(3);
        let world = world_of(&all);
        for n in 0..25 {
            world.dead_letters.add(Dead, letter_of(&format!("dead-{n:02}"), &all[n % 3]));
        }
        world.dead_letters.add(Parked, letter("no-json", "{"));
        world.dead_letters.add(Parked, letter("empty", " "));
        let report = by_hand(&world, &order(true)).await;
        assert_eq!(report.reasons, BTreeMap::from([("batch", 25), ("empty", 1), ("not_json", 1)]));
        assert_eq!(report.locations.into_values().collect::<Vec<_>>(), [9, 8, 8]);
        assert_eq!((report.seen, report.woken, report.deleted, report.kept, report.failed), (27, 0, 0, 27, 0));
        assert_eq!((report.dry_run, report.ended), (true, RedriveEnd::Empty));
        assert_eq!((world.dead_letters.visible(Dead).len(), world.dead_letters.visible(Parked).len()), (25, 2));
        assert_eq!((world.queue.sent().len(), world.faults.calls(Op::GateLoad)), (0, 0));
    });
}

#[test]
fn by_hand_no_more_locations_are_woken_in_a_second_than_was_asked_for_and_what_is_no_batch_stays() {
    block_on_paused(async {
        let all = locations(12);
        let world = world_of(&all);
        for (n, location) in all.iter().enumerate() {
            world.put_only(&[PutRecord { location_id: location.clone(), ..contact(n) }]).await.unwrap();
            world.dead_letters.add(Dead, letter_of(&format!("a{n}"), location));
            world.dead_letters.add(Parked, letter_of(&format!("b{n}"), location));
        }
        world.dead_letters.add(Parked, letter("garbage", "{"));
        let report = by_hand(&world, &order(false)).await;
        assert_eq!((report.seen, report.woken, report.deleted, report.kept), (25, 12, 24, 1));
        let sent = sent_at(&world);
        assert_eq!(sent.len(), 12);
        for (first, last) in sent.iter().zip(&sent[5..]) {
            assert!(first.until(*last) >= SECOND, "{sent:?}");
        }
        assert!(world.dead_letters.visible(Dead).is_empty());
        assert_eq!(world.dead_letters.visible(Parked), ["garbage"]);
        world.run_for(10 * MINUTE).await;
        assert_eq!(world.dead_letters.visible(Parked), ["garbage"], "what was deleted does not come back");
    });
}

#[test]
fn by_hand_the_limit_and_the_location_that_were_asked_for_are_kept_to() {
    block_on_paused(async {
        let all = locations(2);
        let world = world_of(&all);
        for n in 0..20 {
            world.dead_letters.add(Dead, letter_of(&format!("m{n:02}"), &all[n % 2]));
        }
        let limited = by_hand(&world, &RedriveOrder { limit: 7, ..order(true) }).await;
        assert_eq!((limited.seen, limited.ended), (7, RedriveEnd::Limit));
        let of_one = RedriveOrder { location: Some(all[1].clone()), ..order(false) };
        let report = by_hand(&world, &of_one).await;
        assert_eq!((report.seen, report.woken, report.deleted, report.kept), (20, 1, 10, 10));
        assert_eq!((report.reasons["batch"], report.locations.len()), (10, 1));
        assert_eq!(world.dead_letters.visible(Dead).len(), 10);
    });
}

#[test]
fn by_hand_an_invocation_ends_in_time_and_the_next_one_goes_on() {
    block_on_paused(async {
        let all = locations(30);
        let world = world_of(&all);
        for (n, location) in all.iter().enumerate() {
            world.dead_letters.add(Dead, letter_of(&format!("m{n}"), location));
        }
        let slowly = RedriveOrder { max_per_second: NonZeroU32::MIN, ..order(false) };
        let began = world.clock.now();
        let deadline = began + 20 * SECOND;
        let report = world.operator().redrive_by_hand(&slowly, deadline).await.unwrap();
        assert_eq!(report.ended, RedriveEnd::Time);
        assert!(world.clock.now() <= deadline && report.woken >= 14, "{report:?}");
        assert_eq!(report.deleted, report.woken);
        assert_eq!(world.dead_letters.visible(Dead).len() as u32, 30 - report.deleted, "nothing is hidden");
        let rest = by_hand(&world, &slowly).await;
        assert_eq!((rest.ended, report.deleted + rest.deleted), (RedriveEnd::Empty, 30));
    });
}

#[test]
fn by_hand_a_letter_whose_location_cannot_be_woken_is_kept_and_told() {
    block_on_paused(async {
        let world = world_of(&[loc()]);
        world.dead_letters.add(Dead, letter_of("m1", &loc()));
        world.faults.fail(Op::GateLoad, 1..=u64::MAX, PortFault::Refused);
        let report = by_hand(&world, &order(false)).await;
        assert_eq!((report.failed, report.kept, report.deleted, report.woken), (1, 1, 0, 0));
        assert_eq!(world.dead_letters.visible(Dead), ["m1"]);
    });
}

#[test]
fn what_was_taken_by_an_invocation_that_failed_comes_back_by_itself() {
    for op in [Op::DeadLettersTake, Op::DeadLettersDelete, Op::DeadLettersPutBack] {
        block_on_paused(async {
            let world = world_of(&[loc()]);
            world.dead_letters.add(Dead, letter_of("m1", &loc()));
            world.dead_letters.add(Parked, letter("m2", "{"));
            world.faults.fail(op, 1..=1, PortFault::Refused);
            let deadline = world.engine.ports().clock.now() + MINUTE;
            world.operator().redrive_by_hand(&order(false), deadline).await.unwrap_err();
            world.run_for(2 * MINUTE).await;
            by_hand(&world, &order(false)).await;
            assert!(world.dead_letters.visible(Dead).is_empty(), "{op:?}");
            assert_eq!(world.dead_letters.visible(Parked), ["m2"], "{op:?}");
        });
    }
}

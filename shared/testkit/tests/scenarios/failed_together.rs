//! Failures with one cause that are mended or dismissed together: records put since stay untouched, nothing unwanted
//! is sent, and the leftovers are counted by reason.

use std::sync::Arc;

use ghl_sync_engine::ports::{Clock, Outbox, Put};
use ghl_sync_model::{
    Call, Contact, EpochMs, ErrorCode, ImportStanding, Kind, NewPipeline, Opportunity, Payload, PutRecord, RecordKey,
    Undo,
};
use ghl_sync_operate::{
    Chosen, ChosenError, ContentChange, DismissReport, FailedFilter, LeftAlone, MendReport, RecordState,
};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused, dying_at_await};
use serde_json::{Value, json};

use crate::fixtures::{
    Look, MINUTE, SECOND, contact, contact_key, each_await, each_seed, email, exact, loc, named_contact, opportunity,
    opportunity_key, opportunity_name, put_of,
};
use crate::undo::{import, put_undoable, standing, undo};

/// Contact number `n` with a city that GHL refuses.
fn refused(n: usize) -> PutRecord {
    let mut put = contact(n);
    if let Payload::Contact(contact) = &mut put.payload {
        contact.city = Some("nowhere".to_owned());
    }
    put
}

fn is_refused(call: &Call) -> bool {
    let contact = match call {
        Call::UpsertContact(contact) | Call::CreateContact(contact) | Call::UpdateContact { contact, .. } => contact,
        Call::CreateOpportunity { opportunity, .. } => return opportunity.pipeline_id.as_str() == "pipeline",
        _ => return false,
    };
    contact.city.as_deref() == Some("nowhere")
}

/// A world with a GHL that refuses that city, and a pipeline.
fn world() -> Arc<World> {
    let world = Setup { store_ms: 1..=4, ..exact() }.start();
    world.ghl.on_call(|seen| is_refused(seen.call).then(|| CallFault::status(400)));
    world
}

async fn with_failures(count: usize) -> Arc<World> {
    let world = world();
    world.put(&(0..count).map(refused).collect::<Vec<_>>()).await.unwrap();
    world.run_until_settled(5 * MINUTE).await.unwrap();
    assert_eq!(world.outbox.failed().len(), count);
    world
}

fn all() -> Chosen {
    Chosen::Failed(FailedFilter { cause: Some(ErrorCode::Rejected.into()), ..FailedFilter::default() })
}

fn change(without: &[&str], set: &Value) -> ContentChange {
    let set = serde_json::from_value(set.clone()).unwrap();
    ContentChange::new(without.iter().map(|name| (*name).to_owned()).collect(), set, None).unwrap()
}

async fn mend(world: &World, change: &ContentChange) -> MendReport {
    world.operator().mend(&loc(), &all(), change, None).await.unwrap()
}

async fn dismiss(world: &World) -> DismissReport {
    world.operator().dismiss(&loc(), &all(), None).await.unwrap()
}

#[test]
fn what_is_mended_goes_out_once_without_the_field_and_all_else_of_it_as_it_was() {
    block_on_paused(async {
        let world = with_failures(7).await;
        let report = mend(&world, &change(&["city"], &json!({ "companyName": "Acme" }))).await;
        assert_eq!((report.mended, report.left, report.not_written, report.next), (7, LeftAlone::default(), 0, None));
        world.run_for(2 * SECOND).await;
        assert_eq!((world.ghl.contact_count(), world.outbox.failed().len()), (7, 0), "at once");
        for n in 0..7 {
            let (_, there, _) = world.ghl.contact(&loc(), &email(n)).unwrap();
            let expected = ("Ada", None, Some("Acme"));
            assert_eq!(
                (there.first_name.as_deref().unwrap(), there.city.as_deref(), there.company_name.as_deref()),
                expected
            );
            let record = world.record(&contact_key(n));
            assert_eq!((record.version, record.accepted_version, record.attempts), (2, Some(2), 0));
            assert_eq!(record.accepted_hash, Some(record.payload.hash()));
        }
        let again = mend(&world, &change(&["city"], &json!({}))).await;
        assert_eq!((again.mended, again.left), (0, LeftAlone::default()), "nothing stands as failed any more");
    });
}

#[test]
fn opportunities_of_a_wrong_pipeline_get_another_one_and_none_is_doubled() {
    block_on_paused(async {
        let world = world();
        world.put(&[contact(0), contact(1), opportunity(0), opportunity(1), refused(5)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.outbox.failed().len(), 3);
        let sales = NewPipeline { name: "Sales".to_owned(), stages: vec!["New".to_owned()] };
        let sales = world.ghl.add_pipeline(&loc(), &sales).unwrap();
        let stage = &sales.stages[0].id;
        let change = change(&[], &json!({ "pipelineId": sales.id, "pipelineStageId": stage }));
        let report = mend(&world, &change).await;
        let left = LeftAlone { no_such_field: 1, ..LeftAlone::default() };
        assert_eq!((report.mended, report.left), (2, left), "a contact has no pipeline");
        world.run_until_settled(5 * MINUTE).await.unwrap();
        for n in 0..2 {
            let there = world.ghl.opportunities(&loc(), &opportunity_name(n));
            let [(_, Opportunity { pipeline_id, pipeline_stage_id, .. })] = &there[..] else { panic!("{there:?}") };
            assert_eq!((pipeline_id, pipeline_stage_id.as_ref()), (&sales.id, Some(stage)));
            assert_eq!(world.record(&opportunity_key(n)).former, []);
        }
    });
}

#[test]
fn a_mended_opportunity_is_still_looked_for_where_it_may_have_been_created() {
    block_on_paused(async {
        let world = exact().start();
        // GHL created the opportunity, but reported a failure.
        world.ghl.on_call(|seen| {
            matches!(seen.call, Call::CreateOpportunity { .. }).then_some(CallFault::DoneButRefused(400))
        });
        world.put(&[contact(0), opportunity(0)]).await.unwrap();
        world.run_until_settled(10 * MINUTE).await.unwrap();
        world.ghl.heal();
        assert_eq!((world.outbox.failed().len(), world.ghl.opportunity_count()), (1, 1));
        // GHL's search shows it by then.
        world.run_for(MINUTE).await;
        mend(&world, &change(&[], &json!({ "pipelineId": "other" }))).await;
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.opportunity_count(), 1, "it is found, and moved");
    });
}

#[test]
fn whatever_cannot_be_mended_is_left_as_it_is_and_counted_by_its_reason() {
    block_on_paused(async {
        let world = with_failures(6).await;
        let without_city = named_contact(6, "Eve");
        world.ghl.on_call(|_| Some(CallFault::status(400)));
        world.put(&[without_city]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        // GHL has the record, and refuses its requested deletion.
        world.ghl.heal();
        world.put(&[contact(7)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.ghl.on_call(|_| Some(CallFault::status(400)));
        world.operator().delete_in_ghl(&loc(), &contact_key(7)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        world.ghl.heal();
        world.outbox.damage(&loc(), &contact_key(0), "no JSON");
        assert_eq!(world.outbox.failed().len(), 8);
        let keys: Vec<RecordKey> = [0, 1, 1, 2, 6, 7, 99].map(contact_key).into();
        let chosen = Chosen::Records(keys);
        let before = world.outbox.records();
        let change = change(&["city"], &json!({}));
        let report = world.operator().mend(&loc(), &chosen, &change, None).await.unwrap();
        let left = LeftAlone { other: 2, to_delete: 1, no_such_field: 1, unreadable: 1, ..LeftAlone::default() };
        assert_eq!((report.mended, report.left, report.left.sum()), (2, left, 5));
        let report = world.operator().dismiss(&loc(), &Chosen::Records(vec![contact_key(7)]), None).await.unwrap();
        assert_eq!((report.dismissed, report.left.to_delete), (0, 1), "a deletion is not given up with a group");
        let untouched = |key: &RecordKey| ![contact_key(1), contact_key(2)].contains(key);
        for record in before.into_iter().filter(|record| untouched(&record.key)) {
            assert_eq!(world.record(&record.key), record);
        }
        let wrong = world.operator().mend(&loc(), &Chosen::Records(vec![contact_key(0); 501]), &change, None).await;
        assert!(matches!(wrong, Err(ChosenError::TooMany(501))));
        let unknown = world.operator().dismiss(&"nobody".parse().unwrap(), &all(), None).await;
        assert!(matches!(unknown, Err(ChosenError::Unknown(_))));
    });
}

/// A put at any moment of a mend prevails, and reaches GHL.
#[test]
fn a_record_that_is_put_while_a_group_is_mended_keeps_what_was_put() {
    each_seed(40, |seed| async move {
        let world = with_failures(4).await;
        let change = change(&["city"], &json!({}));
        let (operator, engine) = (world.operator(), world.engine.clone());
        let (what, put) = (all(), named_contact(2, "Eve"));
        let later = async {
            tokio::time::sleep(std::time::Duration::from_millis(seed)).await;
            engine.put_and_start(&[put]).await
        };
        let location = loc();
        let (mended, _) = futures::join!(operator.mend(&location, &what, &change, None), later);
        let mended = mended.unwrap();
        // If the put came before the failures were read, its record is not among them.
        assert!((3..=4).contains(&(mended.mended + mended.left.sum())), "{mended:?}");
        assert!(mended.left.sum() <= 1 && mended.left.not_valid == 0, "{mended:?}");
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let (_, there, _) = world.ghl.contact(&loc(), &email(2)).unwrap();
        assert_eq!((there.first_name.as_deref(), world.outbox.failed().len()), (Some("Eve"), 0));
    });
}

#[test]
fn a_record_that_was_put_since_it_was_read_is_neither_mended_nor_dismissed() {
    block_on_paused(async {
        let world = with_failures(1).await;
        let seen = world.record(&contact_key(0));
        world.put(&[refused(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let stands = world.record(&contact_key(0));
        assert!(stands.failed_at.is_some() && stands.version > seen.version);
        let payload = contact(0).payload;
        assert!(!world.outbox.mend(&seen, &payload, world.clock.now()).await.unwrap());
        assert_eq!(world.outbox.dismiss(&seen).await.unwrap(), None);
        assert_eq!(world.record(&contact_key(0)), stands);
    });
}

#[test]
fn whichever_write_of_a_mend_or_a_dismissal_fails_doing_it_again_makes_it_good() {
    for fault in [PortFault::Refused, PortFault::Unanswered] {
        for op in [Op::OutboxMend, Op::OutboxDismiss] {
            block_on_paused(async move {
                let world = with_failures(7).await;
                world.faults.fail(op, 2..=4, fault);
                let change = change(&["city"], &json!({}));
                let (done, not_written) = match op {
                    Op::OutboxMend => {
                        let report = mend(&world, &change).await;
                        (report.mended, report.not_written)
                    }
                    _ => {
                        let report = dismiss(&world).await;
                        (report.dismissed, report.not_written)
                    }
                };
                assert_eq!((done, not_written), (4, 3));
                match op {
                    Op::OutboxMend => _ = mend(&world, &change).await,
                    _ => _ = dismiss(&world).await,
                }
                world.run_until_settled(5 * MINUTE).await.unwrap();
                let there = if op == Op::OutboxMend { 7 } else { 0 };
                let stands = (world.ghl.contact_count(), world.outbox.records().len(), world.outbox.failed().len());
                assert_eq!(stands, (there, there, 0));
            });
        }
    }
}

/// Even if no write of a mend is answered, all its records are due and are sent.
#[test]
fn a_location_is_started_even_if_no_write_of_a_mend_was_answered() {
    block_on_paused(async {
        let world = with_failures(3).await;
        world.faults.fail(Op::OutboxMend, 1..=3, PortFault::Unanswered);
        let report = mend(&world, &change(&["city"], &json!({}))).await;
        assert_eq!((report.mended, report.not_written), (0, 3));
        world.run_for(2 * SECOND).await;
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn a_mended_record_stays_with_its_import_which_can_be_undone_with_it() {
    block_on_paused(async {
        let world = world();
        put_undoable(&world, [contact(0), refused(1), refused(2)]).await;
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(standing(&world, ImportStanding::Failed).await, 2);
        let what = Chosen::Failed(FailedFilter { import: Some(import("x")), ..FailedFilter::default() });
        let change = change(&["city"], &json!({}));
        let report = world.operator().mend(&loc(), &what, &change, None).await.unwrap();
        assert_eq!((report.mended, standing(&world, ImportStanding::Pending).await), (2, 2));
        assert!(matches!(world.record(&contact_key(1)).undo, Some(Undo::Possible { .. })));
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((standing(&world, ImportStanding::Accepted).await, world.ghl.contact_count()), (3, 3));
        undo(&world).await;
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((standing(&world, ImportStanding::Undone).await, world.ghl.contact_count()), (3, 0));
    });
}

#[test]
fn an_undo_that_failed_is_no_content_to_mend_or_dismiss() {
    block_on_paused(async {
        let world = exact().start();
        put_undoable(&world, [contact(0)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        world.ghl.on_call(|_| Some(CallFault::status(400)));
        undo(&world).await;
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let record = world.record(&contact_key(0));
        assert!(record.failed_at.is_some() && record.is_undoing());
        let report = mend(&world, &change(&[], &json!({ "city": "Ulm" }))).await;
        assert_eq!((report.mended, report.left.to_undo), (0, 1));
        assert_eq!(dismiss(&world).await.left.to_undo, 1);
        assert_eq!(world.record(&contact_key(0)), record);
    });
}

#[test]
fn content_that_its_source_says_is_newer_than_what_was_mended_replaces_it_and_older_does_not() {
    block_on_paused(async {
        let world = world();
        let at = |put: PutRecord, as_of: EpochMs| PutRecord { as_of: Some(as_of), ..put };
        let begin = world.clock.now();
        world.put(&[at(refused(0), begin), refused(1)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        mend(&world, &change(&["city"], &json!({}))).await;
        for n in 0..2 {
            let put = async |name: &str, as_of: EpochMs| {
                world.outbox.put(&at(named_contact(n, name), as_of), world.clock.now()).await.unwrap()
            };
            assert_eq!(put("Old", EpochMs(begin.0 - 1)).await, Put::Outdated);
            // The content was true before the mend, but after the mended content.
            assert_eq!(put("New", begin + SECOND).await, Put::Stored);
        }
    });
}

#[test]
fn what_is_dismissed_is_gone_here_and_ghl_keeps_what_it_has() {
    block_on_paused(async {
        let world = world();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.put(&[refused(0), refused(1), refused(2)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let calls = world.ghl.calls();
        let report = dismiss(&world).await;
        assert_eq!((report.dismissed, report.left, report.not_written), (3, LeftAlone::default(), 0));
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!((world.outbox.records().len(), world.ghl.contact_count(), world.ghl.calls()), (0, 1, calls));
        let overview = world.operator().location_overview(&loc()).await.unwrap().unwrap();
        assert_eq!(overview.location.failed.count, 0, "it is told at once");
        assert_eq!(dismiss(&world).await, DismissReport::default());
    });
}

#[test]
fn opportunities_that_wait_for_a_dismissed_contact_are_woken_and_go_out_once_it_is_put() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| is_refused(seen.call).then(|| CallFault::status(400)));
        world.put(&[refused(0), opportunity(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.record(&contact_key(0)).awaited_by, [opportunity_key(0)]);
        let what = Chosen::Failed(FailedFilter { kind: Some(Kind::Contact), ..FailedFilter::default() });
        assert_eq!(world.operator().dismiss(&loc(), &what, None).await.unwrap().dismissed, 1);
        assert!(world.record(&opportunity_key(0)).due_at.is_some());
        world.ghl.heal();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(30 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (1, 1));
    });
}

/// A process that mends or dismisses may die at any moment: what it wrote by then counts, and the next one does the
/// rest.
#[test]
fn a_mend_that_dies_anywhere_leaves_each_record_mended_or_as_it_was() {
    let awaits = each_await(|awaits| async move {
        let world = with_failures(3).await;
        let change = change(&["city"], &json!({}));
        let (operator, what, location) = (world.operator(), all(), loc());
        let died = dying_at_await(awaits, operator.mend(&location, &what, &change, None)).await.is_none();
        for n in 0..3 {
            let record = world.record(&contact_key(n));
            let Payload::Contact(Contact { city, .. }) = &record.payload else { panic!("{record:?}") };
            assert_eq!((record.version == 1, record.failed_at.is_some()), (city.is_some(), city.is_some()));
        }
        mend(&world, &change).await;
        world.run_until_settled(30 * MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.outbox.failed().len()), (3, 0));
        died
    });
    assert!(awaits > 3, "{awaits}");
}

#[test]
fn failures_of_one_cause_are_listed_page_by_page_and_no_other() {
    block_on_paused(async {
        let world = world();
        world.put(&[contact(0), opportunity(0), refused(1), refused(2), refused(3)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        world.ghl.on_call(|_| Some(CallFault::status(404)));
        world.put(&[put_of("other", contact(9).payload)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let failures = world.operator().failures(&loc()).await.unwrap();
        assert_eq!(failures.causes.len(), 2, "{failures:?}");
        for cause in failures.causes {
            let (mut keys, mut cursor) = (Vec::new(), None);
            loop {
                let page = world.operator().failed_for(&loc(), &cause.id, cursor, 2).await.unwrap();
                assert!(page.records.len() <= 2);
                for record in page.records {
                    let status = record.last_error.and_then(|error| error.status);
                    assert_eq!((record.state, status), (RecordState::Failed, cause.status));
                    keys.push(record.key);
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len() as u64, cause.count);
        }
    });
}

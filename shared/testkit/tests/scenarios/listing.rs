//! Lists records, reports their errors, and forgets them.

use std::time::Duration;

use ghl_sync_engine::ports::RemoteKey;
use ghl_sync_model::{Endpoint, ErrorCode, Kind, Payload, PutRecord, RecordKey};
use ghl_sync_operate::{Chosen, DeletionError, FailedFilter, Person, RecordFilter, RecordState, SearchText};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{
    HOUR, Look, MINUTE, contact, contact_key, contacts, each_seed, email, exact, loc, named_contact, opportunity,
    opportunity_key,
};

async fn listed(world: &World, filter: &RecordFilter, limit: usize) -> Vec<RecordKey> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.operator().records(&loc(), filter, after, limit).await.unwrap();
        assert!(page.records.len() <= limit);
        found.extend(page.records.into_iter().map(|record| record.key));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

#[test]
fn every_record_is_listed_once_by_any_page_size_and_in_the_list_of_its_state_alone() {
    block_on_paused(async {
        let world = Setup { seed: 7, ..Setup::default() }.start();
        world.put(&contacts(40)).await.unwrap();
        world.run_for(Duration::from_millis(1500)).await;
        let all = listed(&world, &RecordFilter::default(), 7).await;
        let expected: Vec<RecordKey> = world.outbox.records().into_iter().map(|record| record.key).collect();
        assert_eq!(all, expected);
        let mut of_states = Vec::new();
        for state in [
            RecordState::Due,
            RecordState::Waiting,
            RecordState::Accepted,
            RecordState::Failed,
            RecordState::DryRun,
            RecordState::Superseded,
        ] {
            of_states.extend(listed(&world, &RecordFilter { state: Some(state), ..RecordFilter::default() }, 3).await);
        }
        of_states.sort();
        assert_eq!(of_states, expected);
        let opportunities = RecordFilter { kind: Some(Kind::Opportunity), ..RecordFilter::default() };
        assert_eq!(listed(&world, &opportunities, 3).await, []);
    });
}

fn named(n: usize, json: &str) -> PutRecord {
    PutRecord { payload: Payload::from_json(Kind::Contact, json).unwrap(), ..contact(n) }
}

#[test]
fn a_person_is_found_by_name_address_phone_and_either_id() {
    block_on_paused(async {
        let world = exact().start();
        let ann = named(1, r#"{"firstName":"Ann","lastName":"Lee","email":"ann@x.example","phone":"+14155550123"}"#);
        world.put(&[ann, contact(2), contact(3)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        for text in ["lee ann", "ANN@x", "415 555 0123"] {
            let filter = RecordFilter { text: SearchText::new(text), ..RecordFilter::default() };
            assert_eq!(listed(&world, &filter, 10).await, [contact_key(1)], "{text}");
        }
        let record = world.outbox.record(&loc(), &contact_key(1)).unwrap();
        for id in [record.ghl_id.unwrap().as_str(), contact_key(1).id.as_str()] {
            let found = world.operator().records_of_id(&loc(), id).await.unwrap();
            assert_eq!(found.into_iter().map(|found| found.key).collect::<Vec<_>>(), [contact_key(1)], "{id}");
        }
    });
}

#[test]
fn records_that_failed_in_the_same_way_are_one_cause() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| Some(CallFault::status(if seen.subject == email(2) { 400 } else { 422 })));
        world.put(&contacts(5)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let failures = world.operator().failures(&loc()).await.unwrap();
        assert!(!failures.capped);
        let counts: Vec<_> = failures.causes.iter().map(|cause| (cause.count, cause.status)).collect();
        assert_eq!(counts, [(4, Some(422)), (1, Some(400))]);
        assert_eq!(failures.causes[1].example, contact_key(2));
    });
}

#[test]
fn what_is_forgotten_is_not_known_any_more_and_nothing_is_deleted_in_ghl() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&contacts(2)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(world.operator().forget(&loc(), &contact_key(0)).await.unwrap());
        assert!(!world.operator().forget(&loc(), &contact_key(0)).await.unwrap());
        assert_eq!(world.operator().record_status(&loc(), &contact_key(0)).await.unwrap(), None);
        assert_eq!(world.ghl.contact_count(), 2);
        // A new put creates a new record of the same contact.
        world.put(&contacts(1)).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 2);
    });
}

#[test]
fn erasing_a_person_takes_their_contacts_and_opportunities_and_what_ghl_told_of_them_and_nobody_else_s() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(1), contact(2), opportunity(1), opportunity(2)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let Payload::Contact(content) = contact(1).payload else { panic!() };
        let person = Person { email: content.email.map(|email| email.to_uppercase()), ..Person::default() };
        let ghl_id = world.outbox.record(&loc(), &contact_key(1)).unwrap().ghl_id.unwrap();
        let erased = world.operator().erase(&loc(), &person, None).await.unwrap();
        assert_eq!(erased.next, None);
        assert_eq!(erased.contacts.len(), 1);
        assert_eq!((&erased.contacts[0].record, &erased.contacts[0].ghl_id), (&contact_key(1), &Some(ghl_id.clone())));
        assert_eq!(erased.opportunities, [opportunity_key(1)]);
        let left: Vec<RecordKey> = world.outbox.records().into_iter().map(|record| record.key).collect();
        assert_eq!(left, [contact_key(2), opportunity_key(2)]);
        let key = RemoteKey { location: &loc(), kind: Kind::Contact, ghl_id: &ghl_id };
        assert_eq!(world.engine.ports().known.load(key).await.unwrap(), None);
        // A second erasure finds nothing.
        assert_eq!(world.operator().erase(&loc(), &person, None).await.unwrap().contacts, []);
    });
}

#[test]
fn an_opportunity_that_waits_for_a_forgotten_contact_wakes_and_ends() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.subject == email(1)).then(|| CallFault::status(422)));
        world.put(&[contact(1), opportunity(1)]).await.unwrap();
        world.run_for(MINUTE).await;
        world.operator().forget(&loc(), &contact_key(1)).await.unwrap();
        world.run_for(HOUR).await;
        let opportunity = world.outbox.record(&loc(), &opportunity_key(1)).unwrap();
        assert!(
            opportunity.due_at.is_some() || opportunity.failed_at.is_some(),
            "it does not sleep for ever: {opportunity:?}"
        );
    });
}

#[test]
fn what_is_to_be_deleted_in_ghl_is_deleted_there_once_and_then_here_through_faults_and_crashes() {
    each_seed(20, |seed| async move {
        let world = Setup { seed, ..exact() }.start();
        world.put(&[contact(0), contact(1), opportunity(1)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        world.ghl.on_call(move |seen| match (seen.call.endpoint(), seen.tries) {
            (Endpoint::DeleteContact | Endpoint::DeleteOpportunity, 1) if seed % 3 == 0 => Some(CallFault::status(503)),
            (Endpoint::DeleteContact | Endpoint::DeleteOpportunity, 1) if seed % 3 == 1 => {
                Some(CallFault::NoAnswer { done: seed % 2 == 0 })
            }
            _ => None,
        });
        for key in [opportunity_key(1), contact_key(1)] {
            world.operator().delete_in_ghl(&loc(), &key).await.unwrap();
            world.operator().delete_in_ghl(&loc(), &key).await.unwrap();
        }
        if seed % 4 == 0 {
            world.crash_all_now();
        }
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (1, 0));
        let left: Vec<RecordKey> = world.outbox.records().into_iter().map(|record| record.key).collect();
        assert_eq!(left, [contact_key(0)]);
        assert_eq!(world.ghl.over_quota(), 0);
    });
}

#[test]
fn a_put_withdraws_a_deletion_that_has_not_gone_out() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        world.operator().pause(&loc(), None, None).await.unwrap();
        world.operator().delete_in_ghl(&loc(), &contact_key(0)).await.unwrap();
        assert!(world.operator().record_status(&loc(), &contact_key(0)).await.unwrap().unwrap().to_delete);
        // The same content as before: the record is wanted again.
        world.put(&[contact(0)]).await.unwrap();
        world.operator().resume(&loc()).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 1);
        let record = world.outbox.record(&loc(), &contact_key(0)).unwrap();
        assert!(record.due_at.is_none() && !record.deletion && record.failed_at.is_none(), "{record:?}");
    });
}

#[test]
fn what_ghl_does_not_have_or_has_for_another_record_as_well_is_not_deleted() {
    block_on_paused(async {
        let world = exact().start();
        world.ghl.on_call(|seen| (seen.subject == email(2)).then(|| CallFault::status(422)));
        let twin = PutRecord { id: "twin".parse().unwrap(), ..contact(0) };
        world.put(&[contact(0), twin, contact(2)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        let deleted = async |key| world.operator().delete_in_ghl(&loc(), &key).await;
        assert!(matches!(deleted(contact_key(0)).await, Err(DeletionError::Shared(_))));
        assert!(matches!(deleted(contact_key(2)).await, Err(DeletionError::NotInGhl)));
        assert!(matches!(deleted(contact_key(7)).await, Err(DeletionError::UnknownRecord)));
        assert_eq!(world.ghl.contact_count(), 1);
    });
}

/// The contact was deleted in GHL, put again and created anew, but no outcome could be stored.
#[test]
fn a_deletion_does_not_end_while_ghl_has_under_another_id_what_was_put_last() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0), contact(1)]).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        world.ghl.delete_contact(&loc(), &world.record(&contact_key(0)).ghl_id.unwrap());
        world.faults.fail(Op::OutboxSettle, 1..=u64::MAX, PortFault::Refused);
        world.put(&[named_contact(0, "Eve"), named_contact(1, "Eve")]).await.unwrap();
        while world.ghl.contact(&loc(), &email(0)).is_none() {
            world.run_for(Duration::from_millis(100)).await;
        }
        // Waits until no process is left that knows of it.
        world.operator().pause(&loc(), None, None).await.unwrap();
        world.run_for(2 * MINUTE).await;
        world.faults.heal();
        for key in [contact_key(0), contact_key(1)] {
            world.operator().delete_in_ghl(&loc(), &key).await.unwrap();
        }
        world.operator().resume(&loc()).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        let (anew, ..) = world.ghl.contact(&loc(), &email(0)).unwrap();
        let record = world.record(&contact_key(0));
        assert_eq!((record.last_error.unwrap().code, record.ghl_id), (ErrorCode::Ambiguous, Some(anew)));
        assert!(world.outbox.record(&loc(), &contact_key(1)).is_none(), "that one was there, and is deleted");

        world.operator().replay(&loc(), &Chosen::Failed(FailedFilter::default()), None).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.outbox.records().len()), (0, 0));
    });
}

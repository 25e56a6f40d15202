//! A record never takes over an opportunity that belongs to another record, whatever the delay.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ghl_sync_model::{
    Api, Contact, Endpoint, ErrorCode, GhlId, Opportunity, OpportunityStatus, Payload, PutRecord, RecordId,
};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused, says};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, each_seed, email, exact, loc, nameless, opportunity,
    opportunity_key, opportunity_name, put_of,
};

/// Opportunity number `n` of contact 0, worth `n`.
fn opportunity_of_one(n: usize, name: &str) -> PutRecord {
    let Payload::Opportunity(opportunity) = opportunity(0).payload else { unreachable!() };
    let worth = Some((n as u64 + 1).into());
    let content = Opportunity { name: name.to_owned(), monetary_value: worth, ..opportunity };
    put_of(&format!("{n}"), Payload::Opportunity(content))
}

fn renamed(mut put: PutRecord, name: &str) -> PutRecord {
    if let Payload::Opportunity(opportunity) = &mut put.payload {
        opportunity.name = name.to_owned();
    }
    put
}

/// Checks that each record has its own opportunity with its own content, or has failed because of one that it names.
fn assert_none_overwritten(world: &World, puts: &[PutRecord], what: &str) {
    let records = puts.iter().map(|put| world.record(&put.key()));
    let (failed, accepted): (Vec<_>, Vec<_>) = records.partition(|record| record.failed_at.is_some());
    let mut expected: Vec<_> = accepted.iter().map(|record| record.payload.clone()).collect();
    let ids: std::collections::BTreeSet<_> = accepted.iter().map(|record| record.ghl_id.clone().unwrap()).collect();
    assert_eq!(ids.len(), accepted.len(), "{what}: two records hold one opportunity");
    for record in failed {
        let error = record.last_error.unwrap();
        let named = accepted.iter().any(|other| error.message.contains(&other.key.to_string()));
        assert!(error.code == ErrorCode::Rejected && named, "{what}: {error:?}");
    }
    assert_eq!(world.ghl.opportunity_count(), accepted.len(), "{what}");
    let names = puts.iter().filter_map(|put| match &put.payload {
        Payload::Opportunity(opportunity) => Some(opportunity.name.clone()),
        Payload::Contact(_) => None,
    });
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        for (_, opportunity) in world.ghl.opportunities(&loc(), &name) {
            let is_it = |payload: &Payload| matches!(payload, Payload::Opportunity(put) if says(put, &opportunity));
            let place = expected.iter().position(is_it);
            expected.remove(place.unwrap_or_else(|| panic!("{what}: {opportunity:?} is nobody's")));
        }
    }
    assert!(expected.is_empty(), "{what}: lost {expected:?}");
}

fn delays() -> [Duration; 7] {
    [Duration::ZERO, SECOND, 3 * SECOND, 7 * SECOND, 11 * SECOND, 20 * SECOND, MINUTE]
}

#[test]
fn a_second_opportunity_of_a_contact_and_pipeline_never_overwrites_the_first_at_any_delay() {
    for api in [Api::V2, Api::V1] {
        for allowed in [true, false] {
            for names in [["Roof", "Roof"], ["Roof", "Garage"]] {
                for delay in delays() {
                    each_seed(3, |seed| async move {
                        let what = format!("{api:?} allowed {allowed} {names:?} after {delay:?} seed {seed}");
                        let mut setup = Setup { seed, index_lag: Duration::ZERO..=10 * SECOND, ..exact() };
                        setup.ghl.allow_duplicate_opportunities = allowed;
                        setup.locations.values_mut().for_each(|settings| settings.api = api);
                        let world = setup.start();
                        let puts = [opportunity_of_one(0, names[0]), opportunity_of_one(1, names[1])];
                        world.put(&[contact(0)]).await.unwrap();
                        world.run_until_settled(MINUTE).await.unwrap();
                        if delay.is_zero() {
                            world.put(&puts).await.unwrap();
                        } else {
                            world.put(&puts[..1]).await.unwrap();
                            world.run_for(delay).await;
                            world.put(&puts[1..]).await.unwrap();
                        }
                        world.run_until_settled(2 * HOUR).await.unwrap();
                        assert_none_overwritten(&world, &puts, &what);
                        let failed = world.outbox.failed().len();
                        assert_eq!(failed, usize::from(!allowed), "{what}");
                    });
                }
            }
        }
    }
}

#[test]
fn many_opportunities_of_one_name_all_arrive_whatever_fails_on_the_way() {
    each_seed(20, |seed| async move {
        let mut setup = Setup { seed, index_lag: Duration::ZERO..=10 * SECOND, ..Setup::default() };
        setup.config.concurrency = 8;
        let world = setup.start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let hit = std::sync::atomic::AtomicUsize::new(0);
        world.ghl.on_call(move |seen| {
            let is_create = seen.call.endpoint() == Endpoint::CreateOpportunity;
            let nth = is_create.then(|| hit.fetch_add(1, std::sync::atomic::Ordering::SeqCst))?;
            match (nth as u64 + seed) % 5 {
                0 => Some(CallFault::NoAnswer { done: true }),
                1 => Some(CallFault::DoneButRefused(502)),
                2 => Some(CallFault::status(502)),
                _ => None,
            }
        });
        let puts: Vec<_> = (0..6).map(|n| opportunity_of_one(n, "Roof")).collect();
        world.put(&puts[..4]).await.unwrap();
        world.run_for(SECOND * u32::try_from(seed).unwrap()).await;
        world.put(&puts[4..]).await.unwrap();
        world.run_for(MINUTE).await;
        world.ghl.heal();
        world.run_until_settled(2 * HOUR).await.unwrap();
        assert_none_overwritten(&world, &puts, &format!("seed {seed}"));
    });
}

#[test]
fn what_only_ghl_has_is_still_updated_and_never_taken_under_another_name() {
    for (name, allowed, updated) in [("Roof", true, true), ("Roof", false, true), ("Garage", false, false)] {
        for delay in [Duration::ZERO, MINUTE] {
            block_on_paused(async move {
                let mut setup = exact();
                setup.ghl.allow_duplicate_opportunities = allowed;
                let world = setup.start();
                let id = world.ghl.add_contact(&loc(), Contact { email: Some(email(0)), ..Contact::default() }, &[]);
                let Payload::Opportunity(theirs) = opportunity_of_one(99, "Roof").payload else { unreachable!() };
                let theirs = Opportunity { status: Some(OpportunityStatus::Won), ..theirs };
                world.ghl.add_opportunity(&loc(), &id.unwrap(), theirs.clone()).unwrap();
                world.run_for(delay).await;
                world.put(&[contact(0), opportunity_of_one(0, name)]).await.unwrap();
                world.run_until_settled(2 * HOUR).await.unwrap();
                let found = world.ghl.opportunities(&loc(), "Roof");
                let what = format!("{name} allowed {allowed} after {delay:?}: {found:?}");
                if allowed && delay.is_zero() {
                    // No search shows it yet, and GHL allows a second one.
                    assert_eq!(found.len(), 2, "{what}");
                } else if updated {
                    assert!(found.len() == 1 && found[0].1.monetary_value == Some(1.into()), "{what}");
                } else {
                    assert!(says(&theirs, &found[0].1), "{what}");
                    assert_eq!(
                        world.record(&opportunity_key(0)).last_error.unwrap().code,
                        ErrorCode::Rejected,
                        "{what}"
                    );
                }
            });
        }
    }
}

/// A world with a search that shows everything at once, a contact, and the content for other people's opportunities.
fn beside_opportunities_of_somebody_else() -> (Arc<World>, GhlId, Opportunity) {
    let mut setup = exact();
    setup.ghl.search_lag = Duration::ZERO;
    let world = setup.start();
    let contact_id = world.ghl.add_contact(&loc(), Contact { email: Some(email(0)), ..Contact::default() }, &[]);
    let Payload::Opportunity(theirs) = opportunity(0).payload else { unreachable!() };
    (world, contact_id.unwrap(), theirs)
}

#[test]
fn an_opportunity_on_the_second_page_of_its_pipeline_is_found() {
    block_on_paused(async {
        let (world, contact_id, theirs) = beside_opportunities_of_somebody_else();
        // The search lists the newest first.
        for n in 0..150 {
            let name = if n == 20 { opportunity_name(0) } else { format!("other {n}") };
            world.ghl.add_opportunity(&loc(), &contact_id, Opportunity { name, ..theirs.clone() }).unwrap();
            world.run_for(Duration::from_millis(1)).await;
        }
        world.put(&[contact(0), opportunity(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.opportunity_count(), 150);
        assert_eq!(world.ghl.arrivals_at(Endpoint::FindOpportunities).len(), 2);
    });
}

#[test]
fn a_search_that_never_ends_is_given_up_and_nothing_is_created() {
    block_on_paused(async {
        let (world, contact_id, theirs) = beside_opportunities_of_somebody_else();
        for n in 0..1100 {
            let other = Opportunity { name: format!("other {n}"), ..theirs.clone() };
            world.ghl.add_opportunity(&loc(), &contact_id, other).unwrap();
        }
        world.put(&[contact(0), opportunity(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.arrivals_at(Endpoint::FindOpportunities).len(), 10);
        assert_eq!(world.ghl.opportunity_count(), 1100);
        assert_eq!(world.record(&opportunity_key(0)).last_error.unwrap().code, ErrorCode::Rejected);
    });
}

type FaultOf = fn() -> CallFault;

/// The ways in which a creation may end without an answer.
fn unanswered() -> [(&'static str, FaultOf); 5] {
    [
        ("no answer", || CallFault::NoAnswer { done: true }),
        ("502", || CallFault::DoneButRefused(502)),
        ("late", || CallFault::ArrivesLate(2 * SECOND)),
        ("killed", || CallFault::Hangs),
        ("panic", || CallFault::Panics),
    ]
}

/// The first creation at `endpoint` takes effect, but nobody learns of it.
fn lose_the_answer(world: &World, endpoint: Endpoint, fault: FaultOf) {
    let lost = AtomicBool::new(false);
    world.ghl.on_call(move |seen| {
        let is_first = seen.call.endpoint() == endpoint && !lost.swap(true, SeqCst);
        is_first.then(fault)
    });
}

#[test]
fn an_opportunity_is_not_doubled_whatever_it_is_put_as_after_an_unanswered_creation() {
    let in_pipeline = |pipeline: &str| {
        let mut put = opportunity(0);
        if let Payload::Opportunity(opportunity) = &mut put.payload {
            opportunity.pipeline_id = GhlId::new(pipeline).unwrap();
            opportunity.pipeline_stage_id = Some(GhlId::new(format!("{pipeline}-new")).unwrap());
        }
        put
    };
    let of_contact = |n: usize| {
        let mut put = opportunity(0);
        if let Payload::Opportunity(opportunity) = &mut put.payload {
            opportunity.contact_record = Some(RecordId::new(format!("{n}")).unwrap());
        }
        put
    };
    let puts: [(&str, Vec<PutRecord>); 5] = [
        ("renamed", vec![renamed(opportunity(0), "phase two")]),
        ("renamed twice", vec![renamed(opportunity(0), "phase two"), renamed(opportunity(0), "phase three")]),
        ("renamed and back", vec![renamed(opportunity(0), "phase two"), opportunity(0)]),
        ("moved to another pipeline", vec![in_pipeline("other")]),
        ("moved to another contact", vec![of_contact(1)]),
    ];
    for (how, fault) in unanswered() {
        for (what, puts) in &puts {
            for allowed in [true, false] {
                block_on_paused(async {
                    let mut setup = exact();
                    setup.ghl.allow_duplicate_opportunities = allowed;
                    let world = setup.start();
                    world.put(&[contact(0), contact(1)]).await.unwrap();
                    world.run_until_settled(MINUTE).await.unwrap();
                    lose_the_answer(&world, Endpoint::CreateOpportunity, fault);
                    world.put(&[opportunity(0)]).await.unwrap();
                    world.run_for(20 * SECOND).await;
                    for put in puts {
                        world.put(std::slice::from_ref(put)).await.unwrap();
                        world.run_for(SECOND).await;
                    }
                    world.run_until_settled(HOUR).await.unwrap();
                    let record = world.record(&opportunity_key(0));
                    let what = format!("{how}, {what}, allowed {allowed}: {record:?}");
                    assert_eq!(world.ghl.opportunity_count(), 1, "{what}");
                    assert!(record.failed_at.is_none() && record.former.is_empty(), "{what}");
                });
            }
        }
    }
}

#[test]
fn a_contact_is_not_doubled_whatever_identity_it_gets_after_an_unanswered_creation() {
    let identified = |email_of: Option<usize>, phone: Option<&str>| {
        let mut put = nameless(0);
        if let Payload::Contact(contact) = &mut put.payload {
            (contact.email, contact.phone) = (email_of.map(email), phone.map(str::to_owned));
        }
        put
    };
    let puts: [(&str, Vec<PutRecord>); 4] = [
        ("e-mail", vec![identified(Some(0), None)]),
        ("phone", vec![identified(None, Some("+15550100"))]),
        ("one e-mail, then another", vec![identified(Some(0), None), identified(Some(1), None)]),
        ("e-mail and back", vec![identified(Some(0), None), nameless(0)]),
    ];
    for (how, fault) in unanswered() {
        for (what, puts) in &puts {
            block_on_paused(async {
                let world = exact().start();
                lose_the_answer(&world, Endpoint::CreateContact, fault);
                world.put(&[nameless(0)]).await.unwrap();
                world.run_for(20 * SECOND).await;
                for put in puts {
                    world.put(std::slice::from_ref(put)).await.unwrap();
                    world.run_for(SECOND).await;
                }
                world.run_until_settled(HOUR).await.unwrap();
                let record = world.record(&contact_key(0));
                assert_eq!(world.ghl.contact_count(), 1, "{how}, {what}: {record:?}");
                assert!(record.failed_at.is_none() && record.former.is_empty(), "{how}, {what}: {record:?}");
            });
        }
    }
}

#[test]
fn a_contact_with_our_marker_that_another_record_holds_by_now_is_left_to_that_record() {
    block_on_paused(async {
        let world = exact().start();
        lose_the_answer(&world, Endpoint::CreateContact, || CallFault::NoAnswer { done: true });
        world.put(&[nameless(0)]).await.unwrap();
        world.run_for(5 * SECOND).await;
        // A person completes the contact in GHL, so that another record finds it.
        let marked = world.ghl.only_contact(&loc());
        world.ghl.edit_contact(&loc(), &marked, |contact| contact.email = Some(email(1)));
        world.put(&[contact(1)]).await.unwrap();
        world.run_until_settled(HOUR).await.unwrap();
        assert_eq!(world.record(&contact_key(1)).ghl_id, Some(marked.clone()));
        assert_ne!(world.record(&contact_key(0)).ghl_id, Some(marked));
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.first_name.as_deref(), Some("Ada"));
    });
}

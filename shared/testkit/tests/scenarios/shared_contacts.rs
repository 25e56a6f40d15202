//! Records that GHL takes for one contact are reported, counted, and never flip back and forth.

use std::time::Duration;

use ghl_sync_engine::counts::Counter;
use ghl_sync_engine::ports::{Clock, Counters};
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_inbound::Reconciler;
use ghl_sync_model::{Conflict, Contact, Endpoint, Holder, Payload, PutRecord};
use ghl_sync_testkit::{Setup, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, email, exact, loc, put_of};

fn named(id: &str, name: &str) -> PutRecord {
    let content = Contact { email: Some(email(0)), first_name: Some(name.to_owned()), ..Contact::default() };
    put_of(id, Payload::Contact(content))
}

async fn put_apart(world: &World, puts: &[PutRecord], apart: Duration) {
    for put in puts {
        world.put(std::slice::from_ref(put)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        world.run_for(apart).await;
    }
}

async fn shared(world: &World) -> u64 {
    world.counters.of(&loc(), world.clock.now()).await.unwrap().total.get(Counter::SharedGhlIds)
}

async fn shares_with(world: &World, put: &PutRecord) -> Vec<String> {
    let status = world.operator().record_status(&loc(), &put.key()).await.unwrap().unwrap();
    status.shares_ghl_id_with.iter().map(ToString::to_string).collect()
}

#[test]
fn records_of_one_contact_are_never_resent_against_each_other_whatever_the_rule_and_their_number() {
    for rule in [Conflict::Ours, Conflict::Theirs, Conflict::Newest] {
        for count in [2, 3] {
            for apart in [Duration::from_secs(1), MINUTE, HOUR] {
                block_on_paused(async move {
                    let world = Setup { index_lag: Duration::ZERO..=Duration::from_secs(10), ..exact() }.start();
                    world.registry.change(&loc(), |settings| settings.conflict = rule);
                    let puts = [named("a", "Ann"), named("b", "Bob"), named("c", "Cy")];
                    put_apart(&world, &puts[..count], apart).await;
                    let (mut resent, mut superseded) = (0, 0);
                    for hour in 0..48 {
                        world.run_for(HOUR).await;
                        let holder = Holder::new(format!("reconcile-{hour}")).unwrap();
                        let invocation = Invocation { holder, deadline: world.clock.now() + MINUTE };
                        // Each reading uses its own host: nothing is kept in memory.
                        let report = Reconciler::new(world.host()).reconcile(&loc(), &invocation).await;
                        (resent, superseded) = (resent + report.resent, superseded + report.superseded);
                        world.run_until_settled(MINUTE).await.unwrap();
                    }
                    assert_eq!((resent, superseded), (0, 0), "{rule:?}, {count} records {apart:?} apart");
                    let name = world.ghl.contact(&loc(), &email(0)).unwrap().1.first_name;
                    let last = if count == 2 { "Bob" } else { "Cy" };
                    assert_eq!(name.as_deref(), Some(last));
                });
            }
        }
    }
}

#[test]
fn both_records_of_one_contact_say_so_and_it_is_counted_without_a_call_more() {
    block_on_paused(async {
        let world = exact().start();
        let puts = [named("a", "Ann"), named("b", "Bob")];
        put_apart(&world, &puts[..1], MINUTE).await;
        assert_eq!((shared(&world).await, shares_with(&world, &puts[0]).await), (0, vec![]));
        put_apart(&world, &puts[1..], MINUTE).await;
        assert_eq!(shared(&world).await, 1);
        assert_eq!(shares_with(&world, &puts[0]).await, ["contact#b"]);
        assert_eq!(shares_with(&world, &puts[1]).await, ["contact#a"]);
        assert_eq!((world.ghl.calls(), world.ghl.arrivals_at(Endpoint::UpsertContact).len()), (2, 2));
        // A known pair is not counted again.
        put_apart(&world, &[named("b", "Bobby")], MINUTE).await;
        assert_eq!(shared(&world).await, 1);
    });
}

#[test]
fn records_of_one_contact_in_one_put_are_told_at_once_and_counted_when_they_are_sent() {
    block_on_paused(async {
        let world = exact().start();
        let report = world.put(&[named("a", "Ann"), named("b", "Bob")]).await.unwrap();
        let told: Vec<String> = report.shared[0].records.iter().map(ToString::to_string).collect();
        assert_eq!((report.stored, report.shared.len(), told), (2, 1, vec!["contact#a".into(), "contact#b".into()]));
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((shared(&world).await, world.ghl.contact_count()), (1, 1));
    });
}

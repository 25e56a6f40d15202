//! Several opportunities with the same name, contact and pipeline: all of them are migrated.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ghl_sync_model::{Call, Contact, GhlId, Opportunity};
use ghl_sync_testkit::CallFault;

use super::fixtures::{Scene, Size, source, target};
use crate::fixtures::SECOND;

/// A contact of the source with an opportunity `Twin` worth 100, and the content for another one.
async fn first_twin(scene: &Scene) -> (GhlId, Opportunity) {
    let ghl = &scene.world.ghl;
    let twin =
        Contact { email: Some("twin@example.test".into()), first_name: Some("Twin".into()), ..Contact::default() };
    let contact = ghl.add_contact(&source(), twin, &[]).unwrap();
    let (_, of_a_pipeline) = ghl.opportunities(&source(), "Deal 0 💰").pop().unwrap();
    let opportunity = Opportunity { name: "Twin".into(), contact_id: Some(contact.clone()), ..of_a_pipeline };
    let worth_100 = Opportunity { monetary_value: Some(100.into()), ..opportunity.clone() };
    ghl.add_opportunity(&source(), &contact, worth_100).unwrap();
    scene.world.run_for(SECOND).await;
    (contact, Opportunity { monetary_value: Some(900.into()), ..opportunity })
}

fn values_in_target(scene: &Scene) -> Vec<u64> {
    let twins = scene.world.ghl.opportunities(&target(), "Twin");
    let mut values: Vec<u64> =
        twins.iter().filter_map(|(_, opportunity)| opportunity.monetary_value.as_ref()?.as_u64()).collect();
    values.sort_unstable();
    values
}

fn meet_a_contact_in_the_target(scene: &Scene) {
    let met = Contact { email: Some("Person3@Example.test".into()), ..Contact::default() };
    scene.world.ghl.add_contact(&target(), met, &[]).unwrap();
}

#[test]
fn opportunities_of_one_name_all_arrive_in_an_empty_target_and_in_one_that_is_not_also_if_a_creation_goes_unanswered() {
    let faults: [Option<fn() -> CallFault>; 4] = [
        None,
        Some(|| CallFault::status(502)),
        Some(|| CallFault::DoneButRefused(502)),
        Some(|| CallFault::NoAnswer { done: true }),
    ];
    for is_empty in [true, false] {
        for (n, fault) in faults.into_iter().enumerate() {
            ghl_sync_testkit::block_on_paused(async move {
                let scene = Scene::of(Size::SMALL).await;
                scene.pipelines_in_target(Size::SMALL);
                let (contact, second) = first_twin(&scene).await;
                scene.world.ghl.add_opportunity(&source(), &contact, second).unwrap();
                if !is_empty {
                    meet_a_contact_in_the_target(&scene);
                }
                scene.world.run_for(20 * SECOND).await;
                if let Some(fault) = fault {
                    let hit = AtomicBool::new(false);
                    scene.world.ghl.on_call(move |seen| {
                        let is_twin = matches!(seen.call, Call::CreateOpportunity { opportunity, .. }
                            if opportunity.name == "Twin");
                        (is_twin && !hit.swap(true, SeqCst)).then(fault)
                    });
                }
                scene.migrate().await;
                assert_eq!(values_in_target(&scene), [100, 900], "empty {is_empty}, fault {n}");
            });
        }
    }
}

#[test]
fn opportunities_of_one_name_all_arrive_when_they_are_put_further_apart_than_the_search_lags() {
    ghl_sync_testkit::block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let (contact, second) = first_twin(&scene).await;
        for n in 0..200 {
            let other = Contact { email: Some(format!("o{n}@example.test")), ..Contact::default() };
            let id = scene.world.ghl.add_contact(&source(), other, &[]).unwrap();
            let opportunity =
                Opportunity { name: format!("other {n}"), contact_id: Some(id.clone()), ..second.clone() };
            scene.world.ghl.add_opportunity(&source(), &id, opportunity).unwrap();
            scene.world.run_for(Duration::from_millis(5)).await;
        }
        scene.world.ghl.add_opportunity(&source(), &contact, second).unwrap();
        meet_a_contact_in_the_target(&scene);
        scene.world.run_for(20 * SECOND).await;
        scene.migrate().await;
        assert_eq!(values_in_target(&scene), [100, 900]);
    });
}

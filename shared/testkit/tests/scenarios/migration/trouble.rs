//! GHL fails during a migration.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ghl_sync_model::{Endpoint, MigrationStage, MigrationStatus, Problem};
use ghl_sync_operate::{Chosen, FailedFilter};
use ghl_sync_testkit::{CallFault, block_on_paused};

use super::fixtures::{Scene, Size, setup, target};
use crate::fixtures::{HOUR, MINUTE, SECOND, each_seed};

#[test]
fn a_thousand_contacts_arrive_through_errors_an_outage_and_steps_that_die() {
    block_on_paused(async {
        let size = Size { contacts: 1_000, fields: 8, stages: [4, 4], opportunities: 200 };
        let scene = Scene::of(size).await;
        scene.pipelines_in_target(size);
        scene.world.ghl.on_call(|seen| {
            let minute = seen.elapsed.as_secs() / 60;
            if (3..8).contains(&minute) {
                return Some(CallFault::Unreachable);
            }
            // Five in a hundred; repeated calls get other numbers.
            match (seen.number * 31) % 100 {
                0..2 => Some(CallFault::status(503)),
                2..4 => Some(CallFault::NoAnswer { done: true }),
                4 => Some(CallFault::status(429)),
                _ => None,
            }
        });
        let started = scene.migrator.start(scene.request(), None).await.unwrap();
        scene.drive_dying(&started.id, 24 * HOUR, |step| step.is_multiple_of(5).then_some(60 + step)).await;
        scene.assert_complete(&started.id, size).await;
    });
}

#[test]
fn structure_whose_creation_got_no_answer_is_looked_for_before_it_is_made_again() {
    each_seed(6, |seed| async move {
        let scene = Scene::of(Size::SMALL).await;
        scene.world.ghl.open_pipelines();
        let tries = AtomicU64::new(seed);
        scene.world.ghl.on_call(move |seen| {
            use Endpoint::{CreateCustomField, CreateCustomValue, CreatePipeline, CreateTag};
            let creates = [CreateCustomField, CreateCustomValue, CreatePipeline, CreateTag];
            let number = tries.fetch_add(1, Ordering::Relaxed);
            match number % 3 {
                0 if creates.contains(&seen.call.endpoint()) => {
                    Some(CallFault::NoAnswer { done: number.is_multiple_of(2) })
                }
                1 if creates.contains(&seen.call.endpoint()) => Some(CallFault::DoneButRefused(502)),
                _ => None,
            }
        });
        let (migration, report) = scene.migrate().await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        assert_eq!((report.custom_fields.created, report.pipelines.created, report.custom_values.created), (6, 2, 1));
        let values = scene.world.ghl.arrivals_at(Endpoint::CreateCustomValue).len();
        assert!(values <= 4, "{values}");
    });
}

#[test]
fn a_contact_that_is_refused_for_good_is_named_and_its_opportunities_wait_for_it() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        scene.target_refuses_the_first_person();
        let (migration, report) = scene.migrate().await;
        assert_eq!(report.status, MigrationStatus::Incomplete);
        assert_eq!((report.contacts.migrated, report.contacts.failed), (11, 1));
        assert_eq!((report.opportunities.migrated, report.opportunities.blocked), (4, 1));
        let verify = report.verify.unwrap();
        assert_eq!((verify.ok, verify.missing, verify.different), (15, 2, 0));
        let findings = scene.migrator.findings(&migration.id, 0).await.unwrap();
        let missing = findings.iter().find_map(|finding| match &finding.problem {
            Problem::Missing { reason } => Some(reason.clone()),
            _ => None,
        });
        assert!(missing.unwrap().contains("REJECTED"), "{findings:#?}");
    });
}

#[test]
fn opportunities_of_a_contact_that_failed_follow_it_by_themselves_even_when_the_migration_is_over() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        scene.target_refuses_the_first_person();
        let (migration, report) = scene.migrate().await;
        assert_eq!((report.status, report.opportunities.blocked), (MigrationStatus::Incomplete, 1));
        // Findings about contacts are on the previous page.
        let findings = scene.migrator.findings(&migration.id, 1).await.unwrap();
        let told = findings.iter().any(|finding| {
            matches!(&finding.problem, Problem::Missing { reason } if reason.contains("it waits for contact#m.")
                && reason.contains("follows by itself"))
        });
        assert!(told, "{findings:#?}");
        let opportunities = || scene.world.ghl.arrivals_at(Endpoint::CreateOpportunity).len();
        let before = opportunities();
        // Someone fixes GHL's objection, and has the contact sent again.
        scene.world.ghl.heal();
        let failed =
            scene.world.operator().replay(&target(), &Chosen::Failed(FailedFilter::default()), None).await.unwrap();
        assert_eq!(failed.replayed, 1);
        scene.world.run_until_settled(48 * HOUR).await.unwrap();
        assert_eq!(opportunities(), before + 1);
        assert!(scene.world.ghl.doubles().is_empty());
        // A second migration finds everything there.
        let (second, _) = scene.migrate().await;
        scene.assert_complete(&second.id, Size::SMALL).await;
    });
}

#[test]
fn what_somebody_deletes_in_the_target_meanwhile_is_found_by_the_comparison_and_counted_once() {
    block_on_paused(async {
        let mut setup = setup();
        setup.ghl.search_lag = Duration::ZERO;
        let scene = Arc::new(Scene::empty(setup));
        scene.fill_source(Size::SMALL);
        scene.pipelines_in_target(Size::SMALL);
        // Reading the contact by itself fails for so long that the page is compared again.
        scene.world.ghl.on_call(|seen| {
            (seen.call.endpoint() == Endpoint::GetContact && seen.tries <= 8).then(|| CallFault::status(503))
        });
        let started = scene.migrator.start(scene.request(), None).await.unwrap();
        let user = {
            let (scene, id) = (scene.clone(), started.id.clone());
            tokio::spawn(async move {
                let stage = || async { scene.migrator.status(&id).await.unwrap().unwrap().migration.stage };
                while stage().await != MigrationStage::Verify {
                    scene.world.run_for(SECOND).await;
                }
                let ghl = &scene.world.ghl;
                for email in ["Person10@Example.test", "Person11@Example.test"] {
                    let (id, ..) = ghl.contact(&target(), email).unwrap();
                    ghl.delete_contact(&target(), &id);
                }
            })
        };
        let (migration, report) = scene.drive(&started.id, 60 * MINUTE).await;
        user.await.unwrap();
        let verify = report.verify.unwrap();
        let findings = scene.migrator.findings(&migration.id, 0).await.unwrap();
        assert_eq!((report.contacts.migrated, verify.missing, verify.ok), (12, 2, 15), "{findings:#?}");
        assert_eq!(verify.checked, 17);
    });
}

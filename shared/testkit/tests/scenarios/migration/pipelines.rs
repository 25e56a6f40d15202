//! Pipelines missing in the target are created, read again, and deleted by a rollback if they hold nothing else.

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{
    Call, Cause, Contact, Endpoint, GhlId, MappingOverrides, MigrationRequest, MigrationStage, MigrationStatus,
    NewPipeline, Opportunity,
};
use ghl_sync_testkit::{CallFault, block_on_paused};

use super::fixtures::{Scene, Size, target};
use crate::fixtures::{HOUR, MINUTE, SECOND};

async fn open() -> Scene {
    let scene = Scene::of(Size::SMALL).await;
    scene.world.ghl.open_pipelines();
    scene
}

fn names(scene: &Scene) -> Vec<String> {
    scene.world.ghl.pipelines(&target()).into_iter().map(|pipeline| pipeline.name).collect()
}

async fn roll_back(scene: &Scene, id: &ghl_sync_model::MigrationId) -> (u64, u64, u64, u64) {
    scene.migrator.rollback(id, None).await.unwrap();
    let (_, report) = scene.drive(id, 24 * HOUR).await;
    assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
    let done = report.rolled_back.unwrap();
    (done.structure, done.kept, done.unproven, done.failed)
}

#[test]
fn no_pipeline_is_made_before_somebody_agrees() {
    block_on_paused(async {
        let scene = open().await;
        let request = MigrationRequest { auto_approve: false, ..scene.request() };
        let started = scene.migrator.start(request, None).await.unwrap();
        let (_, report) = scene.drive(&started.id, HOUR).await;
        assert_eq!(report.status, MigrationStatus::AwaitingApproval);
        assert_eq!(names(&scene).len(), 0);
        scene.migrator.approve(&started.id, MappingOverrides::default(), None).await.unwrap();
        scene.drive(&started.id, 24 * HOUR).await;
        scene.assert_complete(&started.id, Size::SMALL).await;
        assert_eq!(names(&scene), ["Sales 🏠", "Service"]);
    });
}

#[test]
fn a_pipeline_is_read_by_its_id_until_its_stages_show() {
    block_on_paused(async {
        // The answer to a creation has no stages here, and for some seconds no read shows the pipeline.
        let scene = open().await;
        let (migration, report) = scene.migrate().await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        assert_eq!((report.pipelines.created, report.stages.created), (2, 5));
        assert_eq!(scene.world.ghl.arrivals_at(Endpoint::CreatePipeline).len(), 2, "none is made twice");
        assert!(scene.world.ghl.arrivals_at(Endpoint::GetPipeline).len() >= 2);
    });
}

#[test]
fn stages_that_never_show_are_a_question_and_no_opportunity_goes_astray() {
    block_on_paused(async {
        let scene = open().await;
        scene.world.ghl.hide_stages(true);
        let began = scene.world.clock.now();
        let (migration, report) = scene.migrate().await;
        assert_eq!((report.status, report.stage), (MigrationStatus::NeedsInput, MigrationStage::Pipelines));
        let reason = report.reason.unwrap();
        for words in ["pipeline \"Sales 🏠\" was made", "does not show its stages", "Stage 1-0", "Stage 1-1"] {
            assert!(reason.contains(words), "{words}: {reason}");
        }
        let waited = began.until(scene.world.clock.now());
        assert!(waited >= 2 * MINUTE, "it gave up after {waited:?}");
        assert_eq!(scene.world.ghl.arrivals_at(Endpoint::CreateOpportunity).len(), 0);
        scene.world.ghl.hide_stages(false);
        scene.migrator.resume(&migration.id, None).await.unwrap();
        scene.drive(&migration.id, 24 * HOUR).await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        assert_eq!(scene.world.ghl.arrivals_at(Endpoint::CreatePipeline).len(), 2, "none is made twice");
    });
}

#[test]
fn a_creation_that_was_not_answered_is_found_by_its_name_and_a_rollback_keeps_it() {
    block_on_paused(async {
        let scene = open().await;
        scene.world.ghl.on_call(|seen| {
            let creates = matches!(seen.call, Call::CreatePipeline(_));
            (creates && seen.tries == 1).then_some(CallFault::NoAnswer { done: true })
        });
        let (migration, _) = scene.migrate().await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        assert_eq!(names(&scene).len(), 2, "none is made twice");
        let (structure, _, unproven, failed) = roll_back(&scene, &migration.id).await;
        assert_eq!((structure, unproven, failed), (6 + 3 + 1, 2, 0));
        assert_eq!(names(&scene).len(), 2, "nobody can prove whose they are");
    });
}

#[test]
fn a_name_that_is_there_is_used_also_against_an_override_whatever_its_case() {
    block_on_paused(async {
        let scene = open().await;
        let stages = ["stage 1-0", "STAGE 1-1"].map(str::to_owned).to_vec();
        scene.world.ghl.add_pipeline(&target(), &NewPipeline { name: "SERVICE".into(), stages }).unwrap();
        let overrides = serde_json::from_str(r#"{"pipelines":{"Service":"create"}}"#).unwrap();
        let request = MigrationRequest { overrides, ..scene.request() };
        let started = scene.migrator.start(request, None).await.unwrap();
        scene.drive(&started.id, 24 * HOUR).await;
        scene.assert_complete(&started.id, Size::SMALL).await;
        assert_eq!(names(&scene), ["SERVICE", "Sales 🏠"]);
        roll_back(&scene, &started.id).await;
        assert_eq!(names(&scene), ["SERVICE"], "it was there before");
    });
}

#[test]
fn a_rollback_deletes_the_pipelines_that_the_migration_made() {
    block_on_paused(async {
        let scene = open().await;
        let (migration, _) = scene.migrate().await;
        // Six fields, three tags, a custom value, two pipelines.
        assert_eq!(roll_back(&scene, &migration.id).await, (12, 0, 0, 0));
        assert_eq!(names(&scene).len(), 0);
    });
}

#[test]
fn a_pipeline_that_holds_anything_else_is_kept_by_a_rollback() {
    block_on_paused(async {
        let scene = open().await;
        let ghl = &scene.world.ghl;
        let (migration, _) = scene.migrate().await;
        let made = ghl.pipelines(&target());
        let theirs = Contact { email: Some("theirs@example.test".into()), ..Contact::default() };
        let contact = ghl.add_contact(&target(), theirs, &[]).unwrap();
        let opportunity: Opportunity = serde_json::from_value(serde_json::json!({
            "contactId": "whose", "pipelineId": made[1].id, "name": "Theirs", "status": "lost",
        }))
        .unwrap();
        ghl.add_opportunity(&target(), &contact, opportunity).unwrap();
        scene.world.run_for(20 * SECOND).await;
        assert_eq!(roll_back(&scene, &migration.id).await, (11, 1, 0, 0));
        assert_eq!(names(&scene), ["Service"]);
        assert_eq!(ghl.opportunities(&target(), "Theirs").len(), 1);
    });
}

#[test]
fn without_the_scope_a_rollback_deletes_the_rest_and_counts_the_pipelines() {
    block_on_paused(async {
        let scene = open().await;
        let (migration, _) = scene.migrate().await;
        scene.world.ghl.on_call(|seen| {
            matches!(seen.call, Call::DeletePipeline(_)).then(|| CallFault::cause(401, Cause::Forbidden))
        });
        assert_eq!(roll_back(&scene, &migration.id).await, (10, 0, 0, 2));
        assert_eq!(names(&scene).len(), 2);
    });
}

#[test]
fn a_pipeline_that_somebody_gave_another_stage_is_kept_by_a_rollback() {
    block_on_paused(async {
        let scene = open().await;
        let (migration, _) = scene.migrate().await;
        let id: GhlId = scene.world.ghl.pipelines(&target())[0].id.clone();
        scene.world.ghl.add_stage(&target(), &id, "Theirs");
        assert_eq!(roll_back(&scene, &migration.id).await, (11, 1, 0, 0));
        assert_eq!(names(&scene), ["Sales 🏠"]);
    });
}

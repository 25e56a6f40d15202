//! Invalid requests are refused with a reason before anything is written.

use ghl_sync_migrate::{CommandError, MigrationStartError};
use ghl_sync_model::{
    Call, Cause, Contact, Endpoint, Finding, Kind, LocationId, MigrationOverlay, MigrationRequest, MigrationStatus,
    Problem,
};
use ghl_sync_testkit::{CallFault, block_on_paused};

use super::fixtures::{Scene, Size, source, target};
use crate::fixtures::{HOUR, MINUTE, SECOND};

fn nothing_was_written(scene: &Scene) -> bool {
    let contacts = scene.world.ghl.contact_count();
    contacts == Size::SMALL.contacts
        && scene.world.ghl.arrivals().iter().all(|arrival| !arrival.endpoint.as_str().contains("create"))
}

#[test]
fn a_request_that_makes_no_sense_is_refused_with_the_name_of_the_field() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let start = |change: &dyn Fn(&mut MigrationRequest)| {
            let mut request = scene.request();
            change(&mut request);
            let migrator = scene.migrator.clone();
            async move { migrator.start(request, None).await.unwrap_err() }
        };
        let same = start(&|request| request.target = source()).await;
        assert!(matches!(same, MigrationStartError::SameLocation) && same.to_string().contains("`target`"));
        let unknown = start(&|request| request.source = LocationId::new("nowhere").unwrap()).await;
        assert!(matches!(unknown, MigrationStartError::NotEnabled { field: "source", .. }), "{unknown}");
        let range = start(&|request| request.settings.batch_size = Some(501)).await;
        assert!(range.to_string().contains("batch_size") && range.to_string().contains("1 to 500"), "{range}");
        assert_eq!(scene.world.ghl.calls(), 0);
    });
}

#[test]
fn a_second_migration_into_the_same_target_waits_until_the_first_is_over() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let first = scene.migrator.start(scene.request(), None).await.unwrap();
        let refused = scene.migrator.start(scene.request(), None).await.unwrap_err();
        let MigrationStartError::TargetIsBusy { by, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*by, first.id);
        // A preview does not count as a migration.
        scene.migrator.preview(scene.request(), None).await.unwrap();
        scene.migrator.cancel(&first.id, None).await.unwrap();
        scene.migrator.start(scene.request(), None).await.unwrap();
    });
}

#[test]
fn a_token_that_is_not_accepted_stops_the_migration_with_the_reason_and_resuming_goes_on() {
    block_on_paused(async {
        for side in ["source", "target"] {
            let scene = Scene::of(Size::SMALL).await;
            scene.pipelines_in_target(Size::SMALL);
            scene.world.ghl.on_call(move |seen| {
                (seen.location.as_str() == side).then(|| CallFault::cause(401, Cause::Credentials))
            });
            let (migration, report) = scene.migrate().await;
            assert_eq!(report.status, MigrationStatus::Failed);
            let reason = report.reason.unwrap();
            assert!(reason.contains(side) && reason.contains("token"), "{reason}");
            assert!(nothing_was_written(&scene));
            scene.world.ghl.heal();
            scene.migrator.resume(&migration.id, None).await.unwrap();
            scene.drive(&migration.id, 24 * HOUR).await;
            scene.assert_complete(&migration.id, Size::SMALL).await;
        }
    });
}

#[test]
fn a_scope_that_is_missing_stops_the_migration_only_if_it_cannot_do_without() {
    block_on_paused(async {
        let lacks = |call: &'static str| async move {
            let scene = Scene::of(Size::SMALL).await;
            scene.pipelines_in_target(Size::SMALL);
            let forbidden = move || CallFault::cause(401, Cause::Forbidden);
            scene.world.ghl.on_call(move |seen| (seen.call.endpoint().as_str() == call).then(forbidden));
            (scene.migrate().await, scene)
        };
        let endpoint = |call: Call| call.endpoint().as_str();
        let ((_, report), scene) = lacks(endpoint(Call::ListPipelines)).await;
        assert_eq!(report.status, MigrationStatus::Failed);
        assert!(report.reason.unwrap().contains("scope") && nothing_was_written(&scene));
        let ((migration, report), scene) = lacks(endpoint(Call::ListUsers)).await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        let mapping = scene.migrator.mapping(&migration.id).await.unwrap().unwrap().report;
        assert!(mapping.warnings.iter().any(|warning| warning.contains("users")), "{:?}", mapping.warnings);
        let ((_, report), _) = lacks(endpoint(Call::CreateTag(String::new()))).await;
        assert_eq!((report.status, report.tags.failed), (MigrationStatus::Done, 3), "contacts bring their tags");
    });
}

#[test]
fn a_scope_to_write_that_is_missing_stops_the_migration_at_its_first_records_and_resuming_puts_them_again() {
    block_on_paused(async {
        for (endpoint, who) in [(Endpoint::UpsertContact, "contacts"), (Endpoint::CreateOpportunity, "opportunities")] {
            let size = Size { contacts: 15, opportunities: 15, ..Size::SMALL };
            let scene = Scene::of(size).await;
            scene.pipelines_in_target(size);
            // The target is not empty, so contacts are upserted.
            let theirs = Contact { email: Some("Person14@Example.test".into()), ..Contact::default() };
            scene.world.ghl.add_contact(&target(), theirs, &[]).unwrap();
            scene.world.run_for(20 * SECOND).await;
            scene.world.ghl.on_call(move |seen| {
                (seen.call.endpoint() == endpoint).then(|| CallFault::cause(401, Cause::Forbidden))
            });
            let (migration, report) = scene.migrate().await;
            let reason = report.reason.unwrap();
            assert_eq!(report.status, MigrationStatus::Failed, "{reason}");
            assert!(reason.contains(&format!("none of the first 15 {who}")) && reason.contains("resume"), "{reason}");
            scene.world.ghl.heal();
            scene.migrator.resume(&migration.id, None).await.unwrap();
            scene.drive(&migration.id, 24 * HOUR).await;
            scene.assert_complete(&migration.id, size).await;
            scene.migrator.rollback(&migration.id, None).await.unwrap();
            scene.drive(&migration.id, 24 * HOUR).await;
            assert_eq!(scene.world.ghl.contact_count(), 15 + 1);
        }
    });
}

#[test]
fn what_a_migration_wrote_before_ghl_took_no_more_is_rolled_back() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        scene.world.ghl.on_call(|seen| {
            (seen.call.endpoint() == Endpoint::CreateOpportunity).then(|| CallFault::cause(401, Cause::Forbidden))
        });
        let (migration, report) = scene.migrate().await;
        // Five of five fail: too few to tell a general problem from individual ones.
        assert_eq!((report.status, report.opportunities.failed), (MigrationStatus::Incomplete, 5));
        assert!(report.reason.unwrap().contains("found 5 missing"));
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        assert_eq!(scene.world.ghl.contact_count(), Size::SMALL.contacts);
    });
}

#[test]
fn what_the_target_s_api_cannot_make_is_left_out_and_all_else_is_carried_over() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        // API v1 has no fields of opportunities.
        let is_of_opportunities =
            |call: &Call| matches!(call, Call::CreateCustomField(field) if field.model == Kind::Opportunity);
        let unsupported = || CallFault::cause(0, Cause::Unsupported);
        scene.world.ghl.on_call(move |seen| is_of_opportunities(seen.call).then(unsupported));
        let (migration, report) = scene.migrate().await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        assert_eq!((report.custom_fields.created, report.custom_fields.failed), (5, 1));
        let verify = report.verify.unwrap();
        assert_eq!((report.opportunities.migrated, verify.missing, verify.different), (5, 0, 0));
        // Contacts are on the first page, opportunities on the second.
        let findings = scene.migrator.findings(&migration.id, 1).await.unwrap();
        let left_out =
            |finding: &&Finding| matches!(&finding.problem, Problem::NotCarried { fields, .. } if !fields.is_empty());
        assert_eq!(findings.iter().filter(left_out).count(), 5, "{findings:#?}");
    });
}

#[test]
fn a_mapping_file_that_cannot_be_followed_is_refused_before_anything_is_written_and_can_be_mended() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let mut request = scene.request();
        request.overrides = serde_json::from_str(
            r#"{"custom_fields":{"contact.nothing":"skip","contact.field_number_0":"contact.field_number_1",
                "contact.field_number_1":"contact.field_number_0"},"users":{"u-source":"create"}}"#,
        )
        .unwrap();
        let started = scene.migrator.start(request, None).await.unwrap();
        let (migration, report) = scene.drive(&started.id, HOUR).await;
        assert_eq!(report.status, MigrationStatus::NeedsInput);
        let reason = report.reason.unwrap();
        for part in ["custom_fields.contact.nothing", "cycle", "users.u-source", "cannot be created"] {
            assert!(reason.contains(part), "{part}: {reason}");
        }
        assert!(nothing_was_written(&scene));
        assert!(matches!(
            scene.migrator.pause(&migration.id, None).await.unwrap_err(),
            CommandError::NotNow { status: MigrationStatus::NeedsInput, .. }
        ));
    });
}

#[test]
fn settings_take_effect_while_it_runs_and_bad_ones_are_refused() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let bad = MigrationOverlay { rate_limit_delay: Some(99.0), ..MigrationOverlay::default() };
        let error = scene.migrator.set_config(&bad, Some("ann")).await.unwrap_err();
        assert!(error.to_string().contains("rate_limit_delay"), "{error}");
        let slow = MigrationOverlay {
            batch_size: Some(1),
            rate_limit_delay: Some(20.0),
            skip_opportunities: Some(true),
            ..MigrationOverlay::default()
        };
        let config = scene.migrator.set_config(&slow, Some("ann")).await.unwrap();
        assert_eq!((config.rev, config.value.audit[0].by.as_deref()), (1, Some("ann")));
        let began = scene.world.clock.elapsed();
        let (_, report) = scene.migrate().await;
        assert_eq!((report.status, report.opportunities.skipped), (MigrationStatus::Done, 5));
        let verify = report.verify.unwrap();
        assert_eq!((verify.checked, verify.ok), (12, 12), "what was left out is not missed");
        assert!(scene.world.clock.elapsed() - began > 3 * MINUTE, "twelve contacts, 20 s apart");
        let (_, effective) = scene.migrator.config().await.unwrap();
        assert_eq!(effective, slow);
    });
}

#[test]
fn a_migration_of_which_nothing_arrived_is_not_done() {
    block_on_paused(async {
        for skip_verify in [false, true] {
            let scene = Scene::of(Size { contacts: 5, opportunities: 0, ..Size::SMALL }).await;
            scene.pipelines_in_target(Size::SMALL);
            scene.world.ghl.on_call(|seen| matches!(seen.call, Call::UpsertContact(_)).then(|| CallFault::status(422)));
            let mut request = scene.request();
            request.settings.skip_verify = Some(skip_verify);
            let id = scene.migrator.start(request, None).await.unwrap().id;
            let (_, report) = scene.drive(&id, 24 * HOUR).await;
            assert_eq!((report.status, report.contacts.migrated), (MigrationStatus::Incomplete, 0));
            let reason = report.reason.unwrap();
            assert!(reason.contains(if skip_verify { "5 records failed" } else { "found 5 missing" }), "{reason}");
            assert!(scene.migrator.status(&id).await.unwrap().unwrap().migration.status.is_over());
            scene.migrator.rollback(&id, None).await.unwrap();
        }
    });
}

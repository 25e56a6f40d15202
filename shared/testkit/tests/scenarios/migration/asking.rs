//! Decisions that only a person can make.

use ghl_sync_migrate::{MappingTarget, MappingView};
use ghl_sync_model::{
    Contact, CustomField, Endpoint, FieldType, Kind, MappedTo, MappingOverrides, MatchMethod, MigrationStage,
    MigrationStatus, NewPipeline,
};
use ghl_sync_testkit::block_on_paused;

use serde_json::json;

use super::fixtures::{Scene, Size, new_field, source, target};
use crate::fixtures::{HOUR, SECOND};

#[test]
fn without_leave_to_go_on_it_waits_for_it() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let mut request = scene.request();
        request.auto_approve = false;
        let started = scene.migrator.start(request, None).await.unwrap();
        let (_, report) = scene.drive(&started.id, HOUR).await;
        assert_eq!((report.status, report.readiness_percent), (MigrationStatus::AwaitingApproval, 100));
        assert!(scene.world.ghl.arrivals_at(Endpoint::CreateCustomField).is_empty());
        let overrides: MappingOverrides = serde_json::from_str(r#"{"tags":{"never used":"skip"}}"#).unwrap();
        scene.migrator.approve(&started.id, overrides, Some("ann")).await.unwrap();
        let (migration, report) = scene.drive(&started.id, 24 * HOUR).await;
        assert_eq!((report.status, report.tags.migrated), (MigrationStatus::Done, 2));
        assert_eq!(migration.audit.last().unwrap().action, "approved");
    });
}

#[test]
fn a_pipeline_that_cannot_be_made_is_asked_for_and_found_once_a_person_has_made_it() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let (migration, report) = scene.migrate().await;
        assert_eq!((report.status, report.stage), (MigrationStatus::NeedsInput, MigrationStage::Pipelines));
        assert!(report.reason.as_ref().unwrap().contains("Sales"), "{:?}", report.reason);
        assert_eq!((report.pipelines.migrated, report.pipelines.failed), (0, 2));
        scene.pipelines_in_target(Size::SMALL);
        scene.migrator.resume(&migration.id, None).await.unwrap();
        scene.drive(&migration.id, 24 * HOUR).await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
    });
}

#[test]
fn a_pipeline_that_a_person_leaves_out_takes_its_opportunities_with_it_and_says_so() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let (migration, _) = scene.migrate().await;
        let skip: MappingOverrides =
            serde_json::from_str(r#"{"pipelines":{"Sales 🏠":"skip","Service":"skip"}}"#).unwrap();
        scene.migrator.approve(&migration.id, skip, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        assert_eq!((report.contacts.migrated, report.opportunities.migrated, report.opportunities.skipped), (12, 0, 5));
        assert_eq!(report.verify.unwrap().missing, 5);
    });
}

#[test]
fn pipelines_are_made_where_a_scope_allows_it() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.world.ghl.open_pipelines();
        let (migration, report) = scene.migrate().await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        assert_eq!((report.pipelines.created, report.stages.created), (2, 5));
    });
}

#[test]
fn near_misses_are_matched_type_conflicts_are_not_and_stages_that_are_lacking_are_asked_for() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let ghl = &scene.world.ghl;
        // One field differs by a letter, one has another type, one has another number.
        ghl.add_custom_field(&target(), new_field("Field numbr 0", Kind::Contact, FieldType::LargeText)).unwrap();
        ghl.add_custom_field(&target(), new_field("Field number 1", Kind::Contact, FieldType::Text)).unwrap();
        ghl.add_custom_field(&target(), new_field("Field number 33", Kind::Contact, FieldType::Date)).unwrap();
        let stages = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let sales = NewPipeline { name: "sales".into(), stages: stages(&["stage 0-0", "Stage 0-2"]) };
        ghl.add_pipeline(&target(), &sales).unwrap();
        let service = NewPipeline { name: "Servise".into(), stages: stages(&["Stage 1-0", "Something else"]) };
        ghl.add_pipeline(&target(), &service).unwrap();
        let (migration, report) = scene.migrate().await;
        assert_eq!((report.status, report.stage), (MigrationStatus::NeedsInput, MigrationStage::AwaitApproval));
        assert!(report.reason.as_ref().unwrap().contains("Stage 0-1"), "{:?}", report.reason);
        let MappingView { report: mapping, targets } = scene.migrator.mapping(&migration.id).await.unwrap().unwrap();
        let pipelines: Vec<&str> = targets.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
        assert_eq!(pipelines, [sales.name.as_str(), "Servise"], "all that can be chosen is told");
        let of_service = |stage: &&MappingTarget| stage.pipeline_id.as_ref() == Some(&targets.pipelines[1].id);
        let stages: Vec<&str> = targets.stages.iter().filter(of_service).map(|stage| stage.name.as_str()).collect();
        assert_eq!(stages, ["Stage 1-0", "Something else"]);
        let how: Vec<MatchMethod> = mapping.custom_fields.iter().map(|mapped| mapped.how).collect();
        assert_eq!(how[0], MatchMethod::Similar);
        assert_eq!(how[1..], [MatchMethod::None; 5]);
        let MappedTo::Create { name } = &mapping.custom_fields[1].target else { panic!("{mapping:#?}") };
        assert_eq!(name, "Field number 1 (numerical)");
        assert_eq!((mapping.type_conflicts.len(), mapping.summary.questions), (1, 2));
        let how: Vec<MatchMethod> = mapping.pipelines.iter().map(|mapped| mapped.how).collect();
        assert_eq!(how, [MatchMethod::ExactName, MatchMethod::Similar]);
        // Of two stages, the remaining one has another name: it is a suggestion, not an answer.
        let MappedTo::Ask { suggestions, .. } = &mapping.stages[4].target else { panic!("{mapping:#?}") };
        assert_eq!(suggestions[0].name, "Something else");
        // A person chooses their replacements.
        let overrides = r#"{"stages":{"Stage 0-1":"Stage 0-2","Stage 1-1":"Something else"}}"#;
        let overrides: MappingOverrides = serde_json::from_str(overrides).unwrap();
        scene.migrator.approve(&migration.id, overrides, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        let verify = report.verify.unwrap();
        assert_eq!((verify.ok, verify.missing, verify.different), (17, 0, 0));
        assert_eq!((report.custom_fields.created, report.custom_fields.migrated), (5, 6));
    });
}

#[test]
fn what_looks_alike_and_may_mean_the_opposite_is_asked_or_made_also_without_asking_for_leave() {
    block_on_paused(async {
        let scene = Scene::of(Size { contacts: 0, opportunities: 0, ..Size::SMALL }).await;
        scene.pipelines_in_target(Size::SMALL);
        let ghl = &scene.world.ghl;
        let names =
            [("Marketing Opt In", "Marketing Opt Out"), ("Mother's Phone", "Father's Phone"), ("Fee %", "Fee $")];
        let fields: Vec<_> = names
            .iter()
            .map(|(from, to)| {
                ghl.add_custom_field(&target(), new_field(to, Kind::Contact, FieldType::Text)).unwrap();
                ghl.add_custom_field(&source(), new_field(from, Kind::Contact, FieldType::Text)).unwrap()
            })
            .collect();
        let value = |n: usize| CustomField { id: Some(fields[n].id.to_string()), key: None, value: json!(names[n].0) };
        let email = || Some("ann@example.test".to_owned());
        let custom_fields = (0..3).map(value).collect();
        ghl.add_contact(&source(), Contact { email: email(), custom_fields, ..Contact::default() }, &[]).unwrap();
        scene.world.run_for(20 * SECOND).await;
        let (migration, report) = scene.migrate().await;
        // The two fees share a key.
        assert_eq!((report.status, report.mapping.unwrap().questions), (MigrationStatus::NeedsInput, 1));
        assert!(report.reason.unwrap().contains("Fee %"));
        let overrides: MappingOverrides = serde_json::from_str(r#"{"custom_fields":{"Fee %":"skip"}}"#).unwrap();
        scene.migrator.approve(&migration.id, overrides, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        let (_, contact, _) = ghl.contact(&target(), "ann@example.test").unwrap();
        let mapping = scene.migrator.mapping(&migration.id).await.unwrap().unwrap().report;
        for (mapped, (_, opposite)) in mapping.custom_fields.iter().rev().zip(names.iter().rev()) {
            let is_opposite = matches!(&mapped.target, MappedTo::Existing { name, .. } if name == opposite);
            assert!(!is_opposite, "{mapped:?}");
        }
        assert_eq!(contact.custom_fields.len(), 2, "both have a field of their own");
    });
}

//! A migration in which nothing goes wrong.

use ghl_sync_engine::domain::{MigrationStatus, ReportVerify};
use ghl_sync_engine::testing::block_on_paused;

use super::fixtures::{Scene, Size, source, target};

#[test]
fn an_account_of_198_contacts_35_fields_and_19_stages_arrives_complete_and_verifies_with_zero_differences() {
    block_on_paused(async {
        let scene = Scene::of(Size::SEED).await;
        scene.pipelines_in_target(Size::SEED);
        let (migration, report) = scene.migrate().await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        assert_eq!((report.contacts.source, report.contacts.migrated, report.contacts.failed), (198, 198, 0));
        assert_eq!((report.opportunities.source, report.opportunities.migrated), (60, 60));
        assert_eq!((report.custom_fields.source, report.custom_fields.migrated), (35, 35));
        assert_eq!((report.pipelines.source, report.pipelines.migrated), (2, 2));
        assert_eq!((report.stages.source, report.stages.migrated), (19, 19));
        assert_eq!((report.custom_values.migrated, report.tags.migrated), (1, 3));
        assert_eq!(report.readiness_percent, 100);
        let verify = report.verify.unwrap();
        let expected =
            ReportVerify { checked: 258, ok: 258, not_carried: 258, target_total: 258, ..ReportVerify::default() };
        assert_eq!(verify, expected, "{:#?}", scene.migrator.findings(&migration.id, 0).await.unwrap());
        assert_eq!((report.ghl.status_429, scene.world.ghl.over_quota()), (0, 0));
        assert_eq!(report.ghl.calls, scene.world.ghl.calls());
        let forecast = report.forecast.unwrap();
        assert_eq!((forecast.contacts.creates, forecast.opportunities.creates), (198, 60));
        assert!(scene.world.ghl.doubles().is_empty());
        assert!(scene.store.largest() < 400_000);
        let (_, contact, tags) = scene.world.ghl.contact(&target(), "Person4@Example.test").unwrap();
        let (_, original, original_tags) = scene.world.ghl.contact(&source(), "Person4@Example.test").unwrap();
        assert_eq!((contact.first_name, tags), (original.first_name, original_tags));
        assert_eq!(contact.assigned_to.as_deref(), Some("u-target"));
    });
}

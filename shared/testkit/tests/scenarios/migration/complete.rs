//! A migration without any trouble.

use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_migrate::StepReport;
use ghl_sync_model::{Contact, Endpoint, MigrationStatus, Preset, ReportVerify};
use ghl_sync_testkit::block_on_paused;

use super::fixtures::{Scene, Size, setup, source, target};
use crate::fixtures::{MINUTE, SECOND};

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

#[test]
fn a_second_migration_of_the_same_finds_everything_there_and_writes_nothing() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let (first, _) = scene.migrate().await;
        scene.assert_complete(&first.id, Size::SMALL).await;
        let writes = |scene: &Scene| {
            let arrivals = scene.world.ghl.arrivals();
            arrivals.iter().filter(|arrival| !is_read(arrival.endpoint)).count()
        };
        let before = writes(&scene);
        let (second, report) = scene.migrate().await;
        scene.assert_complete(&second.id, Size::SMALL).await;
        assert_eq!(writes(&scene), before, "not one call that writes");
        let forecast = report.forecast.unwrap();
        assert_eq!((forecast.contacts.creates, forecast.contacts.updates), (0, 12));
    });
}

fn is_read(endpoint: Endpoint) -> bool {
    use Endpoint::{
        ContactsPage, GetContact, GetLocation, ListCustomFields, ListCustomValues, ListPipelines, ListTags, ListUsers,
        OpportunitiesPage,
    };
    [
        ContactsPage,
        GetContact,
        GetLocation,
        ListCustomFields,
        ListCustomValues,
        ListPipelines,
        ListTags,
        ListUsers,
        OpportunitiesPage,
    ]
    .contains(&endpoint)
}

#[test]
fn three_hundred_fields_arrive_and_no_item_grows_too_large() {
    block_on_paused(async {
        let size = Size { contacts: 3, fields: 300, ..Size::SMALL };
        let scene = Scene::of(size).await;
        scene.pipelines_in_target(size);
        let (migration, report) = scene.migrate().await;
        scene.assert_complete(&migration.id, size).await;
        assert_eq!((report.custom_fields.created, report.custom_fields.failed), (300, 0));
        assert!(scene.store.largest() < 400_000, "{}", scene.store.largest());
    });
}

#[test]
fn a_page_that_takes_longer_than_a_step_is_gone_on_with_and_begun_anew_if_it_has_changed() {
    block_on_paused(async {
        let size = Size { contacts: 40, opportunities: 0, ..Size::SMALL };
        for somebody_deletes in [false, true] {
            let scene = Scene::of(size).await;
            scene.pipelines_in_target(size);
            let mut request = scene.request();
            request.settings = serde_json::from_str(r#"{"batch_size":2,"rate_limit_delay":5}"#).unwrap();
            let id = scene.migrator.start(request, None).await.unwrap().id;
            let (mut steps, mut left) = (0, 40);
            while scene.migrator.status(&id).await.unwrap().unwrap().migration.status.is_active() {
                let offset = scene.migrator.status(&id).await.unwrap().unwrap().migration.contacts.offset;
                if somebody_deletes && offset > 0 && left == 40 {
                    // All following contacts move up by one.
                    let (first, ..) = scene.world.ghl.contact(&source(), "Person0@Example.test").unwrap();
                    scene.world.ghl.delete_contact(&source(), &first);
                    left = 39;
                }
                match scene.queue.receive() {
                    Some(message) => {
                        steps += 1;
                        scene.migrator.step(&message, &scene.invocation(steps)).await.unwrap();
                    }
                    None => scene.world.run_for(SECOND).await,
                }
            }
            assert_eq!(left, if somebody_deletes { 39 } else { 40 });
            let report = scene.migrator.report(&id).await.unwrap().unwrap();
            let verify = report.verify.unwrap();
            assert_eq!((verify.ok, verify.missing, report.contacts.migrated), (left, 0, left), "{report:#?}");
            assert!(scene.world.ghl.doubles().is_empty());
        }
    });
}

#[test]
fn a_step_whose_time_is_up_is_followed_by_the_next_one_at_once() {
    block_on_paused(async {
        let scene = Scene::of(Size { contacts: 3_000, ..Size::SMALL }).await;
        let id = scene.migrator.preview(scene.request(), None).await.unwrap().id;
        let mut steps = 0;
        while let Some(message) = scene.queue.receive() {
            steps += 1;
            let invocation = Invocation { deadline: scene.world.clock.now() + 16 * SECOND, ..scene.invocation(steps) };
            let report = scene.migrator.step(&message, &invocation).await.unwrap();
            let StepReport::Done { status, delay, .. } = report else { panic!("{report:?}") };
            assert_eq!(delay, status.is_active().then_some(Duration::ZERO), "step {steps}");
        }
        assert!(steps > 1, "one step had time for all");
        assert_eq!(scene.migrator.status(&id).await.unwrap().unwrap().migration.status, MigrationStatus::Done);
    });
}

#[test]
fn a_preview_of_more_than_10_000_contacts_sees_all_of_them_and_writes_nothing() {
    block_on_paused(async {
        let scene = Scene::empty(setup());
        for n in 0..10_050 {
            let contact = Contact { email: Some(format!("c{n}@example.test")), ..Contact::default() };
            scene.world.ghl.add_contact(&source(), contact, &[]).unwrap();
        }
        for n in 0..100 {
            let contact = Contact { email: Some(format!("C{n}@example.test")), ..Contact::default() };
            scene.world.ghl.add_contact(&target(), contact, &[]).unwrap();
        }
        scene.world.run_for(20 * SECOND).await;
        let started = scene.migrator.preview(scene.request(), None).await.unwrap();
        let (migration, report) = scene.drive(&started.id, 60 * MINUTE).await;
        assert_eq!((report.status, report.dry_run), (MigrationStatus::Done, true), "{:?}", report.reason);
        let forecast = report.forecast.unwrap();
        let contacts = forecast.contacts;
        assert_eq!((contacts.source, contacts.creates, contacts.updates), (10_050, 9_950, 100));
        // 10,050 upserts, and 101 pages to compare; the forecast assumes 95 of the 100 calls in 10 s.
        assert_eq!(forecast.target_calls, 10_050 + 101 + 1);
        assert_eq!(forecast.seconds, 1069);
        assert!((forecast.daily_share_percent - 5.1).abs() < 0.01, "{}", forecast.daily_share_percent);
        assert_eq!(migration.settings.settle(Some(10_050)).preset, Preset::Large);
        assert!(scene.world.ghl.arrivals().iter().all(|arrival| is_read(arrival.endpoint)));
    });
}

#[test]
fn a_forecast_says_how_many_calls_it_will_be() {
    block_on_paused(async {
        let scene = Scene::of(Size::SEED).await;
        scene.pipelines_in_target(Size::SEED);
        let started = scene.migrator.preview(scene.request(), None).await.unwrap();
        let (_, preview) = scene.drive(&started.id, 60 * MINUTE).await;
        let forecast = preview.forecast.unwrap();
        let (_, report) = scene.migrate().await;
        let expected = forecast.calls as f64;
        let actual = report.ghl.calls as f64;
        // The forecast's own calls come on top.
        assert!(actual >= expected && actual < expected * 1.1, "{actual} calls, {expected} were expected");
    });
}

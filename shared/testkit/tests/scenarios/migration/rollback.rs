//! A rollback deletes everything that a migration created, and nothing else.

use ghl_sync_migrate::CommandError;
use ghl_sync_model::{
    Call, Contact, Endpoint, Kind, MappingOverrides, MigrationRequest, MigrationStatus, Payload, PutRecord, RecordId,
    Undo, Undone,
};
use ghl_sync_testkit::{CallFault, block_on_paused};

use super::fixtures::{Scene, Size, source, target};
use crate::fixtures::{HOUR, MINUTE, SECOND};

#[test]
fn what_was_created_is_deleted_what_was_there_stays_and_a_new_migration_makes_it_all_anew() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let ghl = &scene.world.ghl;
        scene.pipelines_in_target(Size::SMALL);
        let before = Contact { email: Some("Person3@Example.test".into()), ..Contact::default() };
        let kept = ghl.add_contact(&target(), before, &[]).unwrap();
        scene.field(&target(), 2);
        scene.world.run_for(20 * SECOND).await;
        let (migration, _) = scene.migrate().await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        scene.migrator.rollback(&migration.id, Some("ann")).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        let done = report.rolled_back.unwrap();
        // Five fields, three tags, a custom value.
        assert_eq!((done.contacts, done.opportunities, done.structure, done.kept), (11, 5, 9, 1));
        assert_eq!(ghl.contact_count(), 12 + 1);
        assert_eq!(ghl.contact(&target(), "Person3@Example.test").unwrap().0, kept);
        let again = scene.migrator.rollback(&migration.id, None).await.unwrap_err();
        assert!(matches!(again, CommandError::NotNow { status: MigrationStatus::RolledBack, .. }), "{again}");
        let (second, _) = scene.migrate().await;
        scene.assert_complete(&second.id, Size::SMALL).await;
    });
}

#[test]
fn what_somebody_else_made_after_the_target_was_looked_at_stays() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let started =
            scene.migrator.start(MigrationRequest { auto_approve: false, ..scene.request() }, None).await.unwrap();
        let (_, report) = scene.drive(&started.id, HOUR).await;
        assert_eq!(report.status, MigrationStatus::AwaitingApproval);
        let ghl = &scene.world.ghl;
        let meanwhile = Contact { email: Some("Person3@Example.test".into()), ..Contact::default() };
        let theirs = ghl.add_contact(&target(), meanwhile, &[]).unwrap();
        scene.world.run_for(MINUTE).await;
        scene.migrator.approve(&started.id, MappingOverrides::default(), None).await.unwrap();
        scene.drive(&started.id, 24 * HOUR).await;
        scene.migrator.rollback(&started.id, None).await.unwrap();
        let (_, report) = scene.drive(&started.id, 24 * HOUR).await;
        let done = report.rolled_back.unwrap();
        assert_eq!((done.contacts, done.kept), (11, 1));
        assert_eq!(ghl.contact(&target(), "Person3@Example.test").unwrap().0, theirs);
        assert_eq!(ghl.contact_count(), 12 + 1, "those of the source, and theirs");
    });
}

#[test]
fn what_ghl_said_was_there_when_it_was_asked_to_create_it_stays() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let ghl = &scene.world.ghl;
        let is_person3 = |contact: &Contact| contact.email.as_deref() == Some("person3@example.test");
        ghl.on_call(move |seen| {
            let upserts = matches!(seen.call, Call::UpsertContact(contact) if is_person3(contact));
            upserts.then(|| CallFault::status(500))
        });
        let id = scene.migrator.start(scene.request(), None).await.unwrap().id;
        let mut steps = 0;
        while scene.migrator.status(&id).await.unwrap().unwrap().migration.contacts.open.is_empty() {
            match scene.queue.receive() {
                Some(message) => {
                    steps += 1;
                    scene.migrator.step(&message, &scene.invocation(steps)).await.unwrap();
                }
                None => scene.world.run_for(SECOND).await,
            }
        }
        scene.world.run_for(MINUTE).await;
        let meanwhile = Contact { email: Some("Person3@Example.test".into()), ..Contact::default() };
        let theirs = ghl.add_contact(&target(), meanwhile, &[]).unwrap();
        scene.world.run_for(MINUTE).await;
        ghl.heal();
        scene.drive(&id, 24 * HOUR).await;
        scene.migrator.rollback(&id, None).await.unwrap();
        let (_, report) = scene.drive(&id, 24 * HOUR).await;
        let done = report.rolled_back.unwrap();
        assert_eq!((done.contacts, done.kept, done.unproven), (11, 1, 0));
        assert_eq!(ghl.contact(&target(), "Person3@Example.test").map(|(id, ..)| id), Some(theirs));
        assert_eq!(ghl.contact_count(), 12 + 1, "those of the source, and theirs");
    });
}

#[test]
fn what_nobody_can_prove_to_be_ours_stays_and_is_counted() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        scene.world.ghl.on_call(|seen| {
            let creates = matches!(
                seen.call,
                Call::UpsertContact(_)
                    | Call::CreateOpportunity { .. }
                    | Call::CreateTag(_)
                    | Call::CreateCustomField(_)
            );
            (creates && seen.tries == 1).then_some(CallFault::NoAnswer { done: true })
        });
        let (migration, _) = scene.migrate().await;
        scene.assert_complete(&migration.id, Size::SMALL).await;
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        let done = report.rolled_back.unwrap();
        // GHL answered the second try of each contact with `new: false`: the contact may be ours or someone else's.
        assert_eq!((done.contacts, done.kept), (0, 12));
        // Five opportunities, six fields, three tags. The creation of the custom value was answered.
        assert_eq!((done.unproven, done.structure, done.failed), (5 + 6 + 3, 1, 0), "{done:?}");
        assert_eq!(scene.world.ghl.contact_count(), 24);
    });
}

#[test]
fn a_contact_that_was_created_but_not_finished_by_its_first_batch_is_deleted() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        // The target is not empty, so that adding tags needs a call of its own.
        let before = Contact { email: Some("Person3@Example.test".into()), ..Contact::default() };
        scene.world.ghl.add_contact(&target(), before, &[]).unwrap();
        scene.world.run_for(20 * SECOND).await;
        scene.world.ghl.on_call(|seen| {
            let tags = matches!(seen.call, Call::AddTags { .. });
            (tags && seen.tries < 12).then(|| CallFault::status(500))
        });
        let (migration, _) = scene.migrate().await;
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        let done = report.rolled_back.unwrap();
        assert_eq!((done.contacts, done.kept, done.unproven), (11, 1, 0));
    });
}

#[test]
fn a_rollback_goes_on_wherever_it_is_cut_off() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.world.ghl.open_pipelines();
        let (migration, _) = scene.migrate().await;
        scene.world.ghl.on_call(|seen| {
            let deletes = matches!(seen.call, Call::DeleteContact(_) | Call::DeleteCustomField(_));
            (deletes && seen.tries == 1).then_some(CallFault::NoAnswer { done: true })
        });
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let dies = |step: u64| (step % 2 == 1).then_some(30 + step * 3);
        let (_, report) = scene.drive_dying(&migration.id, 24 * HOUR, dies).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        assert_eq!(scene.world.ghl.contact_count(), 12, "those of the source");
        let done = report.rolled_back.unwrap();
        assert_eq!(done.failed, 0, "the pipelines that it made are deleted, too");
        assert!(scene.world.ghl.pipelines(&target()).is_empty());
    });
}

#[test]
fn records_of_a_page_that_was_not_put_to_its_end_are_deleted_as_well() {
    block_on_paused(async {
        let size = Size { contacts: 60, opportunities: 0, ..Size::SMALL };
        let scene = Scene::of(size).await;
        scene.pipelines_in_target(size);
        let mut request = scene.request();
        // One page takes longer than a step.
        request.settings = serde_json::from_str(r#"{"batch_size":5,"rate_limit_delay":8}"#).unwrap();
        let id = scene.migrator.start(request, None).await.unwrap().id;
        let mut steps = 0;
        while scene.migrator.status(&id).await.unwrap().unwrap().migration.contacts.offset == 0 {
            match scene.queue.receive() {
                Some(message) => {
                    steps += 1;
                    scene.migrator.step(&message, &scene.invocation(steps)).await.unwrap();
                }
                None => scene.world.run_for(SECOND).await,
            }
        }
        scene.migrator.cancel(&id, None).await.unwrap();
        scene.world.run_until_settled(10 * MINUTE).await.unwrap();
        assert!(scene.world.ghl.contact_count() > 60, "some of them are there");
        scene.migrator.rollback(&id, None).await.unwrap();
        let (_, report) = scene.drive(&id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        assert_eq!(scene.world.ghl.contact_count(), 60);
    });
}

#[test]
fn a_migration_that_is_cancelled_stops_soon_and_can_be_rolled_back() {
    block_on_paused(async {
        let size = Size { contacts: 1_200, opportunities: 0, ..Size::SMALL };
        let scene = Scene::of(size).await;
        scene.pipelines_in_target(size);
        let started = scene.migrator.start(scene.request(), None).await.unwrap();
        let scene = std::sync::Arc::new(scene);
        let driver = {
            let (scene, id) = (scene.clone(), started.id.clone());
            tokio::spawn(async move { scene.drive(&id, 24 * HOUR).await })
        };
        scene.world.run_for(MINUTE).await;
        scene.migrator.cancel(&started.id, None).await.unwrap();
        let (_, report) = driver.await.unwrap();
        assert_eq!(report.status, MigrationStatus::Cancelled);
        scene.world.run_until_settled(10 * MINUTE).await.unwrap();
        let there = scene.world.ghl.contact_count() - 1_200;
        // At most 600 were accepted in the first minute, and 500 were under way at the cancellation.
        assert!(there <= 1_100, "{there}: it does not run far ahead of what GHL has taken");
        scene.migrator.rollback(&started.id, None).await.unwrap();
        let (_, report) = scene.drive(&started.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        assert_eq!(scene.world.ghl.contact_count(), 1_200);
        assert_eq!(scene.world.ghl.arrivals_at(Endpoint::DeleteContact).len(), there);
    });
}

#[test]
fn after_a_rollback_no_record_says_that_ghl_has_it_and_a_put_of_the_same_content_arrives() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let (migration, _) = scene.migrate().await;
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        assert_eq!(report.status, MigrationStatus::RolledBack, "{:?}", report.reason);
        let records = scene.records_of_target().await;
        assert_eq!(records.len(), 12 + 5);
        for record in &records {
            let is_deleted = matches!(&record.undo, Some(Undo::Done(Undone { deleted: true, .. })));
            assert!(is_deleted && record.ghl_id.is_none() && record.accepted_version.is_none(), "{record:?}");
            assert!(record.due_at.is_none(), "nothing goes out by itself: {record:?}");
        }
        let ghl = &scene.world.ghl;
        assert_eq!(ghl.contact_count(), 12, "those of the source");
        let puts: Vec<PutRecord> = records
            .into_iter()
            .map(|record| PutRecord::new(record.location_id, record.key.id, record.payload))
            .filter(|put| put.key().kind == Kind::Contact)
            .collect();
        scene.world.engine.put_and_start(&puts).await;
        scene.world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(ghl.contact_count(), 12 + 12, "everybody is there again");
        let (second, _) = scene.migrate().await;
        scene.assert_complete(&second.id, Size::SMALL).await;
    });
}

#[test]
fn what_another_record_holds_as_well_by_now_stays_and_the_record_says_so_still() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        scene.pipelines_in_target(Size::SMALL);
        let (migration, _) = scene.migrate().await;
        let ghl = &scene.world.ghl;
        let shared = ghl.contact(&target(), "Person3@Example.test").unwrap().0;
        let content = Contact { email: Some("person3@example.test".into()), ..Contact::default() };
        let theirs = PutRecord::new(target(), RecordId::new("theirs").unwrap(), Payload::Contact(content));
        scene.world.engine.put_and_start(&[theirs]).await;
        scene.world.run_until_settled(10 * MINUTE).await.unwrap();
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        let done = report.rolled_back.unwrap();
        assert_eq!((done.contacts, done.kept), (11, 1));
        let records = scene.records_of_target().await;
        let held = records.iter().filter(|record| record.ghl_id.as_ref() == Some(&shared));
        assert_eq!(held.map(|record| record.accepted_version).collect::<Vec<_>>(), [Some(1), Some(1)]);
        assert_eq!(ghl.contact(&target(), "Person3@Example.test").unwrap().0, shared);
    });
}

#[test]
fn records_that_are_one_contact_all_say_that_it_is_deleted() {
    block_on_paused(async {
        let scene = Scene::of(Size { opportunities: 0, ..Size::SMALL }).await;
        scene.pipelines_in_target(Size::SMALL);
        let twin = Contact { email: Some("Person4@Example.test".into()), ..Contact::default() };
        let ghl = &scene.world.ghl;
        ghl.add_contact(&source(), twin, &[]).unwrap();
        scene.world.run_for(20 * SECOND).await;
        let (migration, _) = scene.migrate().await;
        assert_eq!(ghl.contact_count(), 13 + 12, "two of the source are one in the target");
        scene.migrator.rollback(&migration.id, None).await.unwrap();
        let (_, report) = scene.drive(&migration.id, 24 * HOUR).await;
        let done = report.rolled_back.unwrap();
        assert_eq!((done.contacts, done.kept, done.failed), (13, 0, 0));
        assert!(scene.records_of_target().await.iter().all(|record| record.ghl_id.is_none()));
    });
}

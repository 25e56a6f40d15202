//! Realistic accounts: duplicates, contacts without any identifying field, data that cannot be carried over.

use ghl_sync_model::{Contact, Kind, MigrationStatus, NotCarried, Problem};
use ghl_sync_testkit::block_on_paused;
use serde_json::json;

use super::fixtures::{Scene, Size, setup, source, target};
use crate::fixtures::SECOND;

fn named(name: &str) -> Contact {
    Contact { first_name: Some(name.to_owned()), ..Contact::default() }
}

fn with_email(name: &str, email: &str) -> Contact {
    Contact { email: Some(email.to_owned()), ..named(name) }
}

#[test]
fn contacts_without_e_mail_and_phone_arrive_once_each() {
    block_on_paused(async {
        let scene = Scene::empty(setup());
        for n in 0..5 {
            let contact =
                Contact { source: (n == 0).then(|| "Fair 2026".into()), ..named(&format!("Nameless {n} 🙂")) };
            scene.world.ghl.add_contact(&source(), contact, &[]).unwrap();
        }
        scene
            .world
            .ghl
            .add_contact(&source(), Contact { last_name: Some("李".into()), ..Contact::default() }, &[])
            .unwrap();
        scene.world.run_for(20 * SECOND).await;
        let (migration, report) = scene.migrate().await;
        let verify = report.verify.unwrap();
        let findings = scene.migrator.findings(&migration.id, 0).await.unwrap();
        assert_eq!((report.contacts.migrated, verify.ok, verify.target_total), (6, 6, 6), "{findings:#?}");
    });
}

#[test]
fn what_the_target_has_already_is_updated_and_what_ghl_takes_for_one_is_reported() {
    block_on_paused(async {
        let scene = Scene::empty(setup());
        let ghl = &scene.world.ghl;
        ghl.add_contact(&source(), with_email("Ada", "ada@example.test"), &["vip"]).unwrap();
        ghl.add_contact(&source(), with_email("Twin one", "twin@example.test"), &[]).unwrap();
        ghl.add_contact(&source(), with_email("Twin two", "twin@example.test"), &[]).unwrap();
        ghl.add_contact(&target(), with_email("Ada of old", "ada@example.test"), &["customer"]).unwrap();
        ghl.add_contact(&target(), with_email("Bob", "bob@example.test"), &[]).unwrap();
        ghl.add_contact(&target(), with_email("Bob again", "bob@example.test"), &[]).unwrap();
        scene.world.run_for(20 * SECOND).await;
        let (migration, report) = scene.migrate().await;
        let contacts = report.forecast.unwrap().contacts;
        assert_eq!((contacts.creates, contacts.updates, contacts.conflicts), (1, 2, 1));
        let (_, ada, tags) = ghl.contact(&target(), "ada@example.test").unwrap();
        assert_eq!(ada.first_name.as_deref(), Some("Ada"));
        assert!(tags.contains("customer") && tags.contains("vip"), "its own tags stay: {tags:?}");
        let verify = report.verify.unwrap();
        assert_eq!((verify.checked, verify.ok + verify.different, verify.merged), (3, 2, 1));
        let findings = scene.migrator.findings(&migration.id, 0).await.unwrap();
        assert!(findings.iter().any(|finding| matches!(finding.problem, Problem::Merged { .. })), "{findings:#?}");
        assert_eq!(verify.target_total, 4);
    });
}

#[test]
fn what_no_call_can_write_is_listed_for_each_record() {
    block_on_paused(async {
        let scene = Scene::empty(setup());
        let mut contact = with_email("Ada", "ada@example.test");
        contact.assigned_to = Some("somebody".into());
        let id = scene.world.ghl.add_contact(&source(), contact, &[]).unwrap();
        let phone = json!({ "phone": "none" });
        scene.world.ghl.show(&id, phone.as_object().unwrap().clone());
        let extra = NotCarried {
            additional_emails: vec!["ada2@example.test".into()],
            additional_phones: vec!["+15550001".into()],
            attachments: vec!["https://example.test/file.pdf".into()],
            ..NotCarried::default()
        };
        scene.world.ghl.attach(&source(), &id, extra.clone());
        scene.world.run_for(20 * SECOND).await;
        let (migration, report) = scene.migrate().await;
        assert_eq!((report.status, report.verify.unwrap().ok), (MigrationStatus::Done, 1));
        let findings = scene.migrator.findings(&migration.id, 0).await.unwrap();
        let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
        let Problem::NotCarried { created_at, extra: listed, fields } = &finding.problem else {
            panic!("{finding:#?}")
        };
        assert!(created_at.is_some() && finding.kind == Kind::Contact);
        assert_eq!(*listed, extra);
        assert!(fields.iter().any(|field| field.contains("phone")), "{fields:?}");
        assert!(fields.iter().any(|field| field.contains("owner")), "{fields:?}");
    });
}

#[test]
fn why_an_opportunity_was_lost_and_who_follows_it_is_listed() {
    block_on_paused(async {
        let scene = Scene::of(Size::SMALL).await;
        let ghl = &scene.world.ghl;
        ghl.open_pipelines();
        let contact = ghl.add_contact(&source(), with_email("Ada", "lost@example.test"), &[]).unwrap();
        let opportunity = json!({
            "contactId": "whose", "pipelineId": ghl.pipelines(&source())[0].id, "name": "Lost", "status": "lost",
        });
        let opportunity =
            ghl.add_opportunity(&source(), &contact, serde_json::from_value(opportunity).unwrap()).unwrap();
        let extra = NotCarried {
            lost_reason: Some("reason-1".into()),
            followers: vec!["user-1".into()],
            ..NotCarried::default()
        };
        ghl.attach(&source(), &opportunity, extra.clone());
        scene.world.run_for(20 * SECOND).await;
        let (migration, report) = scene.migrate().await;
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        let mut findings = Vec::new();
        for page in 0..migration.verify.findings {
            findings.extend(scene.migrator.findings(&migration.id, page).await.unwrap());
        }
        let listed = findings.iter().filter_map(|finding| match &finding.problem {
            Problem::NotCarried { extra, .. } if !extra.is_empty() => Some((&finding.source_id, extra)),
            _ => None,
        });
        assert_eq!(listed.collect::<Vec<_>>(), [(&opportunity, &extra)]);
    });
}

#[test]
fn accounts_that_are_empty_are_migrated_in_no_time() {
    block_on_paused(async {
        let scene = Scene::empty(setup());
        let (_, report) = scene.migrate().await;
        assert_eq!((report.status, report.contacts.source, report.readiness_percent), (MigrationStatus::Done, 0, 100));
    });
}

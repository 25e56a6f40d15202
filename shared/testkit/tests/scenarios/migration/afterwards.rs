//! After a migration, people's changes in the target stay, and nobody who opted out is opted in.

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Invocation, ReconcileReport};
use ghl_sync_model::{Conflict, Contact, GhlId, Holder};

use super::fixtures::{Scene, Size, source, target};
use crate::fixtures::{HOUR, MINUTE, SECOND};

const PERSON: &str = "Person3@Example.test";
const OPTED_OUT: &str = "optout@example.test";

async fn reconcile(scene: &Scene) -> ReconcileReport {
    let now = scene.world.clock.now();
    let invocation = Invocation { holder: Holder::new(format!("reconcile-{now}")).unwrap(), deadline: now + MINUTE };
    let report = scene.world.reconciler().reconcile(&target(), &invocation).await;
    scene.world.run_until_settled(10 * MINUTE).await.unwrap();
    report
}

/// A finished migration, a day later.
async fn migrated() -> Scene {
    let scene = Scene::of(Size::SMALL).await;
    scene.pipelines_in_target(Size::SMALL);
    let contact = Contact { email: Some(OPTED_OUT.to_owned()), dnd: Some(false), ..Contact::default() };
    scene.world.ghl.add_contact(&source(), contact, &[]).unwrap();
    scene.world.run_for(20 * SECOND).await;
    scene.migrate().await;
    scene.world.run_for(10 * MINUTE).await;
    reconcile(&scene).await;
    scene.world.run_for(24 * HOUR).await;
    scene
}

fn in_target(scene: &Scene, email: &str) -> (GhlId, Contact) {
    let (id, contact, ..) = scene.world.ghl.contact(&target(), email).unwrap();
    (id, contact)
}

async fn edit(scene: &Scene, email: &str, edit: impl FnOnce(&mut Contact)) {
    let (id, _) = in_target(scene, email);
    scene.world.ghl.edit_contact(&target(), &id, edit);
    scene.world.run_for(HOUR).await;
}

#[test]
fn a_persons_edit_after_a_migration_stays_unless_somebody_set_a_rule_for_the_location() {
    for (rule, expected) in [(None, "Berlin, moved"), (Some(Conflict::Ours), "São Paulo 🌆")] {
        ghl_sync_testkit::block_on_paused(async move {
            let scene = migrated().await;
            if let Some(rule) = rule {
                scene.world.registry.change(&target(), |settings| {
                    settings.conflict = rule;
                    settings.conflict_is_set = true;
                });
            }
            edit(&scene, PERSON, |contact| contact.city = Some("Berlin, moved".to_owned())).await;
            let report = reconcile(&scene).await;
            assert_eq!(in_target(&scene, PERSON).1.city.as_deref(), Some(expected), "{rule:?}: {report:?}");
        });
    }
}

#[test]
fn an_opt_out_after_a_migration_stays_also_when_the_source_is_migrated_again_or_our_content_is_sent_again() {
    ghl_sync_testkit::block_on_paused(async {
        let scene = migrated().await;
        edit(&scene, OPTED_OUT, |contact| contact.dnd = Some(true)).await;
        reconcile(&scene).await;
        assert_eq!(in_target(&scene, OPTED_OUT).1.dnd, Some(true));
        // The contact is renamed in the source, and everything is put again.
        let (id, ..) = scene.world.ghl.contact(&source(), OPTED_OUT).unwrap();
        scene.world.ghl.edit_contact(&source(), &id, |contact| contact.first_name = Some("Opt".to_owned()));
        scene.world.run_for(20 * SECOND).await;
        scene.migrate().await;
        let (_, contact) = in_target(&scene, OPTED_OUT);
        assert_eq!((contact.first_name.as_deref(), contact.dnd), (Some("Opt"), Some(true)));
        scene.world.registry.change(&target(), |settings| settings.conflict_is_set = true);
        scene.world.run_for(HOUR).await;
        edit(&scene, OPTED_OUT, |contact| contact.first_name = Some("Out".to_owned())).await;
        assert_eq!(reconcile(&scene).await.resent, 1);
        let (_, contact) = in_target(&scene, OPTED_OUT);
        assert_eq!((contact.first_name.as_deref(), contact.dnd), (Some("Opt"), Some(true)));
    });
}

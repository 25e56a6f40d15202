//! Undo of an import: records it created are deleted, fields it changed go back, and other people's changes stay.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Clock, Outbox};
use ghl_sync_model::{
    Contact, Endpoint, FieldType, ImportId, ImportStanding, ImportState, Kind, LeftField, LeftReason, NewField,
    Opportunity, Payload, PutRecord, RecordKey, Undo, Undone,
};
use ghl_sync_operate::{ImportError, ImportUpdate, RecordState, UndoReport};
use ghl_sync_testkit::{Crash, Setup, World, block_on_paused};
use serde_json::{Value, json};

use crate::fixtures::{
    HOUR, Look, MINUTE, SECOND, contact, contact_key, contacts, each_await, each_seed, email, exact, loc,
    named_contact, nameless, opportunity, opportunity_key, opportunity_name, put_of,
};
use crate::reconcile::reconcile;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn import(id: &str) -> ImportId {
    ImportId::new(id).unwrap()
}

/// Registers the import `x` as undoable, and puts records under it.
pub(crate) async fn put_undoable(world: &World, puts: impl IntoIterator<Item = PutRecord>) {
    let update = ImportUpdate { undoable: Some(true), state: Some(ImportState::Open), ..ImportUpdate::default() };
    let begun = world.operator().tell_import(&loc(), &import("x"), &update).await.unwrap();
    let undo_since = begun.undo_since;
    let puts: Vec<PutRecord> =
        puts.into_iter().map(|put| PutRecord { import: Some(import("x")), undo_since, ..put }).collect();
    world.put(&puts).await.unwrap();
}

pub(crate) async fn undo(world: &World) -> UndoReport {
    let enough = world.clock.now() + HOUR;
    world.operator().undo_import(&loc(), &import("x"), None, enough).await.unwrap()
}

/// The result of a record's undo.
pub(crate) fn undone(world: &World, key: &RecordKey) -> Undone {
    match world.record(key).undo {
        Some(Undo::Done(undone)) => undone,
        other => panic!("{key} is not undone: {other:?}"),
    }
}

pub(crate) fn left(world: &World, key: &RecordKey) -> Vec<(String, LeftReason)> {
    undone(world, key).left.into_iter().map(|LeftField { field, why }| (field, why)).collect()
}

pub(crate) async fn standing(world: &World, standing: ImportStanding) -> u64 {
    world.outbox.count_import(&loc(), &import("x"), standing, 1_000).await.unwrap().count
}

pub(crate) fn of_json(id: &str, json: &Value) -> PutRecord {
    put_of(id, Payload::from_json(Kind::Contact, &json.to_string()).unwrap())
}

pub(crate) fn remote(json: &Value) -> Contact {
    serde_json::from_value(json.clone()).unwrap()
}

fn tags(tags: &[&str]) -> BTreeSet<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

#[test]
fn what_an_import_created_is_deleted_and_nothing_of_it_is_sent_again() {
    block_on_paused(async {
        let world = exact().start();
        put_undoable(&world, contacts(3)).await;
        put_undoable(&world, [opportunity(0), nameless(7)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (4, 1));
        let report = undo(&world).await;
        assert_eq!((report.asked, report.skipped, report.not_undoable, report.next), (5, 0, 0, None));
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (0, 0));
        assert_eq!(
            (standing(&world, ImportStanding::Undone).await, standing(&world, ImportStanding::Left).await),
            (5, 0)
        );
        for key in [contact_key(0), opportunity_key(0), contact_key(7)] {
            let record = world.record(&key);
            assert!(undone(&world, &key).deleted && record.ghl_id.is_none() && record.accepted_version.is_none());
        }
        let status = world.operator().record_status(&loc(), &contact_key(1)).await.unwrap().unwrap();
        assert_eq!((status.state, status.to_undo), (RecordState::Undone, false));
        assert!(status.undone.unwrap().left.is_empty());
        let import = world.operator().import(&loc(), &import("x")).await.unwrap();
        assert_eq!((import.state, import.undo.unwrap().undone.count), (ImportState::Undone, 5));
        // A put of the same content is a new decision.
        world.put(&[contact(1)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.record(&contact_key(1)).undo), (1, None));
    });
}

#[test]
fn what_an_import_changed_goes_back_field_by_field_and_what_others_did_since_stays() {
    block_on_paused(async {
        let world = exact().start();
        let before = remote(&json!({
            "firstName": "Ann", "lastName": "Lee", "email": email(1), "city": "Ulm", "companyName": "Acme",
            "source": "Fair", "website": "https://a.example",
        }));
        let id = world.ghl.add_contact(&loc(), before, &["old", "vip"]).unwrap();
        let put = of_json(
            "1",
            &json!({
                "firstName": "Anna", "lastName": "Lee", "email": email(1), "city": "Bonn", "state": "NW", "companyName": "Bcme",
                "website": "https://b.example", "dnd": true, "tags": ["new", "VIP"], "removeTags": ["old"], "phone": "+12025550101",
            }),
        );
        put_undoable(&world, [put]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let (_, there, its_tags) = world.ghl.contact(&loc(), &email(1)).unwrap();
        // GHL was seen to keep a tag in two spellings.
        assert_eq!((there.first_name.as_deref(), its_tags), (Some("Anna"), tags(&["new", "vip", "VIP"])));
        world.run_for(MINUTE).await;
        world.ghl.edit_contact(&loc(), &id, |contact| {
            contact.website = Some("https://c.example".to_owned());
            contact.address1 = Some("1 Rd".to_owned());
            contact.tags.push("hot".to_owned());
        });
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let (_, there, its_tags) = world.ghl.contact(&loc(), &email(1)).unwrap();
        let shown = |text: &Option<String>| text.clone().unwrap_or_default();
        let fields =
            [&there.first_name, &there.last_name, &there.city, &there.state, &there.company_name, &there.phone];
        assert_eq!(fields.map(shown), ["Ann", "Lee", "Ulm", "", "Acme", ""]);
        let others = [&there.website, &there.address1, &there.source].map(shown);
        assert_eq!(others, ["https://c.example", "1 Rd", "Fair"]);
        assert_eq!((its_tags, there.dnd), (tags(&["old", "vip", "hot"]), Some(true)));
        let expected = [("dnd", LeftReason::Consent), ("website", LeftReason::Changed)];
        assert_eq!(left(&world, &contact_key(1)), expected.map(|(field, why)| (field.to_owned(), why)));
        assert_eq!(standing(&world, ImportStanding::Left).await, 1);
        let record = world.record(&contact_key(1));
        assert_eq!((record.ghl_id, record.due_at, record.accepted_version), (Some(id), None, None));
    });
}

#[test]
fn reconciling_does_not_send_the_imports_content_again() {
    block_on_paused(async {
        let world = exact().start();
        let id = world.ghl.add_contact(&loc(), remote(&json!({ "email": email(1), "city": "Ulm" })), &[]).unwrap();
        put_undoable(&world, [of_json("1", &json!({ "email": email(1), "city": "Bonn" }))]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        world.run_for(2 * MINUTE).await;
        world.ghl.edit_contact(&loc(), &id, |contact| contact.city = Some("Kiel".to_owned()));
        world.run_for(MINUTE).await;
        assert_eq!(reconcile(&world).await.resent, 0);
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.city.as_deref(), Some("Kiel"));
    });
}

#[test]
fn a_created_contact_that_somebody_changed_since_is_kept_and_told_of() {
    block_on_paused(async {
        let world = exact().start();
        put_undoable(&world, contacts(3)).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let id_of = |n: usize| world.ghl.contact(&loc(), &email(n)).unwrap().0;
        // Changed at once, so that the time does not reveal the change.
        world.ghl.edit_contact(&loc(), &id_of(0), |contact| contact.city = Some("Ulm".to_owned()));
        world.run_for(MINUTE).await;
        world.ghl.edit_contact(&loc(), &id_of(1), |_| {});
        world.ghl.delete_contact(&loc(), &id_of(2));
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let changed = |fields: &[&str]| -> Vec<_> {
            fields.iter().map(|field| ((*field).to_owned(), LeftReason::Changed)).collect()
        };
        assert_eq!(left(&world, &contact_key(0)), changed(&["city", "contact"]));
        assert_eq!(left(&world, &contact_key(1)), changed(&["contact"]));
        assert_eq!(left(&world, &contact_key(2)), []);
        assert!(undone(&world, &contact_key(2)).deleted);
        let there = world.ghl.contact(&loc(), &email(0)).unwrap().1;
        assert_eq!((there.first_name.as_deref(), there.city.as_deref()), (Some("Ada"), Some("Ulm")));
    });
}

#[test]
fn what_another_record_has_as_well_is_not_deleted() {
    block_on_paused(async {
        let world = exact().start();
        put_undoable(&world, [contact(1)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        world.put(&[of_json("other", &json!({ "email": email(1) }))]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 1);
        assert_eq!(left(&world, &contact_key(1)), [("contact".to_owned(), LeftReason::Shared)]);
    });
}

#[test]
fn an_opportunity_goes_back_as_a_contact_does() {
    block_on_paused(async {
        let world = exact().start();
        world.put(&[contact(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let of_contact = world.record(&contact_key(0)).ghl_id.unwrap();
        let Payload::Opportunity(base) = opportunity(0).payload else { panic!() };
        let with = |value: Option<u32>, status: Option<&str>| Opportunity {
            monetary_value: value.map(Into::into),
            status: status.map(|status| serde_json::from_value(json!(status)).unwrap()),
            ..base.clone()
        };
        let there =
            Opportunity { contact_record: None, contact_id: Some(of_contact.clone()), ..with(Some(10), Some("won")) };
        let id = world.ghl.add_opportunity(&loc(), &of_contact, there).unwrap();
        // GHL's search must show it.
        world.run_for(MINUTE).await;
        let new = Opportunity { name: "new one".to_owned(), ..base.clone() };
        put_undoable(
            &world,
            [put_of("0", Payload::Opportunity(with(Some(20), Some("lost")))), put_of("1", Payload::Opportunity(new))],
        )
        .await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.record(&opportunity_key(0)).ghl_id, Some(id.clone()));
        world.run_for(MINUTE).await;
        let edited = Opportunity { contact_record: None, ..with(Some(30), None) };
        world.ghl.edit_opportunity(&loc(), &id, edited);
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let there = world.ghl.opportunities(&loc(), &opportunity_name(0));
        let [(_, there)] = there.as_slice() else { panic!("{there:?}") };
        let status = there.status.map(|status| status.as_str());
        assert_eq!((there.monetary_value.as_ref().unwrap().as_f64(), status), (Some(30.0), Some("won")));
        assert_eq!(left(&world, &opportunity_key(0)), [("monetaryValue".to_owned(), LeftReason::Changed)]);
        assert_eq!(world.ghl.opportunity_count(), 1, "the new one is gone");
    });
}

#[test]
fn what_is_due_is_not_sent_any_more_once_the_undo_is_asked_for() {
    each_seed(12, async |seed| {
        let world = Setup { seed, ..Setup::default() }.start();
        put_undoable(&world, contacts(250)).await;
        world.run_for(SECOND * u32::try_from(1 + seed).unwrap()).await;
        let report = undo(&world).await;
        assert_eq!((report.not_written, report.not_undoable, report.next), (0, 0, None));
        let answered_at = world.clock.now();
        world.run_until_settled(HOUR).await.unwrap();
        let late = world.ghl.arrivals_at(Endpoint::UpsertContact).iter().filter(|it| it.sent_at > answered_at).count();
        assert_eq!((late, world.ghl.contact_count()), (0, 0));
        assert_eq!(standing(&world, ImportStanding::Undone).await, 250);
    });
}

#[test]
fn an_undo_that_is_cut_short_or_dies_anywhere_comes_to_the_same_end() {
    let awaits = each_await(async |n| {
        let world = exact().start();
        world.ghl.add_contact(&loc(), remote(&json!({ "email": email(1), "city": "Ulm" })), &["a"]).unwrap();
        let put = json!({ "email": email(1), "city": "Bonn", "tags": ["b"], "removeTags": ["a"] });
        put_undoable(&world, [contact(0), of_json("1", &put)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let next = world.invocations() + 1;
        world.crash(move |number| (number == next).then_some(Crash::AtAwait(n)));
        undo(&world).await;
        world.run_until_settled(HOUR).await.unwrap();
        let (_, there, its_tags) = world.ghl.contact(&loc(), &email(1)).unwrap();
        assert_eq!((there.city.as_deref(), its_tags), (Some("Ulm"), tags(&["a"])));
        assert_eq!((world.ghl.contact_count(), standing(&world, ImportStanding::Undone).await), (1, 2));
        world.died() > 0
    });
    assert!(awaits >= 8, "{awaits}");
}

#[test]
fn an_import_that_was_undone_takes_records_again_once_it_is_opened_and_can_be_undone_again() {
    block_on_paused(async {
        let world = exact().start();
        let id = world.ghl.add_contact(&loc(), remote(&json!({ "email": email(1), "city": "Ulm" })), &[]).unwrap();
        let put = || of_json("1", &json!({ "email": email(1), "city": "Bonn" }));
        put_undoable(&world, [put()]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let told = world.operator().tell_import(&loc(), &import("x"), &ImportUpdate::default()).await;
        assert!(matches!(told, Err(ImportError::Undone(_))));
        world.ghl.edit_contact(&loc(), &id, |contact| contact.city = Some("Kiel".to_owned()));
        put_undoable(&world, [put()]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.city.as_deref(), Some("Bonn"));
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact(&loc(), &email(1)).unwrap().1.city.as_deref(), Some("Kiel"));
    });
}

#[test]
fn a_later_put_takes_its_record_out_of_the_undo() {
    block_on_paused(async {
        let world = exact().start();
        put_undoable(&world, contacts(2)).await;
        world.run_until_settled(MINUTE).await.unwrap();
        world.put(&[of_json("1", &json!({ "email": email(1), "city": "Kiel" }))]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(undo(&world).await.asked, 1);
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.record(&contact_key(1)).undo), (1, None));
    });
}

#[test]
fn a_contact_that_may_be_somebody_elses_is_not_deleted() {
    block_on_paused(async {
        let world = exact().start();
        // Someone else creates it between the read and the write.
        let ghl = world.ghl.clone();
        world.ghl.on_call(move |seen| {
            if seen.call.endpoint() == Endpoint::UpsertContact && ghl.contact_count() == 0 {
                ghl.add_contact(&loc(), remote(&json!({ "email": email(1), "city": "Ulm" })), &[]);
            }
            None
        });
        put_undoable(&world, [contact(1)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!(left(&world, &contact_key(1)), [("contact".to_owned(), LeftReason::NotKnown)]);
        assert_eq!(world.ghl.contact_count(), 1);
    });
}

#[test]
fn custom_fields_go_back_by_id_and_those_that_were_sent_by_key_are_looked_up() {
    block_on_paused(async {
        let world = exact().start();
        let field = |name: &str| NewField {
            name: name.to_owned(),
            model: Kind::Contact,
            data_type: FieldType::Text,
            options: Vec::new(),
            placeholder: None,
            position: None,
            accepted_formats: Vec::new(),
            multiple_files: None,
            max_files: None,
        };
        let [size, budget] = ["Size", "Budget"].map(|name| world.ghl.add_custom_field(&loc(), field(name)).unwrap());
        let there = json!({ "email": email(1), "customFields": [{ "id": size.id, "value": "L" }] });
        world.ghl.add_contact(&loc(), remote(&there), &[]).unwrap();
        let sent = json!({ "email": email(1), "customFields": [
            { "id": size.id, "value": "XL" }, { "key": budget.key, "value": "7" },
        ] });
        put_undoable(&world, [of_json("1", &sent)]).await;
        world.run_until_settled(MINUTE).await.unwrap();
        undo(&world).await;
        world.run_until_settled(MINUTE).await.unwrap();
        let (_, there, _) = world.ghl.contact(&loc(), &email(1)).unwrap();
        let value = |id: &str| {
            there.custom_fields.iter().find(|field| field.id.as_deref() == Some(id)).map(|it| it.value.clone())
        };
        assert_eq!((value(size.id.as_str()), left(&world, &contact_key(1))), (Some(json!("L")), Vec::new()));
        assert!(value(budget.id.as_str()).is_none_or(|value| value == json!("")));
        assert_eq!(world.ghl.arrivals_at(Endpoint::ListCustomFields).len(), 1);
    });
}

/// A world in which the deletion by an undo has reached GHL, but is not answered yet.
async fn while_an_undo_deletes() -> Arc<World> {
    let world = exact().start();
    put_undoable(&world, [contact(0)]).await;
    world.run_until_settled(MINUTE).await.unwrap();
    undo(&world).await;
    while world.ghl.arrivals_at(Endpoint::DeleteContact).is_empty() {
        world.run_for(Duration::from_millis(1)).await;
    }
    world
}

#[test]
fn a_contact_put_again_while_its_undo_deletes_it_is_not_taken_for_one_that_is_there() {
    block_on_paused(async {
        let world = while_an_undo_deletes().await;
        let gone = world.record(&contact_key(0)).ghl_id;
        world.put_only(&[named_contact(0, "Eve")]).await.unwrap();
        while world.record(&contact_key(0)).ghl_id == gone {
            world.run_for(Duration::from_millis(1)).await;
        }
        let record = world.record(&contact_key(0));
        assert_eq!((record.ghl_id, record.due_at.is_some()), (None, true), "its opportunities wait for it");
        world.put(&[opportunity(0)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.opportunity_count()), (1, 1));
        assert!(world.record(&contact_key(0)).undo.is_none(), "it is of no import any more");
    });
}

#[test]
fn a_record_that_shall_be_deleted_and_that_an_undo_deletes_meanwhile_is_not_created_anew() {
    block_on_paused(async {
        let world = while_an_undo_deletes().await;
        let calls = world.ghl.calls();
        world.operator().delete_in_ghl(&loc(), &contact_key(0)).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        assert_eq!((world.ghl.contact_count(), world.ghl.calls()), (0, calls), "there is nothing left to ask for");
        assert!(world.outbox.record(&loc(), &contact_key(0)).is_none());
    });
}

//! Facts about locations, read from GHL once a day, and on demand by lists that need them.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_inbound::FactsReader;
use ghl_sync_model::{
    Ask, Call, Cause, FieldType, Holder, Kind, LocationFacts, LocationProfile, NewField, NewPipeline, SettingsOverlay,
};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused};

use crate::drop::{Drops, LIST};
use crate::fixtures::{HOUR, MINUTE, SECOND, each_await, exact, loc};

/// National phone numbers, and columns of custom fields by name.
const MEMBERS: &str = "Name,Email,Phone,Shoe size,Diet\n\
                       Ada,ada@example.com,030 901820,41,Vegan\n\
                       Eve,eve@example.com,030 901821,38,Fish\n";

fn invocation(world: &World) -> Invocation {
    Invocation { holder: Holder::new("facts/1").unwrap(), deadline: world.clock.now() + MINUTE }
}

async fn read(world: &World) {
    FactsReader::new(world.engine.clone()).read(&loc(), &invocation(world)).await;
}

fn known(world: &World) -> LocationFacts {
    world.items.entries::<LocationFacts>().pop().expect("facts").value
}

fn field(name: &str, model: Kind, data_type: FieldType, options: &[&str]) -> NewField {
    NewField {
        name: name.to_owned(),
        model,
        data_type,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        placeholder: None,
        position: None,
        accepted_formats: Vec::new(),
        multiple_files: None,
        max_files: None,
    }
}

/// A location in Germany, with custom fields.
fn in_germany(setup: Setup) -> Arc<World> {
    let world = setup.start();
    world.ghl.set_profile(&loc(), "Praxis", "DE");
    world.ghl.add_custom_field(&loc(), field("Shoe size", Kind::Contact, FieldType::Numerical, &[])).unwrap();
    let diets = ["Vegan", "Fish"];
    world.ghl.add_custom_field(&loc(), field("Diet", Kind::Contact, FieldType::SingleOptions, &diets)).unwrap();
    world.ghl.add_custom_field(&loc(), field("Deal", Kind::Opportunity, FieldType::Text, &[])).unwrap();
    world
        .ghl
        .add_pipeline(
            &loc(),
            &NewPipeline { name: "Our sales".to_owned(), stages: vec!["New".to_owned(), "Won".to_owned()] },
        )
        .unwrap();
    world
}

/// From now on, requests for the location's facts are fulfilled.
fn consumer(world: &Arc<World>) -> tokio::task::JoinHandle<()> {
    let world = world.clone();
    tokio::spawn(async move {
        let mut answered = 0;
        loop {
            let asked = world.queue.asked(Ask::Facts).len();
            for _ in answered..asked {
                read(&world).await;
            }
            answered = asked;
            tokio::time::sleep(SECOND).await;
        }
    })
}

#[test]
fn the_facts_of_a_location_are_three_calls_of_which_lists_get_what_they_need() {
    block_on_paused(async {
        let world = in_germany(exact());
        read(&world).await;
        let facts = known(&world);
        let account = facts.account.as_ref().unwrap();
        let (name, timezone) = (account.value.name.as_str(), account.value.timezone.as_deref());
        assert_eq!((name, timezone, facts.country()), ("Praxis", Some("Europe/Berlin"), Some("DE")));
        let fields = &facts.fields.as_ref().unwrap().value;
        let names: Vec<&str> = fields.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!((names, fields.left_out), (vec!["Shoe size", "Diet"], 0));
        let pipelines = &facts.pipelines.as_ref().unwrap().value.pipelines;
        let sales = pipelines.last().unwrap();
        let stages: Vec<&str> = sales.stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(
            (pipelines, sales.name.as_str(), stages),
            (&world.ghl.pipelines(&loc()), "Our sales", vec!["New", "Won"])
        );
        assert!(facts.untold.is_empty() && facts.is_fresh(facts.asked_at + 23 * HOUR));
        assert_eq!(world.ghl.calls(), 3);
    });
}

#[test]
fn what_a_token_may_not_read_is_told_and_neither_stops_the_location_nor_takes_away_what_was_known() {
    block_on_paused(async {
        let world = in_germany(exact());
        read(&world).await;
        let before = known(&world);
        world.ghl.on_call(|seen| {
            matches!(seen.call, Call::ListCustomFields).then(|| CallFault::cause(401, Cause::Forbidden))
        });
        world.run_for(HOUR).await;
        read(&world).await;
        let facts = known(&world);
        assert_eq!(facts.fields, before.fields);
        assert_eq!((facts.as_of(), facts.untold.len()), (before.as_of(), 1));
        assert_eq!(
            (facts.untold[0].what.as_str(), facts.untold[0].scope.as_str()),
            ("custom fields", "locations/customFields.readonly")
        );
        assert!(facts.is_fresh(facts.asked_at + 23 * HOUR), "asking again is of no use");
        // The location continues.
        read(&world).await;
        assert!(known(&world).asked_at > facts.asked_at);
        // GHL itself fails: another request is possible after some minutes.
        world.ghl.on_call(|_| Some(CallFault::status(503)));
        read(&world).await;
        let facts = known(&world);
        assert_eq!((facts.untold.len(), facts.country()), (3, Some("DE")));
        assert!(!facts.is_fresh(facts.asked_at + 11 * MINUTE));
    });
}

#[test]
fn nothing_is_asked_of_a_location_that_is_disabled_or_in_dry_run() {
    for change in [
        |overlay: &mut SettingsOverlay| overlay.enabled = Some(false),
        |overlay: &mut SettingsOverlay| {
            overlay.dry_run = Some(true);
        },
    ] {
        block_on_paused(async move {
            let world = in_germany(exact());
            let mut overlay = SettingsOverlay::default();
            change(&mut overlay);
            world.operator().put_settings(&loc(), None, &overlay).await.unwrap();
            read(&world).await;
            assert_eq!((world.ghl.calls(), world.queue.asked(Ask::Facts).len()), (0, 0));
            assert!(world.items.entries::<LocationFacts>().is_empty());
            assert_eq!(FactsReader::new(world.engine.clone()).ask_all().await.unwrap(), 0);
        });
    }
}

#[test]
fn a_location_that_is_new_or_reached_in_another_way_is_asked_for_and_no_other_change_asks() {
    block_on_paused(async {
        let world = in_germany(exact());
        let operator = world.operator();
        let asked = || world.queue.asked(Ask::Facts).len();
        let mut overlay = SettingsOverlay::default();
        operator.put_settings(&loc(), None, &overlay).await.unwrap();
        assert_eq!(asked(), 1, "it is new");
        overlay.daily_limit = Some(1_000);
        operator.put_settings(&loc(), None, &overlay).await.unwrap();
        assert_eq!(asked(), 1);
        overlay.credentials = Some("ssm:/ghl-sync/other".parse().unwrap());
        operator.put_settings(&loc(), None, &overlay).await.unwrap();
        assert_eq!(asked(), 2, "another token");
        overlay.enabled = Some(false);
        operator.put_settings(&loc(), None, &overlay).await.unwrap();
        assert_eq!(asked(), 2);
        overlay.enabled = None;
        operator.put_settings(&loc(), None, &overlay).await.unwrap();
        assert_eq!(asked(), 3, "it is enabled again");
    });
}

#[test]
fn all_enabled_locations_are_asked_for_each_once() {
    block_on_paused(async {
        let mut setup = Setup { triggers: false, ..exact() };
        setup.locations = (0..900).filter_map(|n| Setup::settings(&format!("l{n:03}"))).collect();
        let world = setup.start();
        assert_eq!(FactsReader::new(world.engine.clone()).ask_all().await.unwrap(), 900);
        let asked = world.queue.asked(Ask::Facts);
        let names: std::collections::BTreeSet<&str> = asked.iter().map(|(location, _)| location.as_str()).collect();
        assert_eq!((asked.len(), names.len()), (900, 900));
        assert!(asked.iter().all(|(_, delay)| *delay <= 10 * MINUTE));
        assert!(world.queue.asked(Ask::Reconcile).is_empty());
    });
}

fn assert_members_arrived(drops: &Drops) {
    let ghl = &drops.world.ghl;
    for (email, phone, size, diet) in
        [("ada@example.com", "+4930901820", 41, "Vegan"), ("eve@example.com", "+4930901821", 38, "Fish")]
    {
        let (_, contact, _) = ghl.contact(&loc(), email).expect(email);
        assert_eq!(contact.phone.as_deref(), Some(phone));
        let values: Vec<String> = contact.custom_fields.iter().map(|field| field.value.to_string()).collect();
        assert_eq!(values, [size.to_string(), format!("\"{diet}\"")], "{contact:?}");
    }
    let report = drops.report();
    assert_eq!((&report["state"], &report["import"]["left_out"]), (&"done".into(), &0.into()), "{report}");
    assert!(drops.lines("rejects.csv").is_empty(), "{report}");
}

#[test]
fn a_list_with_national_numbers_and_custom_fields_waits_for_the_facts_and_arrives_whole() {
    block_on_paused(async {
        let drops = Drops::knowing_nothing(in_germany(exact()));
        let consumer = consumer(&drops.world);
        drops.drop(LIST, MEMBERS);
        drops.run().await;
        assert_members_arrived(&drops);
        let known = &drops.report()["known"];
        assert_eq!((&known["country"], &known["custom_fields"]), (&"DE".into(), &2.into()), "{known}");
        assert_eq!(drops.world.queue.asked(Ask::Facts).len(), 1);
        // A second list within the day makes no new request.
        drops.drop("in/loc/contacts/more.csv", MEMBERS);
        drops.run().await;
        assert_eq!(drops.world.queue.asked(Ask::Facts).len(), 1);
        consumer.abort();
    });
}

#[test]
fn a_list_that_dies_at_any_of_its_awaits_while_it_waits_for_the_facts_arrives_whole() {
    let awaits = each_await(|awaits| async move {
        let drops = Drops::knowing_nothing(in_germany(Setup::default()));
        let consumer = consumer(&drops.world);
        drops.drop(LIST, MEMBERS);
        let died = drops.run_dying(|number| (number <= 5).then_some(awaits)).await;
        consumer.abort();
        assert_members_arrived(&drops);
        assert_eq!(drops.world.ghl.contact_count(), 2);
        died > 0
    });
    assert!(awaits >= 10, "{awaits}");
}

#[test]
fn without_facts_a_list_goes_on_after_two_minutes_says_so_and_is_read_again_once_they_are_told() {
    block_on_paused(async {
        let drops = Drops::knowing_nothing(in_germany(exact()));
        let began = drops.world.clock.now();
        drops.drop(LIST, "Name,Email,Phone\nAda,ada@example.com,030 901820\n");
        drops.run().await;
        let waited: Duration = drops.world.clock.now().since(began);
        assert!(waited >= 2 * MINUTE && waited < 5 * MINUTE, "{waited:?}");
        let report = drops.report();
        assert_eq!(report["state"], "done");
        assert!(report["known"]["unknown"][0].as_str().unwrap().contains("GHL has not told them yet"), "{report}");
        assert_eq!(drops.lines("rejects.csv").len(), 1, "the number is of no country");
        // The same file gives another result once the country is known.
        read(&drops.world).await;
        drops.drop(LIST, "Name,Email,Phone\nAda,ada@example.com,030 901820\n");
        drops.run().await;
        let (_, ada, _) = drops.world.ghl.contact(&loc(), "ada@example.com").unwrap();
        assert_eq!((ada.phone.as_deref(), drops.world.ghl.contact_count()), (Some("+4930901820"), 1));
        assert!(drops.lines("rejects.csv").is_empty());
    });
}

#[test]
fn a_list_says_which_scope_the_token_lacks() {
    block_on_paused(async {
        let drops = Drops::knowing_nothing(in_germany(exact()));
        drops.world.ghl.on_call(|seen| {
            matches!(seen.call, Call::ListCustomFields).then(|| CallFault::cause(401, Cause::Forbidden))
        });
        let consumer = consumer(&drops.world);
        drops.drop(LIST, MEMBERS);
        drops.run().await;
        consumer.abort();
        let report = drops.report();
        let unknown = report["known"]["unknown"][0].as_str().unwrap();
        assert!(unknown.contains("needs the scope locations/customFields.readonly"), "{report}");
        assert_eq!(report["known"]["country"], "DE");
    });
}

#[test]
fn a_list_whose_location_changes_while_it_is_put_begins_anew_and_nobody_is_doubled() {
    block_on_paused(async {
        let drops = Drops::knowing_nothing(in_germany(exact()));
        let consumer = consumer(&drops.world);
        let mut list = "Name,Email,Phone,Nickname\n".to_owned();
        (0..6_000).for_each(|n| list += &format!("Ada {n},c{n}@example.com,030 9{n:05},Nick {n}\n"));
        drops.drop(LIST, list);
        let world = drops.world.clone();
        let changes = tokio::spawn(async move {
            world.run_for(3 * MINUTE).await;
            world.ghl.add_custom_field(&loc(), field("Nickname", Kind::Contact, FieldType::Text, &[])).unwrap();
            read(&world).await;
        });
        drops.run().await;
        changes.await.unwrap();
        consumer.abort();
        assert_eq!(drops.world.ghl.contact_count(), 6_000);
        for n in [0, 5_999] {
            let (_, ada, _) = drops.world.ghl.contact(&loc(), &format!("c{n}@example.com")).unwrap();
            assert_eq!(ada.custom_fields.len(), 1, "{ada:?}");
        }
    });
}

#[test]
fn a_list_without_a_mapping_is_read_by_that_of_the_settings_and_anew_where_it_changes() {
    block_on_paused(async {
        let world = in_germany(exact());
        read(&world).await;
        let set = async |columns: serde_json::Value| {
            let mapping = serde_json::json!({ "columns": columns, "tags": ["member"] });
            let mapping = mapping.as_object().cloned();
            let overlay = SettingsOverlay { mapping, ..SettingsOverlay::default() };
            world.operator().put_settings(&loc(), None, &overlay).await.unwrap();
        };
        set(serde_json::json!({ "Diet": "ignore" })).await;
        let drops = Drops::knowing_nothing(world.clone());
        drops.drop(LIST, MEMBERS);
        drops.run().await;
        let report = drops.report();
        assert_eq!(
            (&report["state"], &report["mapping_file"]),
            (&"done".into(), &"the settings of the location".into())
        );
        assert_eq!(report["records"]["synced"], 2, "{report}");
        let calls = world.ghl.calls();
        // The same file does nothing, another mapping starts over, and a mapping in the bucket takes precedence.
        drops.drop(LIST, MEMBERS);
        drops.run().await;
        assert_eq!(world.ghl.calls(), calls);
        set(serde_json::json!({ "Diet": "nowhere-to-be-found" })).await;
        drops.drop(LIST, MEMBERS);
        drops.run().await;
        let report = drops.report();
        assert_eq!(report["state"], "needs_mapping", "{report}");
        drops.drop("in/loc/contacts/mapping.json", r#"{"version":1,"columns":{"Diet":"ignore"}}"#);
        drops.drop(LIST, MEMBERS);
        drops.run().await;
        assert_eq!(drops.report()["state"], "done");
        assert_eq!(drops.report()["mapping_file"], "in/loc/contacts/mapping.json");
    });
}

#[test]
fn what_lists_of_locations_show_is_written_with_the_facts_and_only_where_it_changes() {
    block_on_paused(async {
        let world = in_germany(exact());
        read(&world).await;
        let profile = || world.items.entries::<LocationProfile>().pop().expect("a profile");
        let first = profile();
        assert_eq!((first.value.name.as_deref(), first.value.country.as_deref()), (Some("Praxis"), Some("DE")));
        world.run_for(25 * HOUR).await;
        read(&world).await;
        assert_eq!(profile().rev, first.rev, "nothing has changed");
        world.ghl.set_profile(&loc(), "Praxis Nord", "DE");
        read(&world).await;
        assert_eq!(profile().value.name.as_deref(), Some("Praxis Nord"));
    });
}

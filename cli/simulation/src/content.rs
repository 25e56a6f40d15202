//! Checks GHL's content against the records it accepted, field by field, also where several records are one contact.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ghl_sync_model::{Contact, GhlId, Kind, LocationId, Payload, Record, RecordKey};
use ghl_sync_testkit::World;
use serde_json::{Map, Value};

use crate::names::{email, ms, twin_name};
use crate::scenario::Scenario;

/// If two records of one contact were accepted within this time, either may have been written last.
const NEAR: Duration = Duration::from_secs(90);
/// Fields that GHL was seen to drop silently.
const DROPPED: [&str; 2] = ["gender", "phone"];

/// Duplicates in GHL. Each pair of twins that was put (two opportunities of one contact, in its location) is allowed.
pub(crate) fn doubled(scenario: &Scenario, world: &World) -> Vec<String> {
    let mut pairs = BTreeSet::new();
    // If a contact is gone or was created again, its earlier id is not known here.
    let mut of_gone = BTreeSet::new();
    for puts in &scenario.puts {
        let Some(place) = scenario.locations.get(puts.location) else { continue };
        for n in puts.twins.0..puts.twins.1 {
            if let Some((contact, ..)) = world.ghl.contact(&place.name, &email(n)) {
                pairs.insert(format!("{} {contact} pipeline {}", place.name, twin_name(n)));
            }
            if puts.undoable || world.ghl.contact(&place.name, &email(n)).is_none() {
                of_gone.insert(twin_name(n));
            }
        }
    }
    let is_pair_of_gone =
        |double: &String| double.split_once(" pipeline ").is_some_and(|(_, name)| of_gone.contains(name));
    world.ghl.doubles().into_iter().filter(|double| !pairs.remove(double) && !is_pair_of_gone(double)).collect()
}

/// Contact records whose status does not list exactly the other records with the same GHL contact.
pub(crate) async fn silent_about_sharing(scenario: &Scenario, world: &World) -> Vec<String> {
    let mut silent = Vec::new();
    if scenario.puts.iter().all(|puts| puts.shared.0 >= puts.shared.1) {
        return silent;
    }
    let records = world.outbox.records();
    for record in records.iter().filter(|record| record.key.kind == Kind::Contact && record.ghl_id.is_some()) {
        let is_other = |other: &&Record| {
            (&other.location_id, &other.ghl_id) == (&record.location_id, &record.ghl_id)
                && other.key.kind == record.key.kind
                && other.key != record.key
        };
        let others: BTreeSet<&RecordKey> = records.iter().filter(is_other).map(|other| &other.key).collect();
        let status = world.operator().record_status(&record.location_id, &record.key).await;
        let told = status.map(|status| status.map(|status| status.shares_ghl_id_with));
        let is_so = matches!(&told, Ok(Some(told)) if told.iter().collect::<BTreeSet<_>>() == others);
        if !is_so {
            silent.push(format!("{} {}: {told:?}, and it shares with {others:?}", record.location_id, record.key));
        }
    }
    silent
}

/// GHL ids shared by several accepted opportunity records.
pub(crate) fn overwritten(records: &[Record]) -> Vec<String> {
    let mut holders: BTreeMap<(LocationId, GhlId), Vec<String>> = BTreeMap::new();
    for record in records {
        if record.key.kind == Kind::Opportunity
            && record.accepted_version == Some(record.version)
            && let Some(id) = record.ghl_id.clone()
        {
            holders.entry((record.location_id.clone(), id)).or_default().push(record.key.to_string());
        }
    }
    holders.into_iter().filter(|(_, keys)| keys.len() > 1).map(|(id, keys)| format!("{id:?}: {keys:?}")).collect()
}

/// Fields of an accepted contact record that differ in GHL, except those that another record of the contact explains.
/// First the fields that GHL is known to drop and the record does not list as not stored, then all others.
pub(crate) fn differing(scenario: &Scenario, world: &World, record: &Record) -> (Vec<String>, Vec<String>) {
    let (mut dropped, mut others) = (Vec::new(), Vec::new());
    let Payload::Contact(contact) = &record.payload else { return (dropped, others) };
    let Some(email) = contact.email.as_deref() else { return (dropped, others) };
    let Some((_, shown, _)) = world.ghl.contact(&record.location_id, email) else {
        return (dropped, vec!["email".to_owned()]);
    };
    let shown = fields(&shown);
    let differs = |(field, ours): &(String, Value)| shown.get(field) != Some(ours);
    let differing: Vec<(String, Value)> = fields(contact).into_iter().filter(differs).collect();
    if differing.is_empty() {
        return (dropped, others);
    }
    let written_later = written_later(scenario, world, record);
    for (field, _) in differing {
        let theirs = shown.get(&field);
        let is_others = written_later.iter().any(|other| other.contains_key(&field) && other.get(&field) == theirs);
        if is_others {
            continue;
        }
        if !DROPPED.contains(&field.as_str()) {
            others.push(field);
        } else if !record.not_stored.contains(&field) {
            dropped.push(field);
        }
    }
    (dropped, others)
}

/// Content of the contact's other records, current or earlier, that may have been written after `record`.
fn written_later(scenario: &Scenario, world: &World, record: &Record) -> Vec<Map<String, Value>> {
    let near = NEAR + ms(scenario.hosts.clock_skew_ms);
    let is_later = |other: &Record| match (other.accepted_at, record.accepted_at) {
        // A record withdrawn during its call may have been written all the same.
        _ if other.accepted_version != Some(other.version) => true,
        (Some(theirs), Some(ours)) => theirs + near >= ours,
        _ => true,
    };
    let mut written = Vec::new();
    for other in world.outbox.records() {
        if other.location_id != record.location_id || other.key == record.key || !is_later(&other) {
            continue;
        }
        let is_one_contact = match &other.ghl_id {
            Some(id) => record.ghl_id.as_ref() == Some(id),
            None => email_of(&other.payload) == email_of(&record.payload),
        };
        if is_one_contact && other.accepted_version == Some(other.version) {
            written.extend(contact_of(&other.payload).map(fields));
        } else if is_one_contact {
            // Its last content failed, so GHL may hold any earlier content.
            let puts = scenario.puts.iter().flat_map(|puts| scenario.records(puts));
            let of_other = puts.filter(|put| put.location_id == other.location_id && put.key() == other.key);
            written.extend(of_other.filter_map(|put| contact_of(&put.payload).map(fields)));
        }
    }
    written
}

fn contact_of(payload: &Payload) -> Option<&Contact> {
    match payload {
        Payload::Contact(contact) => Some(contact),
        Payload::Opportunity(_) => None,
    }
}

fn email_of(payload: &Payload) -> Option<&str> {
    contact_of(payload)?.email.as_deref()
}

/// Fields of `contact` without consent, because we never send permission to contact.
fn fields(contact: &Contact) -> Map<String, Value> {
    let without_consent = Contact { dnd: None, dnd_settings: None, ..contact.clone() };
    match serde_json::to_value(without_consent) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use ghl_sync_testkit::block_on_paused;

    use super::*;
    use crate::people::OptOutWatch;

    fn scenario(name: &str) -> Scenario {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_dropped_field_that_is_called_stored_and_content_that_ghl_does_not_have_break_the_rules() {
        block_on_paused(async {
            let scenario = scenario("silent_drops.json");
            let world = scenario.start();
            scenario.produce(&world).await;
            world.run_for(Duration::from_secs(3600)).await;
            let record = world.outbox.records().into_iter().find(|record| record.key.id.as_str() == "c7").unwrap();
            let none = || (Vec::new(), Vec::new());
            assert_eq!(differing(&scenario, &world, &record), none());
            let silent = Record { not_stored: Vec::new(), ..record.clone() };
            assert_eq!(differing(&scenario, &world, &silent).0, ["gender", "phone"]);
            let id = record.ghl_id.clone().unwrap();
            world.ghl.edit_contact(&record.location_id, &id, |contact| contact.first_name = None);
            assert_eq!(differing(&scenario, &world, &record).1, ["firstName"]);
        });
    }

    #[test]
    fn two_records_with_one_opportunity_break_the_rule() {
        block_on_paused(async {
            let scenario = scenario("shared_identities.json");
            let world = scenario.start();
            scenario.produce(&world).await;
            world.run_for(Duration::from_secs(3600)).await;
            let mut opportunities = world.outbox.records();
            opportunities.retain(|record| record.key.kind == Kind::Opportunity);
            assert_eq!((opportunities.len(), overwritten(&opportunities).len()), (30, 0));
            opportunities[1].ghl_id = opportunities[0].ghl_id.clone();
            assert_eq!(overwritten(&opportunities).len(), 1);
        });
    }

    #[test]
    fn a_third_twin_a_twin_elsewhere_and_a_double_that_is_no_twin_break_the_rule() {
        block_on_paused(async {
            let scenario = scenario("shared_identities.json");
            let world = scenario.start();
            scenario.produce(&world).await;
            world.run_for(Duration::from_secs(3600)).await;
            assert_eq!(doubled(&scenario, &world), [""; 0], "twins are two of one name");
            let location = &scenario.locations[0].name;
            let twin = world.ghl.opportunities(location, &twin_name(3))[0].1.clone();
            let of = |n| world.ghl.contact(location, &email(n)).unwrap().0;
            world.ghl.add_opportunity(location, &of(3), twin.clone()).unwrap();
            assert_eq!(doubled(&scenario, &world).len(), 1, "a third of one name");
            for _ in 0..2 {
                world.ghl.add_opportunity(location, &of(4), twin.clone()).unwrap();
            }
            assert_eq!(doubled(&scenario, &world).len(), 2, "two of another contact's twins");
            let single = world.ghl.opportunities(location, "single 5")[0].1.clone();
            world.ghl.add_opportunity(location, &of(5), single).unwrap();
            assert_eq!(doubled(&scenario, &world).len(), 3, "one that has no twin");
            let without_twins = Scenario { puts: Vec::new(), ..scenario.clone() };
            assert_eq!(doubled(&without_twins, &world).len(), 3 + 10, "nobody put twins");
        });
    }

    #[test]
    fn a_status_that_does_not_name_who_shares_the_contact_breaks_the_rule() {
        block_on_paused(async {
            let scenario = scenario("shared_identities.json");
            let world = scenario.start();
            scenario.produce(&world).await;
            world.run_for(Duration::from_secs(3600)).await;
            assert_eq!(silent_about_sharing(&scenario, &world).await, [""; 0]);
            world.outbox.confuse();
            // One record of each pair is hidden, so the other one does not list it.
            assert_eq!(silent_about_sharing(&scenario, &world).await.len(), 10);
        });
    }

    #[test]
    fn an_opt_out_that_is_gone_breaks_the_rule() {
        block_on_paused(async {
            let scenario = scenario("opt_outs_and_large_pages.json");
            let watch = OptOutWatch::default();
            let world = scenario.start_watched(&watch);
            scenario.produce(&world).await;
            world.run_for(Duration::from_secs(3600)).await;
            assert_eq!(watch.turned_back(&world), [""; 0]);
            for record in world.outbox.records() {
                let id = record.ghl_id.clone().unwrap();
                world.ghl.edit_contact(&record.location_id, &id, |contact| contact.dnd = Some(false));
            }
            assert!(!watch.turned_back(&world).is_empty());
        });
    }
}

//! Locations with a shared quota, and locations with separate ones.

use std::collections::BTreeMap;
use std::time::Duration;

use ghl_sync_model::{LocationId, PutRecord, ScopeId};
use ghl_sync_testkit::{CallFault, Setup, block_on_paused};

use crate::fixtures::{MINUTE, SECOND, contact, each_seed};

const WINDOW: Duration = Duration::from_secs(10);

fn location(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

fn with_locations(names: &[&str], shared: bool) -> Setup {
    let settings = names.iter().map(|name| {
        let (location, mut settings) = Setup::settings(name).unwrap();
        if shared {
            settings.scope = ScopeId::new("shared").unwrap();
        }
        (location, settings)
    });
    let mut setup = Setup { locations: settings.collect(), ..Setup::default() };
    setup.ghl.shared_quota = shared;
    setup
}

fn contacts_of(name: &str, count: usize) -> Vec<PutRecord> {
    (0..count).map(|n| PutRecord { location_id: location(name), ..contact(n) }).collect()
}

#[test]
fn locations_of_one_scope_share_one_limit() {
    each_seed(4, |seed| async move {
        let world = Setup { seed, clock_skew: SECOND / 20, ..with_locations(&["a", "b", "c"], true) }.start();
        let all: Vec<PutRecord> = ["a", "b", "c"].iter().flat_map(|name| contacts_of(name, 120)).collect();
        world.put(&all).await.unwrap();
        world.run_until_settled(5 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 360);
        assert_eq!(world.ghl.over_quota(), 0);
        assert!(world.ghl.fullest_window(WINDOW) <= 100);
    });
}

#[test]
fn locations_of_one_scope_take_turns() {
    for names in [&["a", "b"][..], &["a", "b", "c"], &["a", "b", "c", "d"]] {
        block_on_paused(async move {
            let world = with_locations(names, true).start();
            let all: Vec<PutRecord> = names.iter().flat_map(|name| contacts_of(name, 200)).collect();
            world.put(&all).await.unwrap();
            world.run_until_settled(10 * MINUTE).await.unwrap();
            let mut first: BTreeMap<LocationId, usize> = BTreeMap::new();
            for (index, arrival) in world.ghl.arrivals().into_iter().enumerate() {
                first.entry(arrival.location).or_insert(index);
            }
            let latest = first.values().max().unwrap();
            assert!(*latest <= 50 * names.len(), "{first:?}");
        });
    }
}

#[test]
fn an_outage_or_a_pause_of_one_location_does_not_touch_another() {
    block_on_paused(async {
        let world = with_locations(&["a", "b"], false).start();
        world.ghl.on_call(|seen| {
            (seen.location.as_str() == "a" && seen.elapsed < 3 * MINUTE).then(|| CallFault::status(503))
        });
        let mut all = contacts_of("a", 50);
        all.extend(contacts_of("b", 100));
        world.put(&all).await.unwrap();
        world.run_for(20 * SECOND).await;
        assert_eq!(world.ghl.contact_count(), 100);
        world.run_until_settled(10 * MINUTE).await.unwrap();
        assert_eq!(world.ghl.contact_count(), 150);
    });
}

#[test]
fn hundreds_of_locations_are_served_side_by_side() {
    block_on_paused(async {
        let names: Vec<String> = (0..200).map(|n| format!("loc{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let world = with_locations(&names, false).start();
        let all: Vec<PutRecord> = names.iter().flat_map(|name| contacts_of(name, 5)).collect();
        world.put_only(&all).await.unwrap();
        let took = world.run_until_settled(5 * MINUTE).await.unwrap();
        assert!(took < 65 * SECOND, "a tick starts them all: {took:?}");
        assert_eq!(world.ghl.contact_count(), 1000);
    });
}

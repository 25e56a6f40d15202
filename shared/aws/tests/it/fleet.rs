//! What the locations of an API host know together.

use std::time::Duration;

use ghl_sync_engine::ports::{FleetEntry, FleetReplaced, FleetStore};
use ghl_sync_limiter::{BreakerRules, Fleet, HostAdmission};
use ghl_sync_model::{Api, EpochMs};

use crate::fixtures::Tables;

const RULES: BreakerRules = BreakerRules { threshold: 5, reset: Duration::from_secs(60) };

fn fleet_in_trouble(scopes: u32) -> Fleet {
    let mut fleet = Fleet::default();
    (0..scopes).for_each(|scope| fleet.host.in_trouble(scope, EpochMs(1000), RULES));
    fleet
}

#[tokio::test]
async fn what_nobody_wrote_is_that_all_is_well() {
    let tables = Tables::new().await;
    assert_eq!(tables.fleet.load(Api::V2).await.unwrap(), FleetEntry::default());
}

#[tokio::test]
async fn what_is_written_is_read_back_for_its_own_host_only() {
    let tables = Tables::new().await;
    for (rev, scopes) in [(0, 1), (1, 2), (2, 3)] {
        let fleet = fleet_in_trouble(scopes);
        let replaced = tables.fleet.replace(Api::V2, rev, &fleet).await.unwrap();
        assert_eq!(replaced, FleetReplaced::Written { rev: rev + 1 });
        assert_eq!(tables.fleet.load(Api::V2).await.unwrap(), FleetEntry { rev: rev + 1, fleet });
    }
    let down = tables.fleet.load(Api::V2).await.unwrap().fleet.host;
    assert_eq!(down.admit(0, EpochMs(1000)), HostAdmission::WaitUntil(EpochMs(61_000)));
    assert_eq!(tables.fleet.load(Api::V1).await.unwrap(), FleetEntry::default());
}

#[tokio::test]
async fn whoever_writes_second_gets_what_the_first_wrote() {
    let tables = Tables::new().await;
    for rev in [0, 1] {
        tables.fleet.replace(Api::V1, rev, &fleet_in_trouble(1)).await.unwrap();
        let conflict = tables.fleet.replace(Api::V1, rev, &fleet_in_trouble(2)).await.unwrap();
        let standing = FleetEntry { rev: rev + 1, fleet: fleet_in_trouble(1) };
        assert_eq!(conflict, FleetReplaced::Conflict(Box::new(standing)));
    }
}

//! What the locations of an API host know together.

use std::time::Duration;

use ghl_sync_engine::ports::{HostHealthEntry, HostHealthReplaced, HostHealthStore};
use ghl_sync_limiter::{BreakerRules, HostAdmission, HostHealth};
use ghl_sync_model::{Api, EpochMs};

use crate::fixtures::Tables;

const RULES: BreakerRules = BreakerRules { threshold: 5, reset: Duration::from_secs(60) };

fn host_in_trouble(scopes: u32) -> HostHealth {
    let mut host_health = HostHealth::default();
    (0..scopes).for_each(|scope| host_health.host.in_trouble(scope, EpochMs(1000), RULES));
    host_health
}

#[tokio::test]
async fn what_nobody_wrote_is_that_all_is_well() {
    let tables = Tables::new().await;
    assert_eq!(tables.host_health.load(Api::V2).await.unwrap(), HostHealthEntry::default());
}

#[tokio::test]
async fn what_is_written_is_read_back_for_its_own_host_only() {
    let tables = Tables::new().await;
    for (rev, scopes) in [(0, 1), (1, 2), (2, 3)] {
        let host_health = host_in_trouble(scopes);
        let replaced = tables.host_health.replace(Api::V2, rev, &host_health).await.unwrap();
        assert_eq!(replaced, HostHealthReplaced::Written { rev: rev + 1 });
        assert_eq!(tables.host_health.load(Api::V2).await.unwrap(), HostHealthEntry { rev: rev + 1, host_health });
    }
    let down = tables.host_health.load(Api::V2).await.unwrap().host_health.host;
    assert_eq!(down.admit(0, EpochMs(1000)), HostAdmission::WaitUntil(EpochMs(61_000)));
    assert_eq!(tables.host_health.load(Api::V1).await.unwrap(), HostHealthEntry::default());
}

#[tokio::test]
async fn whoever_writes_second_gets_what_the_first_wrote() {
    let tables = Tables::new().await;
    for rev in [0, 1] {
        tables.host_health.replace(Api::V1, rev, &host_in_trouble(1)).await.unwrap();
        let conflict = tables.host_health.replace(Api::V1, rev, &host_in_trouble(2)).await.unwrap();
        let standing = HostHealthEntry { rev: rev + 1, host_health: host_in_trouble(1) };
        assert_eq!(conflict, HostHealthReplaced::Conflict(Box::new(standing)));
    }
}

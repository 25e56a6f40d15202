//! Items with revisions, of any kind.

use std::time::Duration;

use futures::future::join_all;
use ghl_sync_engine::ports::{Entry, Replaced};
use ghl_sync_limiter::{BreakerRules, HostAdmission, HostHealth};
use ghl_sync_model::{Api, EpochMs};

use crate::fixtures::{Tables, behind_proxy};

const RULES: BreakerRules = BreakerRules { threshold: 5, reset: Duration::from_secs(60) };

fn host_in_trouble(scopes: u32) -> HostHealth {
    let mut host_health = HostHealth::default();
    (0..scopes).for_each(|scope| host_health.host.in_trouble(scope, EpochMs(1000), RULES));
    host_health
}

#[tokio::test]
async fn what_is_written_is_read_back_for_its_own_key_only() {
    let hosts = Tables::new().await.versioned::<HostHealth>();
    for (rev, scopes) in [(0, 1), (1, 2), (2, 3)] {
        let value = host_in_trouble(scopes);
        let replaced = hosts.replace(Api::V2.as_str(), rev, &value).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
        assert_eq!(hosts.load(Api::V2.as_str()).await.unwrap(), Some(Entry { rev: rev + 1, value }));
    }
    let down = hosts.load(Api::V2.as_str()).await.unwrap().unwrap().value.host;
    assert_eq!(down.admit(0, EpochMs(1000)), HostAdmission::WaitUntil(EpochMs(61_000)));
    assert_eq!(hosts.load(Api::V1.as_str()).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_writes_second_gets_what_the_first_wrote() {
    let hosts = Tables::new().await.versioned::<HostHealth>();
    for rev in [0, 1] {
        hosts.replace(Api::V1.as_str(), rev, &host_in_trouble(1)).await.unwrap();
        let conflict = hosts.replace(Api::V1.as_str(), rev, &host_in_trouble(2)).await.unwrap();
        assert_eq!(conflict, Replaced::Conflict(Some(Entry { rev: rev + 1, value: host_in_trouble(1) })));
    }
    let gone = hosts.replace(Api::V2.as_str(), 7, &host_in_trouble(1)).await.unwrap();
    assert_eq!(gone, Replaced::Conflict(None), "deleted meanwhile");
}

#[tokio::test]
async fn of_eight_who_write_at_once_one_does_and_all_others_see_what_stands_there() {
    let hosts = &Tables::new().await.versioned::<HostHealth>();
    let writers =
        (0..8).map(|scopes| async move { hosts.replace(Api::V2.as_str(), 0, &host_in_trouble(scopes)).await.unwrap() });
    let replaced = join_all(writers).await;
    let standing = hosts.load(Api::V2.as_str()).await.unwrap();
    let count = |expected| replaced.iter().filter(|replaced| **replaced == expected).count();
    assert_eq!((count(Replaced::Written { rev: 1 }), count(Replaced::Conflict(standing))), (1, 7));
}

#[tokio::test]
async fn a_write_that_the_sdk_repeats_after_a_lost_reply_is_done_once() {
    let (tables, proxy) = behind_proxy(true).await;
    let hosts = tables.versioned::<HostHealth>();
    for rev in 0..2 {
        proxy.lose_next_reply();
        let replaced = hosts.replace(Api::V2.as_str(), rev, &host_in_trouble(1)).await.unwrap();
        assert_eq!(replaced, Replaced::Written { rev: rev + 1 });
    }
}

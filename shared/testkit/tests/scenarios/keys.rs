//! API keys and the audit log, under concurrent changes.

use ghl_sync_model::{AuditedRequest, EpochMs, KeyHash, KeyId, Role};
use ghl_sync_operate::{ApiKeyError, AuditPage, NewKey};
use ghl_sync_testkit::{Op, PortFault, World, block_on_paused};

use crate::fixtures::{HOUR, exact};

fn id(number: u64) -> KeyId {
    KeyId::of_random(number).unwrap()
}

async fn make(world: &World, number: u64) -> Result<(), ApiKeyError> {
    let new = NewKey {
        id: id(number),
        hash: KeyHash::of(&number.to_be_bytes()),
        name: format!("key-{number}"),
        role: Role::Read,
        locations: None,
        tags: None,
        expires_at: None,
    };
    world.operator().make_key(new, "operator").await.map(drop)
}

#[test]
fn a_key_stays_revoked_though_its_use_is_written_down_in_the_same_moment() {
    block_on_paused(async {
        let (world, by) = (exact().start(), "operator");
        make(&world, 1).await.unwrap();
        let read = world.operator().key(&id(1)).await.unwrap().unwrap();
        world.operator().revoke_key(&id(1), by).await.unwrap();
        let standing = world.operator().key_used(&id(1), read).await.unwrap().unwrap().value;
        assert!(standing.revoked_at.is_some() && standing.last_used_at.is_none());
        // The other way round, the revocation is retried.
        make(&world, 2).await.unwrap();
        let read = world.operator().key(&id(2)).await.unwrap().unwrap();
        let (operator, second) = (world.operator(), id(2));
        let (revoked, used) = tokio::join!(operator.revoke_key(&second, by), operator.key_used(&second, read));
        revoked.unwrap();
        used.unwrap();
        let standing = world.operator().key(&id(2)).await.unwrap().unwrap().value;
        assert_eq!(standing.revoked_by.as_deref(), Some(by));
        // Revoking again changes nothing, and an unknown key cannot be revoked.
        world.run_for(HOUR).await;
        world.operator().revoke_key(&id(2), "somebody else").await.unwrap();
        assert_eq!(world.operator().key(&id(2)).await.unwrap().unwrap().value, standing);
        assert!(matches!(world.operator().revoke_key(&id(3), by).await, Err(ApiKeyError::Unknown(_))));
    });
}

#[test]
fn a_thousand_keys_are_listed_each_once_and_one_more_is_refused() {
    block_on_paused(async {
        let world = exact().start();
        for number in 0..1_000 {
            make(&world, number).await.unwrap();
        }
        let mut listed: Vec<KeyId> = world.operator().keys().await.unwrap().into_iter().map(|(id, _)| id).collect();
        listed.sort();
        assert_eq!(listed, (0..1_000).map(id).collect::<Vec<_>>());
        assert!(matches!(make(&world, 1_000).await, Err(ApiKeyError::TooMany)));
    });
}

#[test]
fn a_key_is_made_or_not_whenever_the_store_fails() {
    for fault in [PortFault::Refused, PortFault::Unanswered] {
        block_on_paused(async {
            let world = exact().start();
            world.faults.fail(Op::KeyReplace, 1..=1, fault);
            assert!(matches!(make(&world, 1).await, Err(ApiKeyError::Port(_))));
            let is_there = world.operator().key(&id(1)).await.unwrap().is_some();
            assert_eq!(is_there, fault == PortFault::Unanswered);
        });
    }
}

#[test]
fn the_trail_is_paged_from_the_newest_entry_back_to_the_time_that_was_asked_for() {
    block_on_paused(async {
        let world = exact().start();
        let entry = |number: u64| AuditedRequest {
            // Three in each millisecond.
            at: EpochMs(1_000 + number / 3),
            request_id: format!("r{number}"),
            caller: "operator".to_owned(),
            key: None,
            operation: "pause".to_owned(),
            location: None,
            subject: None,
            status: 204,
        };
        for number in [5, 0, 8, 1, 7, 2, 6, 3, 4, 4] {
            world.operator().audit(&entry(number)).await.unwrap();
        }
        for (since, expected) in [(0, 9), (1_001, 6), (1_002, 3), (1_003, 0)] {
            for limit in [1, 2, 3, 9, 100] {
                let (mut seen, mut before) = (Vec::new(), None);
                loop {
                    let page = world.operator().audited(EpochMs(since), before.as_ref(), limit).await.unwrap();
                    let AuditPage { requests, next } = page;
                    assert!(requests.len() <= limit as usize);
                    seen.extend(requests);
                    before = next;
                    if before.is_none() {
                        break;
                    }
                }
                let all: Vec<_> = (0..9).rev().take(expected).map(entry).collect();
                assert_eq!(seen, all, "{limit} at a time since {since}");
            }
        }
    });
}

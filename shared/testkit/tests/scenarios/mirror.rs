//! Mirrors: a list that its source sends as a whole, and the records missing from it.

use ghl_sync_model::{MirrorName, MirrorPartKey, OnMissing, Payload, PutRecord, RunId};
use ghl_sync_operate::{Commit, CommitReport, MirrorError};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, contact, contact_key, each_seed, email, exact, loc};

fn name() -> MirrorName {
    "crm".parse().unwrap()
}

/// Sends these contacts as a run in parts of three, without the commit.
async fn send(world: &World, run: &str, people: &[usize]) -> u32 {
    let run: RunId = run.parse().unwrap();
    let parts = people.chunks(3);
    let count = u32::try_from(parts.len()).unwrap();
    for (part, people) in (0..).zip(parts) {
        let puts: Vec<_> = people.iter().map(|n| contact(*n)).collect();
        world.put(&puts).await.unwrap();
        let key = MirrorPartKey { location: loc(), name: name(), run: run.clone(), part };
        let ids: Vec<_> = puts.into_iter().map(|put| put.id).collect();
        // Sending a part twice stores it once.
        world.operator().take_mirror_part(&key, ids.clone(), 0).await.unwrap();
        world.operator().take_mirror_part(&key, ids, 0).await.unwrap();
    }
    world.run_until_settled(HOUR).await.unwrap();
    count
}

fn of(run: &str, parts: u32, on_missing: OnMissing) -> Commit {
    Commit { run: run.parse().unwrap(), parts, on_missing, max_missing: 0.5, done: 0 }
}

async fn commit(world: &World, commit: &Commit) -> Result<CommitReport, MirrorError> {
    let committed = world.operator().commit_mirror(&loc(), &name(), commit).await;
    world.run_until_settled(HOUR).await.unwrap();
    committed
}

#[test]
fn what_a_list_no_longer_has_is_deleted_when_it_is_committed_and_not_before_whatever_fails() {
    each_seed(10, |seed| async move {
        let world = Setup { seed, ..exact() }.start();
        let parts = send(&world, "monday", &[0, 1, 2, 3, 4]).await;
        let first = commit(&world, &of("monday", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((first.present, first.before, first.missing, first.complete), (5, 0, 0, true));
        let calls = world.ghl.calls();
        let parts = send(&world, "tuesday", &[0, 2, 4, 5]).await;
        assert_eq!(world.ghl.calls(), calls + 1, "what has not changed costs nothing");
        assert_eq!(world.ghl.contact_count(), 6, "nobody is missing before the commit");
        world.ghl.on_call(move |seen| (seen.tries == 1 && seed % 2 == 0).then(|| CallFault::status(503)));
        let second = commit(&world, &of("tuesday", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((second.present, second.missing, second.changed, second.complete), (4, 2, 2, true));
        assert_eq!(world.ghl.contact_count(), 4);
        for gone in [1, 3] {
            assert!(world.ghl.contact(&loc(), &email(gone)).is_none());
            assert!(world.outbox.record(&loc(), &contact_key(gone)).is_none());
        }
        // Committing again changes nothing.
        let again = commit(&world, &of("tuesday", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((again.missing, again.changed, again.complete), (0, 0, true));
        assert_eq!(world.ghl.contact_count(), 4);
    });
}

#[test]
fn who_is_missing_can_be_kept_or_tagged_and_stays() {
    block_on_paused(async {
        let world = exact().start();
        let parts = send(&world, "1", &[0, 1, 2]).await;
        commit(&world, &of("1", parts, OnMissing::Keep)).await.unwrap();
        let parts = send(&world, "2", &[0, 1]).await;
        let tagged = commit(&world, &of("2", parts, OnMissing::Tag("left".to_owned()))).await.unwrap();
        assert_eq!((tagged.missing, tagged.changed), (1, 1));
        let (_, _, tags) = world.ghl.contact(&loc(), &email(2)).unwrap();
        assert!(tags.contains("left"));
        let parts = send(&world, "3", &[0]).await;
        let kept = commit(&world, &of("3", parts, OnMissing::Keep)).await.unwrap();
        assert_eq!((kept.missing, kept.changed, kept.complete), (1, 0, true));
        assert_eq!(world.ghl.contact_count(), 3);
    });
}

#[test]
fn who_is_missing_loses_a_tag_and_keeps_the_others_until_the_list_has_it_again() {
    block_on_paused(async {
        let world = exact().start();
        let tags_of = |world: &World, number| world.ghl.contact(&loc(), &email(number)).unwrap().2;
        let parts = send(&world, "1", &[0, 1, 2]).await;
        commit(&world, &of("1", parts, OnMissing::Keep)).await.unwrap();
        for tag in ["member", "vip"] {
            let parts = send(&world, tag, &[0, 1]).await;
            commit(&world, &of(tag, parts, OnMissing::Tag(tag.to_owned()))).await.unwrap();
            let parts = send(&world, &format!("{tag}-back"), &[0, 1, 2]).await;
            commit(&world, &of(&format!("{tag}-back"), parts, OnMissing::Keep)).await.unwrap();
        }
        assert_eq!(Vec::from_iter(tags_of(&world, 2)), ["member", "vip"]);
        let parts = send(&world, "2", &[0, 1]).await;
        let untagged = commit(&world, &of("2", parts, OnMissing::Untag("Member".to_owned()))).await.unwrap();
        assert_eq!((untagged.missing, untagged.changed, untagged.complete), (1, 1, true));
        assert_eq!(Vec::from_iter(tags_of(&world, 2)), ["vip"]);
        let again = commit(&world, &of("2", parts, OnMissing::Untag("member".to_owned()))).await.unwrap();
        assert_eq!((again.missing, again.changed), (0, 0));
    });
}

#[test]
fn a_tag_is_the_same_in_any_case_and_with_any_blanks_when_the_missing_lose_it() {
    block_on_paused(async {
        let world = exact().start();
        let parts = send(&world, "1", &[0, 1, 2]).await;
        commit(&world, &of("1", parts, OnMissing::Keep)).await.unwrap();
        let parts = send(&world, "2", &[0, 1]).await;
        commit(&world, &of("2", parts, OnMissing::Tag("Größe  Äpfel".to_owned()))).await.unwrap();
        let missing = |world: &World| world.outbox.record(&loc(), &contact_key(2)).unwrap();
        let record = missing(&world);
        let mut put = PutRecord::new(loc(), record.key.id.clone(), record.payload.clone());
        put.conflict = record.conflict;
        let parts = send(&world, "3", &[0, 1, 2]).await;
        world.put(&[put]).await.unwrap();
        commit(&world, &of("3", parts, OnMissing::Keep)).await.unwrap();
        let parts = send(&world, "4", &[0, 1]).await;
        let untagged = commit(&world, &of("4", parts, OnMissing::Untag("GRÖßE äPFEL".to_owned()))).await.unwrap();
        assert_eq!((untagged.changed, untagged.left, untagged.complete), (1, vec![], true));
        // The tag is not both wanted and unwanted.
        let Payload::Contact(contact) = missing(&world).payload else { panic!() };
        assert_eq!((contact.tags, contact.remove_tags.len()), (vec![], 1));
        let (_, _, tags) = world.ghl.contact(&loc(), &email(2)).unwrap();
        assert_eq!(Vec::from_iter(tags), Vec::<String>::new());
    });
}

#[test]
fn a_list_that_looks_broken_or_is_not_whole_changes_nobody() {
    block_on_paused(async {
        let world = exact().start();
        let parts = send(&world, "1", &[0, 1, 2, 3]).await;
        commit(&world, &of("1", parts, OnMissing::Delete)).await.unwrap();
        // One part is missing.
        let parts = send(&world, "2", &[0, 1, 2, 3]).await;
        let lost = commit(&world, &of("2", parts + 1, OnMissing::Delete)).await;
        assert!(matches!(lost, Err(MirrorError::NoPart(2))), "{lost:?}");
        // Three of four are gone.
        let parts = send(&world, "3", &[0]).await;
        let broken = commit(&world, &of("3", parts, OnMissing::Delete)).await;
        assert!(matches!(broken, Err(MirrorError::TooManyMissing { missing: 3, before: 4, .. })), "{broken:?}");
        // One item in the part was unidentifiable.
        let key = MirrorPartKey { location: loc(), name: name(), run: "3".parse().unwrap(), part: 0 };
        world.operator().take_mirror_part(&key, vec![contact(0).id, contact(1).id, contact(2).id], 1).await.unwrap();
        let refused = commit(&world, &of("3", parts, OnMissing::Delete)).await;
        assert!(matches!(refused, Err(MirrorError::Refused(1))), "{refused:?}");
        assert_eq!(world.ghl.contact_count(), 4);
        // The first run is still the current one.
        let mirror = world.operator().mirror(&loc(), &name()).await.unwrap();
        assert_eq!(mirror.committed.unwrap().run.as_str(), "1");
    });
}

#[test]
fn who_could_not_be_deleted_is_told_again_if_the_answer_was_lost_and_missing_again_in_the_next_run() {
    block_on_paused(async {
        let world = exact().start();
        let parts = send(&world, "1", &[0, 1, 2]).await;
        commit(&world, &of("1", parts, OnMissing::Delete)).await.unwrap();
        // Another record is the same contact.
        let twin = ghl_sync_model::PutRecord { id: "twin".parse().unwrap(), ..contact(2) };
        world.put(&[twin]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let parts = send(&world, "2", &[0, 1]).await;
        let left = commit(&world, &of("2", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((left.missing, left.changed, left.left.len(), left.complete), (1, 0, 1, true));
        let again = commit(&world, &of("2", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((again.present, again.left[0].0.clone(), again.complete), (2, left.left[0].0.clone(), true));
        world.operator().forget(&loc(), &"contact#twin".parse().unwrap()).await.unwrap();
        let parts = send(&world, "3", &[0, 1]).await;
        let gone = commit(&world, &of("3", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((gone.missing, gone.changed, gone.left.len()), (1, 1, 0));
        assert_eq!(world.ghl.contact_count(), 2);
    });
}

#[test]
fn a_run_that_counts_takes_its_parts_again_and_no_other_list() {
    block_on_paused(async {
        let world = exact().start();
        let parts = send(&world, "monday", &[0, 1, 2]).await;
        commit(&world, &of("monday", parts, OnMissing::Delete)).await.unwrap();
        send(&world, "monday", &[0, 1, 2]).await;
        // Committing it again would find nobody missing, even if someone is.
        let run: RunId = "monday".parse().unwrap();
        for (part, ids) in [(0, vec![contact(0).id, contact(1).id]), (1, vec![contact(3).id])] {
            let key = MirrorPartKey { location: loc(), name: name(), run: run.clone(), part };
            let other = world.operator().take_mirror_part(&key, ids, 0).await;
            assert!(matches!(&other, Err(MirrorError::Committed(of)) if *of == run), "{other:?}");
        }
        let parts = send(&world, "tuesday", &[0, 1]).await;
        let gone = commit(&world, &of("tuesday", parts, OnMissing::Delete)).await.unwrap();
        assert_eq!((gone.before, gone.missing, gone.changed), (3, 1, 1));
    });
}

//! The lists of a location: each appears once, newest first, and always in its true state, whatever dies.

use std::time::Duration;

use ghl_sync_drop::{ListPage, ListState, ListSummary, RowsFile};
use ghl_sync_engine::ports::Clock;
use ghl_sync_testkit::block_on_paused;
use serde_json::json;

use crate::drop::{Drops, LIST};
use crate::fixtures::{HOUR, MINUTE, each_await, loc};

const DAY: Duration = Duration::from_secs(24 * 3600);
const PEOPLE: &str = "Name,Email\nAda,ada@example.com\n,nobody at all\n";
const OTHERS: &str = "Name,Email\nEve,eve@example.com\n";

impl Drops {
    async fn all(&self) -> Vec<ListSummary> {
        let ListPage { lists, next } = self.lists().listed(&loc(), None, 100).await.unwrap();
        assert_eq!(next, None);
        lists
    }

    /// All lists, read in pages of `limit`.
    async fn by_pages(&self, limit: u32) -> Vec<ListSummary> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let ListPage { lists, next } = self.lists().listed(&loc(), after, limit).await.unwrap();
            assert!(lists.len() <= limit as usize);
            all.extend(lists);
            let Some(next) = next else { return all };
            after = Some(next);
        }
    }

    async fn states(&self) -> Vec<(String, ListState)> {
        self.all().await.into_iter().map(|list| (list.name, list.state)).collect()
    }
}

#[test]
fn lists_are_told_of_the_newest_first_with_where_they_stand_and_what_became_of_their_rows() {
    block_on_paused(async {
        let drops = Drops::begin();
        let held = drops.hand_in("held.csv", PEOPLE, false).await;
        let begun = drops.world.clock.now();
        assert_eq!(drops.states().await, [], "nobody has looked at it yet");
        drops.run().await;
        tokio::time::sleep(HOUR).await;
        drops.drop("in/loc/contacts/2026/night.csv", PEOPLE);
        drops.drop("in/loc/opportunities/deals.csv", PEOPLE);
        drops.run().await;
        tokio::time::sleep(HOUR).await;
        drops.drop("in/loc/contacts/asks.csv", "Name,Email,Birthday\nAda,ada@example.com,03/04/1991\n");
        drops.run().await;
        tokio::time::sleep(HOUR).await;
        drops.drop("in/loc/contacts/photo.csv", "%PDF-1.7\n");
        drops.run().await;
        let all = drops.all().await;
        let told: Vec<_> = all.iter().map(|list| (list.name.as_str(), list.state)).collect();
        let expected = [
            ("photo.csv", ListState::Refused),
            ("asks.csv", ListState::NeedsMapping),
            ("2026/night.csv", ListState::Done),
            (held.as_str(), ListState::Held),
        ];
        assert_eq!(told, expected, "what is no list of contacts is not among them");
        let counts = |list: &ListSummary| (list.rows, list.left_out, list.failed, list.import.is_some());
        assert_eq!(
            all.iter().map(counts).collect::<Vec<_>>(),
            [
                (None, None, None, false),
                (Some(1), None, None, false),
                (Some(2), Some(1), Some(0), true),
                (Some(2), Some(1), None, false),
            ]
        );
        assert!(all.iter().all(|list| !list.stands_still));
        let first = &all[3];
        assert_eq!(first.uploaded_at, begun);
        assert!(first.since.is_some_and(|since| since > begun && since < begun + MINUTE), "{first:?}");

        assert_eq!((drops.by_pages(1).await, drops.by_pages(3).await), (all.clone(), all));
        assert_eq!(drops.lists().listed(&"other".parse().unwrap(), None, 10).await.unwrap().lists, []);
    });
}

#[test]
fn a_list_that_is_looked_at_anew_stands_where_it_stands_then_and_keeps_nothing_of_before() {
    block_on_paused(async {
        let drops = Drops::begin();
        let name = drops.hand_in("a.csv", PEOPLE, false).await;
        drops.run().await;
        drops.map(&name, &json!({ "hold": false })).await.unwrap();
        drops.two_messages().await;
        let sending = &drops.all().await[0];
        assert_eq!((sending.state, sending.rows, sending.left_out), (ListState::Importing, Some(2), None));
        assert!(sending.import.is_some());
        drops.run().await;
        let done = &drops.all().await[0];
        assert_eq!((done.state, done.left_out, done.failed), (ListState::Done, Some(1), Some(0)));
        assert!(done.since > sending.since && done.uploaded_at == sending.uploaded_at);
        assert!(drops.lists().rows(&loc(), &name, RowsFile::Results).await.is_ok());
    });
}

#[test]
fn a_file_that_is_put_there_again_is_one_list_and_the_newest() {
    block_on_paused(async {
        let drops = Drops::begin();
        let steps = [(LIST, PEOPLE), ("in/loc/contacts/b.csv", OTHERS), (LIST, OTHERS), (LIST, OTHERS)];
        for (key, bytes) in steps {
            tokio::time::sleep(HOUR).await;
            drops.drop(key, bytes);
            drops.run().await;
        }
        let all = drops.all().await;
        assert_eq!(all.iter().map(|list| list.name.as_str()).collect::<Vec<_>>(), ["list.csv", "b.csv"]);
        assert!(all.iter().all(|list| list.state == ListState::Done));
        assert!(all[0].uploaded_at > all[1].uploaded_at + HOUR, "the same bytes once more are an upload, too");
        // The same while the list is being read.
        drops.drop(LIST, PEOPLE);
        drops.two_messages().await;
        tokio::time::sleep(MINUTE).await;
        drops.bucket.drop_file(LIST, OTHERS);
        drops.run().await;
        let again = drops.all().await;
        assert_eq!(again.len(), 2);
        assert!(again[0].uploaded_at > all[0].uploaded_at && again[0].state == ListState::Done);
    });
}

#[test]
fn marks_of_earlier_files_that_are_left_behind_hide_no_list_and_show_none_twice() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop("in/loc/contacts/first.csv", PEOPLE);
        drops.run().await;
        // The importer dies somewhere between writing a file's mark, the checkpoint, and removing the earlier mark.
        for number in 0..20_u64 {
            tokio::time::sleep(HOUR).await;
            drops.drop(LIST, format!("{OTHERS}Bob,bob{number}@example.com\n"));
            drops.run_dying(|message| (message == 1).then_some(number)).await;
        }
        for limit in [1, 2, 100] {
            let lists = drops.by_pages(limit).await;
            let names: Vec<_> = lists.iter().map(|list| list.name.as_str()).collect();
            assert_eq!(names, ["list.csv", "first.csv"], "{limit}");
        }
    });
}

#[test]
fn whatever_dies_a_list_is_told_of_once_and_as_it_stands() {
    each_await(|awaits| async move {
        let drops = Drops::begin();
        let name = drops.hand_in("f.csv", PEOPLE, false).await;
        let mut died = drops.run_dying(|number| (number <= 6).then_some(awaits)).await;
        assert_eq!(drops.states().await, [(name.as_str().to_owned(), ListState::Held)]);
        drops.map(&name, &json!({})).await.unwrap();
        died += drops.run_dying(|number| (number <= 6).then_some(awaits)).await;
        assert_eq!(drops.states().await, [(name.as_str().to_owned(), ListState::Done)]);
        tokio::time::sleep(HOUR).await;
        drops.drop(&format!("in/loc/contacts/{}", name.as_str()), OTHERS);
        died += drops.run_dying(|number| (number <= 6).then_some(awaits)).await;
        let all = drops.all().await;
        assert_eq!((all.len(), all[0].state, all[0].rows), (1, ListState::Done, Some(1)));
        died > 0
    });
}

#[test]
fn a_list_whose_next_step_is_overdue_says_that_it_stands_still() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, PEOPLE);
        drops.two_messages().await;
        assert!(!drops.all().await[0].stands_still);
        tokio::time::sleep(2 * HOUR).await;
        let still = &drops.all().await[0];
        assert!(still.stands_still && still.state == ListState::Importing, "{still:?}");
        drops.run().await;
        assert!(!drops.all().await[0].stands_still);
    });
}

#[test]
fn a_list_is_told_of_as_long_as_the_bucket_keeps_it() {
    block_on_paused(async {
        for days in [2, 90] {
            let mut drops = Drops::begin();
            drops.importer = drops.importer.clone().keeping(days * DAY);
            drops.drop(LIST, PEOPLE);
            drops.run().await;
            let hours = |hours: i64| drops.world.hosts_clock.set_by(hours * 3_600_000);
            hours(24 * i64::from(days) - 1);
            assert_eq!(drops.all().await.len(), 1, "{days}");
            hours(1);
            assert_eq!(drops.all().await.len(), 0, "{days}");
        }
    });
}

#[test]
fn a_preview_says_which_new_contacts_ghl_cannot_find() {
    block_on_paused(async {
        let drops = Drops::begin();
        let list = "Name,Email,Phone\nAda,ada@example.com,\nBob,,+12125550123\nCarl,,\nDora,,\n";
        let name = drops.hand_in("a.csv", list, false).await;
        drops.run().await;
        let report = drops.look(&name).await.report.unwrap();
        let preview = &report["preview"];
        assert_eq!((&preview["new"], &preview["new_without_address"]), (&4.into(), &2.into()));
    });
}

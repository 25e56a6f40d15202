//! Lists dropped into a bucket: whatever dies, every row is accounted for exactly once.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_drop::{AHEAD, Checkpoint, Handled, ImportEnd, Importer, Phase};
use ghl_sync_engine::ports::{Clock, ItemStore};
use ghl_sync_model::{EpochMs, ImportId, ImportState, LocationFacts, LocationId, ReportedFacts};
use ghl_sync_testkit::{MemoryBucket, MemorySteps, Setup, World, block_on_paused, dying_at_await};
use serde_json::Value;

use crate::fixtures::{HOUR, MINUTE, each_await, exact, loc};

pub(crate) const LIST: &str = "in/loc/contacts/list.csv";
/// Time after which a message comes again if its invocation died or did not finish it.
const VISIBILITY: Duration = Duration::from_secs(90);

/// A bucket next to a world, and the importer that reads it.
pub(crate) struct Drops {
    pub(crate) world: Arc<World>,
    pub(crate) bucket: Arc<MemoryBucket>,
    steps: Arc<MemorySteps>,
    pub(crate) importer: Importer,
}

impl Drops {
    /// Here the location's facts are known already.
    fn beside(world: Arc<World>) -> Drops {
        world
            .items
            .keep(&loc(), &LocationFacts::told(world.clock.now(), None, ReportedFacts::default(), Vec::new(), false));
        Drops::knowing_nothing(world)
    }

    pub(crate) fn knowing_nothing(world: Arc<World>) -> Drops {
        let bucket = Arc::new(MemoryBucket::new(world.clock));
        let steps = Arc::new(MemorySteps::new(world.clock));
        let items: Arc<dyn ItemStore> = world.engine.ports().items.clone();
        let importer = Importer::new(world.engine.clone(), &items, bucket.clone(), steps.clone());
        Drops { world, bucket, steps, importer }
    }

    pub(crate) fn begin() -> Drops {
        Drops::beside(exact().start())
    }

    /// Puts a file into the bucket, and sends S3's event.
    pub(crate) fn drop(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.bucket.drop_file(key, bytes);
        self.say(key);
    }

    /// Sends S3's event for a file that was put.
    pub(crate) fn say(&self, key: &str) {
        let event = serde_json::json!({ "Records": [{
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": { "object": { "key": key } },
        }] });
        self.steps.push(event.to_string(), Duration::ZERO);
    }

    /// Handles messages until there are none. Invocation number `n` (from 1) dies at the await that `dies` returns.
    /// Returns how many died.
    pub(crate) async fn run_dying(&self, dies: impl Fn(u64) -> Option<u64>) -> u64 {
        let mut died = 0;
        for number in 1.. {
            assert!(number < 3_000, "it runs in circles");
            let Some(body) = self.steps.next().await else { break };
            let handled = self.importer.handle(&body, self.world.clock.now() + MINUTE);
            match dying_at_await(dies(number).unwrap_or(u64::MAX), handled).await {
                Some(Ok(Handled::Done)) => {}
                Some(Ok(Handled::Again)) => self.steps.push(body, VISIBILITY),
                Some(Err(error)) => panic!("{error}"),
                None => {
                    died += 1;
                    self.steps.push(body, VISIBILITY);
                }
            }
        }
        died
    }

    /// Handles S3's event and the first step.
    pub(crate) async fn two_messages(&self) {
        for _ in 0..2 {
            let body = self.steps.next().await.unwrap();
            assert_eq!(self.importer.handle(&body, self.world.clock.now() + MINUTE).await.unwrap(), Handled::Done);
        }
    }

    pub(crate) async fn run(&self) {
        self.run_dying(|_| None).await;
    }

    fn report_of(&self, name: &str) -> Value {
        let text = self.bucket.text(&format!("out/loc/{name}/report.json")).expect("a report");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn report(&self) -> Value {
        self.report_of("list.csv")
    }

    /// The lines of a file, each as a map from column to value.
    pub(crate) fn lines(&self, file: &str) -> Vec<BTreeMap<String, String>> {
        let text = self.bucket.text(&format!("out/loc/list.csv/{file}")).expect(file);
        csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
    }

    /// The states of all rows in the results, and the rejected rows, in order.
    fn accounts(&self) -> (BTreeMap<u64, String>, Vec<u64>) {
        let row = |line: &BTreeMap<String, String>| line["_row"].parse::<u64>().unwrap();
        let results = self.lines("results.csv");
        let states: BTreeMap<u64, String> = results.iter().map(|line| (row(line), line["state"].clone())).collect();
        assert_eq!(states.len(), results.len(), "a row is there twice");
        (states, self.lines("rejects.csv").iter().map(row).collect())
    }
}

/// A list of people. One in ten has nothing that identifies a person, so that its row is rejected.
fn people(count: u64) -> String {
    let mut list = "First Name,Email\n".to_owned();
    for n in 0..count {
        list += &if n % 10 == 9 { ",nobody at all\n".to_owned() } else { format!("Ada {n},c{n}@example.com\n") };
    }
    list
}

/// Checks that every row of [`people`] is in the results as synced, or in the rejects.
fn assert_all_accounted_for(drops: &Drops, count: u64) {
    let (states, rejects) = drops.accounts();
    assert!(states.values().all(|state| state == "synced"), "{states:?}");
    let mut rows: Vec<u64> = states.into_keys().chain(rejects.iter().copied()).collect();
    rows.sort_unstable();
    assert_eq!(rows, (2..count + 2).collect::<Vec<_>>(), "each row once, in results or rejects");
    assert_eq!(rejects.len() as u64, count / 10);
    let report = drops.report();
    assert_eq!((&report["state"], &report["import"]["rows"]), (&"done".into(), &count.into()));
    assert_eq!(report["import"]["left_out"], count / 10);
    assert_eq!(report["records"]["synced"], count - count / 10);
    assert_eq!(drops.world.ghl.contact_count() as u64, count - count / 10);
    assert_eq!(drops.world.ghl.doubles().len(), 0);
}

#[test]
fn a_list_that_is_dropped_arrives_and_every_row_is_told() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, people(1_200));
        drops.run().await;
        assert_all_accounted_for(&drops, 1_200);
    });
}

#[test]
fn a_dropped_list_is_an_import_of_the_stack_that_is_counted_and_can_be_cancelled() {
    block_on_paused(async {
        let drops = Drops::begin();
        let operator = drops.world.operator();
        drops.drop(LIST, people(100));
        drops.run().await;
        let first: ImportId = drops.report()["import_id"].as_str().unwrap().parse().unwrap();
        let status = operator.import(&loc(), &first).await.unwrap();
        assert_eq!((status.counts.accepted.count, status.state), (90, ImportState::Complete));
        assert_eq!((status.name.as_deref(), status.rows, status.records), (Some("list.csv"), Some(100), Some(90)));
        // Only the new people of the longer list are put; they are withdrawn before they are sent.
        operator.pause(&loc(), None, None).await.unwrap();
        drops.drop(LIST, people(200));
        drops.two_messages().await;
        let second = operator.imports(&loc()).await.unwrap().remove(0).id;
        assert_ne!(second, first);
        let withdrawn = operator.cancel_import(&loc(), &second, None, EpochMs::NEVER).await.unwrap();
        assert_eq!((withdrawn.withdrawn, withdrawn.next), (90, None));
        operator.resume(&loc()).await.unwrap();
        drops.run().await;
        assert_eq!(drops.world.ghl.contact_count(), 90);
        assert_eq!(
            (&drops.report()["records"]["failed"], &drops.report()["records"]["synced"]),
            (&90.into(), &90.into())
        );
    });
}

#[test]
fn an_import_that_dies_at_any_of_its_awaits_accounts_for_every_row_once() {
    let awaits = each_await(|awaits| async move {
        let drops = Drops::beside(Setup::default().start());
        drops.drop(LIST, people(30));
        // Each of the first invocations that gets this far dies there.
        let died = drops.run_dying(|number| (number <= 8).then_some(awaits)).await;
        assert_all_accounted_for(&drops, 30);
        died > 0
    });
    assert!(awaits >= 15, "a step has more awaits than {awaits}");
}

#[test]
fn an_import_whose_steps_die_again_and_again_accounts_for_every_row_once() {
    for seed in 1..=40_u64 {
        block_on_paused(async move {
            let drops = Drops::beside(Setup { seed, ..Setup::default() }.start());
            drops.drop(LIST, people(1_300));
            // Two of three of the first sixty invocations die, each somewhere else.
            let died = drops
                .run_dying(|number| (number < 60 && number % 3 != 0).then_some((number * 7 + seed * 13) % 41 + 1))
                .await;
            assert!(died > 0);
            assert_all_accounted_for(&drops, 1_300);
        });
    }
}

#[test]
fn never_more_than_some_thousand_records_wait_for_ghl() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, people(12_000));
        let world = drops.world.clone();
        let watch = tokio::spawn(async move {
            let mut most = 0;
            loop {
                most = most.max(world.outbox.open().len());
                assert!(most <= AHEAD as usize, "{most} records wait");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        drops.run().await;
        assert!(!watch.is_finished(), "more waited");
        watch.abort();
        assert_all_accounted_for(&drops, 12_000);
    });
}

#[test]
fn a_list_that_is_dropped_twice_does_nothing_twice() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, people(50));
        drops.drop(LIST, people(50));
        drops.run().await;
        let calls = drops.world.ghl.calls();
        drops.world.run_for(HOUR).await;
        drops.drop(LIST, people(50));
        drops.run().await;
        assert_eq!(drops.world.ghl.calls(), calls);
        // Under another name it is another list, but its people are known.
        drops.drop("in/loc/contacts/copy.csv", people(50));
        drops.run().await;
        assert_eq!(drops.world.ghl.calls(), calls);
        assert_eq!(drops.report_of("copy.csv")["records"]["already_synced"], 45);
        assert_all_accounted_for(&drops, 50);
    });
}

#[test]
fn a_list_that_changes_while_it_is_imported_is_imported_as_it_is_then() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, people(8_000));
        let changed = people(200).replace("Ada", "Eve");
        drops.two_messages().await;
        let begun = drops.world.items.entries::<Checkpoint>();
        assert!(matches!(begun[0].value.phase, Phase::Putting { next: 5_000 }), "{begun:?}");
        drops.drop(LIST, changed);
        drops.run().await;
        let (states, rejects) = drops.accounts();
        assert_eq!((states.len(), rejects.len()), (180, 20));
        let eve = drops.world.ghl.contact(&LocationId::new("loc").unwrap(), "c0@example.com").unwrap().1;
        assert_eq!(eve.first_name.as_deref(), Some("Eve 0"));
        assert_eq!(drops.world.ghl.contact_count(), 4_500, "what was put before stays put");
    });
}

#[test]
fn a_list_that_is_deleted_while_it_is_imported_says_so() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, people(8_000));
        drops.two_messages().await;
        drops.bucket.remove(LIST);
        drops.run().await;
        let report = drops.report();
        assert_eq!(report["state"], "refused");
        assert!(report["reason"].as_str().unwrap().starts_with("the file was deleted"), "{report}");
    });
}

#[test]
fn a_list_that_leaves_a_question_open_is_not_imported_before_its_mapping_answers_it() {
    block_on_paused(async {
        let drops = Drops::begin();
        let list = "Name,Email,Geburtsdatum\nAda,ada@example.com,03/04/1991\n";
        drops.drop(LIST, list);
        drops.run().await;
        let report = drops.report();
        assert_eq!(report["state"], "needs_mapping");
        assert!(report["ask"][0].as_str().unwrap().contains("say --day-first or --month-first"), "{report}");
        assert_eq!(report["import"]["questions"][0]["question"], "date_order");
        assert!(report["next"].as_str().unwrap().contains("in/loc/contacts/list.csv.mapping.json"));
        assert_eq!((drops.world.ghl.calls(), drops.world.outbox.records().len()), (0, 0));
        // The suggested mapping in the report, plus the answer.
        let mut mapping = report["mapping"].clone();
        mapping["answers"]["date_order"] = "day_first".into();
        drops.drop(&format!("{LIST}.mapping.json"), mapping.to_string());
        drops.run().await;
        assert_eq!((&drops.report()["state"], drops.world.ghl.contact_count()), (&"done".into(), 1));
        let (_, ada, _) = drops.world.ghl.contact(&LocationId::new("loc").unwrap(), "ada@example.com").unwrap();
        assert_eq!(ada.date_of_birth.as_deref(), Some("1991-04-03"));
    });
}

#[test]
fn the_mapping_of_a_location_is_that_of_all_its_lists_that_have_none() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.bucket.drop_file("in/loc/contacts/mapping.json", r#"{"columns":{"Wer":"name","Post":"email"}}"#);
        drops.drop(LIST, "Wer,Post\nAda,ada@example.com\n");
        drops.run().await;
        assert_eq!(drops.report()["mapping_file"], "in/loc/contacts/mapping.json");
        assert_eq!(drops.world.ghl.contact_count(), 1);
        drops.drop(&format!("{LIST}.mapping.json"), "{\"version\":9}");
        drops.run().await;
        let report = drops.report();
        assert_eq!(report["state"], "needs_mapping");
        assert!(report["ask"][0].as_str().unwrap().contains("has version 9"), "{report}");
    });
}

#[test]
fn what_is_no_list_or_of_an_unknown_location_is_refused_with_the_reason() {
    block_on_paused(async {
        let drops = Drops::begin();
        let cases: [(&str, &[u8], &str); 5] = [
            ("in/loc/contacts/a.pdf", b"%PDF-1.7 hello", "out/loc/a.pdf/report.json"),
            ("in/loc/contacts/b.csv", b"", "out/loc/b.csv/report.json"),
            ("in/nobody/contacts/c.csv", b"Email\na@example.com\n", "out/nobody/c.csv/report.json"),
            ("in/loc/opportunities/d.csv", b"Email\na@example.com\n", "out/loc/d.csv/report.json"),
            (
                "in/loc/contacts/e.csv.gz",
                &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3],
                "out/loc/e.csv.gz/report.json",
            ),
        ];
        let reasons =
            ["a PDF document", "is empty", "not in GHL_LOCATIONS", "only lists of contacts", "ends too early"];
        for ((key, bytes, out), reason) in cases.into_iter().zip(reasons) {
            drops.drop(key, bytes);
            drops.run().await;
            let report: Value = serde_json::from_str(&drops.bucket.text(out).expect(out)).unwrap();
            assert_eq!(report["state"], "refused");
            assert!(report["reason"].as_str().unwrap().contains(reason), "{report}");
        }
        assert_eq!(drops.world.outbox.records().len(), 0);
        // The obstacle is removed, and the file is put there again.
        drops.drop("in/loc/contacts/b.csv", "Email\na@example.com\n");
        drops.run().await;
        assert_eq!(drops.world.ghl.contact_count(), 1);
        let ends = drops.world.items.entries::<Checkpoint>();
        let done = ends.iter().filter(|end| end.value.phase == Phase::Ended(ImportEnd::Done)).count();
        assert_eq!((ends.len(), done), (5, 1));
    });
}

#[test]
fn a_packed_list_with_a_cell_of_a_megabyte_is_told_row_by_row() {
    block_on_paused(async {
        let drops = Drops::begin();
        let huge = "x".repeat(1 << 20);
        let list = format!("Name,Email,Address\nAda,ada@example.com,{huge}\nEve,eve@example.com,1 Elm St\n");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(list.as_bytes()).unwrap();
        drops.drop(LIST, packed.finish().unwrap());
        drops.run().await;
        let (states, rejects) = drops.accounts();
        assert_eq!((states.into_keys().collect::<Vec<_>>(), rejects), (vec![3], vec![2]));
    });
}

#[test]
fn what_waits_for_a_disabled_location_is_told_as_pending_after_a_day() {
    block_on_paused(async {
        let mut setup = Setup { store_ms: 0..=0, ..Setup::default() };
        setup.locations.values_mut().for_each(|settings| settings.enabled = false);
        let drops = Drops::beside(setup.start());
        drops.drop(LIST, people(20));
        drops.run().await;
        let report = drops.report();
        assert_eq!((&report["state"], &report["records"]["pending"]), (&"done".into(), &18.into()));
        assert!(report["stopped"].as_str().unwrap().starts_with("after a day 18 records"), "{report}");
        let (states, _) = drops.accounts();
        assert!(states.values().all(|state| state == "pending"));
    });
}

#[test]
fn messages_that_come_twice_or_late_change_nothing() {
    block_on_paused(async {
        let drops = Drops::begin();
        drops.drop(LIST, people(1_000));
        let mut seen: Vec<String> = Vec::new();
        while let Some(body) = drops.steps.next().await {
            let deadline = drops.world.clock.now() + MINUTE;
            // Both at once, and all earlier ones again.
            let both = tokio::join!(drops.importer.handle(&body, deadline), drops.importer.handle(&body, deadline));
            if [both.0.unwrap(), both.1.unwrap()].contains(&Handled::Again) {
                drops.steps.push(body.clone(), VISIBILITY);
            }
            for old in &seen {
                assert_eq!(drops.importer.handle(old, deadline).await.unwrap(), Handled::Done);
            }
            seen.push(body);
            assert!(seen.len() < 100, "it runs in circles: {seen:?}");
        }
        assert_all_accounted_for(&drops, 1_000);
    });
}

//! Lists that people upload: previewed, mapped, and sent after their approval.

use ghl_sync_drop::{ListName, ListState, ListStatus, Lists, ListsError, RowsFile};
use ghl_sync_model::{Api, EpochMs};
use ghl_sync_testkit::block_on_paused;
use serde_json::{Map, Value, json};

use crate::drop::Drops;
use crate::fixtures::{HOUR, each_await, exact, loc};

const PEOPLE: &str = "Given Name,E-Mail,Fax\nAda,ada@example.com,1\nBob,bob@example.com,2\n,nobody at all,3\n";

impl Drops {
    pub(crate) fn lists(&self) -> Lists {
        Lists::new(self.world.engine.clone(), self.bucket.clone(), self.bucket.clone())
    }

    /// Requests a link for a file, and uploads the file to it.
    pub(crate) async fn hand_in(&self, file: &str, bytes: &str, undoable: bool) -> ListName {
        let handed_in = self.lists().hand_in(&loc(), file, bytes.len() as u64, undoable).await.unwrap();
        let key = format!("in/loc/contacts/{}", handed_in.name.as_str());
        assert_eq!(handed_in.upload.url, format!("https://bucket.test/{key}?size={}&lasts=900", bytes.len()));
        self.say(&format!("{key}.mapping.json"));
        self.drop(&key, bytes);
        handed_in.name
    }

    /// Sets the list's mapping, and sends S3's event for it.
    pub(crate) async fn map(&self, name: &ListName, mapping: &Value) -> Result<(), ListsError> {
        let mapping: Map<String, Value> = mapping.as_object().unwrap().clone();
        self.lists().set_mapping(&loc(), name, &mapping).await?;
        self.say(&format!("in/loc/contacts/{}.mapping.json", name.as_str()));
        Ok(())
    }

    pub(crate) async fn look(&self, name: &ListName) -> ListStatus {
        self.lists().look(&loc(), name).await.unwrap()
    }
}

fn told(status: &ListStatus) -> &Value {
    status.report.as_ref().expect("a report")
}

#[test]
fn a_list_that_is_handed_in_is_looked_at_and_nothing_is_sent_before_somebody_says_so() {
    block_on_paused(async {
        let drops = Drops::begin();
        let name = drops.hand_in("My list (1).csv", PEOPLE, false).await;
        assert!(name.as_str().ends_with("-My-list--1-.csv"), "{name:?}");
        drops.run().await;
        let held = drops.look(&name).await;
        assert_eq!((held.state, held.size), (ListState::Held, Some(PEOPLE.len() as u64)));
        assert_eq!(held.mapping, Some(json!({ "hold": true, "undoable": false })));
        let report = told(&held);
        let preview = &report["preview"];
        assert_eq!((&preview["contacts"], &preview["new"], &preview["calls"]), (&2.into(), &2.into(), &2.into()));
        assert_eq!(
            preview["first"][0],
            json!({ "row": 2, "contact": { "email": "ada@example.com", "firstName": "Ada" } })
        );
        assert_eq!((&report["import"]["left_out"], &report["import"]["rows"]), (&1.into(), &3.into()));
        let fax = &report["columns"][2];
        assert_eq!((&fax["column"], &fax["field"], &fax["samples"][0]), (&"Fax".into(), &Value::Null, &"1".into()));
        assert!(report["targets"].as_array().unwrap().contains(&json!({ "target": "dnd.email" })));
        assert!(drops.lists().rows(&loc(), &name, RowsFile::Rejects).await.unwrap().url.contains("rejects.csv"));
        assert!(matches!(drops.lists().rows(&loc(), &name, RowsFile::Results).await, Err(ListsError::NoSuchFile)));
        assert_eq!((drops.world.ghl.contact_count(), drops.world.outbox.open().len()), (0, 0));
        assert!(drops.world.operator().imports(&loc()).await.unwrap().is_empty());

        drops.map(&name, &json!({ "hold": false, "columns": { "Fax": "ignore" } })).await.unwrap();
        assert_eq!((drops.look(&name).await.state, drops.look(&name).await.report), (ListState::Reading, None));
        let rejects = drops.lists().rows(&loc(), &name, RowsFile::Rejects).await;
        assert!(matches!(rejects, Err(ListsError::NoSuchFile)), "they are of another mapping: {rejects:?}");
        drops.run().await;
        let done = drops.look(&name).await;
        assert_eq!((done.state, &told(&done)["records"]["synced"]), (ListState::Done, &2.into()));
        assert!(drops.lists().rows(&loc(), &name, RowsFile::Results).await.unwrap().url.contains("results.csv"));
        assert_eq!(drops.world.ghl.contact_count(), 2);
    });
}

#[test]
fn a_held_list_tells_what_the_stack_knows_already() {
    block_on_paused(async {
        let drops = Drops::begin();
        let first = drops.hand_in("a.csv", "Name,Email\nAda,ada@example.com\nBob,bob@example.com\n", false).await;
        drops.map(&first, &json!({})).await.unwrap();
        drops.run().await;
        let list = "Name,Email,Tags\nAda,ada@example.com,\nBobby,bob@example.com,\nEve,eve@example.com,vip\n";
        let second = drops.hand_in("b.csv", list, true).await;
        drops.run().await;
        let held = drops.look(&second).await;
        let preview = &told(&held)["preview"];
        let counts = ["contacts", "compared", "new", "updated", "unchanged", "calls"]
            .map(|name| preview[name].as_u64().unwrap());
        // A read and a write for Bobby; a read, a write and a call for the tag for Eve.
        assert_eq!(counts, [3, 3, 1, 1, 1, 5]);
    });
}

#[test]
fn of_a_list_whose_columns_have_names_of_its_own_somebody_says_where_they_go() {
    block_on_paused(async {
        let drops = Drops::begin();
        let list = "K1,K2,K3,K3\nAnn,ann@x.example,312 555 0111,\nBob,bob@x.example,312 555 0112,\n";
        let name = drops.hand_in("codes.csv", list, false).await;
        drops.run().await;
        let asks = drops.look(&name).await;
        assert_eq!(asks.state, ListState::NeedsMapping);
        let report = told(&asks);
        let columns: Vec<&Value> = report["columns"].as_array().unwrap().iter().map(|told| &told["column"]).collect();
        assert_eq!(columns, ["K1", "K2"], "a name that stands twice means no column");
        assert!(report["targets"].as_array().unwrap().contains(&json!({ "target": "email" })));
        drops.map(&name, &json!({ "hold": true, "columns": { "K2": "email" } })).await.unwrap();
        drops.run().await;
        let told_again = drops.look(&name).await;
        assert_eq!(told(&told_again)["columns"][1]["samples"][0], "ann@x.example");
        drops
            .map(&name, &json!({ "hold": false, "columns": { "K1": "firstName", "K2": "email", "K3": "ignore" } }))
            .await
            .unwrap();
        drops.run().await;
        let done = drops.look(&name).await;
        assert_eq!((done.state, drops.world.ghl.contact_count()), (ListState::Done, 2), "{:?}", told(&done));
    });
}

#[test]
fn what_a_handed_in_list_leaves_open_is_answered_in_its_mapping() {
    block_on_paused(async {
        let drops = Drops::begin();
        let list = "Name,Email,Birthday\nAda,ada@example.com,03/04/1991\n";
        let name = drops.hand_in("c.csv", list, false).await;
        drops.run().await;
        let asks = drops.look(&name).await;
        assert_eq!(asks.state, ListState::NeedsMapping);
        assert_eq!(
            told(&asks)["import"]["questions"][0],
            json!({ "question": "date_order", "column": "Birthday", "mixed": false })
        );
        drops.map(&name, &json!({ "hold": true, "answers": { "date_order": "day_first" } })).await.unwrap();
        drops.run().await;
        let held = drops.look(&name).await;
        assert_eq!(
            (held.state, &told(&held)["preview"]["first"][0]["contact"]["dateOfBirth"]),
            (ListState::Held, &"1991-04-03".into())
        );
        // If an answer is withdrawn, its question is asked again instead of being answered at random.
        drops.map(&name, &json!({})).await.unwrap();
        drops.run().await;
        assert_eq!(drops.look(&name).await.state, ListState::NeedsMapping);
        drops.map(&name, &json!({ "answers": { "date_order": "day_first" } })).await.unwrap();
        drops.run().await;
        assert_eq!((drops.look(&name).await.state, drops.world.ghl.contact_count()), (ListState::Done, 1));
    });
}

#[test]
fn a_handed_in_list_can_be_undone_if_that_was_said() {
    block_on_paused(async {
        let drops = Drops::begin();
        let name = drops.hand_in("d.csv", "Name,Email\nAda,ada@example.com\n", true).await;
        drops.map(&name, &json!({ "undoable": true })).await.unwrap();
        drops.run().await;
        assert_eq!(drops.world.ghl.contact_count(), 1);
        let import = told(&drops.look(&name).await)["import_id"].as_str().unwrap().parse().unwrap();
        let asked = drops.world.operator().undo_import(&loc(), &import, None, EpochMs::NEVER).await.unwrap();
        assert_eq!((asked.asked, asked.not_undoable), (1, 0));
        drops.world.run_until_settled(HOUR).await.unwrap();
        assert_eq!(drops.world.ghl.contact_count(), 0);
    });
}

#[test]
fn where_nothing_can_be_undone_a_list_says_so_before_it_is_sent_and_is_not_tried_for_ever() {
    block_on_paused(async {
        let mut setup = exact();
        setup.locations.values_mut().for_each(|settings| settings.api = Api::V1);
        let drops = Drops::knowing_nothing(setup.start());
        let refused = drops.lists().hand_in(&loc(), "v1.csv", 9, true).await.unwrap_err().to_string();
        assert!(refused.starts_with("undoable"), "{refused}");
        let name = drops.hand_in("v1.csv", PEOPLE, false).await;
        drops.map(&name, &json!({ "undoable": true })).await.unwrap();
        drops.run().await;
        let ended = drops.look(&name).await;
        assert_eq!(ended.state, ListState::Refused);
        assert!(told(&ended)["reason"].as_str().unwrap().contains("undoable"), "{ended:?}");
    });
}

#[test]
fn what_cannot_be_a_list_or_a_mapping_is_refused_by_name() {
    block_on_paused(async {
        let drops = Drops::begin();
        let refused = |name: &'static str, size: u64| {
            let lists = drops.lists();
            async move { lists.hand_in(&loc(), name, size, false).await.unwrap_err().to_string() }
        };
        assert!(refused("a.csv", 0).await.starts_with("size"));
        assert!(refused("a.csv", (64 << 20) + 1).await.starts_with("size"));
        assert!(refused("a.csv.mapping.json", 9).await.starts_with("name"));
        let nobodys = "nobody".parse().unwrap();
        let unknown = drops.lists().hand_in(&nobodys, "a.csv", 9, false).await;
        assert!(matches!(unknown, Err(ListsError::UnknownLocation(_))));
        let name = drops.hand_in("e.csv", PEOPLE, false).await;
        let wrong = drops.map(&name, &json!({ "colums": {} })).await.unwrap_err().to_string();
        assert!(wrong.starts_with("mapping") && wrong.contains("colums"), "{wrong}");
        let nothing = ListName::try_from("nothing.csv".to_owned()).unwrap();
        assert!(matches!(drops.lists().look(&loc(), &nothing).await, Err(ListsError::UnknownList)));
        assert!(matches!(drops.map(&nothing, &json!({})).await, Err(ListsError::UnknownList)));
    });
}

#[test]
fn a_handed_in_list_is_held_and_then_sent_whatever_dies() {
    let awaits = each_await(|awaits| async move {
        let drops = Drops::begin();
        let name = drops.hand_in("f.csv", PEOPLE, false).await;
        let died = drops.run_dying(|number| (number <= 6).then_some(awaits)).await;
        assert_eq!((drops.look(&name).await.state, drops.world.ghl.contact_count()), (ListState::Held, 0));
        drops.map(&name, &json!({})).await.unwrap();
        drops.run_dying(|number| (number <= 6).then_some(awaits)).await;
        let done = drops.look(&name).await;
        assert_eq!((done.state, &told(&done)["records"]["synced"]), (ListState::Done, &2.into()));
        assert_eq!((drops.world.ghl.contact_count(), drops.world.ghl.doubles().len()), (2, 0));
        died > 0
    });
    assert!(awaits >= 10, "a step has more awaits than {awaits}");
}

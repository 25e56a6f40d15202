//! `import --api`: sends a list through a stack in a separate process.

use std::collections::BTreeSet;

use super::*;

const LIST: &str = "First Name,Email,City\n\
                    Ada,ada@example.com,London\n\
                    Grace,grace@example.com,Boston\n\
                    ,,\n\
                    Alan,alan@example.com,Leeds\n\
                    ,,Nowhere\n";

/// A stack in a separate process.
pub(super) struct Remote {
    _running: Running,
    folder: PathBuf,
    url: String,
    pub(super) key: String,
}

impl Remote {
    pub(super) fn start(test: &str) -> Remote {
        let folder = folder(test);
        let (file, port) = (folder.join("env"), free_ports().to_string());
        let mut running = Running::start(local(&["up", "--port", &port, "--env-file", text(&file)]).args(QUICK));
        running.until("up;");
        let written = std::fs::read_to_string(&file).unwrap();
        let value = |name: &str| written.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        Remote { _running: running, folder, url: value("API_URL="), key: value("API_KEY=") }
    }

    fn import(&self, list: &str, args: &[&str]) -> Command {
        let file = self.folder.join("list.csv");
        std::fs::write(&file, list).unwrap();
        let mut command = local(&["import", text(&file), "--location", "loc_demo", "--api", &self.url, "--yes"]);
        command.args(["--json", "report.json", "--results", "results.csv"]).args(args);
        command.env("GHL_SYNC_API_KEY", &self.key).env("HOME", &self.folder).current_dir(&self.folder);
        command
    }

    /// Output of a command for this stack, which must end well.
    pub(super) fn say(&self, args: &[&str]) -> String {
        let ended = self.run(args, &self.key);
        assert_eq!(ended.status, Some(0), "{args:?}: {}{}", ended.out, ended.err);
        ended.out
    }

    /// Runs a command for this stack with this key.
    pub(super) fn run(&self, args: &[&str], key: &str) -> Ended {
        let mut command = local(args);
        run(command.args(["--api", &self.url]).env("GHL_SYNC_API_KEY", key))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    fn report(&self) -> Value {
        serde_json::from_str(&self.read("report.json")).unwrap()
    }
}

#[test]
fn a_list_goes_through_a_stack_and_the_end_of_each_row_is_told() {
    let stack = Remote::start("through");
    let first = run(&mut stack.import(LIST, &["--allow-rejects"]));
    assert_eq!(first.status, Some(0), "{}{}", first.out, first.err);
    for words in ["it knows the location", "3 records put into the stack", "3 in GHL"] {
        assert!(first.out.contains(words), "{words}: {}", first.out);
    }
    let report = stack.report();
    assert_eq!(whole(&report, "/records/synced"), 3);
    assert_eq!(whole(&report, "/import/left_out"), 1);
    let results = stack.read("results.csv");
    let states: Vec<&str> = results.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
    assert_eq!(states, ["synced"; 3]);
    let ids: BTreeSet<&str> =
        results.lines().skip(1).map(|line| line.split(',').nth(3).unwrap()).filter(|id| !id.is_empty()).collect();
    assert_eq!(ids.len(), 3, "GHL's ids are told: {results}");
    // The same list again needs no call, except for the changed row.
    let again = run(&mut stack.import(&LIST.replace("London", "Paris"), &["--allow-rejects"]));
    assert_eq!(again.status, Some(0), "{}{}", again.out, again.err);
    assert!(again.out.contains("1 records put into the stack, 2 need no call"), "{}", again.out);
    // A row left out has its own exit status.
    assert_eq!(run(&mut stack.import(LIST, &[])).status, Some(3));
}

#[test]
fn a_paused_location_keeps_what_was_put_and_the_next_run_tells_its_end() {
    let stack = Remote::start("paused");
    stack.say(&["pause", "--location", "loc_demo", "--note", "stocktaking"]);
    let status = stack.say(&["status", "--location", "loc_demo"]);
    assert!(status.contains("paused") && status.contains("stocktaking"), "{status}");
    let paused = run(&mut stack.import(LIST, &["--allow-rejects"]));
    assert_eq!(paused.status, Some(1), "{}{}", paused.out, paused.err);
    assert!(paused.out.contains("waits (operator)"), "{}", paused.out);
    assert_eq!(whole(&stack.report(), "/records/pending"), 3);
    stack.say(&["resume", "--location", "loc_demo"]);
    let resumed = run(&mut stack.import(LIST, &["--allow-rejects"]));
    assert_eq!(resumed.status, Some(0), "{}{}", resumed.out, resumed.err);
    assert_eq!(whole(&stack.report(), "/records/synced"), 3);
}

#[test]
fn what_is_wrong_with_the_way_to_the_stack_is_said_at_once() {
    let stack = Remote::start("wrong");
    let started = Instant::now();
    let wrong_key = run(stack.import(LIST, &[]).env("GHL_SYNC_API_KEY", "not-a-key"));
    assert_eq!(wrong_key.status, Some(1), "{}", wrong_key.out);
    assert!(wrong_key.err.contains("401") && wrong_key.err.contains("GHL_SYNC_API_KEY"), "{}", wrong_key.err);
    assert!(!wrong_key.err.contains("not-a-key"));
    let no_key = run(stack.import(LIST, &[]).env_remove("GHL_SYNC_API_KEY"));
    assert_eq!(no_key.status, Some(2));
    assert!(no_key.err.contains("GHL_SYNC_API_KEY"), "{}", no_key.err);
    let list = stack.folder.join("list.csv");
    let elsewhere = |url: &str, location: &str| {
        let mut command = local(&["import", text(&list), "--location", location, "--api", url, "--yes"]);
        run(command.env("GHL_SYNC_API_KEY", &stack.key).env("HOME", &stack.folder))
    };
    let unknown = elsewhere(&stack.url, "loc_other");
    assert_eq!(unknown.status, Some(1));
    assert!(unknown.err.contains("404") && unknown.err.contains("--location"), "{}", unknown.err);
    let nobody = elsewhere("http://127.0.0.1:1", "loc_demo");
    assert_eq!(nobody.status, Some(1));
    assert!(nobody.err.contains("cannot be reached"), "{}", nobody.err);
    let clear = elsewhere("http://stack.example", "loc_demo");
    assert_eq!(clear.status, Some(2));
    assert!(clear.err.contains("in the clear"), "{}", clear.err);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn what_failed_is_listed_looked_at_and_given_another_chance_from_a_terminal() {
    let stack = Remote::start("failures");
    let list = "First Name,Email\nAda,ada@example.com\n";
    let sent = run(&mut stack.import(list, &["--map", "First Name=contact.firstName"]));
    assert_eq!(sent.status, Some(0), "{}{}", sent.out, sent.err);
    let of = |args: &[&'static str]| stack.say(&[args, &["--location", "loc_demo"]].concat());
    assert_eq!(of(&["failed"]), "nothing stands as failed\n");
    let id = stack.read("results.csv").lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned();
    let key = format!("contact#{id}");
    let record = stack.say(&["record", &key, "--location", "loc_demo"]);
    assert!(record.contains("accepted") && record.contains(&key), "{record}");
    let json: Value = serde_json::from_str(&stack.say(&["record", &key, "--location", "loc_demo", "--json"])).unwrap();
    assert_eq!(json["state"], "accepted");
    assert!(of(&["replay", "--all"]).contains("0 are due again"));
    let found = of(&["records", "ADA"]);
    assert!(found.starts_with("accepted") && found.contains(&key) && found.contains("ada@example.com"), "{found}");
    assert_eq!(of(&["records", "--state", "due"]), "there is none\n");
    assert_eq!(of(&["failures"]), "nothing stands as failed\n");
    assert!(stack.say(&["forget", &key, "--location", "loc_demo"]).contains("1 records are forgotten"));
    assert_eq!(of(&["records"]), "there is none\n");
    let again = run(&mut stack.import(list, &["--map", "First Name=contact.firstName"]));
    assert_eq!(again.status, Some(0), "{}{}", again.out, again.err);
    let erased = of(&["erase", "--email", "ADA@example.com", "--yes"]);
    assert!(erased.contains(&key) && erased.contains("in GHL it still is"), "{erased}");
    assert_eq!(of(&["erase", "--email", "ada@example.com", "--yes"]), "nothing is kept of them here\n");
    let unknown = run(local(&["record", "contact#nobody", "--location", "loc_demo", "--api", &stack.url])
        .env("GHL_SYNC_API_KEY", &stack.key));
    assert_eq!(unknown.status, Some(1));
    assert!(unknown.err.contains("404"), "{}", unknown.err);
}

#[test]
fn what_became_of_records_is_told_from_a_terminal_and_goes_on_where_it_ended() {
    let stack = Remote::start("outcomes");
    let sent = run(&mut stack.import(LIST, &["--allow-rejects"]));
    assert_eq!(sent.status, Some(0), "{}{}", sent.out, sent.err);
    let (started, mut told, mut since) = (Instant::now(), String::new(), "1h".to_owned());
    while told.matches("record.accepted").count() < 3 || !told.contains("import.finished") {
        assert!(started.elapsed() < PATIENCE, "{told}");
        let mut command = local(&["outcomes", "--location", "loc_demo", "--since", &since, "--api", &stack.url]);
        let ended = run(command.env("GHL_SYNC_API_KEY", &stack.key));
        assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
        told += &ended.out;
        since = ended.err.trim().rsplit(' ').next().unwrap().to_owned();
    }
    // Each outcome is delivered at least once; their ids identify repetitions.
    let told_of = |what: &str| -> BTreeSet<&str> {
        told.lines().filter_map(|line| line.split_once(what)).map(|(_, about)| about).collect()
    };
    let (records, imports) = (told_of("record.accepted"), told_of("import.finished"));
    assert_eq!((records.len(), imports.len()), (3, 1), "{told}");
    assert!(!told.contains("example.com"), "{told}");
    for line in stack.say(&["outcomes", "--json"]).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["id"].as_str().unwrap().starts_with("evt_"), "{line}");
    }
}

#[test]
fn ctrl_c_ends_the_waiting_and_tells_what_is_pending() {
    let stack = Remote::start("interrupted-waiting");
    stack.say(&["pause", "--location", "loc_demo", "--for", "10m"]);
    let mut importing = Running::start(&mut stack.import(LIST, &["--allow-rejects"]));
    importing.until("3 records put into the stack");
    let (out, status) = importing.interrupt();
    assert_eq!(status.code(), Some(1), "{out}");
    assert!(out.contains("3 pending") && out.contains("interrupted"), "{out}");
    assert_eq!(whole(&stack.report(), "/records/pending"), 3);
}

#[test]
fn a_list_is_an_import_of_the_stack_that_is_listed_cancelled_and_replayed_from_a_terminal() {
    let stack = Remote::start("imports");
    let of = |args: &[&str]| stack.say(&[args, &["--location", "loc_demo"]].concat());
    assert_eq!(of(&["imports"]), "no imports\n");
    of(&["pause"]);
    let paused = run(&mut stack.import(LIST, &["--allow-rejects"]));
    assert_eq!(paused.status, Some(1), "{}{}", paused.out, paused.err);
    let report = stack.report();
    let id = report["import_id"].as_str().unwrap();
    assert!(id.starts_with("list-csv-") && paused.out.contains(id), "{id}: {}", paused.out);
    let listed = of(&["imports"]);
    assert!(listed.contains(id) && listed.contains("complete") && listed.contains("list.csv"), "{listed}");
    let shown = of(&["imports", id]);
    for line in ["rows       4", "records    3", "pending    3", "accepted   0", "file       results.csv"] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    assert!(shown.contains("problem    1 × "), "{shown}");
    let cancelled = of(&["imports", id, "--cancel"]);
    assert!(cancelled.starts_with("3 were withdrawn and stand as failed (CANCELLED)"), "{cancelled}");
    of(&["resume"]);
    assert!(of(&["failed"]).contains("CANCELLED"));
    assert!(of(&["replay", "--import", id, "--code", "REJECTED"]).starts_with("0 are due again"));
    let failures = of(&["failures"]);
    let cause = failures.trim_end().rsplit(' ').next().unwrap();
    assert!(of(&["replay", "--cause", cause, "--kind", "opportunity", "--since", "1h"]).starts_with("0 are due again"));
    let left = of(&["replay", "--cause", cause, "--without", "customFields.none"]);
    assert_eq!(left, "0 are due again, 3 were left as they are\n     3 × no_such_field\n");
    for wrong in [
        &["--cause", "nothing"][..],
        &["--all", "--without", "city"],
        &["--since", "soon"],
        &["--all", "--kind", "contact"],
        &["--cause", cause, "contact#1"],
    ] {
        let refused = run(local(&["replay", "--location", "loc_demo", "--api", &stack.url])
            .args(wrong)
            .env("GHL_SYNC_API_KEY", &stack.key));
        assert_eq!(refused.status, Some(2), "{wrong:?}: {}{}", refused.out, refused.err);
    }
    assert!(of(&["replay", "--import", id, "--cause", cause, "--since", "1h"]).starts_with("3 are due again"));
    // The same list again is the same import.
    let again = run(&mut stack.import(LIST, &["--allow-rejects"]));
    assert_eq!(again.status, Some(0), "{}{}", again.out, again.err);
    assert_eq!(stack.report()["import_id"], id);
    let json: Value = serde_json::from_str(&of(&["imports", id, "--json"])).unwrap();
    assert_eq!((&json["counts"]["accepted"]["count"], &json["state"]), (&3.into(), &"complete".into()));
    let unknown = run(local(&["imports", "nothing", "--location", "loc_demo", "--api", &stack.url])
        .env("GHL_SYNC_API_KEY", &stack.key));
    assert!(unknown.status == Some(1) && unknown.err.contains("404"), "{}", unknown.err);
}

#[test]
fn a_list_that_was_imported_undoable_is_undone_from_a_terminal() {
    let stack = Remote::start("undo");
    let of = |args: &[&str]| stack.say(&[args, &["--location", "loc_demo"]].concat());
    let undoable = ["--allow-rejects", "--undoable"];
    let imported = run(&mut stack.import(LIST, &undoable));
    assert_eq!(imported.status, Some(0), "{}{}", imported.out, imported.err);
    let id = stack.report()["import_id"].as_str().unwrap().to_owned();
    let before = of(&["imports", &id]);
    assert!(before.contains("undone     0") && before.contains("undo until "), "{before}");
    let asked = of(&["imports", &id, "--undo"]);
    assert!(asked.starts_with("3 are being undone"), "{asked}");
    let shown = || of(&["imports", &id]);
    let is_done = || shown().contains("undone     3");
    (0..600)
        .find(|_| {
            is_done() || {
                std::thread::sleep(Duration::from_millis(100));
                false
            }
        })
        .unwrap_or_else(|| panic!("{}", shown()));
    assert!(shown().contains("state      undone") && shown().contains("left       0"), "{}", shown());
    assert!(of(&["imports", &id, "--undo"]).starts_with("0 are being undone"));
    // The same list again restarts it.
    let again = run(&mut stack.import(LIST, &undoable));
    assert_eq!(again.status, Some(0), "{}{}", again.out, again.err);
    assert_eq!(whole(&stack.report(), "/records/synced"), 3);
    // An import that was not started as undoable cannot be undone.
    let other = run(&mut stack.import("Email\nzoe@example.com\n", &[]));
    assert_eq!(other.status, Some(0), "{}{}", other.out, other.err);
    let id = stack.report()["import_id"].as_str().unwrap().to_owned();
    let refused = stack.run(&["imports", &id, "--undo", "--location", "loc_demo"], &stack.key);
    assert!(refused.status == Some(1) && refused.err.contains("cannot be undone"), "{}{}", refused.out, refused.err);
    let local_only = run(local(&["import", "-", "--location", "loc_demo", "--undoable"]).env_remove("GHL_SYNC_API"));
    assert_eq!(local_only.status, Some(2), "{}{}", local_only.out, local_only.err);
}

#[test]
fn a_list_that_is_a_mirror_deletes_who_is_gone_and_nobody_when_it_looks_broken() {
    let stack = Remote::start("mirror");
    let list = |people: std::ops::Range<u32>| -> String {
        let rows = people.map(|n| format!("P{n},p{n}@example.com\n"));
        std::iter::once("First Name,Email\n".to_owned()).chain(rows).collect()
    };
    let mirror =
        |list: &str, more: &[&str]| run(stack.import(list, &["--mirror", "crm", "--on-missing", "delete"]).args(more));
    let first = mirror(&list(0..40), &[]);
    assert_eq!(first.status, Some(0), "{}{}", first.out, first.err);
    let second = mirror(&list(1..40), &[]);
    assert_eq!(second.status, Some(0), "{}{}", second.out, second.err);
    assert!(
        second.out.contains("mirror     1 are missing since the last time (delete), 1 of them changed"),
        "{}",
        second.out
    );
    let broken = mirror(&list(30..40), &[]);
    assert_eq!(broken.status, Some(1), "{}{}", broken.out, broken.err);
    assert!(broken.out.contains("29 of 39 contacts are missing"), "{}", broken.out);
    let left_out = mirror(&format!("{},,Nowhere\n", list(1..40)), &["--allow-rejects"]);
    assert!(left_out.status == Some(1) && left_out.out.contains("nobody is taken for missing"), "{}", left_out.out);
    let allowed = mirror(&list(30..40), &["--max-missing", "80%"]);
    assert_eq!(allowed.status, Some(0), "{}{}", allowed.out, allowed.err);
    let left = |text: &str| text.lines().filter(|line| line.starts_with("accepted")).count();
    let started = Instant::now();
    while left(&stack.say(&["records", "--location", "loc_demo"])) != 10 {
        assert!(started.elapsed() < PATIENCE, "who is missing is deleted");
        std::thread::sleep(Duration::from_millis(200));
    }
}

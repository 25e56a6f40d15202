//! `cargo ghl-sync migrate`.

use super::*;

/// A quota that delays nothing, and quick answers.
const FAST: &[&str] = &["--limit", "1000", "--window-ms", "1000", "--latency-ms", "1..5"];
const SMALL: &[&str] =
    &["--contacts", "20", "--fields", "6", "--opportunities", "10", "--pipelines", "2", "--stages", "5"];

/// Migrates with a report in `folder`, and returns both.
fn migrate(folder: &Path, args: &[&str]) -> (Ended, Value) {
    let file = folder.join("report.json");
    let ended = run(local(&["migrate", "--json", text(&file)]).args(args));
    (ended, report_of(&file))
}

fn report_of(file: &Path) -> Value {
    let report = std::fs::read_to_string(file).unwrap_or_else(|_| panic!("no report {}", file.display()));
    serde_json::from_str(&report).unwrap()
}

/// Number of a kind in the source, and number migrated.
fn of(report: &Value, kind: &str) -> (u64, u64) {
    (whole(report, &format!("/{kind}/source")), whole(report, &format!("/{kind}/migrated")))
}

/// Asserts that neither the product nor the sandbox finds a flaw in the result.
fn assert_flawless(report: &Value) {
    assert_eq!(report["status"], "done", "{report}");
    for kind in ["contacts", "opportunities"] {
        let (source, migrated) = of(report, kind);
        assert_eq!((source, whole(report, &format!("/{kind}/failed"))), (migrated, 0), "{kind}: {report}");
    }
    for path in ["/verify/missing", "/verify/different", "/verify/merged"] {
        assert_eq!(whole(report, path), 0, "{path}: {report}");
    }
    for path in ["/examined/missing", "/examined/surplus", "/examined/different", "/ghl/duplicates"] {
        assert_eq!(whole(report, path), 0, "{path}: {report}");
    }
    assert!(whole(report, "/ghl/max_in_any_window") <= whole(report, "/ghl/limit"), "{report}");
}

#[test]
fn a_preview_forecasts_and_writes_nothing() {
    let (ended, report) = migrate(&folder("migrate-preview"), &[FAST, SMALL, &["--dry-run"]].concat());
    assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
    assert_eq!((&report["status"], &report["dry_run"]), (&"done".into(), &true.into()));
    assert_eq!((whole(&report, "/readiness_percent"), whole(&report, "/forecast/contacts/creates")), (100, 20));
    // Missing in the target: four fields, two values, five tags.
    assert_eq!(
        (whole(&report, "/forecast/opportunities/creates"), whole(&report, "/forecast/structure/creates")),
        (10, 11)
    );
    assert_eq!((of(&report, "contacts"), report.get("verify")), ((20, 0), None));
    // Reads both accounts, their structure, and their records.
    assert!(whole(&report, "/ghl/calls") <= 18, "{report}");
    assert!(ended.out.contains("becomes shirt-size") && ended.out.contains("41 creates"), "{}", ended.out);
}

#[test]
fn a_pipeline_that_nobody_can_make_is_asked_for_and_what_was_decided_is_followed() {
    let folder = folder("migrate-pipelines");
    let data = folder.join("data");
    let common = [FAST, SMALL, &["--target-pipelines", "missing", "--data-dir", text(&data)]].concat();
    let (asked, report) = migrate(&folder, &common);
    assert_eq!((asked.status, &report["status"]), (Some(1), &"needs_input".into()), "{}{}", asked.out, asked.err);
    assert_eq!(of(&report, "contacts"), (20, 0));
    for words in ["Pipeline 1", "Pipeline 2", "approve"] {
        assert!(report["reason"].as_str().unwrap().contains(words), "{words}: {report}");
    }
    // The user decides to do without the pipelines.
    let mapped: Value = serde_json::from_str(&std::fs::read_to_string(data_of(&folder, &common)).unwrap()).unwrap();
    let skip: serde_json::Map<String, Value> = mapped["mapping"]["pipelines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pipeline| (pipeline["source_id"].as_str().unwrap().to_owned(), "skip".into()))
        .collect();
    let file = folder.join("mapping.json");
    std::fs::write(&file, serde_json::json!({ "pipelines": skip }).to_string()).unwrap();
    let (_, report) = migrate(&folder, &[common.as_slice(), &["--mapping", text(&file), "--dry-run"]].concat());
    assert_eq!((&report["status"], whole(&report, "/mapping/questions")), (&"done".into(), 0), "{report}");
    assert_eq!(whole(&report, "/forecast/opportunities/skips"), 10, "{report}");
}

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn pipelines_that_the_target_lacks_are_made_and_a_rollback_deletes_them() {
    let folder = folder("migrate-makeable");
    let data = folder.join("data");
    let common = [FAST, SMALL, &["--target-pipelines", "makeable", "--data-dir", text(&data)]].concat();
    let (ended, report) = migrate(&folder, &common);
    assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
    assert_flawless(&report);
    assert_eq!((whole(&report, "/pipelines/created"), whole(&report, "/stages/created")), (2, 5), "{report}");
    let (ended, report) = migrate(&folder, &[common.as_slice(), &["--rollback"]].concat());
    assert_eq!((ended.status, &report["status"]), (Some(0), &"rolled_back".into()), "{}{}", ended.out, ended.err);
    assert_eq!((whole(&report, "/examined/contacts"), whole(&report, "/examined/opportunities")), (0, 0));
    assert_eq!((whole(&report, "/rolled_back/structure"), whole(&report, "/rolled_back/kept")), (13, 0), "{report}");
}

/// The report of a preview, with the ids of the items to decide.
fn data_of(folder: &Path, common: &[&str]) -> PathBuf {
    let dir = folder.join("report");
    let (ended, _) = migrate(folder, &[common, &["--dry-run", "--report", text(&dir)]].concat());
    assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
    for name in ["migration.html", "migration.csv"] {
        assert!(std::fs::read_to_string(dir.join(name)).unwrap().contains("Pipeline 1"), "{name}");
    }
    dir.join("migration.json")
}

#[test]
fn what_cannot_be_migrated_is_refused_with_the_reason() {
    let folder = folder("migrate-refused");
    let file = |name: &str, content: &str| {
        let file = folder.join(name);
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (no_json, misspelt) = (file("a.json", "pipelines"), file("b.json", r#"{"pipeline":{}}"#));
    let (missing, data) = (folder.join("missing.json"), folder.join("data"));
    let cases: [(&[&str], &str); 6] = [
        (&["--source", "loc_a", "--target", "loc_a"], "--target is the same as --source"),
        (&["--ghl-url", "http://127.0.0.1:1"], "SOURCE_GHL_TOKEN"),
        (&["--mapping", &no_json], "a.json: expected value"),
        (&["--mapping", &misspelt], "b.json: unknown field `pipeline`"),
        (&["--mapping", text(&missing)], "missing.json: No such file"),
        (&["--rollback", "--data-dir", text(&data)], "no migration of these accounts"),
    ];
    for (args, reason) in cases {
        let ended = run(local(&["migrate"]).args([FAST, SMALL, args].concat()));
        assert_eq!(ended.status, Some(1), "{args:?}: {}", ended.out);
        assert!(ended.err.contains(reason), "{args:?}: {}", ended.err);
    }
    let unknown = file("c.json", r#"{"custom_fields":{"no-such-field":"skip"}}"#);
    let (ended, report) = migrate(&folder, &[FAST, SMALL, &["--mapping", &unknown]].concat());
    assert_eq!((ended.status, &report["status"]), (Some(1), &"needs_input".into()), "{}", ended.out);
    assert!(report["reason"].as_str().unwrap().contains("custom_fields.no-such-field"), "{report}");
    assert_eq!((of(&report, "contacts").1, of(&report, "tags").1), (0, 0), "{report}");
}

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn accounts_of_the_usual_size_are_migrated_whole_with_hardly_a_call_too_many() {
    let folder = folder("migrate-usual");
    let dir = folder.join("report");
    let (ended, report) = migrate(&folder, &["--latency-ms", "1..5", "--report", text(&dir)]);
    assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
    assert_flawless(&report);
    let all = [("contacts", 198), ("opportunities", 120), ("custom_fields", 35), ("pipelines", 2), ("stages", 19)];
    for (kind, count) in all {
        assert_eq!(of(&report, kind), (count, count), "{kind}: {report}");
    }
    assert_eq!((whole(&report, "/readiness_percent"), whole(&report, "/ghl/status_429")), (100, 0));
    assert!(number(&report, "/calls/ratio") <= 1.1, "{report}");
    // Everything that GHL lets nobody write is listed: creation dates, and second email addresses.
    let table = std::fs::read_to_string(dir.join("migration.csv")).unwrap();
    assert_eq!(table.matches("created at").count(), 318);
    assert!(table.contains("second-7@example.com"), "{table}");
}

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn what_a_migration_created_can_be_deleted_again_and_only_that() {
    let folder = folder("migrate-rollback");
    let data = folder.join("data");
    let common = [FAST, SMALL, &["--data-dir", text(&data)]].concat();
    let (_, report) = migrate(&folder, &common);
    assert_flawless(&report);
    let (ended, report) = migrate(&folder, &[common.as_slice(), &["--rollback"]].concat());
    assert_eq!((ended.status, &report["status"]), (Some(0), &"rolled_back".into()), "{}{}", ended.out, ended.err);
    assert_eq!((whole(&report, "/examined/contacts"), whole(&report, "/examined/opportunities")), (0, 0));
    assert_eq!((whole(&report, "/rolled_back/contacts"), whole(&report, "/rolled_back/structure")), (20, 11));
}

/// Migrates some hundred contacts despite errors, and kills the program as soon as each of `stages` has started.
fn kill_at(stages: &[&str]) {
    let folder = folder(&format!("migrate-killed-{}", stages.join("-")));
    let file = folder.join("report.json");
    let data = folder.join("data");
    let args = [
        ["migrate", "--json", text(&file), "--data-dir", text(&data)].as_slice(),
        &["--contacts", "200", "--opportunities", "100", "--limit", "200", "--window-ms", "2000"],
        // Slow enough to observe each stage.
        &["--latency-ms", "150..250", "--error-rate", "0.05", "--outage", "3s..6s", "--function-timeout", "20s"],
    ]
    .concat();
    let program = || {
        let mut program = local(&args);
        program.env("GHL_CIRCUIT_RESET_TIMEOUT", "2000").stderr(Stdio::null());
        program
    };
    for stage in stages {
        let mut killed = Running::start(&mut program());
        killed.until_stage(stage);
        killed.signal("-KILL");
    }
    let ended = run(&mut program());
    assert!(ended.out.contains("goes on with migration"), "{}", ended.out);
    let report = report_of(&file);
    assert_eq!(ended.status, Some(0), "{}", ended.out);
    assert_flawless(&report);
    assert_eq!((of(&report, "contacts"), of(&report, "custom_fields")), ((200, 200), (35, 35)));
    assert_eq!(whole(&report, "/ghl/status_429"), 0);
}

impl Running {
    /// Reads the output until `stage` has started.
    fn until_stage(&mut self, stage: &str) {
        let stages = ["connect", "discover", "map", "await_approval", "custom_fields", "custom_values", "tags"];
        let later = ["pipelines", "contacts", "opportunities", "verify", "finish"];
        let all = [stages.as_slice(), &later].concat();
        match all.iter().position(|other| *other == stage).unwrap() {
            0 => drop(self.until("migration ")),
            // The stage before it has ended. (After a kill, it may already be further.)
            place => drop(self.until_line(|line| all[place - 1..].iter().any(|stage| line.starts_with(stage)))),
        }
    }
}

#[test]
#[ignore = "takes about a minute; .ci/run runs it"]
fn a_migration_whose_process_is_told_to_end_goes_on_at_once_with_the_next_one() {
    let folder = folder("migrate-told-to-end");
    let (data, file) = (folder.join("data"), folder.join("report.json"));
    let args = [
        ["migrate", "--json", text(&file), "--data-dir", text(&data)].as_slice(),
        &["--contacts", "60", "--opportunities", "20", "--limit", "200", "--window-ms", "2000"],
        // Slow enough to observe each stage.
        &["--latency-ms", "50..100"],
    ]
    .concat();
    let mut told = Running::start(local(&args).stderr(Stdio::null()));
    told.until_stage("contacts");
    told.signal("-TERM");
    let (out, status) = told.ended();
    assert_eq!(status.code(), Some(1), "{out}");
    assert!(out.contains("stopped    interrupted; with --data-dir, the next run goes on"), "{out}");
    assert_eq!(report_of(&file)["status"], "running");

    let mut next = Running::start(local(&args).stderr(Stdio::null()));
    // Waiting for a lease or a lost message takes a minute; the remaining contacts take seconds.
    let until_contacts = next.until("contacts ");
    let seconds = until_contacts.lines().filter_map(|line| line.trim().split(" s  ").next()?.parse().ok()).max();
    assert!(seconds.unwrap_or(0) < 40, "{until_contacts}");
    let (out, status) = next.ended();
    let report = report_of(&file);
    assert_eq!(status.code(), Some(0), "{out}");
    assert_flawless(&report);
    assert_eq!((of(&report, "contacts"), of(&report, "opportunities")), ((60, 60), (20, 20)));
}

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn a_migration_that_is_killed_in_each_of_its_stages_loses_and_doubles_nothing() {
    // Anything a killed process held is released after 25 s; several migrations wait for that at once. (The last
    // stage, finish, writes one item, and is over before anyone can observe it.)
    let migrations: [&[&str]; 5] = [
        &["connect", "discover", "map"],
        &["await_approval", "custom_fields", "custom_values"],
        &["tags", "pipelines"],
        &["contacts", "opportunities"],
        &["verify"],
    ];
    std::thread::scope(|scope| {
        for stages in migrations {
            scope.spawn(move || kill_at(stages));
        }
    });
}

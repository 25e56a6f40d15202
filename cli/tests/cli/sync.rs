//! `sync`: what it sends, what its report says, and where a second run continues.

use super::*;

#[test]
fn the_sample_list_is_synced_within_its_budgets() {
    let (ended, report) = sync(&folder("sample"), &[]);
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    assert!(ended.out.contains("people     60 of 60 synced, 0 left out, 0 failed, 0 pending"), "{}", ended.out);

    let all = whole(&report, "/records/total");
    assert_eq!((all, records(&report)), (60, [60, 0, 0, 0]));
    let calls = whole(&report, "/ghl/calls");
    assert_eq!((calls, whole(&report, "/ghl/ok")), (60, 60));
    assert_eq!((whole(&report, "/ghl/status_429"), whole(&report, "/ghl/status_other")), (0, 0));
    assert!(whole(&report, "/ghl/max_in_any_window") <= whole(&report, "/ghl/limit"));
    assert_eq!((whole(&report, "/ghl/limit"), whole(&report, "/ghl/window_ms")), (100, 10_000));
    let most = u64::from(ghl_sync_engine::usecase::EngineConfig::default().concurrency);
    assert!((1..=most).contains(&whole(&report, "/ghl/max_concurrent")));
    assert_eq!(whole(&report, "/ghl/duplicates"), 0);

    let (all, calls) = (all as f64, calls as f64);
    assert!(number(&report, "/dynamodb/sync/write_requests") <= 1.2 * all, "{report}");
    // The item, the due index, and once in a record's life the index of GHL's ids.
    assert!(number(&report, "/dynamodb/sync/write_units") <= 3.5 * all, "{report}");
    assert!(number(&report, "/dynamodb/sync/gate_writes") <= 0.1 * calls, "{report}");
    assert!(number(&report, "/dynamodb/sync/read_requests") <= all, "{report}");
    assert!(number(&report, "/dynamodb/sync/read_units") > 0.0);
    assert!(number(&report, "/dynamodb/load/write_requests") <= 1.2 * all, "{report}");
    assert!(number(&report, "/dynamodb/load/write_units") <= 3.0 * all, "{report}");

    assert_eq!(whole(&report, "/sqs/messages"), 2, "60 records are two batches");
    assert!(whole(&report, "/sqs/requests") >= 4);
    assert!(whole(&report, "/lambda/invocations") >= 3 && whole(&report, "/lambda/busy_ms") > 0);
    assert_eq!(whole(&report, "/breaker/opens"), 0);
    assert!(whole(&report, "/p50_ms") <= whole(&report, "/p95_ms"));
    assert!(number(&report, "/quota_used") > 0.0 && number(&report, "/seconds") > 0.0);
    assert_eq!(number(&report, "/lower_bound_seconds"), 0.0);
    assert_eq!(report.get("stopped"), None);
}

#[test]
fn nothing_that_is_written_tells_who_the_contacts_are() {
    let folder = folder("private");
    let command = &mut local(&["sync", "--json", text(&folder.join("report.json"))]);
    let ended = run(command.args(QUICK).env("LOG_LEVEL", "trace"));
    let report = std::fs::read_to_string(folder.join("report.json")).unwrap();
    assert!(ended.out.contains("\"event\":\"call\""), "the log is on standard output");
    for words in ["amelia.hart@example.org", "Amelia", "617-555-0100", "6175550100", "Maple Street", "pit-local"] {
        for (what, text) in [("output", &ended.out), ("errors", &ended.err), ("report", &report)] {
            assert!(!text.contains(words), "the {what} tells {words}");
        }
    }
}

#[test]
fn more_records_than_the_quota_allows_are_paced_and_not_refused() {
    let args = ["--records", "100", "--locations", "2", "--limit", "20", "--window-ms", "1000"];
    let (ended, report) = sync(&folder("paced"), &args);
    assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
    assert_eq!(records(&report), [100, 0, 0, 0]);
    assert_eq!((whole(&report, "/ghl/calls"), whole(&report, "/ghl/status_429")), (100, 0));
    assert!(whole(&report, "/ghl/max_in_any_window") <= 20);
    assert_eq!(number(&report, "/lower_bound_seconds"), 2.0);
}

#[test]
fn the_legacy_api_is_synced_as_well() {
    let (ended, report) = sync(&folder("v1"), &["--api", "v1", "--records", "10"]);
    assert_eq!((ended.status, records(&report)), (Some(0), [10, 0, 0, 0]), "{}", ended.err);
    assert_eq!((whole(&report, "/ghl/calls"), whole(&report, "/ghl/ok")), (10, 10));
}

#[test]
fn a_dry_run_makes_no_call() {
    let (ended, report) = sync(&folder("dry-run"), &["--dry-run", "--records", "10"]);
    assert_eq!((ended.status, records(&report)), (Some(0), [0, 10, 0, 0]), "{}", ended.err);
    assert_eq!(whole(&report, "/ghl/calls"), 0);
    assert!(ended.out.contains("10 would have been sent (dry run)"), "{}", ended.out);
}

#[test]
fn a_second_run_goes_on_where_the_first_one_ended() {
    let folder = folder("again");
    let data = folder.join("data");
    let (_, first) = sync(&folder, &["--data-dir", text(&data), "--records", "10"]);
    assert_eq!(records(&first), [10, 0, 0, 0]);
    let (ended, second) = sync(&folder, &["--data-dir", text(&data), "--records", "12"]);
    assert_eq!((ended.status, records(&second)), (Some(0), [12, 0, 0, 0]), "{}", ended.err);
    assert_eq!((whole(&second, "/ghl/calls"), whole(&second, "/records/already_synced")), (2, 10));
    assert_eq!(whole(&second, "/ghl/duplicates"), 0);
}

#[test]
fn two_processes_do_not_share_a_data_directory() {
    let folder = folder("shared");
    let data = folder.join("data");
    let port = free_ports().to_string();
    let mut up = Running::start(&mut local(&["up", "--no-functions", "--port", &port, "--data-dir", text(&data)]));
    up.until("up;");
    let ended = run(&mut local(&["sync", "--data-dir", text(&data)]));
    assert_eq!(ended.status, Some(1));
    assert!(ended.err.contains(text(&data)) && ended.err.contains("in use by another process"), "{}", ended.err);
    drop(up);
    // A process that has ended holds nothing.
    let (ended, _) = sync(&folder, &["--data-dir", text(&data), "--records", "1"]);
    assert_eq!(ended.status, Some(0), "{}", ended.err);
}

#[test]
fn another_ghl_gets_the_records_when_it_is_named() {
    let port = free_ports().to_string();
    let mut command = local(&["sandbox", "--port", &port]);
    let mut sandbox = Running::start(command.args(QUICK).env("GHL_TOKEN", "pit-other"));
    sandbox.until("up;");
    let url = format!("http://127.0.0.1:{port}");
    let folder = folder("other-ghl");
    let report = folder.join("report.json");

    let mut command = local(&["sync", "--records", "10", "--ghl-url", &url, "--json", text(&report)]);
    let ended = run(command.env("GHL_TOKEN", "pit-other"));
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!((records(&report), whole(&report, "/ghl/calls")), ([10, 0, 0, 0], 10));
    assert_eq!(report.pointer("/ghl/counted_by"), Some(&Value::from("client")));

    let (stats, status) = sandbox.interrupt();
    assert!(status.success());
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((whole(&stats, "/calls"), whole(&stats, "/contacts"), whole(&stats, "/duplicates")), (10, 10, 0));
}

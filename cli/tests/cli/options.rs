//! Options and variables: wrong ones are named in the error, and valid ones take effect.

use super::*;

#[test]
fn bad_options_are_refused_by_name() {
    let cases: [(&[&str], &str); 13] = [
        (&["sync", "--latency-ms", "250..80"], "--latency-ms"),
        (&["sync", "--error-rate", "1.5"], "--error-rate"),
        (&["sync", "--outage", "60s..10s"], "--outage"),
        (&["sync", "--records", "0"], "--records"),
        (&["sync", "--locations", "0"], "--locations"),
        (&["sync", "--limit", "-1"], "-1"),
        (&["sync", "--limit", "0"], "--limit"),
        (&["sync", "--window-ms", "99"], "--window-ms"),
        (&["sync", "--daily", "0"], "--daily"),
        (&["sync", "--api", "v3"], "--api"),
        (&["sync", "--location", "no spaces"], "--location"),
        (&["pull", "--since", "yesterday"], "--since"),
        (&["sink"], "sink"),
    ];
    for (args, named) in cases {
        let ended = run(&mut local(args));
        assert_eq!(ended.status, Some(2), "{args:?}");
        assert!(ended.err.contains(named), "{args:?}: {}", ended.err);
    }
}

#[test]
fn a_bad_environment_is_refused_with_every_fault_in_it() {
    let mut command = local(&["sync"]);
    command.env("GHL_SYNC_BATCH_SIZE", "x").env("GHL_SYNC_CONCURRENCY", "0").env("GHL_SYNC_BATCHSIZE", "5");
    command.env("GHL_RATE_LIMIT_JITTER", "perhaps").env("LOG_LEVEL", "loud");
    let ended = run(&mut command);
    assert_eq!(ended.status, Some(1));
    let faults = [
        "5 fault(s)",
        "GHL_RATE_LIMIT_JITTER is `perhaps`; expected true or false",
        "GHL_SYNC_BATCHSIZE is not a variable of ghl-sync",
        "GHL_SYNC_BATCH_SIZE is `x`; expected a whole number from 1 to 500",
        "GHL_SYNC_CONCURRENCY is `0`; expected a whole number from 1 to 100",
        "LOG_LEVEL is `loud`",
    ];
    for fault in faults {
        assert!(ended.err.contains(fault), "{fault}: {}", ended.err);
    }
}

#[test]
fn another_ghl_needs_a_token() {
    let ended = run(&mut local(&["sync", "--ghl-url", "http://127.0.0.1:1"]));
    assert_eq!(ended.status, Some(2));
    assert!(ended.err.contains("GHL_TOKEN"), "{}", ended.err);
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let file = folder("unwritable").join("no/such/folder/report.json");
    let ended = run(local(&["sync", "--records", "1", "--json", text(&file)]).args(QUICK));
    assert_eq!(ended.status, Some(1));
    assert!(ended.err.contains(text(&file)), "{}", ended.err);
}

#[test]
fn a_setting_of_the_environment_reaches_the_functions() {
    let folder = folder("batch-size");
    let report = folder.join("report.json");
    let mut command = local(&["sync", "--records", "10", "--json", text(&report)]);
    let ended = run(command.args(QUICK).env("GHL_SYNC_BATCH_SIZE", "4"));
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(whole(&report, "/sqs/messages"), 3);
}

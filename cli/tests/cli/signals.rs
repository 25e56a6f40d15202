//! A process that is told to end or killed: its last output, and how the next one continues.

use super::*;

#[test]
fn an_interrupted_sync_still_reports_how_far_it_came() {
    let folder = folder("interrupted");
    let report = folder.join("report.json");
    // 200 records take 19 windows of a second.
    let args = ["sync", "--records", "200", "--limit", "10", "--window-ms", "1000", "--json", text(&report)];
    let mut sync = Running::start(local(&args).args(QUICK).stderr(Stdio::null()));
    sync.until("200 records put");
    std::thread::sleep(Duration::from_millis(1500));
    let (out, status) = sync.interrupt();
    assert_eq!(status.code(), Some(1));
    assert!(out.contains("stopped    interrupted"), "{out}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let [synced, .., pending] = records(&report);
    assert!(synced > 0 && pending > 0 && synced + pending == 200, "{report}");
}

#[test]
fn a_process_that_is_told_to_end_loses_and_doubles_nothing_and_the_next_one_goes_on_at_once() {
    let folder = folder("told-to-end");
    let (data, file) = (folder.join("data"), folder.join("report.json"));
    let start = || {
        let common = ["sync", "--records", "200", "--limit", "20", "--window-ms", "1000"];
        let files = ["--data-dir", text(&data), "--json", text(&file)];
        Running::start(local(&common).args(files).args(QUICK).stderr(Stdio::null()))
    };
    let report = || -> Value { serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap() };
    let mut told = start();
    told.until("200 records put");
    std::thread::sleep(Duration::from_millis(2500));
    told.signal("-TERM");
    let (out, status) = told.ended();
    assert_eq!(status.code(), Some(1));
    assert!(out.contains("no call begins any more") && out.contains("stopped    interrupted\n"), "{out}");
    let first = report();
    let [synced, .., pending] = records(&first);
    assert!(synced > 0 && pending > 0 && synced + pending == 200, "{first}");
    assert_eq!(whole(&first, "/ghl/calls"), synced, "what came of each call was written down: {first}");

    let mut next = start();
    // It reports progress after 5 s. A batch planned by another process, or a lease, would delay it for longer.
    let line = next.until_line(|line| line.contains(" calls, "));
    assert!(!line.contains("  0 calls, "), "{line}");
    let (out, status) = next.ended();
    let second = report();
    assert_eq!((status.code(), records(&second)), (Some(0), [200, 0, 0, 0]), "{out}");
    assert_eq!((whole(&second, "/ghl/calls"), whole(&second, "/records/already_synced")), (pending, synced));
    assert_eq!((whole(&second, "/ghl/duplicates"), whole(&second, "/ghl/status_429")), (0, 0));
}

#[test]
fn a_second_signal_ends_it_without_waiting_for_calls() {
    let mut sync = Running::start(local(&["sync", "--latency-ms", "9000..9500"]).stderr(Stdio::null()));
    sync.until("60 records put");
    // Calls are in flight.
    std::thread::sleep(Duration::from_millis(1500));
    let told = Instant::now();
    sync.signal("-TERM");
    sync.until("no call begins any more");
    sync.signal("-TERM");
    let (out, status) = sync.ended();
    assert_eq!(status.code(), Some(143));
    assert!(!out.contains("people     "), "no report: {out}");
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn a_process_that_is_killed_loses_and_doubles_nothing() {
    let folder = folder("killed");
    let data = folder.join("data");
    let common = ["--records", "120", "--limit", "20", "--window-ms", "1000", "--data-dir", text(&data)];
    let mut killed = Running::start(local(&["sync"]).args(common).args(QUICK).stderr(Stdio::null()));
    killed.until("120 records put");
    std::thread::sleep(Duration::from_millis(2500));
    killed.signal("-KILL");
    drop(killed);

    // The dead run holds its lease for another minute or so.
    let (ended, report) = sync(&folder, &common);
    assert_eq!(ended.status, Some(0), "{}{}", ended.out, ended.err);
    assert_eq!(records(&report), [120, 0, 0, 0]);
    assert_eq!((whole(&report, "/ghl/duplicates"), whole(&report, "/ghl/status_429")), (0, 0));
    let already = whole(&report, "/records/already_synced");
    assert!((1..120).contains(&already), "{already}");
    // Calls in flight when it died are sent again, and no others.
    assert!(whole(&report, "/ghl/calls") <= 120 - already + 5, "{report}");
}

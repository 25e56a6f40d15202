//! The program, run as a user runs it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

mod keys;
mod migrate;
mod pull;
mod real;
mod remote;

/// Answers come at once, so that a test takes no longer than it must.
const QUICK: &[&str] = &["--latency-ms", "1..5"];
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with these arguments, and with nothing in its environment.
fn local(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghl-sync"));
    command.args(args).env_clear();
    command
}

/// What the program wrote, and how it ended.
struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// An empty folder of the test of this name.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Syncs with a report in `folder`, and returns both.
fn sync(folder: &Path, args: &[&str]) -> (Ended, Value) {
    let file = folder.join("report.json");
    let ended = run(local(&["sync", "--json", text(&file)]).args(QUICK).args(args));
    let report = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no report: {}{}", ended.out, ended.err));
    (ended, serde_json::from_str(&report).unwrap())
}

/// A program that stays up; it is killed when it is dropped.
struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }

    /// Reads what it writes up to a line that starts so. What it wrote until then.
    fn until(&mut self, start: &str) -> String {
        let mut read = String::new();
        self.until_line(|line| {
            read.push_str(line);
            line.starts_with(start)
        });
        read
    }

    /// Reads what it writes up to the line that is `wanted`.
    fn until_line(&mut self, mut wanted: impl FnMut(&str) -> bool) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it ended before the line that was waited for");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Ends it with Ctrl-C. What it wrote meanwhile, and its status.
    fn interrupt(self) -> (String, ExitStatus) {
        self.signal("-INT");
        self.ended()
    }

    /// Waits for its end. What it wrote meanwhile, and its status.
    fn ended(mut self) -> (String, ExitStatus) {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(started.elapsed() < PATIENCE, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, status)
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first of four free ports in a row. They are below those that a system gives to whoever asks for any, and each is
/// given once: no other test takes them before they are used.
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_process = 10_000 + u16::try_from(std::process::id() % 500).unwrap() * 50;
    (0..10)
        .map(|_| of_process + NEXT.fetch_add(5, Ordering::Relaxed))
        .find(|first| (*first..first + 5).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()))
        .unwrap()
}

fn whole(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no whole number {path} in {value}"))
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number {path} in {value}"))
}

/// Synced, skipped, failed, pending.
fn records(report: &Value) -> [u64; 4] {
    ["synced", "skipped", "failed", "pending"].map(|state| whole(report, &format!("/records/{state}")))
}

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
    assert!((1..=5).contains(&whole(&report, "/ghl/max_concurrent")));
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
    // A process that is gone holds nothing.
    let (ended, _) = sync(&folder, &["--data-dir", text(&data), "--records", "1"]);
    assert_eq!(ended.status, Some(0), "{}", ended.err);
}

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
fn a_setting_of_the_environment_reaches_the_functions() {
    let folder = folder("batch-size");
    let report = folder.join("report.json");
    let mut command = local(&["sync", "--records", "10", "--json", text(&report)]);
    let ended = run(command.args(QUICK).env("GHL_SYNC_BATCH_SIZE", "4"));
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(whole(&report, "/sqs/messages"), 3);
}

#[test]
fn a_file_that_is_no_contact_list_is_refused_with_the_reason() {
    let folder = folder("not-a-list");
    let missing = run(&mut local(&["sync", text(&folder.join("missing.csv"))]));
    assert_eq!(missing.status, Some(1));
    assert!(missing.err.contains("missing.csv: No such file"), "{}", missing.err);

    let cases: [(&str, &[u8], &str); 8] = [
        ("empty.csv", b"", "the file is empty"),
        ("blank.csv", b" \r\n\r\n", "the file is empty"),
        ("archive.zip", b"PK\x03\x04rest", "a ZIP archive"),
        ("login.csv", b"<!DOCTYPE html><title>Log in</title>", "an HTML page"),
        ("list.pdf", b"%PDF-1.7", "a PDF document"),
        ("binary.csv", b"\0\x01\x02\x03\x04\x05\x06\x07", "binary data"),
        ("no-header.csv", b"Ada,ada@example.com\n", "no row names the columns"),
        ("no-column.csv", b"City,Score\nBoston,7\n", "the columns are: City, Score"),
    ];
    for (name, bytes, reason) in cases {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let ended = run(&mut local(&["sync", text(&file)]));
        assert_eq!(ended.status, Some(1), "{name}");
        assert!(ended.err.starts_with("error: ") && ended.err.contains(reason), "{name}: {}", ended.err);
        assert!(!ended.err.contains("ada@"), "{name}: {}", ended.err);
    }
}

#[test]
fn lists_in_other_encodings_are_understood() {
    let folder = folder("encodings");
    let list = "First Name,Email\r\nZoë,zoe@example.com\r\nJosé,jose@example.com\r\n";
    let utf16 = std::iter::once(0xfeff).chain(list.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin1: Vec<u8> = list.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let with_mark = format!("\u{feff}{list}").into_bytes();
    let cases: [(&str, Vec<u8>, &str); 3] = [
        ("utf16.csv", utf16, "UTF-16LE"),
        ("latin1.csv", latin1.clone(), "windows-1252"),
        ("mark.csv", with_mark, "UTF-8"),
    ];
    for (name, bytes, encoding) in cases {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let told = if name == "latin1.csv" { vec!["--encoding", encoding] } else { vec![] };
        let (ended, report) = sync(&folder, &[&[text(&file)], told.as_slice()].concat());
        assert_eq!((ended.status, records(&report)), (Some(0), [2, 0, 0, 0]), "{name}: {}", ended.err);
        assert!(ended.out.contains(encoding), "{name}: {}", ended.out);
    }

    // What is not proven is asked, and nothing is put.
    let file = folder.join("latin1.csv");
    std::fs::write(&file, latin1).unwrap();
    let (ended, report) = sync(&folder, &[text(&file)]);
    assert_eq!(ended.status, Some(2), "{}", ended.err);
    assert!(ended.err.contains("--encoding windows-1252") && ended.err.contains("Zoë"), "{}", ended.err);
    assert_eq!(report.pointer("/import/questions/0/question"), Some(&Value::from("encoding")));
}

#[test]
fn good_rows_go_on_without_the_bad_ones() {
    let folder = folder("bad-rows");
    let file = folder.join("list.csv");
    let rows = [
        "First Name,Last Name,Email,Phone,Shoe Size",
        "Ada,Byron,ada@example.com,+1 617-555-0100,7",
        "Grace,Hopper,this is no address,+1 617-555-0101,8",
        ",,,,9",
        "Ada,Byron,ADA@example.com,+1 617-555-0100,7",
        "Alan,Turing,alan@example.com,call me,10",
        "Too,Few",
        "",
        "Edsger,Dijkstra,edsger@example.com,,,surplus",
    ];
    std::fs::write(&file, rows.join("\n")).unwrap();
    let (rejects, results) = (folder.join("rejects.csv"), folder.join("results.csv"));
    let (ended, report) = sync(&folder, &[text(&file), "--rejects", text(&rejects), "--results", text(&results)]);
    assert_eq!(ended.status, Some(3), "{}", ended.err);
    assert_eq!((whole(&report, "/records/total"), records(&report)), (4, [4, 0, 0, 0]));
    for line in [
        "rows read:       7, of which 4 became contacts and 3 were left out; 1 blank rows besides",
        "columns not used: Shoe Size",
        "row 3, column `Email`: is not an e-mail address (value left out)",
        "row 4: has no e-mail address, phone number, name or company",
        "row 5: has the e-mail address of row 2",
        "row 6, column `Phone`: is not a phone number (value left out)",
        "row 9: has 6 cells, and the header has 5",
    ] {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
    let counts = ["rows", "accepted", "left_out", "header_row"].map(|name| whole(&report, &format!("/import/{name}")));
    assert_eq!(counts, [7, 4, 3, 1]);
    let problem = report
        .pointer("/import/problems")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .find(|problem| problem["row"] == 3);
    assert_eq!(problem.unwrap()["field"], "email");
    let rejected = std::fs::read_to_string(rejects).unwrap();
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(lines[0], "First Name,Last Name,Email,Phone,Shoe Size,_row,_column,_problem");
    assert_eq!(lines.len(), 6, "{rejected}");
    assert!(lines[1].starts_with("Grace,Hopper,this is no address,+1 617-555-0101,8,3,Email,"), "{rejected}");
    let results = std::fs::read_to_string(results).unwrap();
    let states: Vec<&str> = results.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(states, ["synced"; 4], "{results}");

    // Corrected, the same rows are the same records; what is only told may be allowed.
    let (ended, report) = sync(&folder, &[text(&file), "--allow-rejects"]);
    assert_eq!((ended.status, whole(&report, "/import/left_out")), (Some(0), 3));
    assert!(!ended.out.contains("this is no address") && !ended.out.contains("call me"), "{}", ended.out);
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let file = folder("unwritable").join("no/such/folder/report.json");
    let ended = run(local(&["sync", "--records", "1", "--json", text(&file)]).args(QUICK));
    assert_eq!(ended.status, Some(1));
    assert!(ended.err.contains(text(&file)), "{}", ended.err);
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

#[test]
fn another_ghl_needs_a_token() {
    let ended = run(&mut local(&["sync", "--ghl-url", "http://127.0.0.1:1"]));
    assert_eq!(ended.status, Some(2));
    assert!(ended.err.contains("GHL_TOKEN"), "{}", ended.err);
}

#[test]
fn up_writes_what_a_function_needs_and_stays_until_it_is_stopped() {
    let folder = folder("up");
    let (file, port) = (folder.join("env"), free_ports());
    let mut up = Running::start(&mut local(&["up", "--port", &port.to_string(), "--env-file", text(&file)]));
    up.until("up;");
    let written = std::fs::read_to_string(&file).unwrap();
    let value = |name: &str| {
        let line = written.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in {written}")).to_owned()
    };
    let names = [
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_EVENTBRIDGE",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_ENDPOINT_URL_SQS",
        "AWS_ENDPOINT_URL_SSM",
        "RECORDS_TABLE",
        "STATE_TABLE",
        "BATCH_QUEUE_URL",
        "DEAD_LETTER_QUEUE_URL",
        "PARKING_QUEUE_URL",
        "MIGRATION_QUEUE_URL",
        "INGEST_QUEUE_URL",
        "INGEST_DEAD_LETTER_QUEUE_URL",
        "OUTCOMES_QUEUE_URL",
        "IMPORT_BUCKET",
        "IMPORT_QUEUE_URL",
        "API_KEY",
        "API_KEYS",
        "API_URL",
        "GHL_BASE_URL",
        "GHL_V1_BASE_URL",
        "GHL_ALLOW_INSECURE_URL",
        "GHL_TOKEN",
        "GHL_LOCATIONS",
        "GHL_LOCATION_TOKENS",
    ];
    assert!(names.iter().all(|name| !value(name).is_empty()));
    assert_eq!(written.lines().count(), names.len());
    for (name, offset) in
        [("GHL_BASE_URL", 0), ("AWS_ENDPOINT_URL_DYNAMODB", 1), ("AWS_ENDPOINT_URL_SQS", 2), ("AWS_ENDPOINT_URL_S3", 4)]
    {
        assert_eq!(value(name), format!("http://127.0.0.1:{}", port + offset));
        TcpStream::connect((Ipv4Addr::LOCALHOST, port + offset)).unwrap();
    }
    let (_, status) = up.interrupt();
    assert!(status.success());
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_err();
}

#[test]
fn up_reconciles_its_location_again_and_again_without_being_asked() {
    let port = free_ports().to_string();
    let mut command = local(&["up", "--port", &port, "--reconcile-every", "1s"]);
    let mut up = Running::start(command.args(QUICK).env("LOG_LEVEL", "info"));
    for _ in 0..2 {
        let line = up.until_line(|line| line.contains(r#""event":"reconciled""#));
        assert!(line.contains(r#""location":"loc_demo""#) && line.contains(r#""ended":"caught_up""#), "{line}");
    }
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in ["up", "sandbox"] {
        let ended = run(&mut local(&[command, "--port", &port]));
        assert_eq!(ended.status, Some(1), "{command}");
        assert!(ended.err.contains("in use"), "{command}: {}", ended.err);
    }
}

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
    // After 5 s it tells how far it is. A batch that somebody else had planned, or a lease, would hold it up for longer.
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
    // Calls are under way.
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
    // What was under way when it died is sent again, and no more.
    assert!(whole(&report, "/ghl/calls") <= 120 - already + 5, "{report}");
}

#[test]
#[ignore = "takes more than a minute; .ci/run runs it"]
fn a_bench_measures_and_what_it_wrote_tells_the_costs_again() {
    let file = folder("bench").join("bench.json");
    let measured = run(&mut local(&["bench", "--quick", "--json", text(&file)]));
    assert_eq!(measured.status, Some(0), "{}", measured.err);
    let priced = run(&mut local(&["bench", "--cost", text(&file)]));
    assert!(measured.out.ends_with(&priced.out), "{}", priced.out);

    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let rows = |name: &str| report[name].as_array().unwrap().clone();
    for row in rows("fan_out") {
        // Theirs, and that of the location that all others are copies of.
        assert_eq!(whole(&row, "/started"), whole(&row, "/stock/locations") + 1);
        assert_eq!(row["next_tick"]["requests"]["messages"], 0);
    }
    for row in rows("throughput") {
        assert_eq!((&row["throttled"], &row["pending"]), (&0.into(), &0.into()));
        // On a busy machine a connection may break, and its call is made again.
        let again = row["calls"].as_u64().unwrap() - row["records"].as_u64().unwrap();
        assert!(again <= 5, "{row}");
    }
    assert_eq!(report["sweep"]["sweep"]["requests"]["gate_writes"], 0);
}

//! `pull`: changes from a GHL that is simulated here.

use std::collections::BTreeSet;
use std::io::Write;

use super::*;

/// Change time of the first contact; each further one follows a second later.
const FIRST: u64 = 1_790_000_000_000;

/// Starts a GHL with `contacts` contacts, one of which may be longer than 1 MB. Returns its URL.
fn ghl(contacts: usize, long: Option<usize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || while answer(stream.as_ref().unwrap(), contacts, long).is_some() {});
        }
    });
    url
}

/// Answers one search; `None` at the end of the connection.
fn answer(mut stream: &TcpStream, contacts: usize, long: Option<usize>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let limit = asked["pageLimit"].as_u64().unwrap() as usize;
    let time = |n: usize| humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_millis(at(n)));
    let since = asked["filters"][0]["value"]["gte"].as_str().unwrap();
    let first = match asked["searchAfter"][0].as_u64() {
        Some(after) => (0..contacts).find(|n| at(*n) > after).unwrap_or(contacts),
        None => (0..contacts).find(|n| time(*n).to_string().as_str() >= since).unwrap_or(contacts),
    };
    let shown: Vec<Value> = (first..contacts.min(first + limit))
        .map(|n| {
            let (id, email) = (format!("c{n}"), format!("p{n}@example.test"));
            let notes = "x".repeat(if long == Some(n) { 1_500_000 } else { 0 });
            let (updated, after) = (time(n).to_string(), at(n));
            serde_json::json!({ "notes": notes, "email": email, "id": id, "dateUpdated": updated, "searchAfter": [after, id] })
        })
        .collect();
    let said = serde_json::json!({ "contacts": shown, "total": contacts }).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", said.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(said.as_bytes())).ok()
}

fn at(n: usize) -> u64 {
    FIRST + 1000 * n as u64
}

fn pull(url: &str, since: &str, options: &[&str]) -> Command {
    let mut command = local(&["pull", "--since", since, "--ghl-url", url]);
    command.args(options).env("GHL_TOKEN", "pit-test");
    command
}

/// Ids of the printed contacts, each a whole line.
fn ids(out: &str) -> BTreeSet<String> {
    assert!(out.is_empty() || out.ends_with('\n'), "{out}");
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    out.lines().map(id).collect()
}

#[test]
fn a_pull_that_is_told_to_end_has_printed_whole_lines_and_says_how_to_go_on() {
    let folder = folder("pull-interrupted");
    let (url, errors) = (ghl(500, None), folder.join("errors"));
    for signal in ["-TERM", "-INT"] {
        let mut command = pull(&url, "2020-01-01", &["--limit", "2", "--window-ms", "10000"]);
        let mut running = Running::start(command.stderr(std::fs::File::create(&errors).unwrap()));
        let mut out = String::new();
        running.until_line(|line| {
            out.push_str(line);
            line.contains("\"c199\"")
        });
        running.signal(signal);
        let (rest, status) = running.ended();
        out.push_str(&rest);
        let told = std::fs::read_to_string(&errors).unwrap();
        assert_eq!((status.code(), ids(&out).len()), (Some(1), 200), "{told}");
        assert!(told.contains("200 contacts were printed") && told.contains("interrupted"), "{told}");
        let since = told.lines().find_map(|line| line.strip_prefix("go on with --since ")).unwrap();
        let next = run(&mut pull(&url, since, &[]));
        assert_eq!(next.status, Some(0), "{}", next.err);
        let (first, next) = (ids(&out), ids(&next.out));
        assert_eq!((first.union(&next).count(), first.intersection(&next).count()), (500, 1));
    }
}

#[test]
fn a_contact_that_is_too_long_is_passed_over_and_named_by_a_pull() {
    let ended = run(&mut pull(&ghl(250, Some(120)), "2020-01-01", &[]));
    assert_eq!((ended.status, ids(&ended.out).len()), (Some(3), 249), "{}", ended.err);
    assert!(ended.err.contains("passed over: contact c120, changed at 2026-"), "{}", ended.err);
    assert!(!ended.out.contains("\"c120\"") && !ended.err.contains("xxx"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_pull_whose_output_cannot_be_written_says_so_and_stops() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = pull(&ghl(500, None), "2020-01-01", &[]);
    let ended = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot be written") && told.contains("0 contacts were printed"), "{told}");
}

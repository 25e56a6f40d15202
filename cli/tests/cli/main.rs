//! Runs the program like a user.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

mod bench;
mod keys;
mod lists;
mod locations;
mod migrate;
mod options;
mod pull;
mod real;
mod remote;
mod signals;
mod sync;
mod up;

/// Quick answers, so that a test takes no longer than necessary.
const QUICK: &[&str] = &["--latency-ms", "1..5"];
const PATIENCE: Duration = Duration::from_secs(300);

/// The program with these arguments and an empty environment.
fn local(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghl-sync"));
    command.args(args).env_clear();
    command
}

/// Output and status of a program.
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

/// An empty folder for the test of this name.
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

/// A running program, killed when dropped.
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

    /// Reads the output up to a line that starts with `start`. Returns what came before.
    fn until(&mut self, start: &str) -> String {
        let mut read = String::new();
        self.until_line(|line| {
            read.push_str(line);
            line.starts_with(start)
        });
        read
    }

    /// Reads the output up to the line that is `wanted`.
    fn until_line(&mut self, mut wanted: impl FnMut(&str) -> bool) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it ended before the line that was waited for");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Ends it with Ctrl-C. Returns the rest of its output and its status.
    fn interrupt(self) -> (String, ExitStatus) {
        self.signal("-INT");
        self.ended()
    }

    /// Waits for its end. Returns the rest of its output and its status.
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

/// The first of six consecutive free ports. They are below those that a system assigns automatically, and each is
/// given out once, so that no other test takes them before they are used.
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_process = 10_000 + u16::try_from(std::process::id() % 400).unwrap() * 60;
    (0..10)
        .map(|_| of_process + NEXT.fetch_add(6, Ordering::Relaxed))
        .find(|first| (*first..first + 6).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()))
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

//! Measures the cost of reading a long list: `cargo bench -p ghl-sync-import --bench list [-- ROWS]`.
//!
//! The list has twelve columns: names, e-mail addresses, phone numbers in several forms, addresses, dates of birth,
//! tags, consent. Some cells are unreadable, and some people appear twice. The list is read from a file, and each
//! record is dropped as soon as it is made. Rates use processor time where the system reports it, to exclude other
//! programs. Memory is the process's peak.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark should stop on bad input")]
#![allow(clippy::cast_precision_loss, clippy::as_conversions, reason = "approximate rates")]
#![allow(clippy::print_stdout, reason = "the benchmark's output")]

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use ghl_sync_import::{ByteSource, ImportOptions, RowOutcome, plan};

const FIRST: [&str; 12] =
    ["Ann", "José", "Mary Lou", "Kim", "Zoë", "Peter", "Ines", "Omar", "Li", "Grace", "Tom", "Sofía"];
const LAST: [&str; 10] =
    ["Miller", "O'Brien", "García", "Smith-Jones", "Nguyen", "van Dyk", "Brown", "Lee", "Kowalski", "Müller"];
const CITIES: [(&str, &str); 6] = [
    ("Salem", "OR"),
    ("New Orleans", "LA"),
    ("St. Paul", "Minnesota"),
    ("Austin", "TX"),
    ("Boston", "MA"),
    ("Fresno", "California"),
];
const AREAS: [u64; 8] = [202, 212, 303, 404, 504, 617, 713, 818];
const TAGS: [&str; 5] = ["", "customer", "\"customer, newsletter\"", "\"vip;fair 2025\"", "lead"];

const HEADER: &str =
    "First Name,Last Name,Email,Phone,Company Name,Address,City,State,Postal Code,Birthday,Tags,Email Opt Out";

struct BenchList(PathBuf);

impl ByteSource for BenchList {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(File::open(&self.0)?))
    }
}

fn write_list(path: &Path, rows: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{HEADER}")?;
    (0..rows).try_for_each(|row| write_row(&mut file, row))?;
    file.flush()
}

fn one_of<T: Copy, const N: usize>(all: [T; N], number: u64) -> T {
    all[usize::try_from(number % N as u64).unwrap()]
}

fn write_row(text: &mut impl Write, row: u64) -> io::Result<()> {
    // Each thousandth row repeats a person.
    let person = if row % 1000 == 999 { row / 2 } else { row };
    let bits = person.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let (first, last) = (one_of(FIRST, bits), one_of(LAST, bits >> 4));
    let (city, state) = one_of(CITIES, bits >> 8);
    let (area, line) = (one_of(AREAS, person), person / 8);
    let (exchange, line) = (200 + line / 10_000 % 800, line % 10_000);
    write!(text, "{first},{last},person.{person}@example-{}.com,", bits % 900)?;
    match bits % 16 {
        0 => write!(text, ","),
        1..6 => write!(text, "+1{area}{exchange:03}{line:04},"),
        6..12 => write!(text, "({area}) {exchange:03}-{line:04},"),
        12..15 => write!(text, "{area}-{exchange:03}-{line:04},"),
        _ => write!(text, "{area}{exchange:03}{line:04},"),
    }?;
    match bits % 7 {
        0 => write!(text, "\"{last}, {first} & Co\",\"{} Elm St, Apt {}\",", bits % 2000, bits % 40),
        1..4 => write!(text, ",{} Main Street,", bits % 2000),
        _ => write!(text, "{last} Ltd,{} Oak Ave,", bits % 2000),
    }?;
    write!(text, "{city},{state},{:05},", bits % 100_000)?;
    match bits % 500 {
        0 => write!(text, "soon,"),
        1..200 => write!(text, ","),
        _ => write!(text, "{}/{}/{},", 1 + bits % 12, 1 + bits % 28, 1940 + bits % 60),
    }?;
    writeln!(text, "{},{}", one_of(TAGS, bits >> 12), if bits.is_multiple_of(20) { "Yes" } else { "No" })
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(200_000);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("list-{}.csv", std::process::id()));
    write_list(&path, rows).unwrap();
    let list = BenchList(path);
    let before = most_memory();
    let options = ImportOptions { country: Some("US".to_owned()), ..ImportOptions::default() };
    let start = processor_time();
    let plan = plan(&list, options).unwrap();
    let planned = processor_time() - start;
    assert_eq!(plan.questions(), []);
    let mut records = plan.records(&list).unwrap();
    let mut problems = 0;
    for outcome in records.by_ref() {
        if let RowOutcome::Record(record) = outcome.unwrap() {
            problems += record.problems.len();
        }
    }
    let took = processor_time() - start;
    assert_eq!(records.tally().rows, rows);
    let bytes = std::fs::metadata(&list.0).unwrap().len();
    std::fs::remove_file(&list.0).unwrap();
    println!("{rows} rows, {:.1} MB: {:?}, {problems} problems", bytes as f64 / 1e6, records.tally());
    let rate = |time: Duration| rows as f64 / time.as_secs_f64();
    println!("plan: {planned:.2?}, {:.0} rows/s", rate(planned));
    println!("records: {:.2?}, {:.0} rows/s", took - planned, rate(took - planned));
    println!("both: {took:.2?}, {:.0} rows/s", rate(took));
    println!("most memory: {} kB, of that {before} kB before the list was read", most_memory());
}

/// Processor time of this process; wall-clock time if the system does not report it.
fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|word| word.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Peak memory in kB; 0 if the system does not report it.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default()
}

//! A stack's API from a terminal: how it stands, what failed, another chance for it, pause and resume.

use std::fmt::Write;
use std::process::ExitCode;

use ghl_sync_model::LocationId;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::args::{FailedArgs, PauseArgs, RecordArgs, ReplayArgs, ResumeArgs, StackArgs, StatusArgs};
use super::client::Remote;
use crate::{Failure, Usage};

/// Most records of a page.
const PAGE: usize = 200;

impl StackArgs {
    fn remote(&self) -> Result<Remote, Failure> {
        Remote::at(&self.api, &self.api_key)
    }

    /// Prints an answer as it is, if that was asked for, else as `words`.
    fn tell(&self, answer: &Value, words: impl FnOnce(&Value) -> String) -> Result<ExitCode, Failure> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            print!("{}", words(answer));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `ghl-sync status`. It fails where the stack does.
pub(crate) async fn status(args: StatusArgs) -> Result<ExitCode, Failure> {
    let mut answer = args.stack.remote()?.ask(Method::GET, "/v1/overview", None).await?;
    if let Some(wanted) = &args.location {
        let of_it = |location: &Value| text(location, "/id") == wanted.as_str();
        let Some(all) = answer.pointer_mut("/locations").and_then(Value::as_array_mut) else {
            return Err("the stack tells of no locations".into());
        };
        all.retain(of_it);
        if all.is_empty() {
            return Err(Usage(format!("the stack does not know location {wanted}")).into());
        }
    }
    let is_failing = text(&answer, "/health") == "failing";
    args.stack.tell(&answer, overview)?;
    Ok(if is_failing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn overview(answer: &Value) -> String {
    let mut told = format!("health     {}\n", text(answer, "/health"));
    for reason in list(answer, "/reasons") {
        line(&mut told, format_args!("           {}", reason.as_str().unwrap_or_default()));
    }
    for location in list(answer, "/locations") {
        let of = |path: &str| text(location, path);
        line(
            &mut told,
            format_args!(
                "{:<24} {:<10} due {}, failed {}, accepted {}, {} of {} calls left today",
                of("/id"),
                of("/state"),
                count(location, "/due"),
                count(location, "/failed"),
                number(location, "/counters/accepted"),
                number(location, "/quota/daily/left"),
                number(location, "/quota/daily/limit"),
            ),
        );
        let (reason, until) = (of("/waits_for/reason"), of("/waits_for/until"));
        if !reason.is_empty() {
            let until = if until.is_empty() { String::new() } else { format!(" until {until}") };
            line(&mut told, format_args!("  waits    {reason}{until}"));
        }
        for (what, path) in [("note", "/pause/note"), ("empty", "/forecast/empty_at")] {
            if !of(path).is_empty() {
                line(&mut told, format_args!("  {what:<8} {}", of(path)));
            }
        }
    }
    told
}

/// `ghl-sync record`.
pub(crate) async fn record(args: RecordArgs) -> Result<ExitCode, Failure> {
    let (kind, id) = (args.record.kind.as_str(), args.record.id.as_str());
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("kind", kind).append_pair("id", id).finish();
    let path = format!("/v1/locations/{}/records?{query}", args.location);
    let mut answer = args.stack.remote()?.ask(Method::GET, &path, None).await?;
    let record = answer.pointer_mut("/records/0").map(Value::take).unwrap_or_default();
    args.stack.tell(&record, status_of_record)
}

fn status_of_record(record: &Value) -> String {
    let mut told = format!("record     {}\n", key(record));
    let lines = [
        ("state", "/state"),
        ("GHL's id", "/ghl_id"),
        ("put", "/put_at"),
        ("accepted", "/accepted_at"),
        ("failed", "/failed_at"),
        ("due", "/due_at"),
        ("expected", "/expected_at"),
        ("waits for", "/waits_for/reason"),
        ("until", "/waits_for/until"),
        ("error", "/last_error/message"),
    ];
    for (what, path) in lines {
        let said = text(record, path);
        if !said.is_empty() {
            line(&mut told, format_args!("{what:<10} {said}"));
        }
    }
    for (what, path) in [("not stored", "/not_stored"), ("shared by", "/shares_ghl_id_with"), ("not sent", "/not_sent")]
    {
        let all: Vec<&str> = list(record, path).iter().filter_map(Value::as_str).collect();
        if !all.is_empty() {
            line(&mut told, format_args!("{what:<10} {}", all.join(", ")));
        }
    }
    told
}

/// `ghl-sync failed`: page after page.
pub(crate) async fn failed(args: FailedArgs) -> Result<ExitCode, Failure> {
    let (remote, mut cursor, mut records) = (args.stack.remote()?, None::<String>, Vec::new());
    while records.len() < args.limit {
        let page = PAGE.min(args.limit - records.len());
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("/v1/locations/{}/records?state=failed&limit={page}{after}", args.location);
        let mut answer = remote.ask(Method::GET, &path, None).await?;
        if let Some(Value::Array(page)) = answer.pointer_mut("/records").map(Value::take) {
            records.extend(page);
        }
        cursor = answer.pointer("/cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let more = if cursor.is_some() { "there are more; --limit N lists more of them\n" } else { "" };
    args.stack.tell(&Value::Array(records), |records| failures(records) + more)
}

fn failures(records: &Value) -> String {
    let mut told = String::new();
    for record in list(records, "") {
        let of = |path: &str| text(record, path);
        let (at, code) = (of("/failed_at"), of("/last_error/code"));
        line(&mut told, format_args!("{at}  {:<32} {code:<20} {}", key(record), of("/last_error/message")));
    }
    if told.is_empty() {
        told.push_str("nothing stands as failed\n");
    }
    told
}

/// `ghl-sync replay`: until all that was asked for is done.
pub(crate) async fn replay(args: ReplayArgs) -> Result<ExitCode, Failure> {
    let remote = args.stack.remote()?;
    let path = format!("/v1/locations/{}/replay", args.location);
    let mut asked = match (&args.code, &args.import, args.records.is_empty()) {
        (Some(code), None, _) => json!({ "code": code }),
        (code, Some(import), _) => json!({ "code": code, "import": import }),
        (None, None, true) => json!({ "all": true }),
        (None, None, false) => json!({ "records": args.records.iter().map(ToString::to_string).collect::<Vec<_>>() }),
    };
    const SUMS: [&str; 3] = ["replayed", "skipped", "not_written"];
    let mut sums = [0; 3];
    loop {
        let answer = remote.ask(Method::POST, &path, Some(&asked)).await?;
        for (sum, name) in sums.iter_mut().zip(SUMS) {
            *sum += answer.get(name).and_then(Value::as_u64).unwrap_or_default();
        }
        match (answer.get("cursor").filter(|cursor| !cursor.is_null()), asked.as_object_mut()) {
            (Some(cursor), Some(asked)) => _ = asked.insert("cursor".to_owned(), cursor.clone()),
            _ => break,
        }
    }
    let [replayed, skipped, not_written] = sums;
    let answer = json!({ "replayed": replayed, "skipped": skipped, "not_written": not_written });
    args.stack.tell(&answer, |_| {
        let mut told = format!("{replayed} are due again, {skipped} were left as they are\n");
        if not_written > 0 {
            line(&mut told, format_args!("{not_written} could not be written: replay again"));
        }
        told
    })?;
    Ok(if not_written > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `ghl-sync pause`.
pub(crate) async fn pause(args: PauseArgs) -> Result<ExitCode, Failure> {
    let until = args.span.map(|span| OffsetDateTime::now_utc() + span);
    let until = until.map(|until| until.replace_nanosecond(0).unwrap_or(until).format(&Rfc3339)).transpose()?;
    let asked = json!({ "until": until, "note": args.note });
    act(&args.stack, &args.location, "pause", &asked).await?;
    args.stack.tell(&asked, |_| match until {
        Some(until) => format!("{} is paused until {until}\n", args.location),
        None => format!("{} is paused until it is resumed\n", args.location),
    })
}

/// `ghl-sync resume`.
pub(crate) async fn resume(args: ResumeArgs) -> Result<ExitCode, Failure> {
    act(&args.stack, &args.location, "resume", &json!({})).await?;
    args.stack.tell(&json!({}), |_| format!("{} goes on\n", args.location))
}

async fn act(stack: &StackArgs, location: &LocationId, what: &str, asked: &Value) -> Result<(), Failure> {
    stack.remote()?.ask(Method::POST, &format!("/v1/locations/{location}/{what}"), Some(asked)).await?;
    Ok(())
}

fn line(told: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(told, "{text}");
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn key(record: &Value) -> String {
    format!("{}#{}", text(record, "/kind"), text(record, "/id"))
}

/// A number of records, with a plus where there are more.
fn count(value: &Value, path: &str) -> String {
    let capped = value.pointer(&format!("{path}/capped")).and_then(Value::as_bool).unwrap_or_default();
    format!("{}{}", number(value, &format!("{path}/count")), if capped { "+" } else { "" })
}

fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

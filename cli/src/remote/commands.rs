//! A stack's API from a terminal: status, records, failures, pause and resume.

use std::fmt::{self, Write};
use std::process::ExitCode;

use ghl_sync_model::LocationId;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::answers::{LocationStatusAnswer, OverviewAnswer, RecordsAnswer, Status, TallyAnswer};
use super::args::{FailedArgs, PauseArgs, RecordArgs, ResumeArgs, StackArgs, StatusArgs};
use super::client::{Remote, RemoteAnswer};
use super::records::{RecordListing, list};
use crate::{Failure, UsageError};

impl StackArgs {
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        Remote::at(&self.api, &self.credential)
    }

    /// Prints an answer: as JSON if requested, otherwise as `words`.
    pub(super) fn tell(&self, answer: &Value, words: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            print!("{}", words());
        }
        Ok(())
    }
}

/// `ghl-sync status`. Fails if the stack's status is `failing`.
pub(crate) async fn status(args: StatusArgs) -> Result<ExitCode, Failure> {
    let RemoteAnswer { mut raw, read: mut overview } =
        args.stack.remote()?.ask::<OverviewAnswer>(Method::GET, "/v1/overview", None).await?;
    if let Some(wanted) = &args.location {
        overview.locations.retain(|location| location.id == wanted.as_str());
        if overview.locations.is_empty() {
            return Err(UsageError(format!("the stack does not know location {wanted}")).into());
        }
        if let Some(all) = raw.get_mut("locations").and_then(Value::as_array_mut) {
            all.retain(|location| location["id"] == wanted.as_str());
        }
    }
    args.stack.tell(&raw, || overview_words(&overview))?;
    Ok(if overview.status == "failing" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn overview_words(overview: &OverviewAnswer) -> String {
    let mut told = format!("health     {}\n", overview.status);
    overview.reasons.iter().for_each(|reason| line(&mut told, format_args!("           {reason}")));
    overview.locations.iter().for_each(|location| location_words(&mut told, location));
    told
}

fn location_words(told: &mut String, location: &LocationStatusAnswer) {
    let LocationStatusAnswer { id, state, due, failed, counters, quota, waits_for, pause, forecast } = location;
    let (accepted, left, limit) = (counters.succeeded, quota.daily.left, quota.daily.limit);
    line(
        told,
        format_args!(
            "{id:<24} {state:<10} due {due}, failed {failed}, accepted {accepted}, {left} of {limit} calls left today"
        ),
    );
    if let Some(wait) = waits_for {
        let until = wait.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        line(told, format_args!("  waits    {}{until}", wait.reason));
    }
    if let Some(note) = pause.as_ref().and_then(|pause| pause.note.as_ref()) {
        line(told, format_args!("  note     {note}"));
    }
    if let Some(forecast) = forecast {
        line(told, format_args!("  empty    {}", forecast.empty_at));
    }
}

/// `ghl-sync record`.
pub(crate) async fn record(args: RecordArgs) -> Result<ExitCode, Failure> {
    let (kind, id) = (args.record.kind.as_str(), args.record.id.as_str());
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("kind", kind).append_pair("id", id).finish();
    let path = format!("/v1/locations/{}/records?{query}", args.location);
    let RemoteAnswer { mut raw, read } = args.stack.remote()?.ask::<RecordsAnswer>(Method::GET, &path, None).await?;
    let (Some(status), Some(raw)) = (read.records.first(), raw.pointer_mut("/records/0")) else {
        return Err(format!("the stack tells nothing of {}", args.record).into());
    };
    args.stack.tell(&raw.take(), || status_words(status))?;
    Ok(ExitCode::SUCCESS)
}

fn status_words(status: &Status) -> String {
    let mut told = format!("record     {}\nstate      {}\n", status.record, status.state);
    let wait = status.waits_for.as_ref();
    let lines = [
        ("name", status.name.as_ref()),
        ("GHL's id", status.ghl_id.as_ref()),
        ("put", status.put_at.as_ref()),
        ("accepted", status.accepted_at.as_ref()),
        ("failed", status.failed_at.as_ref()),
        ("due", status.due_at.as_ref()),
        ("expected", status.expected_at.as_ref()),
        ("waits for", wait.map(|wait| &wait.reason)),
        ("until", wait.and_then(|wait| wait.until.as_ref())),
        ("error", status.last_error.as_ref().map(|error| &error.message)),
    ];
    for (what, said) in lines {
        said.into_iter().for_each(|said| line(&mut told, format_args!("{what:<10} {said}")));
    }
    let lists =
        [("not stored", &status.not_stored), ("shared by", &status.shares_ghl_id_with), ("not sent", &status.not_sent)];
    for (what, all) in lists.into_iter().filter(|(_, all)| !all.is_empty()) {
        line(&mut told, format_args!("{what:<10} {}", all.join(", ")));
    }
    told
}

/// `ghl-sync failed`.
pub(crate) async fn failed(FailedArgs { stack, location, limit }: FailedArgs) -> Result<ExitCode, Failure> {
    let asked = vec![("state", "failed".to_owned())];
    let none = "nothing stands as failed";
    list(&RecordListing { stack: &stack, location: &location, asked, limit, none }, failure_words).await
}

fn failure_words(status: &Status) -> String {
    let (code, message) = status.last_error.as_ref().map_or(("", ""), |error| (&error.code, &error.message));
    let at = status.failed_at.as_deref().unwrap_or_default();
    format!("{at}  {:<32} {code:<20} {message}\n", status.record)
}

/// `ghl-sync pause`.
pub(crate) async fn pause(args: PauseArgs) -> Result<ExitCode, Failure> {
    let until = args.span.map(|span| OffsetDateTime::now_utc() + span);
    let until = until.map(|until| until.replace_nanosecond(0).unwrap_or(until).format(&Rfc3339)).transpose()?;
    let asked = json!({ "until": until, "note": args.note });
    act(&args.stack, &args.location, "pause", &asked).await?;
    args.stack.tell(&asked, || match until {
        Some(until) => format!("{} is paused until {until}\n", args.location),
        None => format!("{} is paused until it is resumed\n", args.location),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `ghl-sync resume`.
pub(crate) async fn resume(args: ResumeArgs) -> Result<ExitCode, Failure> {
    act(&args.stack, &args.location, "resume", &json!({})).await?;
    args.stack.tell(&json!({}), || format!("{} goes on\n", args.location))?;
    Ok(ExitCode::SUCCESS)
}

async fn act(stack: &StackArgs, location: &LocationId, what: &str, asked: &Value) -> Result<(), Failure> {
    let path = format!("/v1/locations/{location}/{what}");
    stack.remote()?.ask::<Value>(Method::POST, &path, Some(asked)).await?;
    Ok(())
}

pub(super) fn line(told: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(told, "{text}");
}

/// A number of records, with a plus sign if there are more.
impl fmt::Display for TallyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, if self.capped { "+" } else { "" })
    }
}

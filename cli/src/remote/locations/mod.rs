//! `ghl-sync locations`: lists a stack's locations, and applies a file with the settings of each.

mod apply;
mod file;
mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ghl_sync_model::{CredentialsRef, EpochMs, LocationId, LocationLabels, Time, time_or_date};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::args::StackArgs;
use super::client::{Remote, RemoteAnswer};
use super::commands::line;
use crate::{Failure, UsageError, ask};

const LOCATIONS: &str = "/v1/locations";
/// Locations per request.
const PAGE: u32 = 200;

#[derive(Debug, Args)]
pub(crate) struct LocationsArgs {
    #[command(subcommand)]
    command: LocationsCommand,
}

#[derive(Debug, Subcommand)]
enum LocationsCommand {
    /// List the locations with their state, name, and the expiry of their credentials.
    List(ListLocationsArgs),
    /// Apply the settings in a YAML file to locations. Shows the changes first; leaves everything else alone.
    Apply(apply::ApplyArgs),
    /// Set new credentials for many locations at once.
    Rotate(RotateArgs),
    /// Stop a location and forget its settings. Deletes nothing in GHL.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
struct ListLocationsArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Only locations in this state: idle, syncing, waiting, paused or stopped.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only locations with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only locations that need attention.
    #[arg(long)]
    trouble: bool,
    /// Only locations whose credentials expire within this many days, or have expired.
    #[arg(long, value_name = "DAYS")]
    expires_within: Option<u32>,
    /// Only locations with this text in their id, name, tags or company.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
}

#[derive(Debug, Args)]
struct RotateArgs {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    how: apply::ApplyMode,
    /// The new credentials reference; `{location}` in it stands for the location's id.
    #[arg(long, value_name = "REFERENCE")]
    to: String,
    /// Only locations whose credentials are set to this reference.
    #[arg(long, value_name = "REFERENCE", required_unless_present = "tag")]
    from: Option<CredentialsRef>,
    /// Only locations with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Expiry of the new credentials: a date, like 2027-01-31.
    #[arg(long, value_name = "DATE", value_parser = date)]
    expire_at: Option<EpochMs>,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The location's id in GHL.
    #[arg(value_name = "LOCATION")]
    location: LocationId,
    /// Also forget all its records. They stay in GHL.
    #[arg(long)]
    forget_records: bool,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

fn date(text: &str) -> Result<EpochMs, String> {
    time_or_date(text).ok_or_else(|| "expected a date, like 2027-01-31, or a time as RFC 3339 writes it".to_owned())
}

/// A location as listed by a stack.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedLocationAnswer {
    id: LocationId,
    revision: u64,
    name: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    state: Option<String>,
    trouble: bool,
    due: ListedCount,
    failed: ListedCount,
    credentials: ListedCredentials,
    in_environment: bool,
    overrides: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct ListedCount {
    count: u64,
}

#[derive(Debug, Clone, Deserialize)]
struct ListedCredentials {
    expires_at: Option<String>,
    days_left: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct LocationsAnswer {
    locations: Vec<Value>,
    /// Cursor of the next page; null on the last.
    cursor: Option<String>,
}

/// The stack's answer to the removal of a location.
#[derive(Debug, Deserialize)]
pub(super) struct RemovalAnswer {
    complete: bool,
    removed: bool,
    records_forgotten: u64,
    known_states: u64,
    records_kept: bool,
}

/// `ghl-sync locations`.
pub(crate) async fn locations(args: LocationsArgs) -> Result<ExitCode, Failure> {
    match args.command {
        LocationsCommand::List(args) => list(&args).await,
        LocationsCommand::Apply(args) => apply::apply(&args).await,
        LocationsCommand::Rotate(args) => rotate(&args).await,
        LocationsCommand::Remove(args) => remove(&args).await,
    }
}

async fn list(args: &ListLocationsArgs) -> Result<ExitCode, Failure> {
    let mut asked: Vec<(&str, String)> = Vec::new();
    asked.extend(args.state.clone().map(|state| ("state", state)));
    asked.extend(args.tag.clone().map(|tag| ("tag", tag)));
    asked.extend(args.text.clone().map(|text| ("q", text)));
    asked.extend(args.trouble.then(|| ("trouble", "true".to_owned())));
    asked.extend(args.expires_within.map(|days| ("expires_within_days", days.to_string())));
    let raw = all(&args.stack.remote()?, &asked).await?;
    let read: Vec<ListedLocationAnswer> =
        raw.iter().map(ListedLocationAnswer::deserialize).collect::<Result<_, _>>()?;
    args.stack.tell(&json!({ "locations": raw }), || {
        let mut told = String::new();
        read.iter().for_each(|location| told += &words(location));
        if told.is_empty() { "there is none\n".to_owned() } else { told }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// All listed locations, as raw JSON.
async fn all(remote: &Remote, asked: &[(&str, String)]) -> Result<Vec<Value>, Failure> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked).append_pair("limit", &PAGE.to_string());
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let path = format!("{LOCATIONS}?{}", query.finish());
        let RemoteAnswer { read: page, .. } = remote.ask::<LocationsAnswer>(Method::GET, &path, None).await?;
        all.extend(page.locations);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// All locations, parsed, by id.
async fn stored(remote: &Remote) -> Result<BTreeMap<LocationId, ListedLocationAnswer>, Failure> {
    let read = all(remote, &[]).await?.into_iter().map(|raw| {
        let listed = ListedLocationAnswer::deserialize(raw)?;
        Ok((listed.id.clone(), listed))
    });
    read.collect()
}

fn words(location: &ListedLocationAnswer) -> String {
    let ListedLocationAnswer { id, name, tags, state, trouble, due, failed, credentials, .. } = location;
    let mut told = String::new();
    let (state, mark) = (state.as_deref().unwrap_or("unknown"), if *trouble { "!" } else { " " });
    let tags = if tags.is_empty() { String::new() } else { format!("  [{}]", tags.join(", ")) };
    let end = match (credentials.days_left, &credentials.expires_at) {
        (Some(days), Some(at)) if days < 0 => format!("  credentials ended {at}"),
        (Some(days), Some(_)) => format!("  credentials end in {days} days"),
        _ => String::new(),
    };
    let (due, failed, name) = (due.count, failed.count, name.as_deref().unwrap_or_default());
    line(&mut told, format_args!("{mark} {id:<24} {state:<8} due {due}, failed {failed}  {name}{tags}{end}"));
    told
}

async fn rotate(args: &RotateArgs) -> Result<ExitCode, Failure> {
    let remote = args.stack.remote()?;
    let (mut all, mut wanted) = (stored(&remote).await?, BTreeMap::new());
    let from = args.from.as_ref().map(ToString::to_string);
    for listed in all.values() {
        let labels = LocationLabels { tags: listed.tags.clone(), ..LocationLabels::default() };
        let is_from = from.as_ref().is_none_or(|from| listed.overrides.get("credentials") == Some(&json!(from)));
        if !is_from || !args.tag.as_ref().is_none_or(|tag| labels.has_tag(tag)) {
            continue;
        }
        let to: CredentialsRef = args
            .to
            .replace("{location}", listed.id.as_str())
            .parse()
            .map_err(|error| UsageError(format!("--to: {error}")))?;
        let end = args.expire_at.map(|at| json!(Time(at)));
        let mut set = Map::from_iter([("credentials".to_owned(), json!(to.to_string()))]);
        set.extend(end.map(|end| ("credentials_expire_at".to_owned(), end)));
        // The old credentials' expiry does not apply to the new ones.
        let cleared = if args.expire_at.is_none() { vec!["credentials_expire_at".to_owned()] } else { Vec::new() };
        wanted.insert(listed.id.clone(), file::DesiredSettings { set, cleared });
    }
    all.retain(|id, _| wanted.contains_key(id));
    let plan = plan::LocationPlan::of(&wanted, all, false);
    apply::carry_out(&remote, &args.stack, &args.how, &plan).await
}

async fn remove(args: &RemoveArgs) -> Result<ExitCode, Failure> {
    let (location, remote) = (&args.location, args.stack.remote()?);
    let what = if args.forget_records { " and forget all its records here" } else { "; its records are kept here" };
    match if args.yes { Some(true) } else { ask::yes(&format!("Stop {location}, forget what is set for it{what}?"))? } {
        Some(true) => {}
        Some(false) => {
            println!("nothing was removed");
            return Ok(ExitCode::FAILURE);
        }
        None => return Err(UsageError("nobody can be asked here: --yes removes without a question".to_owned()).into()),
    }
    let mut so_far = |records| eprintln!("{records} records are forgotten so far");
    let removed = remove_one(&remote, location, args.forget_records, &mut so_far).await?;
    let answer = json!({
        "location_id": location, "removed": removed.removed, "records_forgotten": removed.records_forgotten,
        "known_states": removed.known_states, "records_kept": removed.records_kept,
    });
    args.stack.tell(&answer, || removed_words(location, &removed))?;
    Ok(ExitCode::SUCCESS)
}

fn removed_words(location: &LocationId, removed: &RemovalAnswer) -> String {
    let mut told = format!("stopped    {location}: nothing calls GHL for it any more\n");
    if removed.records_forgotten > 0 {
        line(&mut told, format_args!("forgotten  {} records; in GHL they stay", removed.records_forgotten));
    }
    if removed.records_kept {
        told += "kept       its records wait, and go on if it is made known again\n";
    }
    told += match removed.removed {
        true => "removed    the stack does not know it any more\n",
        false => "known      GHL_LOCATIONS names it: it stays known, switched off, until a deployment without it\n",
    };
    told
}

/// Repeats the request until the removal is complete. `so_far` receives the number of records forgotten.
async fn remove_one(
    remote: &Remote,
    location: &LocationId,
    forgets: bool,
    so_far: &mut (dyn FnMut(u64) + Send),
) -> Result<RemovalAnswer, Failure> {
    let query = if forgets { "?forget_records=true" } else { "" };
    let path = format!("{LOCATIONS}/{location}{query}");
    let (mut records, mut known_states) = (0, 0);
    loop {
        let RemoteAnswer { read: step, .. } = remote.ask::<RemovalAnswer>(Method::DELETE, &path, None).await?;
        records += step.records_forgotten;
        known_states += step.known_states;
        if step.complete {
            return Ok(RemovalAnswer { records_forgotten: records, known_states, ..step });
        }
        so_far(records);
    }
}

/// Reads the text of a file, or of standard input for `-`.
fn text_of(file: &PathBuf) -> Result<String, Failure> {
    let read =
        if file.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    read.map_err(|error| UsageError(format!("{}: {error}", file.display())).into())
}

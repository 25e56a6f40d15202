//! What the command line says of a stack.

use std::time::Duration;

use clap::{Args, Subcommand};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{EpochMs, ErrorCode, ImportId, KeyId, Kind, LocationId, RecordKey, Role, is_key_name};
use ghl_sync_operate::CauseId;
use ghl_sync_runtime::SystemClock;

use crate::credential::CredentialArgs;

/// Which stack, and the key for it.
#[derive(Debug, Args)]
pub(crate) struct StackArgs {
    /// The stack: its output `ApiUrl`. The key for it is taken from GHL_SYNC_API_KEY.
    #[arg(long, value_name = "URL", env = "GHL_SYNC_API", hide_env_values = true)]
    pub(crate) api: String,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    /// Print what the stack answers, as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Of this location alone.
    #[arg(long, value_name = "ID")]
    pub(crate) location: Option<LocationId>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location that it was put into.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// Which, as KIND#ID, like contact#crm-42.
    pub(crate) record: RecordKey,
}

#[derive(Debug, Args)]
pub(crate) struct FailedArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Of this location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// So many of them at most, the oldest failure first.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Of this location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// All that failed.
    #[arg(long, conflicts_with_all = FILTERS, required_unless_present_any = FILTERS)]
    pub(crate) all: bool,
    /// Those of this cause: its id, as `failures` prints it, or a code.
    #[arg(long, value_name = "CAUSE", conflicts_with = "records")]
    pub(crate) cause: Option<CauseId>,
    /// Those whose last error this is, as `failed` prints it.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["records", "cause"], value_parser = code)]
    pub(crate) code: Option<ErrorCode>,
    /// Those of this import.
    #[arg(long, value_name = "IMPORT", conflicts_with = "records")]
    pub(crate) import: Option<ImportId>,
    /// Contacts or opportunities alone.
    #[arg(long, value_name = "KIND", conflicts_with = "records", value_parser = super::records::kind)]
    pub(crate) kind: Option<Kind>,
    /// Those that failed then or later: a time as RFC 3339 writes it, or a span before now, like 2h.
    #[arg(long, value_name = "TIME", conflicts_with = "records", value_parser = since)]
    pub(crate) since: Option<EpochMs>,
    /// Take this field out of them, and send the rest: by name, or customFields. and the id or key of one. Repeatable.
    #[arg(long, value_name = "FIELD", conflicts_with = "all")]
    pub(crate) without: Vec<String>,
    /// These, as KIND#ID.
    #[arg(value_name = "RECORD")]
    pub(crate) records: Vec<RecordKey>,
}

/// What says which records are replayed, but for `--all`.
const FILTERS: [&str; 6] = ["cause", "code", "import", "kind", "since", "records"];

#[derive(Debug, Args)]
pub(crate) struct ImportsArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Of this location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// Withdraw what was not sent of the import: it stands as failed, and can be replayed.
    #[arg(long, requires = "import")]
    pub(crate) cancel: bool,
    /// Undo the import, which must have been begun with `import --undoable`: what it created is deleted in GHL, and what it
    /// changed goes back to what it was, where nobody has changed it since.
    #[arg(long, requires = "import", conflicts_with = "cancel")]
    pub(crate) undo: bool,
    /// Tell how this one stands, as `imports` lists them.
    #[arg(value_name = "IMPORT")]
    pub(crate) import: Option<ImportId>,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// This location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// For so long; without it, until it is resumed.
    #[arg(long = "for", value_name = "SPAN", value_parser = humantime::parse_duration)]
    pub(crate) span: Option<Duration>,
    /// Why: whoever looks reads it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// This location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
}

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys, with their roles and when they were used last.
    List {
        #[command(flatten)]
        stack: StackArgs,
    },
    /// Make a key, which is shown this once.
    Create(NewKeyArgs),
    /// Revoke a key.
    Revoke {
        #[command(flatten)]
        stack: StackArgs,
        /// Its id, as `keys list` prints it.
        #[arg(value_name = "ID")]
        id: KeyId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewKeyArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// What the key is called in logs.
    #[arg(value_name = "NAME", value_parser = key_name)]
    pub(crate) name: String,
    /// What it allows: `read` looks, `operate` also puts, replays, pauses and erases, `admin` also sets and manages keys.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Role,
    /// Bind it to this location; may be given several times. Without --location and --tag it is good for all.
    #[arg(long = "location", value_name = "ID")]
    pub(crate) locations: Vec<LocationId>,
    /// Bind it to the locations that have this tag, whenever they have it; may be given several times.
    #[arg(long = "tag", value_name = "NAME")]
    pub(crate) tags: Vec<String>,
    /// It is good for so long; without it, until it is revoked.
    #[arg(long, value_name = "SPAN", value_parser = days)]
    pub(crate) expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Since so long ago, like 7d; without it, since the trail begins.
    #[arg(long, value_name = "SPAN", value_parser = days)]
    pub(crate) since: Option<Duration>,
    /// So many requests at most, the newest first.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub(crate) limit: usize,
}

/// A span that a calendar has room for.
fn days(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let is_sensible = (Duration::from_secs(1)..=Duration::from_secs(40 * 365 * 86_400)).contains(&span);
    if is_sensible { Ok(span) } else { Err("expected a time from 1s to 40 years, like 90d".to_owned()) }
}

fn key_name(text: &str) -> Result<String, String> {
    let expected = "expected 1 to 64 letters, digits, '-', '_' or '.'";
    if is_key_name(text) { Ok(text.to_owned()) } else { Err(expected.to_owned()) }
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| format!("expected {}", Role::ALL.map(Role::as_str).join(", ")))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

fn code(text: &str) -> Result<ErrorCode, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "is no code of an error, like REJECTED".to_owned())
}

pub(super) fn since(text: &str) -> Result<EpochMs, String> {
    let span = || humantime::parse_duration(text).ok().map(|span| SystemClock.now() - span);
    EpochMs::from_rfc3339(text)
        .or_else(span)
        .ok_or_else(|| "is neither a time, like 2026-11-22T02:30:00Z, nor a span, like 2h".to_owned())
}

//! Command-line arguments for a stack.

use std::time::Duration;

use clap::{Args, Subcommand};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{EpochMs, ErrorCode, ImportId, KeyId, Kind, LocationId, RecordKey, Role, is_key_name};
use ghl_sync_operate::CauseId;
use ghl_sync_runtime::SystemClock;

use crate::credential::CredentialArgs;

/// The stack and its key.
#[derive(Debug, Args)]
pub(crate) struct StackArgs {
    /// URL of the stack: its output `ApiUrl`. The key comes from GHL_SYNC_API_KEY.
    #[arg(long, value_name = "URL", env = "GHL_SYNC_API", hide_env_values = true)]
    pub(crate) api: String,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    /// Print the stack's answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Only this location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: Option<LocationId>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location that the record was put into.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// The record as KIND#ID, like contact#crm-42.
    pub(crate) record: RecordKey,
}

#[derive(Debug, Args)]
pub(crate) struct FailedArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// Most records to list, the oldest failure first.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// Replay all failed records.
    #[arg(long, conflicts_with_all = FILTERS, required_unless_present_any = FILTERS)]
    pub(crate) all: bool,
    /// Only records with this cause: its id, as `failures` prints it, or a code.
    #[arg(long, value_name = "CAUSE", conflicts_with = "records")]
    pub(crate) cause: Option<CauseId>,
    /// Only records with this last error, as `failed` prints it.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["records", "cause"], value_parser = code)]
    pub(crate) code: Option<ErrorCode>,
    /// Only records of this import.
    #[arg(long, value_name = "IMPORT", conflicts_with = "records")]
    pub(crate) import: Option<ImportId>,
    /// Only contacts, or only opportunities.
    #[arg(long, value_name = "KIND", conflicts_with = "records", value_parser = kind)]
    pub(crate) kind: Option<Kind>,
    /// Only records that failed at this time or later: an RFC 3339 time, or a span before now, like 2h.
    #[arg(long, value_name = "TIME", conflicts_with = "records", value_parser = since)]
    pub(crate) since: Option<EpochMs>,
    /// Remove this field from the records and send the rest: its name, or customFields. and the id or key of one.
    /// Repeatable.
    #[arg(long, value_name = "FIELD", conflicts_with = "all")]
    pub(crate) without: Vec<String>,
    /// Only these records, as KIND#ID.
    #[arg(value_name = "RECORD")]
    pub(crate) records: Vec<RecordKey>,
}

/// The arguments that select records, besides `--all`.
const FILTERS: [&str; 6] = ["cause", "code", "import", "kind", "since", "records"];

#[derive(Debug, Args)]
pub(crate) struct ImportsArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// Withdraw the unsent records of the import: they count as failed, and can be replayed.
    #[arg(long, requires = "import")]
    pub(crate) cancel: bool,
    /// Undo the import, which must have been started with `import --undoable`: contacts it created are deleted in
    /// GHL, and those it changed get their old values back where nobody has changed them since.
    #[arg(long, requires = "import", conflicts_with = "cancel")]
    pub(crate) undo: bool,
    /// Show this import, by its id as listed by `imports`.
    #[arg(value_name = "IMPORT")]
    pub(crate) import: Option<ImportId>,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location to pause.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// Duration of the pause; by default, until the location is resumed.
    #[arg(long = "for", value_name = "SPAN", value_parser = humantime::parse_duration)]
    pub(crate) span: Option<Duration>,
    /// Reason for the pause, shown to everyone who looks at the location.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// The location to resume.
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
    /// List the keys, with their roles and last use.
    List {
        #[command(flatten)]
        stack: StackArgs,
    },
    /// Create a key, which is shown only this once.
    Create(NewKeyArgs),
    /// Revoke a key.
    Revoke {
        #[command(flatten)]
        stack: StackArgs,
        /// Id of the key, as `keys list` prints it.
        #[arg(value_name = "ID")]
        id: KeyId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewKeyArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Name of the key in logs.
    #[arg(value_name = "NAME", value_parser = key_name)]
    pub(crate) name: String,
    /// Permissions of the key: `read` looks, `operate` also puts, replays, pauses and erases, `admin` also changes
    /// settings and manages keys.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Role,
    /// Restrict the key to this location; may be given several times. Without --location and --tag, it is valid for
    /// all.
    #[arg(long = "location", value_name = "ID")]
    pub(crate) locations: Vec<LocationId>,
    /// Restrict the key to the locations that have this tag at the time of use; may be given several times.
    #[arg(long = "tag", value_name = "NAME")]
    pub(crate) tags: Vec<String>,
    /// Lifetime of the key; by default, it is valid until revoked.
    #[arg(long, value_name = "SPAN", value_parser = days)]
    pub(crate) expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// Start of the period, as a span before now, like 7d; by default, the whole trail.
    #[arg(long, value_name = "SPAN", value_parser = days)]
    pub(crate) since: Option<Duration>,
    /// Most requests to show, the newest first.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub(crate) limit: usize,
}

/// Parses a span that fits a calendar.
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

pub(super) fn kind(text: &str) -> Result<Kind, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected contact or opportunity".to_owned())
}

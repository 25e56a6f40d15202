//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ghl_sync_model::{EpochMs, LocationId, Secret};

use crate::args::{ApiArg, QuotaArgs};
use crate::door::{AccessKey, Listen};
use crate::list::{ListArgs, OutputArgs};
use crate::real::{CheckArgs, ImportArgs, PlanArgs};
use crate::remote::{
    AuditArgs, EraseArgs, FailedArgs, FailuresArgs, ForgetArgs, ImportsArgs, KeysArgs, LocationsArgs, OutcomesArgs,
    PauseArgs, RecordArgs, RecordsArgs, ReplayArgs, ResumeArgs, StatusArgs,
};
use crate::stack::LOOPBACK;

/// The whole of ghl-sync on one machine: embedded DynamoDB and SQS, the real functions, and a strict GoHighLevel
/// sandbox (or another GHL).
#[derive(Debug, Parser)]
#[command(name = "ghl-sync", bin_name = "ghl-sync", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a contact list to the sandbox through the whole system, with progress and a report.
    #[command(alias = "sync")]
    Demo(Box<DemoArgs>),
    /// Check whether a real location can be reached, what its token may read, and how much of its quota is left.
    Check(CheckArgs),
    /// Show what an import would do, and write its mapping. Sends nothing.
    Plan(Box<PlanArgs>),
    /// Send a contact list to a real location.
    Import(Box<ImportArgs>),
    /// Show the state of a deployed stack and its locations.
    Status(StatusArgs),
    /// Show the state of a record in a deployed stack.
    Record(RecordArgs),
    /// List the records of a location in a deployed stack, or find a person.
    Records(RecordsArgs),
    /// List the records of a location that failed permanently.
    Failed(FailedArgs),
    /// Show why records failed: each cause once, with its number of records.
    Failures(FailuresArgs),
    /// Retry failed records.
    Replay(ReplayArgs),
    /// Show the outcomes of records, if the stack keeps them for polling.
    Outcomes(OutcomesArgs),
    /// List the imports of a location, show the state of one, or cancel it.
    Imports(ImportsArgs),
    /// Pause a location of a deployed stack; new records wait in the meantime.
    Pause(PauseArgs),
    /// Resume a paused location.
    Resume(ResumeArgs),
    /// Delete a stack's data about records. Deletes nothing in GHL.
    Forget(ForgetArgs),
    /// Delete a stack's data about a person. Deletes nothing in GHL.
    Erase(EraseArgs),
    /// List the locations of a deployed stack, apply settings from a file, or remove a location.
    Locations(LocationsArgs),
    /// Create, list and revoke keys of a deployed stack's API.
    Keys(KeysArgs),
    /// Show who changed what in a deployed stack.
    Audit(AuditArgs),
    /// Migrate one account into another: two made-up ones in the sandbox, or real ones.
    Migrate(Box<MigrateArgs>),
    /// Start everything and keep it running, for `sam local invoke`, curl and the AWS CLI.
    Up(UpArgs),
    /// Start only the GoHighLevel sandbox.
    Sandbox(SandboxArgs),
    /// Print the contacts that changed in GHL since a time, one JSON object per line.
    Pull(PullArgs),
    /// Create a bootstrap key for the HTTP API. Its hash goes into the parameter ApiKeys.
    Key(KeyArgs),
    /// Simulate faulty worlds and check whether any rule is broken.
    Simulate(SimulateArgs),
    /// Measure whole runs: the cost per record and per tick, and the records delivered per second.
    Bench(BenchArgs),
    /// Print completions for a shell.
    Completions {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Contact list (CSV, TSV, XLSX, NDJSON; `-` is standard input); by default, a small bundled list.
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Number of records: the list is repeated with distinct identities, or cut.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) records: Option<u32>,
    /// Spread the records over this many locations, each with its own quota.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) locations: u32,
    #[command(flatten)]
    pub(crate) ghl: GhlArgs,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
    /// Do everything except call GHL.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Serve the dashboard during the run and afterwards, until Ctrl-C.
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Let the sandbox issue tokens that expire: for one location, or for an agency if there are several locations.
    #[arg(long, conflicts_with = "ghl_url")]
    pub(crate) oauth: bool,
    /// Lifetime of these tokens.
    #[arg(long, value_name = "SPAN", default_value = "24h", requires = "oauth", value_parser = lifetime)]
    pub(crate) token_lifetime: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct GhlArgs {
    /// The location, or the stem of the names if there are several.
    #[arg(long, value_name = "ID", default_value = "loc_demo")]
    pub(crate) location: LocationId,
    /// GHL API version to use.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) api: ApiArg,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
    /// Use another GHL, real or not, instead of the sandbox; its token comes from GHL_TOKEN.
    #[arg(long, value_name = "URL")]
    pub(crate) ghl_url: Option<String>,
    /// Token for --ghl-url.
    #[arg(long, env = "GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) token: Secret,
}

#[derive(Debug, Args)]
pub(crate) struct FaultArgs {
    /// Range of the sandbox's response times, in milliseconds.
    #[arg(long, value_name = "A..B", default_value = "80..250", value_parser = milliseconds)]
    pub(crate) latency_ms: RangeInclusive<Duration>,
    /// How the sandbox counts its windows.
    #[arg(long, value_enum, default_value_t = WindowArg::Strict)]
    pub(crate) window: WindowArg,
    /// Calls that other clients make in every window, out of each location's quota.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) others: u32,
    /// Share of the sandbox's answers that are errors.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) error_rate: f64,
    /// The sandbox is down from START to END after the first call.
    #[arg(long, value_name = "START..END", value_parser = outage)]
    pub(crate) outage: Option<(Duration, Duration)>,
    /// Whether the sandbox sends Retry-After with a 429 (GHL was never seen to).
    #[arg(long, value_enum, default_value_t = RetryAfterArg::Never)]
    pub(crate) retry_after: RetryAfterArg,
    /// Seed for the sandbox's random behaviour.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Write the result to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a report for people into this directory, as JSON, CSV and HTML.
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Location to read from.
    #[arg(long, value_name = "ID", default_value = "loc_old")]
    pub(crate) source: LocationId,
    /// Location to write to.
    #[arg(long, value_name = "ID", default_value = "loc_new")]
    pub(crate) target: LocationId,
    /// The source's API.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) source_api: ApiArg,
    /// The target's API.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) target_api: ApiArg,
    /// Use another GHL for both locations instead of the sandbox; their tokens come from SOURCE_GHL_TOKEN and
    /// TARGET_GHL_TOKEN.
    #[arg(long, value_name = "URL")]
    pub(crate) ghl_url: Option<String>,
    #[arg(long, env = "SOURCE_GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) source_token: Secret,
    #[arg(long, env = "TARGET_GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) target_token: Secret,
    /// Only map and forecast; write nothing to GHL.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Accept the mapping without a question. (Made-up accounts never ask.)
    #[arg(long)]
    pub(crate) auto: bool,
    /// Overrides of the mapping for individual items (docs/MIGRATION.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Delete what the last migration in --data-dir created, and nothing else.
    #[arg(long, requires = "data_dir", conflicts_with_all = ["dry_run", "mapping"])]
    pub(crate) rollback: bool,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
    /// Longest time an invocation of a function may take. Anything a killed process held is released 5 s after this
    /// time.
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = function_timeout)]
    pub(crate) function_timeout: Duration,
}

/// Contents of the made-up accounts.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SizeArgs {
    /// Contacts in the source; one in 50 has neither email nor phone.
    #[arg(long, value_name = "N", default_value_t = 198, value_parser = clap::value_parser!(u32).range(0..=200_000))]
    pub(crate) contacts: u32,
    /// Custom fields in the source.
    #[arg(long, value_name = "N", default_value_t = 35, value_parser = clap::value_parser!(u32).range(0..=500))]
    pub(crate) fields: u32,
    /// Pipelines in the source.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=50))]
    pub(crate) pipelines: u32,
    /// Stages of all pipelines together.
    #[arg(long, value_name = "N", default_value_t = 19, value_parser = clap::value_parser!(u32).range(0..=500))]
    pub(crate) stages: u32,
    /// Opportunities in the source.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=200_000))]
    pub(crate) opportunities: u32,
    /// Whether the target has the pipelines, or allows creating them.
    #[arg(long, value_enum, default_value_t = PipelinesArg::There)]
    pub(crate) target_pipelines: PipelinesArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PipelinesArg {
    /// The target has them.
    There,
    /// The target has none, and its token lacks the scope to create any.
    Missing,
    /// The target has none, but allows creating them.
    Makeable,
}

/// Addresses to listen on.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value_t = LOOPBACK)]
    pub(crate) bind: IpAddr,
    /// Also answer requests for this host: the name of a tunnel, or the name by which containers reach this machine.
    /// May be given several times.
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub(crate) allow_host: Vec<String>,
}

impl ListenArgs {
    pub(crate) fn at(&self, port: u16) -> Listen {
        Listen { addr: SocketAddr::new(self.bind, port), allowed_hosts: self.allow_host.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// The sandbox's port; DynamoDB, SQS, the HTTP API, S3 and Secrets Manager take the next five.
    #[arg(long, value_name = "P", default_value_t = 8787, value_parser = clap::value_parser!(u16).range(1..=65530))]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// Write a function's environment to this file as KEY=VALUE lines once everything is ready.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Put this contact list into the outbox.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Do not run the functions in this process; they are invoked from outside.
    #[arg(long)]
    pub(crate) no_functions: bool,
    /// How often to read the changes in GHL that no webhook reported, if nothing else needs the quota.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = interval)]
    pub(crate) reconcile_every: Duration,
    /// Do not read such changes.
    #[arg(long, conflicts_with = "reconcile_every")]
    pub(crate) no_reconcile: bool,
    /// Post the outcomes of records to this URL, signed as described in docs/OUTCOMES.md. http:// is allowed on this
    /// machine.
    #[arg(long, value_name = "URL", requires = "outcomes_secret")]
    pub(crate) outcomes_to: Option<String>,
    /// File with the signing secret for --outcomes-to. If it does not exist, it is created with a new secret.
    #[arg(long, value_name = "FILE", requires = "outcomes_to")]
    pub(crate) outcomes_secret: Option<PathBuf>,
    /// Access key of the embedded DynamoDB and SQS, instead of one generated for this run.
    #[arg(long, env = "LOCAL_ACCESS_KEY_ID", hide = true, requires = "local_secret_access_key", value_parser = not_empty)]
    pub(crate) local_access_key_id: Option<String>,
    #[arg(long, env = "LOCAL_SECRET_ACCESS_KEY", hide = true, hide_env_values = true, requires = "local_access_key_id", value_parser = not_empty_secret)]
    pub(crate) local_secret_access_key: Option<Secret>,
    #[command(flatten)]
    pub(crate) ghl: GhlArgs,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
}

impl UpArgs {
    /// The access key from the command line.
    pub(crate) fn access_key(&self) -> Option<AccessKey> {
        let (id, secret) = self.local_access_key_id.clone().zip(self.local_secret_access_key.clone())?;
        Some(AccessKey { id, secret })
    }
}

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Port of the sandbox.
    #[arg(long, value_name = "P", default_value_t = 8787)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) ghl: GhlArgs,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Start: a date (2026-11-21), a time (2026-11-21T08:00:00Z), or a span before now (90m, 2h, 7days).
    #[arg(long, value_name = "T", value_parser = since)]
    pub(crate) since: Since,
    #[command(flatten)]
    pub(crate) ghl: GhlArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Name of the key in logs.
    #[arg(long, value_name = "NAME", default_value = "operator", value_parser = key_name)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Number of worlds, each generated from its own seed.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) seeds: u64,
    /// First seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) from: u64,
    /// Start no more worlds after this time.
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    pub(crate) within: Option<Duration>,
    /// Number of threads; by default one per core.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Run the world of this seed again, and make it smaller if it breaks a rule.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "within", "scenario", "pacing"])]
    pub(crate) seed: Option<u64>,
    /// Run the world in this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from", "within", "pacing"])]
    pub(crate) scenario: Option<PathBuf>,
    /// Measure the pace against the possible maximum, for 50 simulated minutes per case.
    #[arg(long, conflicts_with_all = ["seeds", "from", "within"])]
    pub(crate) pacing: bool,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Write the measurements to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Run for seconds instead of minutes, to check that it works; the figures mean little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only measure the overview of 10,000 locations.
    #[arg(long, conflicts_with = "json")]
    pub(crate) overview: bool,
    /// Measure the ways in and out instead: what a record costs, besides being sent, when it comes as a list in the
    /// bucket or its outcome is reported.
    #[arg(long, conflicts_with_all = ["json", "cost"])]
    pub(crate) ways: bool,
    /// Measure nothing: print the AWS cost of the measurements in this file, which --json wrote.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "quick", "overview"])]
    pub(crate) cost: Option<PathBuf>,
}

/// A time, or a span before now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Since {
    At(EpochMs),
    Ago(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WindowArg {
    /// Exact over any window.
    Strict,
    /// Fixed windows, aligned to multiples of their length; the count restarts with each.
    Fixed,
    /// Two counters, which may refuse a caller who keeps exactly to the limit.
    Approximate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryAfterArg {
    Never,
    Seconds,
    Sometimes,
}

fn milliseconds(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let number = |part: &str| part.trim().parse().map(Duration::from_millis).map_err(|_| EXPECTED_MS.to_owned());
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (number(from)?, number(to)?);
    if from > to { Err(EXPECTED_MS.to_owned()) } else { Ok(from..=to) }
}

const EXPECTED_MS: &str = "expected milliseconds, like 80..250";

fn outage(text: &str) -> Result<(Duration, Duration), String> {
    const EXPECTED: &str = "expected two times after the first call, like 10s..60s";
    let (start, end) = text.split_once("..").ok_or(EXPECTED)?;
    let time = |part: &str| humantime::parse_duration(part.trim()).map_err(|error| format!("{EXPECTED}: {error}"));
    let (start, end) = (time(start)?, time(end)?);
    if start < end { Ok((start, end)) } else { Err(EXPECTED.to_owned()) }
}

fn key_name(text: &str) -> Result<String, String> {
    ghl_sync_runtime::ApiKey::check_name(text).map(|()| text.to_owned()).map_err(str::to_owned)
}

/// Parses a name or an address as in a `Host` header, without a port.
fn host(text: &str) -> Result<String, String> {
    match text.parse::<std::net::Ipv6Addr>() {
        Ok(address) => Ok(format!("[{address}]")),
        Err(_) if text.is_empty() || text.contains(['/', '@']) || (text.contains(':') && !text.ends_with(']')) => {
            Err("expected a name or an address without scheme and port, like host.docker.internal".to_owned())
        }
        Err(_) => Ok(text.to_owned()),
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn not_empty_secret(text: &str) -> Result<Secret, String> {
    not_empty(text).map(Secret::new)
}

fn lifetime(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if span >= Duration::from_secs(5) && span.subsec_nanos() == 0 => Ok(span),
        _ => Err("expected whole seconds, 5 at least, like 20s".to_owned()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if span >= Duration::from_secs(1) => Ok(span),
        _ => Err("expected a span of 1s at least, like 10m".to_owned()),
    }
}

fn function_timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if (Duration::from_secs(20)..=Duration::from_secs(900)).contains(&span) => Ok(span),
        _ => Err("expected a span from 20s to 15m".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a share from 0 to 1, like 0.05".to_owned()),
    }
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(Since::Ago(span));
    }
    let time = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let time = humantime::parse_rfc3339(&time)
        .map_err(|_| "expected a date (2026-11-21), a time (2026-11-21T08:00:00Z) or a span (2h)".to_owned())?;
    let since_epoch = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| "lies before 1970".to_owned())?;
    Ok(Since::At(EpochMs(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn ranges_and_times_are_read_and_bad_ones_refused() {
        let ms = Duration::from_millis;
        assert_eq!(milliseconds("80..250").unwrap(), ms(80)..=ms(250));
        assert_eq!(milliseconds("5").unwrap(), ms(5)..=ms(5));
        assert!(milliseconds("250..80").is_err() && milliseconds("x").is_err());
        assert_eq!(outage("10s..1m").unwrap(), (ms(10_000), ms(60_000)));
        assert!(outage("60s..10s").is_err() && outage("10s").is_err());
        assert!(share("1.5").is_err() && share("-0.1").is_err() && share("NaN").is_err());
        assert_eq!(since("2h").unwrap(), Since::Ago(Duration::from_secs(7200)));
        assert_eq!(since("1970-01-02").unwrap(), Since::At(EpochMs(86_400_000)));
        assert_eq!(since("1970-01-01T00:00:01Z").unwrap(), Since::At(EpochMs(1000)));
        assert!(since("yesterday").is_err());
    }
}

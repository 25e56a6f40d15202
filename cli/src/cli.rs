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
    /// Ask a real location whether it can be reached, what its token reads, and what is left of its quota.
    Check(CheckArgs),
    /// Tell what an import would do, and write its mapping. Sends nothing.
    Plan(Box<PlanArgs>),
    /// Send a contact list to a real location.
    Import(Box<ImportArgs>),
    /// Tell how a deployed stack and its locations are.
    Status(StatusArgs),
    /// Tell where a record stands in a deployed stack.
    Record(RecordArgs),
    /// List the records of a location in a deployed stack, or find a person.
    Records(RecordsArgs),
    /// List the records of a location that failed for good.
    Failed(FailedArgs),
    /// Tell why records failed: each cause once, with how many there are.
    Failures(FailuresArgs),
    /// Give failed records another chance.
    Replay(ReplayArgs),
    /// Tell what became of records, where the stack keeps that for those who poll.
    Outcomes(OutcomesArgs),
    /// List the imports of a location, tell how one stands, or cancel it.
    Imports(ImportsArgs),
    /// Stop a location of a deployed stack; what is put meanwhile waits.
    Pause(PauseArgs),
    /// Let a paused location go on.
    Resume(ResumeArgs),
    /// Delete what a stack keeps of records. In GHL nothing is deleted.
    Forget(ForgetArgs),
    /// Delete what a stack keeps of a person. In GHL nothing is deleted.
    Erase(EraseArgs),
    /// List the locations of a deployed stack, set what a file says of them, or remove one.
    Locations(LocationsArgs),
    /// Make, list and revoke keys of a deployed stack's API.
    Keys(KeysArgs),
    /// Tell who changed what in a deployed stack.
    Audit(AuditArgs),
    /// Migrate one account into another: two made-up ones in the sandbox, or real ones.
    Migrate(Box<MigrateArgs>),
    /// Start everything and keep it up, for `sam local invoke`, curl and the AWS CLI.
    Up(UpArgs),
    /// Start the GoHighLevel sandbox alone.
    Sandbox(SandboxArgs),
    /// Print the contacts that changed in GHL since a time, one JSON object a line.
    Pull(PullArgs),
    /// Make a bootstrap key for the HTTP API, whose hash goes into the parameter ApiKeys.
    Key(KeyArgs),
    /// Live through simulated worlds in which everything goes wrong, and look whether a rule is broken.
    Simulate(SimulateArgs),
    /// Measure whole runs: what a record takes, what a tick takes, what is delivered in a second.
    Bench(BenchArgs),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The contact list (CSV, TSV, XLSX, NDJSON; `-` is standard input); without it, a small one of the project's own.
    pub(crate) csv: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// This many records: the list is repeated with distinct identities, or cut.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) records: Option<u32>,
    /// Deal the records out to this many locations, each with a quota of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) locations: u32,
    #[command(flatten)]
    pub(crate) ghl: GhlArgs,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
    /// Do everything but the calls to GHL.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Serve the dashboard, during the run and after it, until Ctrl-C.
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Let the sandbox issue tokens that expire: those of one location, or of an agency if there are several.
    #[arg(long, conflicts_with = "ghl_url")]
    pub(crate) oauth: bool,
    /// How long these tokens are good.
    #[arg(long, value_name = "SPAN", default_value = "24h", requires = "oauth", value_parser = lifetime)]
    pub(crate) token_lifetime: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct GhlArgs {
    /// The location, or the stem of their names if there are several.
    #[arg(long, value_name = "ID", default_value = "loc_demo")]
    pub(crate) location: LocationId,
    /// The API to use.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) api: ApiArg,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
    /// Another GHL, real or not, instead of the sandbox; its token is taken from GHL_TOKEN.
    #[arg(long, value_name = "URL")]
    pub(crate) ghl_url: Option<String>,
    /// Token for --ghl-url.
    #[arg(long, env = "GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) token: Secret,
}

#[derive(Debug, Args)]
pub(crate) struct FaultArgs {
    /// How long the sandbox takes to answer.
    #[arg(long, value_name = "A..B", default_value = "80..250", value_parser = milliseconds)]
    pub(crate) latency_ms: RangeInclusive<Duration>,
    /// How the sandbox counts its windows.
    #[arg(long, value_enum, default_value_t = WindowArg::Strict)]
    pub(crate) window: WindowArg,
    /// Calls of each location's quota that somebody else makes in every window.
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
    /// Seed of what the sandbox does at random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Write what it came to to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report for people into this directory, as JSON, CSV and HTML.
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// The location that is read.
    #[arg(long, value_name = "ID", default_value = "loc_old")]
    pub(crate) source: LocationId,
    /// The location that is written to.
    #[arg(long, value_name = "ID", default_value = "loc_new")]
    pub(crate) target: LocationId,
    /// The source's API.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) source_api: ApiArg,
    /// The target's API.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) target_api: ApiArg,
    /// A GHL that both locations are in, instead of the sandbox; their tokens are taken from SOURCE_GHL_TOKEN and
    /// TARGET_GHL_TOKEN.
    #[arg(long, value_name = "URL")]
    pub(crate) ghl_url: Option<String>,
    #[arg(long, env = "SOURCE_GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) source_token: Secret,
    #[arg(long, env = "TARGET_GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) target_token: Secret,
    /// Only look: map and forecast, and write nothing to GHL.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Agree with the mapping without being asked. (Made-up accounts are migrated without a question anyway.)
    #[arg(long)]
    pub(crate) auto: bool,
    /// What shall become of single things, whatever the mapping thinks (docs/MIGRATION.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Delete what the last migration in --data-dir has created, and only that.
    #[arg(long, requires = "data_dir", conflicts_with_all = ["dry_run", "mapping"])]
    pub(crate) rollback: bool,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
    /// How long an invocation of a function may take. What a killed process held is free again after that, and 5 s.
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = function_timeout)]
    pub(crate) function_timeout: Duration,
}

/// What the made-up accounts hold.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SizeArgs {
    /// Contacts in the source; one in 50 of them has neither e-mail nor phone.
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
    /// Whether the target has the pipelines, or lets them be made.
    #[arg(long, value_enum, default_value_t = PipelinesArg::There)]
    pub(crate) target_pipelines: PipelinesArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PipelinesArg {
    /// The target has them.
    There,
    /// It has none, and its token lacks the scope to make any.
    Missing,
    /// It has none, and lets them be made.
    Makeable,
}

/// Where everything listens.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", default_value_t = LOOPBACK)]
    pub(crate) bind: IpAddr,
    /// Answer requests for this host as well: the name of a tunnel, or what containers know this machine as. It may be
    /// given several times.
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
    /// The sandbox's port; DynamoDB, SQS, the HTTP API and S3 take the four that follow.
    #[arg(long, value_name = "P", default_value_t = 8787, value_parser = clap::value_parser!(u16).range(1..=65531))]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// Write a function's environment to this file once everything is ready, as KEY=VALUE lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Put this contact list into the outbox.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Do not run the functions in this process: they are invoked from outside.
    #[arg(long)]
    pub(crate) no_functions: bool,
    /// How often changes in GHL are read that no webhook told, if nothing else needs the quota.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = interval)]
    pub(crate) reconcile_every: Duration,
    /// Do not read them.
    #[arg(long, conflicts_with = "reconcile_every")]
    pub(crate) no_reconcile: bool,
    /// Post what becomes of records to this URL, signed as docs/OUTCOMES.md says. It may be http:// on this machine.
    #[arg(long, value_name = "URL", requires = "outcomes_secret")]
    pub(crate) outcomes_to: Option<String>,
    /// The signing secret for that. If there is no such file, it is made with a new secret in it.
    #[arg(long, value_name = "FILE", requires = "outcomes_to")]
    pub(crate) outcomes_secret: Option<PathBuf>,
    /// Access key of the embedded DynamoDB and SQS, instead of one that is made for this run.
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
    /// The access key that was given.
    pub(crate) fn access_key(&self) -> Option<AccessKey> {
        let (id, secret) = self.local_access_key_id.clone().zip(self.local_secret_access_key.clone())?;
        Some(AccessKey { id, secret })
    }
}

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// The port.
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
    /// From when on: a date (2026-11-21), a time (2026-11-21T08:00:00Z), or a span before now (90m, 2h, 7days).
    #[arg(long, value_name = "T", value_parser = since)]
    pub(crate) since: Since,
    #[command(flatten)]
    pub(crate) ghl: GhlArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// What the key is called in logs.
    #[arg(long, value_name = "NAME", default_value = "operator", value_parser = key_name)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// So many worlds, each made from a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) from: u64,
    /// Begin no further world after this time.
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    pub(crate) within: Option<Duration>,
    /// Threads; one a core, unless said.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Run the world of this seed again, and make it smaller if it breaks a rule.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "within", "scenario", "pacing"])]
    pub(crate) seed: Option<u64>,
    /// Run the world of this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from", "within", "pacing"])]
    pub(crate) scenario: Option<PathBuf>,
    /// Measure the pace against what is possible, in 50 simulated minutes each.
    #[arg(long, conflicts_with_all = ["seeds", "from", "within"])]
    pub(crate) pacing: bool,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Write what was measured to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Some seconds instead of minutes: to see that it runs, not to go by its figures.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only what it takes to look at 10,000 locations.
    #[arg(long, conflicts_with = "json")]
    pub(crate) overview: bool,
    /// Measure something else: what a record takes by the ways in and out (a list in the bucket, outcomes that are told),
    /// besides being sent.
    #[arg(long, conflicts_with_all = ["json", "cost"])]
    pub(crate) ways: bool,
    /// Measure nothing: print what it would cost in AWS according to this file, which --json wrote.
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
    /// Exactly, over any window.
    Strict,
    /// By windows aligned to multiples of their length, which begin anew.
    Fixed,
    /// With two counters, which may refuse a caller who keeps to the limit exactly.
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

/// A name or an address as a `Host` header has it, without a port.
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

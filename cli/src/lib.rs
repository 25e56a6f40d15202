//! The whole system in one process on one machine: embedded DynamoDB and SQS, the real functions, the GoHighLevel
//! sandbox, progress and report.

#[macro_use]
mod out;
mod outcomes;

mod accounts;
mod api;
mod args;
mod ask;
mod bench;
mod call_recorder;
mod cli;
mod credential;
mod deliver;
mod demo;
mod door;
mod embedded;
mod exit;
pub mod functions;
mod known_ids;
mod list;
mod mark;
mod migrate;
mod private;
mod progress;
mod pull;
mod real;
mod remote;
mod repeat;
mod report;
pub mod sandbox;
mod secrets;
mod signals;
mod simulate;
pub mod stack;
mod tally;
mod up;
mod usage;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;

pub use api::{ApiExtras, ApiServer, NewApiKey};
use clap::CommandFactory;
pub use cli::Cli;
use cli::{Command, FaultArgs, RetryAfterArg, WindowArg};
pub use door::Listen;
use usage::UsageError;

use crate::sandbox::{RetryAfterMode, SandboxOptions, WindowKind};
use crate::stack::{Ghl, StackOptions};

/// Runs the command. The exit status tells whether everything went well.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Demo(args) => demo::run(*args).await,
        Command::Check(args) => real::check(args).await,
        Command::Plan(args) => real::plan(*args).await,
        Command::Import(args) => real::import(*args).await,
        Command::Status(args) => remote::status(args).await,
        Command::Record(args) => remote::record(args).await,
        Command::Records(args) => remote::records(args).await,
        Command::Failed(args) => remote::failed(args).await,
        Command::Failures(args) => remote::failures(args).await,
        Command::Replay(args) => remote::replay(args).await,
        Command::Outcomes(args) => remote::outcomes(args).await,
        Command::Imports(args) => remote::imports(args).await,
        Command::Pause(args) => remote::pause(args).await,
        Command::Resume(args) => remote::resume(args).await,
        Command::Forget(args) => remote::forget(args).await,
        Command::Erase(args) => remote::erase(args).await,
        Command::Locations(args) => remote::locations(args).await,
        Command::Keys(args) => remote::keys(args).await,
        Command::Audit(args) => remote::audit(args).await,
        Command::Migrate(args) => migrate::run(*args).await,
        Command::Up(args) => up::run(args).await,
        Command::Sandbox(args) => up::sandbox(args).await,
        Command::Pull(args) => pull::run(args).await,
        Command::Key(args) => key(&args),
        Command::Simulate(args) => simulated(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Completions { shell } => Ok(completions(shell)),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        let mut cause = failure.source();
        while let Some(source) = cause {
            eprintln!("  because: {source}");
            cause = source.source();
        }
        exit::of_failure(&failure)
    })
}

/// `cargo ghl-sync simulate`. Each world has its own runtime, so the worlds run outside of this one.
async fn simulated(args: cli::SimulateArgs) -> Result<ExitCode, Failure> {
    tokio::task::spawn_blocking(move || simulate::run(&args)).await?
}

/// `cargo ghl-sync key`: prints a new key, shown only once, and the part of it that is stored.
fn key(args: &cli::KeyArgs) -> Result<ExitCode, Failure> {
    let key = NewApiKey::make()?;
    println!("key   {}", key.text());
    println!("hash  {}", key.kept(&args.name));
    println!(
        "Callers send the key; it is shown this once. The hash goes into API_KEYS, after a comma if there are others."
    );
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ghl-sync", &mut script);
    print!("{}", String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

/// An error with its causes.
type Failure = Box<dyn Error + Send + Sync>;

/// Options for the sandbox from the arguments; its limits come from the stack.
fn sandbox_options(faults: &FaultArgs) -> SandboxOptions {
    SandboxOptions {
        latency: faults.latency_ms.clone(),
        window_kind: match faults.window {
            WindowArg::Strict => WindowKind::Strict,
            WindowArg::Fixed => WindowKind::Fixed,
            WindowArg::Approximate => WindowKind::Approximate,
        },
        others: faults.others,
        error_rate: faults.error_rate,
        outage: faults.outage.map(|(start, end)| (start, end.saturating_sub(start))),
        retry_after: match faults.retry_after {
            RetryAfterArg::Never => RetryAfterMode::Never,
            RetryAfterArg::Seconds => RetryAfterMode::Seconds,
            RetryAfterArg::Sometimes => RetryAfterMode::Sometimes,
        },
        seed: faults.seed,
        ..SandboxOptions::default()
    }
}

/// Options for the stack from the arguments.
async fn stack_options(ghl: &cli::GhlArgs, sandbox: SandboxOptions) -> Result<StackOptions, Failure> {
    let mut vars = callers_vars();
    let ghl_is = match &ghl.ghl_url {
        Some(url) => Ghl::Url { url: url.clone(), token: accounts::token(&ghl.token, &mut vars).await? },
        None => Ghl::Sandbox(Box::new(sandbox)),
    };
    Ok(StackOptions {
        locations: vec![ghl.location.clone()],
        api: ghl.api.into(),
        own: BTreeMap::new(),
        limit: ghl.quota.limit,
        window_ms: ghl.quota.window_ms,
        daily: ghl.quota.daily,
        dry_run: false,
        function_timeout: functions::FUNCTION_TIMEOUT,
        data_dir: ghl.quota.data_dir.clone(),
        ghl: ghl_is,
        bind: stack::LOOPBACK,
        allowed_hosts: Vec::new(),
        access_key: None,
        port: None,
        oauth: None,
        vars,
    })
}

/// The AWS variables in the caller's environment.
#[expect(clippy::disallowed_methods, reason = "what is kept in AWS is read for the functions' environment")]
fn aws_vars() -> BTreeMap<String, String> {
    std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect()
}

/// The engine's variables in the caller's environment: `GHL_…`, `MIGRATION_…` and `LOG_LEVEL` (off unless set,
/// because logs would run through the progress bar).
#[expect(clippy::disallowed_methods, reason = "the functions' environment is made here")]
fn callers_vars() -> BTreeMap<String, String> {
    let is_ours = |name: &str| name.starts_with("GHL_") || name.starts_with("MIGRATION_") || name == "LOG_LEVEL";
    let mut vars: BTreeMap<String, String> = std::env::vars().filter(|(name, _)| is_ours(name)).collect();
    vars.entry("LOG_LEVEL".to_owned()).or_insert_with(|| "off".to_owned());
    vars
}

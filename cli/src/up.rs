//! `cargo ghl-sync up` and `cargo ghl-sync sandbox`: servers that keep running.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::CredentialsRef;

use crate::api::ApiServer;
use crate::cli::{SandboxArgs, UpArgs};
use crate::deliver::SCHEDULE;
use crate::demo::read_records;
use crate::sandbox::{Sandbox, SandboxOptions, SandboxTokens};
use crate::stack::{OUTCOMES_TABLE, Stack};
use crate::{Failure, private, sandbox_options, signals, stack_options};

/// Variables that a function needs to use the stack, in the order written.
const ENV_FILE: [&str; 32] = [
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_SNS",
    "RECORDS_TABLE",
    "STATE_TABLE",
    "BATCH_QUEUE_URL",
    "DEAD_LETTER_QUEUE_URL",
    "PARKING_QUEUE_URL",
    "MIGRATION_QUEUE_URL",
    "INGEST_QUEUE_URL",
    "INGEST_DEAD_LETTER_QUEUE_URL",
    "OUTCOMES_QUEUE_URL",
    "OUTCOMES_TABLE",
    "IMPORT_BUCKET",
    "IMPORT_QUEUE_URL",
    "GHL_APP",
    "GHL_CONSENT_URL",
    "CONNECT_SECRETS",
    "GHL_BASE_URL",
    "GHL_V1_BASE_URL",
    "GHL_ALLOW_INSECURE_URL",
    "GHL_TOKEN",
    "GHL_LOCATIONS",
    "GHL_LOCATION_TOKENS",
    "API_KEYS",
];
/// The ports after the sandbox's are DynamoDB's, SQS's, this one, S3's, and Secrets Manager's.
const API_PORT_OFFSET: u16 = 3;

pub(crate) async fn run(args: UpArgs) -> Result<ExitCode, Failure> {
    let mut options = stack_options(&args.ghl, sandbox_options(&args.faults)).await?;
    options.bind = args.listen.bind;
    options.allowed_hosts.clone_from(&args.listen.allow_host);
    options.access_key = args.access_key();
    options.port = Some(args.port);
    options.vars.insert("OUTCOMES_TABLE".to_owned(), OUTCOMES_TABLE.to_owned());
    if let (Some(url), Some(file)) = (&args.outcomes_to, &args.outcomes_secret) {
        let secret = signing_secret(file).map_err(|error| format!("{}: {error}", file.display()))?;
        options.vars.insert("OUTCOMES_WEBHOOK_URL".to_owned(), url.clone());
        options.vars.insert("OUTCOMES_WEBHOOK_SECRET".to_owned(), secret.to_string());
    }
    let stack = Stack::start(options).await?;
    if let Some(csv) = &args.csv {
        let records = read_records(csv, &args.ghl.location)?;
        stack.engine.put(&records).await?;
        println!("{} records of {} are due", records.len(), args.ghl.location);
    }
    signals::end(stack.engine.shutdown(), Some(stack.functions.time_to_drain()))?;
    let running = (!args.no_functions).then(|| {
        let mut running = stack.functions.clone().start(SCHEDULE);
        running.spawn(stack.functions.clone().read_facts_daily());
        running.spawn(stack.functions.clone().look_for_trouble());
        if !args.no_reconcile {
            running.spawn(stack.functions.clone().reconcile_every(args.reconcile_every));
        }
        running
    });
    let api = stack.serve_api(args.listen.at(args.port + API_PORT_OFFSET)).await?;
    if let Some(sandbox) = &stack.sandbox {
        println!("GHL sandbox   {} (stats: {0}/_sandbox/stats)", sandbox.url());
    }
    println!("dashboard     {}", api.dashboard(&stack.api_key));
    println!("connect       {}", api.connect_url());
    println!("webhooks      {}", api.webhook_url());
    println!("DynamoDB      {}", stack.vars["AWS_ENDPOINT_URL_DYNAMODB"]);
    println!("SQS           {}", stack.vars["AWS_ENDPOINT_URL_SQS"]);
    if let (Some(url), Some(file)) = (&args.outcomes_to, &args.outcomes_secret) {
        println!("outcomes      go to {url}, signed with what is in {}", file.display());
    }
    println!("S3            {} (bucket {})", stack.vars["AWS_ENDPOINT_URL_S3"], stack.vars["IMPORT_BUCKET"]);
    match &args.env_file {
        Some(file) => {
            write_env_file(file, &env_lines(&stack, &api))?;
            println!("environment   {} (with tokens and keys: only you may read it)", file.display());
        }
        None => println!("environment   --env-file FILE writes what a function needs, with tokens and keys"),
    }
    println!("up; stop it with Ctrl-C");
    stack.engine.shutdown().asked().await;
    if let Some(running) = running
        && !stack.functions.drain(running).await
    {
        return Err("not all that was under way has ended; what it holds is free when its leases end".into());
    }
    Ok(ExitCode::SUCCESS)
}

/// Reference to the secret in `file`, which is created if missing.
fn signing_secret(file: &Path) -> Result<CredentialsRef, Failure> {
    if !file.exists() {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let secret = format!("whsec_{}\n", STANDARD.encode(key));
        private::open(file, OpenOptions::new().write(true).create_new(true))?.write_all(secret.as_bytes())?;
    }
    Ok(CredentialsRef::File(file.canonicalize()?))
}

/// A function's environment, plus the API's URL and key.
fn env_lines(stack: &Stack, api: &ApiServer) -> String {
    let of_function = ENV_FILE.into_iter().filter_map(|name| Some((name, stack.vars.get(name)?.clone())));
    let of_caller = [("API_URL", api.url()), ("API_KEY", stack.api_key.text().to_owned())];
    of_function.chain(of_caller).map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// Writes under another name first, so that whoever waits for the file finds it complete.
fn write_env_file(file: &Path, lines: &str) -> Result<(), Failure> {
    let unfinished = file.with_extension("unfinished");
    private::open(&unfinished, OpenOptions::new().write(true).create(true).truncate(true))
        .and_then(|mut open| open.write_all(lines.as_bytes()))
        .and_then(|()| std::fs::rename(&unfinished, file))
        .map_err(|error| format!("{}: {error}", file.display()).into())
}

pub(crate) async fn sandbox(args: SandboxArgs) -> Result<ExitCode, Failure> {
    let token = if args.ghl.token.is_empty() { "pit-local" } else { args.ghl.token.expose() };
    let options = SandboxOptions {
        limit: args.ghl.quota.limit,
        window: Duration::from_millis(args.ghl.quota.window_ms),
        daily_limit: args.ghl.quota.daily,
        data_dir: args.ghl.quota.data_dir.clone(),
        tokens: SandboxTokens::Any(token.to_owned()),
        ..sandbox_options(&args.faults)
    };
    let sandbox = Sandbox::start(options, args.listen.at(args.port)).await?;
    let shown = if args.ghl.token.is_empty() { token } else { "as in GHL_TOKEN" };
    println!("GHL sandbox   {}   token {shown}   stats {0}/_sandbox/stats", sandbox.url());
    println!("up; stop it with Ctrl-C");
    let shutdown = Shutdown::default();
    signals::end(&shutdown, None)?;
    shutdown.asked().await;
    println!("{}", serde_json::to_string_pretty(&sandbox.stats())?);
    Ok(ExitCode::SUCCESS)
}

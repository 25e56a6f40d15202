//! `cargo ghl-sync demo`: a contact list through the scheduled function, the queue, the consumer and GHL.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_engine::policy::SharedIdentity;
use ghl_sync_engine::ports::{Clock, Loaded, PortError};
use ghl_sync_import::{ImportError, KnownIds};
use ghl_sync_model::{EpochMs, LocationId, Priority, PutRecord, RecordKey};
use ghl_sync_runtime::SystemClock;

use crate::cli::{ApiArg, DemoArgs, QuotaArgs};
use crate::list::{self, ImportReport, ListArgs, RecordResult, Unread};
use crate::progress::Progress;
use crate::repeat::repeat;
use crate::report::{
    BreakerUse, DynamoDbUse, GhlCalls, LambdaUse, LoadUse, NotStored, Records, Report, SqsUse, StoreUse, TokenUse,
    percentile,
};
use crate::sandbox::Stats;
use crate::stack::{LOOPBACK, Stack};
use crate::tally::Counts;
use crate::{Failure, sandbox_options, signals, stack_options};

/// How often the schedule ticks here. (In AWS, once a minute.)
pub(crate) const SCHEDULE: Duration = Duration::from_secs(5);
/// Where the dashboard is served during a run: any port that is free.
const DASHBOARD: SocketAddr = SocketAddr::new(LOOPBACK, 0);
const REFRESH: Duration = Duration::from_millis(100);
/// Functions that run on have written down by then what was told of last.
const SETTLED: Duration = Duration::from_millis(300);
/// The exit status of a run that left out rows or cells.
const ROWS_LEFT_OUT: u8 = 3;
/// The exit status of a run whose command line leaves a question open.
const USAGE: u8 = 2;
/// Why a run stopped that was stopped by hand.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// The same, if not all that was under way could be waited for.
pub(crate) const CUT_SHORT: &str = "interrupted, before all that was under way had ended";
/// Groups of contacts with one e-mail address or phone number that are named.
const SHARED_SHOWN: usize = 10;
/// Whoever waits longer than this for GHL is told to come back.
const TOO_LONG: Duration = Duration::from_secs(15 * 60);
/// Nothing at all happening for this long means that nothing will.
const STALLED: Duration = Duration::from_secs(180);

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    if args.oauth && args.ghl.api == ApiArg::V1 {
        return Err("--oauth is of API v2: the legacy API knows keys only".into());
    }
    let ids = IdsFile::of(&args);
    let list = match list::read(args.csv.as_deref(), &args.list, args.ghl.ghl_url.is_none(), ids.read()?) {
        Ok(list) => list,
        Err(Unread::Open(report, error)) => return refused(&args, &report, &error),
        Err(Unread::Failed(failure)) => return Err(failure),
    };
    let contacts = match args.records {
        Some(records) => repeat(&list.contacts, records as usize),
        None => list.contacts,
    };
    let rows: Vec<u64> = contacts.iter().map(|contact| contact.row).collect();
    let locations = locations(&args.ghl.location, args.locations)?;
    let records: Vec<PutRecord> = contacts
        .into_iter()
        .zip(locations.iter().cycle())
        .map(|(contact, location)| contact.into_put(location.clone(), Priority::Normal))
        .collect();

    let mut options = stack_options(&args.ghl, sandbox_options(&args.faults))?;
    options.locations = locations;
    options.dry_run = args.dry_run;
    options.oauth = args.oauth.then_some(args.token_lifetime);
    let stack = Stack::start(options).await?;

    let before = stack.usage.snapshot();
    let put = stack.engine.put(&records).await?;
    let loaded = stack.usage.snapshot();
    let load = loaded.since(&before).writes();
    ids.write(list.learned)?;
    println!("{} records put into the outbox, {} need no call", records.len(), put.unchanged);
    tell_shared(&put.shared);

    let api = if args.dashboard { Some(stack.serve_api(DASHBOARD).await?) } else { None };
    if let Some(api) = &api {
        println!("dashboard: {}", api.dashboard(&stack.api_key));
    }
    let due = records.len() as u64 - put.unchanged;
    // With a dashboard they run on: what is replayed there is sent.
    let mut functions = (due > 0 || api.is_some()).then(|| stack.functions.clone().start(SCHEDULE));
    signals::end(stack.engine.shutdown(), Some(stack.functions.time_to_drain()))?;
    let mut stopped = if due > 0 { sync(&stack, due).await } else { None };
    let interrupted = stack.engine.shutdown().is_asked();
    if let Some(running) = functions.take_if(|_| interrupted || api.is_none()) {
        let all_ended = stack.functions.drain(running).await;
        if interrupted {
            stopped = Some(if all_ended { INTERRUPTED } else { CUT_SHORT }.to_owned());
        }
    } else if functions.is_some() {
        // The last invocation still writes its end down.
        tokio::time::sleep(SETTLED).await;
    }

    let used = stack.usage.snapshot().since(&loaded);
    let (census, results) = census(&stack, &records, &rows).await?;
    if let Some(file) = &args.results {
        list::write_results(file, &results)?;
    }
    let report = Report {
        import: Some(list.report),
        records: Records { already_synced: put.unchanged, ..census },
        dynamodb: DynamoDbUse {
            load: LoadUse { write_requests: load.requests, write_units: load.units() },
            sync: StoreUse {
                read_requests: used.reads().requests,
                write_requests: used.writes().requests,
                read_units: used.reads().units(),
                write_units: used.writes().units(),
                gate_writes: used.gate_writes().requests,
            },
        },
        sqs: SqsUse { requests: used.sends() + stack.functions.bill.sqs_requests(), messages: used.sends() },
        stopped,
        ..calls(&stack, &args)
    };
    print!("\n{report}");
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let (Some(api), Some(running)) = (api, functions) {
        println!("\nthe dashboard stays up at {}; stop it with Ctrl-C", api.url());
        stack.engine.shutdown().asked().await;
        stack.functions.drain(running).await;
    }
    let has_losses = report.import.as_ref().is_some_and(ImportReport::has_losses) && !args.list.allow_rejects;
    Ok(match report.is_complete() && !report.is_breach() {
        true if has_losses => ExitCode::from(ROWS_LEFT_OUT),
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Names the first of the contacts that GHL may take for one another.
fn tell_shared(shared: &[SharedIdentity]) {
    for SharedIdentity { by, records, .. } in shared.iter().take(SHARED_SHOWN) {
        let keys: Vec<String> = records.iter().map(ToString::to_string).collect();
        println!("the same {} in {}: GHL may make one contact of them", by.as_str(), keys.join(", "));
    }
    if let more @ 1.. = shared.len().saturating_sub(SHARED_SHOWN) {
        println!("and {more} more of these");
    }
}

/// A question is open: nothing is put, and the report says which.
fn refused(args: &DemoArgs, report: &ImportReport, error: &ImportError) -> Result<ExitCode, Failure> {
    eprintln!("error: {error}");
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&serde_json::json!({ "import": report }))?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(ExitCode::from(USAGE))
}

/// Where the ids are kept that contacts have got: with the state of a run for one location.
struct IdsFile(Option<PathBuf>);

impl IdsFile {
    fn of(args: &DemoArgs) -> IdsFile {
        let folder = args.ghl.quota.data_dir.as_ref().filter(|_| args.locations == 1 && args.records.is_none());
        IdsFile(folder.map(|folder| folder.join(format!("known-ids-{}.txt", args.ghl.location))))
    }

    fn read(&self) -> Result<KnownIds, Failure> {
        let Some(path) = self.0.as_ref().filter(|path| path.exists()) else { return Ok(KnownIds::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(KnownIds::from_text(&text))
    }

    /// Adds what was learned. An interrupted write leaves the old file.
    fn write(&self, learned: KnownIds) -> Result<(), Failure> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut known = self.read()?;
        known.merge(learned);
        let new = path.with_extension("new");
        let written = std::fs::write(&new, known.to_text()).and_then(|()| std::fs::rename(&new, path));
        written.map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

/// Reads a list as records of one location.
pub(crate) fn read_records(csv: &Path, location: &LocationId) -> Result<Vec<PutRecord>, Failure> {
    let list = list::read(Some(csv), &ListArgs::default(), true, KnownIds::default()).map_err(Unread::into_failure)?;
    let contacts = list.contacts.into_iter();
    Ok(contacts.map(|contact| contact.into_put(location.clone(), Priority::Normal)).collect())
}

/// So many locations, named after `stem`.
pub(crate) fn locations(stem: &LocationId, count: u32) -> Result<Vec<LocationId>, Failure> {
    if count == 1 {
        return Ok(vec![stem.clone()]);
    }
    (1..=count).map(|number| Ok(LocationId::new(format!("{stem}_{number}"))?)).collect()
}

/// Waits until `due` records have ended. Returns why it stopped before, if it did.
pub(crate) async fn sync(stack: &Stack, due: u64) -> Option<String> {
    let mut progress = Progress::start(due);
    let mut refresh = tokio::time::interval(REFRESH);
    let stopped = loop {
        tokio::select! {
            _ = refresh.tick() => {}
            () = stack.engine.shutdown().asked() => break Some(INTERRUPTED.to_owned()),
        }
        let (done, stalled) = stack.tally.read(|counts| {
            let done = counts.ended.len() as u64;
            progress.show(done, counts);
            (done, stalled(counts))
        });
        if done >= due {
            break None;
        }
        if stalled.is_some() {
            break stalled;
        }
    };
    progress.finish();
    stopped
}

/// Whether there is nothing to wait for.
fn stalled(counts: &Counts) -> Option<String> {
    let now = SystemClock.now();
    let far = |at: &Option<EpochMs>| at.is_some_and(|at| now.until(at) > TOO_LONG);
    if !counts.next.is_empty() && counts.next.values().all(|(at, _)| far(at)) {
        let at = counts.next.values().filter_map(|(at, _)| *at).min().unwrap_or(now);
        return Some(format!("nothing can be sent for another {} minutes", now.until(at).as_secs() / 60));
    }
    let quiet = counts.last_event.0 > 0 && now.since(counts.last_event) > STALLED;
    let waiting = counts.next.values().any(|(at, _)| at.is_some_and(|at| at > now));
    (quiet && !waiting).then(|| "nothing has happened for three minutes".to_owned())
}

/// How the records stand in the outbox, in all and each for itself: the store's word, not what the functions said.
async fn census(stack: &Stack, records: &[PutRecord], rows: &[u64]) -> Result<(Records, Vec<RecordResult>), PortError> {
    let mut by_location: HashMap<&LocationId, HashMap<RecordKey, u64>> = HashMap::new();
    for (record, row) in records.iter().zip(rows) {
        by_location.entry(&record.location_id).or_default().insert(record.key(), *row);
    }
    let mut census = Records { total: records.len() as u64, ..Records::default() };
    let mut results = Vec::with_capacity(records.len());
    for (location, rows) in by_location {
        let keys: Vec<RecordKey> = rows.keys().cloned().collect();
        for loaded in stack.engine.ports().outbox.load(location, &keys).await? {
            let (counter, state) = match &loaded {
                Loaded::Record(record) if record.due_at.is_some() => (&mut census.pending, "pending"),
                Loaded::Record(record) if record.accepted_version == Some(record.version) => {
                    (&mut census.synced, "synced")
                }
                Loaded::Record(record) if record.last_error.is_none() => (&mut census.skipped, "skipped"),
                Loaded::Record(_) | Loaded::Damaged { .. } => (&mut census.failed, "failed"),
            };
            *counter += 1;
            results.push(result(loaded, state, &rows));
        }
    }
    census.pending += census.total - census.synced - census.skipped - census.failed - census.pending;
    results.sort_by_key(|result| result.row);
    Ok((census, results))
}

fn result(loaded: Loaded, state: &'static str, rows: &HashMap<RecordKey, u64>) -> RecordResult {
    let row = |key: &RecordKey| rows.get(key).copied().unwrap_or_default();
    match loaded {
        Loaded::Record(record) => RecordResult {
            row: row(&record.key),
            record: record.key.id.to_string(),
            state,
            ghl_id: record.ghl_id.map(|id| id.to_string()).unwrap_or_default(),
            not_stored: record.not_stored,
            error: record.last_error.filter(|_| state != "synced").map(|error| error.message).unwrap_or_default(),
        },
        Loaded::Damaged { key, reason } => RecordResult {
            row: row(&key),
            record: key.id.to_string(),
            state,
            ghl_id: String::new(),
            error: reason,
            not_stored: Vec::new(),
        },
    }
}

/// The report's part on calls and time.
fn calls(stack: &Stack, args: &DemoArgs) -> Report {
    let window = Duration::from_millis(args.ghl.quota.window_ms);
    let limit = args.ghl.quota.limit;
    let seen = stack.recorder.seen(window);
    let ghl = ghl_calls(stack, &args.ghl.quota);
    let accepted_per_location = seen.ok as f64 / f64::from(args.locations);
    let span = (seen.last_sent.since(seen.first_sent) + window).as_secs_f64();
    let quota_used = accepted_per_location / span * window.as_secs_f64() / f64::from(limit);
    let full_windows = seen.most_calls.saturating_sub(1) / u64::from(limit);
    stack.tally.read(|counts| {
        let mut latencies = counts.latencies.clone();
        latencies.sort_unstable();
        Report {
            import: None,
            records: Records::default(),
            ghl,
            quota_used,
            seconds: seen.last_answer.since(seen.first_sent).as_secs_f64(),
            lower_bound_seconds: full_windows as f64 * window.as_secs_f64(),
            dynamodb: DynamoDbUse::default(),
            sqs: SqsUse::default(),
            lambda: LambdaUse {
                invocations: stack.functions.bill.invocations(),
                busy_ms: stack.functions.bill.busy_ms(),
            },
            tokens: if args.oauth { stack.sandbox.as_ref().map(|sandbox| tokens(&sandbox.stats())) } else { None },
            breaker: BreakerUse { opens: counts.breaker_opens },
            p50_ms: percentile(&latencies, 50),
            p95_ms: percentile(&latencies, 95),
            retries: counts.retries,
            waited_ms: counts
                .waits
                .iter()
                .map(|(reason, wait)| (reason.as_str(), u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
                .collect(),
            not_stored: counts
                .not_stored
                .iter()
                .map(|((location, record), fields)| NotStored {
                    location: location.to_string(),
                    record: record.to_string(),
                    fields: fields.clone(),
                })
                .collect(),
            errors: counts.errors.iter().map(|(error, count)| (error.clone(), *count)).collect(),
            stopped: None,
        }
    })
}

/// What GHL was called for: the sandbox's count, or (of another GHL) the client's.
pub(crate) fn ghl_calls(stack: &Stack, quota: &QuotaArgs) -> GhlCalls {
    let seen = stack.recorder.seen(Duration::from_millis(quota.window_ms));
    match stack.sandbox.as_ref().map(crate::sandbox::Sandbox::stats) {
        Some(stats) => GhlCalls {
            calls: stats.calls,
            ok: stats.ok,
            status_429: stats.status_429,
            status_other: stats.status_other,
            max_in_any_window: stats.max_in_any_window,
            limit: quota.limit,
            window_ms: quota.window_ms,
            max_concurrent: stats.max_concurrent,
            duplicates: stats.duplicates,
            counted_by: "sandbox",
        },
        None => GhlCalls {
            calls: seen.calls,
            ok: seen.ok,
            status_429: seen.status_429,
            status_other: seen.status_other,
            max_in_any_window: seen.max_in_any_window,
            limit: quota.limit,
            window_ms: quota.window_ms,
            max_concurrent: seen.max_concurrent,
            duplicates: seen.duplicates,
            counted_by: "client",
        },
    }
}

fn tokens(stats: &Stats) -> TokenUse {
    TokenUse {
        refreshes: stats.token_refreshes,
        repeats: stats.token_repeats,
        refusals: stats.token_refusals,
        location_tokens: stats.location_tokens,
        expired: stats.expired_tokens,
    }
}

//! Delivers a list through the outbox, the scheduled function, the queue and the consumer to any GHL. Shared by
//! `demo` and `import`.

mod calls;
mod census;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_engine::policy::SharedIdentity;
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_engine::usecase::PutReport;
use ghl_sync_model::{EpochMs, LocationId, Priority, PutRecord};
use ghl_sync_runtime::SystemClock;

use crate::args::QuotaArgs;
use crate::known_ids::IdsFile;
use crate::list::{Contacts, ImportReport, List, ListArgs, OutputArgs};
use crate::mark::mark;
use crate::progress::RunProgress;
use crate::report::{DynamoDbUse, LoadUse, RecordTotals, ReportFiles, SqsUse, StoreUse};
use crate::stack::{LOOPBACK, Stack};
use crate::tally::RunCounts;
use crate::{Failure, exit, signals};

pub(crate) use calls::{RunFacts, ghl_calls};

/// Interval of the schedule here. (In AWS, one minute.)
pub(crate) const SCHEDULE: Duration = Duration::from_secs(5);
/// Address of the dashboard during a run: any free port.
const DASHBOARD: SocketAddr = SocketAddr::new(LOOPBACK, 0);
const REFRESH: Duration = Duration::from_millis(100);
/// Time in which running functions write down what they reported last.
const SETTLED: Duration = Duration::from_millis(300);
/// Reason of a run stopped by hand.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// The same, if some work in flight could not be waited for.
pub(crate) const CUT_SHORT: &str = "interrupted, before all that was under way had ended";
/// Most groups of contacts with the same email address or phone number that are named.
const SHARED_SHOWN: usize = 10;
/// Longest expected wait for GHL. If it takes longer, the user is told to come back later.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(15 * 60);
/// Delays before records that could not be stored are put again.
const PUT_AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];
/// If nothing at all happens for this long, nothing will.
const STALLED: Duration = Duration::from_secs(180);

/// Delivery options, and the files to report to.
pub(crate) struct Job<'a> {
    /// Locations that share the records.
    pub(crate) locations: Vec<LocationId>,
    pub(crate) ids: &'a IdsFile,
    pub(crate) quota: &'a QuotaArgs,
    pub(crate) output: &'a OutputArgs,
    pub(crate) list: &'a ListArgs,
    /// Serve the dashboard until the program is told to end.
    pub(crate) dashboard: bool,
    /// Whether to report the sandbox's tokens.
    pub(crate) shows_tokens: bool,
}

/// Puts the list, sends it and reports.
pub(crate) async fn deliver(stack: &Stack, list: List, job: Job<'_>) -> Result<ExitCode, Failure> {
    let List { mut contacts, report: import, learned, .. } = list;
    // Calls that checked the location before the run do not count.
    stack.tally.start_over();
    stack.recorder.start_over();
    let before = stack.usage.snapshot();
    let put = put_all(stack, &mut contacts, &job.locations).await?;
    let loaded = stack.usage.snapshot();
    let load = loaded.since(&before).writes();
    job.ids.write(learned)?;
    println!("{} records put into the outbox, {} need no call", contacts.len(), put.unchanged);
    tell_shared(&put.shared);

    let api = if job.dashboard { Some(stack.serve_api(DASHBOARD).await?) } else { None };
    if let Some(api) = &api {
        println!("dashboard: {}", api.dashboard(&stack.api_key));
    }
    let due = contacts.len() - put.unchanged;
    // With a dashboard, the functions keep running, so that replayed records are sent.
    let mut functions = (due > 0 || api.is_some()).then(|| stack.functions.clone().start(SCHEDULE));
    signals::end(stack.engine.shutdown(), Some(stack.functions.time_to_drain()))?;
    let mut stopped = if due > 0 { wait(stack, due, Some(&put.marks)).await } else { None };
    let interrupted = stack.engine.shutdown().is_asked();
    if let Some(running) = functions.take_if(|_| interrupted || api.is_none()) {
        let all_ended = stack.functions.drain(running).await;
        if interrupted {
            stopped = Some(if all_ended { INTERRUPTED } else { CUT_SHORT }.to_owned());
        }
    } else if functions.is_some() {
        // The last invocation is still writing its results.
        tokio::time::sleep(SETTLED).await;
    }

    let used = stack.usage.snapshot().since(&loaded);
    let census = census::take(stack, &mut contacts, &job).await?;
    let asked = RunFacts { quota: job.quota, locations: job.locations.len(), shows_tokens: job.shows_tokens };
    let mut report = calls::report(stack, &asked);
    report.import = Some(import);
    report.records = RecordTotals { already_synced: put.unchanged, ..census };
    report.dynamodb = DynamoDbUse {
        load: LoadUse { write_requests: load.requests, write_units: load.units() },
        sync: StoreUse {
            read_requests: used.reads().requests,
            write_requests: used.writes().requests,
            read_units: used.reads().units(),
            write_units: used.writes().units(),
            gate_writes: used.gate_writes().requests,
        },
    };
    report.sqs = SqsUse { requests: used.sends() + stack.functions.bill.sqs_requests(), messages: used.sends() };
    report.stopped = stopped;
    let has_losses = report.import.as_ref().is_some_and(ImportReport::has_losses);
    let files = ReportFiles {
        rejects: job.list.rejects.as_deref().filter(|_| has_losses),
        results: job.output.results.as_deref(),
    };
    print!("\n{}", report.shown(&files, job.output.verbose));
    if let Some(file) = &job.output.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let (Some(api), Some(running)) = (api, functions) {
        println!("\nthe dashboard stays up at {}; stop it with Ctrl-C", api.url());
        stack.engine.shutdown().asked().await;
        stack.functions.drain(running).await;
    }
    Ok(exit::of_run(&report, job.list))
}

/// Result of putting a list.
struct PutList {
    unchanged: u64,
    shared: Vec<SharedIdentity>,
    marks: HashSet<u64>,
}

/// Puts the contacts into the outbox, some thousands at a time. Reports those of a chunk that share an address or
/// number; for the whole list, the import has already done so.
async fn put_all(stack: &Stack, contacts: &mut Contacts, locations: &[LocationId]) -> Result<PutList, Failure> {
    let mut list = PutList { unchanged: 0, shared: Vec::new(), marks: HashSet::new() };
    let mut places = locations.iter().cycle();
    for chunk in contacts.chunks()? {
        let records: Vec<PutRecord> = chunk?
            .into_iter()
            .zip(places.by_ref())
            .map(|(contact, location)| contact.into_put(location.clone(), Priority::Normal))
            .collect();
        let put = put_chunk(stack, &records).await?;
        list.unchanged += put.unchanged;
        list.shared.extend(put.shared);
        list.marks.extend(records.iter().map(|record| mark((&record.location_id, &record.key()))));
    }
    Ok(list)
}

/// Puts some records, and repeats all of them if one could not be stored: on a busy machine the database is slow, and
/// repeating a put is safe. A refused record stays refused.
async fn put_chunk(stack: &Stack, records: &[PutRecord]) -> Result<PutReport, PortError> {
    let is_refused = || records.iter().any(|record| record.check().is_err());
    for pause in PUT_AGAIN_AFTER {
        match stack.engine.put(records).await {
            Err(error) if !is_refused() => {
                eprintln!("the outbox did not take all records ({error}); trying again in {} s", pause.as_secs());
                tokio::time::sleep(pause).await;
            }
            ended => return ended,
        }
    }
    stack.engine.put(records).await
}

/// Names the first groups of contacts that GHL may merge.
fn tell_shared(shared: &[SharedIdentity]) {
    for SharedIdentity { by, records, .. } in shared.iter().take(SHARED_SHOWN) {
        let keys: Vec<String> = records.iter().map(ToString::to_string).collect();
        println!("the same {} in {}: GHL may make one contact of them", by.as_str(), keys.join(", "));
    }
    if let more @ 1.. = shared.len().saturating_sub(SHARED_SHOWN) {
        println!("and {more} more of these");
    }
}

/// Waits until `due` records are final; only those among `ours` count if others may be in flight. Returns the reason
/// if it stopped earlier. Records are identified by their marks.
pub(crate) async fn wait(stack: &Stack, due: u64, ours: Option<&HashSet<u64>>) -> Option<String> {
    let mut progress = RunProgress::start(due);
    let mut refresh = tokio::time::interval(REFRESH);
    let stopped = loop {
        tokio::select! {
            _ = refresh.tick() => {}
            () = stack.engine.shutdown().asked() => break Some(INTERRUPTED.to_owned()),
        }
        let (done, stalled) = stack.tally.read(|counts| {
            let done = ended(counts, due, ours);
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

/// Number of final records. Whether they are ours is only checked once there are enough.
fn ended(counts: &RunCounts, due: u64, ours: Option<&HashSet<u64>>) -> u64 {
    let all = counts.ended.len() as u64;
    match ours {
        Some(ours) if all >= due => counts.ended.keys().filter(|key| ours.contains(*key)).count() as u64,
        _ => all,
    }
}

/// The reason to stop waiting, if nothing can be expected.
fn stalled(counts: &RunCounts) -> Option<String> {
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

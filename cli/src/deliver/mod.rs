//! A list through the outbox, the scheduled function, the queue and the consumer to GHL, whichever GHL that is: what `demo`
//! and `import` share.

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
use crate::progress::Progress;
use crate::report::{DynamoDbUse, Files, LoadUse, Records, SqsUse, StoreUse};
use crate::stack::{LOOPBACK, Stack};
use crate::tally::Counts;
use crate::{Failure, exit, signals};

pub(crate) use calls::{Asked, ghl_calls};

/// How often the schedule ticks here. (In AWS, once a minute.)
pub(crate) const SCHEDULE: Duration = Duration::from_secs(5);
/// Where the dashboard is served during a run: any port that is free.
const DASHBOARD: SocketAddr = SocketAddr::new(LOOPBACK, 0);
const REFRESH: Duration = Duration::from_millis(100);
/// Functions that run on have written down by then what was told of last.
const SETTLED: Duration = Duration::from_millis(300);
/// Why a run stopped that was stopped by hand.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// The same, if not all that was under way could be waited for.
pub(crate) const CUT_SHORT: &str = "interrupted, before all that was under way had ended";
/// Groups of contacts with one e-mail address or phone number that are named.
const SHARED_SHOWN: usize = 10;
/// Whoever waits longer than this for GHL is told to come back.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(15 * 60);
/// Pauses before records are put again that could not be stored.
const PUT_AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];
/// Nothing at all happening for this long means that nothing will.
const STALLED: Duration = Duration::from_secs(180);

/// How a list is delivered, and who wants to know of it.
pub(crate) struct Job<'a> {
    /// Where the records are dealt out to.
    pub(crate) locations: Vec<LocationId>,
    pub(crate) ids: &'a IdsFile,
    pub(crate) quota: &'a QuotaArgs,
    pub(crate) output: &'a OutputArgs,
    pub(crate) list: &'a ListArgs,
    /// Serve the dashboard, until the program is told to end.
    pub(crate) dashboard: bool,
    /// Report the sandbox's tokens.
    pub(crate) shows_tokens: bool,
}

/// Puts the list, sends it and reports.
pub(crate) async fn deliver(stack: &Stack, list: List, job: Job<'_>) -> Result<ExitCode, Failure> {
    let List { mut contacts, report: import, learned, .. } = list;
    // Whoever has checked the location, and asked whether to send, is no part of the run.
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
    // With a dashboard they run on: what is replayed there is sent.
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
        // The last invocation still writes its end down.
        tokio::time::sleep(SETTLED).await;
    }

    let used = stack.usage.snapshot().since(&loaded);
    let census = census::take(stack, &mut contacts, &job).await?;
    let asked = Asked { quota: job.quota, locations: job.locations.len(), shows_tokens: job.shows_tokens };
    let mut report = calls::report(stack, &asked);
    report.import = Some(import);
    report.records = Records { already_synced: put.unchanged, ..census };
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
    let files =
        Files { rejects: job.list.rejects.as_deref().filter(|_| has_losses), results: job.output.results.as_deref() };
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

/// What became of a list that was put.
struct PutList {
    unchanged: u64,
    shared: Vec<SharedIdentity>,
    marks: HashSet<u64>,
}

/// Puts the contacts into the outbox, some thousands at a time. Those that share an address or a number are told among
/// these; of a whole list the import knows them already.
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

/// Puts some records, and all of them again if one could not be stored: on a busy machine the database is slow to answer,
/// and putting again does no harm. A record that is refused stays so.
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

/// Waits until `due` records have ended, those among `ours` if others may be under way as well. Returns why it stopped
/// before, if it did. They are known by their marks.
pub(crate) async fn wait(stack: &Stack, due: u64, ours: Option<&HashSet<u64>>) -> Option<String> {
    let mut progress = Progress::start(due);
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

/// Records that have ended. Whose they are is looked at only when there are enough of them.
fn ended(counts: &Counts, due: u64, ours: Option<&HashSet<u64>>) -> u64 {
    let all = counts.ended.len() as u64;
    match ours {
        Some(ours) if all >= due => counts.ended.keys().filter(|key| ours.contains(*key)).count() as u64,
        _ => all,
    }
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

//! Measures the cost of a record on its way in or out, besides being sent: a list in the bucket, the ingest queue, a
//! mirror, and reported outcomes.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use ghl_sync_aws::S3Files;
use ghl_sync_drop::ports::BucketFiles;
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_inbound::FactsReader;
use ghl_sync_model::{Holder, LocationId, MirrorName, MirrorPartKey, OnMissing, Priority, PutRecord, RunId};
use ghl_sync_operate::{Commit, Operator};
use ghl_sync_runtime::{Config, SystemClock};
use serde_json::{Value, json};

use super::cost::dollars_for_a_million;
use super::host::{BenchHost, Effort, on_a_host};
use super::{STEM, free_ghl, stack_with};
use crate::Failure;
use crate::demo::locations;
use crate::embedded::{BUCKET, Tables};
use crate::functions::{FUNCTION_TIMEOUT, QueueSource};
use crate::list::made_up;
use crate::stack::{OUTCOMES_TABLE, RECORDS_TABLE, StackOptions};

/// Records per request to the API, as in the importer.
const TOGETHER: usize = 500;
/// Changes per invocation of the notifier: at most, and when little happens.
const SHOWN: [usize; 2] = [100, 10];

/// Messages, of one item each, per invocation of the ingest function: at most, and when few arrive.
const HANDED: [usize; 2] = [10, 1];

/// Measurements of all ways.
pub(super) struct WaysReport {
    records: u32,
    rows: Vec<WayRow>,
}

/// Measurements of one way, for all records.
struct WayRow {
    name: String,
    /// Divisor for the cost of one: the number of records, or of locations.
    of: u32,
    invocations: u32,
    effort: Effort,
}

/// Measures each way with `records` records.
pub(super) async fn measure(records: u32) -> Result<WaysReport, Failure> {
    let mut rows = vec![by_api(records).await?, by_bucket(records).await?];
    for handed in HANDED {
        rows.push(by_queue(records, handed).await?);
    }
    rows.extend(by_mirror(records).await?);
    for shown in SHOWN {
        let log = [("OUTCOMES_TABLE", OUTCOMES_TABLE)];
        rows.push(told(&format!("outcomes: the log, {shown} changes an invocation"), records, shown, &log).await?);
    }
    for shown in SHOWN {
        // Nobody listens there: the measurement ends with the queue of posts.
        let webhook = [("OUTCOMES_WEBHOOK_URL", "http://127.0.0.1:9/"), ("OUTCOMES_WEBHOOK_SECRET", "file:/dev/null")];
        rows.push(
            told(&format!("outcomes: a webhook's queue, {shown} changes an invocation"), records, shown, &webhook)
                .await?,
        );
    }
    rows.push(facts().await?);
    Ok(WaysReport { records, rows })
}

impl WayRow {
    fn new(name: &str, of: u32) -> WayRow {
        WayRow { name: name.to_owned(), of, invocations: 0, effort: Effort::default() }
    }

    fn take(&mut self, effort: Effort) {
        self.invocations += 1;
        self.effort = self.effort.and(effort);
    }
}

impl fmt::Display for WaysReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} records each way.\n", self.records)?;
        writeln!(
            f,
            "| A record | Invocations | Reads | Read units | Writes | Write units | Messages | Dollars for a million |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for WayRow { name, of, invocations, effort } in &self.rows {
            let each = |count: f64| count / f64::from(*of);
            let it = effort.requests;
            let mut line = format!("| {name} | {:.3}", each(f64::from(*invocations)));
            for count in [it.reads as f64, it.read_units, it.writes as f64, it.write_units, it.messages as f64] {
                write!(line, " | {:.3}", each(count))?;
            }
            writeln!(f, "{line} | {:.2} |", dollars_for_a_million(&it, f64::from(*of)))?;
        }
        Ok(())
    }
}

fn one_location() -> Result<Vec<LocationId>, Failure> {
    locations(&STEM.parse()?, 1)
}

/// Requests of five hundred records each.
async fn by_api(records: u32) -> Result<WayRow, Failure> {
    let location = one_location()?;
    let contacts = contacts(&location, records)?;
    let stack = stack_with(location, free_ghl()).await?;
    on_a_host(&stack, move |host| {
        let mut way = WayRow::new("put by the API, 500 a request", records);
        for together in contacts.chunks(TOGETHER) {
            let putting = async { Ok::<_, Failure>(host.functions.engine.put_and_start(together).await) };
            way.take(host.measure(putting)?.1);
        }
        Ok(way)
    })
    .await
}

fn contacts(locations: &[LocationId], count: u32) -> Result<Vec<PutRecord>, Failure> {
    let contacts = made_up(count)?.into_iter().zip(locations.iter().cycle());
    Ok(contacts.map(|(contact, location)| contact.into_put(location.clone(), Priority::Normal)).collect())
}

/// A list in the bucket, from its event to its results. Sending its records is not counted.
async fn by_bucket(records: u32) -> Result<WayRow, Failure> {
    let location = one_location()?;
    let stack = stack_with(location.clone(), free_ghl()).await?;
    let files = S3Files::new(&Config::from_vars(stack.vars.clone())?.aws, BUCKET, Arc::new(SystemClock));
    on_a_host(&stack, move |host| {
        let location = location.first().ok_or("there is no location")?;
        // Reads the locations' facts first, so that the list need not wait for them.
        host.run(read_facts(host, location))?;
        let list = (0..records).fold("First Name,Last Name,Email,City\n".to_owned(), |list, n| {
            list + &format!("Ada,Lovelace {n},ada{n}@example.com,London\n")
        });
        host.run(files.put(&format!("in/{location}/contacts/list.csv"), list.into_bytes(), "text/csv"))?;
        let mut way = WayRow::new("by a list in the bucket", records);
        let report = format!("out/{location}/list.csv/report.json");
        while !host.run(is_done(&files, &report))? {
            for message in host.run(host.functions.receive(QueueSource::Imports)) {
                let (is_done_with, effort) = host.measure(host.functions.handle(QueueSource::Imports, &message))?;
                way.take(effort);
                if is_done_with {
                    host.run(host.functions.delete(QueueSource::Imports, &message));
                }
            }
            send_all(host, location, Priority::Low)?;
        }
        Ok(way)
    })
    .await
}

/// Items on the ingest queue, one per message. Receiving them is not counted.
async fn by_queue(records: u32, handed: usize) -> Result<WayRow, Failure> {
    let location = one_location()?;
    let contacts = contacts(&location, records)?;
    let stack = stack_with(location, free_ghl()).await?;
    on_a_host(&stack, move |host| {
        let plural = if handed == 1 { "" } else { "s" };
        let mut way = WayRow::new(&format!("by the ingest queue, {handed} message{plural} an invocation"), records);
        for together in contacts.chunks(handed) {
            let messages = together.iter().map(message).collect::<Result<Vec<Value>, Failure>>()?;
            let event = host.functions.event(json!({ "Records": messages }));
            let (answer, effort) = host.measure(ingest::handle(&host.functions.intake, event))?;
            if !answer.batch_item_failures.is_empty() {
                return Err("an item could not be put".into());
            }
            way.take(effort);
        }
        Ok(way)
    })
    .await
}

/// A contact as a message for the ingest queue.
fn message(put: &PutRecord) -> Result<Value, Failure> {
    let contact: Value = serde_json::from_str(&put.payload.to_json())?;
    let item = json!({ "location_id": put.location_id, "id": put.id, "contact": contact });
    Ok(json!({ "messageId": put.id, "eventSource": "aws:sqs", "body": item.to_string() }))
}

/// A mirrored list, and the same list again once GHL has it.
async fn by_mirror(records: u32) -> Result<[WayRow; 2], Failure> {
    let location = one_location()?;
    let contacts = contacts(&location, records)?;
    let stack = stack_with(location.clone(), free_ghl()).await?;
    on_a_host(&stack, move |host| {
        let location = location.first().ok_or("there is no location")?;
        let first = mirrored(host, "mirrored, all of it new", "first", location, &contacts)?;
        send_all(host, location, Priority::Normal)?;
        let again = mirrored(host, "mirrored again, unchanged", "again", location, &contacts)?;
        Ok([first, again])
    })
    .await
}

fn mirrored(
    host: &BenchHost,
    name: &str,
    run: &str,
    location: &LocationId,
    contacts: &[PutRecord],
) -> Result<WayRow, Failure> {
    let engine = &host.functions.engine;
    let operator = Operator::new(engine.clone());
    let mut way = WayRow::new(name, u32::try_from(contacts.len())?);
    let (mirror, run): (MirrorName, RunId) = ("bench".parse()?, run.parse()?);
    let mut parts = 0;
    for part in contacts.chunks(TOGETHER) {
        let key = MirrorPartKey { location: location.clone(), name: mirror.clone(), run: run.clone(), part: parts };
        let ids = part.iter().map(|put| put.id.clone()).collect();
        let sending = async {
            engine.put_and_start(part).await;
            operator.take_mirror_part(&key, ids, 0).await
        };
        way.take(host.measure(sending)?.1);
        parts += 1;
    }
    let commit = Commit { run, parts, on_missing: OnMissing::Delete, max_missing: 0.05, done: 0 };
    way.take(host.measure(operator.commit_mirror(location, &mirror, &commit))?.1);
    Ok(way)
}

async fn is_done(files: &S3Files, report: &str) -> Result<bool, Failure> {
    let Some(file) = files.head(report).await? else { return Ok(false) };
    let json = files.read(report, &file.etag, 0, file.size).await?.unwrap_or_default();
    let report: Value = serde_json::from_slice(&json)?;
    match report["state"].as_str() {
        Some("needs_mapping" | "refused") => Err(format!("the list was not imported: {report}").into()),
        state => Ok(state == Some("done")),
    }
}

/// Sends everything due, without counting it.
fn send_all(host: &BenchHost, location: &LocationId, priority: Priority) -> Result<(), Failure> {
    while !host.run(host.functions.engine.ports().outbox.due(location, priority, 1))?.is_empty() {
        for message in host.run(host.functions.receive(QueueSource::Batches)) {
            host.run(host.functions.handle(QueueSource::Batches, &message))?;
            host.run(host.functions.delete(QueueSource::Batches, &message));
        }
    }
    Ok(())
}

/// Outcomes of records that GHL accepted, reported `shown` at a time.
async fn told(name: &str, records: u32, shown: usize, vars: &[(&str, &str)]) -> Result<WayRow, Failure> {
    let location = one_location()?;
    let contacts = contacts(&location, records)?;
    let mut options: StackOptions = free_ghl();
    options.vars.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let stack = stack_with(location.clone(), options).await?;
    let (tables, vars): (Tables, BTreeMap<String, String>) = (stack.tables(), stack.vars.clone());
    let mut way = WayRow::new(name, records);
    on_a_host(&stack, move |host| {
        let location = location.first().ok_or("there is no location")?;
        let notifier = host.notifier(vars)?;
        host.run(host.functions.engine.put_and_start(&contacts));
        let mut place = tables.watch(RECORDS_TABLE)?;
        send_all(host, location, Priority::Normal)?;
        loop {
            let (changes, next) = tables.changes(&place)?;
            if changes.is_empty() {
                return Ok(way);
            }
            for changes in changes.chunks(shown) {
                let event = host.functions.event(json!({ "Records": changes }));
                let (answer, effort) = host.measure(notifier::handle(&notifier, event))?;
                if !answer.batch_item_failures.is_empty() {
                    return Err("an outcome could not be told".into());
                }
                way.take(effort);
            }
            place = next;
        }
    })
    .await
}

/// The facts about a location, read by the consumer.
async fn facts() -> Result<WayRow, Failure> {
    let location = one_location()?;
    let stack = stack_with(location.clone(), free_ghl()).await?;
    on_a_host(&stack, move |host| {
        let location = location.first().ok_or("there is no location")?;
        let mut way = WayRow::new("what a location is, a location", 1);
        way.take(host.measure(read_facts(host, location))?.1);
        Ok(way)
    })
    .await
}

async fn read_facts(host: &BenchHost, location: &LocationId) -> Result<(), Failure> {
    let deadline = SystemClock.now() + FUNCTION_TIMEOUT;
    let invocation = Invocation { holder: Holder::new("bench/facts")?, deadline };
    FactsReader::new(host.functions.engine.clone()).read(location, &invocation).await;
    Ok(())
}

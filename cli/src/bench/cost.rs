//! Estimates the cost in AWS: the measured requests and milliseconds, times AWS's prices.

use std::fmt;

use super::BenchReport;
use super::batch::BatchRow;
use super::host::{Effort, Requests};

/// AWS's prices in dollars: us-east-1, arm64, on demand, without any free tier, as published in 2025.
mod price {
    /// A million write request units of DynamoDB.
    pub(super) const WRITE_UNITS: f64 = 0.625;
    /// A million read request units of DynamoDB.
    pub(super) const READ_UNITS: f64 = 0.125;
    /// A GB of DynamoDB for a month, with point-in-time recovery.
    pub(super) const TABLE_GB: f64 = 0.25 + 0.20;
    /// A million requests to SQS.
    pub(super) const QUEUE_REQUESTS: f64 = 0.40;
    /// A million invocations of Lambda.
    pub(super) const INVOCATIONS: f64 = 0.20;
    /// A GB-second of Lambda.
    pub(super) const GB_SECOND: f64 = 0.000_013_333_4;
    /// A GB of logs taken in.
    pub(super) const LOGS_GB: f64 = 0.50;
    /// A million traces of X-Ray.
    pub(super) const TRACES: f64 = 5.00;
    /// A million requests to the HTTP API.
    pub(super) const API_REQUESTS: f64 = 1.00;
    /// A GB sent to the internet.
    pub(super) const SENT_GB: f64 = 0.09;
    /// A million events of a schedule, at most.
    pub(super) const EVENTS: f64 = 1.00;
    /// A dashboard for a month.
    pub(super) const DASHBOARD: f64 = 3.00;
    /// A secret for a month.
    pub(super) const SECRET: f64 = 0.40;
}

/// `MemorySize` of the functions, in GB.
const FUNCTION_GB: f64 = 0.25;
/// Processors per GB of memory. A function gets its share.
const CORES_PER_GB: f64 = 1024.0 / 1769.0;
/// Assumed duration of a request to DynamoDB or SQS in AWS, in milliseconds.
const STORE_MS: f64 = 5.0;
/// Sequential store requests from the receipt of a batch to its end. (The others are concurrent.)
const STORE_STEPS: f64 = 8.0;
/// Assumed duration of a call to GHL, in milliseconds; the sandbox's mean.
const CALL_MS: f64 = 165.0;
/// Write units that DynamoDB charges but does not report: in the first batch of a minute, one counter write is
/// refused and two more follow.
const MINUTE_UNITS: f64 = 3.0;
/// Bytes sent per call: the request and TLS.
const SENT_BYTES: f64 = 1_500.0;
/// Size in bytes of an item with its index entries.
const RECORD_BYTES: f64 = 1_500.0;
/// Bytes that Lambda itself logs per invocation.
const INVOCATION_LOG_BYTES: f64 = 350.0;
/// Empty receives per month: each event source mapping (batches, dead letters, migrations, ingest) has five pollers
/// that wait 20 s each.
const IDLE_RECEIVES: f64 = 4.0 * 5.0 * MONTH_S / 20.0;

const MONTH_S: f64 = 30.0 * 24.0 * 3600.0;
const TICKS: f64 = MONTH_S / 60.0;
const SWEEPS: f64 = MONTH_S / 900.0;
/// Scheduled invocations of the migrator per month.
const REVIVALS: f64 = MONTH_S / 60.0;
const MILLION: f64 = 1e6;

/// Cost of a million records in dollars, if `records` records took these requests: units of DynamoDB, and messages
/// sent.
pub(super) fn dollars_for_a_million(requests: &Requests, records: f64) -> f64 {
    let Requests { read_units, write_units, messages, .. } = requests;
    (read_units * price::READ_UNITS + write_units * price::WRITE_UNITS + *messages as f64 * price::QUEUE_REQUESTS)
        / records
}

/// Sizes to estimate: locations, and records per location and month.
const SIZES: [(f64, f64); 3] = [(1.0, 1_000_000.0), (1_000.0, 10_000.0), (100_000.0, 10_000.0)];

/// Estimated costs.
#[derive(Debug)]
pub(crate) struct Costs {
    full: Variable,
    single: Variable,
    fixed: Fixed,
}

/// Dollars for a million records.
#[derive(Debug, Clone, Copy)]
struct Variable {
    put: f64,
    writes: f64,
    reads: f64,
    queue: f64,
    lambda: f64,
    logs: f64,
    traces: f64,
    sent: f64,
}

/// Monthly cost in dollars, whether or not anything is sent.
#[derive(Debug, Clone, Copy)]
struct Fixed {
    /// The schedule, the dashboard, a secret, and the queue's polls; no metrics and no alarms, whose numbers grow.
    stack: f64,
    /// Sweeps, per location.
    location: f64,
}

impl Costs {
    /// Cost of the runs in `report`.
    pub(crate) fn of(report: &BenchReport) -> Costs {
        let paced = report.throughput.iter().find(|row| row.quota && row.locations > 1);
        let busy_ms = paced.map_or(CALL_MS / 5.0, |row| row.busy_ms as f64 / f64::from(row.records));
        // A batch of one record: its requests, and one call.
        let alone_ms = STORE_STEPS * STORE_MS + CALL_MS;
        Costs {
            full: Variable::of(&report.full, busy_ms, 0.0),
            single: Variable::of(&report.single, alone_ms, MINUTE_UNITS),
            fixed: Fixed::of(report),
        }
    }
}

impl Variable {
    /// `busy_ms` is the function's time per record; `more_units` are the write units per batch that DynamoDB does not
    /// report.
    fn of(row: &BatchRow, busy_ms: f64, more_units: f64) -> Variable {
        let records = row.records();
        let Requests { read_units, write_units, messages, .. } = row.sync.requests;
        let per_record = |count: f64| count / records;
        let batches = 1.0 / f64::from(row.size);
        // The function's smaller share of a processor makes the work slower than measured; the rest is waiting.
        let cpu_ms = per_record(row.sync.cpu_ms) / (FUNCTION_GB * CORES_PER_GB);
        let lambda_ms = busy_ms.max(cpu_ms);
        Variable {
            put: Variable::put(row),
            writes: (per_record(write_units) + more_units) * price::WRITE_UNITS,
            reads: per_record(read_units) * price::READ_UNITS,
            // We send the message; Lambda receives and deletes it.
            queue: (per_record(messages as f64) + 2.0 * batches) * price::QUEUE_REQUESTS,
            lambda: batches * price::INVOCATIONS + lambda_ms / 1e3 * FUNCTION_GB * price::GB_SECOND * MILLION,
            logs: (per_record(row.sync.log_bytes as f64) + batches * INVOCATION_LOG_BYTES) * price::LOGS_GB / 1e3,
            traces: batches * price::TRACES,
            sent: SENT_BYTES * price::SENT_GB / 1e3,
        }
    }

    /// Cost of putting a million records through the API, with as many records per request as a batch has.
    fn put(row: &BatchRow) -> f64 {
        let Effort { cpu_ms, requests, log_bytes, .. } = row.put;
        let records = row.records();
        let requests_per_record = 1.0 / f64::from(row.size);
        let function_ms = cpu_ms / records / (FUNCTION_GB * CORES_PER_GB) + requests_per_record * 4.0 * STORE_MS;
        requests.write_units / records * price::WRITE_UNITS
            + requests.read_units / records * price::READ_UNITS
            + requests.messages as f64 / records * price::QUEUE_REQUESTS
            + requests_per_record * (price::API_REQUESTS + price::INVOCATIONS + price::TRACES)
            + function_ms / 1e3 * FUNCTION_GB * price::GB_SECOND * MILLION
            + (log_bytes as f64 / records + requests_per_record * INVOCATION_LOG_BYTES) * price::LOGS_GB / 1e3
    }

    fn sum(&self) -> f64 {
        let Variable { put, writes, reads, queue, lambda, logs, traces, sent } = self;
        put + writes + reads + queue + lambda + logs + traces + sent
    }

    fn rows(&self) -> [(&'static str, f64); 9] {
        let Variable { put, writes, reads, queue, lambda, logs, traces, sent } = *self;
        [
            ("Put in by the API: all of it", put),
            ("DynamoDB writes, index entries included", writes),
            ("DynamoDB reads", reads),
            ("SQS", queue),
            ("Lambda", lambda),
            ("Logs and metrics taken in", logs),
            ("Traces, if all are kept", traces),
            ("Sent to GHL", sent),
            ("**Sum**", self.sum()),
        ]
    }
}

impl Fixed {
    fn of(report: &BenchReport) -> Fixed {
        let idle_tick = report.fan_out.iter().map(|row| row.next_tick).next().unwrap_or_default();
        let tick = Fixed::look(&idle_tick, 1.0);
        let stack = TICKS * (tick + (price::EVENTS + price::INVOCATIONS + price::TRACES) / MILLION)
            + (SWEEPS + REVIVALS) * (price::EVENTS + price::INVOCATIONS + price::TRACES) / MILLION
            + IDLE_RECEIVES * price::QUEUE_REQUESTS / MILLION
            + price::DASHBOARD
            + price::SECRET;
        Fixed { stack, location: SWEEPS * Fixed::look(&report.sweep.sweep, f64::from(report.sweep.locations)) }
    }

    /// Dollars for a run of the scheduler, divided by `count`.
    fn look(effort: &Effort, count: f64) -> f64 {
        let Effort { cpu_ms, log_bytes, requests, .. } = effort;
        let function_ms = cpu_ms / (FUNCTION_GB * CORES_PER_GB);
        let sum = requests.read_units * price::READ_UNITS / MILLION
            + requests.write_units * price::WRITE_UNITS / MILLION
            + function_ms / 1e3 * FUNCTION_GB * price::GB_SECOND
            + *log_bytes as f64 * price::LOGS_GB / 1e9;
        sum / count
    }

    /// Dollars per month for `locations` locations with `records` records each.
    fn month(&self, locations: f64, records: f64) -> f64 {
        self.stack + self.location * locations + locations * records * RECORD_BYTES / 1e9 * price::TABLE_GB
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Costs { full, single, fixed } = self;
        writeln!(f, "| Dollars for a million records | In batches of 50 | One by one |\n|---|---|---|")?;
        for ((what, full), (_, single)) in full.rows().into_iter().zip(single.rows()) {
            writeln!(f, "| {what} | {full:.2} | {single:.2} |")?;
        }
        writeln!(
            f,
            "\n| Locations | Records a month | Sweeps, a month | Stack and storage, a month | A million records, in \
             batches of 50 | One by one |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (locations, each) in SIZES {
            let (month, millions) = (fixed.month(locations, each), locations * each / MILLION);
            let sweeps = fixed.location * locations;
            writeln!(
                f,
                "| {locations} | {millions} million | {sweeps:.2} | {:.2} | {:.2} | {:.2} |",
                month - sweeps,
                full.sum() + month / millions,
                single.sum() + month / millions,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Machine;
    use super::super::fan_out::SweepRow;
    use super::*;

    /// Two batches of 50, whose records take 2 write units and 1 read unit each, and a sweep over 10 locations that
    /// takes 3.5 read units each.
    fn report() -> BenchReport {
        let sync = Effort {
            requests: Requests { read_units: 100.0, write_units: 200.0, messages: 2, ..Requests::default() },
            ..Effort::default()
        };
        let row = |size| BatchRow { size, batches: 100 / size, put: Effort::default(), sync };
        let looks = Requests { read_units: 35.0, ..Requests::default() };
        BenchReport {
            machine: Machine { arch: String::new(), cores: 2, build: String::new() },
            full: row(50),
            single: row(1),
            fan_out: Vec::new(),
            sweep: SweepRow { locations: 10, sweep: Effort { requests: looks, ..Effort::default() } },
            throughput: Vec::new(),
            starts: Vec::new(),
            overview: None,
        }
    }

    fn assert_is(dollars: f64, expected: f64) {
        assert!((dollars - expected).abs() < 1e-6, "{dollars} and not {expected}");
    }

    #[test]
    fn a_million_records_cost_their_units_requests_and_time() {
        let Costs { full, single, .. } = Costs::of(&report());
        assert_is(full.writes, 2.0 * 0.625);
        assert_is(full.reads, 0.125);
        // A batch is one message: sent, received and deleted.
        assert_is(full.queue, 3.0 / 50.0 * 0.40);
        assert_is(full.lambda, 0.20 / 50.0 + 0.033 * 0.25 * 13.333_4);
        assert_is(single.lambda, 0.20 + 0.205 * 0.25 * 13.333_4);
        assert!(single.sum() > full.sum());
    }

    #[test]
    fn the_document_tells_the_costs_of_what_was_measured() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
        let report = std::fs::read_to_string(format!("{docs}/bench.json")).unwrap();
        let document = std::fs::read_to_string(format!("{docs}/COST.md")).unwrap();
        let tables = Costs::of(&serde_json::from_str(&report).unwrap()).to_string();
        for table in tables.split("\n\n") {
            assert!(document.contains(table.trim_end()), "not in docs/COST.md:\n{table}");
        }
    }

    #[test]
    fn sweeps_cost_as_much_as_there_are_locations() {
        let Costs { fixed, .. } = Costs::of(&report());
        assert_is(fixed.location, 2_880.0 * 3.5 * 0.125 / 1e6);
        assert_is(fixed.month(1_000.0, 0.0) - fixed.month(0.0, 0.0), 1_000.0 * fixed.location);
    }
}

//! The report of a bench for people: Markdown tables as in `docs/BENCHMARKS.md`.

use std::fmt;

use super::batch::BatchRow;
use super::cost::Costs;
use super::fan_out::{FanOutRow, Stock, SweepRow};
use super::host::Effort;
use super::overview::OverviewRow;
use super::throughput::ThroughputRow;
use super::{BenchReport, Machine};

const MEGABYTE: f64 = 1e6;

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { arch, cores, build } = &self.machine;
        writeln!(f, "{cores} cores, {arch}, {build} build.\n")?;
        batches(f, [&self.full, &self.single])?;
        fan_out(f, &self.fan_out, &self.sweep)?;
        if let Some(overview) = &self.overview {
            writeln!(f, "{overview}")?;
        }
        throughput(f, &self.throughput)?;
        starts(f, self)?;
        write!(f, "{}", Costs::of(self))
    }
}

impl fmt::Display for OverviewRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OverviewRow { locations, first, second, series, with_series, health } = self;
        writeln!(f, "| {locations} locations | Time | CPU | CPU with the servers | Reads | Read units | Peak heap |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let rows = [
            ("overview, first page".to_owned(), first),
            ("overview, second page".to_owned(), second),
            (format!("metrics, {with_series} locations with series"), series),
            ("health, with a key".to_owned(), health),
        ];
        for (what, Effort { wall_ms, cpu_ms, process_cpu_ms, peak_bytes, requests, .. }) in rows {
            writeln!(
                f,
                "| {what} | {wall_ms:.0} ms | {cpu_ms:.0} ms | {process_cpu_ms:.0} ms | {} | {:.0} | {:.1} MB |",
                requests.reads,
                requests.read_units,
                *peak_bytes as f64 / MEGABYTE,
            )?;
        }
        Ok(())
    }
}

fn batches(f: &mut fmt::Formatter<'_>, rows: [&BatchRow; 2]) -> fmt::Result {
    writeln!(
        f,
        "| A record, GHL answering at once | CPU | Allocations | Allocated | Peak heap | Reads | Read units | Writes | \
         Write units | Gate writes | Messages | Logs |"
    )?;
    writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
    for row in rows {
        let what = if row.size == 1 { "alone in its batch".to_owned() } else { format!("in a batch of {}", row.size) };
        effort(f, &format!("sent, {what}"), &row.sync, row.records())?;
        effort(f, &format!("put, {what}"), &row.put, row.records())?;
    }
    writeln!(f)
}

fn effort(f: &mut fmt::Formatter<'_>, what: &str, effort: &Effort, per: f64) -> fmt::Result {
    let Effort { cpu_ms, allocations, allocated_bytes, peak_bytes, log_bytes, requests, .. } = effort;
    writeln!(
        f,
        "| {what} | {:.0} µs | {:.0} | {:.1} kB | {:.2} MB | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} B |",
        cpu_ms * 1e3 / per,
        *allocations as f64 / per,
        *allocated_bytes as f64 / 1e3 / per,
        *peak_bytes as f64 / MEGABYTE,
        requests.reads as f64 / per,
        requests.read_units / per,
        requests.writes as f64 / per,
        requests.write_units / per,
        requests.gate_writes as f64 / per,
        requests.messages as f64 / per,
        *log_bytes as f64 / per,
    )
}

fn fan_out(f: &mut fmt::Formatter<'_>, rows: &[FanOutRow], sweep: &SweepRow) -> fmt::Result {
    writeln!(
        f,
        "| Scheduler | Due | Stored | Batches | Time | CPU | CPU with the servers | CPU a location | Reads | Read units | \
         Writes | Write units | Peak heap |"
    )?;
    writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|---|")?;
    for FanOutRow { stock: Stock { locations, due, settled }, started, tick, next_tick, .. } in rows {
        let (due, stored) = (locations * due, locations * (due + settled));
        ticked(f, &format!("{locations} locations"), [due, stored, *started], tick, *locations)?;
        ticked(f, "the tick after that", [due, stored, 0], next_tick, *locations)?;
    }
    let SweepRow { locations, sweep } = sweep;
    ticked(f, &format!("sweep, {locations} idle locations"), [0, *locations, 0], sweep, *locations)?;
    writeln!(f)
}

fn ticked(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    [due, stored, started]: [u32; 3],
    effort: &Effort,
    locations: u32,
) -> fmt::Result {
    let Effort { wall_ms, cpu_ms, process_cpu_ms, peak_bytes, requests, .. } = effort;
    writeln!(
        f,
        "| {what} | {due} | {stored} | {started} | {:.2} s | {:.2} s | {:.2} s | {:.0} µs | {} | {:.0} | {} | {:.0} | \
         {:.1} MB |",
        wall_ms / 1e3,
        cpu_ms / 1e3,
        process_cpu_ms / 1e3,
        cpu_ms * 1e3 / f64::from(locations),
        requests.reads,
        requests.read_units,
        requests.writes,
        requests.write_units,
        *peak_bytes as f64 / MEGABYTE,
    )
}

fn throughput(f: &mut fmt::Formatter<'_>, rows: &[ThroughputRow]) -> fmt::Result {
    writeln!(
        f,
        "| Consumer | Records | Time | Records a second | Calls made | Allowed | Of it | 429s | Function time a record |"
    )?;
    writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
    for row in rows {
        let ThroughputRow { locations, records, seconds, calls, throttled, busy_ms, .. } = row;
        let (allowed, share) = match row.allowed {
            Some(allowed) => (format!("{allowed:.0}"), format!("{:.0} %", 100.0 * *calls as f64 / allowed)),
            None => ("any".to_owned(), String::new()),
        };
        writeln!(
            f,
            "| {locations} locations, {} | {records} | {seconds:.1} s | {:.0} | {calls} | {allowed} | {share} | {throttled} \
             | {:.0} ms |",
            if row.quota { "usual GHL" } else { "no quota, no latency" },
            f64::from(*records) / seconds,
            *busy_ms as f64 / f64::from(*records),
        )?;
    }
    writeln!(f)
}

fn starts(f: &mut fmt::Formatter<'_>, report: &BenchReport) -> fmt::Result {
    if report.starts.is_empty() {
        return writeln!(f, "Starts: not measured; no functions are built beside this program.\n");
    }
    writeln!(f, "| Function | Start | Memory at rest | Binary |")?;
    writeln!(f, "|---|---|---|---|")?;
    for row in &report.starts {
        writeln!(
            f,
            "| {} | {:.0} ms | {:.1} MB | {:.1} MB |",
            row.function,
            row.start_ms,
            row.resident_bytes as f64 / MEGABYTE,
            row.binary_bytes as f64 / MEGABYTE,
        )?;
    }
    writeln!(f)
}

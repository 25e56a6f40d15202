//! `cargo ghl-sync bench`: measures whole runs, and estimates their cost in AWS.

mod batch;
mod cost;
mod fan_out;
mod host;
mod overview;
mod report;
mod start;
mod throughput;
mod ways;

use std::path::Path;
use std::process::ExitCode;

use ghl_sync_model::LocationId;
use serde::{Deserialize, Serialize};

use self::batch::BatchRow;
use self::cost::Costs;
use self::fan_out::{FanOutRow, Stock, SweepRow};
use self::host::Effort;
use self::overview::OverviewRow;
use self::start::StartRow;
use self::throughput::ThroughputRow;
use crate::Failure;
use crate::cli::BenchArgs;
use crate::stack::{Stack, StackOptions};

/// Prefix of the locations' names.
const STEM: &str = "bench";

/// All measurements of a bench.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BenchReport {
    pub(crate) machine: Machine,
    /// Batches of 50 records.
    pub(crate) full: BatchRow,
    /// Records that arrive one by one.
    pub(crate) single: BatchRow,
    pub(crate) fan_out: Vec<FanOutRow>,
    pub(crate) sweep: SweepRow,
    pub(crate) throughput: Vec<ThroughputRow>,
    pub(crate) starts: Vec<StartRow>,
    /// Absent from the reports of older builds.
    #[serde(default)]
    pub(crate) overview: Option<OverviewRow>,
}

/// The machine that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) arch: String,
    pub(crate) cores: usize,
    /// `release` or `debug`.
    pub(crate) build: String,
}

/// Size of each measurement.
struct BenchPlan {
    batches: u32,
    singles: u32,
    fan_out: [Stock; 3],
    sweep: u32,
    /// Locations in the overview.
    overview: u32,
    /// Locations, records per location, and whether there is a quota.
    throughput: [(u32, u32, bool); 6],
    starts: u32,
}

/// Records for each way in or out.
const FULL_WAYS: u32 = 2_000;
const QUICK_WAYS: u32 = 200;

const FULL: BenchPlan = BenchPlan {
    batches: 40,
    singles: 100,
    fan_out: [
        Stock { locations: 1_000, due: 100, settled: 0 },
        Stock { locations: 1_000, due: 100, settled: 900 },
        Stock { locations: 10_000, due: 100, settled: 0 },
    ],
    sweep: 10_000,
    overview: 10_000,
    throughput: [(1, 2_000, false), (8, 500, false), (64, 100, false), (1, 300, true), (8, 300, true), (64, 300, true)],
    starts: 7,
};

const QUICK: BenchPlan = BenchPlan {
    batches: 4,
    singles: 10,
    fan_out: [
        Stock { locations: 100, due: 10, settled: 0 },
        Stock { locations: 100, due: 10, settled: 90 },
        Stock { locations: 500, due: 10, settled: 0 },
    ],
    sweep: 200,
    overview: 200,
    throughput: [(1, 200, false), (4, 50, false), (8, 25, false), (1, 60, true), (4, 60, true), (8, 60, true)],
    starts: 1,
};

pub(crate) async fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    if let Some(file) = &args.cost {
        println!("{}", Costs::of(&read(file)?));
        return Ok(ExitCode::SUCCESS);
    }
    if args.overview {
        let row = overview::run(if args.quick { QUICK.overview } else { FULL.overview }).await?;
        println!("{row}");
        return Ok(ExitCode::SUCCESS);
    }
    if args.ways {
        let records = if args.quick { QUICK_WAYS } else { FULL_WAYS };
        print!("{}", ways::measure(records).await?);
        return Ok(ExitCode::SUCCESS);
    }
    let report = measure(if args.quick { &QUICK } else { &FULL }).await?;
    println!("\n{report}");
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(plan: &BenchPlan) -> Result<BenchReport, Failure> {
    let full = batch::full(50, plan.batches).await?;
    let single = batch::single(plan.singles).await?;
    let mut fan_out = Vec::new();
    for stock in plan.fan_out {
        let row = fan_out::ticks(stock).await?;
        let Effort { wall_ms, cpu_ms, process_cpu_ms, .. } = row.tick;
        let [wall, cpu, all] = [wall_ms, cpu_ms, process_cpu_ms].map(|ms| ms / 1e3);
        eprintln!("{stock:?}: {} batches in {wall:.1} s, {cpu:.1} s of CPU, {all:.1} s with the servers", row.started);
        fan_out.push(row);
    }
    let sweep = fan_out::sweep(plan.sweep).await?;
    let overview = Some(overview::run(plan.overview).await?);
    let mut throughput = Vec::new();
    for (locations, each, quota) in plan.throughput {
        throughput.push(throughput::run(locations, each, quota).await?);
    }
    let starts = start::measure(plan.starts).await?;
    let machine = Machine {
        arch: std::env::consts::ARCH.to_owned(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
    };
    Ok(BenchReport { machine, full, single, fan_out, sweep, throughput, starts, overview })
}

fn read(file: &Path) -> Result<BenchReport, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no report of a bench: {error}", file.display()).into())
}

/// A GHL that answers at once and allows as much as can be configured.
fn free_ghl() -> StackOptions {
    StackOptions { limit: 10_000, window_ms: 100, daily: 1_000_000_000, ..StackOptions::default() }
}

async fn stack_with(locations: Vec<LocationId>, options: StackOptions) -> Result<Stack, Failure> {
    Ok(Stack::start(StackOptions { locations, ..options }).await?)
}

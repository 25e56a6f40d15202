//! `cargo ghl-sync simulate`: worlds with all kinds of faults.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ghl_sync_simulation::{
    BrokenSeed, Campaign, CampaignReport, Figures, PACING_SPAN, PacingRow, Scenario, ScenarioOutcome, WindowKind,
    pacing, pacing_cases, shrink,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::Failure;
use crate::cli::SimulateArgs;

/// Most broken seeds shown in full.
const MOST_SHOWN: usize = 5;

/// Runs one world, or many.
pub(crate) fn run(args: &SimulateArgs) -> Result<ExitCode, Failure> {
    if args.pacing {
        return measure(args);
    }
    let scenario = match (&args.scenario, args.seed) {
        (Some(file), _) => Some(read(file)?),
        (None, Some(seed)) => Some(Scenario::of_seed(seed)),
        (None, None) => None,
    };
    match scenario {
        Some(scenario) => replay(&scenario, args.json.as_deref()),
        None => campaign(args),
    }
}

fn campaign(args: &SimulateArgs) -> Result<ExitCode, Failure> {
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let campaign = Campaign { from: args.from, seeds: args.seeds, threads };
    let bar = ProgressBar::new(args.seeds).with_style(
        ProgressStyle::with_template("{wide_bar} {pos} of {len} worlds, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let began = Instant::now();
    let report = campaign.run(|done| {
        bar.set_position(done);
        args.within.is_none_or(|within| began.elapsed() < within)
    });
    bar.finish_and_clear();
    print_campaign(&report, began.elapsed());
    write_json(args.json.as_deref(), &report)?;
    Ok(exit_code(report.broken.is_empty()))
}

fn print_campaign(report: &CampaignReport, took: Duration) {
    let CampaignReport { from, seeds, broken, .. } = report;
    println!("seeds      {seeds} from {from}, in {:.0} s", took.as_secs_f64());
    println!("simulated  {:.0} hours, {} calls to GHL", report.simulated_hours, report.calls);
    println!("functions  {} invocations, of which {} died", report.invocations, report.died);
    println!("records    {} accepted, {} failed for good", report.accepted, report.failed);
    println!("429s       {} (others used the quota, or GHL counted otherwise)", report.throttled);
    println!("broken     {}", broken.len());
    broken.iter().take(MOST_SHOWN).for_each(print_broken);
}

fn print_broken(seed: &BrokenSeed) {
    println!("\n{}", seed.replay);
    seed.broken.iter().take(MOST_SHOWN).for_each(|broken| println!("  {broken}"));
    if let Some(shrunk) = seed.shrunk.as_ref().and_then(|shrunk| serde_json::to_string(shrunk).ok()) {
        println!("  shrunk: {shrunk}");
    }
}

fn replay(scenario: &Scenario, json: Option<&Path>) -> Result<ExitCode, Failure> {
    println!("{}", serde_json::to_string_pretty(scenario)?);
    let outcome = ghl_sync_simulation::run(scenario);
    print_outcome(&outcome);
    write_json(json, &outcome)?;
    if !outcome.broken.is_empty() {
        println!("\nshrunk: {}", serde_json::to_string_pretty(&shrink(scenario))?);
    }
    Ok(exit_code(outcome.broken.is_empty()))
}

fn print_outcome(ScenarioOutcome { broken, figures }: &ScenarioOutcome) {
    let Figures { calls, throttled, invocations, died, gate_writes, accepted, failed, drained_s, .. } = figures;
    println!("calls      {calls}, of which {throttled} × 429");
    println!("functions  {invocations} invocations, of which {died} died; {gate_writes} gate writes");
    println!("records    {accepted} accepted, {failed} failed for good; all final after {drained_s:.1} s");
    println!("broken     {}", broken.len());
    broken.iter().for_each(|broken| println!("  {broken}"));
}

fn read(file: &Path) -> Result<Scenario, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    ghl_sync_model::json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn write_json(file: Option<&Path>, report: &impl Serialize) -> Result<(), Failure> {
    if let Some(file) = file {
        std::fs::write(file, serde_json::to_string_pretty(report)?)?;
    }
    Ok(())
}

fn exit_code(all_is_well: bool) -> ExitCode {
    if all_is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures the pace and prints a table.
fn measure(args: &SimulateArgs) -> Result<ExitCode, Failure> {
    println!("| Server counts | Round trip | Locations | Others | Calls | Of possible | 429 | Gate writes a call |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut rows = Vec::new();
    for case in pacing_cases() {
        let row = pacing(case, PACING_SPAN);
        print_row(&row);
        rows.push(row);
    }
    write_json(args.json.as_deref(), &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn print_row(row: &PacingRow) {
    let PacingRow { case, calls, of_possible, throttled, gate_writes, .. } = row;
    let others = if case.others { "a third" } else { "none" };
    let counting = match case.counting {
        WindowKind::Strict => "sliding",
        WindowKind::Fixed => "fixed",
        WindowKind::Approximate => "by two counters",
    };
    println!(
        "| {counting} | {} ms | {} | {others} | {calls} | {:.1} % | {:.2} % | {gate_writes:.3} |",
        case.round_trip_ms,
        case.holders,
        100.0 * of_possible,
        100.0 * throttled,
    );
}

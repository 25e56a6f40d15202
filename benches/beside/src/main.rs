//! Compares ghl-sync with other ways to keep to GoHighLevel's limit: the same contacts, the same strict sandbox, one
//! table.
//!
//! `cargo run --manifest-path benches/beside/Cargo.toml -- --json FILE`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

mod adaptive;
mod backoff;
mod breaker;
mod call;
mod cell;
mod client;
mod contender;
mod ours;
mod pace;
mod published;
mod row;
mod rules;
mod run;
mod table;
mod task;
mod timer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use futures::StreamExt;
use serde::Serialize;

use crate::cell::Cell;
use crate::contender::Contender;
use crate::row::Row;
use crate::rules::Failure;
use crate::timer::{Lateness, TimerWatch};

/// Runs the comparison and prints its table as Markdown.
#[derive(Debug, Parser)]
struct Cli {
    /// Write the measurements to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Number of contacts in each cell of the table.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    records: u32,
    /// Number of cells to run at once. They spend almost all of their time waiting.
    #[arg(long, value_name = "N", default_value_t = 32)]
    at_once: usize,
    /// Only run these contenders (repeat it for several): names from the table's first column.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only run these numbers of workers.
    #[arg(long, value_name = "N")]
    workers: Vec<u32>,
}

/// The file that `--json` writes.
#[derive(Serialize)]
struct Report {
    records: u32,
    cells_at_once: usize,
    seconds: f64,
    timer: Lateness,
    rows: Vec<Row>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    // The clients' TLS needs a provider, though the sandbox speaks plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default(); // Another provider works as well.
    let cells = cells(&cli)?;
    let people = Arc::new(task::people(cli.records));
    let started = tokio::time::Instant::now();
    let timer = TimerWatch::start();
    eprintln!("{} cells, {} at once", cells.len(), cli.at_once);
    let mut rows = Vec::new();
    let mut running = futures::stream::iter(cells)
        .map(|cell| {
            let people = Arc::clone(&people);
            async move { tokio::spawn(async move { cell.run(people).await }).await? }
        })
        .buffer_unordered(cli.at_once.max(1));
    while let Some(row) = running.next().await {
        let row: Row = row?;
        eprintln!("{:4.0} s  {row}", started.elapsed().as_secs_f64());
        rows.push(row);
    }
    rows.sort_by_key(|row| row.cell);
    let report = Report {
        records: cli.records,
        cells_at_once: cli.at_once,
        seconds: started.elapsed().as_secs_f64(),
        timer: timer.stop().await,
        rows,
    };
    print!("{}", table::markdown(&report.rows));
    println!("\n{} cells in {:.0} s. {}", report.rows.len(), report.seconds, report.timer);
    if let Some(file) = &cli.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

/// The requested cells. Those with another consumer of the quota take longest, so they start first.
fn cells(cli: &Cli) -> Result<Vec<Cell>, Failure> {
    for name in &cli.only {
        if !Contender::ALL.iter().any(|contender| contender.name() == name) {
            let names: Vec<&str> = Contender::ALL.iter().map(|contender| contender.name()).collect();
            return Err(format!("{name:?} is none of {names:?}").into());
        }
    }
    let mut cells: Vec<Cell> = Cell::all()
        .filter(|cell| cli.only.is_empty() || cli.only.iter().any(|name| name == cell.contender.name()))
        .filter(|cell| cli.workers.is_empty() || cli.workers.contains(&cell.workers))
        .collect();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.others));
    Ok(cells)
}

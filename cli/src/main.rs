//! `cargo ghl-sync`: all of ghl-sync on one machine.

use std::process::ExitCode;

use clap::Parser;
use ghl_sync_cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    ghl_sync_cli::run(Cli::parse()).await
}

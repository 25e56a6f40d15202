//! `cargo local`: the whole of ghl-sync on one machine.

use std::process::ExitCode;

use clap::Parser;
use ghl_sync_local::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    ghl_sync_local::run(Cli::parse()).await
}

//! How the program ends.

use std::path::Path;
use std::process::ExitCode;

use ghl_sync_import::ImportError;

use crate::Failure;
use crate::list::{ImportReport, ListArgs};
use crate::report::Report;

/// The command line is wrong, or leaves a question open.
pub(crate) const USAGE: u8 = 2;
/// Everything was sent but rows or cells that were left out, or everything read but contacts that cannot be.
pub(crate) const LEFT_OUT: u8 = 3;

/// What was only looked at differs from what it should be.
pub(crate) const DIFFERS: u8 = 4;

/// A command line that cannot be done as it stands.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The status of a command that failed.
pub(crate) fn of_failure(failure: &Failure) -> ExitCode {
    if failure.is::<Usage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// A question is open: nothing is put, and the report says which.
pub(crate) fn asks(report: &ImportReport, error: &ImportError, json: Option<&Path>) -> Result<ExitCode, Failure> {
    eprintln!("error: {error}");
    if let Some(file) = json {
        let json = serde_json::to_string_pretty(&serde_json::json!({ "import": report }))?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(ExitCode::from(USAGE))
}

/// The status of a list that was read, and of which nothing failed since.
pub(crate) fn of_rows(report: &ImportReport, args: &ListArgs) -> ExitCode {
    if report.has_losses() && !args.allow_rejects { ExitCode::from(LEFT_OUT) } else { ExitCode::SUCCESS }
}

/// The status of a list that was sent.
pub(crate) fn of_run(report: &Report, args: &ListArgs) -> ExitCode {
    match &report.import {
        _ if !report.is_well() => ExitCode::FAILURE,
        Some(import) => of_rows(import, args),
        None => ExitCode::SUCCESS,
    }
}

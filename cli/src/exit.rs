//! Exit statuses.

use std::path::Path;
use std::process::ExitCode;

use ghl_sync_import::FileImportError;

use crate::Failure;
use crate::list::{ImportReport, ListArgs};
use crate::report::RunReport;
use crate::usage::UsageError;

/// The command line is wrong, or leaves a question open.
pub(crate) const USAGE: u8 = 2;
/// Everything was sent except rows or cells that were left out, or everything was read except unreadable contacts.
pub(crate) const LEFT_OUT: u8 = 3;

/// A check found a difference from the expected state.
pub(crate) const DIFFERS: u8 = 4;

/// Exit status of a failed command.
pub(crate) fn of_failure(failure: &Failure) -> ExitCode {
    if failure.is::<UsageError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// Reports an open question. Nothing has been put, and the report names the question.
pub(crate) fn asks(report: &ImportReport, error: &FileImportError, json: Option<&Path>) -> Result<ExitCode, Failure> {
    eprintln!("error: {error}");
    if let Some(file) = json {
        let json = serde_json::to_string_pretty(&serde_json::json!({ "import": report }))?;
        std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(ExitCode::from(USAGE))
}

/// Exit status for a list that was read and had no failures since.
pub(crate) fn of_rows(report: &ImportReport, args: &ListArgs) -> ExitCode {
    if report.has_losses() && !args.allow_rejects { ExitCode::from(LEFT_OUT) } else { ExitCode::SUCCESS }
}

/// Exit status for a list that was sent.
pub(crate) fn of_run(report: &RunReport, args: &ListArgs) -> ExitCode {
    match &report.import {
        _ if !report.is_well() => ExitCode::FAILURE,
        Some(import) => of_rows(import, args),
        None => ExitCode::SUCCESS,
    }
}

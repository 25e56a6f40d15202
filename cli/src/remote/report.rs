//! Reports the result of a list sent through a stack.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_model::{ImportId, LocationId};
use serde::Serialize;
use tokio::time::Instant;

use super::client::Remote;
use crate::list::{ImportReport, RecordResultRow, ResultsFile};
use crate::real::ImportArgs;
use crate::report::{RecordTotals, ReportFiles};
use crate::{Failure, exit};

/// Most groups of contacts with the same email address or phone number that are named.
const SHARED_SHOWN: usize = 10;
/// Most records named in the terminal.
const SHOWN: usize = 10;

/// Result of a list sent through a stack.
#[derive(Serialize)]
pub(super) struct RemoteReport {
    api: String,
    location: String,
    /// The stack's import that holds the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) import_id: Option<ImportId>,
    import: ImportReport,
    records: RecordTotals,
    /// Records that the stack refused; they count as failed.
    refused: u64,
    /// Records whose content GHL accepted without storing all of it.
    not_stored: Vec<RemoteNotStored>,
    /// Errors, with their number of occurrences.
    errors: BTreeMap<String, u64>,
    seconds: f64,
    /// Why missing contacts were not handled in a mirror, although that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nobody_missing: Option<String>,
    /// Why the wait ended before all records were final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stopped: Option<String>,
    #[serde(skip)]
    started: Instant,
    #[serde(skip)]
    stored: u64,
    /// Records whose content in the stack is newer than the list's, which was not stored.
    outdated: u64,
    #[serde(skip)]
    shared: usize,
    #[serde(skip)]
    results: Option<ResultsFile>,
}

#[derive(Serialize)]
struct RemoteNotStored {
    record: String,
    fields: Vec<String>,
}

impl RemoteReport {
    pub(super) fn new(
        remote: &Remote,
        location: &LocationId,
        import: ImportReport,
        args: &ImportArgs,
    ) -> Result<RemoteReport, Failure> {
        Ok(RemoteReport {
            api: remote.base().to_owned(),
            location: location.to_string(),
            records: RecordTotals { total: import.contacts, ..RecordTotals::default() },
            import_id: None,
            import,
            refused: 0,
            not_stored: Vec::new(),
            errors: BTreeMap::new(),
            seconds: 0.0,
            nobody_missing: None,
            stopped: None,
            started: Instant::now(),
            stored: 0,
            outdated: 0,
            shared: 0,
            results: args.output.results.as_deref().map(ResultsFile::create).transpose()?,
        })
    }

    /// Result of reading the list itself.
    pub(super) fn list(&self) -> &ImportReport {
        &self.import
    }

    pub(super) fn stored(&mut self) {
        self.stored += 1;
    }

    pub(super) fn unchanged(&mut self) {
        self.records.already_synced += 1;
    }

    /// Counts a record whose state belongs to content newer than the list.
    pub(super) fn outdated(&mut self) {
        self.outdated += 1;
    }

    /// Reports contacts that GHL may merge; only the first groups are named.
    pub(super) fn shared(&mut self, by: &str, records: &[String]) {
        if self.shared < SHARED_SHOWN {
            println!("the same {by} in {}: GHL may make one contact of them", records.join(", "));
        }
        self.shared += 1;
    }

    pub(super) fn put_so_far(&self) -> String {
        let more = match self.shared.saturating_sub(SHARED_SHOWN) {
            0 => String::new(),
            more => format!("and {more} more of these\n"),
        };
        let older = match self.outdated {
            0 => String::new(),
            older => format!(", {older} are older than what the stack has"),
        };
        let (stored, unchanged, refused) = (self.stored, self.records.already_synced, self.refused);
        format!("{more}{stored} records put into the stack, {unchanged} need no call, {refused} refused{older}")
    }

    /// Number of final records.
    pub(super) fn ended(&self) -> u64 {
        let RecordTotals { synced, skipped, failed, .. } = self.records;
        synced + skipped + failed
    }

    pub(super) fn take(&mut self, result: &RecordResultRow) -> Result<(), Failure> {
        match result.state {
            "synced" => self.records.synced += 1,
            "skipped" => self.records.skipped += 1,
            "pending" => self.records.pending += 1,
            "refused" => (self.refused, self.records.failed) = (self.refused + 1, self.records.failed + 1),
            _ => self.records.failed += 1,
        }
        if matches!(result.state, "failed" | "refused") {
            *self.errors.entry(result.error.clone()).or_default() += 1;
        }
        if !result.not_stored.is_empty() {
            self.not_stored.push(RemoteNotStored { record: result.record.clone(), fields: result.not_stored.clone() });
        }
        self.results.as_mut().map_or(Ok(()), |file| file.write(result))
    }

    /// Prints the report, writes its files, and returns the exit status.
    pub(super) fn finish(mut self, args: &ImportArgs) -> Result<ExitCode, Failure> {
        self.results.take().map(ResultsFile::finish).transpose()?;
        self.seconds = self.started.elapsed().as_secs_f64();
        let rejects = args.list.rejects.as_deref().filter(|_| self.import.has_losses());
        print!("\n{}{}", self.shown(), ReportFiles { rejects, results: args.output.results.as_deref() });
        if let Some(file) = &args.output.json {
            let json = serde_json::to_string_pretty(&self)?;
            std::fs::write(file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
        }
        let is_well = self.records.failed == 0 && self.records.pending == 0 && self.stopped.is_none();
        let is_well = is_well && self.nobody_missing.is_none();
        Ok(if is_well { exit::of_rows(&self.import, &args.list) } else { ExitCode::FAILURE })
    }

    fn shown(&self) -> String {
        let RecordTotals { total, synced, skipped, failed, pending, already_synced } = self.records;
        let mut shown = format!(
            "records    {total}: {synced} in GHL ({already_synced} of these before), {failed} failed, {pending} pending, \
             {skipped} not sent\n"
        );
        for RemoteNotStored { record, fields } in self.not_stored.iter().take(SHOWN) {
            shown += &format!("not stored {record}: {}\n", fields.join(", "));
        }
        if let more @ 1.. = self.not_stored.len().saturating_sub(SHOWN) {
            shown += &format!("           and {more} more; --json FILE has all\n");
        }
        for (error, count) in self.errors.iter().take(SHOWN) {
            shown += &format!("error      {count} × {error}\n");
        }
        if let more @ 1.. = self.errors.len().saturating_sub(SHOWN) {
            shown += &format!("           and {more} kinds more; --json FILE has all\n");
        }
        let time = humantime::format_duration(Duration::from_secs(self.started.elapsed().as_secs()));
        if let Some(id) = &self.import_id {
            shown += &format!("import     {id}\n");
        }
        shown += &format!("time       {time}\n");
        if let Some(why) = &self.nobody_missing {
            shown += &format!("mirror     {why}\n");
        }
        if let Some(stopped) = &self.stopped {
            shown +=
                &format!("stopped    {stopped}\nnext       run the same command again to see what became of them\n");
        }
        shown
    }
}

//! The result of a migration: for people, as JSON, and as report files.

use std::fmt;
use std::path::Path;

use api::report::{ReportDocument, csv, html};
use ghl_sync_migrate::FullReport;
use ghl_sync_model::{Finding, MappingReport, MigrationReport, MigrationStatus, ReportVerify};
use serde::Serialize;
use serde_json::{Value, json};

use super::examine::{AccountComparison, examine};
use super::{StartedMigration, write};
use crate::Failure;
use crate::cli::MigrateArgs;
use crate::deliver::ghl_calls;
use crate::report::GhlCalls;
use crate::stack::Stack;

/// Most records on a page of GHL's lists.
const PAGE: u64 = 100;
/// Calls that read an account's structure: its lists, and the account itself.
const LISTS: u64 = 6;

/// Result of a migration.
pub(super) struct MigrationOutcome {
    report: MigrationReport,
    mapping: Option<MappingReport>,
    findings: Vec<Finding>,
    /// Calls to GHL in this run.
    ghl: GhlCalls,
    calls: Calls,
    /// Independent comparison of the accounts in the sandbox.
    examined: Option<AccountComparison>,
    is_resumed: bool,
    stopped: Option<&'static str>,
}

/// Calls of the whole migration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Calls {
    made: u64,
    /// One for each item created or written, and one for each page that must be read: both accounts once, and the
    /// target again for verification.
    lower_bound: u64,
    ratio: f64,
}

impl MigrationOutcome {
    pub(super) async fn of(
        stack: &Stack,
        args: &MigrateArgs,
        begun: &StartedMigration,
        stopped: Option<&'static str>,
    ) -> Result<MigrationOutcome, Failure> {
        let full = stack.migrator.full_report(&begun.id).await?;
        let FullReport { report, mapping, findings } = full.ok_or("the migration is gone")?;
        let ghl = ghl_calls(stack, &args.quota);
        // A resumed run has not seen the calls of the earlier run.
        let made = if begun.is_resumed { report.ghl.calls } else { ghl.calls };
        let examined =
            stack.sandbox.as_ref().filter(|_| !report.dry_run).map(|sandbox| {
                examine(&sandbox.contents(args.source.as_str()), &sandbox.contents(args.target.as_str()))
            });
        Ok(MigrationOutcome {
            mapping,
            findings,
            calls: Calls::of(&report, made),
            report,
            ghl,
            examined,
            is_resumed: begun.is_resumed,
            stopped,
        })
    }

    /// The migration's own report, plus the outside observations.
    pub(super) fn to_json(&self) -> Result<Value, serde_json::Error> {
        let mut json = serde_json::to_value(&self.report)?;
        json["ghl"] = serde_json::to_value(&self.ghl)?;
        json["calls"] = serde_json::to_value(self.calls)?;
        json["examined"] = serde_json::to_value(&self.examined)?;
        json["resumed"] = json!(self.is_resumed);
        json["stopped"] = json!(self.stopped);
        Ok(json)
    }

    /// Writes the report for people into `dir`.
    pub(super) fn write_reports(&self, dir: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let MigrationOutcome { report, mapping, findings, .. } = self;
        let document = ReportDocument { report, mapping: mapping.as_ref(), findings };
        let json = json!({ "report": report, "mapping": mapping, "findings": findings });
        write(&dir.join("migration.json"), serde_json::to_string_pretty(&json)? + "\n")?;
        let mut table = Vec::new();
        csv(&document, &mut table)?;
        write(&dir.join("migration.csv"), table)?;
        write(&dir.join("migration.html"), html(&document))
    }

    /// Whether it ended well: nothing lost, nothing duplicated, no limit exceeded.
    pub(super) fn is_well(&self) -> bool {
        let is_over = match self.report.status {
            MigrationStatus::Done => true,
            MigrationStatus::RolledBack => return self.report.rolled_back.is_some_and(|done| done.failed == 0),
            _ => false,
        };
        let verified = self.report.verify.is_none_or(|verify| verify.missing + verify.different == 0);
        let examined = self.examined.as_ref().is_none_or(|examined| examined.missing + examined.surplus == 0);
        is_over && verified && examined && !self.is_breach()
    }

    fn is_breach(&self) -> bool {
        self.ghl.max_in_any_window > u64::from(self.ghl.limit) || self.ghl.duplicates > 0
    }
}

impl Calls {
    fn of(report: &MigrationReport, made: u64) -> Calls {
        let pages = |records: u64| records.div_ceil(PAGE).max(1);
        let (contacts, opportunities) = (&report.contacts, &report.opportunities);
        let parts = [report.custom_fields, report.custom_values, report.tags, report.pipelines];
        let written = contacts.migrated + opportunities.migrated + parts.iter().map(|part| part.created).sum::<u64>();
        let lists_of_source = pages(contacts.source) + pages(opportunities.source);
        let read_back = match report.verify {
            Some(_) => pages(contacts.migrated) + pages(opportunities.migrated),
            None => 0,
        };
        // The target's contact and opportunity lists are also read, at least one page each.
        let lower_bound = written + 2 * LISTS + lists_of_source + 2 + read_back;
        Calls { made, lower_bound, ratio: (made as f64 / lower_bound as f64 * 1000.0).round() / 1000.0 }
    }
}

impl fmt::Display for MigrationOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MigrationReport { contacts, opportunities, rolled_back, .. } = &self.report;
        let reason = self.report.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(f, "status     {} at {}{reason}", self.report.status.as_str(), self.report.stage.as_str())?;
        for (what, kind) in [("contacts", contacts), ("opportunities", opportunities)] {
            let withdrawn = match kind.withdrawn {
                0 => String::new(),
                count => format!(", {count} withdrawn"),
            };
            writeln!(
                f,
                "{what:<10} {} of {} migrated, {} failed, {} wait for a contact that failed, {} left out{withdrawn}",
                kind.migrated, kind.source, kind.failed, kind.blocked, kind.skipped
            )?;
        }
        self.fmt_structure(f)?;
        if let Some(done) = rolled_back {
            writeln!(
                f,
                "deleted    {} contacts, {} opportunities, {} of the structure; {} that were there before, or that \
                 another record holds, kept, {} that may not be of this migration kept, {} not deleted",
                done.contacts, done.opportunities, done.structure, done.kept, done.unproven, done.failed
            )?;
        }
        self.fmt_checks(f)?;
        let GhlCalls { calls, status_429, limit, window_ms, max_in_any_window, max_concurrent, .. } = &self.ghl;
        let Calls { made, lower_bound, ratio } = self.calls;
        writeln!(f, "calls      {calls} in this run, {status_429} × 429")?;
        writeln!(f, "           {made} in all, {ratio:.3} times the {lower_bound} that any migration needs")?;
        let window = *window_ms as f64 / 1000.0;
        writeln!(
            f,
            "pace       at most {max_in_any_window} in any {window} s of {limit} allowed (each account), at most \
             {max_concurrent} at once"
        )?;
        writeln!(f, "time       {:.1} s", self.report.seconds)?;
        if let Some(stopped) = self.stopped {
            writeln!(f, "stopped    {stopped}; with --data-dir, the next run goes on")?;
        }
        if self.is_breach() {
            writeln!(f, "BREACH     GHL was asked for more than it allows, or got something twice")?;
        }
        Ok(())
    }
}

impl MigrationOutcome {
    fn fmt_structure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let parts = [
            ("fields", report.custom_fields),
            ("values", report.custom_values),
            ("tags", report.tags),
            ("users", report.users),
            ("pipelines", report.pipelines),
            ("stages", report.stages),
        ];
        let words: Vec<String> = parts
            .iter()
            .map(|(what, part)| format!("{}/{} {what} ({} made)", part.migrated, part.source, part.created))
            .collect();
        writeln!(f, "structure  {}; {} % ready", words.join(", "), report.readiness_percent)
    }

    fn fmt_checks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ReportVerify { checked, missing, different, merged, not_carried, .. }) = self.report.verify {
            writeln!(
                f,
                "verified   {checked} compared: {missing} missing, {different} different, {merged} merged; {not_carried} \
                 with something that GHL lets nobody write"
            )?;
        }
        let Some(examined) = &self.examined else {
            return Ok(());
        };
        let AccountComparison { contacts, opportunities, missing, surplus, different, different_fields, marked } =
            examined;
        writeln!(
            f,
            "examined   the sandbox's target has {contacts} contacts and {opportunities} opportunities: {missing} missing, \
             {surplus} surplus, {different} different, {} duplicates",
            self.ghl.duplicates
        )?;
        for (field, count) in different_fields {
            writeln!(f, "           {count} differ in {field}")?;
        }
        if *marked > 0 {
            writeln!(f, "           {marked} with neither e-mail nor phone have our marker in `source`")?;
        }
        Ok(())
    }
}

//! The result of a run: for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::list::ImportReport;
pub(crate) use ghl_sync_import::report::RecordTotals;

/// Most records named on the terminal.
const SHOWN_RECORDS: usize = 10;

/// Report on one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunReport {
    /// Result of reading the contact list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<ImportReport>,
    pub(crate) records: RecordTotals,
    pub(crate) ghl: GhlCalls,
    /// Calls accepted ÷ (seconds from the first to the last call + one window) × window ÷ limit, of each location.
    pub(crate) quota_used: f64,
    /// Seconds from the first call to the last answer.
    pub(crate) seconds: f64,
    /// ⌊(calls − 1) ÷ limit⌋ × window, for the location with the most calls: the fastest possible run.
    pub(crate) lower_bound_seconds: f64,
    pub(crate) dynamodb: DynamoDbUse,
    pub(crate) sqs: SqsUse,
    pub(crate) lambda: LambdaUse,
    pub(crate) breaker: BreakerUse,
    /// Expiring tokens, if the sandbox issued any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<TokenUse>,
    /// Time from due to accepted, as a median.
    pub(crate) p50_ms: u64,
    pub(crate) p95_ms: u64,
    pub(crate) retries: u64,
    /// Time that batches slept, by reason.
    pub(crate) waited_ms: BTreeMap<&'static str, u64>,
    /// Records that GHL accepted without storing all of their fields.
    pub(crate) not_stored: Vec<NotStoredFields>,
    /// Errors, with their number of occurrences.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Why the run ended before all records were final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<String>,
}

/// A record that GHL accepted without storing all of its fields.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NotStoredFields {
    pub(crate) location: String,
    pub(crate) record: String,
    /// Names of the fields in GHL.
    pub(crate) fields: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct GhlCalls {
    pub(crate) calls: u64,
    pub(crate) ok: u64,
    pub(crate) status_429: u64,
    /// Answers other than success and 429, and calls without an answer.
    pub(crate) status_other: u64,
    pub(crate) max_in_any_window: u64,
    pub(crate) limit: u32,
    pub(crate) window_ms: u64,
    pub(crate) max_concurrent: u64,
    pub(crate) duplicates: u64,
    /// Source of the counts: the sandbox or, with another GHL, the client.
    pub(crate) counted_by: &'static str,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct DynamoDbUse {
    /// Usage while the records were put.
    pub(crate) load: LoadUse,
    /// Usage after that.
    pub(crate) sync: StoreUse,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct LoadUse {
    pub(crate) write_requests: u64,
    pub(crate) write_units: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct StoreUse {
    pub(crate) read_requests: u64,
    pub(crate) write_requests: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) gate_writes: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct SqsUse {
    pub(crate) requests: u64,
    pub(crate) messages: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct LambdaUse {
    pub(crate) invocations: u64,
    pub(crate) busy_ms: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct BreakerUse {
    pub(crate) opens: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct TokenUse {
    /// Refreshes that issued new tokens.
    pub(crate) refreshes: u64,
    /// Refreshes that repeated an earlier answer: two were concurrent, or an answer was lost.
    pub(crate) repeats: u64,
    /// Refreshes with a used-up token.
    pub(crate) refusals: u64,
    /// Tokens issued for an agency's locations.
    pub(crate) location_tokens: u64,
    /// Calls with an expired token.
    pub(crate) expired: u64,
}

impl RunReport {
    /// Whether GHL was ever called beyond its limit, or received anything twice.
    pub(crate) fn is_breach(&self) -> bool {
        self.ghl.max_in_any_window > u64::from(self.ghl.limit) || self.ghl.duplicates > 0
    }

    /// Whether every record was sent within the limits.
    pub(crate) fn is_well(&self) -> bool {
        self.records.pending == 0 && self.records.failed == 0 && !self.is_breach()
    }

    /// The report for people: their records first; the AWS usage only if `verbose`.
    pub(crate) fn shown<'a>(&'a self, files: &'a ReportFiles<'a>, verbose: bool) -> impl fmt::Display + 'a {
        PrintedReport { report: self, files, verbose }
    }
}

/// The value at `percent` of a sorted list.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> u64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Files that a run wrote for people.
pub(crate) struct ReportFiles<'a> {
    pub(crate) rejects: Option<&'a Path>,
    pub(crate) results: Option<&'a Path>,
}

impl fmt::Display for ReportFiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = self.rejects {
            writeln!(f, "file       {} (left out: correct it and import it)", file.display())?;
        }
        if let Some(file) = self.results {
            writeln!(f, "file       {} (what became of each record)", file.display())?;
        }
        Ok(())
    }
}

/// Printed form of a report.
struct PrintedReport<'a> {
    report: &'a RunReport,
    files: &'a ReportFiles<'a>,
    verbose: bool,
}

impl fmt::Display for PrintedReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.write_people(f)?;
        write!(f, "{}", self.files)?;
        self.report.write_calls(f)?;
        if self.verbose {
            self.report.write_aws(f)?;
        }
        self.report.write_troubles(f)
    }
}

impl RunReport {
    fn write_people(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordTotals { total, synced, skipped, failed, pending, already_synced } = &self.records;
        let left_out = self.import.as_ref().map_or(0, |import| import.left_out);
        writeln!(f, "people     {synced} of {total} synced, {left_out} left out, {failed} failed, {pending} pending")?;
        if *skipped > 0 {
            writeln!(f, "           {skipped} would have been sent (dry run)")?;
        }
        if *already_synced > 0 {
            writeln!(f, "           {already_synced} of them were synced already")?;
        }
        if !self.not_stored.is_empty() {
            writeln!(
                f,
                "not stored {} records were accepted, but GHL did not store all of them",
                self.not_stored.len()
            )?;
            for NotStoredFields { record, fields, .. } in self.not_stored.iter().take(SHOWN_RECORDS) {
                writeln!(f, "           {record}: {}", fields.join(", "))?;
            }
            if self.not_stored.len() > SHOWN_RECORDS {
                writeln!(f, "           and {} more; --json FILE has all", self.not_stored.len() - SHOWN_RECORDS)?;
            }
        }
        Ok(())
    }

    fn write_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ghl = &self.ghl;
        let GhlCalls { calls, ok, status_429, status_other, limit, max_concurrent, duplicates, .. } = ghl;
        let window = Duration::from_millis(ghl.window_ms).as_secs_f64();
        writeln!(
            f,
            "calls      {calls}: {ok} ok, {status_429} × 429, {status_other} other ({} retries)",
            self.retries
        )?;
        writeln!(
            f,
            "pace       at most {} in any {window} s of {limit} allowed, at most {max_concurrent} at once, \
             {duplicates} duplicates",
            ghl.max_in_any_window
        )?;
        let ratio = self.seconds / self.lower_bound_seconds;
        let ratio = if ratio.is_finite() { format!(" ({ratio:.3} ×)") } else { String::new() };
        writeln!(
            f,
            "time       {:.1} s; the limit allows no less than {:.0} s{ratio}; {:.0} % of the quota used",
            self.seconds,
            self.lower_bound_seconds,
            self.quota_used * 100.0
        )
    }

    fn write_aws(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunReport { records, dynamodb, sqs, lambda, .. } = self;
        writeln!(f, "latency    {} ms median, {} ms for 95 % (due to accepted)", self.p50_ms, self.p95_ms)?;
        let per_record = |count: f64| count / records.total.max(1) as f64;
        writeln!(
            f,
            "DynamoDB   {:.2} write requests and {:.2} write units a record ({} gate writes), {:.2} read units",
            per_record(dynamodb.sync.write_requests as f64),
            per_record(dynamodb.sync.write_units),
            dynamodb.sync.gate_writes,
            per_record(dynamodb.sync.read_units)
        )?;
        writeln!(f, "SQS        {:.2} requests a record, {} messages", per_record(sqs.requests as f64), sqs.messages)?;
        writeln!(
            f,
            "Lambda     {} invocations, {:.0} ms busy a record",
            lambda.invocations,
            per_record(lambda.busy_ms as f64)
        )
    }

    fn write_troubles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.breaker.opens > 0 {
            writeln!(f, "breaker    opened {} times", self.breaker.opens)?;
        }
        if let Some(TokenUse { refreshes, repeats, refusals, location_tokens, expired }) = &self.tokens {
            writeln!(
                f,
                "tokens     {refreshes} refreshes, {repeats} repeated, {refusals} refused; {location_tokens} for locations \
                 of an agency; {expired} calls with an expired one"
            )?;
        }
        for (error, count) in &self.errors {
            writeln!(f, "error      {count} × {error}")?;
        }
        if let Some(stopped) = &self.stopped {
            writeln!(f, "stopped    {stopped}")?;
        }
        if self.is_breach() {
            writeln!(f, "BREACH     GHL was asked for more than it allows, or got something twice")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_list() {
        let list: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!((percentile(&list, 50), percentile(&list, 95), percentile(&list[..1], 95)), (50, 95, 1));
        assert_eq!(percentile(&[], 50), 0);
    }
}

//! `report.json`: the state of an import, its questions and its results.

use std::collections::BTreeMap;

use ghl_sync_import::report::{ImportReport, RecordResultRow, RecordTotals};
use ghl_sync_import::{ImportPlan, KnownField, ListQuestion, MappedColumn, Mapping};
use ghl_sync_model::{EpochMs, ImportId, LocationFacts};
use serde::Serialize;

use crate::ListPlace;
use crate::checkpoint::Content;
use crate::forecast::Preview;
use crate::known::KnownOfLocation;
use crate::run::StepRun;

/// Most row problems, and most incompletely stored records, in a report. Rejects and results list all.
pub(crate) const MOST_PROBLEMS: usize = 1_000;
/// Most distinct errors counted separately.
const MOST_ERRORS: usize = 100;
const OTHER_ERRORS: &str = "other errors; results.csv has them";

/// The report. Its `import` and `records` match the CLI's `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct ListReport {
    state: ReportState,
    file: String,
    location: String,
    /// ETag of the file.
    etag: String,
    /// The mapping that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_file: Option<String>,
    /// ETag of the mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_etag: Option<String>,
    /// The location's facts.
    known: KnownOfLocation,
    /// Why the file was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Open questions, worded as by the CLI.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ask: Vec<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The mapping as far as known, to be completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Mapping>,
    /// The columns of an unsent list, with their targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<ReportColumn>,
    /// Possible targets of columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<ReportTarget>,
    /// Number of e-mail addresses, phone numbers and own ids found in more than one row.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<usize>,
    /// What the import would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
    /// The import that the contacts are put under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import_id: Option<ImportId>,
    /// Rows handled so far, while importing.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<ImportReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<RecordTotals>,
    not_stored: Vec<IncompleteRecord>,
    errors: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Why the import ended before all its records.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ReportState {
    Reading,
    Importing,
    Held,
    NeedsMapping,
    Refused,
    Done,
}

/// A column and its target.
#[derive(Debug, Serialize)]
struct ReportColumn {
    #[serde(flatten)]
    column: MappedColumn,
    /// Cells that could not be read as the target's type.
    lost: u64,
}

/// A possible target of a column.
#[derive(Debug, Serialize)]
struct ReportTarget {
    /// The target, as a mapping names it.
    target: String,
    /// A custom field's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct IncompleteRecord {
    record: String,
    fields: Vec<String>,
}

impl ListReport {
    fn of(state: ReportState, run: &StepRun) -> ListReport {
        ListReport::new(state, &run.place, &run.checkpoint.content, run.facts.as_ref())
    }

    fn new(state: ReportState, place: &ListPlace, content: &Content, facts: Option<&LocationFacts>) -> ListReport {
        ListReport {
            state,
            file: place.key.clone(),
            location: place.location.to_string(),
            etag: content.file.clone(),
            mapping_file: content.mapping.as_ref().map(|(key, _)| key.clone()),
            mapping_etag: content.mapping.as_ref().map(|(_, etag)| etag.clone()),
            known: KnownOfLocation::of(facts),
            reason: None,
            ask: Vec::new(),
            next: None,
            mapping: None,
            columns: Vec::new(),
            targets: Vec::new(),
            repeated: None,
            preview: None,
            import_id: None,
            rows_done: None,
            import: None,
            records: None,
            not_stored: Vec::new(),
            errors: BTreeMap::new(),
            began_at: None,
            ended_at: None,
            stopped: None,
        }
    }

    pub(crate) fn refused(
        place: &ListPlace,
        content: &Content,
        facts: Option<&LocationFacts>,
        reason: &str,
    ) -> ListReport {
        ListReport { reason: Some(reason.to_owned()), ..ListReport::new(ReportState::Refused, place, content, facts) }
    }

    pub(crate) fn asks(run: &StepRun, asks: OpenQuestions) -> ListReport {
        let [own, _] = run.place.mappings();
        let next = format!(
            "nothing was sent. `ghl-sync plan FILE --location {}`, with the options named here, writes a mapping.json with the \
             answers: put it into the bucket as {own}, and the import begins",
            run.place.location
        );
        let OpenQuestions { words, questions, plan, columns: names } = asks;
        let import = match &plan {
            Some(plan) => ImportReport::of_plan(plan, MOST_PROBLEMS),
            None => ImportReport { questions, ..ImportReport::default() },
        };
        let (columns, targets) = match &plan {
            Some(plan) => (columns(plan, &import), targets(plan.custom_fields())),
            None if names.is_empty() => (Vec::new(), Vec::new()),
            None => (unused(names), targets(&[])),
        };
        ListReport {
            ask: words,
            next: Some(next),
            mapping: plan.as_ref().map(|plan| plan.mapping_file()),
            columns,
            targets,
            repeated: plan.as_ref().map(|plan| plan.repeated()),
            import: Some(import),
            ..ListReport::of(ReportState::NeedsMapping, run)
        }
    }

    /// Report while the list waits for the facts of its location.
    pub(crate) fn reading(run: &StepRun) -> ListReport {
        ListReport { began_at: Some(run.checkpoint.began_at.to_rfc3339()), ..ListReport::of(ReportState::Reading, run) }
    }

    /// Report of a held list.
    pub(crate) fn held(run: &StepRun, plan: &ImportPlan, import: ImportReport, preview: Preview) -> ListReport {
        let [own, _] = run.place.mappings();
        ListReport {
            next: Some(format!("nothing was sent: put the mapping into the bucket as {own} without `hold`, and it is")),
            mapping: Some(plan.mapping_file()),
            columns: columns(plan, &import),
            targets: targets(plan.custom_fields()),
            repeated: Some(plan.repeated()),
            preview: Some(preview),
            import: Some(import),
            ..ListReport::of(ReportState::Held, run)
        }
    }

    pub(crate) fn importing(run: &StepRun, rows_done: u64) -> ListReport {
        ListReport {
            rows_done: Some(rows_done),
            began_at: Some(run.checkpoint.began_at.to_rfc3339()),
            ..ListReport::of(ReportState::Importing, run)
        }
    }

    /// Empty report to add results to.
    pub(crate) fn of_results(run: &StepRun, now: EpochMs) -> ListReport {
        ListReport {
            records: Some(RecordTotals { already_synced: run.checkpoint.unchanged, ..RecordTotals::default() }),
            began_at: Some(run.checkpoint.began_at.to_rfc3339()),
            ended_at: Some(now.to_rfc3339()),
            ..ListReport::of(ReportState::Done, run)
        }
    }

    pub(crate) fn take(&mut self, result: &RecordResultRow) {
        let records = self.records.get_or_insert_default();
        records.total += 1;
        match result.state {
            "synced" => records.synced += 1,
            "skipped" => records.skipped += 1,
            "pending" => records.pending += 1,
            _ => records.failed += 1,
        }
        if result.state == "failed" {
            let is_known = self.errors.len() < MOST_ERRORS || self.errors.contains_key(&result.error);
            let error = if is_known { result.error.as_str() } else { OTHER_ERRORS };
            *self.errors.entry(error.to_owned()).or_default() += 1;
        }
        if !result.not_stored.is_empty() && self.not_stored.len() < MOST_PROBLEMS {
            self.not_stored.push(IncompleteRecord { record: result.record.clone(), fields: result.not_stored.clone() });
        }
    }

    /// Contacts that failed, once results were added.
    pub(crate) fn failed(&self) -> Option<u64> {
        self.records.map(|records| records.failed)
    }

    /// Completes the report after the last result. `is_late` if the wait ended before all records did.
    pub(crate) fn finish(&mut self, is_late: bool) {
        let records = self.records.get_or_insert_default();
        records.already_synced = records.already_synced.min(records.synced);
        if is_late && records.pending > 0 {
            let pending = records.pending;
            let said = format!("after a day {pending} records are still pending; the stack goes on with them");
            self.stopped = Some(said);
        }
    }
}

fn columns(plan: &ImportPlan, import: &ImportReport) -> Vec<ReportColumn> {
    let told = |column: MappedColumn| ReportColumn { lost: import.problems.lost_of(&column.column), column };
    plan.mapping().into_iter().map(told).collect()
}

/// Columns of which only the names are known.
fn unused(names: Vec<String>) -> Vec<ReportColumn> {
    let column = |column| MappedColumn { column, field: None, by: None, filled: 0, samples: Vec::new() };
    names.into_iter().map(|name| ReportColumn { lost: 0, column: column(name) }).collect()
}

fn targets(custom: &[KnownField]) -> Vec<ReportTarget> {
    let fields = ghl_sync_import::targets().into_iter().map(|target| ReportTarget { target, name: None });
    let custom = custom.iter().filter(|field| field.can_be_filled());
    let custom = custom.map(|field| ReportTarget { target: field.target().to_owned(), name: Some(field.name.clone()) });
    fields.chain(custom).collect()
}

/// Open questions about a list.
#[derive(Debug, Default)]
pub(crate) struct OpenQuestions {
    /// The questions, worded as by the CLI.
    pub(crate) words: Vec<String>,
    pub(crate) questions: Vec<ListQuestion>,
    /// The findings, if the whole list could be read.
    pub(crate) plan: Option<Box<ImportPlan>>,
    /// Column names, if no column identifies a contact.
    pub(crate) columns: Vec<String>,
}

impl OpenQuestions {
    pub(crate) fn of(questions: &[ListQuestion]) -> OpenQuestions {
        let words = questions.iter().map(ToString::to_string).collect();
        OpenQuestions { words, questions: questions.to_vec(), ..OpenQuestions::default() }
    }

    /// Question for a list with unknown column names.
    pub(crate) fn where_columns_go(problem: String, names: &[String]) -> OpenQuestions {
        // A duplicate name does not identify a column.
        let is_one = |name: &&String| names.iter().filter(|other| other == name).count() == 1;
        let columns = names.iter().filter(|name| !name.trim().is_empty()).filter(is_one).cloned().collect();
        OpenQuestions { columns, ..OpenQuestions::one(problem) }
    }

    pub(crate) fn one(problem: String) -> OpenQuestions {
        OpenQuestions { words: vec![problem], ..OpenQuestions::default() }
    }
}

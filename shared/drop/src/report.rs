//! `report.json`: where an import stands, what it asks, and what came of it.

use std::collections::BTreeMap;

use ghl_sync_import::report::{ImportReport, RecordResult, Records};
use ghl_sync_import::{KnownField, MappedColumn, Mapping, Plan, Question};
use ghl_sync_model::{EpochMs, ImportId, LocationFacts};
use serde::Serialize;

use crate::Place;
use crate::checkpoint::Content;
use crate::known::KnownOfLocation;
use crate::preview::Preview;
use crate::run::Run;

/// So many problems of rows, and records that GHL did not store whole, are in a report; rejects and results have all.
pub(crate) const MOST_PROBLEMS: usize = 1_000;
/// Kinds of errors that are told apart.
const MOST_ERRORS: usize = 100;
const OTHER_ERRORS: &str = "other errors; results.csv has them";

/// What is known of an import. Its `import` and `records` are those of the program's `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    state: State,
    file: String,
    location: String,
    /// Which content of the file.
    etag: String,
    /// The mapping that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_file: Option<String>,
    /// Which content of the mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_etag: Option<String>,
    /// What was known of the location.
    known: KnownOfLocation,
    /// Why nothing can be read from the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What must be answered, in the words of the program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ask: Vec<String>,
    /// What to do now.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// What is known of the mapping, to be completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Mapping>,
    /// The columns of a list that is not sent yet, and where they go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<ColumnTold>,
    /// Where columns may go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<TargetTold>,
    /// E-mail addresses, phone numbers and own ids that more than one row has.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<usize>,
    /// What the import would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
    /// The stack's import that its contacts are put under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import_id: Option<ImportId>,
    /// Rows that are done with, while it is importing.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<ImportReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Records>,
    not_stored: Vec<NotStored>,
    errors: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Why it ended before all records had.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Reading,
    Importing,
    Held,
    NeedsMapping,
    Refused,
    Done,
}

/// A column, and where it goes.
#[derive(Debug, Serialize)]
struct ColumnTold {
    #[serde(flatten)]
    column: MappedColumn,
    /// So many of its cells could not be read as that.
    lost: u64,
}

/// Where a column may go.
#[derive(Debug, Serialize)]
struct TargetTold {
    /// As a mapping names it.
    target: String,
    /// A custom field's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct NotStored {
    record: String,
    fields: Vec<String>,
}

impl Report {
    fn of(state: State, run: &Run) -> Report {
        Report::new(state, &run.place, &run.checkpoint.content, run.facts.as_ref())
    }

    fn new(state: State, place: &Place, content: &Content, facts: Option<&LocationFacts>) -> Report {
        Report {
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

    pub(crate) fn refused(place: &Place, content: &Content, facts: Option<&LocationFacts>, reason: &str) -> Report {
        Report { reason: Some(reason.to_owned()), ..Report::new(State::Refused, place, content, facts) }
    }

    pub(crate) fn asks(run: &Run, asks: Asks) -> Report {
        let [own, _] = run.place.mappings();
        let next = format!(
            "nothing was sent. `ghl-sync plan FILE --location {}`, with the options named here, writes a mapping.json with the \
             answers: put it into the bucket as {own}, and the import begins",
            run.place.location
        );
        let Asks { words, questions, plan, columns: names } = asks;
        let import = match &plan {
            Some(plan) => ImportReport::of_plan(plan, MOST_PROBLEMS),
            None => ImportReport { questions, ..ImportReport::default() },
        };
        let (columns, targets) = match &plan {
            Some(plan) => (columns(plan, &import), targets(plan.custom_fields())),
            None if names.is_empty() => (Vec::new(), Vec::new()),
            None => (unused(names), targets(&[])),
        };
        Report {
            ask: words,
            next: Some(next),
            mapping: plan.as_ref().map(|plan| plan.mapping_file()),
            columns,
            targets,
            repeated: plan.as_ref().map(|plan| plan.repeated()),
            import: Some(import),
            ..Report::of(State::NeedsMapping, run)
        }
    }

    /// The list waits for what GHL says of its location.
    pub(crate) fn reading(run: &Run) -> Report {
        Report { began_at: Some(run.checkpoint.began_at.to_rfc3339()), ..Report::of(State::Reading, run) }
    }

    /// A list that is only looked at.
    pub(crate) fn held(run: &Run, plan: &Plan, import: ImportReport, preview: Preview) -> Report {
        let [own, _] = run.place.mappings();
        Report {
            next: Some(format!("nothing was sent: put the mapping into the bucket as {own} without `hold`, and it is")),
            mapping: Some(plan.mapping_file()),
            columns: columns(plan, &import),
            targets: targets(plan.custom_fields()),
            repeated: Some(plan.repeated()),
            preview: Some(preview),
            import: Some(import),
            ..Report::of(State::Held, run)
        }
    }

    pub(crate) fn importing(run: &Run, rows_done: u64) -> Report {
        Report {
            rows_done: Some(rows_done),
            began_at: Some(run.checkpoint.began_at.to_rfc3339()),
            ..Report::of(State::Importing, run)
        }
    }

    /// One that takes results.
    pub(crate) fn of_results(run: &Run, now: EpochMs) -> Report {
        Report {
            records: Some(Records { already_synced: run.checkpoint.unchanged, ..Records::default() }),
            began_at: Some(run.checkpoint.began_at.to_rfc3339()),
            ended_at: Some(now.to_rfc3339()),
            ..Report::of(State::Done, run)
        }
    }

    pub(crate) fn take(&mut self, result: &RecordResult) {
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
            self.not_stored.push(NotStored { record: result.record.clone(), fields: result.not_stored.clone() });
        }
    }

    /// Contacts that failed, once results were taken.
    pub(crate) fn failed(&self) -> Option<u64> {
        self.records.map(|records| records.failed)
    }

    /// After the last result. `is_late` if it was not waited for all.
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

fn columns(plan: &Plan, import: &ImportReport) -> Vec<ColumnTold> {
    let told = |column: MappedColumn| ColumnTold { lost: import.problems.lost_of(&column.column), column };
    plan.mapping().into_iter().map(told).collect()
}

/// Columns of which nothing but their names is known.
fn unused(names: Vec<String>) -> Vec<ColumnTold> {
    let column = |column| MappedColumn { column, field: None, by: None, filled: 0, samples: Vec::new() };
    names.into_iter().map(|name| ColumnTold { lost: 0, column: column(name) }).collect()
}

fn targets(custom: &[KnownField]) -> Vec<TargetTold> {
    let fields = ghl_sync_import::targets().into_iter().map(|target| TargetTold { target, name: None });
    let custom = custom.iter().filter(|field| field.can_be_filled());
    let custom = custom.map(|field| TargetTold { target: field.target().to_owned(), name: Some(field.name.clone()) });
    fields.chain(custom).collect()
}

/// What must be answered before a list is imported.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// In the words of the program.
    pub(crate) words: Vec<String>,
    pub(crate) questions: Vec<Question>,
    /// What was found out, if the list could be read to its end.
    pub(crate) plan: Option<Box<Plan>>,
    /// The names of the columns, if none of them says who a contact is.
    pub(crate) columns: Vec<String>,
}

impl Asks {
    pub(crate) fn of(questions: &[Question]) -> Asks {
        let words = questions.iter().map(ToString::to_string).collect();
        Asks { words, questions: questions.to_vec(), ..Asks::default() }
    }

    /// Of a list whose columns have names that are not known.
    pub(crate) fn where_columns_go(problem: String, names: &[String]) -> Asks {
        // A name that stands twice means no column.
        let is_one = |name: &&String| names.iter().filter(|other| other == name).count() == 1;
        let columns = names.iter().filter(|name| !name.trim().is_empty()).filter(is_one).cloned().collect();
        Asks { columns, ..Asks::one(problem) }
    }

    pub(crate) fn one(problem: String) -> Asks {
        Asks { words: vec![problem], ..Asks::default() }
    }
}

//! The result of an import: as JSON, and as row-by-row files.

mod files;
mod own_columns;
mod problems;

use serde::Serialize;

use crate::{ImportPlan, ListQuestion, RowTally};
pub use files::{RecordResultRow, Rejects, Results};
pub(crate) use own_columns::{DND, is_own_name};
pub use problems::{ProblemGroup, Problems, SHOWN_PROBLEMS};

/// The result of an import.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// Rows with content.
    pub rows: u64,
    /// Rows that became part of a contact.
    pub accepted: u64,
    /// Rows that did not.
    pub left_out: u64,
    /// Rows that are not people: totals, repeated headers.
    pub not_people: u64,
    /// Empty rows.
    pub blank_rows: u64,
    /// Contacts; fewer than `accepted` if rows were merged.
    pub contacts: u64,
    /// Cells and rows that did not go into contacts unchanged.
    pub problems: Problems,
    /// The columns, in the list's order.
    pub mapping: Vec<ReportedColumn>,
    /// The text's encoding; `xlsx` for a workbook.
    pub encoding: String,
    /// Name of the delimiter.
    pub delimiter: Option<String>,
    /// Number of the header row.
    pub header_row: u64,
    /// The sheet of a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Questions to answer before anything is imported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<ListQuestion>,
}

/// A column and its target.
#[derive(Debug, Clone, Serialize)]
pub struct ReportedColumn {
    /// Its name in the list.
    pub column: String,
    /// The field it goes into; `None` if unused.
    pub field: Option<String>,
    /// Number of rows with a value in it.
    pub filled: u64,
}

impl ImportReport {
    /// The findings of the first pass. At most `most` problems are kept in full, for the JSON.
    #[must_use]
    pub fn of_plan(plan: &ImportPlan, most: usize) -> ImportReport {
        let mapping = plan.mapping().into_iter();
        let mut problems = Problems::new(most);
        problems.extend(plan.notes().iter().cloned());
        ImportReport {
            problems,
            mapping: mapping
                .map(|mapped| ReportedColumn { column: mapped.column, field: mapped.field, filled: mapped.filled })
                .collect(),
            encoding: plan.encoding().to_owned(),
            delimiter: plan.delimiter(),
            header_row: plan.header_row(),
            sheet: plan.sheet().map(str::to_owned),
            questions: plan.questions().to_vec(),
            ..ImportReport::default()
        }
    }

    /// Sets the row counts.
    pub fn take(&mut self, tally: RowTally) {
        self.rows = tally.rows;
        self.accepted = tally.accepted;
        self.left_out = tally.held_back;
        self.not_people = tally.not_people;
        self.blank_rows = tally.blank;
        self.contacts = tally.contacts;
    }

    /// Whether any row or part of one is missing from the contacts.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.problems.has_losses()
    }
}

/// Record counts by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RecordTotals {
    /// All records of the list.
    pub total: u64,
    /// Accepted by GHL, including `already_synced`.
    pub synced: u64,
    /// Dry run: would have been sent.
    pub skipped: u64,
    /// Given up.
    pub failed: u64,
    /// In progress or waiting.
    pub pending: u64,
    /// Accepted by GHL in an earlier run.
    pub already_synced: u64,
}

//! What came of a list: as JSON, and as the files that tell it row by row.

mod files;
mod problems;

use serde::Serialize;

use crate::{Plan, Question, Tally};
pub(crate) use files::{DND, is_own_name};
pub use files::{RecordResult, Rejects, Results};
pub use problems::{Problems, SHOWN_PROBLEMS, Told};

/// What came of a list.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// Rows with something in them.
    pub rows: u64,
    /// Rows that are in a contact.
    pub accepted: u64,
    /// Rows that are in none.
    pub left_out: u64,
    /// Rows that are no people: totals, the header again.
    pub not_people: u64,
    /// Rows with nothing in them.
    pub blank_rows: u64,
    /// Contacts; fewer than `accepted` where rows were merged.
    pub contacts: u64,
    /// What did not go into contacts as it stands in the list.
    pub problems: Problems,
    /// The columns, in the list's order.
    pub mapping: Vec<Mapped>,
    /// What the text is written in; `xlsx` for a workbook.
    pub encoding: String,
    /// The sign between cells by its name.
    pub delimiter: Option<String>,
    /// The row that names the columns.
    pub header_row: u64,
    /// The sheet of a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// What must be answered before anything is imported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// A column and where it goes.
#[derive(Debug, Clone, Serialize)]
pub struct Mapped {
    /// Its name in the list.
    pub column: String,
    /// `None` if it is not used.
    pub field: Option<String>,
    /// In how many rows it is filled.
    pub filled: u64,
}

impl ImportReport {
    /// What the first pass has found. So many problems are kept at `most`, for whoever writes them as JSON.
    #[must_use]
    pub fn of_plan(plan: &Plan, most: usize) -> ImportReport {
        let mapping = plan.mapping().into_iter();
        let mut problems = Problems::new(most);
        problems.extend(plan.notes().iter().cloned());
        ImportReport {
            problems,
            mapping: mapping
                .map(|mapped| Mapped { column: mapped.column, field: mapped.field, filled: mapped.filled })
                .collect(),
            encoding: plan.encoding().to_owned(),
            delimiter: plan.delimiter(),
            header_row: plan.header_row(),
            sheet: plan.sheet().map(str::to_owned),
            questions: plan.questions().to_vec(),
            ..ImportReport::default()
        }
    }

    /// Takes over how many rows became what.
    pub fn take(&mut self, tally: Tally) {
        self.rows = tally.rows;
        self.accepted = tally.accepted;
        self.left_out = tally.held_back;
        self.not_people = tally.not_people;
        self.blank_rows = tally.blank;
        self.contacts = tally.contacts;
    }

    /// Whether a row or a part of one is not in the contacts.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.problems.has_losses()
    }
}

/// How the records of a list stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Records {
    /// All of them.
    pub total: u64,
    /// GHL has them; `already_synced` of these since an earlier run.
    pub synced: u64,
    /// Dry run: they would have been sent.
    pub skipped: u64,
    /// They were given up.
    pub failed: u64,
    /// They are on their way, or wait.
    pub pending: u64,
    /// GHL had them before.
    pub already_synced: u64,
}

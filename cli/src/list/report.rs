//! What came of a list: as JSON, and for people.

use std::fmt;

use ghl_sync_import::{Plan, Question, Tally};
use serde::Serialize;

use super::problems::{Problems, SHOWN};

/// What came of a list.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ImportReport {
    /// Rows with something in them.
    pub(crate) rows: u64,
    /// Rows that are in a contact.
    pub(crate) accepted: u64,
    /// Rows that are in none.
    pub(crate) left_out: u64,
    /// Rows that are no people: totals, the header again.
    pub(crate) not_people: u64,
    pub(crate) blank_rows: u64,
    pub(crate) contacts: u64,
    pub(crate) problems: Problems,
    pub(crate) mapping: Vec<Mapped>,
    pub(crate) encoding: String,
    pub(crate) delimiter: Option<String>,
    pub(crate) header_row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sheet: Option<String>,
    /// What must be answered before anything is imported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) questions: Vec<Question>,
}

/// A column and where it goes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mapped {
    pub(crate) column: String,
    /// None if it is not used.
    pub(crate) field: Option<String>,
    pub(crate) filled: u64,
}

impl ImportReport {
    /// `keeps_problems` is for whoever writes all of them as JSON.
    pub(super) fn of_plan(plan: &Plan, keeps_problems: bool) -> ImportReport {
        let mapping = plan.mapping().into_iter();
        let mut problems = Problems::new(keeps_problems);
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

    pub(super) fn take(&mut self, tally: Tally) {
        self.rows = tally.rows;
        self.accepted = tally.accepted;
        self.left_out = tally.held_back;
        self.not_people = tally.not_people;
        self.blank_rows = tally.blank;
        self.contacts = tally.contacts;
    }

    /// Whether a row or a part of one is not in the contacts.
    pub(crate) fn has_losses(&self) -> bool {
        self.problems.has_losses()
    }
}

/// A report told in a few lines, without a line end after the last. It holds no cell of the list.
pub(super) struct Summary<'a>(pub(super) &'a ImportReport);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportReport { rows, accepted, left_out, not_people, blank_rows, contacts, .. } = self.0;
        write!(f, "rows read:       {rows}, of which {accepted} became contacts and {left_out} were left out")?;
        if contacts != accepted {
            write!(f, "; merged into {contacts} contacts")?;
        }
        if *not_people > 0 {
            write!(f, "; {not_people} are no people (a header or a total)")?;
        }
        if *blank_rows > 0 {
            write!(f, "; {blank_rows} blank rows besides")?;
        }
        let used = self
            .0
            .mapping
            .iter()
            .filter_map(|mapped| Some(format!("{} as {}", mapped.column, mapped.field.as_deref()?)));
        write!(f, "\ncolumns used:    {}", used.collect::<Vec<_>>().join(", "))?;
        let unused = self.0.mapping.iter().filter(|mapped| mapped.field.is_none()).map(|mapped| mapped.column.as_str());
        let unused: Vec<&str> = unused.collect();
        write!(f, "\ncolumns not used: {}", if unused.is_empty() { "none".to_owned() } else { unused.join(", ") })?;
        write!(f, "\ntext:            {}", self.0.encoding)?;
        if let Some(delimiter) = &self.0.delimiter {
            write!(f, ", cells separated by {delimiter}")?;
        }
        if self.0.header_row > 1 {
            write!(f, ", header in row {}", self.0.header_row)?;
        }
        self.write_problems(f)
    }
}

impl Summary<'_> {
    fn write_problems(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problems { losses, notes, kinds, .. } = &self.0.problems;
        if losses.count == 0 {
            f.write_str("\nproblems:        none")?;
        } else {
            write!(f, "\nproblems:        {}", losses.count)?;
            losses.first.iter().try_for_each(|problem| write!(f, "\n  {problem}"))?;
            if let more @ 1.. = losses.more() {
                write!(f, "\n  and {more} more; by kind:")?;
                let mut kinds: Vec<_> = kinds.iter().collect();
                kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
                for ((kind, effect), count) in kinds.into_iter().take(SHOWN) {
                    write!(f, "\n  {count} × {kind} ({effect})")?;
                }
                f.write_str("\n  --rejects FILE writes all of them with their rows, --json FILE without")?;
            }
        }
        if notes.count > 0 {
            write!(f, "\nnotes:           {}", notes.count)?;
        }
        notes.first.iter().try_for_each(|note| write!(f, "\n  {note}"))?;
        match notes.more() {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

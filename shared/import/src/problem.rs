//! Deviations of contacts from the list.

use std::fmt;

use serde::Serialize;

/// A cell or row that did not go into a contact unchanged. Texts never quote a cell, except `value_sent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListProblem {
    /// The row, as a spreadsheet numbers it.
    pub row: u64,
    /// Name of the column, if a single cell or column is the cause.
    pub column: Option<String>,
    /// The field that the column goes into.
    pub field: Option<String>,
    /// What is wrong, and what would be accepted.
    #[serde(rename = "problem")]
    pub message: String,
    /// The consequence.
    pub effect: ProblemEffect,
    /// The value sent instead of the cell; `None` if nothing is. It may be personal data.
    pub value_sent: Option<String>,
}

/// The consequence of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemEffect {
    /// The row does not become a contact.
    RowLeftOut,
    /// The contact lacks this value.
    ValueLeftOut,
    /// The contact has only part of this value.
    ValueCut,
    /// Nothing is lost: an unused column, or a word read as empty.
    Note,
}

impl ListProblem {
    pub(crate) fn row(row: u64, message: impl Into<String>) -> ListProblem {
        ListProblem {
            row,
            column: None,
            field: None,
            message: message.into(),
            effect: ProblemEffect::RowLeftOut,
            value_sent: None,
        }
    }

    /// Whether a row or a part of it was left out.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.effect != ProblemEffect::Note
    }
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {} ({})", self.message, self.effect)
    }
}

impl fmt::Display for ProblemEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProblemEffect::RowLeftOut => "row left out",
            ProblemEffect::ValueLeftOut => "value left out",
            ProblemEffect::ValueCut => "value cut",
            ProblemEffect::Note => "note",
        })
    }
}

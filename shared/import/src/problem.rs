//! What of a list did not go into a contact as it stands there.

use std::fmt;

use serde::Serialize;

/// Something in a list that did not go into a contact as it stands there. No text of it quotes a cell, except
/// `value_sent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The row, as a spreadsheet numbers it.
    pub row: u64,
    /// The column's name, where one cell or column is to blame.
    pub column: Option<String>,
    /// The field that the column goes into.
    pub field: Option<String>,
    /// What is wrong, and what would be accepted.
    #[serde(rename = "problem")]
    pub message: String,
    /// What it led to.
    pub effect: Effect,
    /// What is sent in the place of the cell; nothing if the contact goes without it. It may be personal data.
    pub value_sent: Option<String>,
}

/// What a problem led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The row is not among the contacts.
    RowLeftOut,
    /// The contact goes without this value.
    ValueLeftOut,
    /// The contact has a part of this value.
    ValueCut,
    /// Nothing is missing that was meant to be sent: a column that is not used, a word read as nothing.
    Note,
}

impl Problem {
    pub(crate) fn row(row: u64, message: impl Into<String>) -> Problem {
        Problem {
            row,
            column: None,
            field: None,
            message: message.into(),
            effect: Effect::RowLeftOut,
            value_sent: None,
        }
    }

    /// Whether a row or a part of it was left out.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.effect != Effect::Note
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {} ({})", self.message, self.effect)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::RowLeftOut => "row left out",
            Effect::ValueLeftOut => "value left out",
            Effect::ValueCut => "value cut",
            Effect::Note => "note",
        })
    }
}

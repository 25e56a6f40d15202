//! What can be wrong with a file, a row or a cell. No message quotes a cell: it may be an e-mail address or a phone
//! number.

use std::fmt;

/// Why a file as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Nothing in it, or nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// A spreadsheet or an archive.
    #[error("the file is a spreadsheet or an archive, not text: save it as CSV first")]
    Workbook,
    /// Binary.
    #[error("the file is not text: save it as CSV in UTF-8")]
    NotText,
    /// The first row is data, or names nothing.
    #[error("the first row does not name the columns")]
    NoHeader,
    /// The header has a cell that cannot be a name.
    #[error("the name of column {column} is longer than {max_bytes} bytes: perhaps a quote is left open")]
    HeaderTooLong {
        /// Which, counted from 1.
        column: usize,
        /// What a name may have.
        max_bytes: usize,
    },
    /// No column that could say who a contact is.
    #[error("no column holds an e-mail address, a phone number, a name or a company; the columns are: {}", columns.join(", "))]
    NoUsableColumn {
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// The rows cannot be told apart.
    #[error("the file cannot be read as CSV")]
    Csv(#[from] csv::Error),
}

/// Something in the file that did not go into a contact as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The row, as a spreadsheet numbers it.
    pub row: u64,
    /// The column's name, where one cell or column is to blame.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What it led to.
    pub effect: Effect,
}

/// What a problem led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The row is not among the contacts.
    RowLeftOut,
    /// The column is not mapped.
    ColumnLeftOut,
    /// The contact goes without this value.
    ValueLeftOut,
    /// The contact has a part of this value.
    ValueCut,
}

impl Problem {
    pub(super) fn row_left_out(row: u64, column: Option<String>, message: impl Into<String>) -> Problem {
        Problem { row, column, message: message.into(), effect: Effect::RowLeftOut }
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
            Effect::ColumnLeftOut => "column left out",
            Effect::ValueLeftOut => "value left out",
            Effect::ValueCut => "value cut",
        })
    }
}

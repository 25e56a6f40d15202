//! What the headings between the rows of a list say of those below them.

use crate::consent;
use crate::table::{self, Row};

/// The parts of a list that has headings between its rows.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The row of a heading that says that those below it must not be contacted.
    refused_by: Option<u64>,
}

impl Parts {
    /// The parts below a title that may refuse contact.
    pub(crate) fn below(refused_by: Option<u64>) -> Parts {
        Parts { refused_by }
    }

    /// The heading above that refuses contact with this row. It holds to the end: a later row with one cell may be another
    /// heading as well as somebody whose name is all that is known.
    pub(crate) fn refusal(&mut self, row: &Row) -> Option<u64> {
        let is_refusal = |cell: &String| consent::says_opt_out(cell) || consent::is_opt_out_word(cell);
        let refused_by = self.refused_by;
        if refused_by.is_none() && table::is_heading(row) && row.cells.iter().any(is_refusal) {
            self.refused_by = Some(row.number);
        }
        refused_by
    }
}

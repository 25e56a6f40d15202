//! Headings between the rows of a list, and their effect on the rows below.

use crate::consent;
use crate::mapping::{Columns, Field, Target};
use crate::table::{self, Row};

/// The row that says that people below it must not be contacted; 0 for the sheet's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Above(u64);

impl Above {
    /// The message for a row that is, or is below, such a row.
    pub(crate) fn message(self, of: u64) -> String {
        match self.0 {
            row if row == of => {
                "says that those below it must not be contacted: put that into a column `DND`, and remove the row".to_owned()
            }
            0 => "stands on a sheet whose name says that people must not be contacted: put that into a column `DND`, and \
                  give the sheet another name"
                .to_owned(),
            row => format!(
                "stands below row {row}, which says that people must not be contacted: put that into a column `DND`"
            ),
        }
    }

    /// Whether it is the given row itself.
    pub(crate) fn is(self, number: u64) -> bool {
        self.0 == number
    }
}

/// Tracks headings between the rows of a list.
#[derive(Debug)]
pub(crate) struct Parts {
    above: Option<Above>,
}

impl Parts {
    /// Starts below a title that may refuse contact.
    pub(crate) fn below(refused_by: Option<u64>) -> Parts {
        Parts { above: refused_by.map(Above) }
    }

    /// The refusing heading above this row, or the row itself if it is one. A refusal holds to the end of the list: a
    /// later row with one cell may be another heading, or just a name.
    pub(crate) fn above(&mut self, row: &Row, columns: &Columns) -> Option<Above> {
        if self.above.is_none() && is_refusing_heading(row, columns) {
            self.above = Some(Above(row.number));
        }
        self.above
    }
}

/// Whether a row is a single text that refuses contact with those below it.
fn is_refusing_heading(row: &Row, columns: &Columns) -> bool {
    let Some(text) = table::heading(&row.cells) else { return false };
    // A consent or tag cell concerns only its own row.
    let is_own = |(index, cell): (usize, &String)| {
        let target = columns.all().get(index).map(|column| &column.target);
        cell.trim().eq_ignore_ascii_case(text)
            && !matches!(target, Some(Target::Consent(_) | Target::Field(Field::Tags)))
    };
    if !row.cells.iter().enumerate().any(is_own) {
        return false;
    }
    // In a list of one or two columns, a person may have just a name.
    let is_narrow = columns.all().len() <= 2;
    if is_narrow { consent::is_refusing_heading(text) } else { consent::title_refuses(text) }
}

//! What the headings between the rows of a list say of those below them.

use crate::consent;
use crate::mapping::{Columns, Field, Target};
use crate::table::{self, Row};

/// The row that says that people below it must not be contacted; 0 is the name of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Above(u64);

impl Above {
    /// What is said of a row: of that which stands above others, what it is.
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

    /// Whether it is this row itself.
    pub(crate) fn is(self, number: u64) -> bool {
        self.0 == number
    }
}

/// The parts of a list that has headings between its rows.
#[derive(Debug)]
pub(crate) struct Parts {
    above: Option<Above>,
}

impl Parts {
    /// The parts below a title that may refuse contact.
    pub(crate) fn below(refused_by: Option<u64>) -> Parts {
        Parts { above: refused_by.map(Above) }
    }

    /// What stands above this row, or what the row itself is. A heading that refuses holds to the end: a later row with one
    /// cell may be another heading as well as somebody whose name is all that is known.
    pub(crate) fn above(&mut self, row: &Row, columns: &Columns) -> Option<Above> {
        if self.above.is_none() && is_refusing_heading(row, columns) {
            self.above = Some(Above(row.number));
        }
        self.above
    }
}

/// Whether a row is one text across the table that refuses contact with those below it.
fn is_refusing_heading(row: &Row, columns: &Columns) -> bool {
    let Some(text) = table::heading(&row.cells) else { return false };
    // A cell of consent or of tags is the row's own.
    let is_own = |(index, cell): (usize, &String)| {
        let target = columns.all().get(index).map(|column| &column.target);
        cell.trim().eq_ignore_ascii_case(text)
            && !matches!(target, Some(Target::Consent(_) | Target::Field(Field::Tags)))
    };
    if !row.cells.iter().enumerate().any(is_own) {
        return false;
    }
    // In a list of one or two columns, somebody may have nothing but a name.
    let is_narrow = columns.all().len() <= 2;
    if is_narrow { consent::is_refusing_heading(text) } else { consent::title_refuses(text) }
}

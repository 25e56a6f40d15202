//! What the headings between the rows of a list say of those below them.

use std::collections::HashSet;

use crate::consent;
use crate::mapping::{self, Alias, Columns, Field, Target};
use crate::name::key;
use crate::table::{self, Row};

/// What stands above a row that keeps it from being imported as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Above {
    /// This row says that the people below it must not be contacted; 0 is the name of the sheet.
    Refusal(u64),
    /// This row names the columns in another order.
    OtherHeader(u64),
}

impl Above {
    /// What is said of a row: of that which stands above others, what it is.
    pub(crate) fn message(self, of: u64) -> String {
        match self {
            Above::Refusal(row) if row == of => {
                "says that those below it must not be contacted: put that into a column `DND`, and remove the row".to_owned()
            }
            Above::OtherHeader(row) if row == of => {
                "names the columns in another order than the header, or other ones: make a list of its own of this row and \
                 those below it"
                    .to_owned()
            }
            Above::Refusal(0) => {
                "stands on a sheet whose name says that people must not be contacted: put that into a column `DND`, and give \
                 the sheet another name"
                    .to_owned()
            }
            Above::Refusal(row) => format!(
                "stands below row {row}, which says that people must not be contacted: put that into a column `DND`"
            ),
            Above::OtherHeader(row) => format!(
                "stands below row {row}, which names the columns in another order: make a list of its own of them"
            ),
        }
    }

    /// Whether it is this row itself.
    pub(crate) fn is(self, number: u64) -> bool {
        matches!(self, Above::Refusal(row) | Above::OtherHeader(row) if row == number)
    }
}

/// The parts of a list that has headings between its rows.
#[derive(Debug)]
pub(crate) struct Parts {
    above: Option<Above>,
    /// The names of the columns as they are compared.
    names: HashSet<String>,
    /// Columns that a list of rejects has of its own.
    own: Vec<bool>,
}

impl Parts {
    /// The parts below a title that may refuse contact.
    pub(crate) fn below(refused_by: Option<u64>, columns: &Columns) -> Parts {
        let own = columns.all().iter().map(|column| crate::report::is_own_name(&column.name)).collect();
        let names = columns.all().iter().map(|column| key(&column.name)).filter(|key| !key.is_empty()).collect();
        Parts { above: refused_by.map(Above::Refusal), names, own }
    }

    /// What stands above this row, or what the row itself is. A heading that refuses holds to the end: a later row with one cell may be another heading
    /// as well as somebody whose name is all that is known.
    pub(crate) fn above(&mut self, row: &Row, columns: &Columns) -> Option<Above> {
        if self.above.is_none() {
            if is_refusing_heading(row, columns) {
                self.above = Some(Above::Refusal(row.number));
            } else if self.is_other_header(row) {
                self.above = Some(Above::OtherHeader(row.number));
            }
        }
        self.above
    }

    /// Whether a row names the columns of a list, and not in the order of this one.
    fn is_other_header(&self, row: &Row) -> bool {
        // Nearly all rows have an address.
        if row.cells.iter().any(|cell| memchr::memchr(b'@', cell.as_bytes()).is_some()) {
            return false;
        }
        let cells = row.cells.iter().zip(self.own.iter().copied().chain(std::iter::repeat(false)));
        let mut filled = cells.filter(|(cell, is_own)| !is_own && !cell.trim().is_empty()).map(|(cell, _)| cell.trim());
        let is_name = |cell: &str| {
            cell.len() <= 60
                && !cell.contains('@')
                && !cell.starts_with(|c: char| c.is_ascii_digit() || c == '+')
                && (self.names.contains(&key(cell)) || matches!(mapping::alias(cell), Some(Alias::Field(_))))
        };
        let is_person = |cell: &str| {
            matches!(
                mapping::alias(cell),
                Some(Alias::Field(Field::Email | Field::Phone | Field::FirstName | Field::Name))
            )
        };
        if !filled.next().is_some_and(is_name) {
            return false;
        }
        let names = 1 + filled.clone().filter(|cell| is_name(cell)).count();
        let is_of_consent =
            |cell: &&str| !is_name(cell) && cell.len() <= 60 && matches!(consent::of_column(cell), Some(Some(_)));
        let all = 1 + filled.clone().count();
        let needed = if self.own.len() <= 2 { 2 } else { 3 };
        let is_whole = || names == all || (names >= 2 && names + filled.filter(is_of_consent).count() == all);
        all >= needed && is_whole() && row.cells.iter().any(|cell| is_person(cell))
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

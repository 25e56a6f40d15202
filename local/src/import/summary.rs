//! What came of a file, for people.

use std::fmt;

use super::{Import, Problem};

const PROBLEMS_SHOWN: usize = 10;

/// An import told in a few lines, without a line end after the last. It holds no e-mail address and no phone number.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a>(&'a Import);

impl Import {
    /// The import in a few lines.
    #[must_use]
    pub fn summary(&self) -> Summary<'_> {
        Summary(self)
    }

    /// How many rows are not among the contacts.
    #[must_use]
    pub fn rows_left_out(&self) -> u64 {
        self.rows.saturating_sub(self.contacts.len() as u64)
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Import { contacts, rows, blank_rows, mapped, unmapped, problems, encoding, delimiter, zip_restored } =
            self.0;

        write!(
            f,
            "rows read:       {rows}, of which {} became contacts and {} were left out",
            contacts.len(),
            self.0.rows_left_out()
        )?;
        if *blank_rows > 0 {
            write!(f, "; {blank_rows} blank rows besides")?;
        }
        let mapped = mapped.iter().map(|column| format!("{} as {}", column.column, column.field));
        write!(f, "\ncolumns used:    {}", mapped.collect::<Vec<_>>().join(", "))?;
        let unmapped = if unmapped.is_empty() { "none".to_owned() } else { unmapped.join(", ") };
        write!(f, "\ncolumns not used: {unmapped}")?;
        write!(f, "\ntext:            {encoding}, cells separated by {delimiter}")?;
        if *zip_restored > 0 {
            write!(f, "\nZIP codes:       {zip_restored} got back their leading zeros")?;
        }
        write_problems(f, problems)
    }
}

fn write_problems(f: &mut fmt::Formatter<'_>, problems: &[Problem]) -> fmt::Result {
    if problems.is_empty() {
        return f.write_str("\nproblems:        none");
    }
    write!(f, "\nproblems:        {}", problems.len())?;
    for problem in problems.iter().take(PROBLEMS_SHOWN) {
        write!(f, "\n  {problem}")?;
    }
    match problems.len().saturating_sub(PROBLEMS_SHOWN) {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more"),
    }
}

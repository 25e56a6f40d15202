//! Summary of a list that was read, for people.

use std::fmt;

use ghl_sync_import::report::{ImportReport, Problems, SHOWN_PROBLEMS};

/// A report in a few lines, without a final line break. It contains no cell of the list.
pub(super) struct ListReportSummary<'a>(pub(super) &'a ImportReport);

impl fmt::Display for ListReportSummary<'_> {
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

impl ListReportSummary<'_> {
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
                for ((kind, effect), count) in kinds.into_iter().take(SHOWN_PROBLEMS) {
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

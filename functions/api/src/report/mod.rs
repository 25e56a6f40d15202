//! The report of a migration as files for people: a table for a spreadsheet, and a page that reads and prints well.
//!
//! Both are pure functions of a [`Document`], and tell the same: the numbers, what became of the structure, and every
//! finding.

mod facts;
mod page;
mod table;

use ghl_sync_model::{Finding, MappingReport, MigrationReport};
pub use page::html;
pub use table::csv;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The numbers.
    pub report: &'a MigrationReport,
    /// What becomes of the structure, once that is known.
    pub mapping: Option<&'a MappingReport>,
    /// What a person should know of single records.
    pub findings: &'a [Finding],
}

#[cfg(test)]
mod tests;

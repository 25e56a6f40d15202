//! The report of a migration as files for people: a table for a spreadsheet, and a page that reads and prints well.
//!
//! Both are pure functions of a [`ReportDocument`] with the same content: the numbers, the mapping of the structure,
//! and every finding.

mod facts;
mod page;
mod table;

use ghl_sync_model::{Finding, MappingReport, MigrationReport};
pub use page::html;
pub use table::csv;

/// The input of a report.
#[derive(Debug, Clone, Copy)]
pub struct ReportDocument<'a> {
    /// The numbers.
    pub report: &'a MigrationReport,
    /// The mapping of the structure, once it is made.
    pub mapping: Option<&'a MappingReport>,
    /// Findings about single records.
    pub findings: &'a [Finding],
}

#[cfg(test)]
mod tests;

//! Command-line arguments for a contact list.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ghl_sync_import::{Answers, DateOrder, DecimalMark, HiddenRows, SamePerson};

use super::keep_apart;
use crate::UsageError;

/// Options for reading a contact list (docs/IMPORT.md).
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ListArgs {
    /// Assign a column: to a field, a custom field (contact.key), dnd, id, or ignore. May be given several times.
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub(crate) map: Vec<String>,
    /// Column assignments, tags, constants, and earlier answers, as JSON; written by `plan`.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Encoding of the text, such as windows-1252, if the file does not prove it.
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// Read 03/04/1991 as 3 April.
    #[arg(long, conflicts_with = "month_first")]
    pub(crate) day_first: bool,
    /// Read 03/04/1991 as 4 March.
    #[arg(long)]
    pub(crate) month_first: bool,
    /// Read 1.234 with a decimal point.
    #[arg(long, conflicts_with = "decimal_comma")]
    pub(crate) decimal_point: bool,
    /// Read 1.234 as 1,234: the comma is the decimal mark.
    #[arg(long)]
    pub(crate) decimal_comma: bool,
    /// Country of rows that name none, as two letters, for reading their national phone numbers. The sandbox's is US.
    #[arg(long, value_name = "CODE", value_parser = country)]
    pub(crate) country: Option<String>,
    /// Sheet to read from a workbook.
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// What to do with rows that the sheet hides, by hand or by a filter.
    #[arg(long, value_enum)]
    pub(crate) hidden_rows: Option<HiddenRowsArg>,
    /// What to do with rows that share an email address or a phone number. By default: hold-back.
    #[arg(long, value_enum)]
    pub(crate) same_person: Option<SamePersonArg>,
    /// Write rows that were left out or lost a cell to this file, with the reason, to be corrected and read again.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Exit with status 0 even if rows or cells were left out.
    #[arg(long)]
    pub(crate) allow_rejects: bool,
}

/// Options for the output of a run.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write the result of each record to this file, as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also print the AWS usage.
    #[arg(long)]
    pub(crate) verbose: bool,
}

impl OutputArgs {
    /// Refuses options under which one output would overwrite another, or the list.
    pub(crate) fn keep_apart(&self, file: Option<&Path>, list: &ListArgs) -> Result<(), UsageError> {
        let written = [
            ("--rejects", list.rejects.as_deref()),
            ("--results", self.results.as_deref()),
            ("--json", self.json.as_deref()),
        ];
        keep_apart(file, &written)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SamePersonArg {
    /// Import the first row and leave out the others.
    HoldBack,
    /// Merge them into one contact; where two disagree, the first row wins.
    MergeFirst,
    /// Merge them into one contact; where two disagree, the last row wins.
    MergeLast,
    /// Import rows that share a phone number as separate contacts.
    KeepApart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HiddenRowsArg {
    /// Import them like other rows.
    Import,
    /// Do not import them.
    LeaveOut,
}

impl ListArgs {
    /// Overrides the mapping's answers with those of the command line.
    pub(crate) fn answer(&self, answers: &mut Answers) {
        let date_order = [(self.day_first, DateOrder::DayFirst), (self.month_first, DateOrder::MonthFirst)];
        let decimal_mark = [(self.decimal_point, DecimalMark::Point), (self.decimal_comma, DecimalMark::Comma)];
        *answers = Answers {
            encoding: self.encoding.clone().or(answers.encoding.take()),
            date_order: told(date_order).or(answers.date_order),
            decimal_mark: told(decimal_mark).or(answers.decimal_mark),
            sheet: self.sheet.clone().or(answers.sheet.take()),
            hidden_rows: self.hidden_rows.map(HiddenRows::from).or(answers.hidden_rows),
            country: self.country.clone().or(answers.country.take()),
            same_person: self.same_person.map(SamePerson::from).or(answers.same_person),
        };
    }
}

fn told<T: Copy, const N: usize>(options: [(bool, T); N]) -> Option<T> {
    options.into_iter().find(|(is_told, _)| *is_told).map(|(_, value)| value)
}

impl From<HiddenRowsArg> for HiddenRows {
    fn from(arg: HiddenRowsArg) -> HiddenRows {
        match arg {
            HiddenRowsArg::Import => HiddenRows::Import,
            HiddenRowsArg::LeaveOut => HiddenRows::LeaveOut,
        }
    }
}

impl From<SamePersonArg> for SamePerson {
    fn from(arg: SamePersonArg) -> SamePerson {
        match arg {
            SamePersonArg::HoldBack => SamePerson::HoldBack,
            SamePersonArg::MergeFirst => SamePerson::MergeFirst,
            SamePersonArg::MergeLast => SamePerson::MergeLast,
            SamePersonArg::KeepApart => SamePerson::KeepApart,
        }
    }
}

fn country(text: &str) -> Result<String, String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code { Ok(text.to_ascii_uppercase()) } else { Err("expected two letters, like US or GB".to_owned()) }
}

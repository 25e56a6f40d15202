//! What the command line says about a contact list.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ghl_sync_import::{Answers, DateOrder, DecimalMark, HiddenRows, SamePerson};

use super::keep_apart;
use crate::Usage;

/// How a contact list is read (docs/IMPORT.md).
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ListArgs {
    /// Where a column goes: a field, a custom field (contact.key), dnd, id, or ignore. May be given again.
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub(crate) map: Vec<String>,
    /// Where columns go, tags, constants, and answers given before, as JSON: what `plan` has written.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// The text's encoding, such as windows-1252, if the file does not prove it.
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// 03/04/1991 is 3 April.
    #[arg(long, conflicts_with = "month_first")]
    pub(crate) day_first: bool,
    /// 03/04/1991 is 4 March.
    #[arg(long)]
    pub(crate) month_first: bool,
    /// 1.234 has decimals.
    #[arg(long, conflicts_with = "decimal_comma")]
    pub(crate) decimal_point: bool,
    /// 1.234 has none: it is 1,234.
    #[arg(long)]
    pub(crate) decimal_comma: bool,
    /// The country of rows that name none, as two letters: it reads their national phone numbers. Of the sandbox: US.
    #[arg(long, value_name = "CODE", value_parser = country)]
    pub(crate) country: Option<String>,
    /// The sheet of a workbook.
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// What becomes of rows that the sheet hides, by hand or by a filter.
    #[arg(long, value_enum)]
    pub(crate) hidden_rows: Option<HiddenRowsArg>,
    /// What becomes of rows that have an e-mail address or a phone number in common. By default: hold-back.
    #[arg(long, value_enum)]
    pub(crate) same_person: Option<SamePersonArg>,
    /// Write the rows that were left out, or lost a cell, to this file, with the reason: to be corrected and read again.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// The exit status is 0 even if rows or cells were left out.
    #[arg(long)]
    pub(crate) allow_rejects: bool,
}

/// What is told of a run, and where.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write what became of each record to this file, as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also tell what it took of AWS.
    #[arg(long)]
    pub(crate) verbose: bool,
}

impl OutputArgs {
    /// Refuses options of which one would overwrite what another writes, or the list.
    pub(crate) fn keep_apart(&self, file: Option<&Path>, list: &ListArgs) -> Result<(), Usage> {
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
    /// The first row is imported, the others are left out.
    HoldBack,
    /// They become one contact; where two disagree, the first row wins.
    MergeFirst,
    /// They become one contact; where two disagree, the last row wins.
    MergeLast,
    /// Rows that share a phone number are imported each for itself.
    KeepApart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HiddenRowsArg {
    /// They are rows like others.
    Import,
    /// They are not imported.
    LeaveOut,
}

impl ListArgs {
    /// What the command line says of the list's meaning, into what the mapping says of it.
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

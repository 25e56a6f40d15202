//! What the command line says about a contact list.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How a contact list is read (docs/IMPORT.md).
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ListArgs {
    /// Where a column goes: a field, a custom field (contact.key), dnd, id, or ignore. May be given again.
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub(crate) map: Vec<String>,
    /// Where columns go, tags and constants, as JSON.
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
    /// What becomes of rows that have an e-mail address or a phone number in common.
    #[arg(long, value_enum, default_value_t = SamePersonArg::HoldBack)]
    pub(crate) same_person: SamePersonArg,
    /// Write the rows that were left out, or lost a cell, to this file, with the reason: to be corrected and read again.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// The exit status is 0 even if rows or cells were left out.
    #[arg(long)]
    pub(crate) allow_rejects: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SamePersonArg {
    /// The first row is imported, the others are left out.
    #[default]
    HoldBack,
    /// They become one contact; where two disagree, the first row wins.
    MergeFirst,
    /// They become one contact; where two disagree, the last row wins.
    MergeLast,
    /// Rows that share a phone number are imported each for itself.
    KeepApart,
}

impl ListArgs {
    /// The options that said what the list means and that no mapping holds, each after a blank.
    pub(crate) fn answers(&self) -> String {
        let said = [
            ("--day-first", self.day_first),
            ("--month-first", self.month_first),
            ("--decimal-point", self.decimal_point),
            ("--decimal-comma", self.decimal_comma),
        ];
        let same_person = self.same_person.to_possible_value().filter(|_| self.same_person != SamePersonArg::default());
        let named = [
            ("--encoding", self.encoding.clone()),
            ("--country", self.country.clone()),
            ("--sheet", self.sheet.as_ref().map(|sheet| format!("{sheet:?}"))),
            ("--same-person", same_person.map(|value| value.get_name().to_owned())),
        ];
        let said = said.into_iter().filter(|(_, is_said)| *is_said).map(|(option, _)| format!(" {option}"));
        said.chain(named.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", value?)))).collect()
    }
}

fn country(text: &str) -> Result<String, String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code { Ok(text.to_ascii_uppercase()) } else { Err("expected two letters, like US or GB".to_owned()) }
}

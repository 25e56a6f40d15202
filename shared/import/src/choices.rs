//! What a list may leave open, and the answers to it.

use serde::{Deserialize, Serialize};

/// Which number of a date is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// 15/04/1991.
    DayFirst,
    /// 04/15/1991.
    MonthFirst,
}

/// What stands before the decimals of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// 1,234.56
    Point,
    /// 1.234,56
    Comma,
}

/// What becomes of rows that a sheet hides, by hand or by a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenRows {
    /// They are rows like others.
    Import,
    /// They are no people. What they refuse holds for other rows of the same person all the same.
    LeaveOut,
}

/// What becomes of rows that have an e-mail address or a phone number in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamePerson {
    /// The first row is imported, the others are held back.
    #[default]
    HoldBack,
    /// They become one contact; where two rows disagree the first one wins.
    MergeFirst,
    /// They become one contact; where two rows disagree the last one wins.
    MergeLast,
    /// Rows that share a phone number, and not the e-mail address, are imported each for itself: for locations that
    /// allow duplicate contacts.
    KeepApart,
}

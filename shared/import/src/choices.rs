//! Ambiguities of a list, and the possible answers.

use serde::{Deserialize, Serialize};

/// The order of day and month in dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// 15/04/1991.
    DayFirst,
    /// 04/15/1991.
    MonthFirst,
}

/// The mark before the decimals of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// 1,234.56
    Point,
    /// 1.234,56
    Comma,
}

/// Treatment of rows that a sheet hides, by hand or by a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenRows {
    /// Import them like other rows.
    Import,
    /// Leave them out. Their opt-outs still apply to other rows of the same person.
    LeaveOut,
}

/// Treatment of rows that share an e-mail address or a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamePerson {
    /// Import the first row and hold back the others.
    #[default]
    HoldBack,
    /// Merge them into one contact. Where two rows disagree, the first wins.
    MergeFirst,
    /// Merge them into one contact. Where two rows disagree, the last wins.
    MergeLast,
    /// Import rows that share only a phone number as separate contacts, for locations that allow duplicate contacts.
    KeepApart,
}

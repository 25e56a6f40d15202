//! Ambiguities of a file, and the options that resolve them.

use std::fmt;

use serde::Serialize;

/// An ambiguity that changes the list's meaning and that its data does not resolve. Nothing is imported while one is
/// open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum ListQuestion {
    /// The text is not UTF-8, and its encoding is uncertain.
    Encoding {
        /// The detector's guess, in the form `--encoding` accepts.
        guess: String,
        /// Sample words with non-ASCII characters, decoded by the guess.
        samples: Vec<String>,
    },
    /// Dates such as 03/04/1991, in a column that does not prove which number is the day.
    DateOrder {
        /// The column.
        column: String,
        /// Whether the column has dates that prove one order and dates that prove the other.
        mixed: bool,
    },
    /// Numbers such as 1.234, in a column that does not prove the meaning of the mark.
    DecimalMark {
        /// The column.
        column: String,
    },
    /// An unused column whose cells look important.
    UnusedColumn {
        /// The column.
        column: String,
        /// What its cells look like.
        looks_like: LooksLike,
        /// Number of rows with such cells.
        cells: u64,
    },
    /// More than one sheet holds people.
    Sheet {
        /// Names of these sheets.
        sheets: Vec<String>,
    },
    /// The sheet hides rows with content, by hand or by a filter.
    HiddenRows {
        /// Number of these rows.
        rows: u64,
    },
}

/// Content that the cells of an unused column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LooksLike {
    /// E-mail addresses.
    Email,
    /// Phone numbers.
    Phone,
    /// Consent: opt-outs, do not call.
    Consent,
}

impl fmt::Display for ListQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListQuestion::Encoding { guess, samples } => {
                write!(f, "the text is not UTF-8. It may be {guess}")?;
                if !samples.is_empty() {
                    write!(f, ", which reads: {}", samples.join(", "))?;
                }
                write!(
                    f,
                    ". If that is right say --encoding {guess}, else name the right one, or save the list as UTF-8"
                )
            }
            ListQuestion::DateOrder { column, mixed: false } => write!(
                f,
                "column `{column}` has dates like 03/04/1991, and none that proves whether the day or the month comes \
                 first: say --day-first or --month-first"
            ),
            ListQuestion::DateOrder { column, mixed: true } => write!(
                f,
                "column `{column}` has dates with the day first and dates with the month first: say --day-first or \
                 --month-first for those that could be both"
            ),
            ListQuestion::DecimalMark { column } => write!(
                f,
                "column `{column}` has numbers like 1.234, and none that proves whether the mark stands for thousands \
                 or for decimals: say --decimal-point or --decimal-comma"
            ),
            ListQuestion::UnusedColumn { column, looks_like, cells } => {
                let (what, answers) = match looks_like {
                    LooksLike::Email => ("e-mail addresses", format!("'{column}=email'")),
                    LooksLike::Phone => ("phone numbers", format!("'{column}=phone'")),
                    LooksLike::Consent => (
                        "opt-outs or opt-ins",
                        format!("'{column}=dnd' (a yes is a refusal), --map '{column}=optin' (a no is one)"),
                    ),
                };
                write!(
                    f,
                    "column `{column}` is not used, and {cells} of its cells look like {what}: say --map {answers} or \
                     --map '{column}=ignore'"
                )
            }
            ListQuestion::Sheet { sheets } => {
                write!(f, "more than one sheet holds people: say --sheet with one of {}", sheets.join(", "))
            }
            ListQuestion::HiddenRows { rows } => write!(
                f,
                "the sheet hides {rows} rows, by hand or by a filter: say --hidden-rows import or --hidden-rows leave-out"
            ),
        }
    }
}

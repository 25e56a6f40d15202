//! What a file leaves open, and the options that answer it.

use std::fmt;

use serde::Serialize;

/// Something that changes what the list means and that its data does not prove. Nothing is imported while one is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// The text is not UTF-8 and nothing in it says what it is.
    Encoding {
        /// The detector's guess, as `--encoding` takes it.
        guess: String,
        /// Words of the file with other characters than ASCII, read by the guess.
        samples: Vec<String>,
    },
    /// Dates such as 03/04/1991, and none in the column that proves which number is the day.
    DateOrder {
        /// The column.
        column: String,
        /// Whether the column has dates that prove one order and dates that prove the other.
        mixed: bool,
    },
    /// Numbers such as 1.234 and none in the column that proves what the mark means.
    DecimalMark {
        /// The column.
        column: String,
    },
    /// A column that is not used and whose cells look like something that must not be lost.
    UnusedColumn {
        /// The column.
        column: String,
        /// What its cells look like.
        looks_like: LooksLike,
        /// In how many rows.
        cells: u64,
    },
    /// More than one sheet holds people.
    Sheet {
        /// Those.
        sheets: Vec<String>,
    },
    /// The sheet hides rows, by hand or by a filter, that say something.
    HiddenRows {
        /// How many rows are hidden and say something.
        rows: u64,
    },
}

/// What the cells of an unused column look like.
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

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Question::Encoding { guess, samples } => {
                write!(f, "the text is not UTF-8. It may be {guess}")?;
                if !samples.is_empty() {
                    write!(f, ", which reads: {}", samples.join(", "))?;
                }
                write!(
                    f,
                    ". If that is right say --encoding {guess}, else name the right one, or save the list as UTF-8"
                )
            }
            Question::DateOrder { column, mixed: false } => write!(
                f,
                "column `{column}` has dates like 03/04/1991, and none that proves whether the day or the month comes \
                 first: say --day-first or --month-first"
            ),
            Question::DateOrder { column, mixed: true } => write!(
                f,
                "column `{column}` has dates with the day first and dates with the month first: say --day-first or \
                 --month-first for those that could be both"
            ),
            Question::DecimalMark { column } => write!(
                f,
                "column `{column}` has numbers like 1.234, and none that proves whether the mark stands for thousands \
                 or for decimals: say --decimal-point or --decimal-comma"
            ),
            Question::UnusedColumn { column, looks_like, cells } => {
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
            Question::Sheet { sheets } => {
                write!(f, "more than one sheet holds people: say --sheet with one of {}", sheets.join(", "))
            }
            Question::HiddenRows { rows } => write!(
                f,
                "the sheet hides {rows} rows, by hand or by a filter: say --hidden-rows import or --hidden-rows leave-out"
            ),
        }
    }
}

//! Errors that concern the whole file.

use std::io;

use crate::ListQuestion;

/// Most column names in a message.
const MOST_NAMED: usize = 30;

/// Why a file cannot be imported at all. Messages never quote cells, which may be personal data.
#[derive(Debug, thiserror::Error)]
pub enum FileImportError {
    /// The caller's storage failed.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// The gzip file is cut off or damaged.
    #[error("the gzip file ends too early or is damaged: fetch it again")]
    Packed(#[source] io::Error),
    /// The file has no content but white space.
    #[error("the file is empty")]
    Empty,
    /// The file is not a list.
    #[error("the file is {0}, not a contact list: export the contacts as CSV, XLSX or NDJSON")]
    NotAList(NotAList),
    /// The option `encoding` does not name a known encoding.
    #[error(
        "`{0}` is no known encoding: say utf-8, windows-1252, windows-1250, windows-1251, macintosh, shift_jis, gbk …"
    )]
    UnknownEncoding(String),
    /// The country given for the location is unknown.
    #[error("`{0}` is no known country: say its two-letter code, such as US")]
    UnknownCountry(String),
    /// The unpacked workbook is too large.
    #[error("the workbook is larger than {max_bytes} bytes: save its sheet as CSV")]
    TooLarge {
        /// Largest size that is read.
        max_bytes: u64,
    },
    /// The workbook cannot be opened.
    #[error("the workbook cannot be opened: {0}")]
    Workbook(String),
    /// The workbook has no sheet of this name.
    #[error("the workbook has no sheet `{name}`; it has: {}", sheets.join(", "))]
    NoSuchSheet {
        /// The requested name.
        name: String,
        /// The workbook's sheets.
        sheets: Vec<String>,
    },
    /// No row names columns.
    #[error(
        "no row names the columns: the first line must be a header such as `First Name,Email,Phone`{}",
        if columns.is_empty() { String::new() } else { format!(" (found: {})", columns.join(", ")) }
    )]
    NoHeader {
        /// Cells of the first row, unless they may be personal data.
        columns: Vec<String>,
    },
    /// No column identifies a contact.
    #[error(
        "no column holds an e-mail address, a phone number, a name or a company; the columns are: {}. Map one with \
         --map 'Column=email'",
        shortly(columns)
    )]
    NoUsableColumn {
        /// The list's columns.
        columns: Vec<String>,
    },
    /// The mapping is invalid for this list.
    #[error(transparent)]
    Mapping(#[from] crate::MappingError),
    /// Part of the file's meaning is ambiguous. Nothing is imported until the questions are answered.
    #[error("{} before this list can be imported: {}", if questions.len() == 1 { "one question is open" } else { "questions are open" },
        questions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Open {
        /// All open questions.
        questions: Vec<ListQuestion>,
    },
}

/// The first names, with the number of the rest.
fn shortly(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let named = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

impl From<io::Error> for FileImportError {
    fn from(error: io::Error) -> FileImportError {
        if error.get_ref().is_some_and(|inner| inner.is::<Damaged>()) {
            FileImportError::Packed(error)
        } else {
            FileImportError::Read(error)
        }
    }
}

/// Marks an error as damage of the gzip data.
#[derive(Debug, thiserror::Error)]
#[error("the bytes cannot be unpacked")]
pub(crate) struct Damaged(#[source] pub(crate) io::Error);

/// What kind of file it is instead of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAList {
    /// A PDF document.
    Pdf,
    /// A picture.
    Image,
    /// A web page, such as an expired login's.
    Html,
    /// XML.
    Xml,
    /// A ZIP archive that is no workbook.
    Archive,
    /// An Excel workbook from before 2007, or one with a password.
    OldWorkbook,
    /// A document of a word processor or another office program.
    Document,
    /// A vCard address book.
    VCard,
    /// A single JSON document instead of one object per line.
    Json,
    /// An SQL dump or a database file.
    Database,
    /// A ZIP archive, perhaps a workbook, with its end missing.
    CutArchive,
    /// Text in UTF-32.
    Utf32,
    /// Anything else that is not text.
    Binary,
}

impl std::fmt::Display for NotAList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NotAList::Pdf => "a PDF document",
            NotAList::Image => "an image",
            NotAList::Html => "an HTML page (perhaps the login page of an expired session)",
            NotAList::Xml => "an XML document",
            NotAList::Archive => "a ZIP archive",
            NotAList::OldWorkbook => {
                "an Excel workbook of the old .xls format or one with a password (save it as .xlsx)"
            }
            NotAList::Document => "an office document",
            NotAList::VCard => "a vCard address book",
            NotAList::Json => "a JSON document (write one object a line: `jq -c '.[]'`)",
            NotAList::Database => "a database file",
            NotAList::CutArchive => "a workbook or another ZIP archive whose end is missing (fetch it again)",
            NotAList::Utf32 => "text in UTF-32 (save it as UTF-8)",
            NotAList::Binary => "binary data",
        })
    }
}

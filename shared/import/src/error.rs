//! Why a file as a whole cannot be read.

use std::io;

use crate::Question;

/// So many names of columns are in a message.
const MOST_NAMED: usize = 30;

/// Why a file as a whole cannot be imported. No message quotes a cell: it may be personal data.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The caller's storage failed, or the compressed data is damaged.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// The gzip file is cut off or damaged.
    #[error("the gzip file ends too early or is damaged: fetch it again")]
    Packed(#[source] io::Error),
    /// Nothing in it, or nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// Not a list.
    #[error("the file is {0}, not a contact list: export the contacts as CSV, XLSX or NDJSON")]
    NotAList(NotAList),
    /// `--encoding` names no encoding that is known here.
    #[error(
        "`{0}` is no known encoding: say utf-8, windows-1252, windows-1250, windows-1251, macintosh, shift_jis, gbk …"
    )]
    UnknownEncoding(String),
    /// The location's country is told, and is none.
    #[error("`{0}` is no known country: say its two-letter code, such as US")]
    UnknownCountry(String),
    /// A compressed file unpacks to more than is sane.
    #[error("the workbook is larger than {max_bytes} bytes: save its sheet as CSV")]
    TooLarge {
        /// What is read at most.
        max_bytes: u64,
    },
    /// A workbook that cannot be opened.
    #[error("the workbook cannot be opened: {0}")]
    Workbook(String),
    /// The workbook has no such sheet.
    #[error("the workbook has no sheet `{name}`; it has: {}", sheets.join(", "))]
    NoSuchSheet {
        /// The name that was asked for.
        name: String,
        /// The sheets that there are.
        sheets: Vec<String>,
    },
    /// No row names columns.
    #[error(
        "no row names the columns: the first line must be a header such as `First Name,Email,Phone`{}",
        if columns.is_empty() { String::new() } else { format!(" (found: {})", columns.join(", ")) }
    )]
    NoHeader {
        /// What the first row has, unless that may be personal data.
        columns: Vec<String>,
    },
    /// No column that could say who a contact is.
    #[error(
        "no column holds an e-mail address, a phone number, a name or a company; the columns are: {}. Map one with \
         --map 'Column=email'",
        shortly(columns)
    )]
    NoUsableColumn {
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// A mapping names what is not there.
    #[error(transparent)]
    Mapping(#[from] crate::MappingError),
    /// Something about the file's meaning cannot be proven, so nothing is imported before it is answered.
    #[error("{} before this list can be imported: {}", if questions.len() == 1 { "one question is open" } else { "questions are open" },
        questions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Open {
        /// All of them.
        questions: Vec<Question>,
    },
}

/// The first of many names.
fn shortly(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let named = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

impl From<io::Error> for ImportError {
    fn from(error: io::Error) -> ImportError {
        if error.get_ref().is_some_and(|inner| inner.is::<Damaged>()) {
            ImportError::Packed(error)
        } else {
            ImportError::Read(error)
        }
    }
}

/// What `gzip` says of bytes that it cannot unpack.
#[derive(Debug, thiserror::Error)]
#[error("the bytes cannot be unpacked")]
pub(crate) struct Damaged(#[source] pub(crate) io::Error);

/// What a file is that is not a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAList {
    /// A PDF document.
    Pdf,
    /// A picture.
    Image,
    /// A web page, such as that of an expired login.
    Html,
    /// XML.
    Xml,
    /// A ZIP archive that is no workbook.
    Archive,
    /// An Excel workbook of the format before 2007, or one with a password.
    OldWorkbook,
    /// A word processor's or another office document.
    Document,
    /// A vCard address book.
    VCard,
    /// One JSON document rather than one object a line.
    Json,
    /// An SQL dump or a database file.
    Database,
    /// A ZIP archive, perhaps a workbook, whose end is missing.
    CutArchive,
    /// Text with four bytes a character.
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

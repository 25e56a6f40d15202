//! Reads contact lists: turns the bytes of any exported file into checked records, and accounts for every row.
//!
//! [`plan`] reads the whole list to determine its encoding, its header, the target of each column, the order of its
//! dates, and repeated people. If an ambiguity would change the list's meaning, it becomes a [`ListQuestion`], and
//! nothing is imported while one is open. [`ImportPlan::records`] then streams the list: each row becomes a record, is
//! held back, or is reported as no person; each value arrives as it was meant, or a [`ListProblem`] names its row and
//! column.
//!
//! The crate does no I/O of its own: it reads a [`ByteSource`] from the caller about three times. It does not keep
//! rows, but memory grows by hashes: [`plan`] takes eight bytes for each e-mail address, phone number and own id (24
//! if the row refuses contact, or may) while it looks for repeated people; [`RecordStream`] then collects [`KnownIds`]
//! of eight to 32 bytes per contact. Rows that wait to be merged are in memory, and so is a workbook.
//!
//! Consent never errs towards "may be contacted": a row with an unreadable consent cell is held back, and an import
//! never opens a channel.

mod breaks;
mod bytes;
mod choices;
mod columns_seen;
mod consent;
mod contact;
mod draft;
mod error;
mod identity;
mod mapping;
mod name;
mod options;
mod parts;
mod plan;
mod problem;
mod question;
mod records;
pub mod report;
mod row;
mod source;
mod table;
mod values;

pub use choices::{DateOrder, DecimalMark, HiddenRows, SamePerson};
pub use contact::ImportedContact;
pub use error::{FileImportError, NotAList};
pub use identity::KnownIds;
pub use mapping::{Answers, CustomFieldType, FieldCatalogue, KnownField, Mapping, MappingError, targets};
pub use options::ImportOptions;
pub use plan::{ImportPlan, MappedBy, MappedColumn, plan};
pub use problem::{ListProblem, ProblemEffect};
pub use question::{ListQuestion, LooksLike};
pub use records::{HeldBack, RecordStream, RowOutcome, RowTally, UNDECIDED};
pub use source::ByteSource;

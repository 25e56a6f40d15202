//! Contact lists: from the bytes of any file that people export to checked records, with every row accounted for.
//!
//! [`plan`] looks at the whole list: what it is written in, where its header is, which column goes where, in which order its
//! dates are, who is there twice. What changes the list's meaning and is not proven by its data is a [`Question`], and nothing
//! is imported while one is open. [`Plan::records`] then streams the list: each row is a record, held back, or told to be no
//! person; each value arrives as it was meant, or its row and column are named in a [`Problem`].
//!
//! The crate does no I/O of its own: bytes come from a [`Source`] that the caller gives, which is read about three times.
//! Rows are not kept, but memory grows by hashes: [`plan`] takes eight bytes for each e-mail address, phone number and own
//! id (24 where the row refuses contact, or may), until it knows who is there twice; [`Records`] then learns [`KnownIds`] of eight
//! to 32 bytes a contact. Rows that wait to be merged are in memory, and so is a workbook.
//!
//! Consent never errs towards "may be contacted": a cell that cannot be read as one holds its row back, and an import never
//! opens a channel.

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
pub use error::{ImportError, NotAList};
pub use identity::KnownIds;
pub use mapping::{Answers, CustomFieldType, FieldCatalogue, KnownField, Mapping, MappingError, targets};
pub use options::ImportOptions;
pub use plan::{MappedBy, MappedColumn, Plan, plan};
pub use problem::{Effect, Problem};
pub use question::{LooksLike, Question};
pub use records::{HeldBack, Outcome, Records, Tally, UNDECIDED};
pub use source::Source;

//! Imports contact lists dropped into a bucket as `in/LOCATION/contacts/NAME`. Their contacts go into the outbox, and
//! reports into `out/LOCATION/NAME/`.
//!
//! An import is a chain of steps, each triggered by a message of one queue. A step starts from the [`Checkpoint`] of
//! the step before, works until its deadline, sends the next message and stores the checkpoint, in this order. So
//! whichever process dies, one message is always on its way or redelivered. Work since the last checkpoint is
//! repeated: putting the same contact twice does no harm.
//!
//! A mapping can hold its list: the list is then read and reported, but nothing is sent. People without access to the
//! bucket upload such lists through [`Lists`]. It also shows the lists of a location, from the checkpoints and from a
//! mark that the importer writes for each file.
//!
//! Each step reads the list anew with [`ghl_sync_import`], from a copy on disk. The location's facts (country and
//! custom fields) are part of the imported content: if they change, the import starts over. At most [`AHEAD`] records
//! of a location wait for GHL at a time; the import resumes when there is space.

mod checkpoint;
mod error;
mod facts;
mod finish;
mod forecast;
mod importer;
mod known;
mod list;
mod listed;
mod lists;
mod mark;
mod message;
mod place;
pub mod ports;
mod preview;
mod put;
mod report;
mod rows;
mod run;
mod tell;
mod upload;
mod wait;

pub use checkpoint::{Checkpoint, Content, ImportEnd, ListFigures, Phase};
pub use error::DropError;
pub use importer::{Handled, Importer};
pub use listed::{ListPage, ListSummary, MAX_LISTS};
pub use lists::{HandedIn, LONGEST_UPLOAD, Link, ListState, ListStatus, Lists, ListsError, RowsFile};
pub use message::{DropMessage, MessageError};
pub use place::{ListName, ListPlace, NotAListName};
pub use put::AHEAD;

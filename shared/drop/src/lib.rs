//! Contact lists that somebody drops into a bucket, as `in/LOCATION/contacts/NAME`: read, put into the outbox, and told of in
//! `out/LOCATION/NAME/`.
//!
//! An import is a chain of steps, each a message of one queue. A step begins where the [`Checkpoint`] says that the one
//! before ended, works until its deadline, sends the next message and writes the checkpoint, in this order. So at any
//! time one message is on its way or comes again, whoever dies. What a dead step had done since the last checkpoint is done
//! again: putting the same contact twice does no harm.
//!
//! A mapping may say that its list is held: then it is looked at and told of, and nothing is sent. People hand lists in this
//! way by [`Lists`], which needs no access to the bucket, and tells which lists there are: by a mark that the importer writes
//! for each file, and the checkpoints.
//!
//! It reads the list anew in each step, as [`ghl_sync_import`] does, from a copy on the disk. What is known of the
//! location (its country and custom fields) is a part of what is imported: where that changes, the list begins anew. It
//! never lets more than some thousand records of a location wait for GHL ([`AHEAD`]), and comes back when there is room.

mod checkpoint;
mod error;
mod facts;
mod finish;
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

pub use checkpoint::{Checkpoint, Content, End, Phase, Shown};
pub use error::DropError;
pub use importer::{Handled, Importer};
pub use listed::{ListPage, ListSummary, MAX_LISTS};
pub use lists::{HandedIn, LONGEST_UPLOAD, Link, ListState, ListStatus, Lists, ListsError, RowsFile};
pub use message::{DropMessage, MessageError};
pub use place::{ListName, NotAListName, Place};
pub use put::AHEAD;

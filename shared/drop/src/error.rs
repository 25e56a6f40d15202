//! Why a step is made again.

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::InvalidId;
use ghl_sync_operate::ImportError;

use crate::MessageError;

/// Why a message must come again.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// It is none of this queue's.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A store, the bucket or the queue failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// What is told of its import is refused.
    #[error("the import of the list cannot be told of")]
    Import(#[source] ImportError),
    /// The import of the list has no id that may be.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// The copy of the list on this machine's disk.
    #[error("the list cannot be kept on this machine's disk")]
    Disk(#[from] std::io::Error),
    /// The thread that reads a list ended early.
    #[error("the list was not read to its end")]
    Reader(#[from] tokio::task::JoinError),
    /// A report or a file of results cannot be written.
    #[error("a report cannot be written")]
    Report(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<csv::Error> for DropError {
    fn from(error: csv::Error) -> DropError {
        DropError::Report(error.into())
    }
}

impl From<serde_json::Error> for DropError {
    fn from(error: serde_json::Error) -> DropError {
        DropError::Report(error.into())
    }
}

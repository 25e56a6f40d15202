//! Errors that make a step run again.

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::InvalidId;
use ghl_sync_operate::ImportError;

use crate::MessageError;

/// Why a message must be redelivered.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// The message does not belong to this queue.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A store, the bucket or the queue failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The stack rejected an update of the import.
    #[error("the update of the list's import was refused")]
    Import(#[source] ImportError),
    /// The import's id is invalid.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// The local copy of the list cannot be written or read.
    #[error("the list cannot be kept on this machine's disk")]
    Disk(#[from] std::io::Error),
    /// The thread that reads the list ended early.
    #[error("the list was not read to its end")]
    Reader(#[from] tokio::task::JoinError),
    /// A report or results file cannot be written.
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

//! What an import needs of the world besides the engine.

use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::EpochMs;

use crate::DropMessage;

/// What a bucket knows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Tells one content of it from another.
    pub etag: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was put there.
    pub modified_at: EpochMs,
}

/// The files of the bucket.
#[async_trait]
pub trait Files: Send + Sync {
    /// What there is under `key`; `None` if there is nothing.
    async fn head(&self, key: &str) -> Result<Option<FileInfo>, PortError>;

    /// `length` bytes from `start` on of the file, which has so many; `None` if its content is not that of `etag` any more.
    async fn read(&self, key: &str, etag: &str, start: u64, length: u64) -> Result<Option<Vec<u8>>, PortError>;

    /// Puts a whole file.
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &'static str) -> Result<(), PortError>;

    /// Begins a file that is put in parts, and is there once it is completed. The id of the upload.
    async fn begin(&self, key: &str, content_type: &'static str) -> Result<String, PortError>;

    /// Puts a part, counted from 1; each but the last has at least 5 MiB. What [`complete`](Files::complete) needs of it.
    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String, PortError>;

    /// Makes the file of its parts.
    async fn complete(&self, key: &str, upload: &str, parts: &[String]) -> Result<(), PortError>;
}

/// Links by which somebody without credentials puts or fetches one file of the bucket.
pub trait Links: Send + Sync {
    /// Where links lead: scheme, host and port.
    fn origin(&self) -> &str;

    /// A link to put the file of `key` with exactly `size` bytes, good for so long.
    fn to_put(&self, key: &str, size: u64, lasts: Duration) -> Result<String, PortError>;

    /// A link to fetch the file of `key`, which a browser keeps as `name`.
    fn to_get(&self, key: &str, name: &str, lasts: Duration) -> Result<String, PortError>;
}

/// The queue that brings the steps.
#[async_trait]
pub trait StepQueue: Send + Sync {
    /// Sends `message`, to arrive after `delay` (15 minutes at most).
    async fn send(&self, message: &DropMessage, delay: Duration) -> Result<(), PortError>;
}

//! Ports that an import needs besides the engine's.

use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::EpochMs;

use crate::DropMessage;

/// Metadata of a file in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Changes with the file's content.
    pub etag: String,
    /// Length in bytes.
    pub size: u64,
    /// When it was uploaded.
    pub modified_at: EpochMs,
}

/// The files of the bucket.
#[async_trait]
pub trait BucketFiles: Send + Sync {
    /// Metadata of the file at `key`, if it exists.
    async fn head(&self, key: &str) -> Result<Option<FileInfo>, PortError>;

    /// Reads `length` bytes from `start`, which must be within the file. `None` if the content no longer matches
    /// `etag`.
    async fn read(&self, key: &str, etag: &str, start: u64, length: u64) -> Result<Option<Vec<u8>>, PortError>;

    /// Puts a whole file.
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &'static str) -> Result<(), PortError>;

    /// Begins a multipart upload and returns its id. The file appears once the upload is completed.
    async fn begin(&self, key: &str, content_type: &'static str) -> Result<String, PortError>;

    /// Uploads part `number`, counted from 1; each but the last has at least 5 MiB. Returns the value that
    /// [`complete`](BucketFiles::complete) needs for it.
    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String, PortError>;

    /// Assembles the file from its parts.
    async fn complete(&self, key: &str, upload: &str, parts: &[String]) -> Result<(), PortError>;
}

/// Presigned links to upload or download one file without credentials.
pub trait Links: Send + Sync {
    /// Origin of the links: scheme, host and port.
    fn origin(&self) -> &str;

    /// A link to upload the file at `key` with exactly `size` bytes, valid for `lasts`.
    fn to_put(&self, key: &str, size: u64, lasts: Duration) -> Result<String, PortError>;

    /// A link to download the file at `key`. A browser saves it as `name`.
    fn to_get(&self, key: &str, name: &str, lasts: Duration) -> Result<String, PortError>;
}

/// The queue of the steps' messages.
#[async_trait]
pub trait StepQueue: Send + Sync {
    /// Sends `message` with a delay of at most 15 minutes.
    async fn send(&self, message: &DropMessage, delay: Duration) -> Result<(), PortError>;
}

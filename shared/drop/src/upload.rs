//! Uploads a file while it is written, with at most one part in memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ghl_sync_engine::ports::PortError;

use crate::ports::BucketFiles;

/// Size of a part in bytes. A shorter file is uploaded in one request.
const PART: usize = 8 << 20;

/// A file being uploaded. It appears in the bucket once finished.
pub(crate) struct Upload {
    key: String,
    content_type: &'static str,
    buffer: Buffer,
    /// The upload's id and its parts so far.
    begun: Option<(String, Vec<String>)>,
}

/// Output that is not uploaded yet.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload {
    pub(crate) fn new(key: String, content_type: &'static str) -> Upload {
        Upload { key, content_type, buffer: Buffer::default(), begun: None }
    }

    /// A writer for the file's content.
    pub(crate) fn writer(&self) -> Buffer {
        self.buffer.clone()
    }

    /// Uploads a part, if one is full.
    pub(crate) async fn flow(&mut self, files: &dyn BucketFiles) -> Result<(), PortError> {
        if self.buffer.len() >= PART { self.put_part(files).await } else { Ok(()) }
    }

    /// Uploads the rest and completes the file.
    pub(crate) async fn finish(mut self, files: &dyn BucketFiles) -> Result<(), PortError> {
        if self.begun.is_none() {
            return files.put(&self.key, self.buffer.take(), self.content_type).await;
        }
        self.put_part(files).await?;
        let Some((upload, parts)) = self.begun else { return Ok(()) };
        files.complete(&self.key, &upload, &parts).await
    }

    async fn put_part(&mut self, files: &dyn BucketFiles) -> Result<(), PortError> {
        let (upload, parts) = match &mut self.begun {
            Some(begun) => begun,
            none => none.insert((files.begin(&self.key, self.content_type).await?, Vec::new())),
        };
        let number = u32::try_from(parts.len() + 1).unwrap_or(u32::MAX);
        parts.push(files.put_part(&self.key, upload, number, self.buffer.take()).await?);
        Ok(())
    }
}

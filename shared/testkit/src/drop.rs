//! A bucket and the importer's queue, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::{TestClock, lock};
use ghl_sync_drop::DropMessage;
use ghl_sync_drop::ports::{BucketFiles, FileInfo, Links, StepQueue};
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_model::EpochMs;

/// Network latency of the bucket.
const WAY: Duration = Duration::from_millis(1);

/// The files of a bucket. Each call awaits.
pub struct MemoryBucket {
    clock: TestClock,
    state: Mutex<Bucket>,
}

#[derive(Default)]
struct Bucket {
    files: BTreeMap<String, StoredFile>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    puts: u64,
}

#[derive(Clone)]
struct StoredFile {
    bytes: Vec<u8>,
    number: u64,
    at: EpochMs,
}

impl fmt::Debug for MemoryBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBucket").finish_non_exhaustive()
    }
}

impl MemoryBucket {
    /// Creates an empty bucket.
    #[must_use]
    pub fn new(clock: TestClock) -> MemoryBucket {
        MemoryBucket { clock, state: Mutex::default() }
    }

    /// Stores a file, as a person who drops one does. Equal bytes have equal ETags.
    pub fn drop_file(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = lock(&self.state);
        let bytes = bytes.into();
        let same = state.files.get(key).filter(|stored| stored.bytes == bytes).map(|stored| stored.number);
        state.puts += 1;
        let number = same.unwrap_or(state.puts);
        let at = self.clock.now();
        state.files.insert(key.to_owned(), StoredFile { bytes, number, at });
    }

    /// Removes a file.
    pub fn remove(&self, key: &str) {
        lock(&self.state).files.remove(key);
    }

    /// The text of a file, if it exists.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        lock(&self.state).files.get(key).map(|stored| String::from_utf8_lossy(&stored.bytes).into_owned())
    }

    fn etag(stored: &StoredFile) -> String {
        format!("\"{}\"", stored.number)
    }

    fn store(&self, key: &str, bytes: Vec<u8>) {
        self.drop_file(key, bytes);
    }
}

/// Links that describe their purpose.
impl Links for MemoryBucket {
    fn origin(&self) -> &'static str {
        "https://bucket.test"
    }

    fn to_put(&self, key: &str, size: u64, lasts: Duration) -> Result<String, PortError> {
        Ok(format!("https://bucket.test/{key}?size={size}&lasts={}", lasts.as_secs()))
    }

    fn to_get(&self, key: &str, name: &str, lasts: Duration) -> Result<String, PortError> {
        Ok(format!("https://bucket.test/{key}?name={name}&lasts={}", lasts.as_secs()))
    }
}

#[async_trait]
impl BucketFiles for MemoryBucket {
    async fn head(&self, key: &str) -> Result<Option<FileInfo>, PortError> {
        tokio::time::sleep(WAY).await;
        Ok(lock(&self.state).files.get(key).map(|stored| FileInfo {
            etag: MemoryBucket::etag(stored),
            size: stored.bytes.len() as u64,
            modified_at: stored.at,
        }))
    }

    async fn read(&self, key: &str, etag: &str, start: u64, length: u64) -> Result<Option<Vec<u8>>, PortError> {
        tokio::time::sleep(WAY).await;
        let state = lock(&self.state);
        let stored = state.files.get(key).filter(|stored| MemoryBucket::etag(stored) == etag);
        Ok(stored.map(|stored| {
            let bytes = stored.bytes.iter().skip(usize::try_from(start).unwrap_or(usize::MAX));
            bytes.take(usize::try_from(length).unwrap_or(usize::MAX)).copied().collect()
        }))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, _: &'static str) -> Result<(), PortError> {
        tokio::time::sleep(WAY).await;
        self.store(key, bytes);
        tokio::time::sleep(WAY).await;
        Ok(())
    }

    async fn begin(&self, key: &str, _: &'static str) -> Result<String, PortError> {
        tokio::time::sleep(WAY).await;
        let mut state = lock(&self.state);
        let id = format!("{key}-{}", state.uploads.len());
        state.uploads.insert(id.clone(), BTreeMap::new());
        Ok(id)
    }

    async fn put_part(&self, _: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String, PortError> {
        tokio::time::sleep(WAY).await;
        lock(&self.state).uploads.entry(upload.to_owned()).or_default().insert(number, bytes);
        Ok(number.to_string())
    }

    async fn complete(&self, key: &str, upload: &str, parts: &[String]) -> Result<(), PortError> {
        tokio::time::sleep(WAY).await;
        let uploaded = lock(&self.state).uploads.remove(upload).unwrap_or_default();
        if uploaded.len() != parts.len() {
            return Err(PortError::new("files.complete", "a part is missing"));
        }
        self.store(key, uploaded.into_values().flatten().collect());
        Ok(())
    }
}

/// The queue of steps, including its receiving side.
pub struct MemorySteps {
    clock: TestClock,
    messages: Mutex<Vec<(EpochMs, String)>>,
}

impl fmt::Debug for MemorySteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySteps").field("messages", &lock(&self.messages)).finish_non_exhaustive()
    }
}

impl MemorySteps {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(clock: TestClock) -> MemorySteps {
        MemorySteps { clock, messages: Mutex::default() }
    }

    /// Adds a message that arrives after `delay`.
    pub fn push(&self, body: impl Into<String>, delay: Duration) {
        lock(&self.messages).push((self.clock.now() + delay, body.into()));
    }

    /// Waits for the next message and takes it; `None` if there is none.
    pub async fn next(&self) -> Option<String> {
        let (at, body) = {
            let mut messages = lock(&self.messages);
            messages.sort();
            (!messages.is_empty()).then(|| messages.remove(0))?
        };
        self.clock.sleep_until(at).await;
        Some(body)
    }
}

#[async_trait]
impl StepQueue for MemorySteps {
    async fn send(&self, message: &DropMessage, delay: Duration) -> Result<(), PortError> {
        tokio::time::sleep(WAY).await;
        self.push(message.to_json(), delay);
        tokio::time::sleep(WAY).await;
        Ok(())
    }
}

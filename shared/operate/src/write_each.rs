//! Changing many records, each by itself.

use futures::StreamExt;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::Record;

use crate::Operator;

/// Records written at once.
const AT_ONCE: usize = 16;

/// What became of records that were to be changed.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// They are changed.
    pub(crate) done: u64,
    /// They had changed in between, and were left as they are.
    pub(crate) skipped: u64,
    /// The store failed, which the log says of each.
    pub(crate) not_written: u64,
}

impl Operator {
    /// Makes all `writes`, some at once. Each tells whether it did, and which record it was about. One that cannot be
    /// written spoils no other.
    pub(crate) async fn write_each(
        &self,
        writes: impl Iterator<Item = impl Future<Output = (Result<bool, PortError>, Record)>>,
    ) -> Written {
        let mut writes = futures::stream::iter(writes).buffer_unordered(AT_ONCE);
        let mut written = Written::default();
        while let Some((done, record)) = writes.next().await {
            match done {
                Ok(true) => written.done += 1,
                Ok(false) => written.skipped += 1,
                Err(error) => {
                    written.not_written += 1;
                    self.engine.port_failed(record.location_id, &error);
                }
            }
        }
        written
    }
}

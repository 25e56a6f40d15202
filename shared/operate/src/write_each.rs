//! Changes many records, one by one.

use futures::StreamExt;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::Record;

use crate::Operator;

/// Records written concurrently.
const AT_ONCE: usize = 16;

/// Results of changing several records.
#[derive(Debug, Default)]
pub(crate) struct WriteCounts {
    /// Records that were changed.
    pub(crate) done: u64,
    /// Records that had changed in between, and were left as they are.
    pub(crate) skipped: u64,
    /// Records that the store failed to write; the log names each.
    pub(crate) not_written: u64,
}

impl Operator {
    /// Makes all `writes`, some concurrently. Each returns whether it changed its record, and that record. A failed
    /// write does not affect the others.
    pub(crate) async fn write_each(
        &self,
        writes: impl Iterator<Item = impl Future<Output = (Result<bool, PortError>, Record)>>,
    ) -> WriteCounts {
        let mut writes = futures::stream::iter(writes).buffer_unordered(AT_ONCE);
        let mut written = WriteCounts::default();
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

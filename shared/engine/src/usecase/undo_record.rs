//! Undoes the import of a record.

use super::operation::Operation;
use super::record_end::RecordEnd;
use super::record_progress::{Ended, RecordProgress, RecordSync};
use super::report::RecordResult;
use ghl_sync_model::{Outcome, PreImage, Record, Undone};

impl RecordSync<'_, '_> {
    /// Reverts what the import of `record` wrote. Without a pre-image, it wrote nothing.
    pub(super) async fn undo(&self, record: &Record) -> RecordEnd {
        let kept = match self.kept_image(record).await {
            Ok(kept) => kept,
            Err(error) => return self.engine.store_failed(record, &error),
        };
        let image = kept.as_ref().and_then(|kept| kept.image.clone());
        let undone = match image {
            Some(image) if !image.is_void => return self.make(record, Operation::undo(record, image), kept).await,
            Some(PreImage { result: Some((version, undone)), .. }) if version == record.version => undone,
            Some(_) | None => Undone::new(self.engine.ports.clock.now(), false, Vec::new()),
        };
        self.engine.write(record, &Outcome::Undone(undone), RecordResult::Succeeded).await
    }

    /// Keeps the record in GHL if another record has the same id. Returns an end if that could not be determined.
    pub(super) async fn keep_if_shared(&self, record: &Record, progress: &mut RecordProgress) -> Option<Ended> {
        let id = progress.operation.ghl_id().filter(|_| progress.operation.is_undo_by_deletion())?;
        match self.engine.other_holders(&record.location_id, &record.key, id).await {
            Ok(others) if others.is_empty() => None,
            Ok(_) => {
                progress.operation.keep_shared();
                None
            }
            Err(error) => Some(self.holder_unknown(record, &error)),
        }
    }
}

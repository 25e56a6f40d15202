//! What GHL showed of a record before an import that can be undone wrote it: kept before the first write.

use super::Engine;
use super::operation::Operation;
use super::record_progress::{Ended, Progress, RecordSync};
use crate::ports::{PortError, Replaced, Versioned};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Call, Cause, Failure, ImportId, LocationId, PreImage, Record, RecordKey, Undo, Undone};

/// The pre-image of a record that is being written.
#[derive(Debug)]
pub(super) struct KeptImage {
    of: (LocationId, RecordKey),
    import: ImportId,
    /// The revision that stands; 0 if there is none.
    rev: u64,
    /// What stands for this import.
    pub(super) image: Option<PreImage>,
    /// It was taken in this batch.
    is_fresh: bool,
}

impl Engine {
    fn pre_images(&self) -> Versioned<PreImage> {
        Versioned::new(self.ports.items.clone())
    }
}

impl RecordSync<'_, '_> {
    /// Finds out whether a pre-image of `record` is to be taken by `operation`. The first one of an import stands: what GHL
    /// shows later is what the import wrote.
    pub(super) async fn with_image(
        &self,
        record: &Record,
        operation: Operation,
    ) -> Result<(Operation, Option<KeptImage>), PortError> {
        if !matches!(record.undo, Some(Undo::Possible { .. })) || record.deletion {
            return Ok((operation, None));
        }
        let Some(mut kept) = self.kept_image(record).await? else { return Ok((operation, None)) };
        kept.image = kept.image.filter(|image| !image.is_void);
        kept.is_fresh = kept.image.is_none();
        let operation = if kept.is_fresh { operation.with_image() } else { operation };
        Ok((operation, Some(kept)))
    }

    /// What is kept of `record` for its import; `None` if that cannot be undone.
    pub(super) async fn kept_image(&self, record: &Record) -> Result<Option<KeptImage>, PortError> {
        let Some((import, since)) = record.import.clone().zip(record.undo_since()) else { return Ok(None) };
        let of = (record.location_id.clone(), record.key.clone());
        let entry = self.engine.pre_images().load(&of).await?;
        let rev = entry.as_ref().map_or(0, |entry| entry.rev);
        let image = entry.map(|entry| entry.value).filter(|image| image.is_of(Some(&import), since));
        Ok(Some(KeptImage { of, import, rev, image, is_fresh: false }))
    }

    /// Keeps what GHL showed, and what is about to be sent, before the write that `call` is.
    pub(super) async fn keep_image(&self, progress: &mut Progress, call: &Call) -> Option<Ended> {
        let Progress { operation, image: Some(kept), .. } = progress else { return None };
        if !call.is_write() || operation.has_written() {
            return None;
        }
        let now = self.engine.ports.clock.now();
        let image = match (&kept.image, operation.shown_before()) {
            (Some(image), None) => image.clone(),
            (Some(image), Some(before)) if image.before.as_ref() == before => image.clone(),
            (_, before) => PreImage::new(kept.import.clone(), now, before.flatten().cloned()),
        };
        let image = image.with_sent(&operation.sent()).unwrap_or(image);
        if kept.image.as_ref() == Some(&image) {
            return None;
        }
        match self.engine.pre_images().replace(&kept.of, kept.rev, &image).await {
            Ok(Replaced::Written { rev }) => {
                (kept.rev, kept.image) = (rev, Some(image));
                None
            }
            // Somebody else sends it, or forgets it: nothing is written on this knowledge.
            Ok(Replaced::Conflict(_)) => Some(Ended::Deferred(WaitReason::Store)),
            Err(error) => {
                self.engine.port_failed(self.location.clone(), &error);
                Some(Ended::Deferred(WaitReason::Store))
            }
        }
    }

    /// Nothing was written, so what was kept is no pre-image: until the next try somebody may change it in GHL.
    pub(super) async fn void_image(&self, progress: &Progress) {
        let Some(kept) = progress.image.as_ref().filter(|kept| kept.is_fresh) else { return };
        let Some(image) = kept.image.as_ref().filter(|_| !progress.operation.has_written()) else { return };
        // If that fails it stands, and is older than it could be.
        if let Err(error) = self.engine.pre_images().replace(&kept.of, kept.rev, &image.voided(None)).await {
            self.engine.port_failed(self.location.clone(), &error);
        }
    }
}

impl RecordSync<'_, '_> {
    /// Writes down what the undo of this version did, before the record says so: done again, it does nothing again, and the
    /// next write under the import looks anew. Returns whether it is written.
    pub(super) async fn close_image(&self, record: &Record, progress: &Progress, undone: &Undone) -> bool {
        let Some(kept) = &progress.image else { return true };
        let Some(image) = &kept.image else { return true };
        let closed = image.voided(Some((record.version, undone.clone())));
        match self.engine.pre_images().replace(&kept.of, kept.rev, &closed).await {
            // Of a conflict: it was forgotten in between.
            Ok(Replaced::Written { .. } | Replaced::Conflict(_)) => true,
            Err(error) => {
                self.engine.port_failed(self.location.clone(), &error);
                false
            }
        }
    }
}

/// Whether a write that failed like this may have been done: anything but a refusal that says why, and a request that was
/// not sent. (A creation that was answered with 422 was seen to be done.)
pub(super) fn may_be_written(call: &Call, failure: &Failure) -> bool {
    let is_refused = match &failure.cause {
        Some(Cause::Duplicate(_) | Cause::Missing | Cause::CompanyRefused | Cause::Credentials) => true,
        Some(Cause::StaleToken | Cause::Unsupported | Cause::Forbidden) => true,
        Some(Cause::OtherLocation | Cause::Gateway | Cause::Unreadable | Cause::TooLong) => false,
        None => matches!(failure.status, Some(400 | 401 | 403 | 404 | 429)),
    };
    call.is_write() && failure.sent && !is_refused
}

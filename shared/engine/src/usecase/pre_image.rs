//! Stores GHL's copy of a record before the first write of an import that can be undone.

use super::Engine;
use super::kept_image::KeptImage;
use super::operation::Operation;
use super::record_progress::{Ended, RecordProgress, RecordSync};
use crate::ports::{PortError, Replaced, Versioned};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Call, Cause, Failure, PreImage, Record, Undo, Undone};

impl Engine {
    fn pre_images(&self) -> Versioned<PreImage> {
        Versioned::new(self.ports.items.clone())
    }
}

impl RecordSync<'_, '_> {
    /// Decides whether `operation` must take a pre-image of `record`. The first image of an import is kept: what GHL
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

    /// The image stored for the import of `record`; `None` if the import cannot be undone.
    pub(super) async fn kept_image(&self, record: &Record) -> Result<Option<KeptImage>, PortError> {
        let Some((import, since)) = record.import.clone().zip(record.undo_since()) else { return Ok(None) };
        let of = (record.location_id.clone(), record.key.clone());
        let entry = self.engine.pre_images().load(&of).await?;
        let rev = entry.as_ref().map_or(0, |entry| entry.rev);
        let image = entry.map(|entry| entry.value).filter(|image| image.is_of(Some(&import), since));
        Ok(Some(KeptImage { of, import, rev, image, is_fresh: false }))
    }

    /// Before the write `call`, stores GHL's copy and what is about to be sent.
    pub(super) async fn keep_image(&self, progress: &mut RecordProgress, call: &Call) -> Option<Ended> {
        let RecordProgress { operation, image: Some(kept), .. } = progress else { return None };
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
            // Somebody else is sending or forgetting the record: do not write based on stale data.
            Ok(Replaced::Conflict(_)) => Some(Ended::Deferred(WaitReason::Store)),
            Err(error) => {
                self.engine.port_failed(self.location.clone(), &error);
                Some(Ended::Deferred(WaitReason::Store))
            }
        }
    }

    /// Voids an image if nothing was written: somebody may change the record in GHL before the next try.
    pub(super) async fn void_image(&self, progress: &RecordProgress) {
        let Some(kept) = progress.image.as_ref().filter(|kept| kept.is_fresh) else { return };
        let Some(image) = kept.image.as_ref().filter(|_| !progress.operation.has_written()) else { return };
        // If that fails, the image stays, and is older than it could be.
        if let Err(error) = self.engine.pre_images().replace(&kept.of, kept.rev, &image.voided(None)).await {
            self.engine.port_failed(self.location.clone(), &error);
        }
    }
}

impl RecordSync<'_, '_> {
    /// Stores the result of undoing this version before the record itself shows it: a repeated undo does nothing, and
    /// the next write under the import takes a new image. Returns whether the result is stored.
    pub(super) async fn close_image(&self, record: &Record, progress: &RecordProgress, undone: &Undone) -> bool {
        let Some(kept) = &progress.image else { return true };
        let Some(image) = &kept.image else { return true };
        let closed = image.voided(Some((record.version, undone.clone())));
        match self.engine.pre_images().replace(&kept.of, kept.rev, &closed).await {
            // A conflict means that the image was deleted in between.
            Ok(Replaced::Written { .. } | Replaced::Conflict(_)) => true,
            Err(error) => {
                self.engine.port_failed(self.location.clone(), &error);
                false
            }
        }
    }
}

/// Whether a write that failed this way may have been done: true unless the request was not sent, or GHL rejected it
/// with a clear reason. (GHL once created a contact despite a 422.)
pub(super) fn may_be_written(call: &Call, failure: &Failure) -> bool {
    let is_refused = match &failure.cause {
        Some(Cause::Duplicate(_) | Cause::Missing | Cause::CompanyRefused | Cause::Credentials) => true,
        Some(Cause::StaleToken | Cause::Unsupported | Cause::Forbidden) => true,
        Some(Cause::OtherLocation | Cause::Gateway | Cause::Unreadable | Cause::TooLong) => false,
        None => matches!(failure.status, Some(400 | 401 | 403 | 404 | 429)),
    };
    call.is_write() && failure.sent && !is_refused
}

//! Facts that an outcome of an older version leaves on the in-memory item.

use super::item::OutboxItem;
use ghl_sync_model::{EpochMs, ErrorCode, GhlId, Outcome, Provenance, Record, Undone};

impl OutboxItem {
    /// Stores the facts that GHL reported for an older version: they hold for the record all the same.
    pub(super) fn learn(&mut self, sent: &Record, outcome: &Outcome, now: EpochMs) {
        match outcome {
            Outcome::Accepted { ghl_id, hash, provenance, not_stored } => {
                if self.accepted.is_none_or(|(version, _)| version < sent.version) {
                    self.learn_id(sent, Some(ghl_id), *provenance);
                    self.accepted = Some((sent.version, *hash));
                    self.accepted_at = Some(now);
                    self.not_stored.clone_from(not_stored);
                }
            }
            Outcome::Failed { ghl_id, provenance, .. } => self.learn_id(sent, ghl_id.as_ref(), *provenance),
            Outcome::Retry { not_before, ghl_id, provenance, .. }
            | Outcome::Wait { not_before, ghl_id, provenance, .. } => {
                self.learn_id(sent, ghl_id.as_ref(), *provenance);
                if matches!(outcome, Outcome::Wait { .. }) && self.is_marked_since(sent) {
                    // Removes the crash mark.
                    self.last_error.clone_from(&sent.last_error);
                    self.earlier_errors.clone_from(&sent.earlier_errors);
                }
                if not_before.is_some() {
                    self.not_before = *not_before;
                    self.due_at = *not_before;
                }
                if matches!(outcome, Outcome::Wait { is_gone: true, .. }) {
                    self.learn_gone(sent);
                }
            }
            Outcome::Deleted | Outcome::Undone(Undone { deleted: true, .. }) => self.learn_gone(sent),
            Outcome::Await { .. } | Outcome::WouldSend { .. } | Outcome::Undone(_) => {}
        }
    }

    /// GHL has nothing any more under the id that `sent` had.
    pub(super) fn learn_gone(&mut self, sent: &Record) {
        if sent.ghl_id.is_some() && self.ghl_id == sent.ghl_id {
            (self.ghl_id, self.provenance) = (None, Provenance::Unknown);
        }
    }

    /// Whether a version that was put since has a crash mark.
    fn is_marked_since(&self, sent: &Record) -> bool {
        let is_ours = self.last_error.as_ref().is_some_and(|error| error.code == ErrorCode::Internal);
        is_ours && self.last_error != sent.last_error && self.version != sent.version && self.failed_at.is_none()
    }

    pub(super) fn learn_id(&mut self, sent: &Record, ghl_id: Option<&GhlId>, provenance: Provenance) {
        if let Some(id) = ghl_id {
            self.provenance = sent.provenance_of(id, provenance);
            self.ghl_id = Some(id.clone());
            self.former.clear();
        }
    }
}

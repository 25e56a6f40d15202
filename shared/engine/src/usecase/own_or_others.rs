//! Whose a thing is that GHL shows: this record's, or another one's, which is left alone.

use super::Event;
use super::record_progress::{After, Ended, Progress, RecordSync};
use crate::policy::Class;
use crate::ports::PortError;
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Answer, EpochMs, ErrorCode, GhlId, LastError, Outcome, Provenance, Record, RecordKey};

impl RecordSync<'_, '_> {
    /// Takes an answer. What a search found is this record's only if no other one holds it.
    pub(super) async fn taken(
        &self,
        record: &Record,
        progress: &mut Progress,
        answer: Answer,
    ) -> Result<(), PortError> {
        let operation = &mut progress.operation;
        match answer {
            Answer::Opportunities(_) => {
                operation.read(&answer);
                let mut own = None;
                for id in operation.candidates() {
                    if self.other_holder(record, &id).await?.is_none() {
                        own = Some(id);
                        break;
                    }
                }
                operation.settle_on(own);
            }
            Answer::Contact(Some(found))
                if !operation.is_looking() && self.other_holder(record, &found.id).await?.is_some() =>
            {
                operation.advance(Answer::Contact(None));
            }
            answer => operation.advance(answer),
        }
        if let Some(id) = operation.ghl_id().filter(|id| record.ghl_id.as_ref() != Some(*id)) {
            progress.shares_with.extend(self.holders.note(&record.key, id).await);
        }
        Ok(())
    }

    /// Tells if GHL took an accepted record for what other records have already.
    pub(super) async fn tell_shares(&self, record: &Record, progress: &Progress, id: &GhlId) {
        let mut with = progress.shares_with.clone();
        // What was just created, or was known before, cannot be another's all of a sudden.
        let is_new_to_us = record.accepted_version.is_none() || record.ghl_id.as_ref() != Some(id);
        if is_new_to_us && progress.operation.provenance() != Provenance::Created {
            match self.engine.other_holders(&record.location_id, &record.key, id).await {
                Ok(others) => with.extend(others),
                Err(error) => self.engine.port_failed(record.location_id.clone(), &error),
            }
        }
        with.sort();
        with.dedup();
        if !with.is_empty() {
            let (location, record) = (self.location, &record.key);
            let event = Event::SharesGhlId { location, batch: self.batch, record, ghl_id: id, with: &with };
            self.engine.ports.sink.emit(&event);
        }
    }

    async fn other_holder(&self, record: &Record, id: &GhlId) -> Result<Option<RecordKey>, PortError> {
        self.holders.other_holder(self.engine, record, id).await
    }

    /// Nothing is taken that may be another record's: it is tried again.
    pub(super) fn holder_unknown(&self, record: &Record, error: &PortError) -> Ended {
        self.engine.port_failed(record.location_id.clone(), error);
        Ended::Deferred(WaitReason::Store)
    }

    /// GHL has an opportunity of this contact in this pipeline, and allows no second one. It is this record's only if a
    /// search shows it under this name, and no other record holds it.
    pub(super) async fn deal_exists(
        &self,
        record: &Record,
        progress: &mut Progress,
        id: &GhlId,
        now: EpochMs,
    ) -> After {
        if progress.operation.divert(&Class::Duplicate(id.clone())) {
            return After::GoOn;
        }
        let ended = match self.other_holder(record, id).await {
            Err(error) => self.holder_unknown(record, &error),
            Ok(Some(holder)) => {
                let message =
                    format!("GHL allows no second opportunity here: the one that exists ({id}) is that of {holder}");
                progress.error = progress.error.take().map(|error| LastError { message, ..error });
                Ended::Outcome(self.failed(progress, now))
            }
            Ok(None) if progress.operation.has_ruled_out(id) => Ended::Outcome(self.failed(progress, now)),
            // The search lags: until it shows the name, nobody knows whose it is.
            Ok(None) => Ended::Outcome(self.shown_later(record, progress, now)),
        };
        After::End(ended)
    }

    /// It comes back when GHL's search must show what exists.
    fn shown_later(&self, record: &Record, progress: &Progress, now: EpochMs) -> Outcome {
        let shown_at = now + self.engine.config.search_lag;
        match self.exhausted(record, progress, now) {
            Outcome::Retry { due_at, error, not_before, ghl_id, provenance } => {
                Outcome::Retry { due_at: due_at.max(shown_at), error, not_before, ghl_id, provenance }
            }
            outcome => outcome,
        }
    }

    /// There are more opportunities than are looked through: creating it might make a second one.
    pub(super) fn lost_among_others(&self, progress: &mut Progress) -> Outcome {
        let now = self.engine.ports.clock.now();
        let message = "too many opportunities to search through; put the record with its GHL id".to_owned();
        progress.error = Some(LastError { code: ErrorCode::Rejected, status: None, message, at: now });
        self.failed(progress, now)
    }
}

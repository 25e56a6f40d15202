//! Decides whether an object that GHL shows belongs to this record or to another one, which is left alone.

use super::Event;
use super::record_progress::{AfterCall, Ended, RecordProgress, RecordSync};
use crate::policy::Class;
use crate::ports::PortError;
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Answer, EpochMs, ErrorCode, GhlId, LastError, Outcome, Provenance, Record, RecordKey};

impl RecordSync<'_, '_> {
    /// Processes an answer. A search result belongs to this record only if no other record holds it.
    pub(super) async fn taken(
        &self,
        record: &Record,
        progress: &mut RecordProgress,
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

    /// Reports if GHL matched an accepted record to an object that other records already have.
    pub(super) async fn tell_shares(&self, record: &Record, progress: &RecordProgress, id: &GhlId) {
        let mut with = progress.shares_with.clone();
        // An object that was just created, or known before, cannot suddenly be another record's.
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

    /// Defers the record: nothing is taken that may be another record's.
    pub(super) fn holder_unknown(&self, record: &Record, error: &PortError) -> Ended {
        self.engine.port_failed(record.location_id.clone(), error);
        Ended::Deferred(WaitReason::Store)
    }

    /// GHL already has an opportunity of this contact in this pipeline and allows no second one. It belongs to this
    /// record only if a search shows it under this name and no other record holds it.
    pub(super) async fn opportunity_exists(
        &self,
        record: &Record,
        progress: &mut RecordProgress,
        id: &GhlId,
        now: EpochMs,
    ) -> AfterCall {
        if progress.operation.divert(&Class::Duplicate(id.clone())) {
            return AfterCall::GoOn;
        }
        let ended = match self.other_holder(record, id).await {
            Err(error) => self.holder_unknown(record, &error),
            Ok(Some(holder)) => {
                let message =
                    format!("GHL allows no second opportunity here: the existing one ({id}) belongs to {holder}");
                progress.error = progress.error.take().map(|error| LastError { message, ..error });
                Ended::Outcome(self.failed(progress, now))
            }
            Ok(None) if progress.operation.has_ruled_out(id) => Ended::Outcome(self.failed(progress, now)),
            // The search lags: until it shows the name, nobody knows whose opportunity it is.
            Ok(None) => Ended::Outcome(self.shown_later(record, progress, now)),
        };
        AfterCall::End(ended)
    }

    /// Retries when GHL's search must have caught up.
    fn shown_later(&self, record: &Record, progress: &RecordProgress, now: EpochMs) -> Outcome {
        let shown_at = now + self.engine.config.search_lag;
        match self.exhausted(record, progress, now) {
            Outcome::Retry { due_at, error, not_before, ghl_id, provenance } => {
                Outcome::Retry { due_at: due_at.max(shown_at), error, not_before, ghl_id, provenance }
            }
            outcome => outcome,
        }
    }

    /// Fails the record: there are more opportunities than we search, and creating it might make a duplicate.
    pub(super) fn lost_among_others(&self, progress: &mut RecordProgress) -> Outcome {
        let now = self.engine.ports.clock.now();
        let message = "too many opportunities to search through; put the record with its GHL id".to_owned();
        progress.error = Some(LastError { code: ErrorCode::Rejected, status: None, message, at: now });
        self.failed(progress, now)
    }
}

//! Syncs one record: its calls, its retries, and its outcome.

use std::time::Duration;

use super::kept_image::KeptImage;
use super::operation::{Former, Operation, Presence};
use super::permits::{PermitRequest, Retry};
use super::pre_image::may_be_written;
use super::record_end::RecordEnd;
use super::record_progress::{AfterCall, DryRun, Ended, RecordProgress, RecordSync};
use super::report::RecordResult;
use crate::policy::{Class, needs_known_consent, payload_to_send};
use crate::ports::{PortError, RemoteKey};
use ghl_sync_limiter::{PauseReason, WaitReason, WaitUntil};
use ghl_sync_model::{
    Api, Call, EpochMs, ErrorCode, Failure, GhlId, Kind, LastError, Marker, Outcome, Payload, Provenance, Record,
    RemoteContent,
};

impl RecordSync<'_, '_> {
    /// Sends `record`. `contact_id` is the contact of an opportunity, and `former` tells how GHL may have created the
    /// record before it was put with other content.
    pub(super) async fn run(&self, record: &Record, contact_id: Option<GhlId>, former: Former) -> RecordEnd {
        if record.is_undoing() && !record.deletion {
            return self.undo(record).await;
        }
        if record.deletion && record.ghl_id.is_none() {
            // GHL no longer has it: somebody else's call deleted it after this deletion was requested.
            return self.engine.write(record, &Outcome::Deleted, RecordResult::Succeeded).await;
        }
        let payload = match self.payload_to_send(record).await {
            Ok(payload) => payload,
            Err(error) => return self.engine.store_failed(record, &error),
        };
        let ghl_id = record.ghl_id.clone();
        let marker = Marker::of(&record.location_id, &record.key);
        let presence = self.presence(record).await;
        let company_apart = self.permits.updates_refuse_company().await;
        let operation = match ghl_id {
            Some(ghl_id) if record.deletion => {
                let is_unsure = self.api == Api::V2 && may_be_elsewhere(record);
                Operation::deletion(payload, ghl_id, marker, is_unsure)
            }
            ghl_id => {
                Operation::new(payload, ghl_id, contact_id, marker, presence, former).with_company_apart(company_apart)
            }
        };
        match self.with_image(record, operation).await {
            Ok((operation, image)) => self.make(record, operation, image).await,
            Err(error) => self.engine.store_failed(record, &error),
        }
    }

    /// Makes the calls of `operation` and stores the outcome.
    pub(super) async fn make(&self, record: &Record, operation: Operation, image: Option<KeptImage>) -> RecordEnd {
        let mut progress = RecordProgress {
            operation,
            image,
            retries: 0,
            throttled: 0,
            changed_token: false,
            created: false,
            called: false,
            had_id: record.ghl_id.is_some() && !record.is_undoing() && !record.deletion,
            shares_with: Vec::new(),
            not_before: record.not_before,
            error: None,
        };
        let ended = match self.dry_run {
            Some(whose) => self.dry_run(&progress.operation, whose).await,
            None => {
                let _alone = match record.ghl_id {
                    None => self.holders.enter(progress.operation.places()).await,
                    Some(_) => Vec::new(),
                };
                let ended = self.calls(record, &mut progress).await;
                self.void_image(&progress).await;
                ended
            }
        };
        self.end(record, progress, ended).await
    }

    /// The payload as it is sent: its consent never revokes an opt-out.
    async fn payload_to_send(&self, record: &Record) -> Result<Payload, PortError> {
        let ghl_id = record.ghl_id.as_ref().filter(|_| needs_known_consent(record));
        let Some(ghl_id) = ghl_id else { return Ok(payload_to_send(record, None)) };
        let key = RemoteKey { location: self.location, kind: record.key.kind, ghl_id };
        let known = self.engine.ports.known.load(key).await?;
        let content = known.as_ref().and_then(|known| known.content.as_ref());
        Ok(match content {
            Some(RemoteContent::Contact(contact)) => payload_to_send(record, Some(contact)),
            _ => payload_to_send(record, None),
        })
    }

    /// Whether an earlier call may have created the record without the result being stored. Only if not, we trust the
    /// producer's word that it is new.
    async fn presence(&self, record: &Record) -> Presence {
        let is_untried =
            record.version <= 1 && record.attempts == 0 && record.last_error.is_none() && record.not_before.is_none();
        // No invocation died and no outcome was lost since the record was put.
        let in_doubt_until = self.permits.in_doubt_until().await;
        let in_doubt = in_doubt_until.is_some_and(|doubt| record.put_at.is_none_or(|put_at| put_at <= doubt));
        match is_untried && !in_doubt {
            true if record.is_new => Presence::New,
            true => Presence::Untried,
            false => Presence::InDoubt,
        }
    }

    /// The calls that would be made if GHL had no data of the record, as text.
    async fn dry_run(&self, operation: &Operation, whose: DryRun) -> Ended {
        let mut operation = operation.clone();
        let mut requests = Vec::new();
        while let Some(call) = operation.next() {
            requests.push(self.engine.ports.crm.preview(self.location, &call).await);
            operation.pretend();
        }
        let stays_due = whose == DryRun::OfBatch;
        Ended::Outcome(Outcome::WouldSend { request: requests.join("\n"), stays_due })
    }

    async fn calls(&self, record: &Record, progress: &mut RecordProgress) -> Ended {
        if let Some(ended) = self.kept_by_others(record, progress).await {
            return ended;
        }
        loop {
            if let Some(ended) = self.keep_if_shared(record, progress).await {
                return ended;
            }
            let Some(call) = progress.operation.next() else { break };
            if progress.operation.is_lost_among_others() {
                return Ended::Outcome(self.lost_among_others(progress));
            }
            if matches!(call, Call::FindMarked(_)) && self.api == Api::V1 {
                return Ended::Outcome(self.left_to_a_person(progress));
            }
            if let Some(in_doubt_until) = self.in_doubt(&call, record.is_undoing()).await {
                return Ended::Outcome(self.wait(progress, in_doubt_until));
            }
            if let Some(ended) = self.keep_image(progress, &call).await {
                return ended;
            }
            let request = PermitRequest {
                record: Some(&record.key),
                priority: record.priority,
                attempt: progress.attempt(),
                starts: !progress.called,
                patience: self.patience(progress),
            };
            if let Err(stop) = self.permits.acquire(request).await {
                return self.stopped(progress, stop);
            }
            progress.called = true;
            match self.call(record, progress, &call, request).await {
                AfterCall::Retry(wait) => {
                    let retry = Retry { endpoint: call.endpoint(), attempt: progress.attempt(), wait };
                    self.permits.note_retry(&retry, Some(&record.key));
                    let request = PermitRequest { attempt: progress.attempt(), starts: false, ..request };
                    if !self.permits.sleep_until(wait, request).await {
                        return self.stopped(progress, wait);
                    }
                }
                AfterCall::GoOn => {}
                AfterCall::End(ended) => return ended,
            }
        }
        self.left_behind(record, progress).await.unwrap_or(Ended::Accepted)
    }

    /// Fails a deletion while GHL may have the contact under another id. The error says so, and a replay deletes that
    /// one.
    async fn left_behind(&self, record: &Record, progress: &mut RecordProgress) -> Option<Ended> {
        let id = progress.operation.left_behind()?.clone();
        match self.engine.other_holders(&record.location_id, &record.key, &id).await {
            Ok(others) if others.is_empty() => {
                let now = self.engine.ports.clock.now();
                let message = format!(
                    "what was put last may have been created as {id}, which has the same e-mail address or phone number: \
                     replay the deletion to delete that one"
                );
                progress.error = Some(LastError { code: ErrorCode::Ambiguous, status: None, message, at: now });
                Some(Ended::Outcome(self.failed(progress, now)))
            }
            Ok(_) => None,
            Err(error) => Some(self.holder_unknown(record, &error)),
        }
    }

    /// Fails a deletion if another record has the same GHL id.
    async fn kept_by_others(&self, record: &Record, progress: &mut RecordProgress) -> Option<Ended> {
        let id = progress.operation.ghl_id().filter(|_| progress.operation.is_deletion())?;
        match self.engine.other_holders(&record.location_id, &record.key, id).await {
            Ok(others) => {
                let other = others.first()?;
                let now = self.engine.ports.clock.now();
                let message = format!("it is not deleted: GHL has {other} under the same id");
                progress.error = Some(LastError { code: ErrorCode::Rejected, status: None, message, at: now });
                Some(Ended::Outcome(self.failed(progress, now)))
            }
            Err(error) => Some(self.holder_unknown(record, &error)),
        }
    }

    /// When a create may be repeated: not while GHL's search may hide what a crashed run created.
    async fn in_doubt(&self, call: &Call, is_undo: bool) -> Option<EpochMs> {
        // Nor is it certain before then that nothing was created.
        let is_sure = call.is_repeatable() && !matches!(call, Call::FindMarked(_));
        if is_sure && !(is_undo && matches!(call, Call::FindOpportunities(_))) {
            return None;
        }
        let now = self.engine.ports.clock.now();
        self.permits.in_doubt_until().await.filter(|time| *time > now)
    }

    /// The longest wait for a permit: a moment for a new record, as long as a backoff for one that has begun. (The next
    /// batch would start over with its first call and, where permits are rare, get no further.)
    fn patience(&self, progress: &RecordProgress) -> Duration {
        let config = &self.engine.config;
        if progress.called { config.backoff.max } else { config.patience }
    }

    /// Makes one call and evaluates the result.
    async fn call(
        &self,
        record: &Record,
        progress: &mut RecordProgress,
        call: &Call,
        request: PermitRequest<'_>,
    ) -> AfterCall {
        progress.created |= !call.is_repeatable() || matches!(call, Call::FindMarked(_)) || hides(record, call);
        let called = self.permits.call(call, operation_hash(record), request).await;
        if called.answer.as_ref().map_or_else(|(failure, _)| may_be_written(call, failure), |_| call.is_write()) {
            progress.operation.note_written();
        }
        match called.answer {
            Ok(answer) => match self.taken(record, progress, answer).await {
                Ok(()) => AfterCall::GoOn,
                Err(error) => AfterCall::End(self.holder_unknown(record, &error)),
            },
            Err((failure, class)) => {
                let class = doubted(record, call, &failure, class);
                progress.error = Some(last_error(&class, failure, called.at));
                if let (Class::Duplicate(id), true) = (&class, record.key.kind == Kind::Opportunity) {
                    return self.opportunity_exists(record, progress, id, called.at).await;
                }
                self.after_failure(record, progress, call, class, called.pause, called.at, called.backoff)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one failure, used once")]
    fn after_failure(
        &self,
        record: &Record,
        progress: &mut RecordProgress,
        call: &Call,
        class: Class,
        pause: Option<EpochMs>,
        now: EpochMs,
        backoff: Duration,
    ) -> AfterCall {
        match class {
            Class::Throttled => {
                let wait = WaitUntil { at: pause.unwrap_or(now), reason: WaitReason::Pause(PauseReason::Throttled) };
                progress.throttled += 1;
                self.retry(progress, progress.throttled, wait, now)
            }
            Class::StaleToken if !progress.changed_token => {
                progress.changed_token = true;
                AfterCall::GoOn
            }
            Class::Credentials | Class::StaleToken => {
                let wait = WaitUntil { at: now, reason: WaitReason::Pause(PauseReason::Credentials) };
                AfterCall::End(self.stopped(progress, wait))
            }
            Class::OtherLocation => {
                let wait = WaitUntil { at: now, reason: WaitReason::Pause(PauseReason::OtherLocation) };
                AfterCall::End(self.stopped(progress, wait))
            }
            Class::Transient { may_arrive } => {
                if may_arrive {
                    progress.not_before = Some(now + self.engine.config.late_arrival);
                }
                progress.retries += 1;
                if progress.retries > self.engine.config.backoff.max_retries {
                    return AfterCall::End(Ended::Outcome(self.exhausted(record, progress, now)));
                }
                let at = progress.not_before.max(pause).map_or(now + backoff, |time| time.max(now + backoff));
                self.retry(progress, progress.retries, WaitUntil { at, reason: WaitReason::Backoff }, now)
            }
            Class::Ambiguous => AfterCall::End(Ended::Outcome(self.ambiguous(record, call, progress, now))),
            Class::Duplicate(_) | Class::Gone | Class::CompanyRefused if progress.operation.divert(&class) => {
                AfterCall::GoOn
            }
            Class::Permanent if progress.operation.goes_on_without_ids() => AfterCall::GoOn,
            Class::Duplicate(_) | Class::Gone | Class::CompanyRefused | Class::Permanent => {
                AfterCall::End(Ended::Outcome(self.failed(progress, now)))
            }
        }
    }

    /// Tries again after `wait` if `retry` is within the allowed number and the wait fits into the batch.
    fn retry(&self, progress: &RecordProgress, retry: u32, wait: WaitUntil, now: EpochMs) -> AfterCall {
        let config = &self.engine.config;
        let fits = now.until(wait.at) <= config.backoff.max.max(config.late_arrival)
            && wait.at + config.request_timeout <= self.deadline;
        if retry <= config.backoff.max_retries && fits {
            return AfterCall::Retry(wait);
        }
        AfterCall::End(self.stopped(progress, wait))
    }

    /// Ends the record's part in this batch. Stores only what the next try must know.
    fn stopped(&self, progress: &RecordProgress, stop: WaitUntil) -> Ended {
        let now = self.engine.ports.clock.now();
        let open_call = progress.not_before.filter(|time| *time > now);
        let own_backoff = Some(stop.at).filter(|_| stop.reason == WaitReason::Backoff);
        // Otherwise the next batch would find it out again and, where permits are rare, get no further.
        let learned_id = progress.called && (progress.operation.ghl_id().is_some() || progress.has_lost_id());
        match open_call.max(own_backoff) {
            Some(due_at) => Ended::Outcome(self.wait(progress, due_at)),
            None if learned_id => Ended::Outcome(self.wait(progress, now)),
            None => Ended::Deferred(stop.reason),
        }
    }

    pub(super) fn wait(&self, progress: &RecordProgress, due_at: EpochMs) -> Outcome {
        let now = self.engine.ports.clock.now();
        Outcome::Wait {
            due_at,
            waits_for: None,
            not_before: progress.not_before.filter(|time| *time > now),
            ghl_id: progress.operation.ghl_id().cloned(),
            provenance: progress.operation.provenance(),
            is_gone: progress.has_lost_id(),
        }
    }

    /// All retries of this batch failed: the record rests, longer each time, until it is given up.
    pub(super) fn exhausted(&self, record: &Record, progress: &RecordProgress, now: EpochMs) -> Outcome {
        let config = &self.engine.config;
        let rounds = record.attempts.saturating_add(1);
        if rounds >= config.max_rounds {
            return self.failed(progress, now);
        }
        let rested = now + config.backoff.rest(rounds, self.engine.ports.randomness.roll());
        Outcome::Retry {
            due_at: progress.not_before.map_or(rested, |time| time.max(rested)),
            error: self.error(progress, now),
            not_before: progress.not_before.filter(|time| *time > now),
            ghl_id: progress.operation.ghl_id().cloned(),
            provenance: progress.operation.provenance(),
        }
    }

    /// Nobody knows whether GHL created the record. A later batch searches for it, once a late request must have
    /// arrived and GHL's search must show it: an opportunity by contact and name, a contact without e-mail and phone by
    /// our marker. API v1 cannot search by marker, so there it is left to a person.
    fn ambiguous(&self, record: &Record, call: &Call, progress: &RecordProgress, now: EpochMs) -> Outcome {
        let config = &self.engine.config;
        let is_lost = matches!(call, Call::CreateContact(_)) && self.api == Api::V1;
        if is_lost || record.attempts.saturating_add(1) >= config.max_rounds {
            return self.failed(progress, now);
        }
        let visible_by = now + config.late_arrival + config.search_lag;
        let error = self.error(progress, now);
        Outcome::Retry {
            due_at: visible_by,
            error,
            not_before: Some(visible_by),
            ghl_id: None,
            provenance: Provenance::Unknown,
        }
    }

    /// Fails the record: it may have been created, and cannot be searched for.
    fn left_to_a_person(&self, progress: &mut RecordProgress) -> Outcome {
        let now = self.engine.ports.clock.now();
        let message = "GHL may have created it, and API v1 cannot search for it".to_owned();
        progress.error = Some(LastError { code: ErrorCode::Ambiguous, status: None, message, at: now });
        self.failed(progress, now)
    }

    pub(super) fn failed(&self, progress: &RecordProgress, now: EpochMs) -> Outcome {
        let (ghl_id, provenance) = (progress.operation.ghl_id().cloned(), progress.operation.provenance());
        Outcome::Failed { error: self.error(progress, now), ghl_id, provenance }
    }

    fn error(&self, progress: &RecordProgress, now: EpochMs) -> LastError {
        progress.error.clone().unwrap_or_else(|| LastError {
            code: ErrorCode::Internal,
            status: None,
            message: "no call was made".to_owned(),
            at: now,
        })
    }
}

/// Doubts a 422 that answers a create: GHL once created the contact all the same (2025-07). A contact with an e-mail
/// address or a phone number is found by its next put; one without is searched for once before we believe the answer.
fn doubted(record: &Record, call: &Call, failure: &Failure, class: Class) -> Class {
    let is_doubtful = failure.status == Some(422) && matches!(call, Call::CreateContact(_)) && record.attempts == 0;
    if is_doubtful && class == Class::Permanent { Class::Ambiguous } else { class }
}

fn last_error(class: &Class, failure: Failure, at: EpochMs) -> LastError {
    let code = match class {
        Class::Throttled => ErrorCode::RateLimited,
        Class::Transient { .. } => ErrorCode::MaxRetriesExceeded,
        Class::Ambiguous => ErrorCode::Ambiguous,
        Class::Credentials | Class::OtherLocation | Class::StaleToken => ErrorCode::Unauthorized,
        Class::Duplicate(_) | Class::Gone | Class::CompanyRefused | Class::Permanent => ErrorCode::Rejected,
    };
    LastError { code, status: failure.status, message: failure.message, at }
}

/// Whether GHL's search may hide the record for a while with no other source of its id: an update hides it as a create
/// does.
fn hides(record: &Record, call: &Call) -> bool {
    record.ghl_id.is_none() && matches!(call, Call::UpdateContact { .. } | Call::UpdateOpportunity { .. })
}

/// Hash of the record's key, the same in every invocation.
fn operation_hash(record: &Record) -> u32 {
    let key = record.key.to_string();
    super::fnv1a(record.location_id.as_str().bytes().chain(key.bytes()))
}

/// Whether GHL may have a record that is to be deleted under another id than the known one: the last put content was
/// not accepted, and it may have been sent. That call may have recreated a contact that was gone.
fn may_be_elsewhere(record: &Record) -> bool {
    let is_known = record.accepted_version.is_some_and(|accepted| accepted + 1 >= record.version);
    let is_doubtful =
        |error: &LastError| !matches!(error.code, ErrorCode::Rejected | ErrorCode::Unauthorized | ErrorCode::Cancelled);
    !is_known && record.last_error.as_ref().is_none_or(is_doubtful)
}

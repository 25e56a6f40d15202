//! Read calls that belong to no record, under the same gate as all other calls.

use std::collections::VecDeque;

use super::gate_session::{GateSession, Verdict};
use super::host_health::HostHealthSession;
use super::permits::{PermitRequest, Permits, Retry};
use super::sync_batch::TIME_TO_FINISH;
use super::{Engine, Event, Invocation};
use crate::policy::Class;
use crate::ports::PortError;
use ghl_sync_limiter::{HostAdmission, PauseReason, Run, WaitReason, WaitUntil};
use ghl_sync_model::{Answer, Call, Cause, EpochMs, Failure, Kind, LocationId, PageCursor, Priority, UnreadRecord};

/// The breaker counts all direct calls of a location as one operation.
const DIRECT: u32 = 0;

/// Why a direct call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The location is unknown or not enabled.
    #[error("location {0} is unknown or not enabled")]
    NotEnabled(LocationId),
    /// The call would have to wait longer than it may.
    #[error("no call can be made before {} ({})", .0.at, .0.reason.as_str())]
    Wait(WaitUntil),
    /// GHL rejected the call, or it failed in every try.
    #[error("GHL refused the call, or failed to answer it")]
    Failed(#[source] Failure),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl DirectError {
    /// Whether GHL's answer exceeded our size limit.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        matches!(self, DirectError::Failed(Failure { cause: Some(Cause::TooLong), .. }))
    }

    /// Whether GHL reports that the object named by the call does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, DirectError::Failed(Failure { cause: Some(Cause::Missing), .. }))
    }
}

/// Calls of one invocation to one location, one after the other, alongside any batch that is running there.
/// [`close`](DirectCalls::close) gives back the unused permits.
pub struct DirectCalls<'e> {
    engine: &'e Engine,
    location: &'e LocationId,
    run: Run,
    priority: Priority,
    permits: Permits<'e>,
    /// When every call must have ended, with time left to give the permits back.
    deadline: EpochMs,
}

impl Engine {
    /// Starts direct calls of `location` at this `priority`. The engine should be a [`tallied`](Engine::tallied) one.
    pub async fn direct_calls<'e>(
        &'e self,
        location: &'e LocationId,
        priority: Priority,
        invocation: &Invocation,
    ) -> Result<DirectCalls<'e>, DirectError> {
        let settings = self.ports.registry.location(location).await?;
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            return Err(DirectError::NotEnabled(location.clone()));
        };
        let run = Run { holder: invocation.holder.clone(), until: invocation.deadline + self.config.late_arrival };
        let host_health = HostHealthSession::open(self, settings.api, settings.scope.clone()).await;
        let now = self.ports.clock.now();
        let percent = match host_health.admit(now) {
            HostAdmission::Calls { percent } => percent,
            // Only batches send the probe.
            HostAdmission::Probe => {
                return Err(DirectError::Wait(WaitUntil { at: now, reason: WaitReason::Breaker }));
            }
            HostAdmission::WaitUntil(at) => {
                return Err(DirectError::Wait(WaitUntil { at, reason: WaitReason::Breaker }));
            }
        };
        let mut session = GateSession::open(self, settings.scope.clone(), self.config.rules(&settings)).await?;
        session.slow_down(percent);
        // Read after the gate: disabling a location changes its settings first and stops the gate afterwards.
        if !self.ports.registry.location_now(location).await?.is_some_and(|settings| settings.enabled) {
            return Err(DirectError::NotEnabled(location.clone()));
        }
        let sessions = (session, host_health);
        let deadline = invocation.deadline - TIME_TO_FINISH;
        let permits = Permits::new(self, location, None, run.clone(), deadline, sessions, VecDeque::new());
        Ok(DirectCalls { engine: self, location, run, priority, permits, deadline })
    }
}

/// What a page says about the list that it belongs to.
struct PageInfo<'a> {
    kind: Kind,
    records: usize,
    unread: &'a [UnreadRecord],
    next: Option<&'a PageCursor>,
    total: Option<u64>,
}

impl PageInfo<'_> {
    fn by(answer: &Answer) -> Option<PageInfo<'_>> {
        let (kind, readable, unread, next, total) = match answer {
            Answer::Contacts(page) => (Kind::Contact, page.contacts.len(), &page.unread, &page.next, page.total),
            Answer::OpportunityPage(page) => {
                (Kind::Opportunity, page.opportunities.len(), &page.unread, &page.next, page.total)
            }
            _ => return None,
        };
        Some(PageInfo { kind, records: readable + unread.len(), unread, next: next.as_ref(), total })
    }
}

/// Whether the page in `answer` leads on to the rest of its list, if there is any. It does not if the next page begins
/// where this one did, or if the first page is full and names no next one although there are more records.
fn goes_on(call: &Call, answer: &Answer) -> bool {
    let (Some((cursor, limit)), Some(info)) = (call.as_page(), PageInfo::by(answer)) else { return true };
    let records = info.records as u64;
    let is_cut = info.next.is_none() && records >= u64::from(limit) && info.total.is_some_and(|total| total > records);
    let is_stuck = info.next.is_some() && info.next == cursor;
    !(is_stuck || cursor.is_none() && is_cut)
}

fn no_rest() -> Failure {
    let message = "GHL shows only a part of the list, and no way to the rest".to_owned();
    Failure { status: Some(200), sent: true, cause: Some(Cause::Unreadable), message }
}

impl DirectCalls<'_> {
    /// Reads a page of at most `limit` records. If the page exceeds our size limit, asks again with half as many
    /// records, down to one; `limit` is then the page size that fits, for the pages that follow. A record that is too
    /// long by itself is named on a page of its own, counted, and skipped.
    ///
    /// # Errors
    /// Also if GHL shows a list whose rest cannot be reached, since the caller could not tell that the list is
    /// incomplete.
    pub async fn page(&self, limit: &mut u32, call: impl Fn(u32) -> Call) -> Result<Answer, DirectError> {
        loop {
            let asked = call(*limit);
            let answer = match self.call(&asked).await {
                Err(error) if error.is_too_long() && *limit > 1 => {
                    *limit /= 2;
                    continue;
                }
                answered => answered?,
            };
            if let Some(info) = PageInfo::by(&answer) {
                self.note_passed_over(info.kind, info.unread);
            }
            return if goes_on(&asked, &answer) { Ok(answer) } else { Err(DirectError::Failed(no_rest())) };
        }
    }

    /// Reports records that cannot be read.
    pub(super) fn note_passed_over(&self, kind: Kind, unread: &[UnreadRecord]) {
        for UnreadRecord { id, why, .. } in unread {
            let event = Event::PassedOver { location: self.location, kind, ghl_id: id.as_ref(), why: *why };
            self.engine.ports.sink.emit(&event);
        }
    }

    pub(super) fn now(&self) -> EpochMs {
        self.engine.ports.clock.now()
    }

    /// Makes `call`. Retries while the waits are short and leave time before the deadline.
    pub async fn call(&self, call: &Call) -> Result<Answer, DirectError> {
        let backoff = &self.engine.config.backoff;
        let mut attempt = 0;
        loop {
            let request =
                PermitRequest { record: None, priority: self.priority, attempt, starts: false, patience: backoff.max };
            self.permits.acquire(request).await.map_err(DirectError::Wait)?;
            let called = self.permits.call(call, DIRECT, request).await;
            let (failure, class) = match called.answer {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = match class {
                // The next answer would be just as long.
                _ if failure.cause == Some(Cause::TooLong) => None,
                Class::Throttled => {
                    called.pause.map(|at| WaitUntil { at, reason: WaitReason::Pause(PauseReason::Throttled) })
                }
                Class::Transient { .. } => {
                    Some(WaitUntil { at: called.at + called.backoff, reason: WaitReason::Backoff })
                }
                Class::StaleToken if attempt == 0 => {
                    Some(WaitUntil { at: called.at, reason: WaitReason::Pause(PauseReason::Credentials) })
                }
                _ => None,
            };
            let in_time = |wait: &WaitUntil| {
                called.at.until(wait.at) <= backoff.max && wait.at + self.engine.config.request_timeout <= self.deadline
            };
            match wait {
                Some(wait) if attempt < backoff.max_retries && in_time(&wait) => {
                    self.permits.note_retry(&Retry { endpoint: call.endpoint(), attempt: attempt + 1, wait }, None);
                    self.permits.sleep_until(wait, request).await;
                }
                _ => return Err(DirectError::Failed(failure)),
            }
            attempt += 1;
        }
    }

    /// Gives back the unused permits.
    pub async fn close(self) -> Result<(), PortError> {
        let DirectCalls { engine, run, permits, .. } = self;
        let ((mut session, _), unused, _) = permits.close();
        let (now, rules) = (engine.ports.clock.now(), session.rules().clone());
        session
            .change(|_, gate| {
                gate.give_back(now, &run.holder, unused, &rules);
                Verdict::Store(())
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::{ContactPage, Unread};

    #[test]
    fn a_list_whose_rest_is_out_of_reach_is_no_list() {
        let cursor = |text: &str| Some(PageCursor(text.to_owned()));
        let long = UnreadRecord { id: None, updated_at: None, why: Unread::TooLong };
        let page = |shown: usize, next, total| {
            Answer::Contacts(ContactPage { unread: vec![long.clone(); shown], next, total, ..ContactPage::default() })
        };
        let cases = [
            (None, page(2, cursor("a"), Some(5)), true),
            (None, page(2, None, Some(2)), true),
            (None, page(2, None, None), true),
            (None, page(1, None, Some(5)), true),
            (cursor("a"), page(2, cursor("b"), Some(5)), true),
            (cursor("a"), page(2, None, Some(4)), true),
            // GHL ignores the cursor: the first page comes again and again.
            (cursor("a"), page(2, cursor("a"), Some(5)), false),
            // There are more records, but no way to reach them.
            (None, page(2, None, Some(5)), false),
        ];
        for (cursor, answer, expected) in cases {
            let call = Call::ContactsPage { cursor, limit: 2 };
            assert_eq!(goes_on(&call, &answer), expected, "{call:?} {answer:?}");
        }
    }
}

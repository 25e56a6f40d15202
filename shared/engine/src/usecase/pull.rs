//! Reading what changed in GHL, under the same gate as everything else.

use std::collections::VecDeque;

use super::fleet::FleetSession;
use super::gate_session::{GateSession, Verdict};
use super::permits::{For, Permits, Retry};
use super::{Engine, Invocation};
use crate::domain::{Answer, Call, EpochMs, Failure, LocationId, RemoteContact};
use crate::policy::{Class, HostAdmission, PauseReason, Run, WaitReason, WaitUntil};
use crate::ports::PortError;

/// Contacts per page; the most that both of GHL's APIs allow.
const PAGE: u32 = 100;

/// Reads of a location are one operation to the breaker, whatever they read.
const READS: u32 = 0;

/// Why a pull ended before its last page.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The location is unknown or not enabled.
    #[error("location {0} is unknown or not enabled")]
    NotEnabled(LocationId),
    /// It would have to wait longer than it may.
    #[error("nothing can be read before {} ({})", .0.at, .0.reason.as_str())]
    Wait(WaitUntil),
    /// GHL refused, or failed as often as it was tried.
    #[error("GHL did not give the contacts")]
    Failed(#[source] Failure),
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Engine {
    /// Reads all contacts of `location` that changed since `since`, page by page, oldest change first, and hands each
    /// page to `page`. Returns how many there were.
    ///
    /// # Errors
    /// [`PullError`]; what was handed over until then stays good.
    pub async fn contacts_changed_since(
        &self,
        location: &LocationId,
        since: EpochMs,
        invocation: &Invocation,
        mut page: impl FnMut(Vec<RemoteContact>) + Send,
    ) -> Result<u64, PullError> {
        let (engine, tally) = self.tallied();
        let pulled = engine.pull_tallied(location, since, invocation, &mut page).await;
        self.count("pull", location, tally.take(), None).await;
        pulled
    }

    async fn pull_tallied(
        &self,
        location: &LocationId,
        since: EpochMs,
        invocation: &Invocation,
        page: &mut (impl FnMut(Vec<RemoteContact>) + Send),
    ) -> Result<u64, PullError> {
        let settings = self.ports.directory.location(location).await?;
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            return Err(PullError::NotEnabled(location.clone()));
        };
        let run = Run { holder: invocation.holder.clone(), until: invocation.deadline + self.config.late_arrival };
        let fleet = FleetSession::open(self, settings.api, settings.scope.clone()).await;
        let now = self.ports.clock.now();
        let percent = match fleet.admit(now) {
            HostAdmission::Calls { percent } => percent,
            // Reads leave the probe to the batches.
            HostAdmission::Probe => return Err(PullError::Wait(WaitUntil { at: now, reason: WaitReason::Breaker })),
            HostAdmission::WaitUntil(at) => return Err(PullError::Wait(WaitUntil { at, reason: WaitReason::Breaker })),
        };
        let mut session = GateSession::open(self, settings.scope.clone(), self.config.rules(&settings)).await?;
        session.slow_down(percent);
        let sessions = (session, fleet);
        let permits = Permits::new(self, location, None, run.clone(), invocation.deadline, sessions, VecDeque::new());
        let pulled = self.pull(since, &permits, page).await;
        let ((mut session, _), unused, _) = permits.close();
        session
            .change(|_, gate| {
                gate.give_back(&run.holder, unused);
                Verdict::Store(())
            })
            .await?;
        pulled
    }

    async fn pull(
        &self,
        since: EpochMs,
        permits: &Permits<'_>,
        page: &mut (impl FnMut(Vec<RemoteContact>) + Send),
    ) -> Result<u64, PullError> {
        let mut cursor = None;
        let mut count = 0;
        loop {
            let call = Call::ContactsChanged { since, cursor, limit: PAGE };
            let Answer::Contacts(answer) = self.read(&call, permits).await? else {
                return Ok(count);
            };
            count += answer.contacts.len() as u64;
            page(answer.contacts);
            match answer.next {
                Some(next) => cursor = Some(next),
                None => return Ok(count),
            }
        }
    }

    /// Makes a call that only reads, with retries.
    async fn read(&self, call: &Call, permits: &Permits<'_>) -> Result<Answer, PullError> {
        let backoff = &self.config.backoff;
        let mut attempt = 0;
        loop {
            let wanted = For { record: None, attempt, starts: false, patience: backoff.max };
            permits.acquire(wanted).await.map_err(PullError::Wait)?;
            let called = permits.call(call, READS, wanted).await;
            let (failure, class) = match called.answer {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = match class {
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
            match wait {
                Some(wait) if attempt < backoff.max_retries && called.at.until(wait.at) <= backoff.max => {
                    permits.note_retry(&Retry { endpoint: call.endpoint(), attempt: attempt + 1, wait }, None);
                    permits.sleep_until(wait, wanted).await;
                }
                _ => return Err(PullError::Failed(failure)),
            }
            attempt += 1;
        }
    }
}

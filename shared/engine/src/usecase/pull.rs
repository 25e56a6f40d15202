//! Reading what changed in GHL, under the same gate as everything else.

use std::collections::VecDeque;

use super::gate_session::{GateSession, Verdict};
use super::lessons::{lessons, pause_until};
use super::permits::{For, Permits};
use super::{Engine, Event, Invocation};
use crate::domain::{Answer, Call, EpochMs, Failure, LocationId, RemoteContact};
use crate::policy::{Class, PauseReason, Run, WaitReason, WaitUntil, classify};
use crate::ports::PortError;

/// Contacts per page; the most that both of GHL's APIs allow.
const PAGE: u32 = 100;

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
        let settings = self.ports.directory.location(location).await?;
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            return Err(PullError::NotEnabled(location.clone()));
        };
        let run = Run { holder: invocation.holder.clone(), until: invocation.deadline + self.config.late_arrival };
        let session = GateSession::open(self, settings.scope.clone(), self.config.rules(&settings)).await?;
        let permits = Permits::new(self, location, None, run.clone(), invocation.deadline, session, VecDeque::new());
        let pulled = self.pull(location, since, &permits, &mut page).await;
        let (mut session, unused, _) = permits.close();
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
        location: &LocationId,
        since: EpochMs,
        permits: &Permits<'_>,
        page: &mut (impl FnMut(Vec<RemoteContact>) + Send),
    ) -> Result<u64, PullError> {
        let mut cursor = None;
        let mut count = 0;
        loop {
            let call = Call::ContactsChanged { since, cursor, limit: PAGE };
            let Answer::Contacts(answer) = self.read(location, &call, permits).await? else {
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
    async fn read(&self, location: &LocationId, call: &Call, permits: &Permits<'_>) -> Result<Answer, PullError> {
        let ports = &self.ports;
        let backoff = &self.config.backoff;
        for attempt in 0.. {
            let wanted = For { record: None, attempt, starts: false, patience: backoff.max };
            permits.acquire(wanted).await.map_err(PullError::Wait)?;
            let sent_at = ports.clock.now();
            let reply = ports.crm.call(location, call, self.config.request_timeout).await;
            let now = ports.clock.now();
            let class = reply.answer.as_ref().err().map(|failure| classify(call, failure));
            ports.meter.note(&Event::Called {
                location,
                batch: None,
                record: None,
                endpoint: call.endpoint(),
                attempt,
                status: reply.status,
                class: class.as_ref().map_or("ok", Class::as_str),
                took: now.since(sent_at),
            });
            let delay = backoff.delay(attempt, ports.dice.roll());
            let pause = class.as_ref().and_then(|class| pause_until(&self.config, &reply.quota, class, delay, now));
            // Reads of a location are one operation to the breaker, whatever they read.
            permits.settle(sent_at, &reply, lessons(&reply, class.as_ref(), pause, 0, now)).await;
            let wait = match &class {
                Some(Class::Throttled) => {
                    pause.map(|at| WaitUntil { at, reason: WaitReason::Pause(PauseReason::Throttled) })
                }
                Some(Class::Transient { .. }) => {
                    let asked = reply.quota.retry_after.map(|after| after.from(now));
                    let at = asked.map_or(now + delay, |time| time.max(now + delay));
                    Some(WaitUntil { at, reason: WaitReason::Backoff })
                }
                _ => None,
            };
            match (reply.answer, wait) {
                (Ok(answer), _) => return Ok(answer),
                (Err(_), Some(wait)) if attempt < backoff.max_retries && now.until(wait.at) <= backoff.max => {
                    permits.sleep_until(wait, wanted).await;
                }
                (Err(failure), _) => return Err(PullError::Failed(failure)),
            }
        }
        Err(PullError::NotEnabled(location.clone())) // Not reached: the loop has no other end.
    }
}

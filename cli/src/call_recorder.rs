//! Counts calls from the client's side, the only count available when GHL is not our sandbox.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::{Clock, Crm};
use ghl_sync_model::{Answer, Call, EpochMs, GhlId, KnownCredentials, LocationId, Reply};
use ghl_sync_runtime::SystemClock;

use crate::mark::mark;

/// Wraps a CRM and records its calls.
pub(crate) struct CallRecorder {
    crm: Arc<dyn Crm>,
    notes: Mutex<HashMap<LocationId, Notes>>,
}

#[derive(Default)]
struct Notes {
    sent: Vec<EpochMs>,
    last_answer: EpochMs,
    in_flight: u64,
    max_in_flight: u64,
    ok: u64,
    status_429: u64,
    status_other: u64,
    /// Hash of an email address or phone number → hash of the id under which GHL first stored it.
    ids: HashMap<u64, u64>,
    /// Other ids of the same address or number. Each is a duplicate.
    doubles: HashSet<(u64, u64)>,
}

impl Notes {
    fn written(&mut self, identity: &str, id: &GhlId) {
        let (identity, id) = (mark(identity), mark(id));
        if *self.ids.entry(identity).or_insert(id) != id {
            self.doubles.insert((identity, id));
        }
    }
}

/// Recorded figures of one location, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CallFigures {
    pub(crate) calls: u64,
    pub(crate) ok: u64,
    pub(crate) status_429: u64,
    pub(crate) status_other: u64,
    /// Most calls sent in any window, by the busiest location.
    pub(crate) max_in_any_window: u64,
    /// Most concurrent calls, by the busiest location.
    pub(crate) max_concurrent: u64,
    pub(crate) duplicates: u64,
    pub(crate) first_sent: EpochMs,
    pub(crate) last_sent: EpochMs,
    pub(crate) last_answer: EpochMs,
    /// Calls of the location with the most calls.
    pub(crate) most_calls: u64,
}

impl CallRecorder {
    pub(crate) fn new(crm: Arc<dyn Crm>) -> Arc<CallRecorder> {
        Arc::new(CallRecorder { crm, notes: Mutex::default() })
    }

    /// Discards all records. No call may be in flight.
    pub(crate) fn start_over(&self) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The figures so far. `window` is the quota's.
    pub(crate) fn seen(&self, window: Duration) -> CallFigures {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = CallFigures { first_sent: EpochMs(u64::MAX), ..CallFigures::default() };
        for notes in notes.values() {
            let calls = notes.sent.len() as u64;
            all.calls += calls;
            all.ok += notes.ok;
            all.status_429 += notes.status_429;
            all.status_other += notes.status_other;
            all.max_in_any_window = all.max_in_any_window.max(busiest(&notes.sent, window));
            all.max_concurrent = all.max_concurrent.max(notes.max_in_flight);
            all.duplicates += notes.doubles.len() as u64;
            all.first_sent = notes.sent.first().map_or(all.first_sent, |first| all.first_sent.min(*first));
            all.last_sent = notes.sent.last().map_or(all.last_sent, |last| all.last_sent.max(*last));
            all.last_answer = all.last_answer.max(notes.last_answer);
            all.most_calls = all.most_calls.max(calls);
        }
        all.first_sent = all.first_sent.min(all.last_answer);
        all
    }

    fn note<T>(&self, location: &LocationId, take: impl FnOnce(&mut Notes) -> T) -> T {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        take(notes.entry(location.clone()).or_default())
    }
}

#[async_trait]
impl Crm for CallRecorder {
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply {
        self.note(location, |notes| {
            notes.sent.push(SystemClock.now());
            notes.in_flight += 1;
            notes.max_in_flight = notes.max_in_flight.max(notes.in_flight);
        });
        let reply = self.crm.call(location, call, timeout).await;
        self.note(location, |notes| {
            notes.in_flight -= 1;
            notes.last_answer = SystemClock.now();
            match (&reply.answer, reply.status) {
                (Ok(_), _) => notes.ok += 1,
                (Err(_), Some(429)) => notes.status_429 += 1,
                (Err(_), _) => notes.status_other += 1,
            }
            if let (Some(identity), Ok(Answer::ContactWritten { id, .. })) = (identity(call), &reply.answer) {
                notes.written(&identity, id);
            }
        });
        reply
    }

    async fn preview(&self, location: &LocationId, call: &Call) -> String {
        self.crm.preview(location, call).await
    }

    async fn credentials(&self, location: &LocationId) -> Option<KnownCredentials> {
        self.crm.credentials(location).await
    }
}

fn identity(call: &Call) -> Option<String> {
    match call {
        Call::UpsertContact(contact) | Call::UpdateContact { contact, .. } => {
            contact.email.as_ref().or(contact.phone.as_ref()).map(|key| key.to_lowercase())
        }
        _ => None,
    }
}

/// Most of `times` (ascending) in any window of this length, end excluded.
fn busiest(times: &[EpochMs], window: Duration) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while time.since(times[first]) >= window {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_window_is_half_open() {
        let times: Vec<EpochMs> = [0, 10, 20, 100, 105, 110].map(EpochMs).into();
        let within = |ms| busiest(&times, Duration::from_millis(ms));
        assert_eq!((within(10), within(11), within(21), within(1000)), (2, 3, 3, 6));
        assert_eq!(busiest(&[], Duration::from_millis(10)), 0);
    }
}

//! Records that may kill their invocation.
//!
//! Invocations died, and batches shrank until a record stands alone. Should it kill the next one too, it must not come
//! back at once, again and again, with its location behind it: so its failure is written down before its first call.
//! Whatever end of it an invocation lives to see takes that back, so that what stays are deaths and nothing else.

use super::Engine;
use super::permits::Permits;
use super::record_end::{RecordEnd, not_written};
use super::report::RecordResult;
use ghl_sync_model::{ErrorCode, LastError, Outcome, Provenance, Record};

/// A record that stood alone in a batch so often when its invocation died has failed for good.
const MAX_DEATHS: usize = 5;
/// The last error of a record that may have killed its invocation.
const DIED: &str = "the invocation that was sending this record died";

/// The suspect among these records: the only one, if it or its scope's last run ended with its invocation's death.
pub(super) async fn among<'r>(due: &'r [Record], permits: &Permits<'_>) -> Option<&'r Record> {
    let [record] = due else {
        return None;
    };
    let is_suspect = (permits.crashes().await > 0 || has_killed(record)) && !permits.deaths_are_ours().await;
    is_suspect.then_some(record)
}

impl Engine {
    /// Writes down that `record` killed this invocation, before it can. Returns its end if it shall not be called: it
    /// has killed often enough, or that could not be written down.
    pub(super) async fn suspect(&self, record: &Record) -> Option<RecordEnd> {
        let now = self.ports.clock.now();
        let error = LastError { code: ErrorCode::Internal, status: None, message: DIED.to_owned(), at: now };
        if deaths(record) >= MAX_DEATHS {
            let outcome = Outcome::Failed { error: error.clone(), ghl_id: None, provenance: Provenance::Unknown };
            let end = self.write(record, &outcome, RecordResult::Failed(error.code)).await;
            return Some(RecordEnd { error: Some(error), ..end });
        }
        let due_at = now + self.config.backoff.rest(record.attempts.saturating_add(1), self.ports.randomness.roll());
        let outcome = Outcome::Retry {
            due_at,
            error,
            not_before: record.not_before,
            ghl_id: None,
            provenance: Provenance::Unknown,
        };
        if self.settle(record, &outcome).await.is_some() {
            return None;
        }
        // It may have been written down all the same.
        self.clear_crash_mark(record).await;
        Some(not_written())
    }

    /// The invocation lives, and what came of `record` did not have to be written down: it is as it was before it was
    /// suspected.
    pub(super) async fn clear_crash_mark(&self, record: &Record) {
        let Some(due_at) = record.due_at else {
            return;
        };
        let waits_for = record.waits_for.clone();
        let _ = self
            .settle(
                record,
                &Outcome::Wait {
                    due_at,
                    waits_for,
                    not_before: None,
                    ghl_id: None,
                    provenance: Provenance::Unknown,
                    is_gone: false,
                },
            )
            .await;
    }
}

/// How many of the last errors of `record` were deaths of its invocation: other failures do not make it a suspect.
fn deaths(record: &Record) -> usize {
    record.errors().iter().filter(|error| is_death(error)).count()
}

/// Whether its last try ended with its invocation's death.
pub(super) fn has_killed(record: &Record) -> bool {
    record.last_error.as_ref().is_some_and(is_death)
}

fn is_death(error: &LastError) -> bool {
    error.code == ErrorCode::Internal && error.message == DIED
}

//! Poison records: records that may kill their invocation.
//!
//! After invocations die, batches shrink until a record stands alone. If it kills the next invocation too, it must not
//! come back at once and hold up its location. So we store its failure before its first call. If the invocation
//! survives, it replaces that mark with the actual result, so only deaths leave a mark.

use super::Engine;
use super::permits::Permits;
use super::record_end::{RecordEnd, not_written};
use super::report::RecordResult;
use ghl_sync_model::{ErrorCode, LastError, Outcome, Provenance, Record};

/// Number of deaths after which a record fails permanently.
const MAX_DEATHS: usize = 5;
/// The last error of a record that may have killed its invocation.
const DIED: &str = "the invocation that was sending this record died";

/// The poison record among `due`: the only one, if its own last try or the scope's last run ended in a death.
pub(super) async fn among<'r>(due: &'r [Record], permits: &Permits<'_>) -> Option<&'r Record> {
    let [record] = due else {
        return None;
    };
    let is_poison = (permits.crashes().await > 0 || has_killed(record)) && !permits.deaths_are_ours().await;
    is_poison.then_some(record)
}

impl Engine {
    /// Stores in advance that `record` killed this invocation. Returns its end if it must not be called: it has killed
    /// often enough, or the mark could not be stored.
    pub(super) async fn mark_crash(&self, record: &Record) -> Option<RecordEnd> {
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
        // The mark may have been stored all the same.
        self.clear_crash_mark(record).await;
        Some(not_written())
    }

    /// Restores `record` as it was before the crash mark: the invocation survived, and there is no other result to
    /// store.
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

/// How many of the record's last errors were deaths of its invocation: other failures do not make it a poison record.
fn deaths(record: &Record) -> usize {
    record.errors().iter().filter(|error| is_death(error)).count()
}

/// Whether its last try ended with the death of its invocation.
pub(super) fn has_killed(record: &Record) -> bool {
    record.last_error.as_ref().is_some_and(is_death)
}

fn is_death(error: &LastError) -> bool {
    error.code == ErrorCode::Internal && error.message == DIED
}

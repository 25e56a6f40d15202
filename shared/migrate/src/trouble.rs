//! Interruptions of a unit of work, and the reaction to them.

use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::DirectError;
use ghl_sync_model::{Cause, Failure, MigrationStatus, Side};

/// Consecutive steps in which GHL may fail before the migration stops and waits for a person: about a day.
const PATIENCE: u32 = 300;
/// After this many consecutive failures of a store, the migration's reason names it.
const STORE_TOLD: u32 = 3;
/// After this many, the migration stops and waits for a person: some hours.
const STORE_PATIENCE: u32 = 40;
/// Longest wait after a failed step.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How to continue after a unit of work.
#[derive(Debug)]
pub(super) enum Continuation {
    /// With the next unit.
    Again,
    /// With the next stage.
    Advance,
    /// After this wait.
    Later(Duration),
    /// Not before a person acts; holds the new status and the reason.
    Stop(MigrationStatus, Option<String>),
}

impl Continuation {
    pub(super) fn fail(reason: impl Into<String>) -> Continuation {
        Continuation::Stop(MigrationStatus::Failed, Some(reason.into()))
    }

    pub(super) fn ask(reason: impl Into<String>) -> Continuation {
        Continuation::Stop(MigrationStatus::NeedsInput, Some(reason.into()))
    }
}

/// Why a unit of work was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    /// A call failed.
    #[error("a call in the {} was not answered", .side.as_str())]
    Call {
        /// The account of the call.
        side: Side,
        /// The error.
        #[source]
        error: DirectError,
    },
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another step of this migration has taken over.
    #[error("the lease of the migration is lost")]
    Lost,
}

/// The reaction to a failed call after `in_a_row` consecutive failed steps.
pub(super) fn after_failed_call(side: Side, error: &DirectError, in_a_row: u32) -> Continuation {
    let side = side.as_str();
    match error {
        DirectError::NotEnabled(location) => {
            let reason = format!("the {side}, location {location}, is unknown or not enabled: put its settings first");
            Continuation::fail(reason)
        }
        DirectError::Failed(failure) => after_failure(side, failure, in_a_row),
        DirectError::Wait(_) | DirectError::Port(_) => Continuation::Later(Duration::from_secs(5)),
    }
}

fn after_failure(side: &str, failure: &Failure, in_a_row: u32) -> Continuation {
    match failure.cause {
        Some(Cause::Credentials | Cause::StaleToken) => {
            Continuation::fail(format!("GHL does not accept the token of the {side}: {failure}. Mend it, then resume"))
        }
        Some(Cause::OtherLocation) => {
            let problem = format!("the token of the {side} answers for another location: {failure}");
            Continuation::fail(format!("{problem}. Mend it, then resume"))
        }
        Some(Cause::Forbidden) => {
            Continuation::fail(format!("the token of the {side} lacks a scope: {failure}. Add it, then resume"))
        }
        Some(Cause::TooLong) => Continuation::fail(format!(
            "a record of the {side} is so long that not even its id can be read, or one of its lists is longer than 1 MB. \
             Shorten or delete it, then resume"
        )),
        _ if is_passing(failure) && in_a_row < PATIENCE => Continuation::Later(backoff(in_a_row)),
        _ => Continuation::fail(format!("the {side} refused a call: {failure}. Resume to try again")),
    }
}

/// Whether the failure is temporary, so that a retry may succeed.
pub(super) fn is_passing(failure: &Failure) -> bool {
    match (&failure.cause, failure.status) {
        (Some(Cause::Gateway | Cause::Unreadable), _) | (None, None) => true,
        (None, Some(status)) => status == 408 || status == 429 || status >= 500,
        _ => false,
    }
}

/// The reaction to a failing store after `in_a_row` consecutive failures.
pub(super) fn after_store_failed(error: &PortError, in_a_row: u32) -> (Option<String>, Continuation) {
    let cause = error.source.to_string();
    let told = || format!("a store has failed {in_a_row} times in a row ({}: {cause})", error.action);
    match in_a_row {
        0..STORE_TOLD => (None, Continuation::Later(Duration::from_secs(5))),
        STORE_TOLD..STORE_PATIENCE => {
            (Some(format!("{}; it is tried again", told())), Continuation::Later(backoff(in_a_row)))
        }
        _ => (None, Continuation::fail(format!("{}. Resume to try again", told()))),
    }
}

fn backoff(in_a_row: u32) -> Duration {
    // Long enough that a call without an answer can no longer arrive.
    Duration::from_secs(10).saturating_mul(1 << in_a_row.min(5)).min(LONGEST_WAIT)
}

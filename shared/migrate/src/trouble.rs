//! What stops a unit of work, and what to do about it.

use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::DirectError;
use ghl_sync_model::{Cause, Failure, MigrationStatus, Side};

/// Steps in a row in which GHL may fail before the migration gives up and waits for a person: a day.
const PATIENCE: u32 = 300;
/// A store that has failed so often in a row is told as the migration's reason.
const STORE_TOLD: u32 = 3;
/// And after so often the migration stops and waits for a person: some hours.
const STORE_PATIENCE: u32 = 40;
/// The longest wait after such a step.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What comes after a unit of work.
#[derive(Debug)]
pub(super) enum Next {
    /// The next unit.
    Again,
    /// The next stage.
    Advance,
    /// Nothing, for this long.
    Later(Duration),
    /// Nothing before somebody acts; why.
    Stop(MigrationStatus, Option<String>),
}

impl Next {
    pub(super) fn fail(reason: impl Into<String>) -> Next {
        Next::Stop(MigrationStatus::Failed, Some(reason.into()))
    }

    pub(super) fn ask(reason: impl Into<String>) -> Next {
        Next::Stop(MigrationStatus::NeedsInput, Some(reason.into()))
    }
}

/// Why a unit of work was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    /// A call was not answered.
    #[error("a call in the {} was not answered", .side.as_str())]
    Call {
        /// The account that the call was for.
        side: Side,
        /// What went wrong with it.
        #[source]
        error: DirectError,
    },
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Somebody else makes steps of this migration now.
    #[error("the lease of the migration is lost")]
    Lost,
}

/// What a failed call means for the migration; `in_a_row` such steps were before.
pub(super) fn after_failed_call(side: Side, error: &DirectError, in_a_row: u32) -> Next {
    let side = side.as_str();
    match error {
        DirectError::NotEnabled(location) => {
            Next::fail(format!("the {side}, location {location}, is unknown or not enabled: put its settings first"))
        }
        DirectError::Failed(failure) => after_failure(side, failure, in_a_row),
        DirectError::Wait(_) | DirectError::Port(_) => Next::Later(Duration::from_secs(5)),
    }
}

fn after_failure(side: &str, failure: &Failure, in_a_row: u32) -> Next {
    match failure.cause {
        Some(Cause::Credentials | Cause::StaleToken) => {
            Next::fail(format!("GHL does not accept the token of the {side}: {failure}. Mend it, then resume"))
        }
        Some(Cause::OtherLocation) => {
            Next::fail(format!("the token of the {side} answers for another location: {failure}. Mend it, then resume"))
        }
        Some(Cause::Forbidden) => {
            Next::fail(format!("the token of the {side} lacks a scope: {failure}. Add it, then resume"))
        }
        Some(Cause::TooLong) => Next::fail(format!(
            "a record of the {side} is so long that not even its id can be read, or one of its lists is longer than 1 MB. \
             Shorten or delete it, then resume"
        )),
        _ if is_passing(failure) && in_a_row < PATIENCE => Next::Later(backoff(in_a_row)),
        _ => Next::fail(format!("the {side} refused a call: {failure}. Resume to try again")),
    }
}

/// Whether it is worth trying again by itself.
pub(super) fn is_passing(failure: &Failure) -> bool {
    match (&failure.cause, failure.status) {
        (Some(Cause::Gateway | Cause::Unreadable), _) | (None, None) => true,
        (None, Some(status)) => status == 408 || status == 429 || status >= 500,
        _ => false,
    }
}

/// What a store that fails again and again means for the migration; `in_a_row` units of work failed so.
pub(super) fn after_store_failed(error: &PortError, in_a_row: u32) -> (Option<String>, Next) {
    let cause = error.source.to_string();
    let told = || format!("a store has failed {in_a_row} times in a row ({}: {cause})", error.action);
    match in_a_row {
        0..STORE_TOLD => (None, Next::Later(Duration::from_secs(5))),
        STORE_TOLD..STORE_PATIENCE => (Some(format!("{}; it is tried again", told())), Next::Later(backoff(in_a_row))),
        _ => (None, Next::fail(format!("{}. Resume to try again", told()))),
    }
}

fn backoff(in_a_row: u32) -> Duration {
    // Not before a call without an answer can no longer arrive.
    Duration::from_secs(10).saturating_mul(1 << in_a_row.min(5)).min(LONGEST_WAIT)
}

//! The status of everything at a glance: `/health`.

use ghl_sync_model::{EpochMs, Time};
use ghl_sync_operate::{Health as Status, HealthReport, LastTick, LocationStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// The status of everything at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthDocument {
    /// Overall status.
    pub(crate) status: Status,
    /// Time of this reading.
    pub(crate) time: Time,
    /// Version of the running build.
    #[schema(example = "0.1.0")]
    pub(crate) version: &'static str,
    /// Why the status is not `ok`. This field and the following ones need a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) reasons: Option<Vec<String>>,
    /// The last tick of the scheduler; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; absent if SQS cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) dead_letters: Option<u64>,
    /// Locations that need attention; at most 50, the most urgent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) locations: Option<Vec<LocationStatus>>,
}

impl HealthDocument {
    /// The part for everybody.
    pub(crate) fn in_short(status: Status, time: EpochMs) -> HealthDocument {
        let (reasons, last_tick, dead_letters, locations) = (None, None, None, None);
        let version = env!("CARGO_PKG_VERSION");
        HealthDocument { status, time: Time(time), version, reasons, last_tick, dead_letters, locations }
    }

    /// The complete report, for callers with a key.
    pub(crate) fn in_full(report: HealthReport) -> HealthDocument {
        HealthDocument {
            reasons: Some(report.reasons),
            last_tick: report.last_tick,
            dead_letters: report.dead_letters,
            locations: Some(report.locations),
            ..HealthDocument::in_short(report.health, report.time.0)
        }
    }
}

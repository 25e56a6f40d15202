//! How everything is, at a glance: `/health`.

use ghl_sync_model::{EpochMs, Time};
use ghl_sync_operate::{Health as Status, HealthReport, LastTick, LocationStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// How everything is, at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// How it is.
    pub(crate) status: Status,
    /// When this was found out.
    pub(crate) time: Time,
    /// The build that answers.
    #[schema(example = "0.1.0")]
    pub(crate) version: &'static str,
    /// Why it is not `ok`. This and what follows is told to those with a key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) reasons: Option<Vec<String>>,
    /// The last tick of the scheduler; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; absent if it cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) dead_letters: Option<u64>,
    /// The locations that somebody should look at; at most 50, the most urgent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) locations: Option<Vec<LocationStatus>>,
}

impl Health {
    /// What everybody may know.
    pub(crate) fn in_short(status: Status, time: EpochMs) -> Health {
        let (reasons, last_tick, dead_letters, locations) = (None, None, None, None);
        let version = env!("CARGO_PKG_VERSION");
        Health { status, time: Time(time), version, reasons, last_tick, dead_letters, locations }
    }

    /// What those with a key may know.
    pub(crate) fn in_full(report: HealthReport) -> Health {
        Health {
            reasons: Some(report.reasons),
            last_tick: report.last_tick,
            dead_letters: report.dead_letters,
            locations: Some(report.locations),
            ..Health::in_short(report.health, report.time.0)
        }
    }
}

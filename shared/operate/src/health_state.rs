//! The overall state of the stack, and the reasons for it.

use std::time::Duration;

use ghl_sync_engine::standing::{Standing, Trouble, Urgency};
use ghl_sync_model::{EpochMs, LocationId, Time};
use serde::Serialize;
use strum::IntoStaticStr;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// A last tick older than this means that several ticks were missed.
pub(crate) const TICK_OVERDUE: Duration = Duration::from_secs(300);
/// Most reasons that are listed; the rest is only counted.
const REASONS: usize = 100;

/// The overall state, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Status))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Health {
    /// All is well.
    Ok,
    /// It runs, but something needs attention.
    Degraded,
    /// Something has stopped.
    Failing,
}

impl Health {
    /// The state as JSON and metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn of(urgency: Urgency) -> Health {
        match urgency {
            Urgency::Failing => Health::Failing,
            Urgency::Degraded => Health::Degraded,
            Urgency::Fine => Health::Ok,
        }
    }
}

/// The scheduler's last run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LastTick {
    /// When the scheduler ran last.
    pub at: Time,
    /// How long ago, in seconds.
    pub age_s: f64,
}

impl LastTick {
    pub(crate) fn at(at: Option<EpochMs>, now: EpochMs) -> Option<LastTick> {
        at.map(|at| LastTick { at: Time(at), age_s: now.since(at).as_millis() as f64 / 1000.0 })
    }
}

/// The overall state and the reasons, the worst first.
pub(crate) fn judge(
    now: EpochMs,
    last_tick: Option<EpochMs>,
    dead_letters: Option<u64>,
    standings: &[(LocationId, Standing)],
) -> (Health, Vec<String>) {
    let mut found: Vec<(Health, Option<&LocationId>, String)> = Vec::new();
    if let Some(tick) = last_tick.filter(|tick| now.since(*tick) > TICK_OVERDUE) {
        found.push((Health::Failing, None, format!("the scheduler has not run for {} s", now.since(tick).as_secs())));
    }
    if let Some(count) = dead_letters.filter(|count| *count > 0) {
        let reason = format!("{count} messages in the dead-letter queue and the parking queue");
        found.push((Health::Degraded, None, reason));
    }
    for (id, standing) in standings {
        let troubles = standing.troubles(now).into_iter();
        found.extend(troubles.map(|trouble| (Health::of(trouble.urgency()), Some(id), reason(id, &trouble))));
    }
    found.sort_by(|(a, of_a, _), (b, of_b, _)| b.cmp(a).then_with(|| of_a.cmp(of_b)));
    let health = found.first().map_or(Health::Ok, |(health, ..)| *health);
    let more = found.len().saturating_sub(REASONS);
    let mut reasons: Vec<String> = found.into_iter().take(REASONS).map(|(.., reason)| reason).collect();
    if more > 0 {
        reasons.push(format!("and {more} more reasons"));
    }
    (health, reasons)
}

fn reason(id: &LocationId, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Breaker(state) => format!("GHL fails for {id}: its breaker is {}", state.as_str()),
        Trouble::OtherLocation => {
            format!("GHL answered for another location than {id}: its token may be of somebody else's account")
        }
        Trouble::Paused => format!("{id} is paused by an operator"),
        Trouble::Credentials => format!("the token of {id} is not accepted"),
        Trouble::Throttled { until } => {
            format!("{id} is paused until {}: GHL asked to wait (429 or Retry-After)", until.to_rfc3339())
        }
        Trouble::Failed(failed) => {
            let more = if failed.capped { "at least " } else { "" };
            format!("{more}{} records of {id} have failed", failed.count)
        }
    }
}

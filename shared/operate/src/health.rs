//! Health for `/health` and the overview: whether somebody should look, and why.

use std::time::Duration;

use crate::Operator;
use crate::overview::{Health, LastTick, LocationStatus};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::standing::{Standing, Trouble, Urgency};
use ghl_sync_model::{EpochMs, LocationId, Reach, Time};

/// A last tick older than this means that several ticks were missed.
pub(super) const TICK_OVERDUE: Duration = Duration::from_secs(300);
/// Most reasons that are listed; the rest is only counted.
const REASONS: usize = 100;
/// Most locations in trouble that a health check reads.
const LOOKED_AT: usize = 50;

/// The overall health.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthReport {
    /// When the health was determined.
    pub time: Time,
    /// The overall state.
    pub health: Health,
    /// Why it is not `ok`: one sentence each, without secrets.
    pub reasons: Vec<String>,
    /// The last tick of the scheduler; `None` before the first.
    pub last_tick: Option<LastTick>,
    /// Messages in the dead-letter queue and the parking queue; `None` if unknown.
    pub dead_letters: Option<u64>,
    /// The most urgent locations in trouble.
    pub locations: Vec<LocationStatus>,
}

impl Operator {
    /// Determines the overall health by reading only the locations in trouble, however many others there are. With
    /// `own`, only those locations count, and all of them are read.
    ///
    /// # Errors
    /// If a store fails; the health is then unknown.
    pub async fn health(&self, own: Option<&Reach>) -> Result<HealthReport, PortError> {
        let (last_tick, dead_letters, (troubled, is_all)) = futures::try_join!(
            self.ports().counters.last_tick(),
            self.ports().dead_letters.depth(),
            self.troubled(own),
        )?;
        let time = self.ports().clock.now();
        let (health, mut reasons) = judge(time, last_tick, dead_letters, &troubled);
        if !is_all {
            reasons.push("more locations are in trouble; the overview lists them".to_owned());
        }
        let still = troubled.into_iter().filter(|(_, standing)| standing.urgency(time) != Urgency::Fine);
        let locations = still.map(|(id, standing)| LocationStatus::of(id, &standing, time)).collect();
        let last_tick = LastTick::at(last_tick, time);
        Ok(HealthReport { time: Time(time), health, reasons, last_tick, dead_letters, locations })
    }

    /// The locations in trouble, and whether these are all.
    async fn troubled(&self, own: Option<&Reach>) -> Result<(Vec<(LocationId, Standing)>, bool), PortError> {
        match own {
            Some(own) => Ok((self.everybody(Some(own)).await?.standings, true)),
            None => self.ports().counters.in_trouble(LOOKED_AT).await,
        }
    }
}

/// The overall state and the reasons, the worst first.
pub(super) fn judge(
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

impl Health {
    fn of(urgency: Urgency) -> Health {
        match urgency {
            Urgency::Failing => Health::Failing,
            Urgency::Degraded => Health::Degraded,
            Urgency::Fine => Health::Ok,
        }
    }
}

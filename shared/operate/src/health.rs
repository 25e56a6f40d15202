//! Health for `/health` and the overview: whether somebody should look, and why.

use crate::Operator;
use crate::health_state::{Health, LastTick, judge};
use crate::overview::LocationStatus;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::standing::{Standing, Urgency};
use ghl_sync_model::{LocationId, Reach, Time};

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

//! The standings of all locations at one time, or of those within somebody's reach.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::standing::Standing;
use ghl_sync_model::{EpochMs, LocationId, Reach};

use crate::Operator;

/// Locations processed concurrently.
const AT_ONCE: usize = 8;
/// Most locations without a stored standing whose standing a request determines itself.
const ASKED: usize = 25;
/// Most locations without a stored standing whose tags are read, for somebody limited to tags.
const LOOKED_AT: usize = 100;
/// How long a standing of an unknown location is shown: the location may have been registered a moment ago.
const UNKNOWN_FOR: Duration = Duration::from_secs(600);

/// The standings of all locations at one time.
pub(crate) struct AllStandings {
    pub(crate) time: EpochMs,
    pub(crate) standings: Vec<(LocationId, Standing)>,
    /// Known locations without a standing.
    pub(crate) not_told: u64,
}

impl Operator {
    /// The stored standings of all locations. Determines those of a few locations that have none.
    pub(crate) async fn everybody(&self, own: Option<&Reach>) -> Result<AllStandings, PortError> {
        let standings = async {
            match own {
                Some(own) if own.tags.is_empty() => {
                    self.ports().counters.standings_of(&own.locations.iter().cloned().collect::<Vec<_>>()).await
                }
                _ => self.ports().counters.standings().await,
            }
        };
        let (mut standings, known) = futures::try_join!(standings, self.ports().registry.locations())?;
        let time = self.ports().clock.now();
        let known: BTreeSet<LocationId> = known.into_iter().collect();
        standings.retain(|(id, standing)| known.contains(id) || time.since(standing.at) < UNKNOWN_FOR);
        let stored: BTreeSet<&LocationId> = standings.iter().map(|(id, _)| id).collect();
        let mut missing: Vec<LocationId> = known.iter().filter(|id| !stored.contains(id)).cloned().collect();
        if let Some(own) = own {
            standings = self.own(own, standings).await?;
            // Named locations come first; of the others, those with one of our tags are found among a limited number.
            missing.sort_by_key(|id| !own.names(id));
            missing.truncate(own.locations.len() + LOOKED_AT);
            missing = self.reached(own, &missing).await?;
        }
        let not_told = missing.len().saturating_sub(ASKED) as u64;
        let asked: Vec<_> = futures::stream::iter(missing.into_iter().take(ASKED))
            .map(|id| async move {
                let standing = self.engine.tell_standing(&id).await?;
                Ok::<_, PortError>(standing.map(|standing| (id, standing)))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        standings.extend(asked.into_iter().flatten());
        Ok(AllStandings { time, standings, not_told })
    }

    /// The standings within `reach`. A standing holds the tags from when it was stored, so the tags are read again: a
    /// location that has lost its tag is left out.
    async fn own(
        &self,
        reach: &Reach,
        mut standings: Vec<(LocationId, Standing)>,
    ) -> Result<Vec<(LocationId, Standing)>, PortError> {
        standings.retain(|(id, standing)| reach.names(id) || reach.has_one_of(&standing.tags));
        let ids: Vec<LocationId> = standings.iter().map(|(id, _)| id.clone()).collect();
        let reached: BTreeSet<LocationId> = self.reached(reach, &ids).await?.into_iter().collect();
        standings.retain(|(id, _)| reached.contains(id));
        Ok(standings)
    }
}

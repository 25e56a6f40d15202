//! How all locations stand at one time, or those within somebody's reach.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::standing::Standing;
use ghl_sync_model::{EpochMs, LocationId, Reach};

use crate::Operator;

/// Locations looked at at once.
const AT_ONCE: usize = 8;
/// Locations that were never written down, of which a request asks itself how they stand.
const ASKED: usize = 25;
/// Locations that were never written down, whose tags are looked at for somebody who is bound to tags.
const LOOKED_AT: usize = 100;
/// A standing of a location that nobody knows may be of one that was made known a moment ago.
const UNKNOWN_FOR: Duration = Duration::from_secs(600);

/// How all locations stand at one time.
pub(crate) struct Everybody {
    pub(crate) time: EpochMs,
    pub(crate) standings: Vec<(LocationId, Standing)>,
    /// Known locations that are missing.
    pub(crate) not_told: u64,
}

impl Operator {
    /// How all locations stand, by what was written down. A few of which nothing was are asked.
    pub(crate) async fn everybody(&self, own: Option<&Reach>) -> Result<Everybody, PortError> {
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
        let told: BTreeSet<&LocationId> = standings.iter().map(|(id, _)| id).collect();
        let mut untold: Vec<LocationId> = known.iter().filter(|id| !told.contains(id)).cloned().collect();
        if let Some(own) = own {
            standings = self.own(own, standings).await?;
            // The named ones first: of the others, those with a tag of ours are found among some of them.
            untold.sort_by_key(|id| !own.names(id));
            untold.truncate(own.locations.len() + LOOKED_AT);
            untold = self.reached(own, &untold).await?;
        }
        let not_told = untold.len().saturating_sub(ASKED) as u64;
        let asked: Vec<_> = futures::stream::iter(untold.into_iter().take(ASKED))
            .map(|id| async move {
                let standing = self.engine.tell_standing(&id).await?;
                Ok::<_, PortError>(standing.map(|standing| (id, standing)))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        standings.extend(asked.into_iter().flatten());
        Ok(Everybody { time, standings, not_told })
    }

    /// Those within `reach`. A standing knows the tags of the time when it was written down, so they are looked at again:
    /// who has lost one is not told of.
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

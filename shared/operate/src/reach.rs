//! Which locations are within the reach of somebody limited to certain locations or tags.

use std::collections::HashSet;

use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{LocationId, Reach};

use crate::Operator;

/// Locations whose settings are read together.
const TOGETHER: usize = 100;

impl Operator {
    /// Whether `location` is within `reach` now. Takes at most one read, which may be some seconds old; none if `reach`
    /// names the location.
    ///
    /// # Errors
    /// If a store fails; the answer is then unknown.
    pub async fn reaches(&self, reach: &Reach, location: &LocationId) -> Result<bool, PortError> {
        if reach.names(location) || reach.tags.is_empty() {
            return Ok(reach.names(location));
        }
        let settings = self.ports().registry.location(location).await?;
        Ok(settings.is_some_and(|settings| reach.has_one_of(&settings.labels.tags)))
    }

    /// Those of `ids` that are within `reach` now, in order. Reads the settings of locations that `reach` does not
    /// name.
    pub(crate) async fn reached(&self, reach: &Reach, ids: &[LocationId]) -> Result<Vec<LocationId>, PortError> {
        let unnamed: Vec<LocationId> = match reach.tags.is_empty() {
            true => Vec::new(),
            false => ids.iter().filter(|id| !reach.names(id)).cloned().collect(),
        };
        let reading = unnamed.chunks(TOGETHER).map(|ids| self.ports().registry.stored_each(ids));
        let stored = futures::future::try_join_all(reading).await?.into_iter().flatten();
        let is_tagged =
            |stored: &_| reach.has_one_of(&ghl_sync_engine::ports::StoredSettings::effective(stored).labels.tags);
        let tagged: HashSet<&LocationId> = unnamed
            .iter()
            .zip(stored)
            .filter_map(|(id, stored)| stored.as_ref().is_some_and(is_tagged).then_some(id))
            .collect();
        Ok(ids.iter().filter(|id| reach.names(id) || tagged.contains(id)).cloned().collect())
    }
}

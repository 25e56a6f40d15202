//! Settings of locations, as a test wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::domain::{LocationId, LocationSettings, ScopeId};
use crate::ports::{Directory, PortError};

/// A [`Directory`] of the locations that it was given; they can be changed while the engine runs.
#[derive(Debug, Default)]
pub struct FixedDirectory {
    locations: Mutex<BTreeMap<LocationId, LocationSettings>>,
}

impl FixedDirectory {
    /// A directory of `locations`.
    #[must_use]
    pub fn new(locations: BTreeMap<LocationId, LocationSettings>) -> Self {
        FixedDirectory { locations: Mutex::new(locations) }
    }

    /// Changes the settings of `location`, if it is known.
    pub fn change(&self, location: &LocationId, change: impl FnOnce(&mut LocationSettings)) {
        if let Some(settings) = lock(&self.locations).get_mut(location) {
            change(settings);
        }
    }
}

#[async_trait]
impl Directory for FixedDirectory {
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        Ok(lock(&self.locations).get(location).cloned())
    }

    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError> {
        let locations = lock(&self.locations);
        let members = locations.iter().filter(|(_, settings)| settings.scope == *scope);
        Ok(members.map(|(location, _)| location.clone()).collect())
    }

    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError> {
        let locations = lock(&self.locations);
        let enabled = locations.values().filter(|settings| settings.enabled);
        let scopes: BTreeSet<ScopeId> = enabled.map(|settings| settings.scope.clone()).collect();
        Ok(scopes.into_iter().collect())
    }
}

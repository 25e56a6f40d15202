//! Settings of locations for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::ports::{
    Entry, Installations, LocationIds, LocationRegistry, PortError, Replaced, StoredSettings,
};
use ghl_sync_model::{EpochMs, LocationId, LocationSettings, ScopeId, SettingsOverlay};

/// A [`LocationRegistry`] of fixed locations with settings that can be changed while the engine runs.
#[derive(Debug, Default)]
pub struct FixedRegistry {
    locations: Mutex<BTreeMap<LocationId, StoredSettings>>,
    switched: Mutex<BTreeMap<LocationId, EpochMs>>,
}

impl FixedRegistry {
    /// A registry of `locations`.
    #[must_use]
    pub fn new(locations: BTreeMap<LocationId, LocationSettings>) -> Self {
        let stored = |base| StoredSettings { rev: 0, overlay: SettingsOverlay::default(), base, is_named: false };
        let locations = locations.into_iter().map(|(id, base)| (id, stored(base))).collect();
        FixedRegistry { locations: Mutex::new(locations), switched: Mutex::default() }
    }

    /// Changes the environment's settings of `location`, if it is known.
    pub fn change(&self, location: &LocationId, change: impl FnOnce(&mut LocationSettings)) {
        if let Some(stored) = lock(&self.locations).get_mut(location) {
            change(&mut stored.base);
        }
    }
}

#[async_trait]
impl LocationRegistry for FixedRegistry {
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        Ok(lock(&self.locations).get(location).map(StoredSettings::effective))
    }

    async fn location_now(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        self.location(location).await
    }

    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError> {
        let locations = lock(&self.locations);
        let members = locations.iter().filter(|(_, stored)| stored.base.scope == *scope);
        Ok(members.map(|(location, _)| location.clone()).collect())
    }

    async fn locations(&self) -> Result<Vec<LocationId>, PortError> {
        Ok(lock(&self.locations).keys().cloned().collect())
    }

    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError> {
        let locations = lock(&self.locations);
        let scopes: BTreeSet<ScopeId> = locations.values().map(|stored| stored.base.scope.clone()).collect();
        Ok(scopes.into_iter().collect())
    }

    async fn register(&self, _location: &LocationId) -> Result<(), PortError> {
        Ok(())
    }

    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError> {
        Ok(lock(&self.locations).get(location).cloned())
    }

    async fn page(&self, after: Option<&LocationId>, limit: u32) -> Result<LocationIds, PortError> {
        let locations = lock(&self.locations);
        let mut following = locations.keys().filter(|id| after.is_none_or(|after| *id > after)).cloned();
        let ids = following.by_ref().take(limit as usize).collect();
        Ok(LocationIds { ids, has_more: following.next().is_some() })
    }

    async fn stored_each(&self, locations: &[LocationId]) -> Result<Vec<Option<StoredSettings>>, PortError> {
        let stored = lock(&self.locations);
        Ok(locations.iter().map(|location| stored.get(location).cloned()).collect())
    }

    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<Replaced<Option<Entry<SettingsOverlay>>>, PortError> {
        match lock(&self.locations).get_mut(location) {
            Some(stored) if stored.rev == rev => {
                stored.rev += 1;
                stored.overlay = overlay.clone();
                Ok(Replaced::Written { rev: stored.rev })
            }
            standing => {
                let entry = |stored: &mut StoredSettings| Entry { rev: stored.rev, value: stored.overlay.clone() };
                Ok(Replaced::Conflict(standing.map(entry)))
            }
        }
    }

    async fn remove(&self, location: &LocationId, rev: u64) -> Result<bool, PortError> {
        let mut locations = lock(&self.locations);
        let is_same = locations.get(location).is_none_or(|stored| stored.rev == rev);
        if is_same {
            locations.remove(location);
        }
        Ok(is_same)
    }
}

#[async_trait]
impl Installations for FixedRegistry {
    async fn note(&self, location: &LocationId, _installed: bool, at: EpochMs) -> Result<bool, PortError> {
        let mut switched = lock(&self.switched);
        if switched.get(location).is_some_and(|last| *last > at) {
            return Ok(false);
        }
        switched.insert(location.clone(), at);
        Ok(true)
    }
}

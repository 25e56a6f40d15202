//! The location registry: operators' settings over those of the environment.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_aws::DynamoLocations;
use ghl_sync_engine::ports::{Entry, LocationIds, LocationRegistry, PortError, Replaced, StoredSettings, Versioned};
use ghl_sync_model::{CredentialsRef, LocationId, LocationSettings, ScopeId, Secret, SettingsError, SettingsOverlay};
use tokio::time::Instant;

use crate::Locations;

/// How long settings are used without reading them again: long enough for the checks at a batch's start, and short
/// enough that changes take effect soon.
const FRESH: Duration = Duration::from_secs(3);
/// Most locations that are remembered. A process serves some hundreds between cold starts.
const REMEMBERED: usize = 10_000;

/// The location registry of a process.
#[derive(Debug)]
pub struct StoredLocations {
    environment: Locations,
    settings: Versioned<SettingsOverlay>,
    registered: DynamoLocations,
    known: Mutex<RegistryCache>,
}

#[derive(Debug, Default)]
struct RegistryCache {
    /// Settings of each location; `None` for a location that was never registered.
    overlays: HashMap<LocationId, (Instant, Option<SettingsOverlay>)>,
    registered: HashSet<LocationId>,
}

impl StoredLocations {
    /// Puts `settings` over those of `environment`; `registered` lists the known locations.
    #[must_use]
    pub fn new(
        environment: Locations,
        settings: Versioned<SettingsOverlay>,
        registered: DynamoLocations,
    ) -> StoredLocations {
        StoredLocations { environment, settings, registered, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, RegistryCache> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of `location` if they were read within `age`; `None` otherwise.
    fn remembered(&self, location: &LocationId, age: Duration) -> Option<Option<SettingsOverlay>> {
        let known = self.known();
        let (read_at, overlay) = known.overlays.get(location)?;
        (read_at.elapsed() < age).then(|| overlay.clone())
    }

    fn remember(&self, location: &LocationId, overlay: Option<SettingsOverlay>) {
        let overlays = &mut self.known().overlays;
        if overlays.len() >= REMEMBERED {
            overlays.clear();
        }
        overlays.insert(location.clone(), (Instant::now(), overlay));
    }

    /// The settings for a call of `location`: those read at the batch's start hold until its end, so a failing store
    /// takes no token away.
    ///
    /// # Errors
    /// If nothing was read yet and the store does not answer.
    pub(crate) async fn in_batch(&self, location: &LocationId) -> Result<LocationSettings, PortError> {
        let overlay = match self.remembered(location, Duration::MAX) {
            Some(overlay) => overlay,
            None => self.overlay(location).await?,
        };
        Ok(overlay.unwrap_or_default().over(self.environment.settings(location)))
    }

    /// Checks that `settings` lead to `location`'s own key, if required.
    pub(crate) fn check_key(&self, location: &LocationId, settings: &LocationSettings) -> Result<(), SettingsError> {
        self.environment.check_key(location, settings)
    }

    /// The token that `credentials` refers to, if it is in the environment.
    pub(crate) fn token(&self, credentials: &CredentialsRef) -> Option<Secret> {
        self.environment.token(credentials)
    }

    /// The settings of `location`; `None` if neither the environment names it nor anybody has registered it.
    async fn overlay(&self, location: &LocationId) -> Result<Option<SettingsOverlay>, PortError> {
        if let Some(overlay) = self.remembered(location, FRESH) {
            return Ok(overlay);
        }
        self.read(location).await
    }

    async fn read(&self, location: &LocationId) -> Result<Option<SettingsOverlay>, PortError> {
        let overlay = self.settings.load(location).await?.map(|stored| stored.value);
        let overlay = overlay.or_else(|| self.environment.names(location).then(SettingsOverlay::default));
        self.remember(location, overlay.clone());
        Ok(overlay)
    }
}

#[async_trait]
impl LocationRegistry for StoredLocations {
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        let overlay = self.overlay(location).await?;
        Ok(overlay.map(|overlay| overlay.over(self.environment.settings(location))))
    }

    async fn location_now(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        let overlay = self.read(location).await?;
        Ok(overlay.map(|overlay| overlay.over(self.environment.settings(location))))
    }

    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError> {
        Ok(self.environment.members(scope))
    }

    async fn locations(&self) -> Result<Vec<LocationId>, PortError> {
        let mut locations: BTreeSet<LocationId> = self.environment.named().cloned().collect();
        locations.extend(self.registered.list().await?);
        Ok(locations.into_iter().collect())
    }

    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError> {
        let scopes: BTreeSet<ScopeId> =
            self.locations().await?.iter().map(|location| self.environment.settings(location).scope).collect();
        Ok(scopes.into_iter().collect())
    }

    async fn register(&self, location: &LocationId) -> Result<(), PortError> {
        if self.known().registered.contains(location) {
            return Ok(());
        }
        self.registered.register(location).await?;
        let mut known = self.known();
        known.overlays.remove(location);
        if known.registered.len() < REMEMBERED {
            known.registered.insert(location.clone());
        }
        Ok(())
    }

    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError> {
        let stored = self.settings.load(location).await?;
        let is_named = self.environment.names(location);
        let is_known = stored.is_some() || is_named;
        let Entry { rev, value: overlay } = stored.unwrap_or_default();
        self.remember(location, is_known.then(|| overlay.clone()));
        Ok(Some(StoredSettings { rev, overlay, base: self.environment.settings(location), is_named }))
    }

    async fn page(&self, after: Option<&LocationId>, limit: u32) -> Result<LocationIds, PortError> {
        let LocationIds { ids, has_more } = self.registered.page(after, limit).await?;
        // Inserts the locations that the environment names, up to the end of this page.
        let reach = ids.last().filter(|_| has_more).cloned();
        let mut ids: BTreeSet<LocationId> = ids.into_iter().collect();
        let is_on_page =
            |id: &&LocationId| after.is_none_or(|after| *id > after) && reach.as_ref().is_none_or(|reach| *id <= reach);
        ids.extend(self.environment.named().filter(is_on_page).cloned());
        let has_more = has_more || ids.len() > limit as usize;
        Ok(LocationIds { ids: ids.into_iter().take(limit as usize).collect(), has_more })
    }

    async fn stored_each(&self, locations: &[LocationId]) -> Result<Vec<Option<StoredSettings>>, PortError> {
        let stored = self.settings.load_each(locations).await?;
        let settings = locations.iter().zip(stored).map(|(location, stored)| {
            let is_named = self.environment.names(location);
            let Entry { rev, value: overlay } = match stored {
                Some(stored) => stored,
                None if is_named => Entry::default(),
                None => return None,
            };
            Some(StoredSettings { rev, overlay, base: self.environment.settings(location), is_named })
        });
        Ok(settings.collect())
    }

    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<Replaced<Option<Entry<SettingsOverlay>>>, PortError> {
        let replaced = self.settings.replace(location, rev, overlay).await?;
        if let Replaced::Written { .. } = replaced {
            self.remember(location, Some(overlay.clone()));
        }
        Ok(replaced)
    }

    async fn remove(&self, location: &LocationId, rev: u64) -> Result<bool, PortError> {
        let is_gone = self.settings.remove(location, Some(rev)).await?;
        let mut known = self.known();
        known.overlays.remove(location);
        known.registered.remove(location);
        Ok(is_gone)
    }
}

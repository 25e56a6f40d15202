//! The location registry: known locations and their settings.

use async_trait::async_trait;

use super::{Entry, PortError, Replaced};
use ghl_sync_model::{LocationId, LocationSettings, ScopeId, SettingsOverlay};

/// Settings of locations: an operator's overlay over the environment's values.
#[async_trait]
pub trait LocationRegistry: Send + Sync {
    /// The settings of a location; `None` if it is unknown. They may be some seconds old.
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError>;

    /// The same, strongly consistent: an operator's change applies as soon as it is confirmed.
    async fn location_now(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError>;

    /// The locations that share `scope`.
    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError>;

    /// All known locations: those named in the environment and those ever registered, whether enabled or not.
    async fn locations(&self) -> Result<Vec<LocationId>, PortError>;

    /// The scopes of all known locations.
    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError>;

    /// Makes `location` known to [`LocationRegistry::locations`]. Called before its first record is put; free after
    /// that.
    async fn register(&self, location: &LocationId) -> Result<(), PortError>;

    /// The current settings (strongly consistent) with their revision; `None` if the location is unknown.
    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError>;

    /// Up to `limit` known locations by id, after `after` or from the first, and whether there are more. A location
    /// registered a moment ago may be missing.
    async fn page(&self, after: Option<&LocationId>, limit: u32) -> Result<LocationIds, PortError>;

    /// The current settings of these locations, in the given order; `None` for an unknown one.
    async fn stored_each(&self, locations: &[LocationId]) -> Result<Vec<Option<StoredSettings>>, PortError>;

    /// Stores `overlay` in place of the previous one, if the stored revision is still `rev` (0: none yet), and makes
    /// the location known.
    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<Replaced<Option<Entry<SettingsOverlay>>>, PortError>;

    /// Deletes the overlay of `location`, if the stored revision is still `rev`, and returns whether it is gone. The
    /// location is then unknown, unless the environment names it.
    async fn remove(&self, location: &LocationId, rev: u64) -> Result<bool, PortError>;
}

/// A page of known locations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocationIds {
    /// The locations, by id.
    pub ids: Vec<LocationId>,
    /// Whether more follow.
    pub has_more: bool,
}

/// The settings of a location, by source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSettings {
    /// Advances with every change; 0 if nothing was ever set.
    pub rev: u64,
    /// The operator's values.
    pub overlay: SettingsOverlay,
    /// The environment's values.
    pub base: LocationSettings,
    /// Whether the environment names the location: then it is known even if nothing is stored.
    pub is_named: bool,
}

impl StoredSettings {
    /// The settings in force: the overlay over the base.
    #[must_use]
    pub fn effective(&self) -> LocationSettings {
        self.overlay.over(self.base.clone())
    }
}

//! The locations and their settings.

use async_trait::async_trait;

use super::{Entry, PortError, Replaced};
use ghl_sync_model::{LocationId, LocationSettings, ScopeId, SettingsOverlay};

/// Settings of locations: what an operator has set, over what the environment says.
#[async_trait]
pub trait LocationRegistry: Send + Sync {
    /// The settings of one location; `None` if it is not known. They may be some seconds old.
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError>;

    /// The same as they are now (strongly consistent): what an operator has set holds from his answer on.
    async fn location_now(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError>;

    /// The locations that share a scope.
    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError>;

    /// All locations that are known: those named in the environment and those that were ever registered, enabled or
    /// not.
    async fn locations(&self) -> Result<Vec<LocationId>, PortError>;

    /// The scopes of all of these.
    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError>;

    /// Makes `location` known, for [`LocationRegistry::locations`]. Done before its first record is put; after that it costs
    /// nothing.
    async fn register(&self, location: &LocationId) -> Result<(), PortError>;

    /// The settings as they are now (strongly consistent); `None` if the location is not known.
    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError>;

    /// So many known locations, by id, after this one or from the first on; and whether there are more. One that was made
    /// known a moment ago may be missing.
    async fn page(&self, after: Option<&LocationId>, limit: u32) -> Result<LocationIds, PortError>;

    /// The settings of these as they are now, in their order; `None` for one that is not known.
    async fn stored_each(&self, locations: &[LocationId]) -> Result<Vec<Option<StoredSettings>>, PortError>;

    /// Stores `overlay` in place of what was set before, if the stored revision is still `rev` (0: nothing was set
    /// yet), and makes the location known.
    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<Replaced<Option<Entry<SettingsOverlay>>>, PortError>;

    /// Takes away what was set for `location`, if the stored revision is still `rev`, and returns whether it is gone. It is
    /// not known any more then, unless the environment names it.
    async fn remove(&self, location: &LocationId, rev: u64) -> Result<bool, PortError>;
}

/// Some of the known locations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocationIds {
    /// These, by id.
    pub ids: Vec<LocationId>,
    /// Whether others follow.
    pub has_more: bool,
}

/// The settings of a location, and what of them an operator has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSettings {
    /// Advances with every change; 0 when nothing was ever set.
    pub rev: u64,
    /// What an operator has set.
    pub overlay: SettingsOverlay,
    /// What the environment says.
    pub base: LocationSettings,
    /// Whether the environment names it: then it is known whatever is stored.
    pub is_named: bool,
}

impl StoredSettings {
    /// What holds: the overlay over the base.
    #[must_use]
    pub fn effective(&self) -> LocationSettings {
        self.overlay.over(self.base.clone())
    }
}

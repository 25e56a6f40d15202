//! Settings of locations, as an operator sees and changes them.

use crate::Operator;
use ghl_sync_engine::ports::{PortError, Replaced, StoredSettings};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{LocationId, LocationSettings, SettingsError, SettingsOverlay};

/// How a location is treated, and what of that an operator has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationView {
    /// Which.
    pub location_id: LocationId,
    /// Advances with every change; 0 when nothing was ever set.
    pub rev: u64,
    /// What holds.
    pub settings: LocationSettings,
    /// What of it an operator has set; the rest is as the environment says.
    pub overlay: SettingsOverlay,
}

/// Why settings were not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutSettingsError {
    /// The location is not known, and cannot be.
    #[error("location {0} is unknown")]
    Unknown(LocationId),
    /// One of them makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// They have been changed since they were read.
    #[error("the settings have revision {current} by now; read them again")]
    Changed {
        /// The revision that they have now.
        current: u64,
    },
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Operator {
    /// How `location` is treated; `None` if it is not known.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn location(&self, location: &LocationId) -> Result<Option<LocationView>, PortError> {
        let stored = self.ports().registry.stored(location).await?;
        Ok(stored.map(|stored| view(location, stored)))
    }

    /// Sets `overlay` for `location`, in place of all that was set before; with `expected`, only if that is still its
    /// revision. A location that is enabled is started. If it is disabled or in dry run, no call begins any more that does
    /// not go by that, from the moment on when this returns.
    ///
    /// # Errors
    /// [`PutSettingsError`] says which setting is wrong, or that somebody else was faster.
    pub async fn put_settings(
        &self,
        location: &LocationId,
        expected: Option<u64>,
        overlay: &SettingsOverlay,
    ) -> Result<LocationView, PutSettingsError> {
        let stored = self.ports().registry.stored(location).await?;
        let stored = stored.ok_or_else(|| PutSettingsError::Unknown(location.clone()))?;
        if expected.is_some_and(|expected| expected != stored.rev) {
            return Err(PutSettingsError::Changed { current: stored.rev });
        }
        let changed = StoredSettings { overlay: overlay.clone(), ..stored };
        let effective = changed.effective();
        effective.check()?;
        effective.check_key(location)?;
        match self.ports().registry.store(location, changed.rev, overlay).await? {
            Replaced::Written { rev } => {
                let view = view(location, StoredSettings { rev, ..changed });
                // Also when nothing has changed: the last try may have got no further than the store.
                if view.settings.dry_run || !view.settings.enabled {
                    self.stop(&view.settings).await?;
                }
                self.settings_changed(&view).await;
                Ok(view)
            }
            Replaced::Conflict(standing) => {
                Err(PutSettingsError::Changed { current: standing.map_or(0, |standing| standing.rev) })
            }
        }
    }

    /// What waited because the location was disabled, or slower, goes on. Should that fail, the sweep makes it good.
    async fn settings_changed(&self, LocationView { location_id, settings, .. }: &LocationView) {
        let scope = &settings.scope;
        self.ports().sink.emit(&Event::Operated { location: location_id, scope, action: "settings" });
        if settings.enabled
            && let Err(error) = self.engine.start(scope).await
        {
            self.engine.port_failed(scope.clone(), &error);
        }
        if let Err(error) = self.engine.tell_standing(location_id).await {
            self.engine.port_failed(scope.clone(), &error);
        }
    }
}

fn view(location: &LocationId, stored: StoredSettings) -> LocationView {
    LocationView {
        location_id: location.clone(),
        rev: stored.rev,
        settings: stored.effective(),
        overlay: stored.overlay,
    }
}

//! Settings of locations, as an operator sees and changes them.

use std::time::Duration;

use crate::Operator;
use ghl_sync_engine::ports::{PortError, Replaced, StoredSettings, Versioned};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    Api, Ask, CredentialsRef, LocationFacts, LocationId, LocationSettings, SettingsError, SettingsOverlay,
};

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

    /// What GHL told of `location`; `None` if it was never asked.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn facts(&self, location: &LocationId) -> Result<Option<LocationFacts>, PortError> {
        let facts: Versioned<LocationFacts> = Versioned::new(self.ports().items.clone());
        Ok(facts.load(location).await?.map(|stored| stored.value))
    }

    /// Sets `overlay` for `location`, in place of all that was set before; with `expected`, only if that is still its
    /// revision. A location that is enabled is started; if it is new, or reached in another way than before, GHL is asked
    /// what it is. If it is disabled or in dry run, no call begins any more that does not go by that, from the moment on
    /// when this returns.
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
        let before = (stored.rev > 0).then(|| Access::of(&stored.effective()));
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
                let access = Access::of(&view.settings);
                if access.is_open && before.is_none_or(|before| before != access) {
                    self.ask_for_facts(location).await;
                }
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

    /// Should that fail, the daily schedule makes it good.
    pub(super) async fn ask_for_facts(&self, location: &LocationId) {
        if let Err(error) = self.ports().queue.ask(Ask::Facts, location, Duration::ZERO).await {
            self.engine.port_failed(location.clone(), &error);
        }
    }
}

/// What decides on whether, and where, GHL can be asked what a location is.
#[derive(PartialEq, Eq)]
struct Access {
    is_open: bool,
    api: Api,
    credentials: CredentialsRef,
}

impl Access {
    fn of(settings: &LocationSettings) -> Access {
        let LocationSettings { enabled, dry_run, api, credentials, .. } = settings;
        Access { is_open: *enabled && !dry_run, api: *api, credentials: credentials.clone() }
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

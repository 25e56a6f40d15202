//! Settings of locations, as an operator sees and changes them.

use std::time::Duration;

use futures::StreamExt;
use ghl_sync_engine::ports::{Entry, PortError, Replaced, StoredSettings, Versioned};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    Api, Ask, CredentialsRef, LocationFacts, LocationId, LocationProfile, LocationSettings, SettingsError,
    SettingsOverlay,
};

use crate::Operator;
use crate::items::JsonFault;

/// Locations changed at once.
const AT_ONCE: usize = 16;
/// What many locations are is asked after this, and so far apart: nobody waits for it, and somebody may be about to change
/// some hundreds more.
const MANY_ASKED_AFTER: Duration = Duration::from_secs(30);
const APART: Duration = Duration::from_millis(500);
/// Tries while others change the same settings.
const TRIES: u32 = 5;

/// How a location is treated, and what of that an operator has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationView {
    /// GHL's id of the location.
    pub location_id: LocationId,
    /// Advances with every change; 0 when nothing was ever set.
    pub rev: u64,
    /// What holds.
    pub settings: LocationSettings,
    /// What of it an operator has set; the rest is as the environment says.
    pub overlay: SettingsOverlay,
}

/// Makes other settings of those that are set, or says what is wrong with what it makes.
pub type ChangeSettings = Box<dyn Fn(&SettingsOverlay) -> Result<SettingsOverlay, JsonFault> + Send + Sync>;

/// A change of a location's settings.
pub struct SettingsChange {
    /// Which location.
    pub location: LocationId,
    /// Only if this is still the revision.
    pub expected: Option<u64>,
    /// What is set from then on, made of what is set now. Others may write in between: then it is called again.
    pub change: ChangeSettings,
    /// Whether that is written, and the revision advances, also where it is what is set already.
    pub is_written_anyway: bool,
}

/// Settings after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSettings {
    /// As they are now.
    pub view: LocationView,
    /// Whether they were written; else they were so already.
    pub is_written: bool,
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
    /// What the change makes of them are no settings.
    #[error("field `{}` {}", .0.field, .0.detail)]
    Fault(JsonFault),
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

    /// What lists show of `location`; `None` if GHL was never asked.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn profile(&self, location: &LocationId) -> Result<Option<LocationProfile>, PortError> {
        let profiles: Versioned<LocationProfile> = Versioned::new(self.ports().items.clone());
        Ok(profiles.load(location).await?.map(|stored| stored.value))
    }

    /// Sets `overlay` for `location`, in place of all that was set before; with `expected`, only if that is still its
    /// revision. See [`change_settings`](Self::change_settings).
    ///
    /// # Errors
    /// [`PutSettingsError`] says which setting is wrong, or that somebody else was faster.
    pub async fn put_settings(
        &self,
        location: &LocationId,
        expected: Option<u64>,
        overlay: &SettingsOverlay,
    ) -> Result<LocationView, PutSettingsError> {
        let overlay = overlay.clone();
        let change = Box::new(move |_: &SettingsOverlay| Ok(overlay.clone()));
        let change = SettingsChange { location: location.clone(), expected, change, is_written_anyway: true };
        self.change_one(change).await.map(|changed| changed.view)
    }

    /// One change of settings; see [`change_settings`](Self::change_settings).
    ///
    /// # Errors
    /// [`PutSettingsError`].
    pub async fn change_one(&self, change: SettingsChange) -> Result<ChangedSettings, PutSettingsError> {
        let location = change.location.clone();
        self.change_settings(vec![change]).await.pop().unwrap_or(Err(PutSettingsError::Unknown(location)))
    }

    /// Makes all `changes`, each of another location, and returns what became of each, in their order: one that fails spoils
    /// no other.
    ///
    /// A location that is enabled is started (many by the next tick); if it is new, or reached in another way than before,
    /// GHL is asked what it is. Of those that are disabled or in dry run, no call begins any more that does not go by that,
    /// from the moment on when this returns.
    pub async fn change_settings(
        &self,
        changes: Vec<SettingsChange>,
    ) -> Vec<Result<ChangedSettings, PutSettingsError>> {
        let stored = changes.into_iter().map(|change| self.store_settings(change));
        let stored: Vec<_> = futures::stream::iter(stored).buffered(AT_ONCE).collect().await;
        let stopped = stored.into_iter().map(|stored| async {
            let stored = stored?;
            // Also when nothing has changed: the last try may have got no further than the store.
            if stored.is_safer() {
                self.tell_to_stop(&stored.changed.view.settings).await?;
            }
            Ok(stored)
        });
        let stopped: Vec<Result<Stored, PutSettingsError>> =
            futures::stream::iter(stopped).buffered(AT_ONCE).collect().await;
        if stopped.iter().flatten().any(Stored::is_safer) {
            self.engine.until_all_know().await;
        }
        let are_many = stopped.len() > 1;
        let followed = stopped.into_iter().zip(0_u32..).map(|(stored, place)| async move {
            let stored = stored?;
            self.settings_changed(&stored.changed.view, are_many).await;
            if stored.asks_for_facts {
                let delay = if are_many { MANY_ASKED_AFTER + APART * place } else { Duration::ZERO };
                self.ask_for_facts(&stored.changed.view.location_id, delay).await;
            }
            Ok(stored.changed)
        });
        futures::stream::iter(followed).buffered(AT_ONCE).collect().await
    }

    async fn store_settings(&self, change: SettingsChange) -> Result<Stored, PutSettingsError> {
        let SettingsChange { location, expected, change, is_written_anyway } = change;
        let location = &location;
        let stored = self.ports().registry.stored(location).await?;
        let mut stored = stored.ok_or_else(|| PutSettingsError::Unknown(location.clone()))?;
        for _ in 0..TRIES {
            let is_expected = expected.is_none_or(|expected| expected == stored.rev);
            if !is_expected && is_written_anyway {
                break;
            }
            let before = (stored.rev > 0).then(|| Access::of(&stored.effective()));
            let overlay = change(&stored.overlay).map_err(PutSettingsError::Fault)?;
            let is_same = overlay == stored.overlay && stored.rev > 0;
            // A request whose answer was lost comes again, and finds that it was done.
            if !is_expected && !is_same {
                break;
            }
            let changed = StoredSettings { overlay, ..stored.clone() };
            let effective = changed.effective();
            effective.check()?;
            effective.check_key(location)?;
            changed.overlay.check()?;
            let asks_for_facts = |view: &LocationView| {
                let access = Access::of(&view.settings);
                access.is_open && before.is_none_or(|before| before != access)
            };
            if is_same && !is_written_anyway {
                let view = view(location, changed);
                return Ok(Stored { changed: ChangedSettings { view, is_written: false }, asks_for_facts: false });
            }
            match self.ports().registry.store(location, changed.rev, &changed.overlay).await? {
                Replaced::Written { rev } => {
                    let view = view(location, StoredSettings { rev, ..changed });
                    let asks_for_facts = asks_for_facts(&view);
                    return Ok(Stored { changed: ChangedSettings { view, is_written: true }, asks_for_facts });
                }
                Replaced::Conflict(standing) => {
                    let Entry { rev, value: overlay } = standing.unwrap_or_default();
                    stored = StoredSettings { rev, overlay, ..stored };
                }
            }
        }
        Err(PutSettingsError::Changed { current: stored.rev })
    }

    /// What waited because the location was disabled, or slower, goes on: at once, or of many with the next tick. Should
    /// that fail, the sweep makes it good.
    async fn settings_changed(&self, LocationView { location_id, settings, .. }: &LocationView, are_many: bool) {
        let scope = &settings.scope;
        self.ports().sink.emit(&Event::Operated { location: location_id, scope, action: "settings" });
        if settings.enabled {
            let started = match are_many {
                true => self.ports().gates.advance_work_seq(scope, self.ports().clock.now()).await,
                false => self.engine.start(scope).await.map(drop),
            };
            if let Err(error) = started {
                self.engine.port_failed(scope.clone(), &error);
            }
        }
        if let Err(error) = self.engine.tell_standing(location_id).await {
            self.engine.port_failed(scope.clone(), &error);
        }
    }

    /// Should that fail, the daily schedule makes it good.
    pub(super) async fn ask_for_facts(&self, location: &LocationId, delay: Duration) {
        if let Err(error) = self.ports().queue.ask(Ask::Facts, location, delay).await {
            self.engine.port_failed(location.clone(), &error);
        }
    }
}

/// A change that is stored, or need not be.
struct Stored {
    changed: ChangedSettings,
    asks_for_facts: bool,
}

impl Stored {
    /// Whether whoever is at work there must end.
    fn is_safer(&self) -> bool {
        let settings = &self.changed.view.settings;
        settings.dry_run || !settings.enabled
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

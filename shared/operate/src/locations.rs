//! Reading and changing the settings of locations.

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

/// Locations changed concurrently.
const AT_ONCE: usize = 16;
/// After a bulk change, delay before the locations' facts are requested, and the interval between them: nobody waits
/// for them, and somebody may be about to change some hundreds more.
const MANY_ASKED_AFTER: Duration = Duration::from_secs(30);
const APART: Duration = Duration::from_millis(500);
/// Tries while others change the same settings.
const TRIES: u32 = 5;

/// The settings of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationView {
    /// GHL's id of the location.
    pub location_id: LocationId,
    /// Advances with every change; 0 if nothing was ever set.
    pub rev: u64,
    /// The settings in force.
    pub settings: LocationSettings,
    /// The part that an operator has set; the rest comes from the environment.
    pub overlay: SettingsOverlay,
}

/// Computes a new overlay from the current one, or reports what is wrong with the result.
pub type ChangeSettings = Box<dyn Fn(&SettingsOverlay) -> Result<SettingsOverlay, JsonFault> + Send + Sync>;

/// A change of a location's settings.
pub struct SettingsChange {
    /// The location.
    pub location: LocationId,
    /// The revision that must still be stored, if given.
    pub expected: Option<u64>,
    /// Computes the new overlay from the current one. Called again if others write in between.
    pub change: ChangeSettings,
    /// Whether to write, and advance the revision, even if nothing changes.
    pub is_written_anyway: bool,
}

/// The result of a change of settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSettings {
    /// The settings after the change.
    pub view: LocationView,
    /// Whether they were written; otherwise they were the same already.
    pub is_written: bool,
}

/// Why settings were not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutSettingsError {
    /// The location is unknown, and cannot be registered.
    #[error("location {0} is unknown")]
    Unknown(LocationId),
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The change produced invalid settings.
    #[error("field `{}` {}", .0.field, .0.detail)]
    Fault(JsonFault),
    /// The settings have changed since they were read.
    #[error("the settings have revision {current} by now; read them again")]
    Changed {
        /// The current revision.
        current: u64,
    },
    /// A store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Operator {
    /// The settings of `location`; `None` if it is unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn location(&self, location: &LocationId) -> Result<Option<LocationView>, PortError> {
        let stored = self.ports().registry.stored(location).await?;
        Ok(stored.map(|stored| view(location, stored)))
    }

    /// The facts that GHL reported about `location`; `None` if it was never asked.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn facts(&self, location: &LocationId) -> Result<Option<LocationFacts>, PortError> {
        let facts: Versioned<LocationFacts> = Versioned::new(self.ports().items.clone());
        Ok(facts.load(location).await?.map(|stored| stored.value))
    }

    /// The profile that lists show of `location`; `None` if GHL was never asked.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn profile(&self, location: &LocationId) -> Result<Option<LocationProfile>, PortError> {
        let profiles: Versioned<LocationProfile> = Versioned::new(self.ports().items.clone());
        Ok(profiles.load(location).await?.map(|stored| stored.value))
    }

    /// Replaces the overlay of `location`; with `expected`, only if that is still its revision. See
    /// [`change_settings`](Self::change_settings).
    ///
    /// # Errors
    /// [`PutSettingsError`] says which setting is wrong, or that somebody else wrote first.
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

    /// Makes one change of settings; see [`change_settings`](Self::change_settings).
    ///
    /// # Errors
    /// [`PutSettingsError`].
    pub async fn change_one(&self, change: SettingsChange) -> Result<ChangedSettings, PutSettingsError> {
        let location = change.location.clone();
        self.change_settings(vec![change]).await.pop().unwrap_or(Err(PutSettingsError::Unknown(location)))
    }

    /// Makes all `changes`, each to a different location, and returns their results in order. A failure does not affect
    /// the others.
    ///
    /// A location that is enabled is started (many by the next tick). If it is new, or reached in a different way than
    /// before, GHL is asked for its facts. When this returns, no call begins that ignores that a location was disabled
    /// or put into dry run.
    pub async fn change_settings(
        &self,
        changes: Vec<SettingsChange>,
    ) -> Vec<Result<ChangedSettings, PutSettingsError>> {
        let stored = changes.into_iter().map(|change| self.store_settings(change));
        let stored: Vec<_> = futures::stream::iter(stored).buffered(AT_ONCE).collect().await;
        let stopped = stored.into_iter().map(|stored| async {
            let stored = stored?;
            // Even if nothing has changed: an earlier try may have failed after storing the settings.
            if stored.is_safer() {
                self.tell_to_stop(&stored.changed.view.settings).await?;
            }
            Ok(stored)
        });
        let stopped: Vec<Result<StoredChange, PutSettingsError>> =
            futures::stream::iter(stopped).buffered(AT_ONCE).collect().await;
        if stopped.iter().flatten().any(StoredChange::is_safer) {
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

    async fn store_settings(&self, change: SettingsChange) -> Result<StoredChange, PutSettingsError> {
        let SettingsChange { location, expected, change, is_written_anyway } = change;
        let location = &location;
        let stored = self.ports().registry.stored(location).await?;
        let mut stored = stored.ok_or_else(|| PutSettingsError::Unknown(location.clone()))?;
        for _ in 0..TRIES {
            let is_expected = expected.is_none_or(|expected| expected == stored.rev);
            if !is_expected && is_written_anyway {
                break;
            }
            let before = (stored.rev > 0).then(|| FactsAccess::of(&stored.effective()));
            let overlay = change(&stored.overlay).map_err(PutSettingsError::Fault)?;
            let is_same = overlay == stored.overlay && stored.rev > 0;
            // A request whose answer was lost is repeated, and finds its change done.
            if !is_expected && !is_same {
                break;
            }
            let changed = StoredSettings { overlay, ..stored.clone() };
            let effective = changed.effective();
            effective.check()?;
            effective.check_key(location)?;
            changed.overlay.check()?;
            let asks_for_facts = |view: &LocationView| {
                let access = FactsAccess::of(&view.settings);
                access.is_open && before.is_none_or(|before| before != access)
            };
            if is_same && !is_written_anyway {
                let view = view(location, changed);
                return Ok(StoredChange {
                    changed: ChangedSettings { view, is_written: false },
                    asks_for_facts: false,
                });
            }
            match self.ports().registry.store(location, changed.rev, &changed.overlay).await? {
                Replaced::Written { rev } => {
                    let view = view(location, StoredSettings { rev, ..changed });
                    let asks_for_facts = asks_for_facts(&view);
                    return Ok(StoredChange { changed: ChangedSettings { view, is_written: true }, asks_for_facts });
                }
                Replaced::Conflict(standing) => {
                    let Entry { rev, value: overlay } = standing.unwrap_or_default();
                    stored = StoredSettings { rev, overlay, ..stored };
                }
            }
        }
        Err(PutSettingsError::Changed { current: stored.rev })
    }

    /// Resumes work that waited because the location was disabled or slower: at once, or with the next tick if many
    /// locations changed. If that fails, the sweep repairs it.
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

    /// Asks GHL for the facts of `location`. If that fails, the daily schedule repairs it.
    pub(super) async fn ask_for_facts(&self, location: &LocationId, delay: Duration) {
        if let Err(error) = self.ports().queue.ask(Ask::Facts, location, delay).await {
            self.engine.port_failed(location.clone(), &error);
        }
    }
}

/// A change that was stored, or was not needed.
struct StoredChange {
    changed: ChangedSettings,
    asks_for_facts: bool,
}

impl StoredChange {
    /// Whether running work must stop.
    fn is_safer(&self) -> bool {
        let settings = &self.changed.view.settings;
        settings.dry_run || !settings.enabled
    }
}

/// The settings that decide if, and where, GHL can be asked for the location's facts.
#[derive(PartialEq, Eq)]
struct FactsAccess {
    is_open: bool,
    api: Api,
    credentials: CredentialsRef,
}

impl FactsAccess {
    fn of(settings: &LocationSettings) -> FactsAccess {
        let LocationSettings { enabled, dry_run, api, credentials, .. } = settings;
        FactsAccess { is_open: *enabled && !dry_run, api: *api, credentials: credentials.clone() }
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

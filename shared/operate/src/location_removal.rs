//! Removes a location: nothing calls GHL for it any more, and its settings are deleted; on request, its records as
//! well. Nothing is deleted in GHL.

use std::time::Duration;

use futures::StreamExt;
use ghl_sync_engine::ports::{ListedPage, Loaded, PortError, Versioned};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{LocationFacts, LocationId, LocationProfile, RecordCursor, SettingsOverlay};

use crate::{ChangeSettings, LocationView, Operator, PutSettingsError, SettingsChange};

/// Records read at a time.
const PAGE: u32 = 500;
/// Records forgotten concurrently.
const AT_ONCE: usize = 16;
/// Longest time that one request works: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(15);

/// Results of removing a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Records forgotten in this step.
    pub records: u64,
    /// Known states that were deleted with them.
    pub known_states: u64,
    /// Whether the removal is complete; otherwise the location is disabled, and repeating the call continues.
    pub is_complete: bool,
    /// Whether the location is unknown now. One that the environment names stays known, but disabled.
    pub is_gone: bool,
    /// Whether its records are kept. They wait, and continue if the location becomes known again.
    pub keeps_records: bool,
}

impl Operator {
    /// Disables `location`, forgets its records if `forgets_records`, and then deletes its settings, facts and
    /// counters. When this returns, no further call begins. A large location takes more than one call: repeating the
    /// call continues.
    ///
    /// # Errors
    /// [`PutSettingsError`]: if it is unknown, or somebody changes its settings in between. Repeating the call is safe.
    pub async fn remove_location(
        &self,
        location: &LocationId,
        forgets_records: bool,
    ) -> Result<Removal, PutSettingsError> {
        let registry = &self.ports().registry;
        if registry.location_now(location).await?.is_none() {
            return Err(PutSettingsError::Unknown(location.clone()));
        }
        let switch_off = |set: &SettingsOverlay| Ok(SettingsOverlay { enabled: Some(false), ..set.clone() });
        let LocationView { rev, settings, .. } =
            self.change_one(change(location, None, Box::new(switch_off))).await?.view;
        let mut removal = Removal::default();
        if forgets_records && !self.forget_records(location, &mut removal).await? {
            self.engine.tell_standings_of(&settings.scope).await;
            return Ok(removal);
        }
        let ListedPage { records, .. } = self.ports().outbox.listed(location, None, None, 1).await?;
        removal.keeps_records = !records.is_empty();
        let items = &self.ports().items;
        Versioned::<LocationFacts>::new(items.clone()).remove(location, None).await?;
        Versioned::<LocationProfile>::new(items.clone()).remove(location, None).await?;
        // The settings come last, so that an interrupted removal can be repeated.
        let is_named = registry.stored(location).await?.is_some_and(|stored| stored.is_named);
        if is_named {
            // Without this overlay, the environment's settings would apply, and it would resume.
            let only_off =
                |_: &SettingsOverlay| Ok(SettingsOverlay { enabled: Some(false), ..SettingsOverlay::default() });
            self.change_one(change(location, Some(rev), Box::new(only_off))).await?;
        } else {
            self.ports().counters.forget(location).await?;
            if !registry.remove(location, rev).await? {
                let current = registry.stored(location).await?.map_or(0, |stored| stored.rev);
                return Err(PutSettingsError::Changed { current });
            }
        }
        self.ports().sink.emit(&Event::Operated { location, scope: &settings.scope, action: "remove" });
        Ok(Removal { is_complete: true, is_gone: !is_named, ..removal })
    }

    /// Returns whether all records are gone.
    async fn forget_records(&self, location: &LocationId, removal: &mut Removal) -> Result<bool, PortError> {
        let clock = &self.ports().clock;
        let (started, mut after) = (clock.now(), None::<RecordCursor>);
        loop {
            let ListedPage { records, next } = self.ports().outbox.listed(location, None, after.as_ref(), PAGE).await?;
            let mut forgotten = futures::stream::iter(records)
                .map(|loaded| self.forget_alone(location, loaded))
                .buffer_unordered(AT_ONCE);
            while let Some(was_known) = forgotten.next().await {
                removal.records += 1;
                removal.known_states += u64::from(was_known?);
            }
            after = next;
            if after.is_none() {
                return Ok(true);
            }
            if clock.now().since(started) >= LONGEST {
                return Ok(false);
            }
        }
    }

    /// Forgets one record. Returns whether it had a known state. Records that waited for it are not woken: they go,
    /// too.
    async fn forget_alone(&self, location: &LocationId, loaded: Loaded) -> Result<bool, PortError> {
        let (key, ghl_id) = match loaded {
            Loaded::Record(record) => (record.key, record.ghl_id),
            Loaded::Damaged { key, .. } => (key, None),
        };
        let was_known = self.forget_what_was_told(location, &key, ghl_id.as_ref()).await?;
        self.ports().outbox.forget(location, &key).await?;
        Ok(was_known)
    }
}

fn change(location: &LocationId, expected: Option<u64>, change: ChangeSettings) -> SettingsChange {
    SettingsChange { location: location.clone(), expected, change, is_written_anyway: false }
}

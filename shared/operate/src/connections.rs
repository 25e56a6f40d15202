//! Connections to GHL: browser consents, and the locations that they serve. The credentials themselves are stored
//! elsewhere; connections hold references to them.

use std::time::Duration;

use ghl_sync_engine::ports::{Entry, ItemPage, Listing, PortError, Replaced, StoredSettings, Versioned};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{
    Api, ConnectionId, ConsentAttempt, CredentialsRef, GhlConnection, KeyId, LocationId, SettingsOverlay,
};

use crate::{ChangeSettings, LocationView, Operator, PutSettingsError, SettingsChange};

/// Most connections that are listed.
const MOST: usize = 1_000;
/// Connections read per page.
const PAGE: u32 = 100;
/// Tries to write when others keep writing first.
const TRIES: u32 = 5;

impl Operator {
    /// Stores that somebody is on the way to GHL's consent page.
    ///
    /// # Errors
    /// If the store fails, or the id belongs to another attempt; ids are random, so that does not happen.
    pub async fn begin_consent(&self, id: &KeyId, attempt: &ConsentAttempt) -> Result<(), PortError> {
        match self.consents().replace(id, 0, attempt).await? {
            Replaced::Written { .. } => Ok(()),
            Replaced::Conflict(_) => Err(PortError::new("consents.write", "the id is another attempt's")),
        }
    }

    /// The current state of an attempt.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn consent(&self, id: &KeyId) -> Result<Option<Entry<ConsentAttempt>>, PortError> {
        self.consents().load(id).await
    }

    /// Marks the attempt as used when the browser comes back. Returns false if it was used before: of two concurrent
    /// calls, only one returns true.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn use_consent(&self, id: &KeyId, attempt: Entry<ConsentAttempt>) -> Result<bool, PortError> {
        if attempt.value.used {
            return Ok(false);
        }
        let used = ConsentAttempt { used: true, ..attempt.value };
        let replaced = self.consents().replace(id, attempt.rev, &used).await?;
        Ok(matches!(replaced, Replaced::Written { .. }))
    }

    /// The current state of a connection.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<GhlConnection>, PortError> {
        Ok(self.connection_items().load(id).await?.map(|entry| entry.value))
    }

    /// All connections by id, including those that have ended. One that was created a moment ago may be missing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn connections(&self) -> Result<Vec<(ConnectionId, GhlConnection)>, PortError> {
        let mut connections = Vec::new();
        let mut before = Some("connection$".to_owned());
        while let Some(last) = before.take().filter(|_| connections.len() < MOST) {
            let wanted = Listing { from: "connection#".to_owned(), before: last, limit: PAGE };
            let ItemPage { items, next } = self.connection_items().list(&wanted).await?;
            // An item whose key holds no id was created by hand.
            let named = |(key, entry): (String, Entry<_>)| Some((ConnectionId::in_item_key(&key)?, entry.value));
            connections.extend(items.into_iter().filter_map(named));
            before = next;
        }
        connections.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(connections)
    }

    /// Changes a connection, which may not exist yet, with `change`.
    ///
    /// # Errors
    /// If the store fails, or others keep writing first.
    pub async fn change_connection(
        &self,
        id: &ConnectionId,
        change: impl Fn(Option<GhlConnection>) -> GhlConnection,
    ) -> Result<GhlConnection, PortError> {
        let mut standing = self.connection_items().load(id).await?;
        for _ in 0..TRIES {
            let (rev, value) = standing.map_or((0, None), |Entry { rev, value }| (rev, Some(value)));
            let changed = change(value);
            match self.connection_items().replace(id, rev, &changed).await? {
                Replaced::Written { .. } => return Ok(changed),
                Replaced::Conflict(other) => standing = other,
            }
        }
        Err(PortError::new("connections.write", "somebody else was faster each time"))
    }

    /// Connects `location` with `credentials` and keeps its other settings: enables it, resumes it if it was paused
    /// because its credentials were rejected, and asks GHL for its facts.
    ///
    /// # Errors
    /// [`PutSettingsError`].
    pub async fn connect_location(
        &self,
        location: &LocationId,
        credentials: &CredentialsRef,
    ) -> Result<LocationView, PutSettingsError> {
        let stored = self.stored(location).await?;
        let effective = stored.effective();
        // The settings do not change then, although there is a new grant behind them.
        let had = effective.credentials == *credentials && effective.enabled && !effective.dry_run;
        let reference = credentials.clone();
        let reached = move |set: &SettingsOverlay| {
            let is_v1 = with(set, &stored).effective().api == Api::V1;
            let api = if is_v1 { Some(Api::V2) } else { set.api };
            Ok(SettingsOverlay { credentials: Some(reference.clone()), enabled: Some(true), api, ..set.clone() })
        };
        let view = self.change_one(change(location, Box::new(reached), true)).await?.view;
        let now = self.ports().clock.now();
        let stood_still =
            self.engine.change_gate(&view.settings, |gate: &mut Gate| gate.credentials_changed(now)).await?;
        // Anything planned still waits for the end of the pause.
        if stood_still && let Err(error) = self.engine.start_and_tell(&view.settings.scope).await {
            self.engine.port_failed(view.settings.scope.clone(), &error);
        }
        if had {
            self.ask_for_facts(location, Duration::ZERO).await;
        }
        Ok(view)
    }

    /// Disables `location` if it uses `credentials`. The reference stays: without it, credentials meant for others
    /// might be used.
    ///
    /// # Errors
    /// [`PutSettingsError`].
    pub async fn disconnect_location(
        &self,
        location: &LocationId,
        credentials: &CredentialsRef,
    ) -> Result<(), PutSettingsError> {
        let stored = self.stored(location).await?;
        if stored.effective().credentials != *credentials {
            return Ok(());
        }
        let reference = credentials.clone();
        let disabled = move |set: &SettingsOverlay| {
            // Somebody may set other credentials in between.
            let is_reached = with(set, &stored).effective().credentials == reference;
            let enabled = if is_reached { Some(false) } else { set.enabled };
            Ok(SettingsOverlay { enabled, ..set.clone() })
        };
        self.change_one(change(location, Box::new(disabled), false)).await.map(drop)
    }

    async fn stored(&self, location: &LocationId) -> Result<StoredSettings, PutSettingsError> {
        let stored = self.ports().registry.stored(location).await?;
        stored.ok_or_else(|| PutSettingsError::Unknown(location.clone()))
    }

    fn consents(&self) -> Versioned<ConsentAttempt> {
        Versioned::new(self.ports().items.clone())
    }

    fn connection_items(&self) -> Versioned<GhlConnection> {
        Versioned::new(self.ports().items.clone())
    }
}

/// The settings of `stored` with the overlay `set` instead.
fn with(set: &SettingsOverlay, stored: &StoredSettings) -> StoredSettings {
    StoredSettings { overlay: set.clone(), ..stored.clone() }
}

fn change(location: &LocationId, change: ChangeSettings, is_written_anyway: bool) -> SettingsChange {
    SettingsChange { location: location.clone(), expected: None, change, is_written_anyway }
}

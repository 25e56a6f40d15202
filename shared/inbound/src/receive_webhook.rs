//! Receives webhook events from GHL.
//!
//! An event becomes the last known state of its record, or enables or disables a location, and that is all: it makes
//! nothing due. So our own writes cannot come back to us as work, whoever caused the event.
//!
//! Every step may be repeated. The state is stored first and the event's id is remembered last, so an id counts as seen
//! only when nothing is left to store.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::policy::{Precedence, kept_until};
use ghl_sync_engine::ports::{
    Clock, Installations, KnownStates, LocationRegistry, PortError, RemoteKey, Replaced, Replacement, StoredSettings,
};
use ghl_sync_engine::usecase::{Event, EventSink, Received};
use ghl_sync_model::{
    EpochMs, KnownState, LocationSettings, NotForUs, RemoteChange, RemoteContent, RemoteEvent, SettingsOverlay, Webhook,
};

/// How far GHL's clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(300);
/// Ids are remembered for this much longer than events are accepted.
const MARGIN: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long GHL repeats a failed delivery, with a backoff and with its first timestamp.
pub const REPEATED: Duration = Duration::from_secs(3 * 24 * 3600);

/// How often a change of a location's settings is tried when others change them at the same time.
const TRIES: u32 = 4;

/// The events to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRules {
    /// An event is accepted up to this long after it happened (`GHL_WEBHOOK_MAX_AGE`). GHL repeats a delivery that was
    /// not accepted with its first timestamp, for up to [`REPEATED`].
    pub max_age: Duration,
    /// Our app (`GHL_WEBHOOK_APP_ID`). GHL signs the events of all apps with the same key, so without the id we cannot
    /// tell whose installation an event reports.
    pub app_id: Option<String>,
}

impl Default for WebhookRules {
    fn default() -> Self {
        WebhookRules { max_age: REPEATED + DAY, app_id: None }
    }
}

/// The webhook receiver's connections to the outside world.
#[derive(Clone)]
pub struct WebhookPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The last known GHL state of each record.
    pub known: Arc<dyn KnownStates>,
    /// Where the app is installed.
    pub installations: Arc<dyn Installations>,
    /// Settings of locations.
    pub registry: Arc<dyn LocationRegistry>,
    /// Logs and metrics.
    pub sink: Arc<dyn EventSink>,
}

/// Receives webhooks that were verified and parsed. Cheap to clone.
#[derive(Clone)]
pub struct WebhookReceiver {
    ports: WebhookPorts,
    rules: WebhookRules,
}

/// Why a webhook was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It happened too long ago: it may be a replay of a recorded one.
    #[error("field `timestamp` lies {} s back; at most {} s are accepted (GHL_WEBHOOK_MAX_AGE)", .age.as_secs(), .max_age.as_secs())]
    TooOld {
        /// Age of the event.
        age: Duration,
        /// Largest accepted age.
        max_age: Duration,
    },
    /// It lies in the future: one of the clocks is wrong.
    #[error("field `timestamp` lies {} s ahead; at most {} s are accepted", .ahead.as_secs(), AHEAD.as_secs())]
    TooEarly {
        /// How far ahead of our clock it is.
        ahead: Duration,
    },
    /// A store failed. The event may or may not have been stored; receiving it again puts that right.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl WebhookReceiver {
    /// A receiver over `ports`.
    #[must_use]
    pub fn new(ports: WebhookPorts, rules: WebhookRules) -> WebhookReceiver {
        WebhookReceiver { ports, rules }
    }

    /// Receives `webhook`, with at most two writes.
    ///
    /// # Errors
    /// If the event lies outside the time window, or a store fails: GHL must then send it again.
    pub async fn receive(&self, webhook: &Webhook) -> Result<Received, ReceiveError> {
        let (event_type, location, received) = match webhook {
            Webhook::Other { event_type, reason } => (event_type.as_str(), None, Received::Ignored(*reason)),
            Webhook::Event(event) => (event.event_type, Some(&event.location_id), self.event(event).await?),
        };
        self.ports.sink.emit(&Event::Webhook { location, event_type, received });
        Ok(received)
    }

    /// The last known GHL state of a record.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn known(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError> {
        self.ports.known.load(key).await
    }

    async fn event(&self, event: &RemoteEvent) -> Result<Received, ReceiveError> {
        let now = self.ports.clock.now();
        self.in_window(event, now)?;
        let taken = match self.for_us(event).await {
            Ok(Err(reason)) => return Ok(Received::Ignored(reason)),
            Ok(Ok(settings)) => {
                let keep_until = settings.and_then(|settings| settings.keep_until(now));
                self.take(event, now, keep_until).await
            }
            Err(error) => Err(error),
        };
        taken.map_err(|error| {
            let scope = Some(&event.location_id.clone().into());
            self.ports.sink.emit(&Event::PortFailed { scope, error: &error });
            error.into()
        })
    }

    fn in_window(&self, event: &RemoteEvent, now: EpochMs) -> Result<(), ReceiveError> {
        let (age, ahead, max_age) = (now.since(event.at), now.until(event.at), self.rules.max_age);
        if age > max_age {
            return Err(ReceiveError::TooOld { age, max_age });
        }
        if ahead > AHEAD {
            return Err(ReceiveError::TooEarly { ahead });
        }
        Ok(())
    }

    /// The settings of the event's location, if it is known already; or why the event is not for us.
    async fn for_us(&self, event: &RemoteEvent) -> Result<Result<Option<LocationSettings>, NotForUs>, PortError> {
        let is_installation = matches!(event.change, RemoteChange::Installed | RemoteChange::Uninstalled);
        match (&self.rules.app_id, &event.app_id) {
            (None, _) if is_installation => return Ok(Err(NotForUs::AppNotNamed)),
            (Some(ours), Some(theirs)) if ours != theirs => return Ok(Err(NotForUs::OtherApp)),
            (Some(_), None) if is_installation => return Ok(Err(NotForUs::OtherApp)),
            _ => {}
        }
        // An installation may be how we learn of a location.
        if is_installation {
            return Ok(Ok(None));
        }
        let settings = self.ports.registry.location(&event.location_id).await?;
        Ok(settings.map(Some).ok_or(NotForUs::UnknownLocation))
    }

    async fn take(
        &self,
        event: &RemoteEvent,
        now: EpochMs,
        keep_until: Option<EpochMs>,
    ) -> Result<Received, PortError> {
        let (location, at) = (&event.location_id, event.at);
        let state = |content, deleted_at| {
            let reported = KnownState { at, event_id: event.id.clone(), content, deleted_at, keep_until: None };
            kept_until(reported, keep_until)
        };
        let received = match &event.change {
            RemoteChange::Written { ghl_id, content } => {
                let key = RemoteKey { location, kind: content.kind(), ghl_id };
                self.store(event, key, &state(Some(content.clone().shortened()), None), now).await?
            }
            RemoteChange::Deleted { kind, ghl_id } => {
                let key = RemoteKey { location, kind: *kind, ghl_id };
                self.store(event, key, &state(None, Some(at)), now).await?
            }
            RemoteChange::Installed => return self.switch(event, true).await,
            RemoteChange::Uninstalled => return self.switch(event, false).await,
        };
        // The stored state itself shows that the event was seen before.
        if received == Received::Duplicate {
            return Ok(received);
        }
        let first = self.ports.known.remember(&event.id, now, now + self.rules.max_age + AHEAD + MARGIN).await?;
        Ok(if received == Received::Stale && !first { Received::Duplicate } else { received })
    }

    async fn store(
        &self,
        event: &RemoteEvent,
        key: RemoteKey<'_>,
        state: &KnownState,
        now: EpochMs,
    ) -> Result<Received, PortError> {
        let replacement = self.ports.known.replace(key, state, &Precedence::of(event), now).await?;
        let hash = state.content.as_ref().map(RemoteContent::hash);
        Ok(match replacement {
            Replacement::Done(Some(before)) | Replacement::Refused(before) if before.event_id == event.id => {
                Received::Duplicate
            }
            Replacement::Done(Some(before)) if before.hash == hash => Received::Collapsed,
            Replacement::Done(_) => Received::Stored,
            Replacement::Refused(_) => Received::Stale,
        })
    }

    /// Enables or disables the location, as an operator would. The installation's note shows which event is the latest,
    /// so the event itself need not be remembered.
    async fn switch(&self, event: &RemoteEvent, installed: bool) -> Result<Received, PortError> {
        let location = &event.location_id;
        if !self.ports.installations.note(location, installed, event.at).await? {
            return Ok(Received::Stale);
        }
        for _ in 0..TRIES {
            let Some(StoredSettings { rev, overlay, .. }) = self.ports.registry.stored(location).await? else {
                return Ok(Received::Ignored(NotForUs::UnknownLocation));
            };
            if overlay.enabled == Some(installed) {
                return Ok(Received::Duplicate);
            }
            let overlay = SettingsOverlay { enabled: Some(installed), ..overlay };
            if let Replaced::Written { .. } = self.ports.registry.store(location, rev, &overlay).await? {
                return Ok(if installed { Received::Enabled } else { Received::Stopped });
            }
        }
        Err(PortError::new("settings.store", "somebody else changed the location's settings each time"))
    }
}

//! Turns changes into events, and sends them to the log, the bus and the delivery queue.

use std::collections::BTreeMap;
use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Event, GateNotice, GateTrouble, OutcomeNews};
use ghl_sync_model::{EpochMs, LocationId, ScopeId};

use crate::{
    ChangedItem, EndpointHealth, Notifier, OutcomeEvent, OutcomeKind, WebhookDelivery, events_of, log, policy,
};

/// Most tries of a request, including the first. After that, its changes are read from the stream again.
const TRIES: u32 = 4;
/// Pause before the second try. It doubles with each further try.
const PAUSE: Duration = Duration::from_millis(200);
/// A step is started only if this much time is left before the deadline.
const TIME_FOR_A_STEP: Duration = Duration::from_secs(15);
/// Most events per request; fewer if the bus takes fewer.
const MOST: usize = 10;

/// A change as read from the stream.
#[derive(Debug)]
pub struct StreamChange {
    /// The change, or why it is unreadable.
    pub read: Result<ChangedItem, Unreadable>,
    /// Its sequence number in the stream.
    pub sequence: String,
}

/// Why a change is unreadable. Contains nothing of the change itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// An event, and the index of the change that caused it.
pub(crate) struct CausedEvent {
    pub(crate) change: usize,
    pub(crate) event: OutcomeEvent,
}

/// Where events are sent.
#[derive(Debug, Clone, Copy)]
enum DeliveryRoute {
    Bus,
    Queue,
}

/// Cache: whether a location's events are queued for its webhook.
type HasWebhook = BTreeMap<LocationId, bool>;

impl Notifier {
    /// Sends the events that follow from `changes`, in order, and ends before `deadline`. Returns the first change
    /// that must be repeated together with all after it. Some of their events are then sent twice, under the same id.
    ///
    /// An unreadable change is reported to the sink and skipped, since it would block everything behind it.
    pub async fn tell(&self, changes: &[StreamChange], deadline: EpochMs) -> Option<usize> {
        let (mut unreadable, mut unheard) = (0, None);
        let mut events = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            match &change.read {
                Ok(ChangedItem::Record(read)) => {
                    events.extend(events_of(read).into_iter().map(|event| CausedEvent { change: at, event }));
                }
                Ok(ChangedItem::Trouble(trouble, scope)) => match self.troubles(*trouble, scope).await {
                    Ok(told) => events.extend(told.into_iter().map(|event| CausedEvent { change: at, event })),
                    Err(error) => {
                        self.emit(&Event::PortFailed { scope: Some(scope), error: &error });
                        unheard = Some(at);
                        break;
                    }
                },
                Ok(ChangedItem::Import(..) | ChangedItem::Other) => {}
                Err(why) => {
                    unreadable += 1;
                    self.emit(&Event::Outcomes(OutcomeNews::Unreadable { sequence: &change.sequence, why }));
                }
            }
        }
        let (mut told, mut again) = self.tell_all(&events, deadline).await;
        again = again.or(unheard);
        if again.is_none() {
            let (more, unfinished) = self.tell_finished(changes, deadline).await;
            told += more;
            again = unfinished;
        }
        let repeated = again.map_or(0, |first| changes.len() - first);
        let news = OutcomeNews::Told { changes: changes.len(), events: told, unreadable, repeated };
        self.emit(&Event::Outcomes(news));
        again
    }

    /// Returns the number of events sent, and the change of the first unsent one.
    pub(crate) async fn tell_all(&self, events: &[CausedEvent], deadline: EpochMs) -> (usize, Option<usize>) {
        match self.is_kept(events, deadline).await {
            true => self.tell_in_order(events, deadline).await,
            false => (0, events.first().map(|it| it.change)),
        }
    }

    /// A recorded trouble of a scope, as one event for each location that shares the scope.
    async fn troubles(&self, trouble: GateTrouble, scope: &ScopeId) -> Result<Vec<OutcomeEvent>, PortError> {
        let Some(notice) = self.ports.notices.load(&(trouble, scope.clone())).await? else { return Ok(Vec::new()) };
        let GateNotice { at, of } = notice.value;
        let kind = match trouble {
            GateTrouble::Paused => OutcomeKind::LocationPaused,
            GateTrouble::CredentialsRefused => OutcomeKind::CredentialsRefused,
            GateTrouble::BreakerOpened => OutcomeKind::BreakerOpened,
        };
        let event = |location: &LocationId| {
            OutcomeEvent::of(kind, at, location, &format!("{location}\n{scope}\n{}\n{}", kind.as_str(), of.0))
        };
        Ok(self.ports.registry.members(scope).await?.iter().map(event).collect())
    }

    /// Writes `events` to the log, if there is one. Returns whether they are stored.
    async fn is_kept(&self, events: &[CausedEvent], deadline: EpochMs) -> bool {
        let Some(log) = self.ports.log.as_ref().filter(|_| !events.is_empty()) else { return true };
        let events: Vec<&OutcomeEvent> = events.iter().map(|it| &it.event).collect();
        for tried in 0..TRIES {
            if self.now() + TIME_FOR_A_STEP > deadline {
                return false;
            }
            self.pause_before(tried).await;
            match log::write(log.as_ref(), self.ports.clock.as_ref(), &events).await {
                Ok(true) => return true,
                // Storing took so long that a reader may have passed them already.
                Ok(false) => {}
                Err(error) => self.emit(&Event::PortFailed { scope: None, error: &error }),
            }
        }
        false
    }

    async fn pause_before(&self, tried: u32) {
        if tried > 0 {
            let pause = PAUSE.saturating_mul(1 << (tried - 1));
            tokio::time::sleep(pause.mul_f64(1.0 + self.ports.randomness.roll())).await;
        }
    }

    /// Returns the number of events sent, and the change of the first unsent one.
    async fn tell_in_order(&self, events: &[CausedEvent], deadline: EpochMs) -> (usize, Option<usize>) {
        let most = self.ports.bus.as_ref().map_or(MOST, |bus| bus.most().min(MOST));
        let keys: Vec<_> = events.iter().map(|it| (&it.event.data.location_id, &it.event.data.record)).collect();
        let mut webhooks = HasWebhook::new();
        let mut told = 0;
        while told < events.len() {
            let group = &events[told..told + policy::sendable(&keys[told..], most)];
            if self.now() + TIME_FOR_A_STEP > deadline {
                return (told, Some(group[0].change));
            }
            if let Some(untold) = self.tell_together(group, &mut webhooks).await {
                return (told, Some(untold));
            }
            told += group.len();
        }
        (told, None)
    }

    /// Returns the change of the first unsent event.
    async fn tell_together(&self, group: &[CausedEvent], webhooks: &mut HasWebhook) -> Option<usize> {
        let group: Vec<&CausedEvent> = group.iter().collect();
        let queued = match self.with_webhook(&group, webhooks).await {
            Ok(group) => self.until_taken(group, DeliveryRoute::Queue).await,
            Err(error) => {
                self.emit(&Event::PortFailed { scope: None, error: &error });
                group.first().map(|it| it.change)
            }
        };
        let published = self.until_taken(group, DeliveryRoute::Bus).await;
        published.into_iter().chain(queued).min()
    }

    /// Sends `group`, and repeats the rest while requests succeed only in part. Returns the change of the first event
    /// that was not accepted.
    async fn until_taken(&self, group: Vec<&CausedEvent>, way: DeliveryRoute) -> Option<usize> {
        let mut left = group;
        for tried in 0..TRIES {
            if left.is_empty() {
                return None;
            }
            self.pause_before(tried).await;
            match self.send(&left, way).await {
                Ok(taken) => {
                    // An event missing from the answer was not accepted.
                    let taken = taken.into_iter().chain(std::iter::repeat(false));
                    left = left.into_iter().zip(taken).filter(|(_, taken)| !taken).map(|(it, _)| it).collect();
                }
                Err(error) => self.emit(&Event::PortFailed { scope: None, error: &error }),
            }
        }
        left.first().map(|it| it.change)
    }

    async fn send(&self, left: &[&CausedEvent], way: DeliveryRoute) -> Result<Vec<bool>, PortError> {
        match (way, &self.ports.bus) {
            (DeliveryRoute::Bus, Some(bus)) => {
                let events: Vec<&OutcomeEvent> = left.iter().map(|it| &it.event).collect();
                bus.publish(&events).await
            }
            // No bus is configured.
            (DeliveryRoute::Bus, None) => Ok(vec![true; left.len()]),
            (DeliveryRoute::Queue, _) => {
                let deliveries: Vec<WebhookDelivery> = left.iter().map(|it| WebhookDelivery::of(&it.event)).collect();
                self.ports.queue.enqueue(&deliveries).await
            }
        }
    }

    /// The events of `group` for locations with a webhook that is not switched off.
    async fn with_webhook<'a>(
        &self,
        group: &[&'a CausedEvent],
        webhooks: &mut HasWebhook,
    ) -> Result<Vec<&'a CausedEvent>, PortError> {
        let mut with = Vec::new();
        for it in group {
            let location = &it.event.data.location_id;
            let has = match webhooks.get(location) {
                Some(has) => *has,
                None => {
                    let has = self.has_webhook(location).await?;
                    webhooks.insert(location.clone(), has);
                    has
                }
            };
            if has {
                with.push(*it);
            }
        }
        Ok(with)
    }

    async fn has_webhook(&self, location: &LocationId) -> Result<bool, PortError> {
        let Some(webhook) = self.webhook(location).await? else { return Ok(false) };
        let health = self.ports.health.load(location).await?.unwrap_or_default().value;
        if !health.is_in_trouble() {
            return Ok(true);
        }
        let rev = self.settings_rev(location).await?;
        Ok(!health.is_off(EndpointHealth::identity(rev, &webhook)))
    }
}

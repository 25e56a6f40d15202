//! From changes to events: on the bus, and in the queue of deliveries.

use std::collections::BTreeMap;
use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Event, GateNotice, GateTrouble, OutcomeNews};
use ghl_sync_model::{EpochMs, LocationId, ScopeId};

use crate::{Delivery, EndpointHealth, Notifier, OutcomeEvent, OutcomeKind, Seen, events_of, log, policy};

/// Tries of one request, the first included, before its changes come again.
const TRIES: u32 = 4;
/// Before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(200);
/// What is not begun so long before the deadline comes again.
const TIME_FOR_A_STEP: Duration = Duration::from_secs(15);
/// Events that are queued, or published, at once; fewer if the bus takes fewer.
const MOST: usize = 10;

/// A change, as the stream shows it.
#[derive(Debug)]
pub struct Change {
    /// The change, or why it cannot be read.
    pub read: Result<Seen, Unreadable>,
    /// Its place in the stream.
    pub sequence: String,
}

/// A change that cannot be read. Nothing of what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// An event, and the change that it follows from.
pub(crate) struct Followed {
    pub(crate) change: usize,
    pub(crate) event: OutcomeEvent,
}

/// To whom events are sent.
#[derive(Debug, Clone, Copy)]
enum Way {
    Bus,
    Queue,
}

/// Whether a location's events are queued for its webhook.
type HasWebhook = BTreeMap<LocationId, bool>;

impl Notifier {
    /// Tells the events that follow from `changes`, in their order, and ends before `deadline`. Returns the first change
    /// that must come again, with all after it: some of their events are then told twice, under the same id.
    ///
    /// What cannot be read is told to the sink, and passed over: it would hold up everything behind it.
    pub async fn tell(&self, changes: &[Change], deadline: EpochMs) -> Option<usize> {
        let (mut unreadable, mut unheard) = (0, None);
        let mut events = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            match &change.read {
                Ok(Seen::Record(read)) => {
                    events.extend(events_of(read).into_iter().map(|event| Followed { change: at, event }));
                }
                Ok(Seen::Trouble(trouble, scope)) => match self.troubles(*trouble, scope).await {
                    Ok(told) => events.extend(told.into_iter().map(|event| Followed { change: at, event })),
                    Err(error) => {
                        self.emit(&Event::PortFailed { scope: Some(scope), error: &error });
                        unheard = Some(at);
                        break;
                    }
                },
                Ok(Seen::Import(..) | Seen::Other) => {}
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

    /// Returns how many events were told, and the change of the first one that was not.
    pub(crate) async fn tell_all(&self, events: &[Followed], deadline: EpochMs) -> (usize, Option<usize>) {
        match self.is_kept(events, deadline).await {
            true => self.tell_in_order(events, deadline).await,
            false => (0, events.first().map(|it| it.change)),
        }
    }

    /// What was noticed of a scope, as an event of each location that shares it.
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

    /// Writes `events` into the log, if there is one, and returns whether they are in it.
    async fn is_kept(&self, events: &[Followed], deadline: EpochMs) -> bool {
        let Some(log) = self.ports.log.as_ref().filter(|_| !events.is_empty()) else { return true };
        let events: Vec<&OutcomeEvent> = events.iter().map(|it| &it.event).collect();
        for tried in 0..TRIES {
            if self.now() + TIME_FOR_A_STEP > deadline {
                return false;
            }
            self.pause_before(tried).await;
            match log::write(log.as_ref(), self.ports.clock.as_ref(), &events).await {
                Ok(true) => return true,
                // It took so long that somebody may have read past it.
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

    /// Returns how many events were told, and the change of the first one that was not.
    async fn tell_in_order(&self, events: &[Followed], deadline: EpochMs) -> (usize, Option<usize>) {
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

    /// Returns the change of the first event that was not told.
    async fn tell_together(&self, group: &[Followed], webhooks: &mut HasWebhook) -> Option<usize> {
        let group: Vec<&Followed> = group.iter().collect();
        let queued = match self.with_webhook(&group, webhooks).await {
            Ok(group) => self.until_taken(group, Way::Queue).await,
            Err(error) => {
                self.emit(&Event::PortFailed { scope: None, error: &error });
                group.first().map(|it| it.change)
            }
        };
        let published = self.until_taken(group, Way::Bus).await;
        published.into_iter().chain(queued).min()
    }

    /// Sends what is left of `group` until all of it was taken: requests succeed in part. Returns the change of the first
    /// event that was not.
    async fn until_taken(&self, group: Vec<&Followed>, way: Way) -> Option<usize> {
        let mut left = group;
        for tried in 0..TRIES {
            if left.is_empty() {
                return None;
            }
            self.pause_before(tried).await;
            match self.send(&left, way).await {
                Ok(taken) => {
                    // One of which nothing was said was not taken.
                    let taken = taken.into_iter().chain(std::iter::repeat(false));
                    left = left.into_iter().zip(taken).filter(|(_, taken)| !taken).map(|(it, _)| it).collect();
                }
                Err(error) => self.emit(&Event::PortFailed { scope: None, error: &error }),
            }
        }
        left.first().map(|it| it.change)
    }

    async fn send(&self, left: &[&Followed], way: Way) -> Result<Vec<bool>, PortError> {
        match (way, &self.ports.bus) {
            (Way::Bus, Some(bus)) => {
                let events: Vec<&OutcomeEvent> = left.iter().map(|it| &it.event).collect();
                bus.publish(&events).await
            }
            // Nobody listens.
            (Way::Bus, None) => Ok(vec![true; left.len()]),
            (Way::Queue, _) => {
                let deliveries: Vec<Delivery> = left.iter().map(|it| Delivery::of(&it.event)).collect();
                self.ports.queue.enqueue(&deliveries).await
            }
        }
    }

    /// Those of `group` whose location has a webhook that is not switched off.
    async fn with_webhook<'a>(
        &self,
        group: &[&'a Followed],
        webhooks: &mut HasWebhook,
    ) -> Result<Vec<&'a Followed>, PortError> {
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

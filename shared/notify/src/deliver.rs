//! Delivers queued events to webhook endpoints.

use ghl_sync_access::ports::SecretError;
use ghl_sync_engine::ports::{Entry, PortError, Replaced};
use ghl_sync_engine::usecase::{DeliveryEnd, Event, OutcomeNews};
use ghl_sync_model::{EpochMs, LocationId, OutcomesWebhook};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{EndpointHealth, Notifier, OutcomeEvent, Post, PostError, SigningSecret, WebhookDelivery, policy};

/// The only message version so far.
const VERSION: u8 = 1;
/// A cached secret is read again after this time, so a new one takes effect.
const SECRET_FRESH_MS: u64 = 60_000;

/// A message received from the delivery queue.
#[derive(Debug, Clone, Default)]
pub struct DeliveryMessage {
    /// SQS receipt handle.
    pub receipt: String,
    /// The text that was queued as [`WebhookDelivery::body`].
    pub body: String,
    /// Number of receives, including this one.
    pub tries: u32,
}

/// How a message was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// Finished: remove it from the queue.
    Done,
    /// It must be redelivered.
    Again,
}

#[derive(Serialize)]
struct QueuedEvent<'a> {
    v: u8,
    location_id: &'a LocationId,
    id: &'a str,
    event: &'a OutcomeEvent,
}

/// The event exactly as queued: each try sends the same bytes.
#[derive(Deserialize)]
struct ReceivedEvent {
    v: u8,
    location_id: LocationId,
    id: String,
    event: Box<RawValue>,
}

/// Meaning of the endpoint's answer.
enum PostVerdict {
    Delivered,
    /// 410: the endpoint wants no more events.
    Gone,
    Failed(String),
}

impl WebhookDelivery {
    /// The queue message that delivers `event`.
    pub(crate) fn of(event: &OutcomeEvent) -> WebhookDelivery {
        let sent = QueuedEvent { v: VERSION, location_id: &event.data.location_id, id: &event.id, event };
        // The event holds only strings and numbers, so serializing cannot fail.
        WebhookDelivery { body: serde_json::to_string(&sent).unwrap_or_default() }
    }
}

impl Notifier {
    /// Posts the events of these messages concurrently. A failed one rests longer with each try.
    pub async fn deliver(&self, messages: &[DeliveryMessage]) -> Vec<Delivered> {
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in messages {
            deliveries.push(self.deliver_one(message));
        }
        futures::future::join_all(deliveries).await
    }

    async fn deliver_one(&self, message: &DeliveryMessage) -> Delivered {
        let received = match serde_json::from_str::<ReceivedEvent>(&message.body) {
            Ok(received) if received.v == VERSION => received,
            // It is redelivered until it becomes a dead letter for a person to look at.
            Ok(_) | Err(_) => {
                self.emit(&Event::Outcomes(OutcomeNews::NotADelivery));
                return Delivered::Again;
            }
        };
        let end = match self.post(&received, message.tries).await {
            Ok(end) => end,
            Err(error) => {
                self.emit(&Event::PortFailed { scope: None, error: &error });
                return Delivered::Again;
            }
        };
        let (location, event_id) = (&received.location_id, received.id.as_str());
        let news = OutcomeNews::Delivery { location, event_id, tries: message.tries, end: &end };
        self.emit(&Event::Outcomes(news));
        let DeliveryEnd::Failed { rest, .. } = end else { return Delivered::Done };
        // If postponing fails, the queue redelivers it after its own visibility timeout.
        if let Err(error) = self.ports.queue.postpone(&message.receipt, rest).await {
            self.emit(&Event::PortFailed { scope: None, error: &error });
        }
        Delivered::Again
    }

    async fn post(&self, received: &ReceivedEvent, tries: u32) -> Result<DeliveryEnd, PortError> {
        let location = &received.location_id;
        let Some(webhook) = self.webhook(location).await? else { return Ok(DeliveryEnd::NotWanted) };
        let known = self.ports.health.load(location).await?.unwrap_or_default();
        let rest = || policy::backoff(tries, self.ports.randomness.roll());
        if known.value.is_in_trouble() {
            let rev = self.settings_rev(location).await?;
            if known.value.is_off(EndpointHealth::identity(rev, &webhook)) {
                // It is delivered if the endpoint is switched on again in time; else it becomes a dead letter.
                let off = DeliveryEnd::Failed { why: "the endpoint is switched off".to_owned(), rest: rest() };
                return Ok(if known.value.is_gone() { DeliveryEnd::NotWanted } else { off });
            }
        }
        let verdict = self.verdict(&webhook, received).await?;
        self.learn(location, &webhook, known, &verdict).await?;
        Ok(match verdict {
            PostVerdict::Delivered => DeliveryEnd::Delivered,
            PostVerdict::Gone => DeliveryEnd::NotWanted,
            PostVerdict::Failed(why) => DeliveryEnd::Failed { why, rest: rest() },
        })
    }

    async fn verdict(&self, webhook: &OutcomesWebhook, received: &ReceivedEvent) -> Result<PostVerdict, PortError> {
        let now = self.now();
        let secret = match self.secret(webhook, now).await {
            Ok(secret) => secret,
            Err(SecretError::Missing(why)) => return Ok(PostVerdict::Failed(why)),
            Err(SecretError::Port(error)) => return Err(error),
        };
        let (id, body, timestamp) = (received.id.as_str(), received.event.get(), now.0 / 1000);
        let signature = secret.sign(id, timestamp, body);
        let post = Post { url: &webhook.url, id, timestamp, signature: &signature, body };
        Ok(match self.ports.poster.post(post).await {
            Ok(200..=299) => PostVerdict::Delivered,
            Ok(410) => PostVerdict::Gone,
            Ok(status) => PostVerdict::Failed(format!("the endpoint answered {status}")),
            Err(PostError::Forbidden(why) | PostError::Unanswered(why)) => PostVerdict::Failed(why),
        })
    }

    /// Stores the endpoint's new health, if the answer changes it. On a conflict, the other writer's finding is good
    /// enough.
    async fn learn(
        &self,
        location: &LocationId,
        webhook: &OutcomesWebhook,
        known: Entry<EndpointHealth>,
        verdict: &PostVerdict,
    ) -> Result<(), PortError> {
        if matches!(verdict, PostVerdict::Delivered) && !known.value.is_in_trouble() {
            return Ok(());
        }
        let of = EndpointHealth::identity(self.settings_rev(location).await?, webhook);
        let health = match verdict {
            PostVerdict::Delivered => EndpointHealth::well(of),
            PostVerdict::Gone => known.value.gone(of, self.now()),
            PostVerdict::Failed(_) => known.value.failed(of, self.now()),
        };
        if health == known.value {
            return Ok(());
        }
        let replaced = self.ports.health.replace(location, known.rev, &health).await?;
        if health.is_off(of) && !known.value.is_off(of) && matches!(replaced, Replaced::Written { .. }) {
            let is_gone = matches!(verdict, PostVerdict::Gone);
            self.emit(&Event::Outcomes(OutcomeNews::SwitchedOff { location, is_gone }));
        }
        Ok(())
    }

    async fn secret(&self, webhook: &OutcomesWebhook, now: EpochMs) -> Result<SigningSecret, SecretError> {
        let mut secrets = self.secrets.lock().await;
        if let Some((read_at, secret)) = secrets.get(&webhook.secret)
            && now.0.saturating_sub(read_at.0) < SECRET_FRESH_MS
        {
            return Ok(secret.clone());
        }
        let read = self.ports.secrets.read(&webhook.secret).await?;
        let secret = SigningSecret::parse(&read).map_err(|error| SecretError::Missing(error.to_string()))?;
        secrets.insert(webhook.secret.clone(), (now, secret.clone()));
        Ok(secret)
    }

    /// The webhook of `location`: its own, or else the stack's.
    pub(crate) async fn webhook(&self, location: &LocationId) -> Result<Option<OutcomesWebhook>, PortError> {
        let own = self.ports.registry.location(location).await?.and_then(|settings| settings.outcomes_webhook);
        Ok(own.or_else(|| self.ports.webhook.clone()))
    }

    /// The revision of the settings of `location`.
    pub(crate) async fn settings_rev(&self, location: &LocationId) -> Result<u64, PortError> {
        Ok(self.ports.registry.stored(location).await?.map_or(0, |stored| stored.rev))
    }

    pub(crate) fn now(&self) -> EpochMs {
        self.ports.clock.now()
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        self.ports.sink.emit(event);
    }
}

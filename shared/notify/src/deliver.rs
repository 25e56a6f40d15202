//! From the queue of deliveries to an endpoint.

use ghl_sync_access::ports::SecretError;
use ghl_sync_engine::ports::{Entry, PortError, Replaced};
use ghl_sync_engine::usecase::{DeliveryEnd, Event, OutcomeNews};
use ghl_sync_model::{EpochMs, LocationId, OutcomesWebhook};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Delivery, EndpointHealth, Notifier, OutcomeEvent, Post, PostError, SigningSecret, policy};

/// The only version of a message.
const VERSION: u8 = 1;
/// A secret is read again after so long: a new one holds then.
const SECRET_FRESH_MS: u64 = 60_000;

/// A message of the queue of deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryMessage {
    /// By which the queue is told about it.
    pub receipt: String,
    /// What [`Delivery::body`] was.
    pub body: String,
    /// How often it was received, this time included.
    pub tries: u32,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is done with.
    Done,
    /// It must come again.
    Again,
}

#[derive(Serialize)]
struct Sent<'a> {
    v: u8,
    location_id: &'a LocationId,
    id: &'a str,
    event: &'a OutcomeEvent,
}

/// The event as it was queued: the same bytes at each try.
#[derive(Deserialize)]
struct Received {
    v: u8,
    location_id: LocationId,
    id: String,
    event: Box<RawValue>,
}

/// What an answer means.
enum Verdict {
    Delivered,
    /// 410: nothing is wanted any more.
    Gone,
    Failed(String),
}

impl Delivery {
    /// The delivery of `event`, as a message.
    pub(crate) fn of(event: &OutcomeEvent) -> Delivery {
        let sent = Sent { v: VERSION, location_id: &event.data.location_id, id: &event.id, event };
        // Strings and numbers only: this cannot fail to serialize.
        Delivery { body: serde_json::to_string(&sent).unwrap_or_default() }
    }
}

impl Notifier {
    /// Posts what the messages of the queue say, side by side. Each that must come again rests for as long as its tries
    /// so far demand.
    pub async fn deliver(&self, messages: &[DeliveryMessage]) -> Vec<Delivered> {
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in messages {
            deliveries.push(self.deliver_one(message));
        }
        futures::future::join_all(deliveries).await
    }

    async fn deliver_one(&self, message: &DeliveryMessage) -> Delivered {
        let received = match serde_json::from_str::<Received>(&message.body) {
            Ok(received) if received.v == VERSION => received,
            // It comes again, until it is a dead letter for a person to look at.
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
        // If this fails, it comes again after the queue's own time.
        if let Err(error) = self.ports.queue.postpone(&message.receipt, rest).await {
            self.emit(&Event::PortFailed { scope: None, error: &error });
        }
        Delivered::Again
    }

    async fn post(&self, received: &Received, tries: u32) -> Result<DeliveryEnd, PortError> {
        let location = &received.location_id;
        let Some(webhook) = self.webhook(location).await? else { return Ok(DeliveryEnd::NotWanted) };
        let known = self.ports.health.load(location).await?.unwrap_or_default();
        let rest = || policy::backoff(tries, self.ports.randomness.roll());
        if known.value.is_in_trouble() {
            let rev = self.settings_rev(location).await?;
            if known.value.is_off(EndpointHealth::identity(rev, &webhook)) {
                // What is on its way is delivered should the endpoint be switched on again, or is a dead letter.
                let off = DeliveryEnd::Failed { why: "the endpoint is switched off".to_owned(), rest: rest() };
                return Ok(if known.value.is_gone() { DeliveryEnd::NotWanted } else { off });
            }
        }
        let verdict = self.verdict(&webhook, received).await?;
        self.learn(location, &webhook, known, &verdict).await?;
        Ok(match verdict {
            Verdict::Delivered => DeliveryEnd::Delivered,
            Verdict::Gone => DeliveryEnd::NotWanted,
            Verdict::Failed(why) => DeliveryEnd::Failed { why, rest: rest() },
        })
    }

    async fn verdict(&self, webhook: &OutcomesWebhook, received: &Received) -> Result<Verdict, PortError> {
        let now = self.now();
        let secret = match self.secret(webhook, now).await {
            Ok(secret) => secret,
            Err(SecretError::Missing(why)) => return Ok(Verdict::Failed(why)),
            Err(SecretError::Port(error)) => return Err(error),
        };
        let (id, body, timestamp) = (received.id.as_str(), received.event.get(), now.0 / 1000);
        let signature = secret.sign(id, timestamp, body);
        let post = Post { url: &webhook.url, id, timestamp, signature: &signature, body };
        Ok(match self.ports.poster.post(post).await {
            Ok(200..=299) => Verdict::Delivered,
            Ok(410) => Verdict::Gone,
            Ok(status) => Verdict::Failed(format!("the endpoint answered {status}")),
            Err(PostError::Forbidden(why) | PostError::Unanswered(why)) => Verdict::Failed(why),
        })
    }

    /// Writes down what the endpoint's answer changes. If somebody else wrote first, what he learned will do.
    async fn learn(
        &self,
        location: &LocationId,
        webhook: &OutcomesWebhook,
        known: Entry<EndpointHealth>,
        verdict: &Verdict,
    ) -> Result<(), PortError> {
        if matches!(verdict, Verdict::Delivered) && !known.value.is_in_trouble() {
            return Ok(());
        }
        let of = EndpointHealth::identity(self.settings_rev(location).await?, webhook);
        let health = match verdict {
            Verdict::Delivered => EndpointHealth::well(of),
            Verdict::Gone => known.value.gone(of, self.now()),
            Verdict::Failed(_) => known.value.failed(of, self.now()),
        };
        if health == known.value {
            return Ok(());
        }
        let replaced = self.ports.health.replace(location, known.rev, &health).await?;
        if health.is_off(of) && !known.value.is_off(of) && matches!(replaced, Replaced::Written { .. }) {
            let is_gone = matches!(verdict, Verdict::Gone);
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

    /// The webhook of `location`: its own, or that of all.
    pub(crate) async fn webhook(&self, location: &LocationId) -> Result<Option<OutcomesWebhook>, PortError> {
        let own = self.ports.registry.location(location).await?.and_then(|settings| settings.outcomes_webhook);
        Ok(own.or_else(|| self.ports.webhook.clone()))
    }

    /// The revision of what is set for `location`.
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

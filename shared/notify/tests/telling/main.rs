//! A notifier with in-memory ports: events sent, changes repeated, and the fate of deliveries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod others;
mod polling;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::{Clock, Entry, LocationRegistry, PortError, Versioned};
use ghl_sync_model::{CredentialsRef, EpochMs, LocationId, OutcomesWebhook, SettingsOverlay};
use ghl_sync_notify::{
    ChangedItem, Delivered, DeliveryMessage, DeliveryQueue, EndpointHealth, EventBus, MAX_TRIES, Notifier,
    NotifierPorts, OutcomeEvent, Post, PostError, Poster, RecordChange, RecordFacts, StreamChange, Unreadable,
    WebhookDelivery,
};
use ghl_sync_testkit::{
    FixedRegistry, MemoryItems, MemoryOutbox, MemorySecrets, RecordingSink, Setup, TestClock, TestRandomness,
};

use crate::polling::Log;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Answers by its script, then accepts everything.
#[derive(Default)]
struct Bus {
    script: Mutex<VecDeque<Result<Vec<bool>, ()>>>,
    taken: Mutex<Vec<OutcomeEvent>>,
    requests: Mutex<usize>,
}

#[async_trait]
impl EventBus for Bus {
    async fn publish(&self, events: &[&OutcomeEvent]) -> Result<Vec<bool>, PortError> {
        *self.requests.lock().unwrap() += 1;
        let next = self.script.lock().unwrap().pop_front();
        let taken = match next {
            Some(Err(())) => return Err(PortError::new("events.put_events", "no route")),
            Some(Ok(taken)) => taken,
            None => vec![true; events.len()],
        };
        let of = events.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(event, _)| (*event).clone());
        self.taken.lock().unwrap().extend(of);
        Ok(taken)
    }

    fn most(&self) -> usize {
        10
    }
}

#[derive(Default)]
struct Queue {
    sent: Mutex<Vec<WebhookDelivery>>,
    postponed: Mutex<Vec<(String, Duration)>>,
}

#[async_trait]
impl DeliveryQueue for Queue {
    async fn enqueue(&self, deliveries: &[WebhookDelivery]) -> Result<Vec<bool>, PortError> {
        assert!(deliveries.len() <= 10);
        self.sent.lock().unwrap().extend_from_slice(deliveries);
        Ok(vec![true; deliveries.len()])
    }

    async fn postpone(&self, receipt: &str, rest: Duration) -> Result<(), PortError> {
        self.postponed.lock().unwrap().push((receipt.to_owned(), rest));
        Ok(())
    }
}

/// An endpoint that answers with this status, or not at all.
struct Endpoint {
    status: Mutex<Option<u16>>,
    posts: Mutex<Vec<(String, u64, String, String)>>,
}

#[async_trait]
impl Poster for Endpoint {
    async fn post(&self, post: Post<'_>) -> Result<u16, PostError> {
        let Post { id, timestamp, signature, body, .. } = post;
        self.posts.lock().unwrap().push((id.to_owned(), timestamp, signature.to_owned(), body.to_owned()));
        self.status.lock().unwrap().ok_or_else(|| PostError::Unanswered("no answer within 15 s".to_owned()))
    }
}

struct World {
    notifier: Notifier,
    bus: Arc<Bus>,
    queue: Arc<Queue>,
    log: Arc<Log>,
    items: Arc<MemoryItems>,
    outbox: Arc<MemoryOutbox>,
    endpoint: Arc<Endpoint>,
    registry: Arc<FixedRegistry>,
    health: Versioned<EndpointHealth>,
    clock: TestClock,
    location: LocationId,
}

fn webhook(url: &str) -> OutcomesWebhook {
    OutcomesWebhook { url: url.to_owned(), secret: "ssm:/ghl-sync/stack/outcomes/loc".parse().unwrap() }
}

impl World {
    fn start() -> World {
        let clock = TestClock::start().that_can_be_set();
        let (location, settings) = Setup::settings("loc").unwrap();
        let registry = Arc::new(FixedRegistry::new(BTreeMap::from([(location.clone(), settings)])));
        let secrets = MemorySecrets::default();
        secrets.put(&webhook("").secret, SECRET);
        let (bus, queue) = (Arc::<Bus>::default(), Arc::<Queue>::default());
        let log = Arc::<Log>::default();
        let endpoint = Arc::new(Endpoint { status: Mutex::new(Some(204)), posts: Mutex::default() });
        let items = Arc::new(MemoryItems::default());
        let (health, outbox) = (Versioned::new(items.clone()), Arc::<MemoryOutbox>::default());
        let notifier = Notifier::new(NotifierPorts {
            clock: Arc::new(clock),
            randomness: Arc::new(TestRandomness::fixed(0.0)),
            registry: registry.clone(),
            webhook: None,
            sink: Arc::new(RecordingSink::new(clock)),
            outbox: outbox.clone(),
            notices: Versioned::new(items.clone()),
            imports: Versioned::new(items.clone()),
            finished: Versioned::new(items.clone()),
            health: health.clone(),
            bus: Some(bus.clone()),
            log: Some(log.clone()),
            queue: queue.clone(),
            secrets: Arc::new(secrets),
            poster: endpoint.clone(),
        });
        World { notifier, bus, queue, log, items, outbox, endpoint, registry, health, clock, location }
    }

    async fn set_webhook(&self, webhook: Option<OutcomesWebhook>) {
        let rev = self.registry.stored(&self.location).await.unwrap().unwrap().rev;
        let overlay = SettingsOverlay { outcomes_webhook: webhook, ..SettingsOverlay::default() };
        self.registry.store(&self.location, rev, &overlay).await.unwrap();
    }

    async fn tell(&self, changes: &[StreamChange]) -> Option<usize> {
        self.notifier.tell(changes, self.clock.now() + Duration::from_secs(60)).await
    }

    fn taken(&self) -> Vec<OutcomeEvent> {
        self.bus.taken.lock().unwrap().clone()
    }

    /// The queued messages, received for the `tries`th time.
    fn queued(&self, tries: u32) -> Vec<DeliveryMessage> {
        let sent = self.queue.sent.lock().unwrap();
        let message = |(n, sent): (usize, &WebhookDelivery)| {
            let receipt = format!("receipt {n}");
            DeliveryMessage { receipt, body: sent.body.clone(), tries }
        };
        sent.iter().enumerate().map(message).collect()
    }

    async fn deliver(&self, tries: u32) -> Vec<Delivered> {
        self.notifier.deliver(&self.queued(tries)).await
    }

    fn posts(&self) -> usize {
        self.endpoint.posts.lock().unwrap().len()
    }
}

fn accepted(id: &str, version: u64) -> StreamChange {
    let new = RecordFacts {
        version,
        ghl_id: Some("g1".parse().unwrap()),
        accepted_version: Some(version),
        accepted_at: Some(EpochMs(1_000 + version)),
        not_stored: vec!["phone".to_owned()],
        ..RecordFacts::default()
    };
    let key = format!("contact#{id}").parse().unwrap();
    let change = RecordChange { location_id: "loc".parse().unwrap(), key, old: None, new: Some(new) };
    StreamChange { read: Ok(ChangedItem::Record(Box::new(change))), sequence: format!("{id}.{version}") }
}

/// Events by record, in the order in which the bus accepted them. Repeats of an event count once.
fn by_record(events: &[OutcomeEvent]) -> BTreeMap<String, Vec<(u64, &'static str)>> {
    let mut seen = Vec::new();
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for event in events.iter().filter(|event| {
        !seen.contains(&&event.id) && {
            seen.push(&event.id);
            true
        }
    }) {
        let of = found.entry(event.data.record.as_ref().unwrap().id.to_string()).or_default();
        of.push((event.data.version.unwrap(), event.kind.as_str()));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn events_are_told_in_the_order_of_each_record_whatever_the_bus_refuses() {
    let all = |of: &[u64]| -> Vec<(u64, &'static str)> {
        of.iter().flat_map(|version| [(*version, "record.accepted"), (*version, "record.not_stored")]).collect()
    };
    let scripts: [&[Result<Vec<bool>, ()>]; 6] = [
        &[],
        &[Err(()), Err(())],
        &[Ok(vec![false])],
        &[Ok(vec![false, true]), Ok(vec![])],
        &[Ok(vec![false]), Ok(vec![false]), Err(()), Ok(vec![])],
        &[Ok(vec![true]), Ok(vec![false; 10]), Ok(vec![false; 10]), Ok(vec![false; 10]), Ok(vec![false; 10])],
    ];
    for script in scripts {
        let world = World::start();
        world.bus.script.lock().unwrap().extend(script.iter().cloned());
        let changes =
            [accepted("ann", 1), accepted("bob", 1), accepted("ann", 2), accepted("ann", 3), accepted("cy", 1)];
        let mut from = 0;
        // Repeats from the first failed change on, as Lambda does.
        while let Some(again) = world.tell(&changes[from..]).await {
            from += again;
        }
        let expected = [("ann", all(&[1, 2, 3])), ("bob", all(&[1])), ("cy", all(&[1]))];
        let expected: BTreeMap<String, _> = expected.map(|(id, events)| (id.to_owned(), events)).into();
        assert_eq!(by_record(&world.taken()), expected, "{script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_read_holds_up_nothing() {
    let world = World::start();
    let unreadable =
        StreamChange { read: Err(Unreadable("attribute `version` is missing".to_owned())), sequence: "2".to_owned() };
    let changes = [accepted("ann", 1), unreadable, accepted("bob", 1)];
    assert_eq!(world.tell(&changes).await, None);
    assert_eq!(by_record(&world.taken()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_for_comes_again_and_nothing_is_asked_for_no_events() {
    let world = World::start();
    let changes = [accepted("ann", 1), accepted("bob", 1)];
    assert_eq!(world.notifier.tell(&changes, world.clock.now() + Duration::from_secs(1)).await, Some(0));
    let mut put = accepted("ann", 1);
    let Ok(ChangedItem::Record(change)) = &mut put.read else { panic!("{put:?}") };
    change.new = Some(RecordFacts { version: 1, ..RecordFacts::default() });
    assert_eq!(world.tell(&[put]).await, None);
    assert_eq!(*world.bus.requests.lock().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_location_without_a_webhook_has_no_deliveries_and_one_with_a_webhook_has_each_event_signed_and_the_same_id() {
    let world = World::start();
    let changes = [accepted("ann", 1)];
    world.tell(&changes).await;
    assert!(world.queue.sent.lock().unwrap().is_empty());
    world.set_webhook(Some(webhook("https://crm.example/hook"))).await;
    world.tell(&changes).await;
    world.tell(&changes).await;
    assert_eq!(world.deliver(1).await, [Delivered::Done; 4]);
    let posts = world.endpoint.posts.lock().unwrap().clone();
    let taken: Vec<(String, String)> = world.taken().iter().map(|event| (event.id.clone(), event.to_json())).collect();
    for (place, (id, timestamp, signature, body)) in posts.iter().enumerate() {
        assert_eq!((id, body), (&taken[place % 2].0, &taken[place % 2].1));
        assert_eq!(*timestamp, world.clock.now().0 / 1000);
        let webhook = standardwebhooks::Webhook::new(SECRET).unwrap();
        let at = i64::try_from(*timestamp).unwrap();
        assert_eq!(&webhook.sign(id, at, body.as_bytes()).unwrap(), signature);
    }
    assert_eq!(world.health.load(&world.location).await.unwrap(), None, "nothing is written while all is well");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_fails_rests_longer_each_time_and_an_endpoint_that_fails_for_days_is_switched_off() {
    let world = World::start();
    world.set_webhook(Some(webhook("https://crm.example/hook"))).await;
    world.tell(&[accepted("ann", 1)]).await;
    for (tries, status) in [(1, None), (2, Some(500)), (3, Some(307)), (4, Some(404)), (5, Some(429))] {
        *world.endpoint.status.lock().unwrap() = status;
        assert_eq!(world.deliver(tries).await, [Delivered::Again; 2], "{status:?}");
    }
    let rests: Vec<u64> = world.queue.postponed.lock().unwrap().iter().map(|(_, rest)| rest.as_secs()).collect();
    assert_eq!(rests, [5, 5, 60, 60, 300, 300, 900, 900, 1800, 1800]);

    *world.endpoint.status.lock().unwrap() = Some(200);
    assert_eq!(world.deliver(6).await, [Delivered::Done; 2]);
    *world.endpoint.status.lock().unwrap() = Some(503);
    world.deliver(1).await;
    tokio::time::advance(3 * DAY).await;
    assert_eq!(world.deliver(u32::try_from(MAX_TRIES).unwrap()).await, [Delivered::Again; 2]);
    let posts = world.posts();
    assert_eq!(world.deliver(1).await, [Delivered::Again; 2], "what is on its way may still become a dead letter");
    world.queue.sent.lock().unwrap().clear();
    world.tell(&[accepted("bob", 1)]).await;
    assert!(world.queue.sent.lock().unwrap().is_empty(), "and nothing more is queued");
    assert_eq!(world.posts(), posts);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_says_gone_is_switched_off_until_the_settings_are_set_again() {
    let world = World::start();
    world.set_webhook(Some(webhook("https://crm.example/hook"))).await;
    world.tell(&[accepted("ann", 1)]).await;
    *world.endpoint.status.lock().unwrap() = Some(410);
    assert_eq!(world.deliver(1).await, [Delivered::Done; 2]);
    *world.endpoint.status.lock().unwrap() = Some(200);
    let posts = world.posts();
    assert_eq!(world.deliver(1).await, [Delivered::Done; 2]);
    assert_eq!(world.posts(), posts, "it is not asked any more");
    world.set_webhook(Some(webhook("https://crm.example/hook"))).await;
    assert_eq!(world.deliver(1).await, [Delivered::Done; 2]);
    assert_eq!(world.posts(), posts + 2);
    world.set_webhook(None).await;
    assert_eq!(world.deliver(1).await, [Delivered::Done; 2]);
    assert_eq!(world.posts(), posts + 2, "no webhook, no post");
}

#[tokio::test(start_paused = true)]
async fn without_a_usable_secret_nothing_is_posted_and_what_is_no_delivery_stays() {
    let world = World::start();
    let secret = CredentialsRef::Ssm("/elsewhere".to_owned());
    world.set_webhook(Some(OutcomesWebhook { secret, ..webhook("https://crm.example/hook") })).await;
    world.tell(&[accepted("ann", 1)]).await;
    assert_eq!(world.deliver(1).await, [Delivered::Again; 2]);
    assert_eq!(world.posts(), 0);
    for body in ["", "{}", r#"{"v":2}"#, "[]"] {
        let message = DeliveryMessage { receipt: "r".to_owned(), body: body.to_owned(), tries: 1 };
        assert_eq!(world.notifier.deliver(&[message]).await, [Delivered::Again], "{body}");
    }
    let Entry { rev, .. } = world.health.load(&world.location).await.unwrap().unwrap();
    assert_eq!(rev, 1, "one write, however many fail");
}

//! GHL's reported states of its records, compared with the in-memory model.

use ghl_sync_aws::DynamoKnownStates;
use ghl_sync_engine::policy::Precedence;
use ghl_sync_engine::ports::{KnownBefore, KnownStates, RemoteKey, Replacement};
use ghl_sync_model::{Contact, EpochMs, EventId, GhlId, Kind, KnownState, RemoteChange, RemoteContent, RemoteEvent};
use ghl_sync_testkit::MemoryKnownStates;

use crate::fixtures::{STATE, Tables, ghl_id, location};

const T: u64 = 1_795_262_400_000;

struct Known {
    tables: Tables,
    states: DynamoKnownStates,
    id: GhlId,
}

impl Known {
    async fn new() -> Known {
        let tables = Tables::new().await;
        let states = DynamoKnownStates::new(tables.client.clone(), STATE);
        Known { tables, states, id: ghl_id("c1") }
    }
}

/// The partition key of the contact in the events.
fn pk() -> String {
    format!("known#{}#contact#c1", location())
}

fn event_id(id: &str) -> EventId {
    EventId::new(id).unwrap()
}

/// The state reported by event `id` at `T` plus `at` milliseconds: a contact with this first name, or a deleted one.
fn told(id: &str, at: u64, name: Option<&str>) -> (KnownState, Precedence) {
    let ghl_id = ghl_id("c1");
    let at = EpochMs(T + at);
    let content =
        name.map(|name| RemoteContent::Contact(Contact { first_name: Some(name.to_owned()), ..Contact::default() }));
    let change = match &content {
        Some(content) => RemoteChange::Written { ghl_id, content: content.clone() },
        None => RemoteChange::Deleted { kind: Kind::Contact, ghl_id },
    };
    let event = RemoteEvent {
        id: event_id(id),
        at,
        event_type: "ContactUpdate",
        location_id: location(),
        app_id: None,
        change,
    };
    let deleted_at = content.is_none().then_some(at);
    (KnownState { at, event_id: event_id(id), content, deleted_at, keep_until: None }, Precedence::of(&event))
}

#[tokio::test]
async fn any_sequence_of_events_does_what_it_does_in_memory() {
    let known = Known::new().await;
    let location = location();
    let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &known.id };
    assert_eq!(known.states.load(key).await.unwrap(), None);
    let model = MemoryKnownStates::default();
    // Ties, repetitions, events out of order, and deletions with the events that accompany them.
    for (id, at, name) in [
        ("b", 1_000, Some("Ann")),
        ("a", 1_000, Some("Ann")),
        ("c", 1_000, Some("Ann")),
        ("c", 1_000, Some("Ann")),
        ("d", 999, Some("Old")),
        ("e", 70_000, Some("Bob")),
        ("f", 65_000, None),
        ("f", 65_000, None),
        ("g", 65_003, Some("Bob")),
        ("h", 125_000, Some("Bob")),
        ("i", 125_001, Some("Bob")),
        ("j", 65_001, None),
        ("k", 66_000, None),
    ] {
        let (state, precedence) = told(id, at, name);
        let now = EpochMs(T + 200_000);
        let expected = model.replace(key, &state, &precedence, now).await.unwrap();
        let replacement = known.states.replace(key, &state, &precedence, now).await.unwrap();
        assert_eq!(replacement, expected, "{id} {at} {name:?}");
        assert_eq!(known.states.load(key).await.unwrap(), model.load(key).await.unwrap(), "{id} {at} {name:?}");
    }
    let state = known.states.load(key).await.unwrap().unwrap();
    assert_eq!((state.event_id.as_str(), state.deleted_at), ("k", Some(EpochMs(T + 66_000))));
}

#[tokio::test]
async fn a_known_state_is_in_no_index_and_costs_one_write() {
    let known = Known::new().await;
    let location = location();
    let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &known.id };
    for (id, at, name) in [("a", 0, Some("Ann")), ("b", 5, Some("Bob")), ("c", 10, None)] {
        let (state, precedence) = told(id, at, name);
        known.states.replace(key, &state, &precedence, EpochMs(T)).await.unwrap();
    }
    let used = known.tables.usage.snapshot().writes();
    assert_eq!((used.requests, used.units()), (3, 3.0));
    for index in ["check", "locations"] {
        assert_eq!(known.tables.index_size(STATE, index).await, 0);
    }
    let items = known.tables.client.scan().table_name(STATE).send().await.unwrap();
    let item = &items.items()[0];
    assert_eq!((items.count(), item["pk"].as_s().unwrap()), (1, &pk()));
    assert!(!item.contains_key("ttl_epoch_s"), "it never expires");
    assert!(!item.contains_key("content"), "nothing personal is kept of what was deleted");
}

#[tokio::test]
async fn of_events_at_once_the_newest_stands() {
    let known = Known::new().await;
    let location = location();
    let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &known.id };
    let events = (0..20).map(|n| told(&format!("e{n}"), (n * 7) % 20, Some("Ann"))).collect::<Vec<_>>();
    let replaced = events.iter().map(|(state, precedence)| known.states.replace(key, state, precedence, EpochMs(T)));
    for replacement in futures::future::join_all(replaced).await {
        replacement.unwrap();
    }
    assert_eq!(known.states.load(key).await.unwrap().unwrap().at, EpochMs(T + 19));
}

#[tokio::test]
async fn a_webhook_is_remembered_until_its_time_is_over() {
    let known = Known::new().await;
    let (now, until) = (EpochMs(T), EpochMs(T + 60_000));
    let remember = async |id: &str, now, until| known.states.remember(&event_id(id), now, until).await.unwrap();
    assert!(remember("a", now, until).await);
    assert!(!remember("a", now, until).await);
    assert!(remember("b", now, until).await, "another one");
    assert!(!remember("a", EpochMs(T + 59_000), until).await);
    assert!(remember("a", EpochMs(T + 60_000), EpochMs(T + 120_000)).await, "DynamoDB deletes late");
    assert!(!remember("a", EpochMs(T + 61_000), until).await);
    let item = known.tables.client.scan().table_name(STATE).send().await.unwrap();
    let item = item.items().iter().find(|item| item["pk"].as_s().unwrap() == "webhook#a").unwrap();
    assert_eq!(item["ttl_epoch_s"].as_n().unwrap(), &((T + 120_000) / 1000).to_string());
}

#[tokio::test]
async fn a_state_changed_by_hand_into_nonsense_is_an_error_that_names_the_attribute() {
    let known = Known::new().await;
    let location = location();
    let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &known.id };
    let (state, precedence) = told("a", 0, Some("Ann"));
    let done = known.states.replace(key, &state, &precedence, EpochMs(T)).await.unwrap();
    assert_eq!(done, Replacement::Done(None));
    known.tables.set_state_attribute(&pk(), "content", "{\"firstName\":\"Ann").await;
    let error = known.states.load(key).await.unwrap_err();
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert!(text.contains("`content`") && !text.contains("Ann"), "{text}");
    // The next event repairs the item.
    let (newer, precedence) = told("b", 1, Some("Bob"));
    let before = KnownBefore { event_id: event_id("a"), hash: state.content.as_ref().map(RemoteContent::hash) };
    let done = known.states.replace(key, &newer, &precedence, EpochMs(T)).await.unwrap();
    assert_eq!(done, Replacement::Done(Some(before)));
    assert_eq!(known.states.load(key).await.unwrap(), Some(newer));
}

#[tokio::test]
async fn a_state_that_a_newer_build_has_written_is_read_without_the_fields_that_this_one_does_not_know() {
    let known = Known::new().await;
    let location = location();
    let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &known.id };
    let (state, precedence) = told("a", 0, Some("Ann"));
    known.states.replace(key, &state, &precedence, EpochMs(T)).await.unwrap();
    let newer = state.content.as_ref().unwrap().to_json().replacen('{', r#"{"favouriteColour":"red","#, 1);
    known.tables.set_state_attribute(&pk(), "content", &newer).await;
    assert_eq!(known.states.load(key).await.unwrap(), Some(state));
}

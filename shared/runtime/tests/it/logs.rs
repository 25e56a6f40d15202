//! Every event has a log line with the fields that `docs/LOGS.md` documents.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{
    AlertNews, BatchReport, DeadLetterEnd, DeliveryEnd, Event, EventKind, EventSink, NotRun, OutcomeNews, Received,
    ReconcileReport, RecordResult, RetentionReport, TickReport,
};
use ghl_sync_limiter::{WaitReason, WaitUntil};
use ghl_sync_model::{
    Api, Batch, CredentialsRef, DeadLetter, Endpoint, EpochMs, ErrorCode, Generation, GhlId, Kind, LocationId,
    MappingOverrides, Message, Migration, MigrationId, MigrationOverlay, MigrationRequest, MigrationStatus, NotForUs,
    Progress, RecordKey, ScopeId, Unread,
};
use ghl_sync_runtime::LogSink;
use serde_json::Value;
use strum::IntoEnumIterator;
use tracing_subscriber::layer::SubscriberExt;

const DOCS: &str = include_str!("../../../../docs/LOGS.md");
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log line of `event`.
fn line(event: &Event<'_>) -> Value {
    let lines = Lines::default();
    let writer = lines.clone();
    let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(format), || LogSink.emit(event));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{event:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Level and fields of each event, from the document's first table.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let table = DOCS.split("## What the fields mean").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `event`"));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (names(cells[1]).pop_first().unwrap(), (cells[2].trim().to_owned(), names(cells[3])))
    })
    .collect()
}

#[test]
fn every_event_has_a_line_with_exactly_the_documented_fields() {
    let location = LocationId::new("loc").unwrap();
    let scope: ScopeId = location.clone().into();
    let key: RecordKey = "contact#a".parse().unwrap();
    let (location, scope, record, generation) = (&location, &scope, &key, Generation(3));
    let failure = PortError::new("gates.load", "no route");
    let bad_message = Batch::from_json("{").unwrap_err();
    let started = Batch { generation: Some(generation), ..Batch::new(location.clone()) };
    let batch = Message::Batch(started.clone());
    let (body, source) = ("{".to_owned(), Some("batches".to_owned()));
    let letter = DeadLetter { id: "m".to_owned(), body, sent_at: Some(EpochMs(0)), receives: Some(1), source };
    let report = BatchReport {
        location_id: location.clone(),
        generation,
        not_run: Some(NotRun::Stale),
        processed: 1,
        succeeded: 1,
        failed: 0,
        rate_limited: 0,
        deferred: 0,
        store_failed: 0,
        skipped: 0,
        would_send: 0,
        pace: None,
        stopped: Some(WaitUntil { at: EpochMs(1), reason: WaitReason::Breaker }),
        errors: Vec::new(),
    };
    let (reason, delay) = (WaitReason::Backoff, SECOND);
    let settled = |result, latency| Event::Settled { location, batch: generation, record, result, latency };
    let request = MigrationRequest {
        source: location.clone(),
        target: LocationId::new("other").unwrap(),
        auto_approve: true,
        settings: MigrationOverlay::default(),
        overrides: MappingOverrides::default(),
    };
    let migration = Migration::new(MigrationId::new("mig-1").unwrap(), request, false, EpochMs(0));
    let progress = ghl_sync_migrate::policy::progress(&migration, EpochMs(1));
    let failed = Progress { status: MigrationStatus::Failed, ..progress.clone() };
    let webhook = |received| Event::Webhook { location: Some(location), event_type: "ContactCreate", received };
    let fields = ["phone".to_owned()];
    let alert =
        |location| Event::Alerts(AlertNews::Begun { kind: "failures", location, failed: Some(3), ended: Some(20) });
    let delivery = |end| Event::Outcomes(OutcomeNews::Delivery { location, event_id: "evt_1", tries: 1, end });
    let not_delivered = DeliveryEnd::Failed { why: "the endpoint answered 500".to_owned(), rest: SECOND };
    let events = [
        Event::Ticked { report: &TickReport::default() },
        Event::Reconciled { location, report: &ReconcileReport::default() },
        Event::ContentsDropped { location, report: &RetentionReport::default() },
        Event::Planned { location, generation, records: 1, delay, reason: Some(reason) },
        Event::BatchStarted { batch: &started, generation },
        Event::Called {
            location,
            batch: Some(generation),
            record: Some(record),
            endpoint: Endpoint::UpsertContact,
            attempt: 0,
            status: Some(200),
            class: "ok",
            took: SECOND,
        },
        Event::Retrying {
            location,
            batch: Some(generation),
            record: Some(record),
            endpoint: Endpoint::UpsertContact,
            attempt: 1,
            reason,
            delay,
        },
        Event::Waiting { location, batch: Some(generation), record: Some(record), reason, wait: SECOND, attempt: 0 },
        Event::Breaker { scope, from: "closed", to: "open" },
        Event::Host { api: Api::V2, scope, from: "up", to: "down" },
        Event::DeadLetter { letter: &letter, message: Ok(&batch), age: Some(SECOND), end: DeadLetterEnd::Started },
        Event::DeadLetter { letter: &letter, message: Err("not_json"), age: None, end: DeadLetterEnd::Parked },
        Event::TokensIssued { location, credentials: &CredentialsRef::Default, good_for: SECOND },
        Event::TokensDelayed { location, credentials: &CredentialsRef::Default, reason: "no answer" },
        Event::CredentialsRefused { location, credentials: &CredentialsRef::Default, reason: "connect it again" },
        webhook(Received::Stored),
        webhook(Received::Stopped),
        webhook(Received::Ignored(NotForUs::UnknownType)),
        Event::WebhookRefused { status: 401, reason: "not_genuine", error: &failure },
        Event::WebhookRefused { status: 429, reason: "not_stored", error: &failure },
        Event::LimitLowered { scope, quota: "burst", from: 100, to: 40, window: SECOND },
        Event::Operated { location, scope, action: "pause" },
        settled(RecordResult::Failed(ErrorCode::Rejected), None),
        settled(RecordResult::Retrying(ErrorCode::Rejected), None),
        settled(RecordResult::Succeeded, Some(SECOND)),
        Event::NotStored { location, batch: generation, record, fields: &fields },
        Event::SharesGhlId {
            location,
            batch: generation,
            record,
            ghl_id: &GhlId::new("G1").unwrap(),
            with: std::slice::from_ref(record),
        },
        Event::PassedOver {
            location,
            kind: Kind::Contact,
            ghl_id: Some(&GhlId::new("G1").unwrap()),
            why: Unread::TooLong,
        },
        Event::BatchEnded { report: &report, took: SECOND },
        Event::Migrating { migration: &migration, progress: &progress },
        Event::Migrating { migration: &migration, progress: &failed },
        Event::Looked { location, oldest: SECOND },
        Event::Rests { scope, wake_at: Some(EpochMs(1)) },
        Event::Held { scope, until: EpochMs(1) },
        Event::PortFailed { scope: Some(scope), error: &failure },
        Event::NotABatch { message_id: Some("m"), error: &bad_message },
        Event::Ingested { messages: 3, stored: 1, refused: 1, repeated: 1 },
        Event::ItemsRefused { message_id: "m", items: 1, reason: "contact is missing" },
        Event::Outcomes(OutcomeNews::Told { changes: 2, events: 1, unreadable: 1, repeated: 0 }),
        Event::Outcomes(OutcomeNews::Unreadable { sequence: "1", why: &failure }),
        delivery(&DeliveryEnd::Delivered),
        delivery(&DeliveryEnd::NotWanted),
        delivery(&not_delivered),
        Event::Outcomes(OutcomeNews::NotADelivery),
        Event::Outcomes(OutcomeNews::SwitchedOff { location, is_gone: true }),
        alert(Some(location)),
        alert(None),
        Event::Alerts(AlertNews::Over { kind: "failures", location: Some(location) }),
        Event::Alerts(AlertNews::Digested { messages: 3 }),
        Event::Alerts(AlertNews::Untold { error: &failure }),
    ];
    let told: BTreeSet<EventKind> = events.iter().map(EventKind::from).collect();
    // It summarises the other events, and is written as metrics.
    let logged = EventKind::iter().filter(|kind| *kind != EventKind::Measured);
    assert_eq!(told, logged.collect(), "an example of each");
    let mut found: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for event in events {
        let line = line(&event);
        let (levels, fields) = found.entry(line["event"].as_str().unwrap().to_owned()).or_default();
        levels.insert(line["level"].as_str().unwrap().to_lowercase());
        let common = ["timestamp", "level", "target", "event"];
        fields.extend(line.as_object().unwrap().keys().filter(|key| !common.contains(&key.as_str())).cloned());
    }
    let documented = documented();
    assert_eq!(found.keys().collect::<Vec<_>>(), documented.keys().collect::<Vec<_>>());
    for (event, (levels, fields)) in found {
        let (documented_level, documented_fields) = &documented[&event];
        assert_eq!(&fields, documented_fields, "{event}");
        assert!(levels.iter().all(|level| documented_level.contains(level.as_str())), "{event}: {levels:?}");
    }
}

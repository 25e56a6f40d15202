//! Checks the catalogue of metrics against the code that writes them, and the alarms, dashboards and documents that use
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use ghl_sync_engine::counts::Counter;
use ghl_sync_engine::counts::catalogue::{self, Metric, MetricKind};
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{AlertNews, DeadLetterEnd, DeliveryEnd, Event, Measures, OutcomeNews, Received};
use ghl_sync_model::{Api, Batch, DeadLetter, EpochMs, NotForUs};
use ghl_sync_runtime::EmfSink;
use serde_json::{Value, json};

use crate::template::Template;

/// Names and units of the CloudWatch metrics after every counted event has happened.
fn written() -> BTreeMap<String, String> {
    let mut measures = Measures { scopes_failed: 1, oldest_due: Some(Duration::from_secs(1)), ..Measures::default() };
    Counter::all().for_each(|counter| measures.counts.add(counter, 1));
    measures.call_ms.push(1);
    measures.backoff_ms.push(1);
    let unanswered = PortError::new("alerts.publish", "no answer");
    let no_batch = Batch::from_json("").unwrap_err();
    let letter = DeadLetter { id: "m".to_owned(), body: String::new(), sent_at: None, receives: None, source: None };
    let (scope, location) = ("scope".parse().unwrap(), "loc".parse().unwrap());
    let (delivered, failed) = (
        DeliveryEnd::Delivered,
        DeliveryEnd::Failed { why: "the endpoint answered 500".to_owned(), rest: Duration::from_secs(5) },
    );
    let webhooks = [Received::Stored, Received::Duplicate, Received::Stale, Received::Ignored(NotForUs::UnknownType)]
        .map(|received| Event::Webhook { location: None, event_type: "ContactUpdate", received });
    let events = webhooks.into_iter().chain([
        Event::Measured { work: "batch", location: None, measures: &measures },
        Event::NotABatch { message_id: None, error: &no_batch },
        Event::DeadLetter { letter: &letter, message: Err("empty"), age: None, end: DeadLetterEnd::Parked },
        Event::WebhookRefused { status: 401, reason: "not_genuine", error: &no_batch },
        Event::WebhookRefused { status: 503, reason: "not_stored", error: &no_batch },
        Event::Ingested { messages: 3, stored: 1, refused: 1, repeated: 1 },
        Event::Outcomes(OutcomeNews::Told { changes: 3, events: 1, unreadable: 1, repeated: 1 }),
        Event::Outcomes(OutcomeNews::Delivery { location: &location, event_id: "e", tries: 1, end: &delivered }),
        Event::Outcomes(OutcomeNews::Delivery { location: &location, event_id: "e", tries: 1, end: &failed }),
        Event::Outcomes(OutcomeNews::SwitchedOff { location: &location, is_gone: true }),
        Event::Alerts(AlertNews::Begun { kind: "breaker", location: None, failed: None, ended: None }),
        Event::Alerts(AlertNews::Untold { error: &unanswered }),
        Event::Host { api: Api::V2, scope: &scope, from: "up", to: "down" },
    ]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = events.map(|event| EmfSink::new("stack").line(&event, EpochMs(0)).unwrap());
    lines
        .flat_map(|line| {
            let line: Value = serde_json::from_str(&line).unwrap();
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().clone()
        })
        .map(|metric| (text(&metric["Name"]), text(&metric["Unit"])))
        .collect()
}

fn unit(metric: &Metric) -> &'static str {
    metric.unit.into()
}

#[test]
fn cloudwatch_is_told_of_every_metric_of_the_catalogue_in_its_unit_and_of_no_other() {
    let catalogued =
        catalogue::ALL.into_iter().filter_map(|metric| Some((metric.cloudwatch?.to_owned(), unit(metric))));
    let catalogued: BTreeMap<String, String> = catalogued.map(|(name, unit)| (name, unit.to_owned())).collect();
    assert_eq!(written(), catalogued);
}

#[test]
fn every_metric_of_ours_that_an_alarm_or_the_dashboard_reads_is_in_the_catalogue() {
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm").into_values();
    let ours = alarms.filter(|alarm| alarm["Namespace"] == "GhlSync");
    let mut read: BTreeSet<String> = ours.map(|alarm| alarm["MetricName"].as_str().unwrap().to_owned()).collect();
    let (_, dashboard) = template.target(&json!({ "Ref": "OperatorDashboard" }));
    let body: Value = serde_json::from_str(dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap()).unwrap();
    for widget in body["widgets"].as_array().unwrap() {
        let metrics = widget["properties"]["metrics"].as_array().unwrap().iter();
        read.extend(metrics.filter(|it| it[0] == "GhlSync").map(|it| it[1].as_str().unwrap().to_owned()));
    }
    let is_known = |name: &&String| catalogue::ALL.iter().any(|metric| metric.cloudwatch == Some(name.as_str()));
    let unknown: Vec<&String> = read.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty() && !read.is_empty(), "{unknown:?}");
}

/// The queries of the Grafana dashboard.
fn queries(dashboard: &Value, found: &mut BTreeSet<String>) {
    match dashboard {
        Value::Object(members) => {
            for (name, value) in members {
                if let ("expr" | "definition", Value::String(query)) = (name.as_str(), value) {
                    found.insert(query.clone());
                }
                queries(value, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| queries(element, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Words of PromQL that are neither a metric nor a label.
const PROMQL: [&str; 9] = ["by", "histogram_quantile", "increase", "label_values", "le", "max", "rate", "sum", "topk"];

#[test]
fn every_metric_and_label_that_grafana_asks_for_is_in_the_catalogue() {
    let mut asked = BTreeSet::new();
    queries(&serde_json::from_str(include_str!("../../docs/grafana/ghl-sync.json")).unwrap(), &mut asked);
    assert!(asked.len() > 20, "{asked:?}");
    for query in asked {
        // Every second part is the content of a string, and brackets contain a time range.
        let outside: String = query.split('"').step_by(2).collect();
        let outside: String =
            outside.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
        let words = outside.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let words = words.filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()));
        let (metrics, labels): (Vec<&str>, Vec<&str>) =
            words.filter(|word| !PROMQL.contains(word)).partition(|word| find(word).is_some());
        let known: Vec<&str> =
            metrics.iter().filter_map(|name| find(name)).flat_map(|metric| metric.labels).copied().collect();
        assert!(
            !metrics.is_empty() && labels.iter().all(|label| known.contains(label)),
            "{query}: {metrics:?} {labels:?}"
        );
    }
}

/// The metric in a query, if it is a counter, a gauge or the buckets of a histogram.
fn find(name: &str) -> Option<&'static Metric> {
    catalogue::ALL.into_iter().find(|metric| match metric.kind {
        MetricKind::Counter | MetricKind::Gauge => metric.prometheus == Some(name),
        MetricKind::Histogram => metric.prometheus.is_some() && metric.prometheus == name.strip_suffix("_bucket"),
    })
}

#[test]
fn the_documents_list_the_catalogue_and_name_no_counter_that_is_not_in_it() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
    let code = |name: &str| format!("`{name}`");
    let rows: Vec<String> = catalogue::ALL
        .into_iter()
        .map(|metric| {
            let (kind, labels): (&str, Vec<String>) =
                (metric.kind.into(), metric.labels.iter().copied().map(code).collect());
            let names = [metric.cloudwatch, metric.prometheus].map(|name| name.map(code).unwrap_or_default());
            let cells = [&names[0], &names[1], kind, unit(metric), &labels.join(", "), metric.help];
            format!("| {} |", cells.join(" | ")).replace("|  |", "| |").replace("|  |", "| |")
        })
        .collect();
    let page = std::fs::read_to_string(docs.join("METRICS.md")).unwrap();
    let documented: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `") || line.starts_with("| |")).collect();
    assert!(documented == rows, "the table of docs/METRICS.md shall be\n{}", rows.join("\n"));

    for page in std::fs::read_dir(docs).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read(&page).unwrap();
        let text = String::from_utf8_lossy(&text);
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let unknown: Vec<&str> = words
            .filter(|word| word.starts_with("ghl_sync_") && word.ends_with("_total") && find(word).is_none())
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", page.display());
    }
}

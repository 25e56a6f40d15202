//! Events on an EventBridge bus.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_notify::{EventBus, OutcomeEvent};
use serde_json::{Value, json};

use crate::client::AwsConfig;
use crate::signed::{OperationSpec, Protocol, SignedOperation};

/// The `source` of every event: rules match it.
const SOURCE: &str = "ghl-sync";
/// Most entries of one request. Each of ours has a few hundred bytes, and the limit of a request is 256 KB.
const MOST_ENTRIES: usize = 10;

const PUT_EVENTS: OperationSpec<Vec<bool>> = OperationSpec {
    service: "events",
    target: "AWSEvents.PutEvents",
    protocol: Protocol::Json,
    read: taken,
    unread: "an answer without a list `Entries`",
};

/// Implements [`EventBus`] with EventBridge.
pub struct EventBridge {
    bus: String,
    put_events: SignedOperation<Vec<bool>>,
}

impl EventBridge {
    /// Uses the bus with this name or ARN in `config`'s region. `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, bus: impl Into<String>, clock: Arc<dyn Clock>) -> EventBridge {
        let put_events = SignedOperation::new(PUT_EVENTS, config, config.eventbridge_endpoint.as_deref(), clock);
        EventBridge { bus: bus.into(), put_events }
    }
}

impl fmt::Debug for EventBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBridge").field("bus", &self.bus).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventBus for EventBridge {
    async fn publish(&self, events: &[&OutcomeEvent]) -> Result<Vec<bool>, PortError> {
        let entries: Vec<Value> = events.iter().map(|event| self.entry(event)).collect();
        let answer = self.put_events.call(&json!({ "Entries": entries })).await;
        answer.map_err(|error| PortError::new("events.put_events", error))
    }

    fn most(&self) -> usize {
        MOST_ENTRIES
    }
}

impl EventBridge {
    fn entry(&self, event: &OutcomeEvent) -> Value {
        json!({
            "EventBusName": self.bus,
            "Source": SOURCE,
            "DetailType": event.kind.as_str(),
            "Detail": event.to_json(),
            "Time": event.at.0 / 1000,
        })
    }
}

/// Whether each entry was accepted. A request can succeed in part: each rejected entry has an error code.
fn taken(answer: &Value) -> Option<Vec<bool>> {
    let entries = answer["Entries"].as_array()?;
    Some(entries.iter().map(|entry| entry["EventId"].is_string() && entry["ErrorCode"].is_null()).collect())
}

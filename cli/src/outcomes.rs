//! Outcomes in the local stack: the stream of its records, and the queue of deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::error;

use crate::functions::Functions;

/// Interval between two reads of the stream.
const POLL: Duration = Duration::from_millis(200);

/// Whether a change of the state table passes the template's filters.
fn is_followed(change: &Value) -> bool {
    let key = change["dynamodb"]["Keys"]["pk"]["S"].as_str();
    key.is_none_or(|key| key.starts_with("import#") || key.starts_with("notice#"))
}

impl Functions {
    /// Hands record changes in order to the function that reports outcomes, like a stream's event source mapping: a
    /// change reported as failed is delivered again, together with all later ones.
    pub(crate) async fn follow_stream(self: Arc<Self>, mut place: String) {
        let Some(outcomes) = &self.outcomes else { return };
        let shutdown = self.engine.shutdown();
        loop {
            match outcomes.tables.changes(&place) {
                Ok((changes, _)) if changes.is_empty() => {
                    // Ends only after the last batch's changes are reported.
                    if shutdown.is_asked() {
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(POLL) => {}
                        () = shutdown.asked() => {}
                    }
                }
                Ok((changes, next)) => {
                    let changes: Vec<Value> = changes.into_iter().filter(is_followed).collect();
                    if changes.is_empty() {
                        place = next;
                        continue;
                    }
                    let event = self.event(json!({ "Records": changes }));
                    match self.billed(notifier::handle(&outcomes.notifier, event)).await {
                        Some(Ok(answer)) if answer.batch_item_failures.is_empty() => place = next,
                        Some(Ok(_)) => tokio::time::sleep(POLL).await,
                        Some(Err(notify_error)) => {
                            error!(event = "notify_failed", error = %notify_error);
                            tokio::time::sleep(POLL).await;
                        }
                        None => error!(event = "notify_timed_out"),
                    }
                }
                Err(stream_error) => {
                    error!(event = "stream_failed", error = %stream_error);
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }
}

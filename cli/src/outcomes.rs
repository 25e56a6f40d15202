//! Outcomes in a stack of this process: the stream of its records, and the queue of deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::error;

use crate::functions::Functions;

/// Between two looks at the stream.
const POLL: Duration = Duration::from_millis(200);

/// What the filters of the template let through, of the state table.
fn is_followed(change: &Value) -> bool {
    let key = change["dynamodb"]["Keys"]["pk"]["S"].as_str();
    key.is_none_or(|key| key.starts_with("import#") || key.starts_with("notice#"))
}

impl Functions {
    /// Hands the changes of records to the function that tells outcomes, in their order, as the event source mapping of a
    /// stream does: what it reports as failed comes again, with all after it.
    pub(crate) async fn follow_stream(self: Arc<Self>, mut place: String) {
        let Some(outcomes) = &self.outcomes else { return };
        let shutdown = self.engine.shutdown();
        loop {
            match outcomes.tables.changes(&place) {
                Ok((changes, _)) if changes.is_empty() => {
                    // What the last batch brought about is told before it ends.
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

//! Wiring of the function that publishes outcomes.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_notifier_from_env();
    ghl_sync_runtime::serve(started, |notifier, event| async move { notifier::handle(&notifier, event).await }).await
}

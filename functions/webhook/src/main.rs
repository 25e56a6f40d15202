//! Wiring of the function that takes in webhooks.

use std::process::ExitCode;

use ghl_sync_runtime::Webhooks;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Webhooks::from_env();
    ghl_sync_runtime::serve(started, |webhooks, event| async move { webhook::handle(&webhooks, event).await }).await
}

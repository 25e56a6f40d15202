//! Wiring of the ingest queue's function.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_ingest_from_env();
    ghl_sync_runtime::serve(started, |intake, event| async move { ingest::handle(&intake, event).await }).await
}

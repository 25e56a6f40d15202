//! Wiring of the dead-letter queue's function.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_redrive_from_env().map(|runtime| runtime.engine);
    ghl_sync_runtime::serve(started, |engine, event| async move { redrive::handle(&engine, event).await }).await
}

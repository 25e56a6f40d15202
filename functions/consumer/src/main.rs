//! Wiring of the queue's function.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::from_env().map(|runtime| runtime.engine);
    ghl_sync_runtime::serve(started, |engine, event| async move { consumer::handle(&engine, event).await }).await
}

//! Wiring of the scheduled function.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_scheduler_from_env().map(|runtime| runtime.engine);
    ghl_sync_runtime::serve(started, |engine, event| async move { scheduler::handle(&engine, event).await }).await
}

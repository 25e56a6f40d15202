//! Wiring of the scheduled function.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;
use scheduler::Scheduler;

#[tokio::main]
async fn main() -> ExitCode {
    let started =
        Runtime::of_scheduler_from_env().map(|runtime| Scheduler { alerts: runtime.alerts(), engine: runtime.engine });
    ghl_sync_runtime::serve(started, |scheduler, event| async move { scheduler::handle(&scheduler, event).await }).await
}

//! Wiring of the scheduled function.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ghl_sync_runtime::main(|engine, event| async move { scheduler::handle(&engine, event).await }).await
}

//! Wiring of the queue's function.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ghl_sync_runtime::main(|engine, event| async move { consumer::handle(&engine, event).await }).await
}

//! Wiring of the migrations' function.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_migrations_from_env();
    ghl_sync_runtime::serve(started, |migrator, event| async move { migrator::handle(&migrator, event).await }).await
}

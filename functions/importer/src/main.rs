//! Wiring of the importer.

use std::process::ExitCode;

use ghl_sync_runtime::Runtime;

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_importer_from_env();
    ghl_sync_runtime::serve(started, |importer, event| async move { importer::handle(&importer, event).await }).await
}

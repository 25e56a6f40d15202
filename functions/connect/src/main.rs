//! Wiring of the function that connects locations.

use std::process::ExitCode;

use ghl_sync_runtime::{Connecting, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let started = Connecting::from_env().map(connect::router);
    serve(started, |router, event| async move { connect::handle(&router, event).await }).await
}

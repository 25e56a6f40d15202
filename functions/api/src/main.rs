//! Wiring of the HTTP function.

use std::process::ExitCode;

use ghl_sync_runtime::{Config, Runtime, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let started = Runtime::of_api_from_env().map(|parts| api::router(parts, Config::variables_set_in_env()));
    serve(started, |router, event| async move { api::handle(&router, event).await }).await
}

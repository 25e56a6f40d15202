//! Wiring of the HTTP function.

use std::process::ExitCode;

use ghl_sync_runtime::{Runtime, refuse_to_start, run};

#[tokio::main]
async fn main() -> ExitCode {
    match Runtime::of_api_from_env() {
        Ok((runtime, access)) => {
            let router = api::router(runtime.engine, access);
            run(|event| {
                let router = router.clone();
                async move { api::handle(&router, event).await }
            })
            .await
        }
        Err(start_error) => refuse_to_start(&start_error).await,
    }
}

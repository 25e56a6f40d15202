//! Telling Lambda that the function cannot start. The invoker gets the error as it is told here; of a process that just
//! ends, it would learn nothing but the exit status. `lambda_runtime` tells Lambda so of its own trouble only.

use http::{Method, Request};
use lambda_runtime::Diagnostic;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};
use tracing::error;

use crate::config::Config;

/// The kind of error, one of those that Lambda's documentation names.
const ERROR_TYPE: &str = "Runtime.ConfigInvalid";

/// Reports to Lambda what is wrong; a process that Lambda did not start has nobody to tell.
pub(crate) async fn report(error_message: String) {
    let Some(api) = Config::runtime_api() else { return };
    let diagnostic = Diagnostic { error_type: ERROR_TYPE.to_owned(), error_message };
    if let Err(report_error) = post(&api, &diagnostic).await {
        error!(event = "cannot_report", error = report_error);
    }
}

async fn post(api: &str, diagnostic: &Diagnostic) -> Result<(), BoxError> {
    let client = PooledClient::builder().with_endpoint(api.parse()?).build();
    client.call(request(diagnostic)?).await.map(drop)
}

fn request(diagnostic: &Diagnostic) -> Result<Request<Body>, BoxError> {
    let request = build_request().method(Method::POST).uri("/2018-06-01/runtime/init/error");
    let request = request.header("Lambda-Runtime-Function-Error-Type", ERROR_TYPE);
    Ok(request.body(Body::from(serde_json::to_vec(diagnostic)?))?)
}

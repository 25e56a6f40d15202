//! Reports to Lambda that the function cannot start, so that the invoker gets this error. If the process merely
//! ended, the invoker would see only the exit status. `lambda_runtime` reports only its own failures.

use http::{Method, Request};
use lambda_runtime::Diagnostic;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};
use tracing::error;

use crate::config::Config;

/// The error type, one of those in Lambda's documentation.
const ERROR_TYPE: &str = "Runtime.ConfigInvalid";

/// Reports an error to Lambda; does nothing in a process that Lambda did not start.
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

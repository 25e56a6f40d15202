//! Single operations of services without an SDK client here, because we need one request of each. The body is JSON or
//! a form. The SDK's own signer signs it, and the SDK's own orchestrator sends it, with its timeouts and retries.

use std::sync::Arc;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use ghl_sync_engine::ports::{BoxError, Clock};
use serde_json::Value;

use crate::client::{AwsConfig, http_client, timeouts};
use crate::request_signer::RequestSigner;

/// One operation of one service.
pub(crate) struct SignedOperation<T> {
    operation: Operation<String, T, ServiceRefusal>,
}

/// Description of an operation.
pub(crate) struct OperationSpec<T> {
    /// Name of the service in addresses and signatures.
    pub(crate) service: &'static str,
    /// Name of the operation in the protocol.
    pub(crate) target: &'static str,
    /// Format of requests and errors.
    pub(crate) protocol: Protocol,
    /// Reads the result from the answer; `None` if it is missing.
    pub(crate) read: fn(&Value) -> Option<T>,
    /// The error code for an answer without a result.
    pub(crate) unread: &'static str,
}

/// The protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JSON in both directions; a header names the operation.
    Json,
    /// The request is a form that names the operation. The answer is XML, of which only an error's code is read.
    Query,
}

impl<T> Clone for OperationSpec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for OperationSpec<T> {}

/// An error that a service reports.
#[derive(Debug, thiserror::Error)]
#[error("{code} ({status})")]
pub(crate) struct ServiceRefusal {
    status: u16,
    pub(crate) code: String,
}

impl<T: Send + Sync + std::fmt::Debug + 'static> SignedOperation<T> {
    /// Uses the operation in `config`'s region, or at `endpoint`. `clock` dates the signatures.
    pub(crate) fn new(
        api: OperationSpec<T>,
        config: &AwsConfig,
        endpoint: Option<&str>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let url = endpoint.map_or_else(|| regional(api.service, &config.region), str::to_owned);
        let signer = Signer {
            signer: RequestSigner::with(api.service, &config.region, config.credentials.clone()),
            target: api.target,
            protocol: api.protocol,
            url: url.clone(),
            clock,
        };
        let operation = Operation::builder()
            .service_name(api.service)
            .operation_name(api.target)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http_client(Some(&url)))
            .endpoint_url(&url)
            .no_auth()
            .timeout_config(timeouts())
            .standard_retry(&config.retry_config())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<ServiceRefusal>::new())
            .serializer(move |body: String| signer.request(body))
            .deserializer(move |response: &HttpResponse| read(api, response))
            .build();
        SignedOperation { operation }
    }

    pub(crate) async fn call(&self, body: &Value) -> Result<T, SdkError<ServiceRefusal, HttpResponse>> {
        self.call_with(body.to_string()).await
    }

    /// Calls the operation with an encoded body.
    pub(crate) async fn call_with(&self, body: String) -> Result<T, SdkError<ServiceRefusal, HttpResponse>> {
        self.operation.invoke(body).await
    }
}

fn regional(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{suffix}")
}

/// Writes and signs requests.
struct Signer {
    signer: RequestSigner,
    target: &'static str,
    protocol: Protocol,
    url: String,
    clock: Arc<dyn Clock>,
}

impl Signer {
    fn request(&self, body: String) -> Result<HttpRequest, BoxError> {
        let headers = match self.protocol {
            Protocol::Json => vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", self.target)],
            Protocol::Query => vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        };
        let signed = self.signer.headers("POST", &self.url, &headers, body.as_bytes(), self.clock.now())?;
        let mut request = http::Request::post("/").header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signed {
            request = request.header(name, value);
        }
        Ok(HttpRequest::try_from(request.body(SdkBody::from(body))?)?)
    }
}

/// Reads the result of an answer, or the code of an error.
fn read<T>(api: OperationSpec<T>, response: &HttpResponse) -> Result<T, OrchestratorError<ServiceRefusal>> {
    let body = response.body().bytes().unwrap_or_default();
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    if response.status().is_success() {
        return (api.read)(&json).ok_or_else(|| refusal(response, api.unread));
    }
    let code = match api.protocol {
        // `ParameterNotFound`, or the same with a namespace: `com.amazonaws.ssm#ParameterNotFound`.
        Protocol::Json => json["__type"].as_str().and_then(|code| code.rsplit('#').next()),
        Protocol::Query => code_in_xml(std::str::from_utf8(body).unwrap_or_default()),
    };
    Err(refusal(response, code.unwrap_or("an error without a name")))
}

/// `<ErrorResponse><Error><Code>NotFound</Code>…`
fn code_in_xml(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

fn refusal(response: &HttpResponse, code: &str) -> OrchestratorError<ServiceRefusal> {
    OrchestratorError::operation(ServiceRefusal { status: response.status().as_u16(), code: code.to_owned() })
}

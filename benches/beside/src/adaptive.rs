//! The AWS SDK's adaptive retry mode: its client-side rate limiter and retry quota, on a generic Smithy client.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::ModeledAsRetryableClassifier;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::{EMPTY_ERROR_METADATA, ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::{ErrorKind, ProvideErrorKind, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;

use crate::call::{TIMEOUT, TOKEN, VERSION};
use crate::client::{Client, GaveUp};
use crate::task::Person;

/// The default is three; with it the client loses more contacts.
const MAX_ATTEMPTS: u32 = 10;

/// The client.
pub(crate) struct Adaptive(Operation<Body, (), Refused>);

/// Body of a request.
#[derive(Debug)]
struct Body(String);

impl Adaptive {
    pub(crate) fn new(url: &str) -> Adaptive {
        // Clients in one process with the same service name share the limiter and the retry quota.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let operation = Operation::builder()
            .service_name(format!("worker-{number}"))
            .operation_name("UpsertContact")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(url)
            .no_auth()
            .standard_retry(&RetryConfig::adaptive().with_max_attempts(MAX_ATTEMPTS))
            .retry_classifier(ModeledAsRetryableClassifier::<Refused>::new())
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(TIMEOUT).build())
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .serializer(request)
            .deserializer(answer)
            .build();
        Adaptive(operation)
    }
}

#[async_trait]
impl Client for Adaptive {
    async fn upsert(&self, person: &Person) -> Result<(), GaveUp> {
        self.0.invoke(Body(person.body().to_string())).await.map_err(|_| GaveUp)
    }
}

fn request(Body(body): Body) -> Result<HttpRequest, aws_smithy_runtime_api::box_error::BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/contacts/upsert")?;
    for (name, value) in [
        ("authorization", format!("Bearer {TOKEN}")),
        ("version", VERSION.to_owned()),
        ("content-type", "application/json".to_owned()),
    ] {
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<(), OrchestratorError<Refused>> {
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(OrchestratorError::operation(Refused { status: status.as_u16() })) }
}

/// A response from GHL that the SDK classifies: 429 is throttling.
#[derive(Debug)]
struct Refused {
    status: u16,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GHL answered {}", self.status)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorKind for Refused {
    fn retryable_error_kind(&self) -> Option<ErrorKind> {
        match self.status {
            429 => Some(ErrorKind::ThrottlingError),
            500.. => Some(ErrorKind::ServerError),
            _ => None,
        }
    }

    fn code(&self) -> Option<&str> {
        None
    }
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &EMPTY_ERROR_METADATA
    }
}

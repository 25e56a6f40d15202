//! Builds the SDK clients by hand: in Lambda the credentials are in the environment, and the provider chain of
//! `aws-config` would add unused clients for STS and SSO.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

/// Attempts per request, including the first.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of one attempt. A long poll of a queue needs a longer one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of all attempts of a request and the pauses between them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Endpoints of AWS, and the caller's credentials.
#[derive(Debug, Clone)]
pub struct AwsConfig {
    /// The region, such as `us-east-1`.
    pub region: String,
    /// Access key, secret key and (in Lambda) the session token.
    pub credentials: Credentials,
    /// URL of a DynamoDB other than the region's own. An `http://` URL is used without TLS.
    pub dynamodb_endpoint: Option<String>,
    /// URL of an SQS other than the region's own. An `http://` URL is used without TLS.
    pub sqs_endpoint: Option<String>,
    /// URL of an S3 other than the region's own.
    pub s3_endpoint: Option<String>,
    /// URL of a Systems Manager other than the region's own.
    pub ssm_endpoint: Option<String>,
    /// URL of a Secrets Manager other than the region's own.
    pub secrets_manager_endpoint: Option<String>,
    /// URL of an EventBridge other than the region's own.
    pub eventbridge_endpoint: Option<String>,
    /// URL of an SNS other than the region's own.
    pub sns_endpoint: Option<String>,
    /// Whether the SDK retries temporary failures (three attempts in all). Tests of semantics turn this off, so that
    /// no error is hidden from them.
    pub retries: bool,
    /// Observes the requests to DynamoDB and SQS, for measurements.
    pub interceptor: Option<SharedInterceptor>,
}

impl AwsConfig {
    /// Creates a client for DynamoDB. Use one per process: it owns the connections.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(http_client(self.dynamodb_endpoint.as_deref()))
            .timeout_config(timeouts())
            .retry_config(self.retry_config());
        config.set_endpoint_url(self.dynamodb_endpoint.clone());
        config.set_interceptors(self.interceptor.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// Creates a client for SQS. Use one per process: it owns the connections.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(http_client(self.sqs_endpoint.as_deref()))
            .timeout_config(timeouts())
            .retry_config(self.retry_config());
        config.set_endpoint_url(self.sqs_endpoint.clone());
        config.set_interceptors(self.interceptor.clone());
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    pub(crate) fn retry_config(&self) -> RetryConfig {
        if self.retries { RetryConfig::standard().with_max_attempts(ATTEMPTS) } else { RetryConfig::disabled() }
    }
}

pub(crate) fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    match endpoint {
        // Loads no root certificates: a test host may have none.
        Some(url) if url.starts_with("http://") => builder.build_http(),
        _ => builder.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https(),
    }
}

pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

//! Secrets in AWS Systems Manager's parameters and AWS Secrets Manager.
//!
//! One request of each service is needed, so there is no SDK client for either: a JSON body, signed by the SDK's own
//! signer and sent by the SDK's own orchestrator, with its timeouts and retries.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use ghl_sync_access::ports::{SecretError, SecretStore};
use ghl_sync_engine::ports::{BoxError, Clock, PortError};
use ghl_sync_model::{CredentialsRef, Secret};
use serde_json::{Value, json};

use crate::client::{AwsConfig, http_client, timeouts};

/// The two services as a [`SecretStore`]. It follows `ssm:` and `secretsmanager:`, and no other reference.
pub struct AwsSecrets {
    parameters: Service,
    secrets: Service,
}

/// One operation of one service.
struct Service {
    action: &'static str,
    operation: Operation<String, Secret, Refusal>,
}

/// What tells the services apart.
#[derive(Clone, Copy)]
struct Api {
    /// Its name in addresses and signatures.
    name: &'static str,
    /// The operation, as the protocol names it.
    target: &'static str,
    action: &'static str,
    /// Where the secret is in the answer.
    value: fn(&Value) -> Option<&str>,
}

const PARAMETERS: Api = Api {
    name: "ssm",
    target: "AmazonSSM.GetParameter",
    action: "ssm.get_parameter",
    value: |answer| answer["Parameter"]["Value"].as_str(),
};

const SECRETS: Api = Api {
    name: "secretsmanager",
    target: "secretsmanager.GetSecretValue",
    action: "secretsmanager.get_secret_value",
    value: |answer| answer["SecretString"].as_str(),
};

/// Codes that a person must act upon; everything else is tried again later.
const FOR_A_PERSON: [&str; 9] = [
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidKeyId",
    "InvalidParameterException",
    "InvalidRequestException",
    "ParameterNotFound",
    "ResourceNotFoundException",
    "ValidationException",
    NO_TEXT,
];

/// Our own word for an answer whose value is binary, or none.
const NO_TEXT: &str = "a value that is no text";

/// A service's no.
#[derive(Debug, thiserror::Error)]
#[error("{code} ({status})")]
struct Refusal {
    status: u16,
    code: String,
}

impl AwsSecrets {
    /// The services in `config`'s region; `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, clock: Arc<dyn Clock>) -> AwsSecrets {
        AwsSecrets {
            parameters: Service::new(PARAMETERS, config, config.ssm_endpoint.as_deref(), clock.clone()),
            secrets: Service::new(SECRETS, config, config.secrets_manager_endpoint.as_deref(), clock),
        }
    }
}

impl fmt::Debug for AwsSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecrets").finish_non_exhaustive()
    }
}

#[async_trait]
impl SecretStore for AwsSecrets {
    async fn read(&self, reference: &CredentialsRef) -> Result<Secret, SecretError> {
        match reference {
            CredentialsRef::Ssm(name) => self.parameters.call(&json!({ "Name": name, "WithDecryption": true })).await,
            CredentialsRef::SecretsManager(id) => self.secrets.call(&json!({ "SecretId": id })).await,
            CredentialsRef::Default | CredentialsRef::OfLocation(_) | CredentialsRef::File(_) => {
                Err(SecretError::Missing(format!("{reference} is not kept in AWS")))
            }
        }
    }
}

impl Service {
    fn new(api: Api, config: &AwsConfig, endpoint: Option<&str>, clock: Arc<dyn Clock>) -> Service {
        let url = endpoint.map_or_else(|| regional(api.name, &config.region), str::to_owned);
        let signer = Signer {
            api,
            url: url.clone(),
            region: config.region.clone(),
            credentials: config.credentials.clone(),
            clock,
        };
        let operation = Operation::builder()
            .service_name(api.name)
            .operation_name(api.target)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http_client(Some(&url)))
            .endpoint_url(&url)
            .no_auth()
            .timeout_config(timeouts())
            .standard_retry(&config.retry_config())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .serializer(move |body: String| signer.request(body))
            .deserializer(move |response: &HttpResponse| read(api, response))
            .build();
        Service { action: api.action, operation }
    }

    async fn call(&self, body: &Value) -> Result<Secret, SecretError> {
        match self.operation.invoke(body.to_string()).await {
            Ok(secret) => Ok(secret),
            Err(SdkError::ServiceError(error)) if FOR_A_PERSON.contains(&error.err().code.as_str()) => {
                Err(SecretError::Missing(format!("{} answers {}", self.action, error.err())))
            }
            Err(error) => Err(PortError::new(self.action, error).into()),
        }
    }
}

fn regional(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{suffix}")
}

/// Writes and signs requests.
struct Signer {
    api: Api,
    url: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

impl Signer {
    fn request(&self, body: String) -> Result<HttpRequest, BoxError> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", self.api.target)];
        let identity: Identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.api.name)
            .time(self.now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable =
            SignableRequest::new("POST", &self.url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        let mut request =
            http::Request::post("/").header("content-type", headers[0].1).header("x-amz-target", headers[1].1);
        request = request.header("content-length", body.len());
        let mut request = request.body(SdkBody::from(body))?;
        signature.apply_to_request_http1x(&mut request);
        Ok(HttpRequest::try_from(request)?)
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.clock.now().0)
    }
}

/// The secret in an answer, or the code of an error.
fn read(api: Api, response: &HttpResponse) -> Result<Secret, OrchestratorError<Refusal>> {
    let json: Value = serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    if response.status().is_success() {
        let secret = (api.value)(&json).map(Secret::new);
        return secret.ok_or_else(|| refusal(response, NO_TEXT));
    }
    // `ParameterNotFound`, or with a namespace before it: `com.amazonaws.ssm#ParameterNotFound`.
    let code = json["__type"].as_str().and_then(|code| code.rsplit('#').next()).unwrap_or("an error without a name");
    Err(refusal(response, code))
}

fn refusal(response: &HttpResponse, code: &str) -> OrchestratorError<Refusal> {
    OrchestratorError::operation(Refusal { status: response.status().as_u16(), code: code.to_owned() })
}

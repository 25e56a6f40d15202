//! Secrets in Systems Manager parameters and in Secrets Manager.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::result::SdkError;
use ghl_sync_access::ports::{SecretError, SecretStore};
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_model::{CredentialsRef, Secret};
use serde_json::{Value, json};

use crate::client::AwsConfig;
use crate::signed::{OperationSpec, Protocol, SignedOperation};

/// Implements [`SecretStore`] with the two services. It resolves `ssm:` and `secretsmanager:` references, and no
/// others.
pub struct AwsSecrets {
    parameters: SignedOperation<Secret>,
    secrets: SignedOperation<Secret>,
}

const PARAMETERS: OperationSpec<Secret> = OperationSpec {
    service: "ssm",
    target: "AmazonSSM.GetParameter",
    protocol: Protocol::Json,
    read: |answer| answer["Parameter"]["Value"].as_str().map(Secret::new),
    unread: NO_TEXT,
};

const SECRETS: OperationSpec<Secret> = OperationSpec {
    service: "secretsmanager",
    target: "secretsmanager.GetSecretValue",
    protocol: Protocol::Json,
    read: |answer| answer["SecretString"].as_str().map(Secret::new),
    unread: NO_TEXT,
};

/// Error codes that a person must fix; everything else is retried later.
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

/// Our own code for an answer with a binary value, or without one.
const NO_TEXT: &str = "a value that is no text";

impl AwsSecrets {
    /// Uses the services in `config`'s region. `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, clock: Arc<dyn Clock>) -> AwsSecrets {
        AwsSecrets {
            parameters: SignedOperation::new(PARAMETERS, config, config.ssm_endpoint.as_deref(), clock.clone()),
            secrets: SignedOperation::new(SECRETS, config, config.secrets_manager_endpoint.as_deref(), clock),
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
            CredentialsRef::Ssm(name) => {
                let body = json!({ "Name": name, "WithDecryption": true });
                call("ssm.get_parameter", &self.parameters, &body).await
            }
            CredentialsRef::SecretsManager(id) => {
                call("secretsmanager.get_secret_value", &self.secrets, &json!({ "SecretId": id })).await
            }
            CredentialsRef::Default | CredentialsRef::OfLocation(_) | CredentialsRef::File(_) => {
                Err(SecretError::Missing(format!("{reference} is not kept in AWS")))
            }
        }
    }
}

/// Sends a request. The error says whether a person must act.
async fn call(action: &'static str, operation: &SignedOperation<Secret>, body: &Value) -> Result<Secret, SecretError> {
    match operation.call(body).await {
        Ok(secret) => Ok(secret),
        Err(SdkError::ServiceError(error)) if FOR_A_PERSON.contains(&error.err().code.as_str()) => {
            Err(SecretError::Missing(format!("{action} answers {}", error.err())))
        }
        Err(error) => Err(PortError::new(action, error).into()),
    }
}

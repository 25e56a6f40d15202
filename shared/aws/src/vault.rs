//! Stores credentials in AWS Secrets Manager, for functions allowed to. It cannot read them back.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::result::SdkError;
use ghl_sync_access::ports::{SecretError, SecretVault};
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_model::Secret;
use serde_json::{Value, json};

use crate::client::AwsConfig;
use crate::signed::{OperationSpec, Protocol, SignedOperation};

/// Implements [`SecretVault`] with AWS Secrets Manager.
pub struct SecretsManagerVault {
    put: SignedOperation<()>,
    create: SignedOperation<()>,
    restore: SignedOperation<()>,
    delete: SignedOperation<()>,
}

/// Days during which a discarded secret can be restored; AWS allows 7 to 30.
const RECOVERY_DAYS: u32 = 7;
/// Description of the secrets, as shown in AWS.
const DESCRIPTION: &str = "Credentials of GoHighLevel, put here by ghl-sync when somebody connected an account.";

const NOT_THERE: &str = "ResourceNotFoundException";
const ALREADY_THERE: &str = "ResourceExistsException";
/// The secret is scheduled for deletion, and takes no other request until it is restored.
const DISCARDED: &str = "InvalidRequestException";
/// Error codes that a person must fix; everything else may be temporary.
const FOR_A_PERSON: [&str; 8] = [
    "AccessDeniedException",
    "DecryptionFailure",
    "EncryptionFailure",
    "InvalidParameterException",
    "LimitExceededException",
    "MalformedPolicyDocumentException",
    DISCARDED,
    NOT_THERE,
];

const fn api(target: &'static str) -> OperationSpec<()> {
    OperationSpec {
        service: "secretsmanager",
        target,
        protocol: Protocol::Json,
        read: |answer| answer["ARN"].as_str().map(|_| ()),
        unread: "an answer that names no secret",
    }
}

impl SecretsManagerVault {
    /// Uses the service in `config`'s region. `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, clock: &Arc<dyn Clock>) -> SecretsManagerVault {
        let operation = |target| {
            let endpoint = config.secrets_manager_endpoint.as_deref();
            SignedOperation::new(api(target), config, endpoint, clock.clone())
        };
        SecretsManagerVault {
            put: operation("secretsmanager.PutSecretValue"),
            create: operation("secretsmanager.CreateSecret"),
            restore: operation("secretsmanager.RestoreSecret"),
            delete: operation("secretsmanager.DeleteSecret"),
        }
    }

    async fn put(&self, name: &str, secret: &Secret) -> Result<(), VaultFailure> {
        let body = json!({ "SecretId": name, "SecretString": secret.expose(), "ClientRequestToken": request_token() });
        call(&self.put, &body).await
    }

    async fn create(&self, name: &str, secret: &Secret) -> Result<(), VaultFailure> {
        let body = json!({
            "Name": name, "SecretString": secret.expose(), "Description": DESCRIPTION,
            "ClientRequestToken": request_token(),
        });
        call(&self.create, &body).await
    }
}

impl fmt::Debug for SecretsManagerVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsManagerVault").finish_non_exhaustive()
    }
}

#[async_trait]
impl SecretVault for SecretsManagerVault {
    async fn keep(&self, name: &str, secret: &Secret) -> Result<(), SecretError> {
        let put = match self.put(name, secret).await {
            Err(VaultFailure::Code(code)) if code == NOT_THERE => match self.create(name, secret).await {
                // Someone else created it first.
                Err(VaultFailure::Code(code)) if code == ALREADY_THERE => self.put(name, secret).await,
                created => created,
            },
            Err(VaultFailure::Code(code)) if code == DISCARDED => {
                let restored = call(&self.restore, &json!({ "SecretId": name })).await;
                restored.map_err(|refused| refused.of("secretsmanager.restore_secret"))?;
                self.put(name, secret).await
            }
            put => put,
        };
        put.map_err(|refused| refused.of("secretsmanager.put_secret_value"))
    }

    async fn discard(&self, name: &str) -> Result<(), SecretError> {
        let body = json!({ "SecretId": name, "RecoveryWindowInDays": RECOVERY_DAYS });
        match call(&self.delete, &body).await {
            // It is gone already, or scheduled for deletion.
            Err(VaultFailure::Code(code)) if code == NOT_THERE || code == DISCARDED => Ok(()),
            deleted => deleted.map_err(|refused| refused.of("secretsmanager.delete_secret")),
        }
    }
}

/// Why a request did not succeed.
enum VaultFailure {
    /// The service's error code.
    Code(String),
    /// There was no answer.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl VaultFailure {
    fn of(self, action: &'static str) -> SecretError {
        match self {
            VaultFailure::Code(code) if FOR_A_PERSON.contains(&code.as_str()) => {
                SecretError::Missing(format!("{action} answers {code}"))
            }
            VaultFailure::Code(code) => PortError::new(action, code).into(),
            VaultFailure::Failed(error) => PortError::new(action, error).into(),
        }
    }
}

async fn call(operation: &SignedOperation<()>, body: &Value) -> Result<(), VaultFailure> {
    match operation.call(body).await {
        Ok(()) => Ok(()),
        Err(SdkError::ServiceError(error)) => Err(VaultFailure::Code(error.err().code.clone())),
        Err(error) => Err(VaultFailure::Failed(error.into())),
    }
}

/// The service recognises a repeated request by this token, and performs it once.
fn request_token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

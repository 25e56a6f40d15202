//! Where a function that may puts credentials: AWS Secrets Manager. It cannot read them back.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::result::SdkError;
use ghl_sync_access::ports::{SecretError, SecretVault};
use ghl_sync_engine::ports::{Clock, PortError};
use ghl_sync_model::Secret;
use serde_json::{Value, json};

use crate::client::AwsConfig;
use crate::signed::{Api, Protocol, SignedOperation};

/// AWS Secrets Manager as a [`SecretVault`].
pub struct SecretsManagerVault {
    put: SignedOperation<()>,
    create: SignedOperation<()>,
    restore: SignedOperation<()>,
    delete: SignedOperation<()>,
}

/// Days for which what was discarded can be brought back; AWS allows 7 to 30.
const RECOVERY_DAYS: u32 = 7;
/// What a secret is for, as people see it in AWS.
const DESCRIPTION: &str = "Credentials of GoHighLevel, put here by ghl-sync when somebody connected an account.";

const NOT_THERE: &str = "ResourceNotFoundException";
const ALREADY_THERE: &str = "ResourceExistsException";
/// It is to be deleted, and takes no other request until it is restored.
const DISCARDED: &str = "InvalidRequestException";
/// Codes that a person must act upon; everything else may pass.
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

const fn api(target: &'static str) -> Api<()> {
    Api {
        service: "secretsmanager",
        target,
        protocol: Protocol::Json,
        read: |answer| answer["ARN"].as_str().map(|_| ()),
        unread: "an answer that names no secret",
    }
}

impl SecretsManagerVault {
    /// The service in `config`'s region; `clock` dates the signatures.
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

    async fn put(&self, name: &str, secret: &Secret) -> Result<(), Refused> {
        let body = json!({ "SecretId": name, "SecretString": secret.expose(), "ClientRequestToken": request_token() });
        call(&self.put, &body).await
    }

    async fn create(&self, name: &str, secret: &Secret) -> Result<(), Refused> {
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
            Err(Refused::Code(code)) if code == NOT_THERE => match self.create(name, secret).await {
                // Somebody else was faster.
                Err(Refused::Code(code)) if code == ALREADY_THERE => self.put(name, secret).await,
                created => created,
            },
            Err(Refused::Code(code)) if code == DISCARDED => {
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
            // It is gone, or about to be.
            Err(Refused::Code(code)) if code == NOT_THERE || code == DISCARDED => Ok(()),
            deleted => deleted.map_err(|refused| refused.of("secretsmanager.delete_secret")),
        }
    }
}

/// What an answer is instead of a success.
enum Refused {
    /// The service's no, by its code.
    Code(String),
    /// There is no answer.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl Refused {
    fn of(self, action: &'static str) -> SecretError {
        match self {
            Refused::Code(code) if FOR_A_PERSON.contains(&code.as_str()) => {
                SecretError::Missing(format!("{action} answers {code}"))
            }
            Refused::Code(code) => PortError::new(action, code).into(),
            Refused::Failed(error) => PortError::new(action, error).into(),
        }
    }
}

async fn call(operation: &SignedOperation<()>, body: &Value) -> Result<(), Refused> {
    match operation.call(body).await {
        Ok(()) => Ok(()),
        Err(SdkError::ServiceError(error)) => Err(Refused::Code(error.err().code.clone())),
        Err(error) => Err(Refused::Failed(error.into())),
    }
}

/// By it the service knows a request that is sent again, and does it once.
fn request_token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

//! Reading credentials from the environment, a file, or an AWS service.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use ghl_sync_access::ports::{SecretError, SecretStore};
use ghl_sync_aws::{AwsConfig, AwsSecrets};
use ghl_sync_model::{CredentialsRef, Secret};

use crate::{StoredLocations, SystemClock};

/// Longest file, in bytes: longer than any credentials.
const LONGEST: u64 = 64 * 1024;

/// The error for a reference to a file where files are not allowed.
pub(crate) const NO_FILES: &str = "a deployed function reads no files; keep the token in Parameter Store (`ssm:/PATH/NAME`) or Secrets Manager \
     (`secretsmanager:NAME_OR_ARN`)";

/// Why credentials in AWS cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AwsSecretError {
    /// A variable with the caller's AWS identity is missing.
    #[error(
        "{0} is not set: AWS is asked with AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (of a \
         profile: `eval \"$(aws configure export-credentials --format env)\"`)"
    )]
    Unset(&'static str),
    /// AWS refuses the request, or does not answer.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Reads credentials from AWS for a program without other AWS resources, using its `AWS_…` variables.
///
/// # Errors
/// [`AwsSecretError`] names the missing variable or the failure.
pub async fn read_from_aws(
    reference: &CredentialsRef,
    vars: &BTreeMap<String, String>,
) -> Result<Secret, AwsSecretError> {
    let var = |name: &str| vars.get(name).filter(|value| !value.trim().is_empty()).cloned();
    let required = |name: &'static str| var(name).ok_or(AwsSecretError::Unset(name));
    let (key, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    let config = AwsConfig {
        region: var("AWS_REGION").or_else(|| var("AWS_DEFAULT_REGION")).ok_or(AwsSecretError::Unset("AWS_REGION"))?,
        credentials: Credentials::new(key, secret, var("AWS_SESSION_TOKEN"), None, "environment"),
        dynamodb_endpoint: None,
        sqs_endpoint: None,
        s3_endpoint: None,
        ssm_endpoint: var("AWS_ENDPOINT_URL_SSM"),
        secrets_manager_endpoint: var("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        eventbridge_endpoint: None,
        sns_endpoint: None,
        retries: true,
        interceptor: None,
    };
    Ok(AwsSecrets::new(&config, Arc::new(SystemClock)).read(reference).await?)
}

/// All sources of credentials.
#[derive(Debug)]
pub(crate) struct SecretSources {
    environment: Arc<StoredLocations>,
    aws: AwsSecrets,
    reads_files: bool,
}

impl SecretSources {
    pub(crate) fn new(environment: Arc<StoredLocations>, aws: AwsSecrets, reads_files: bool) -> SecretSources {
        SecretSources { environment, aws, reads_files }
    }
}

#[async_trait]
impl SecretStore for SecretSources {
    async fn read(&self, reference: &CredentialsRef) -> Result<Secret, SecretError> {
        match reference {
            CredentialsRef::Default | CredentialsRef::OfLocation(_) => {
                let missing = || SecretError::Missing("no token is configured for this location".to_owned());
                self.environment.token(reference).ok_or_else(missing)
            }
            CredentialsRef::File(_) if !self.reads_files => Err(SecretError::Missing(NO_FILES.to_owned())),
            CredentialsRef::File(path) => file(path).map_err(SecretError::Missing),
            CredentialsRef::Ssm(_) | CredentialsRef::SecretsManager(_) => self.aws.read(reference).await,
        }
    }
}

/// The content of a file that belongs to the current user and that nobody else may read or write. The checks use the
/// open file, so that it cannot be exchanged in between.
#[cfg(unix)]
fn file(path: &Path) -> Result<Secret, String> {
    use std::os::unix::fs::MetadataExt;

    let mut file = std::fs::File::open(path).map_err(|error| format!("the file cannot be opened: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("the file cannot be examined: {error}"))?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o177 != 0 {
        return Err(format!("the file has mode {mode:o}, so others may get at it; it must have 600 (chmod 600)"));
    }
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(format!("the file belongs to user {}; it must belong to user {us}, who runs this", metadata.uid()));
    }
    let mut text = String::new();
    let read = file.by_ref().take(LONGEST + 1).read_to_string(&mut text);
    match read.map_err(|error| format!("the file cannot be read: {error}"))? {
        length if length as u64 > LONGEST => Err("the file is longer than 64 KB".to_owned()),
        _ => Ok(Secret::new(text)),
    }
}

/// Other systems have other rules about who may read a file.
#[cfg(not(unix))]
fn file(_: &Path) -> Result<Secret, String> {
    Err("files are read on Unix systems only".to_owned())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Writes a file with this name and mode.
    fn written(name: &str, mode: u32, text: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("ghl-sync-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_that_only_its_owner_may_read_is_read() {
        for mode in [0o600, 0o400] {
            let path = written("good", mode, b"pit-secret\n");
            assert_eq!(file(&path).unwrap(), Secret::new("pit-secret\n"));
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_file_that_others_may_get_at_is_refused_and_so_is_what_is_none() {
        for mode in [0o644, 0o640, 0o604, 0o620, 0o700, 0o666] {
            let path = written("open", mode, b"pit-secret");
            let problem = file(&path).unwrap_err();
            assert!(problem.contains(&format!("mode {mode:o}")) && problem.contains("chmod 600"), "{problem}");
            assert!(!problem.contains("pit-secret"));
            std::fs::remove_file(path).unwrap();
        }
        assert!(file(Path::new("/nowhere/token")).unwrap_err().contains("cannot be opened"));
        assert!(file(&std::env::temp_dir()).unwrap_err().contains("not a file"));
        let long = written("long", 0o600, &vec![b'a'; 70_000]);
        assert!(file(&long).unwrap_err().contains("64 KB"));
        std::fs::remove_file(long).unwrap();
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let path = written("foreign", 0o600, b"pit-secret");
        // Only root can give files away, so other users cannot create this file.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            assert!(file(&path).unwrap_err().contains("belongs to user 65534"));
        }
        std::fs::remove_file(path).unwrap();
    }
}

//! Finds the token of a command: in GHL_TOKEN, a file, or an AWS service.

use std::collections::BTreeMap;

use ghl_sync_model::{Credentials, CredentialsRef, Secret};

use crate::{Failure, UsageError, aws_vars};

const NO_TOKEN: &str = "no token: export GHL_TOKEN (a private integration token of the location), or GHL_CREDENTIALS \
                        (file:/PATH, ssm:/PATH/NAME, secretsmanager:NAME)";
const REFERENCE: &str = "GHL_CREDENTIALS";

/// The value of GHL_CREDENTIALS, unless blank.
pub(crate) fn reference(vars: &BTreeMap<String, String>) -> Option<&str> {
    vars.get(REFERENCE).map(|reference| reference.trim()).filter(|reference| !reference.is_empty())
}

/// The token for calls to GHL. Empty if `vars` name a file, which is read whenever the token is needed. A token kept
/// in AWS is read once, and its reference is then removed from `vars`, because the local stack has only its own
/// services.
pub(crate) async fn token(told: &Secret, vars: &mut BTreeMap<String, String>) -> Result<Secret, Failure> {
    let Some(reference) = reference(vars).map(str::to_owned) else {
        return if told.is_empty() { Err(UsageError(NO_TOKEN.to_owned()).into()) } else { Ok(told.clone()) };
    };
    if !told.is_empty() {
        return Err(UsageError("GHL_TOKEN and GHL_CREDENTIALS are both set: unset one".to_owned()).into());
    }
    let reference =
        reference.parse::<CredentialsRef>().map_err(|error| UsageError(format!("GHL_CREDENTIALS: {error}")))?;
    match &reference {
        CredentialsRef::File(_) => Ok(Secret::new("")),
        CredentialsRef::Ssm(_) | CredentialsRef::SecretsManager(_) => {
            let read = ghl_sync_runtime::read_from_aws(&reference, &aws_vars()).await;
            let secret = read.map_err(|error| format!("{reference} cannot be read: {error}"))?;
            vars.remove(REFERENCE);
            private_token(&secret).map_err(|problem| format!("{reference} {problem}").into())
        }
        CredentialsRef::Default | CredentialsRef::OfLocation(_) => {
            Err(UsageError("GHL_CREDENTIALS names the environment: export GHL_TOKEN instead".to_owned()).into())
        }
    }
}

/// Accepts only a token that several processes may use. Exchanging an app's refresh token uses it up: taken from the
/// place where a deployed stack keeps its own, it would cut off that stack's access.
fn private_token(secret: &Secret) -> Result<Secret, String> {
    match Credentials::parse(secret.expose()) {
        Ok(Credentials::Token(token)) => Ok(token),
        Ok(Credentials::OAuth(_)) => {
            Err("holds an OAuth app's refresh token, which only one can use: a deployed stack \
                                          would lose its access. Take a private integration token, or install the app \
                                          once more and keep that in a file (GHL_CREDENTIALS=file:/PATH)"
                .to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_in_aws_is_left_to_the_stack_that_uses_it() {
        assert_eq!(private_token(&Secret::new("pit-1\n")).unwrap(), Secret::new("pit-1"));
        let app = r#"{"client_id":"a","client_secret":"b","refresh_token":"hush","user_type":"Location"}"#;
        let said = private_token(&Secret::new(app)).unwrap_err();
        assert!(said.contains("file:/PATH") && !said.contains("hush"), "{said}");
        assert!(private_token(&Secret::new("")).unwrap_err().contains("empty"));
    }
}

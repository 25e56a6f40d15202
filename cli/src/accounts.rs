//! Where the token of a command comes from: GHL_TOKEN, a file, or a service of AWS.

use std::collections::BTreeMap;

use ghl_sync_model::{Credentials, CredentialsRef, Secret};

use crate::{Failure, Usage, aws_vars};

const NO_TOKEN: &str = "no token: export GHL_TOKEN (a private integration token of the location), or GHL_CREDENTIALS \
                        (file:/PATH, ssm:/PATH/NAME, secretsmanager:NAME)";
const REFERENCE: &str = "GHL_CREDENTIALS";

/// What GHL_CREDENTIALS says.
pub(crate) fn reference(vars: &BTreeMap<String, String>) -> Option<&str> {
    vars.get(REFERENCE).map(|reference| reference.trim()).filter(|reference| !reference.is_empty())
}

/// The token to call GHL with; empty if `vars` name a file, which is read whenever it is needed. What is kept in AWS is
/// read once, and no longer among `vars` then: the stack here has no services but its own.
pub(crate) async fn token(told: &Secret, vars: &mut BTreeMap<String, String>) -> Result<Secret, Failure> {
    let Some(reference) = reference(vars).map(str::to_owned) else {
        return if told.is_empty() { Err(Usage(NO_TOKEN.to_owned()).into()) } else { Ok(told.clone()) };
    };
    if !told.is_empty() {
        return Err(Usage("GHL_TOKEN and GHL_CREDENTIALS are both set: unset one".to_owned()).into());
    }
    let reference = reference.parse::<CredentialsRef>().map_err(|error| Usage(format!("GHL_CREDENTIALS: {error}")))?;
    match &reference {
        CredentialsRef::File(_) => Ok(Secret::new("")),
        CredentialsRef::Ssm(_) | CredentialsRef::SecretsManager(_) => {
            let read = ghl_sync_runtime::read_from_aws(&reference, &aws_vars()).await;
            let secret = read.map_err(|error| format!("{reference} cannot be read: {error}"))?;
            vars.remove(REFERENCE);
            private_token(&secret).map_err(|problem| format!("{reference} {problem}").into())
        }
        CredentialsRef::Default | CredentialsRef::OfLocation(_) => {
            Err(Usage("GHL_CREDENTIALS names the environment: export GHL_TOKEN instead".to_owned()).into())
        }
    }
}

/// A token that several may use. An app's refresh token is used up by whoever exchanges it first: taken from where a
/// deployed stack has its own, it would take the leave from that stack.
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

//! The key of the AWS services that are embedded here.

use std::fmt::{self, Debug, Formatter, Write};

use axum::body::Bytes;
use axum::http::request::Parts;
use rustack_auth::{AuthError, CredentialProvider, hash_payload, verify_sigv4};

/// An access key of AWS's kind. Requests are signed with it, as they are to AWS.
#[derive(Clone)]
pub struct AccessKey {
    /// Its id, which requests show.
    pub id: String,
    /// Its secret, with which they are signed.
    pub secret: String,
}

impl AccessKey {
    /// Makes one at random.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn make() -> Result<AccessKey, getrandom::Error> {
        let mut bytes = [0; 40];
        getrandom::fill(&mut bytes)?;
        let mut text = String::new();
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02X}");
        }
        let secret = text.split_off(16);
        Ok(AccessKey { id: format!("LKIA{text}"), secret })
    }

    /// Whether the request is signed with it, all of its body included (Signature Version 4).
    pub(crate) fn verify(&self, request: &Parts, body: &Bytes) -> Result<(), AuthError> {
        verify_sigv4(request, &hash_payload(body), self).map(drop)
    }
}

impl CredentialProvider for AccessKey {
    fn get_secret_key(&self, access_key_id: &str) -> Result<String, AuthError> {
        if access_key_id == self.id {
            Ok(self.secret.clone())
        } else {
            Err(AuthError::AccessKeyNotFound(access_key_id.to_owned()))
        }
    }
}

impl Debug for AccessKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

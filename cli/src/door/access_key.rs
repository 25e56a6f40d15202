//! The access key of the embedded AWS services.

use std::fmt::Write;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::request::Parts;
use ghl_sync_model::{EpochMs, Secret};
use rustack_auth::{AuthError, CredentialProvider, hash_payload, verify_sigv4};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Age up to which a signature is accepted, in the past or the future, as with AWS, so that a recorded request is
/// useless later.
const SIGNATURE_AGE: Duration = Duration::from_secs(15 * 60);
const AMZ_DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// Reason why a request is not accepted as signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSigned {
    #[error(transparent)]
    Signature(#[from] AuthError),
    #[error("Signature expired: x-amz-date is more than 15 minutes from this machine's time")]
    Time,
}

/// An access key like AWS's, with which requests are signed.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Its id, visible in requests.
    pub id: String,
    /// The secret that signs requests.
    pub secret: Secret,
}

impl AccessKey {
    /// Creates a random access key.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn make() -> Result<AccessKey, getrandom::Error> {
        let mut bytes = [0; 40];
        getrandom::fill(&mut bytes)?;
        let mut text = String::new();
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02X}");
        }
        let secret = Secret::new(text.split_off(16));
        Ok(AccessKey { id: format!("LKIA{text}"), secret })
    }

    /// Checks that the request, including its whole body, is signed with this key (Signature Version 4) at a time
    /// close to `now`.
    pub(crate) fn verify(&self, request: &Parts, body: &Bytes, now: EpochMs) -> Result<(), NotSigned> {
        // This also verifies the time, because it is part of the signature.
        verify_sigv4(request, &hash_payload(body), self)?;
        let signed_at = signed_at(request).ok_or(NotSigned::Time)?;
        if now.since(signed_at).max(now.until(signed_at)) > SIGNATURE_AGE { Err(NotSigned::Time) } else { Ok(()) }
    }
}

fn signed_at(request: &Parts) -> Option<EpochMs> {
    let text = request.headers.get("x-amz-date")?.to_str().ok()?;
    let time = PrimitiveDateTime::parse(text, AMZ_DATE).ok()?.assume_utc();
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(EpochMs)
}

impl CredentialProvider for AccessKey {
    fn get_secret_key(&self, access_key_id: &str) -> Result<String, AuthError> {
        if access_key_id == self.id {
            Ok(self.secret.expose().to_owned())
        } else {
            Err(AuthError::AccessKeyNotFound(access_key_id.to_owned()))
        }
    }
}

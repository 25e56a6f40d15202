//! The key of the AWS services that are embedded here.

use std::fmt::Write;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::request::Parts;
use ghl_sync_model::{EpochMs, Secret};
use rustack_auth::{AuthError, CredentialProvider, hash_payload, verify_sigv4};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A signature counts for this long, and may be from this far ahead, as with AWS: a request that somebody recorded opens
/// nothing later.
const SIGNATURE_AGE: Duration = Duration::from_secs(15 * 60);
const AMZ_DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// Why a request does not count as signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSigned {
    #[error(transparent)]
    Signature(#[from] AuthError),
    #[error("Signature expired: x-amz-date is more than 15 minutes from this machine's time")]
    Time,
}

/// An access key of AWS's kind. Requests are signed with it, as they are to AWS.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Its id, which requests show.
    pub id: String,
    /// Its secret, with which they are signed.
    pub secret: Secret,
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
        let secret = Secret::new(text.split_off(16));
        Ok(AccessKey { id: format!("LKIA{text}"), secret })
    }

    /// Whether the request is signed with it, all of its body included (Signature Version 4), and not long before or
    /// after `now`.
    pub(crate) fn verify(&self, request: &Parts, body: &Bytes, now: EpochMs) -> Result<(), NotSigned> {
        // The time that is in the signature.
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

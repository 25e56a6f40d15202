//! Links to files of an S3 bucket: requests signed in advance (presigned URLs).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignatureLocation, SigningSettings};
use ghl_sync_drop::ports::Links;
use ghl_sync_engine::ports::{BoxError, Clock, PortError};
use percent_encoding::utf8_percent_encode;

use crate::client::AwsConfig;
use crate::files::{IN_PATH, S3Signer, in_query};

/// Implements [`Links`] for files of an S3 bucket. A link has the permissions of the role that signed it, for that
/// one file only.
pub struct S3Links {
    signer: S3Signer,
    origin: String,
}

impl S3Links {
    /// Creates links to files of `bucket` in `config`'s region. `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, bucket: &str, clock: Arc<dyn Clock>) -> S3Links {
        let signer = S3Signer::new(config, bucket, clock);
        // Scheme, empty part, host.
        let origin = signer.base.split('/').take(3).collect::<Vec<_>>().join("/");
        S3Links { signer, origin }
    }

    fn link(
        &self,
        method: &str,
        (key, query): (&str, &str),
        headers: &[(&str, &str)],
        lasts: Duration,
    ) -> Result<String, BoxError> {
        let path = format!("/{}{query}", utf8_percent_encode(key, IN_PATH));
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lasts);
        let signature = self.signer.sign(method, &path, headers, SignableBody::UnsignedPayload, settings)?;
        let added = signature.params().iter().map(|(name, value)| format!("{name}={}", in_query(value)));
        let glue = if query.is_empty() { "?" } else { "&" };
        Ok(format!("{}{path}{glue}{}", self.signer.base, added.collect::<Vec<_>>().join("&")))
    }
}

impl fmt::Debug for S3Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Links").field("base", &self.signer.base).finish_non_exhaustive()
    }
}

impl Links for S3Links {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn to_put(&self, key: &str, size: u64, lasts: Duration) -> Result<String, PortError> {
        let size = size.to_string();
        self.link("PUT", (key, ""), &[("content-length", &size)], lasts)
            .map_err(|error| PortError::new("files.link_to_put", error))
    }

    fn to_get(&self, key: &str, name: &str, lasts: Duration) -> Result<String, PortError> {
        let query = format!("?response-content-disposition={}", in_query(&format!("attachment; filename=\"{name}\"")));
        self.link("GET", (key, &query), &[], lasts).map_err(|error| PortError::new("files.link_to_get", error))
    }
}

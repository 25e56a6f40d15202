//! Links to files of a bucket in S3: requests that are signed before they are made (presigned URLs).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use ghl_sync_drop::ports::Links;
use ghl_sync_engine::ports::{BoxError, Clock, PortError};
use percent_encoding::utf8_percent_encode;

use crate::client::AwsConfig;
use crate::files::{IN_PATH, base_of, in_query};

/// The [`Links`] to files of a bucket in S3. Each may do what the role may that signed it, for that one file.
pub struct S3Links {
    base: String,
    origin: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

impl S3Links {
    /// Links to files of `bucket` in `config`'s region; `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, bucket: &str, clock: Arc<dyn Clock>) -> S3Links {
        let base = base_of(config, bucket);
        let host_ends = base.find("://").and_then(|at| base[at + 3..].find('/').map(|end| at + 3 + end));
        S3Links {
            origin: base[..host_ends.unwrap_or(base.len())].to_owned(),
            base,
            region: config.region.clone(),
            credentials: config.credentials.clone(),
            clock,
        }
    }

    fn link(
        &self,
        method: &str,
        (key, query): (&str, &str),
        headers: &[(&str, &str)],
        lasts: Duration,
    ) -> Result<String, BoxError> {
        let url = format!("{}/{}{query}", self.base, utf8_percent_encode(key, IN_PATH));
        let identity: Identity = self.credentials.clone().into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lasts);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_millis(self.clock.now().0))
            .settings(settings)
            .build()?
            .into();
        let signable = SignableRequest::new(method, &url, headers.iter().copied(), SignableBody::UnsignedPayload)?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        let added = signature.params().iter().map(|(name, value)| format!("{name}={}", in_query(value)));
        let glue = if query.is_empty() { "?" } else { "&" };
        Ok(format!("{url}{glue}{}", added.collect::<Vec<_>>().join("&")))
    }
}

impl fmt::Debug for S3Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Links").field("base", &self.base).finish_non_exhaustive()
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

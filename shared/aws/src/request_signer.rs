//! Signs requests (Signature Version 4) that no SDK client makes.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use ghl_sync_engine::ports::BoxError;
use ghl_sync_model::EpochMs;

/// Signs requests to a service of a region. `Debug` shows only the id of its credentials.
#[derive(Debug, Clone)]
pub struct RequestSigner {
    service: &'static str,
    region: String,
    credentials: Credentials,
}

impl RequestSigner {
    /// Signs for `service` (its name in signatures) in `region`, with the id and secret of an access key, and the
    /// session token if there is one.
    #[must_use]
    pub fn new(
        service: &'static str,
        region: &str,
        (id, secret): (&str, &str),
        session: Option<&str>,
    ) -> RequestSigner {
        let credentials = Credentials::new(id, secret, session.map(str::to_owned), None, "told");
        RequestSigner::with(service, region, credentials)
    }

    pub(crate) fn with(service: &'static str, region: &str, credentials: Credentials) -> RequestSigner {
        RequestSigner { service, region: region.to_owned(), credentials }
    }

    /// The region of its signatures.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The headers that a request needs besides those in `headers`: the time, the session token if there is one, and
    /// the signature, which covers all of them, the whole URL and the body. `url` is the final URL with host and
    /// query.
    ///
    /// # Errors
    /// If the URL is invalid.
    pub fn headers(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        at: EpochMs,
    ) -> Result<Vec<(String, String)>, BoxError> {
        let identity: Identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(UNIX_EPOCH + Duration::from_millis(at.0))
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body))?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        Ok(signature.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with another implementation (Python's `hmac` over the canonical request as AWS describes it): escapes
    /// in a path are escaped again, and queries are sorted.
    #[test]
    fn a_signature_is_that_of_an_independent_computation() {
        let key = ("AKIDEXAMPLE", "secret/example");
        let signer = RequestSigner::new("execute-api", "eu-central-1", key, Some("token+of/session"));
        let url = "https://abc.execute-api.eu-central-1.amazonaws.com/v1/locations/loc1/records/contact/a%23b?state=failed&kind=contact";
        let headers = signer
            .headers("POST", url, &[("content-type", "application/json")], br#"{"a":1}"#, EpochMs(1_800_000_000_000))
            .unwrap();
        let header = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        assert_eq!(header("x-amz-date"), Some("20270115T080000Z"));
        assert_eq!(header("x-amz-security-token"), Some("token+of/session"));
        assert_eq!(
            header("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/eu-central-1/execute-api/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
                 Signature=f96aa036dac6cca017452fd5559ed57c469e27b057e9e7353404060a5056db80"
            )
        );
    }
}

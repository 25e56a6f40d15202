//! The public keys for webhook signatures. There may be several of each kind, so that a new key is trusted before the
//! old one retires.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use webpki::ring::{ED25519, RSA_PKCS1_2048_8192_SHA256};

/// GHL's key for `X-GHL-Signature`, from its webhook integration guide
/// (marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide).
const GHL_ED25519: &str = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=";

/// GHL's key for `X-WH-Signature`, from its API documentation (GoHighLevel/highlevel-api-docs,
/// `docs/oauth/WebhookAuthentication.md`). GHL announced its retirement for 2026.
const GHL_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
-----END PUBLIC KEY-----";

/// Setting that turns the legacy signature off.
const NONE: &str = "none";

/// The trusted public keys.
#[derive(Debug, Clone)]
pub struct WebhookKeys {
    pub(super) ed25519: Vec<SubjectPublicKeyInfoDer<'static>>,
    pub(super) rsa: Vec<SubjectPublicKeyInfoDer<'static>>,
}

/// Why a key is unusable.
#[derive(Debug, thiserror::Error)]
pub enum WebhookKeyError {
    /// The text begins like PEM, but is unreadable.
    #[error("has a PEM block that cannot be read")]
    Pem(#[source] pem::Error),
    /// The text is not base64.
    #[error("has a key (number {number}) that is neither PEM nor base64")]
    Base64 {
        /// Position of the key in the text, from 1.
        number: usize,
        /// The decoding error.
        source: base64::DecodeError,
    },
    /// The text is a key of another kind, or no key at all.
    #[error("has a key (number {number}) that is not {expected}")]
    Kind {
        /// Position of the key in the text, from 1.
        number: usize,
        /// Description of the required kind.
        expected: &'static str,
        /// The reason why it was rejected.
        source: webpki::Error,
    },
    /// The text contains no key.
    #[error("has no key")]
    Empty,
}

impl WebhookKeys {
    /// Trusts no keys: every webhook is refused.
    #[must_use]
    pub fn none() -> WebhookKeys {
        WebhookKeys { ed25519: Vec::new(), rsa: Vec::new() }
    }

    /// Builds the trusted keys; GHL's published keys are the default for each text. Each text holds one or more
    /// public keys (SPKI): PEM blocks, or their base64 separated by commas or blanks. With `legacy` set to `none`, no
    /// RSA signature is accepted.
    ///
    /// # Errors
    /// `Err((is_legacy, fault))` says which text is faulty, and why.
    pub fn new(current: Option<&str>, legacy: Option<&str>) -> Result<WebhookKeys, (bool, WebhookKeyError)> {
        Ok(WebhookKeys {
            ed25519: keys(current.unwrap_or(GHL_ED25519), "an Ed25519 public key", ED25519)
                .map_err(|error| (false, error))?,
            rsa: match legacy {
                Some(NONE) => Vec::new(),
                legacy => keys(legacy.unwrap_or(GHL_RSA), "an RSA public key", RSA_PKCS1_2048_8192_SHA256)
                    .map_err(|error| (true, error))?,
            },
        })
    }
}

fn keys(
    text: &str,
    expected: &'static str,
    algorithm: &dyn SignatureVerificationAlgorithm,
) -> Result<Vec<SubjectPublicKeyInfoDer<'static>>, WebhookKeyError> {
    let keys = if text.contains("-----BEGIN") { from_pem(text)? } else { from_base64(text)? };
    for (index, key) in keys.iter().enumerate() {
        is_for(algorithm, key).map_err(|source| WebhookKeyError::Kind { number: index + 1, expected, source })?;
    }
    if keys.is_empty() { Err(WebhookKeyError::Empty) } else { Ok(keys) }
}

fn from_pem(text: &str) -> Result<Vec<SubjectPublicKeyInfoDer<'static>>, WebhookKeyError> {
    SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(WebhookKeyError::Pem)
}

fn from_base64(text: &str) -> Result<Vec<SubjectPublicKeyInfoDer<'static>>, WebhookKeyError> {
    let keys = text.split([',', ' ', '\n', '\r', '\t']).filter(|key| !key.is_empty());
    keys.enumerate()
        .map(|(index, key)| match STANDARD.decode(key) {
            Ok(der) => Ok(der.into()),
            Err(source) => Err(WebhookKeyError::Base64 { number: index + 1, source }),
        })
        .collect()
}

/// Whether `key` fits `algorithm`: verifying an empty signature then fails because of the signature, not the key.
fn is_for(
    algorithm: &dyn SignatureVerificationAlgorithm,
    key: &SubjectPublicKeyInfoDer<'_>,
) -> Result<(), webpki::Error> {
    match RawPublicKeyEntity::try_from(key)?.verify_signature(algorithm, b"", b"") {
        Ok(()) | Err(webpki::Error::InvalidSignatureForPublicKey) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519_PEM: &str = include_str!("../../../../tests/keys/webhook-test-only.ed25519.pub.pem");
    const RSA_PEM: &str = include_str!("../../../../tests/keys/webhook-test-only.rsa.pub.pem");

    fn faults(current: Option<&str>, legacy: Option<&str>) -> (bool, String) {
        let (is_legacy, error) = WebhookKeys::new(current, legacy).unwrap_err();
        (is_legacy, error.to_string())
    }

    #[test]
    fn ghl_s_published_keys_are_the_default_and_are_those_that_were_published() {
        let keys = WebhookKeys::new(None, None).unwrap();
        assert_eq!((keys.ed25519.len(), keys.rsa.len()), (1, 1));
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        // The SPKI ends with the raw key.
        assert!(
            hex(&keys.ed25519[0]).ends_with("8b61d1d6cacbe28d7c3bc0516bb815258ec6edbba96cddc7f40c09ac708388e8"),
            "the Ed25519 key"
        );
        let digest = ring::digest::digest(&ring::digest::SHA256, &keys.rsa[0]);
        assert_eq!(hex(digest.as_ref()), "2f62045d413b1b7747e26770ce7f57840cbf86288cd20ceb90d299a62501fd25");
    }

    #[test]
    fn several_keys_are_read_in_every_form() {
        let two_pems = format!("{ED25519_PEM}\n{ED25519_PEM}");
        let two_lines = format!("{GHL_ED25519},\n {GHL_ED25519}");
        for text in [&two_pems, &two_lines] {
            assert_eq!(WebhookKeys::new(Some(text), None).unwrap().ed25519.len(), 2, "{text}");
        }
        assert_eq!(WebhookKeys::new(None, Some(&format!("{RSA_PEM}{GHL_RSA}"))).unwrap().rsa.len(), 2);
        assert!(WebhookKeys::new(None, Some("none")).unwrap().rsa.is_empty());
    }

    #[test]
    fn a_bad_key_is_a_fault_that_says_which() {
        let cases = [
            (Some("!"), None, false, "(number 1) that is neither PEM nor base64"),
            (Some("MCowBQYDK2VwAyEA"), None, false, "(number 1) that is not an Ed25519 public key"),
            (Some(RSA_PEM), None, false, "(number 1) that is not an Ed25519 public key"),
            (None, Some(ED25519_PEM), true, "(number 1) that is not an RSA public key"),
            (Some("none"), None, false, "(number 1) that is not an Ed25519 public key"),
            (Some(" , "), None, false, "has no key"),
            (Some("-----BEGIN PUBLIC KEY-----\nMCow"), None, false, "has a PEM block that cannot be read"),
        ];
        for (current, legacy, is_legacy, expected) in cases {
            let (in_legacy, text) = faults(current, legacy);
            assert!(text.contains(expected) && in_legacy == is_legacy, "{current:?} {legacy:?}: {text}");
        }
    }
}

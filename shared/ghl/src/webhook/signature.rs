//! Verifies that a webhook comes from GHL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use webpki::ring::{ED25519, RSA_PKCS1_2048_8192_SHA256};

use super::WebhookKeys;

/// Header of the Ed25519 signature.
const CURRENT: &str = "x-ghl-signature";
/// Header of the RSA signature.
const LEGACY: &str = "x-wh-signature";

/// The signatures of a body. A header that is `N/A` or empty counts as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signatures<'a> {
    current: Option<&'a str>,
    legacy: Option<&'a str>,
}

impl<'a> Signatures<'a> {
    /// Collects the signatures with `header`, which looks a header up by its lower-case name.
    pub fn from_headers(header: impl Fn(&str) -> Option<&'a str>) -> Signatures<'a> {
        let signature = |name| header(name).map(str::trim).filter(|text| !text.is_empty() && *text != "N/A");
        Signatures { current: signature(CURRENT), legacy: signature(LEGACY) }
    }
}

/// Why a webhook is not accepted as GHL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Both headers are missing.
    #[error("the request has neither {CURRENT} nor {LEGACY}")]
    Missing,
    /// There is only a legacy signature, and legacy signatures are turned off.
    #[error("the request has only {LEGACY}, and GHL_WEBHOOK_LEGACY_PUBLIC_KEYS is `none`")]
    LegacyOff,
    /// The signature is not base64.
    #[error("{header} is not base64")]
    NotBase64 {
        /// Name of the header.
        header: &'static str,
    },
    /// No trusted key has signed these bytes.
    #[error("{header} is not the signature of this body by a trusted key")]
    NotTrusted {
        /// Name of the header.
        header: &'static str,
    },
}

impl WebhookKeys {
    /// Checks that a trusted key has signed `body`. `body` must be the bytes as received: JSON that was parsed and
    /// written again is a different text.
    ///
    /// If there is an Ed25519 signature, it alone decides: a valid RSA signature does not make up for a bad one.
    ///
    /// # Errors
    /// If no signature is valid.
    pub fn verify(&self, signatures: Signatures<'_>, body: &[u8]) -> Result<(), SignatureError> {
        match (signatures.current, signatures.legacy) {
            (Some(signature), _) => verify(&self.ed25519, ED25519, CURRENT, signature, body),
            (None, Some(_)) if self.rsa.is_empty() => Err(SignatureError::LegacyOff),
            (None, Some(signature)) => verify(&self.rsa, RSA_PKCS1_2048_8192_SHA256, LEGACY, signature, body),
            (None, None) => Err(SignatureError::Missing),
        }
    }
}

fn verify(
    keys: &[SubjectPublicKeyInfoDer<'_>],
    algorithm: &dyn SignatureVerificationAlgorithm,
    header: &'static str,
    signature: &str,
    body: &[u8],
) -> Result<(), SignatureError> {
    let signature = STANDARD.decode(signature).map_err(|_| SignatureError::NotBase64 { header })?;
    let signed_by = |key| {
        RawPublicKeyEntity::try_from(key).and_then(|key| key.verify_signature(algorithm, body, &signature)).is_ok()
    };
    if keys.iter().any(signed_by) { Ok(()) } else { Err(SignatureError::NotTrusted { header }) }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
    use rustls_pki_types::PrivatePkcs8KeyDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    const BODY: &[u8] = br#"{"type":"ContactCreate","locationId":"loc","id":"c1","email":"a@b.c"}"#;

    fn der(pem: &str) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn ed25519(body: &[u8]) -> String {
        let key = der(include_str!("../../../../tests/keys/webhook-test-only.ed25519.pem"));
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der()).unwrap();
        STANDARD.encode(key.sign(body))
    }

    fn rsa(body: &[u8]) -> String {
        let key = der(include_str!("../../../../tests/keys/webhook-test-only.rsa.pem"));
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body, &mut signature).unwrap();
        STANDARD.encode(signature)
    }

    /// The test keys and GHL's real ones, as during a rotation.
    fn keys() -> WebhookKeys {
        let ghl = WebhookKeys::new(None, None).unwrap();
        let ed25519 = include_str!("../../../../tests/keys/webhook-test-only.ed25519.pub.pem");
        let rsa = include_str!("../../../../tests/keys/webhook-test-only.rsa.pub.pem");
        let mut keys = WebhookKeys::new(Some(ed25519), Some(rsa)).unwrap();
        keys.ed25519.splice(0..0, ghl.ed25519);
        keys.rsa.splice(0..0, ghl.rsa);
        keys
    }

    fn verified(current: Option<&str>, legacy: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
        let signatures = Signatures::from_headers(|name| match name {
            "x-ghl-signature" => current,
            "x-wh-signature" => legacy,
            other => panic!("{other} is not asked for"),
        });
        keys().verify(signatures, body)
    }

    #[test]
    fn a_body_signed_by_any_trusted_key_is_genuine() {
        let (ed25519, rsa) = (ed25519(BODY), rsa(BODY));
        assert_eq!(verified(Some(&ed25519), None, BODY), Ok(()));
        assert_eq!(verified(None, Some(&rsa), BODY), Ok(()));
        assert_eq!(verified(Some(&format!(" {ed25519} ")), Some(&rsa), BODY), Ok(()));
        assert_eq!(verified(Some("N/A"), Some(&rsa), BODY), Ok(()), "N/A is no signature");
        assert_eq!(verified(Some(&self::ed25519(b"")), None, b""), Ok(()));
    }

    #[test]
    fn a_bad_signature_is_refused_and_the_header_is_named() {
        let (good, good_rsa) = (ed25519(BODY), rsa(BODY));
        let current = Err(SignatureError::NotTrusted { header: "x-ghl-signature" });
        let legacy = Err(SignatureError::NotTrusted { header: "x-wh-signature" });
        let mut other_body = BODY.to_vec();
        other_body[10] ^= 1;
        // The same JSON, written again with sorted fields and blanks.
        let rewritten = serde_json::to_vec_pretty(&serde_json::from_slice::<serde_json::Value>(BODY).unwrap()).unwrap();
        let truncated = STANDARD.encode(&STANDARD.decode(&good).unwrap()[..63]);
        let truncated_rsa = STANDARD.encode(&STANDARD.decode(&good_rsa).unwrap()[..255]);
        type Case<'a> = (Option<&'a str>, Option<&'a str>, &'a [u8], Result<(), SignatureError>);
        let cases: [Case<'_>; 13] = [
            (None, None, BODY, Err(SignatureError::Missing)),
            (Some(""), None, BODY, Err(SignatureError::Missing)),
            (Some("N/A"), None, BODY, Err(SignatureError::Missing)),
            (Some("not base64!"), None, BODY, Err(SignatureError::NotBase64 { header: "x-ghl-signature" })),
            (Some(&good[1..]), None, BODY, Err(SignatureError::NotBase64 { header: "x-ghl-signature" })),
            (Some(&truncated), None, BODY, current),
            (Some(&good), None, &other_body, current),
            (Some(&good), None, &rewritten, current),
            (Some(&good), None, &BODY[..BODY.len() - 1], current),
            (None, Some(&truncated_rsa), BODY, legacy),
            (None, Some(&good_rsa), &other_body, legacy),
            // One algorithm's signature is invalid for the other, and a good one does not make up for a bad one.
            (Some(&good_rsa), None, BODY, current),
            (Some(&truncated), Some(&good_rsa), BODY, current),
        ];
        for (current, legacy, body, expected) in cases {
            assert_eq!(verified(current, legacy, body), expected, "{current:?} {legacy:?}");
        }
    }

    #[test]
    fn a_legacy_signature_is_refused_when_these_are_switched_off() {
        let ed25519 = include_str!("../../../../tests/keys/webhook-test-only.ed25519.pub.pem");
        let keys = WebhookKeys::new(Some(ed25519), Some("none")).unwrap();
        let rsa = rsa(BODY);
        let signatures = Signatures::from_headers(|name| (name == "x-wh-signature").then_some(rsa.as_str()));
        assert_eq!(keys.verify(signatures, BODY), Err(SignatureError::LegacyOff));
    }
}

//! Signs as GHL does, with the key pairs of `tests/keys`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::Ed25519KeyPair;

/// The public key for `GHL_WEBHOOK_PUBLIC_KEYS`.
pub(crate) const ED25519_PUBLIC: &str = include_str!("../keys/webhook-test-only.ed25519.pub.pem");
/// The public key for `GHL_WEBHOOK_LEGACY_PUBLIC_KEYS`.
pub(crate) const RSA_PUBLIC: &str = include_str!("../keys/webhook-test-only.rsa.pub.pem");

/// The value of `X-GHL-Signature` for `body`.
pub(crate) fn ed25519(body: &[u8]) -> String {
    let pem = include_str!("../keys/webhook-test-only.ed25519.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(base64).unwrap()).unwrap();
    STANDARD.encode(key.sign(body))
}

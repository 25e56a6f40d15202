//! Signatures by Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 over id, time and body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ghl_sync_model::Secret;
use ring::hmac;

const PREFIX: &str = "whsec_";
/// Key length in bytes that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A webhook's secret: one key, or several during a key rotation.
#[derive(Clone)]
pub struct SigningSecret {
    keys: Vec<hmac::Key>,
}

/// The secret is malformed. The error does not contain it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the webhook's secret is not `whsec_` and the base64 of 24 to 64 random bytes (several of them with spaces between); \
     make one with: echo whsec_$(openssl rand -base64 32)"
)]
pub struct InvalidSecret;

impl SigningSecret {
    /// Parses the keys in `secret`.
    ///
    /// # Errors
    /// When it holds no key, or anything that is not a key.
    pub fn parse(secret: &Secret) -> Result<SigningSecret, InvalidSecret> {
        let keys: Result<Vec<hmac::Key>, InvalidSecret> = secret.expose().split_whitespace().map(key).collect();
        let keys = keys?;
        if keys.is_empty() { Err(InvalidSecret) } else { Ok(SigningSecret { keys }) }
    }

    /// The value of the header `webhook-signature` for `body`, sent as message `id` at `timestamp` (seconds since
    /// 1970).
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let sign = |key: &hmac::Key| format!("v1,{}", STANDARD.encode(hmac::sign(key, signed.as_bytes())));
        self.keys.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret([redacted])")
    }
}

fn key(text: &str) -> Result<hmac::Key, InvalidSecret> {
    let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).ok_or(InvalidSecret)?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err(InvalidSecret);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn the_signature_is_that_of_the_specifications_example() {
        let secret = SigningSecret::parse(&Secret::new(OLD)).unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_published_library_takes_what_is_signed_with_either_key_and_nothing_that_was_altered() {
        let secret = SigningSecret::parse(&Secret::new(format!("{NEW}\n{OLD}"))).unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let body = r#"{"type":"record.accepted"}"#;
        let signature = secret.sign("evt_1", now, body);
        let verified = |key: &str, id: &str, at: u64, body: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("webhook-id", id.parse().unwrap());
            headers.insert("webhook-timestamp", at.to_string().parse().unwrap());
            headers.insert("webhook-signature", signature.parse().unwrap());
            standardwebhooks::Webhook::new(key).unwrap().verify(body.as_bytes(), &headers).is_ok()
        };
        assert!(verified(OLD, "evt_1", now, body) && verified(NEW, "evt_1", now, body));
        assert!(!verified(NEW, "evt_2", now, body));
        assert!(!verified(NEW, "evt_1", now - 1, body));
        assert!(!verified(NEW, "evt_1", now, r#"{"type":"record.failed"}"#));
        assert!(!verified("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHhA=", "evt_1", now, body));
    }

    #[test]
    fn a_bad_secret_is_refused_and_not_shown() {
        for text in [
            "",
            " ",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_!",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw pit-token",
        ] {
            let error = SigningSecret::parse(&Secret::new(text)).unwrap_err().to_string();
            assert!(error.contains("openssl rand") && !error.contains("pit-token"), "{error}");
        }
        assert!(!format!("{:?}", SigningSecret::parse(&Secret::new(OLD)).unwrap()).contains("MfKQ"));
    }
}

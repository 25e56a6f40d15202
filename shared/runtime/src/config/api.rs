//! Who may use the HTTP API: `API_AUTH` and `API_KEYS`.

use std::fmt;
use std::str::FromStr;

use ghl_sync_model::{InvalidKeyHash, KeyHash, is_key_name};

use super::variables::Variables;

/// Who may use the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiAccess {
    /// Who shows one of these keys, or one that is kept as a record. Several at once, so that one can take the place of
    /// another without a gap.
    Keys(Vec<ApiKey>),
    /// Whom API Gateway lets in after it has checked an AWS signature.
    Iam,
}

/// An API key that the environment gives, as it is kept: nobody can tell the key from it. It may do everything, so that
/// there is a first one.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called in logs.
    pub name: String,
    /// Of the key as it is sent.
    pub hash: KeyHash,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.name)
    }
}

/// `name:hash`, as `cargo ghl-sync key` prints it.
impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.hash)
    }
}

/// A list of keys that cannot be read. Says nothing of what stands in it: somebody may have put a key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} {reason}")]
struct InvalidApiKey {
    entry: usize,
    reason: &'static str,
}

impl ApiAccess {
    /// What the variables say; `None` if they say nothing (a function without an API).
    pub(super) fn read(vars: &mut Variables) -> Option<ApiAccess> {
        let keys = vars.json("API_KEYS", keys);
        let has_auth = vars.text("API_AUTH").is_some();
        let iam = vars.choice("API_AUTH", false, &[("key", false), ("iam", true)]);
        match (iam, keys) {
            (true, _) => Some(ApiAccess::Iam),
            (false, Some(keys)) => Some(ApiAccess::Keys(keys)),
            (false, None) => {
                if has_auth {
                    vars.fault("API_KEYS", "is missing; `cargo ghl-sync key` makes one");
                }
                None
            }
        }
    }
}

/// Reads `name:sha256hex[,name:sha256hex…]`.
fn keys(text: &str) -> Result<Vec<ApiKey>, InvalidApiKey> {
    let mut keys: Vec<ApiKey> = Vec::new();
    for (index, entry) in text.split(',').enumerate() {
        let invalid = |reason| InvalidApiKey { entry: index + 1, reason };
        let key: ApiKey = entry.trim().parse().map_err(invalid)?;
        if keys.iter().any(|other| other.name == key.name) {
            return Err(invalid("has the name of another one"));
        }
        keys.push(key);
    }
    Ok(keys)
}

impl ApiKey {
    /// Checks what a key shall be called.
    ///
    /// # Errors
    /// Says what a name may be.
    pub fn check_name(name: &str) -> Result<(), &'static str> {
        let what = "has a name that is not 1 to 64 letters, digits, '-', '_' or '.'";
        if is_key_name(name) { Ok(()) } else { Err(what) }
    }
}

impl FromStr for ApiKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ApiKey, &'static str> {
        let (name, hex) = text.split_once(':').ok_or("is not NAME:SHA256, as `cargo ghl-sync key` prints it")?;
        ApiKey::check_name(name)?;
        let hash = hex.parse().map_err(|InvalidKeyHash| "has a hash that is not 64 hex digits")?;
        Ok(ApiKey { name: name.to_owned(), hash })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// SHA-256 of `one`, and of `two`.
    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

    fn read(vars: &[(&str, &str)]) -> Result<Option<ApiAccess>, String> {
        let vars: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut vars = Variables::new(vars);
        let access = ApiAccess::read(&mut vars);
        vars.finish().map(|()| access).map_err(|faults| faults.to_string())
    }

    #[test]
    fn keys_are_read_and_written_alike() {
        let text = format!("old:{ONE}, new:{}", TWO.to_uppercase());
        let Ok(Some(ApiAccess::Keys(keys))) = read(&[("API_KEYS", &text)]) else {
            panic!("no keys");
        };
        assert_eq!(
            keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("old:{ONE}"), format!("new:{TWO}")]
        );
        assert_eq!(format!("{keys:?}"), "[ApiKey(old), ApiKey(new)]", "hashes are not logged");
    }

    #[test]
    fn api_gateway_checks_signatures_where_it_shall() {
        assert_eq!(read(&[("API_AUTH", "iam")]), Ok(Some(ApiAccess::Iam)));
        assert_eq!(read(&[("API_AUTH", "iam"), ("API_KEYS", "")]), Ok(Some(ApiAccess::Iam)));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_bad_list_of_keys_is_refused_without_a_word_of_what_stands_in_it() {
        let twice = format!("a:{ONE},a:{TWO}");
        let cases = [
            ("super-secret", "entry 1 is not NAME:SHA256"),
            ("a:super-secret", "entry 1 has a hash"),
            ("super secret:7692", "entry 1 has a name"),
            (twice.as_str(), "entry 2 has the name of another one"),
            (",", "entry 1 is not NAME:SHA256"),
        ];
        for (keys, expected) in cases {
            let fault = read(&[("API_KEYS", keys)]).unwrap_err();
            assert!(fault.contains("API_KEYS") && fault.contains(expected), "{fault}");
            assert!(!fault.contains("secret"), "{fault}");
        }
        assert!(read(&[("API_AUTH", "key")]).unwrap_err().contains("API_KEYS is missing"));
        assert!(read(&[("API_AUTH", "none")]).unwrap_err().contains("expected key or iam"));
    }
}

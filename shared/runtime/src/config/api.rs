//! Access to the HTTP API: `API_AUTH`, `API_KEYS` and `API_JWT_…`.

use std::fmt;
use std::str::FromStr;

use ghl_sync_model::{InvalidKeyHash, KeyHash, is_key_name};

use super::variables::EnvironmentReader;

/// How the HTTP API authenticates its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiAccess {
    /// By one of these keys, or by a key that is stored as a record. There may be several, so that one can replace
    /// another without a gap.
    Keys(Vec<ApiKey>),
    /// By an AWS signature that API Gateway has checked.
    Iam,
    /// By a token (JWT) that API Gateway has checked.
    Jwt(JwtAccess),
}

/// How to interpret tokens that API Gateway has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtAccess {
    /// The issuer, as in the claim `iss`.
    pub issuer: String,
    /// The claim with the caller's role or roles.
    pub role_claim: String,
    /// The claim with the locations that the caller is limited to; `None` if nobody is limited.
    pub locations_claim: Option<String>,
    /// The claim with the tags that the caller is limited to; `None` if nobody is limited.
    pub tags_claim: Option<String>,
}

/// The value of `API_AUTH`.
#[derive(Clone, Copy)]
enum AuthMode {
    Key,
    Iam,
    Jwt,
}

/// An API key from the environment, as its hash. It may do everything, so that there is a first key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name in logs.
    pub name: String,
    /// Hash of the key as sent by the caller.
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

/// An invalid list of keys. The error omits the list's text, which may contain a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} {reason}")]
struct InvalidApiKey {
    entry: usize,
    reason: &'static str,
}

impl ApiAccess {
    /// Reads the variables; `None` if they are absent (a function without an API).
    pub(super) fn read(vars: &mut EnvironmentReader) -> Option<ApiAccess> {
        let keys = vars.json("API_KEYS", keys);
        let has_auth = vars.text("API_AUTH").is_some();
        let modes = [("key", AuthMode::Key), ("iam", AuthMode::Iam), ("jwt", AuthMode::Jwt)];
        let way = vars.choice("API_AUTH", AuthMode::Key, &modes);
        let jwt = JwtAccess::read(vars, matches!(way, AuthMode::Jwt));
        match (way, keys) {
            (AuthMode::Iam, _) => Some(ApiAccess::Iam),
            (AuthMode::Jwt, _) => jwt.map(ApiAccess::Jwt),
            (AuthMode::Key, Some(keys)) => Some(ApiAccess::Keys(keys)),
            (AuthMode::Key, None) => {
                if has_auth {
                    vars.fault("API_KEYS", "is missing; `cargo ghl-sync key` makes one");
                }
                None
            }
        }
    }

    /// Why keys are not accepted here; `None` if they are.
    #[must_use]
    pub fn takes_no_keys(&self) -> Option<&'static str> {
        match self {
            ApiAccess::Keys(_) => None,
            ApiAccess::Iam => Some("this stack checks AWS signatures (ApiAuth=iam) and takes no keys"),
            ApiAccess::Jwt(_) => Some("this stack checks tokens of an issuer (ApiAuth=jwt) and takes no keys"),
        }
    }
}

impl JwtAccess {
    /// Reads the variables, which must be present if `is_needed`.
    fn read(vars: &mut EnvironmentReader, is_needed: bool) -> Option<JwtAccess> {
        let issuer = vars.text("API_JWT_ISSUER");
        let role_claim = vars.text("API_JWT_ROLE_CLAIM").unwrap_or_else(|| "role".to_owned());
        let (locations_claim, tags_claim) = (vars.text("API_JWT_LOCATIONS_CLAIM"), vars.text("API_JWT_TAGS_CLAIM"));
        if let Some(issuer) = issuer.as_ref().filter(|issuer| !issuer.starts_with("https://")) {
            vars.fault("API_JWT_ISSUER", format!("is `{issuer}`; expected a URL that starts with https://"));
        }
        if is_needed && issuer.is_none() {
            vars.fault("API_JWT_ISSUER", "is missing; API_AUTH is jwt, and it says who issues the tokens");
        }
        Some(JwtAccess { issuer: issuer?, role_claim, locations_claim, tags_claim })
    }
}

/// Parses `name:sha256hex[,name:sha256hex…]`.
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
    /// Checks the name of a key.
    ///
    /// # Errors
    /// Describes valid names.
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

    /// SHA-256 of `one` and of `two`.
    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

    fn read(vars: &[(&str, &str)]) -> Result<Option<ApiAccess>, String> {
        let vars: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut vars = EnvironmentReader::new(vars);
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
    fn tokens_have_an_issuer_and_a_claim_for_the_role() {
        let issuer = ("API_JWT_ISSUER", "https://id.example.com/");
        let jwt = |role: &str, locations: Option<&str>, tags: Option<&str>| {
            Ok(Some(ApiAccess::Jwt(JwtAccess {
                issuer: issuer.1.to_owned(),
                role_claim: role.to_owned(),
                locations_claim: locations.map(str::to_owned),
                tags_claim: tags.map(str::to_owned),
            })))
        };
        assert_eq!(read(&[("API_AUTH", "jwt"), issuer]), jwt("role", None, None));
        let all = [
            ("API_AUTH", "jwt"),
            issuer,
            ("API_JWT_ROLE_CLAIM", "cognito:groups"),
            ("API_JWT_LOCATIONS_CLAIM", "locations"),
            ("API_JWT_TAGS_CLAIM", "tags"),
            ("API_KEYS", ""),
        ];
        assert_eq!(read(&all), jwt("cognito:groups", Some("locations"), Some("tags")));
        assert!(read(&[("API_AUTH", "jwt")]).unwrap_err().contains("API_JWT_ISSUER is missing"));
        let plain = [("API_AUTH", "jwt"), ("API_JWT_ISSUER", "id.example.com")];
        assert!(read(&plain).unwrap_err().contains("API_JWT_ISSUER is `id.example.com`"));
        assert_eq!(read(&[("API_AUTH", "iam"), issuer]), Ok(Some(ApiAccess::Iam)), "what is not needed does no harm");
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
        assert!(read(&[("API_AUTH", "none")]).unwrap_err().contains("expected key or iam or jwt"));
    }
}

//! Credentials of a location, and references to where they are stored.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{EpochMs, LocationId};

/// A token or a key. It cannot be printed or logged by accident.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// Wraps `text` as a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The secret in plain text: only for its own request and its store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the secret is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with every occurrence of the secret removed.
    #[must_use]
    pub fn redact(&self, text: String) -> String {
        if self.0.is_empty() || !text.contains(&self.0) {
            return text;
        }
        text.replace(&self.0, "[token]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// Where a location's credentials are stored; never the credentials themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CredentialsRef {
    /// `env:GHL_TOKEN`: the token of every location without one of its own.
    Default,
    /// `env:GHL_LOCATION_TOKENS/ID`: this location's token in the environment of the functions that call GHL.
    OfLocation(LocationId),
    /// `ssm:/path/name`: a parameter (SecureString) of AWS Systems Manager.
    Ssm(String),
    /// `secretsmanager:name-or-arn`: a secret of AWS Secrets Manager.
    SecretsManager(String),
    /// `file:/path`: a file that only its owner may read or write.
    File(PathBuf),
}

/// A reference that does not name a place for credentials. The error omits the text, which may be a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`credentials` is not `env:GHL_TOKEN`, `env:GHL_LOCATION_TOKENS/LOCATION_ID`, `ssm:/PATH/NAME`, \
     `secretsmanager:NAME_OR_ARN` or `file:/PATH`"
)]
pub struct InvalidCredentialsRef;

const DEFAULT_TOKEN: &str = "env:GHL_TOKEN";
const TOKEN_OF: &str = "env:GHL_LOCATION_TOKENS/";
const SSM: &str = "ssm:";
const SECRETS_MANAGER: &str = "secretsmanager:";
const FILE: &str = "file:";
/// Longest name of a parameter or secret: 2048 characters, the limit of a parameter's ARN.
const LONGEST_NAME: usize = 2048;

impl FromStr for CredentialsRef {
    type Err = InvalidCredentialsRef;

    fn from_str(text: &str) -> Result<Self, InvalidCredentialsRef> {
        if text == DEFAULT_TOKEN {
            return Ok(CredentialsRef::Default);
        }
        if let Some(id) = text.strip_prefix(TOKEN_OF) {
            return LocationId::new(id).map(CredentialsRef::OfLocation).map_err(|_| InvalidCredentialsRef);
        }
        if let Some(name) = text.strip_prefix(SSM).filter(|name| is_name(name)) {
            return Ok(CredentialsRef::Ssm(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix(SECRETS_MANAGER).filter(|name| is_name(name)) {
            return Ok(CredentialsRef::SecretsManager(name.to_owned()));
        }
        match text.strip_prefix(FILE).map(PathBuf::from) {
            Some(path) if path.is_absolute() => Ok(CredentialsRef::File(path)),
            _ => Err(InvalidCredentialsRef),
        }
    }
}

/// Whether `name` has only characters that occur in names and ARNs of both services.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@!:-".contains(c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(allowed)
}

impl TryFrom<String> for CredentialsRef {
    type Error = InvalidCredentialsRef;

    fn try_from(text: String) -> Result<Self, InvalidCredentialsRef> {
        text.parse()
    }
}

impl From<CredentialsRef> for String {
    fn from(credentials: CredentialsRef) -> String {
        credentials.to_string()
    }
}

impl fmt::Display for CredentialsRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialsRef::Default => f.write_str(DEFAULT_TOKEN),
            CredentialsRef::OfLocation(id) => write!(f, "{TOKEN_OF}{id}"),
            CredentialsRef::Ssm(name) => write!(f, "{SSM}{name}"),
            CredentialsRef::SecretsManager(name) => write!(f, "{SECRETS_MANAGER}{name}"),
            CredentialsRef::File(path) => write!(f, "{FILE}{}", path.display()),
        }
    }
}

/// The credentials that a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A private integration token (API v2) or an API key (v1). It is valid until somebody replaces it.
    Token(Secret),
    /// The grant that a marketplace app received at its installation.
    OAuth(OAuthGrant),
}

/// A marketplace app's permission to act for a location or an agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthGrant {
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: Secret,
    /// The refresh token from the installation. It is valid for one refresh; its successors are kept in the token
    /// store.
    pub refresh_token: Secret,
    /// The access token that came with it, and when that expires.
    pub access_token: Option<(Secret, EpochMs)>,
    /// Whom the app acts for.
    pub user: OAuthUser,
}

/// Whom a marketplace app acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OAuthUser {
    /// One location.
    Location,
    /// An agency, and the locations that have its app installed.
    Company {
        /// GHL's id of the agency.
        company_id: String,
    },
}

impl OAuthUser {
    /// GHL's name of the user type.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            OAuthUser::Location => LOCATION,
            OAuthUser::Company { .. } => COMPANY,
        }
    }
}

const LOCATION: &str = "Location";
const COMPANY: &str = "Company";

/// Credentials that cannot be used. The error contains none of their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// There is no text.
    #[error("is empty")]
    Empty,
    /// A text that no HTTP header can carry.
    #[error("is neither a token (without spaces and line breaks) nor a JSON object")]
    NotAToken,
    /// It starts like JSON but is not valid JSON.
    #[error("is not valid JSON (line {line}, column {column})")]
    NotJson {
        /// Line of the error.
        line: usize,
        /// Column of the error.
        column: usize,
    },
    /// A field of the JSON object is invalid.
    #[error("field `{field}` {problem}")]
    Field {
        /// The field's name in the document.
        field: String,
        /// The problem, and how to fix it.
        problem: &'static str,
    },
}

/// The fields of an OAuth grant.
const FIELDS: [&str; 7] =
    ["client_id", "client_secret", "refresh_token", "access_token", "expires_at", "user_type", "company_id"];
/// Smaller times were given in seconds by mistake: as milliseconds, this is 1973.
const EARLIEST_MS: u64 = 100_000_000_000;

impl Credentials {
    /// Parses a token, or an OAuth grant as JSON: `{"client_id", "client_secret", "refresh_token", "user_type":
    /// "Location" or "Company", "company_id" (for a Company), "access_token" and "expires_at" in milliseconds since
    /// the epoch (both or none)}`.
    ///
    /// # Errors
    /// [`CredentialsError`] names the field, and quotes nothing.
    pub fn parse(text: &str) -> Result<Credentials, CredentialsError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CredentialsError::Empty);
        }
        if !text.starts_with('{') {
            let token = Some(text).filter(|text| is_token(text)).map(Secret::new);
            return token.map(Credentials::Token).ok_or(CredentialsError::NotAToken);
        }
        let fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| CredentialsError::NotJson { line: error.line(), column: error.column() })?;
        OAuthGrant::read(&fields).map(Credentials::OAuth)
    }
}

impl OAuthGrant {
    fn read(fields: &Map<String, Value>) -> Result<OAuthGrant, CredentialsError> {
        if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            // A name is not a value, but somebody may have put a token in its place.
            let field = if field.len() <= 32 { field.clone() } else { "(a long name)".to_owned() };
            return Err(CredentialsError::Field { field, problem: "is not one of OAuth credentials" });
        }
        let user = match required(fields, "user_type")? {
            LOCATION => OAuthUser::Location,
            COMPANY => OAuthUser::Company { company_id: required(fields, "company_id")?.to_owned() },
            _ => return Err(fault("user_type", "is neither Location nor Company")),
        };
        Ok(OAuthGrant {
            client_id: required(fields, "client_id")?.to_owned(),
            client_secret: Secret::new(required(fields, "client_secret")?),
            refresh_token: Secret::new(required(fields, "refresh_token")?),
            access_token: access_token(fields)?,
            user,
        })
    }

    /// Storage key of the grant's tokens: the same for one installation wherever its credentials are stored, and a
    /// new one once the app is connected again.
    #[must_use]
    pub fn id(&self) -> String {
        fingerprint([self.client_id.as_str(), self.refresh_token.expose()])
    }
}

/// A short hash of `parts`, which cannot be derived from it.
#[must_use]
pub fn fingerprint<const N: usize>(parts: [&str; N]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn access_token(fields: &Map<String, Value>) -> Result<Option<(Secret, EpochMs)>, CredentialsError> {
    let token = optional(fields, "access_token")?.map(Secret::new);
    let expires_at = match fields.get("expires_at") {
        None | Some(Value::Null) => None,
        Some(time) => {
            let time = time.as_u64().ok_or(fault("expires_at", "is not a number of milliseconds since 1970"))?;
            if time < EARLIEST_MS {
                return Err(fault("expires_at", "is in seconds; it must be in milliseconds since 1970"));
            }
            Some(EpochMs(time))
        }
    };
    match (token, expires_at) {
        (Some(token), Some(expires_at)) => Ok(Some((token, expires_at))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(fault("expires_at", "is missing: it says until when access_token is good")),
        (None, Some(_)) => Err(fault("access_token", "is missing: expires_at says until when it is good")),
    }
}

fn required<'a>(fields: &'a Map<String, Value>, field: &'static str) -> Result<&'a str, CredentialsError> {
    optional(fields, field)?.ok_or(fault(field, "is missing"))
}

fn optional<'a>(fields: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, CredentialsError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_token(text) => Ok(Some(text)),
        Some(Value::String(_)) => Err(fault(field, "is empty, or has a space or a line break in it")),
        Some(_) => Err(fault(field, "is not a string")),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn fault(field: &'static str, problem: &'static str) -> CredentialsError {
    CredentialsError::Field { field: field.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant() -> Value {
        json!({"client_id": "app-1", "client_secret": "hush", "refresh_token": "r-0", "user_type": "Location"})
    }

    fn with(field: &str, value: Value) -> String {
        let mut grant = grant();
        grant[field] = value;
        grant.to_string()
    }

    #[test]
    fn a_reference_is_read_back_as_written() {
        for text in [
            "env:GHL_TOKEN",
            "env:GHL_LOCATION_TOKENS/loc1",
            "ssm:/ghl-sync/loc1",
            "secretsmanager:ghl-sync/loc1",
            "secretsmanager:arn:aws:secretsmanager:eu-central-1:111122223333:secret:ghl-sync/x-AbCdEf",
            "file:/home/ann/.ghl/token",
        ] {
            let reference: CredentialsRef = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(serde_json::from_value::<CredentialsRef>(json!(text)).unwrap(), reference);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_and_not_quoted() {
        for text in [
            "",
            "pit-secret",
            "vault:pit-secret",
            "env:PATH",
            "env:GHL_LOCATION_TOKENS/",
            "ssm:",
            "ssm:a b",
            "file:relative",
            "secretsmanager:\n",
            "SSM:/x",
        ] {
            let error = text.parse::<CredentialsRef>().unwrap_err().to_string();
            assert!(error.contains("ssm:/PATH/NAME") && !error.contains("pit-secret"), "{error}");
        }
    }

    #[test]
    fn a_token_is_read_without_the_line_break_of_its_file() {
        assert_eq!(Credentials::parse("pit-123\n").unwrap(), Credentials::Token(Secret::new("pit-123")));
        assert_eq!(Credentials::parse(" \n"), Err(CredentialsError::Empty));
        assert_eq!(Credentials::parse("pit-1 pit-2"), Err(CredentialsError::NotAToken));
    }

    #[test]
    fn oauth_credentials_are_read_with_all_they_may_have() {
        let text = json!({
            "client_id": "app-1", "client_secret": "hush", "refresh_token": "r-0", "access_token": "a-0",
            "expires_at": 1_795_000_000_000_u64, "user_type": "Company", "company_id": "agency",
        });
        let Ok(Credentials::OAuth(grant)) = Credentials::parse(&text.to_string()) else { panic!("not OAuth") };
        assert_eq!(grant.user, OAuthUser::Company { company_id: "agency".to_owned() });
        assert_eq!(grant.access_token, Some((Secret::new("a-0"), EpochMs(1_795_000_000_000))));
        let debug = format!("{grant:?}");
        assert!(!debug.contains("hush") && !debug.contains("r-0") && !debug.contains("a-0"), "{debug}");
    }

    #[test]
    fn a_fault_of_oauth_credentials_names_the_field_and_quotes_nothing() {
        let cases = [
            (with("client_id", Value::Null), "client_id", "missing"),
            (with("client_secret", json!(7_654_321)), "client_secret", "not a string"),
            (with("refresh_token", json!("pit secret")), "refresh_token", "space"),
            (with("user_type", json!("location-secret")), "user_type", "neither Location nor Company"),
            (with("user_type", json!("Company")), "company_id", "missing"),
            (with("access_token", json!("hush")), "expires_at", "missing"),
            (with("expires_at", json!(1_795_000_000_000_u64)), "access_token", "missing"),
            (with("expires_at", json!(1_795_000_000_u64)), "expires_at", "seconds"),
            (with("expires_at", json!("hush")), "expires_at", "not a number"),
            (with("refreshToken", json!("hush")), "refreshToken", "is not one of"),
        ];
        for (text, field, problem) in cases {
            let error = Credentials::parse(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}`")) && error.contains(problem), "{error}");
            assert!(!error.contains("hush") && !error.contains("secret\"") && !error.contains("7654321"), "{error}");
        }
        let error = Credentials::parse(r#"{"client_id": "hush"#).unwrap_err();
        assert_eq!(error.to_string(), "is not valid JSON (line 1, column 19)");
    }

    #[test]
    fn a_grant_is_known_by_its_app_and_its_first_refresh_token() {
        let id = |field: &str, value: &str| match Credentials::parse(&with(field, json!(value))) {
            Ok(Credentials::OAuth(grant)) => grant.id(),
            other => panic!("{other:?}"),
        };
        let same = id("client_id", "app-1");
        assert_eq!(id("client_secret", "rotated"), same);
        assert_ne!(id("refresh_token", "r-1"), same);
        assert_ne!(id("client_id", "app-2"), same);
    }

    #[test]
    fn a_secret_is_never_in_debug_output_and_is_taken_out_of_an_echo() {
        assert_eq!(format!("{:?}", Secret::new("pit-123")), "Secret([redacted])");
        let echo = "Invalid token: pit-123".to_owned();
        assert_eq!(Secret::new("pit-123").redact(echo.clone()), "Invalid token: [token]");
        assert_eq!(Secret::new("").redact(echo.clone()), echo);
    }
}

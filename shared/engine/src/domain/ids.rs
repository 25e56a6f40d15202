//! Identifiers, each a type of its own so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EpochMs;

/// Text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {reason}")]
pub struct InvalidId {
    what: &'static str,
    reason: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = $pattern))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier, checked.
            ///
            /// # Errors
            /// When `text` is empty, too long, or has a character that the identifier may not have.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(reason) => Err(InvalidId { what: $what, reason }),
                }
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A GHL location (sub-account): 1 to 64 letters, digits, `-` or `_`.
    LocationId, "location_id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// A rate scope: the calls that share one quota. By default a location is a scope of its own.
    ScopeId, "scope", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// The caller's own id of a record, unique per location and kind, and its idempotency key: 1 to 256 bytes without
    /// control characters. It appears in logs, so it should not be an e-mail address or a phone number.
    RecordId, "record id", check_line, "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,256}$"
);
text_id!(
    /// An id that GHL gave (of a contact, an opportunity, …).
    GhlId, "GHL id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// GHL's id of one of its webhook events (`webhookId`): 1 to 256 bytes without control characters.
    EventId, "webhookId", check_line, "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,256}$"
);
text_id!(
    /// A migration of one location into another: 1 to 64 letters, digits, `-` or `_`.
    MigrationId, "migration id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// Who holds a lease: one invocation of one function.
    Holder, "holder", check_line, "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,256}$"
);

impl Holder {
    /// Whoever handles the `index`-th message of the invocation `request_id`: unlike any other, as Lambda gives each
    /// request id once.
    #[must_use]
    pub fn of_invocation(request_id: &str, index: usize) -> Holder {
        let request_id: String = request_id.chars().filter(|c| !c.is_control()).take(64).collect();
        Holder(format!("{request_id}/{index}"))
    }
}

/// What the ids of our own readings begin with; GHL's own are UUIDs.
const READING: &str = "read-";

impl EventId {
    /// Stands for an event where GHL was read and showed what somebody left `at` this time: the same reading has the
    /// same id, however often it is done.
    #[must_use]
    pub fn of_reading(at: EpochMs) -> EventId {
        EventId(format!("{READING}{at}"))
    }

    /// Whether it stands for a reading, and not for an event that GHL told.
    #[must_use]
    pub fn is_of_reading(&self) -> bool {
        self.0.starts_with(READING)
    }
}

impl GhlId {
    /// Stands for an id that GHL would give, in a dry run.
    pub(crate) fn unknown() -> GhlId {
        GhlId("unknown".to_owned())
    }
}

impl From<LocationId> for ScopeId {
    fn from(location: LocationId) -> ScopeId {
        ScopeId(location.0)
    }
}

fn check_token(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > 64 {
        return Err("is longer than 64 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err("has a character other than letters, digits, '-' and '_'");
    }
    Ok(())
}

fn check_line(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > 256 {
        return Err("is longer than 256 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character");
    }
    Ok(())
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person or company.
    Contact,
    /// A deal of a contact in a pipeline.
    Opportunity,
}

impl Kind {
    /// The kind as it is written in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Contact => "contact",
            Kind::Opportunity => "opportunity",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record within its location, written `contact#crm-42`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordKey {
    /// What the record is about.
    pub kind: Kind,
    /// The caller's id.
    pub id: RecordId,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.kind, self.id)
    }
}

impl FromStr for RecordKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let kind = match text.split_once('#') {
            Some(("contact", id)) => Some((Kind::Contact, id)),
            Some(("opportunity", id)) => Some((Kind::Opportunity, id)),
            _ => None,
        };
        let (kind, id) = kind.ok_or(InvalidId { what: "record key", reason: "is not contact#ID or opportunity#ID" })?;
        Ok(RecordKey { kind, id: RecordId::new(id)? })
    }
}

impl TryFrom<String> for RecordKey {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RecordKey> for String {
    fn from(key: RecordKey) -> String {
        key.to_string()
    }
}

/// The fencing token of a scope's batches: it grows with every batch that is planned, and a message of an older
/// generation is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Generation {
        Generation(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

//! Identifiers, each with its own type so that they cannot be confused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::EpochMs;

/// Text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {reason}")]
pub struct InvalidId {
    what: &'static str,
    reason: &'static str,
}

impl InvalidId {
    /// The problem alone, without the expected format.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path, $pattern:literal) => {
        text_id!($(#[$doc])* $name, $what, $check, stored as $check, $pattern);
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path, stored as $stored:path, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = $pattern))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A checked identifier.
            ///
            /// # Errors
            /// If `text` is empty, too long, or contains a character that the identifier may not contain.
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

            /// Accepts what an earlier build stored or sent, even if [`new`](Self::new) now rejects it.
            fn try_from(text: String) -> Result<Self, InvalidId> {
                match $stored(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(reason) => Err(InvalidId { what: $what, reason }),
                }
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
    /// A rate scope: calls in one scope share a quota. By default each location is its own scope.
    ScopeId, "scope", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// The caller's own id of a record, unique per location and kind, and its idempotency key: 1 to 256 bytes without
    /// control characters and noncharacters (such as U+FFFE). It appears in logs, so it should not be an e-mail address or
    /// a phone number.
    RecordId, "record id", check_line, stored as check_stored_line,
    "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef\\ufffe\\uffff]{1,256}$"
);
text_id!(
    /// An id assigned by GHL (of a contact, an opportunity, …).
    GhlId, "GHL id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// GHL's id of one of its webhook events (`webhookId`): 1 to 256 bytes without control characters and noncharacters.
    EventId, "webhookId", check_line, "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef\\ufffe\\uffff]{1,256}$"
);
text_id!(
    /// A migration of one location into another: 1 to 64 letters, digits, `-` or `_`.
    MigrationId, "migration id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// A mirror of a location: a list that its source always sends in full. 1 to 64 letters, digits, `-` or `_`.
    MirrorName, "mirror name", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// One transmission of a mirror's list: 1 to 64 letters, digits, `-` or `_`.
    RunId, "run id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// An import: records that arrived together, such as those of one file. 1 to 64 letters, digits, `-` or `_`,
    /// unique in its location.
    ImportId, "import id", check_token, "^[A-Za-z0-9_-]{1,64}$"
);
text_id!(
    /// A key of the HTTP API: 1 to 32 lower-case letters or digits.
    KeyId, "key id", check_key_id, "^[a-z0-9]{1,32}$"
);
text_id!(
    /// The holder of a lease: one invocation of one function.
    Holder, "holder", check_line, "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef\\ufffe\\uffff]{1,256}$"
);

impl Holder {
    /// The handler of the `index`-th message of the invocation `request_id`. Unique, because Lambda uses each request
    /// id only once.
    #[must_use]
    pub fn of_invocation(request_id: &str, index: usize) -> Holder {
        let request_id: String =
            request_id.chars().filter(|c| !c.is_control() && !is_noncharacter(*c)).take(60).collect();
        Holder(format!("{request_id}/{index}"))
    }
}

/// Prefix of ids for our own readings; GHL's event ids are UUIDs.
const READING: &str = "read-";

impl EventId {
    /// An event id for a reading of GHL that showed a change made `at` this time. Repeating the reading gives the
    /// same id.
    #[must_use]
    pub fn of_reading(at: EpochMs) -> EventId {
        EventId(format!("{READING}{at}"))
    }

    /// Whether the id stands for a reading rather than for an event that GHL sent.
    #[must_use]
    pub fn is_of_reading(&self) -> bool {
        self.0.starts_with(READING)
    }
}

impl GhlId {
    /// A placeholder for an id that is unknown: GHL would assign it (in a dry run), or does not show it.
    #[must_use]
    pub fn unknown() -> GhlId {
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

fn check_key_id(text: &str) -> Result<(), &'static str> {
    check_token(text)?;
    if text.len() > 32 {
        return Err("is longer than 32 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Err("has a character other than lower-case letters and digits");
    }
    Ok(())
}

/// Accepts text that queues, keys and logs can all carry. SQS rejects a whole message for one U+FFFE.
fn check_line(text: &str) -> Result<(), &'static str> {
    check_stored_line(text)?;
    if text.chars().any(is_noncharacter) {
        return Err("has a noncharacter of Unicode (U+FDD0 to U+FDEF, U+nFFFE or U+nFFFF)");
    }
    Ok(())
}

/// Whether `c` is a noncharacter: Unicode assigns none of them, and SQS rejects a whole message for one.
#[must_use]
pub fn is_noncharacter(c: char) -> bool {
    ('\u{fdd0}'..='\u{fdef}').contains(&c) || u32::from(c) & 0xFFFE == 0xFFFE
}

fn check_stored_line(text: &str) -> Result<(), &'static str> {
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

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A person or company.
    Contact,
    /// An opportunity of a contact in a pipeline.
    Opportunity,
}

impl Kind {
    /// The kind's name in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record within its location, written `contact#crm-42`. Parsing accepts anything that may be stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordKey {
    /// The record's kind.
    pub kind: Kind,
    /// The caller's id of the record.
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
        Ok(RecordKey { kind, id: RecordId::try_from(id.to_owned())? })
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

/// Fencing token of a scope's batches: it grows with every planned batch, and a message of an older generation is
/// stale.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Batch, Message};

    /// The characters that SQS accepts:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    fn sqs_carries(c: char) -> bool {
        matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
    }

    #[test]
    fn what_no_queue_key_or_log_carries_is_refused_and_what_is_stored_is_read() {
        for bad in ["a\u{ffff}", "\u{fffe}", "\u{fdd0}", "\u{1ffff}", "\u{10fffe}"] {
            let error = RecordId::new(bad).unwrap_err();
            assert!(error.to_string().contains("noncharacter"), "{error}");
            assert!(EventId::new(bad).is_err() && Holder::new(bad).is_err() && LocationId::new(bad).is_err());
            assert_eq!(format!("contact#{bad}").parse::<RecordKey>().unwrap().id.as_str(), bad);
        }
        for bad in ["", "a\u{0}", "a\nb", "\u{7f}", "\u{85}", &"x".repeat(257)] {
            assert!(RecordId::new(bad).is_err() && RecordId::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(RecordId::new("crm 42 – Zoë 🙂 \u{fffd}").is_ok());
    }

    proptest! {
        /// A key of the records table has at most 1,024 bytes (sort key); one of the state table, 2,048.
        #[test]
        fn an_id_that_is_accepted_is_carried_by_sqs_and_fits_into_every_key(text in any::<String>()) {
            if let Ok(id) = RecordId::new(text.as_str()) {
                prop_assert!(id.as_str().chars().all(sqs_carries));
                let key = RecordKey { kind: Kind::Opportunity, id };
                prop_assert!(key.to_string().len() <= 1024);
                prop_assert_eq!(key.to_string().parse::<RecordKey>().unwrap(), key);
            }
            for id in [LocationId::new(text.as_str()).map(String::from), MigrationId::new(text.as_str()).map(String::from),
                GhlId::new(text.as_str()).map(String::from), ScopeId::new(text.as_str()).map(String::from)] {
                prop_assert!(id.is_err() || id.is_ok_and(|id| id.is_ascii() && id.len() <= 64));
            }
            prop_assert!(Holder::new(Holder::of_invocation(&text, 9_999).as_str()).is_ok());
        }

        #[test]
        fn a_message_of_any_stored_id_is_ascii_and_is_read_back(
            ids in proptest::collection::vec("[^\\x00-\\x1f\\x7f-\\u{9f}]{1,64}|\u{ffff}|a\u{fffe}|🙂\u{fdd0}", 0..20),
        ) {
            let key = |id: String| RecordId::try_from(id).ok().map(|id| RecordKey { kind: Kind::Contact, id });
            let keys: Vec<RecordKey> = ids.into_iter().filter_map(key).collect();
            let location_id = LocationId::new("loc").unwrap();
            let message = Message::Batch(Batch { generation: Some(Generation(7)), keys, ..Batch::new(location_id) });
            let body = message.to_json();
            prop_assert!(body.is_ascii() && body.chars().all(sqs_carries));
            prop_assert_eq!(Message::from_json(&body).unwrap(), message);
        }
    }
}

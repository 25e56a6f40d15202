//! Groups failures by cause: a thousand records of one wrong pipeline are one thing to fix.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::{Operator, RecordState, RecordStatus};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{ContentHash, ErrorCode, LastError, LocationId, RecordKey, Time};

/// Most failed records that are examined; beyond this, the counts are incomplete.
const MOST: usize = 1_000;
/// Failed records read per page.
const AT_ONCE: u32 = 500;
/// Placeholder for a part of a message that varies between records.
const VARIES: char = '…';
/// Hash digits that distinguish causes with the same code.
const SUM_CHARS: usize = 12;

/// Permanent failures by cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Failures {
    /// The causes, the most frequent first.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub causes: Vec<FailureCause>,
    /// Whether more than 1,000 records failed, so that only the oldest failures were counted.
    pub capped: bool,
}

/// A cause that several failures share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct FailureCause {
    /// Id of the cause, for example for a replay; it changes with GHL's wording.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "REJECTED.0f4c1a90be27"))]
    pub id: CauseId,
    /// The error code.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "REJECTED"))]
    pub code: ErrorCode,
    /// The HTTP status, if GHL answered.
    pub status: Option<u16>,
    /// GHL's message, with `…` where it varies between records.
    #[cfg_attr(feature = "openapi", schema(example = "The pipeline id … is invalid"))]
    pub cause: String,
    /// Number of records with this cause.
    pub count: u64,
    /// The record with this cause that failed first.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "contact#crm-42"))]
    pub example: RecordKey,
    /// Time of the first failure.
    pub first_at: Option<Time>,
    /// Time of the last failure.
    pub last_at: Option<Time>,
}

/// Identifies failures: by a code, which many causes may share, or by a code and a hash of the status and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseId {
    code: ErrorCode,
    /// [`SUM_CHARS`] hexadecimal digits.
    group: Option<String>,
}

/// The text is not the id of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a code, like REJECTED, or the id of a cause from the list of failures")]
pub struct InvalidCause;

impl CauseId {
    fn group(code: ErrorCode, status: Option<u16>, cause: &str) -> CauseId {
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        let sum = ContentHash::of(format!("{code}\n{status}\n{cause}").as_bytes()).to_string();
        CauseId { code, group: Some(sum.chars().take(SUM_CHARS).collect()) }
    }

    /// The error code of the cause or causes.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Whether `error` has this cause.
    #[must_use]
    pub fn is_of(&self, error: &LastError) -> bool {
        let group = || CauseId::group(error.code, error.status, &cause_of(&error.message));
        self.code == error.code && (self.group.is_none() || *self == group())
    }
}

impl From<ErrorCode> for CauseId {
    fn from(code: ErrorCode) -> CauseId {
        CauseId { code, group: None }
    }
}

impl FromStr for CauseId {
    type Err = InvalidCause;

    fn from_str(text: &str) -> Result<CauseId, InvalidCause> {
        let (code, group) = text.split_once('.').map_or((text, None), |(code, group)| (code, Some(group)));
        let code = ErrorCode::ALL.into_iter().find(|known| known.as_str() == code).ok_or(InvalidCause)?;
        let is_sum = |group: &str| {
            group.len() == SUM_CHARS && group.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        };
        if !group.is_none_or(is_sum) {
            return Err(InvalidCause);
        }
        Ok(CauseId { code, group: group.map(str::to_owned) })
    }
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        self.group.iter().try_for_each(|group| write!(f, ".{group}"))
    }
}

impl Serialize for CauseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CauseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CauseId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Operator {
    /// The causes of the failed records of `location`.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn failures(&self, location: &LocationId) -> Result<Failures, PortError> {
        let (mut failed, mut next) = (Vec::new(), None);
        loop {
            let page = self.failed_records(location, next.as_ref(), AT_ONCE).await?;
            failed.extend(page.records);
            next = page.next;
            if next.is_none() || failed.len() >= MOST {
                return Ok(Failures { causes: causes(failed), capped: next.is_some() });
            }
        }
    }
}

fn causes(failed: Vec<RecordStatus>) -> Vec<FailureCause> {
    let mut causes: BTreeMap<(ErrorCode, Option<u16>, String), FailureCause> = BTreeMap::new();
    for RecordStatus { key, state, last_error, failed_at, .. } in failed {
        let Some(error) = last_error.filter(|_| state == RecordState::Failed) else { continue };
        let cause = cause_of(&error.message);
        let id = || CauseId::group(error.code, error.status, &cause);
        let group = causes.entry((error.code, error.status, cause.clone())).or_insert_with(|| FailureCause {
            id: id(),
            code: error.code,
            status: error.status,
            cause: cause.clone(),
            count: 0,
            example: key,
            first_at: failed_at,
            last_at: failed_at,
        });
        group.count += 1;
        group.last_at = failed_at;
    }
    let mut causes: Vec<FailureCause> = causes.into_values().collect();
    causes.sort_by(|a, b| b.count.cmp(&a.count).then(a.first_at.cmp(&b.first_at)));
    causes
}

/// A message without the parts that vary between records: numbers, ids, addresses, and quoted texts that are not field
/// names.
#[must_use]
pub fn cause_of(message: &str) -> String {
    let mut cause = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '"' | '\'' | '`').then(|| rest[1..].find(first)).flatten();
        let length = match quoted {
            Some(end) => end + 2,
            None if is_of_word(first) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            None => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        match quoted {
            Some(_) if is_name(&part[1..length - 1]) => cause.push_str(part),
            Some(_) => cause.extend([first, VARIES, first]),
            None if varies(part) => cause.push(VARIES),
            None => cause.push_str(part),
        }
        rest = after;
    }
    cause
}

/// Whether the character belongs to a word, a number, an id or an address.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || "@._-+%".contains(c)
}

fn varies(word: &str) -> bool {
    word.contains(|c: char| c.is_numeric() || c == '@')
}

/// Whether a quoted text is a field name, like `customFields.ID`, which a cause is about.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_' || c == '.')
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::EpochMs;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_that_differ_in_values_only_have_one_cause() {
        for (message, cause) in [
            ("The pipeline id Xk29dksl2kd is invalid", "The pipeline id … is invalid"),
            ("Contact with email ann.lee+1@x.example exists", "Contact with email … exists"),
            (
                r#"property `phone` must be a valid phone number: "+1 (415) 555""#,
                "property `phone` must be a valid phone number: \"…\"",
            ),
            ("'Ann Lee' is not allowed, 'gender' is", "'…' is not allowed, 'gender' is"),
            ("it's wrong", "it's wrong"),
            ("", ""),
        ] {
            assert_eq!(cause_of(message), cause, "{message}");
        }
    }

    #[test]
    fn a_cause_goes_by_an_id_that_no_other_cause_has_and_by_its_code() {
        let error =
            |code, status, message: &str| LastError { code, status, message: message.to_owned(), at: EpochMs(1) };
        let of = |error: &LastError| CauseId::group(error.code, error.status, &cause_of(&error.message));
        let wrong = error(ErrorCode::Rejected, Some(422), "The pipeline id Xk29 is invalid");
        let id = of(&wrong);
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        for (other, same) in [
            (error(ErrorCode::Rejected, Some(422), "The pipeline id Z1 is invalid"), true),
            (error(ErrorCode::Rejected, Some(400), "The pipeline id Xk29 is invalid"), false),
            (error(ErrorCode::Rejected, Some(422), "The stage id Xk29 is invalid"), false),
            (error(ErrorCode::Ambiguous, Some(422), "The pipeline id Xk29 is invalid"), false),
        ] {
            assert_eq!((id.is_of(&other), of(&other) == id), (same, same), "{other:?}");
            assert_eq!(CauseId::from(ErrorCode::Rejected).is_of(&other), other.code == ErrorCode::Rejected);
        }
        for text in ["", "rejected", "REJECTED.", "REJECTED.0F4c1a90be27", "REJECTED.0f4c1a90be2", "NONE.0f4c1a90be27"]
        {
            assert_eq!(text.parse::<CauseId>(), Err(InvalidCause), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_cause_says_no_number_and_no_address_and_is_its_own_cause(message in "\\PC{0,80}") {
            let cause = cause_of(&message);
            prop_assert!(!cause.contains(|c: char| c.is_numeric() || c == '@'), "{cause}");
            prop_assert_eq!(cause_of(&cause), cause);
        }
    }
}

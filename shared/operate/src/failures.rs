//! What failed, by its cause: a thousand records of one wrong pipeline are one thing to mend.

use std::collections::BTreeMap;

use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::{Operator, RecordState, RecordStatus};
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::{ErrorCode, LocationId, RecordKey, Time};

/// Failed records that are looked at; of more nobody says how many there are.
const MOST: usize = 1_000;
/// So many of them at a time.
const AT_ONCE: u32 = 500;
/// What stands for a part of a message that differs from record to record.
const VARIES: char = '…';

/// What failed for good, by its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Failures {
    /// The causes, the most frequent first.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub causes: Vec<FailureCause>,
    /// More than 1,000 records failed: only the oldest failures were looked at.
    pub capped: bool,
}

/// What went wrong with some records in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct FailureCause {
    /// In one word.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "REJECTED"))]
    pub code: ErrorCode,
    /// The HTTP status, if GHL answered.
    pub status: Option<u16>,
    /// GHL's words, with `…` where they differ from record to record.
    #[cfg_attr(feature = "openapi", schema(example = "The pipeline id … is invalid"))]
    pub cause: String,
    /// How many records.
    pub count: u64,
    /// One of them: the one that failed first.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "contact#crm-42"))]
    pub example: RecordKey,
    /// When the first of them failed.
    pub first_at: Option<Time>,
    /// When the last of them failed.
    pub last_at: Option<Time>,
}

impl Operator {
    /// The causes of what stands as failed in `location`.
    ///
    /// # Errors
    /// When a store fails.
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
        let group = causes.entry((error.code, error.status, cause.clone())).or_insert_with(|| FailureCause {
            code: error.code,
            status: error.status,
            cause,
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

/// A message without what differs from record to record: numbers, ids, addresses, and texts in quotes that are no name of a
/// field.
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

/// Of a word, a number, an id or an address.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || "@._-+%".contains(c)
}

fn varies(word: &str) -> bool {
    word.contains(|c: char| c.is_numeric() || c == '@')
}

/// Names of fields, like `customFields.ID`, are what a cause is about.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_' || c == '.')
}

#[cfg(test)]
mod tests {
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

    proptest! {
        #[test]
        fn a_cause_says_no_number_and_no_address_and_is_its_own_cause(message in "\\PC{0,80}") {
            let cause = cause_of(&message);
            prop_assert!(!cause.contains(|c: char| c.is_numeric() || c == '@'), "{cause}");
            prop_assert_eq!(cause_of(&cause), cause);
        }
    }
}

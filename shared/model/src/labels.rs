//! Labels of a location, and the expiry of its credentials. They are for people; the sync ignores them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{EpochMs, SettingsError};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Labels of a location, and the expiry of its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocationLabels {
    /// Our own name, besides GHL's.
    pub name: Option<String>,
    /// Our own tags, for finding and grouping locations.
    pub tags: Vec<String>,
    /// When the credentials expire, if GHL does not report it.
    pub credentials_expire_at: Option<EpochMs>,
}

impl LocationLabels {
    /// Longest name, in characters.
    pub const MAX_NAME: usize = 100;
    /// Maximum number of tags.
    pub const MAX_TAGS: usize = 20;
    /// Longest tag, in characters.
    pub const MAX_TAG: usize = 40;

    /// Checks the name and the tags. They are read with every overview of all locations, so they are few and short.
    ///
    /// # Errors
    /// [`SettingsError`] names the field and the allowed values.
    pub fn check(&self) -> Result<(), SettingsError> {
        let wrong = |field, reason| Err(SettingsError { field, reason });
        if let Some(name) = &self.name
            && !is_plain(name, Self::MAX_NAME)
        {
            return wrong("name", expected(Self::MAX_NAME));
        }
        if self.tags.len() > Self::MAX_TAGS {
            return wrong("tags", format!("has more than {} tags", Self::MAX_TAGS));
        }
        let mut seen = BTreeSet::new();
        for (place, tag) in self.tags.iter().enumerate() {
            if !is_plain(tag, Self::MAX_TAG) {
                return wrong("tags", format!("has a tag, at place {}, that {}", place + 1, expected(Self::MAX_TAG)));
            }
            if !seen.insert(tag.to_lowercase()) {
                return wrong("tags", format!("has the tag at place {} twice", place + 1));
            }
        }
        Ok(())
    }

    /// Whether one of the tags equals `tag`, ignoring case.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        let wanted = tag.to_lowercase();
        self.tags.iter().any(|tag| tag.to_lowercase() == wanted)
    }
}

fn is_plain(text: &str, most: usize) -> bool {
    let chars = text.chars().count();
    (1..=most).contains(&chars) && text.trim() == text && !text.chars().any(char::is_control)
}

fn expected(most: usize) -> String {
    format!("is not 1 to {most} characters without control characters, and without spaces at its ends")
}

/// Whole days from `now` until `end`; negative once it is past.
#[must_use]
pub fn days_until(end: EpochMs, now: EpochMs) -> i64 {
    let days = |span: Duration| i64::try_from(span.as_millis() as u64 / DAY_MS).unwrap_or(i64::MAX);
    if end >= now { days(now.until(end)) } else { -days(now.since(end)) - 1 }
}

/// Parses RFC 3339, or a date, which means its first moment in UTC.
#[must_use]
pub fn time_or_date(text: &str) -> Option<EpochMs> {
    EpochMs::from_rfc3339(text).or_else(|| {
        let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        is_date.then(|| EpochMs::from_rfc3339(&format!("{text}T00:00:00Z")))?
    })
}

pub(crate) mod as_text {
    //! Serializes an optional time as text.

    use serde::{Deserialize, Deserializer, Serializer};

    use super::time_or_date;
    use crate::{EpochMs, Time};

    pub(crate) fn serialize<S: Serializer>(at: &Option<EpochMs>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => Time::serialize_at(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EpochMs>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let read = |text: String| {
            let wrong = "must be a time as RFC 3339 writes it, or a date like 2027-01-31";
            time_or_date(&text).ok_or_else(|| serde::de::Error::custom(wrong))
        };
        text.map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: Option<&str>, tags: &[&str]) -> LocationLabels {
        LocationLabels {
            name: name.map(str::to_owned),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            credentials_expire_at: None,
        }
    }

    #[test]
    fn names_and_tags_are_few_and_short_and_a_wrong_one_is_named_by_its_field() {
        let (long_name, long_tag) = ("n".repeat(101), "t".repeat(41));
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(labels(Some("Praxis Müller"), &["dental", "Köln 2"]).check(), Ok(()));
        for (name, tags, field, words) in [
            (Some(""), &[][..], "name", "1 to 100"),
            (Some(long_name.as_str()), &[], "name", "1 to 100"),
            (Some(" a"), &[], "name", "spaces"),
            (Some("a\nb"), &[], "name", "control"),
            (None, &["a", ""], "tags", "place 2"),
            (None, &[long_tag.as_str()], "tags", "1 to 40"),
            (None, &["a", "A"], "tags", "twice"),
            (None, &many, "tags", "more than 20"),
        ] {
            let wrong = labels(name, tags).check().unwrap_err();
            assert!(wrong.field == field && wrong.reason.contains(words), "{wrong}");
        }
        assert!(labels(None, &["Dental"]).has_tag("dental") && !labels(None, &["Dental"]).has_tag("dent"));
    }

    #[test]
    fn a_day_is_left_until_it_has_passed() {
        let now = EpochMs(1_800_000_000_000);
        let days = |ms: i64| days_until(EpochMs(now.0.saturating_add_signed(ms)), now);
        let day = i64::try_from(DAY_MS).unwrap();
        assert_eq!([0, day - 1, day, 30 * day, -1, -day, -day - 1].map(days), [0, 0, 1, 30, -1, -2, -2]);
    }

    #[test]
    fn a_date_is_its_first_moment_and_no_other_text_is_one() {
        assert_eq!(time_or_date("2027-01-31"), EpochMs::from_rfc3339("2027-01-31T00:00:00Z"));
        assert_eq!(time_or_date("2027-01-31T02:00:00+02:00"), time_or_date("2027-01-31"));
        for text in ["", "31.01.2027", "2027-13-01", "2027-1-31", "soon", "2027-01-3x"] {
            assert_eq!(time_or_date(text), None, "{text}");
        }
    }
}

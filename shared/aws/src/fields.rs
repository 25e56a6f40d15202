//! Reads an item's attributes. Errors name an unreadable attribute, but never show its content.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item, or the key of one.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An attribute is missing or malformed.
#[derive(Debug, thiserror::Error)]
#[error("attribute `{attribute}` {problem}")]
pub(crate) struct Damage {
    attribute: &'static str,
    problem: String,
}

impl Damage {
    pub(crate) fn new(attribute: &'static str, problem: impl Into<String>) -> Self {
        Damage { attribute, problem: problem.into() }
    }
}

/// The attributes of an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ItemFields<'a>(pub(crate) &'a Item);

impl<'a> ItemFields<'a> {
    /// A required text.
    pub(crate) fn text(self, attribute: &'static str) -> Result<&'a str, Damage> {
        self.optional_text(attribute)?.ok_or_else(|| Damage::new(attribute, "is missing"))
    }

    /// An optional text.
    pub(crate) fn optional_text(self, attribute: &'static str) -> Result<Option<&'a str>, Damage> {
        match self.0.get(attribute) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(Damage::new(attribute, "is not a string")),
        }
    }

    /// A required whole number.
    pub(crate) fn number<T: TryFrom<u64>>(self, attribute: &'static str) -> Result<T, Damage> {
        self.optional_number(attribute)?.ok_or_else(|| Damage::new(attribute, "is missing"))
    }

    /// An optional whole number.
    pub(crate) fn optional_number<T: TryFrom<u64>>(self, attribute: &'static str) -> Result<Option<T>, Damage> {
        let number = match self.0.get(attribute) {
            None => return Ok(None),
            Some(AttributeValue::N(digits)) => digits.parse::<u64>().ok().and_then(|number| T::try_from(number).ok()),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| Damage::new(attribute, "is not a whole number in range"))
    }

    /// A required text, parsed as `T`.
    pub(crate) fn parsed<T>(self, attribute: &'static str) -> Result<T, Damage>
    where
        T: TryFrom<String>,
        T::Error: fmt::Display,
    {
        self.optional_parsed(attribute)?.ok_or_else(|| Damage::new(attribute, "is missing"))
    }

    /// An optional text, parsed as `T`.
    pub(crate) fn optional_parsed<T>(self, attribute: &'static str) -> Result<Option<T>, Damage>
    where
        T: TryFrom<String>,
        T::Error: fmt::Display,
    {
        self.optional_text(attribute)?
            .map(|text| T::try_from(text.to_owned()).map_err(|error| Damage::new(attribute, error.to_string())))
            .transpose()
    }
}

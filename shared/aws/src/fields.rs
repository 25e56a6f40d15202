//! Reading an item's attributes: what cannot be read is named, and what it holds instead is not shown.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item, or the key of one.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An attribute that is not what it should be.
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
pub(crate) struct Fields<'a>(pub(crate) &'a Item);

impl<'a> Fields<'a> {
    /// A text that must be there.
    pub(crate) fn text(self, attribute: &'static str) -> Result<&'a str, Damage> {
        self.optional_text(attribute)?.ok_or_else(|| Damage::new(attribute, "is missing"))
    }

    /// A text that may be absent.
    pub(crate) fn optional_text(self, attribute: &'static str) -> Result<Option<&'a str>, Damage> {
        match self.0.get(attribute) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(Damage::new(attribute, "is not a string")),
        }
    }

    /// A whole number that must be there.
    pub(crate) fn number<T: TryFrom<u64>>(self, attribute: &'static str) -> Result<T, Damage> {
        self.optional_number(attribute)?.ok_or_else(|| Damage::new(attribute, "is missing"))
    }

    /// A whole number that may be absent.
    pub(crate) fn optional_number<T: TryFrom<u64>>(self, attribute: &'static str) -> Result<Option<T>, Damage> {
        let number = match self.0.get(attribute) {
            None => return Ok(None),
            Some(AttributeValue::N(digits)) => digits.parse::<u64>().ok().and_then(|number| T::try_from(number).ok()),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| Damage::new(attribute, "is not a whole number in range"))
    }

    /// A text that must be there, and is read as something else.
    pub(crate) fn parsed<T>(self, attribute: &'static str) -> Result<T, Damage>
    where
        T: TryFrom<String>,
        T::Error: fmt::Display,
    {
        self.optional_parsed(attribute)?.ok_or_else(|| Damage::new(attribute, "is missing"))
    }

    /// A text that may be absent, and is read as something else.
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

//! Builds DynamoDB expressions clause by clause.
//!
//! Every attribute is written as `#name`, so that none collides with a reserved word of DynamoDB (`token` and
//! `record` are two); the attribute of a `#name` follows from its text.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::EpochMs;

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A time in the form that DynamoDB's TTL requires.
pub(crate) fn seconds(time: EpochMs) -> AttributeValue {
    number(time.0.div_ceil(1000))
}

/// All `#name`s in `expression`, mapped to their attributes.
pub(crate) fn names_in(expression: &str) -> HashMap<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    expression
        .split('#')
        .skip(1)
        .map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())])
        .map(|name| (format!("#{name}"), name.to_owned()))
        .collect()
}

/// One `UpdateItem`: its changes and conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Update {
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<&'static str>,
    /// Attributes with short names in the expression.
    short_names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    /// An update without changes.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets `attribute`.
    pub(crate) fn set(mut self, attribute: &str, value: AttributeValue) -> Self {
        self.set.push(format!("#{attribute} = :{attribute}"));
        self.values.insert(format!(":{attribute}"), value);
        self
    }

    /// Sets `attribute` if `value` is given.
    pub(crate) fn set_known(self, attribute: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(attribute, value),
            None => self,
        }
    }

    /// Sets `attribute`, or removes it if `value` is `None`.
    pub(crate) fn set_or_remove(self, attribute: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(attribute, value),
            None => self.remove([attribute]),
        }
    }

    /// Sets `attribute` unless it has a value.
    pub(crate) fn set_once(mut self, attribute: &'static str, value: AttributeValue) -> Self {
        self.set.push(format!("#{attribute} = if_not_exists(#{attribute}, :{attribute})"));
        self.values.insert(format!(":{attribute}"), value);
        self
    }

    /// Adds 1 to `attribute`; an absent one becomes 1.
    pub(crate) fn increment(mut self, attribute: &'static str) -> Self {
        self.add.push(format!("#{attribute} :one"));
        self.values.insert(":one".to_owned(), number(1));
        self
    }

    /// Adds `more` to `attribute`; an absent one counts as zero. Such attributes have short names in the expression
    /// because there can be many, and DynamoDB limits an expression to 4 KB.
    pub(crate) fn count(mut self, attribute: &str, more: u64) -> Self {
        let short = format!("c{}", self.short_names.len());
        self.add.push(format!("#{short} :{short}"));
        self.values.insert(format!(":{short}"), number(more));
        self.short_names.insert(format!("#{short}"), attribute.to_owned());
        self
    }

    /// Adds `member` to the set `attribute`; an absent one counts as empty.
    pub(crate) fn add_to_set(mut self, attribute: &'static str, member: String) -> Self {
        self.add.push(format!("#{attribute} :{attribute}"));
        self.values.insert(format!(":{attribute}"), AttributeValue::Ss(vec![member]));
        self
    }

    /// Removes those of `attributes` that exist.
    pub(crate) fn remove(mut self, attributes: impl IntoIterator<Item = &'static str>) -> Self {
        self.remove.extend(attributes.into_iter().map(|attribute| format!("#{attribute}")));
        self
    }

    /// Adds a condition; all conditions must hold.
    pub(crate) fn only_if(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Defines the value of `:name` in a condition.
    pub(crate) fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Adds this update to `request`.
    pub(crate) fn onto(self, request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let clauses = [("SET", &self.set), ("ADD", &self.add), ("REMOVE", &self.remove)];
        let update = clauses
            .into_iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(clause, parts)| format!("{clause} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ");
        let condition = match &self.conditions[..] {
            [] => None,
            [only] => Some((*only).to_owned()),
            several => Some(format!("({})", several.join(") AND ("))),
        };
        let mut names = names_in(&update);
        names.extend(names_in(condition.as_deref().unwrap_or_default()));
        names.extend(self.short_names);
        request
            .update_expression(update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_an_expression_is_found_once() {
        let names = names_in("#a_b = :x AND attribute_not_exists(#c) OR #a_b<>#d");
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        let expected = [("#a_b", "a_b"), ("#c", "c"), ("#d", "d")];
        assert_eq!(names, expected.map(|(name, attribute)| (name.to_owned(), attribute.to_owned())));
    }

    #[test]
    fn an_expression_without_names_has_none() {
        assert!(names_in(":x = :y").is_empty());
    }
}

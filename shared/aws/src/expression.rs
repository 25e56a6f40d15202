//! DynamoDB's expressions, put together clause by clause.
//!
//! Every attribute is written `#name`, so that none collides with one of DynamoDB's reserved words (`token` and
//! `record` are two); what `#name` stands for follows from the text.

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

/// A time as DynamoDB's TTL wants it.
pub(crate) fn seconds(time: EpochMs) -> AttributeValue {
    number(time.0.div_ceil(1000))
}

/// The `#name`s in `expression`, each with the attribute that it stands for.
pub(crate) fn names_in(expression: &str) -> HashMap<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    expression
        .split('#')
        .skip(1)
        .map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())])
        .map(|name| (format!("#{name}"), name.to_owned()))
        .collect()
}

/// One `UpdateItem`: what it changes, and on which conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Update {
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<&'static str>,
    /// Attributes whose names in the expression are not their own.
    short_names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    /// Changes nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Gives `attribute` a value.
    pub(crate) fn set(mut self, attribute: &str, value: AttributeValue) -> Self {
        self.set.push(format!("#{attribute} = :{attribute}"));
        self.values.insert(format!(":{attribute}"), value);
        self
    }

    /// Gives `attribute` a value if there is one to give.
    pub(crate) fn set_known(self, attribute: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(attribute, value),
            None => self,
        }
    }

    /// Gives `attribute` a value, or removes it if there is none.
    pub(crate) fn set_or_remove(self, attribute: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(attribute, value),
            None => self.remove([attribute]),
        }
    }

    /// Gives `attribute` a value unless it has one.
    pub(crate) fn set_once(mut self, attribute: &'static str, value: AttributeValue) -> Self {
        self.set.push(format!("#{attribute} = if_not_exists(#{attribute}, :{attribute})"));
        self.values.insert(format!(":{attribute}"), value);
        self
    }

    /// Counts `attribute` up by one; one that is absent becomes 1.
    pub(crate) fn increment(mut self, attribute: &'static str) -> Self {
        self.add.push(format!("#{attribute} :one"));
        self.values.insert(":one".to_owned(), number(1));
        self
    }

    /// Adds to `attribute`; one that is absent counts as zero. Many may be added to: the expression has short names for
    /// them, because DynamoDB takes 4 KB of it.
    pub(crate) fn count(mut self, attribute: &str, more: u64) -> Self {
        let short = format!("c{}", self.short_names.len());
        self.add.push(format!("#{short} :{short}"));
        self.values.insert(format!(":{short}"), number(more));
        self.short_names.insert(format!("#{short}"), attribute.to_owned());
        self
    }

    /// Adds `member` to the set `attribute`; one that is absent is empty.
    pub(crate) fn add_to_set(mut self, attribute: &'static str, member: String) -> Self {
        self.add.push(format!("#{attribute} :{attribute}"));
        self.values.insert(format!(":{attribute}"), AttributeValue::Ss(vec![member]));
        self
    }

    /// Removes `attributes`, those that are there.
    pub(crate) fn remove(mut self, attributes: impl IntoIterator<Item = &'static str>) -> Self {
        self.remove.extend(attributes.into_iter().map(|attribute| format!("#{attribute}")));
        self
    }

    /// Does it only if `condition` holds too.
    pub(crate) fn only_if(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    /// What `:name` stands for in a condition.
    pub(crate) fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// The request, with this in it.
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

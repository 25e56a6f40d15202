//! A column and its target.

use super::catalogue::{CustomFieldType, FieldCatalogue, KnownField};
use super::file::{MappingError, names_id};
use super::{Alias, Field, alias};
use crate::consent::ConsentColumn;
use crate::name::is_same;

/// The target of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Field(Field),
    Custom(Box<Custom>),
    Consent(ConsentColumn),
    /// The list's own id of a contact.
    Id,
    /// Nowhere, by the caller's choice.
    Ignored,
    /// Nowhere: contacts have no field for a column of this name.
    NoPlace,
    /// Nowhere: its meaning is unknown.
    Unknown,
}

impl Target {
    pub(super) fn of_name(column: &str, name: &str, fields: &FieldCatalogue) -> Result<Target, MappingError> {
        let name = name.trim();
        if names_id(name) {
            return Ok(Target::Id);
        }
        if ["ignore", "ignored", "skip", "none", "-"].contains(&name.to_lowercase().as_str()) {
            return Ok(Target::Ignored);
        }
        if let Some(consent) = ConsentColumn::of_name(name) {
            return Ok(Target::Consent(consent));
        }
        let is_key = name.trim_start_matches(['{', ' ']).starts_with("contact.");
        if !is_key && let Some(field) = Field::ALL.into_iter().find(|field| is_same(field.as_str(), name)) {
            return Ok(Target::Field(field));
        }
        if let Some(field) = fields.find(name) {
            return Ok(Target::Custom(Box::new(Custom::known(field))));
        }
        if is_key && fields.is_open() {
            let key = name.trim_matches(['{', '}', ' ']).to_owned();
            return Ok(Target::Custom(Box::new(Custom { id: None, key: Some(key), ..Custom::default() })));
        }
        match alias(name) {
            Some(Alias::Field(field)) if !is_key => Ok(Target::Field(field)),
            _ => Err(MappingError::UnknownTarget { column: column.to_owned(), target: name.to_owned() }),
        }
    }

    /// Its name in a mapping; `None` if the column goes nowhere by default.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Target::Field(field) => Some(field.as_str().to_owned()),
            Target::Custom(custom) => Some(custom.name()),
            Target::Consent(consent) => Some(consent.name()),
            Target::Id => Some("id".to_owned()),
            Target::Ignored => Some("ignore".to_owned()),
            Target::NoPlace | Target::Unknown => None,
        }
    }
}

/// A custom field as a column's target.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Custom {
    pub(crate) id: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) kind: CustomFieldType,
    pub(crate) options: Vec<String>,
}

impl Custom {
    pub(super) fn known(field: &KnownField) -> Custom {
        Custom { id: Some(field.id.clone()), key: field.key.clone(), kind: field.kind, options: field.options.clone() }
    }

    pub(crate) fn name(&self) -> String {
        self.key.clone().or_else(|| self.id.clone()).unwrap_or_default()
    }
}

/// A column of the list.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name on one line, or its number if it has no name.
    pub(crate) name: String,
    pub(crate) target: Target,
    /// Which of several addresses it belongs to.
    pub(crate) group: String,
    /// Whether it is used only if other columns of the field are empty.
    pub(super) is_further: bool,
}

//! Reads the fields of a JSON object from GHL one by one, and names a field of the wrong form.

use ghl_sync_model::CustomField;
use serde_json::{Map, Number, Value};

/// A field is missing or has the wrong form. The error contains no text of the field's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` {problem}")]
pub(crate) struct FieldError {
    /// Name of the field, as GHL calls it.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), problem: problem.into() }
    }
}

/// The fields of an object. `null` and an empty text count as absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordFields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> RecordFields<'a> {
    pub(crate) fn value(self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// A text. GHL sometimes sends texts (ZIP codes) as numbers.
    pub(crate) fn text(self, field: &'static str) -> Result<Option<String>, FieldError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(FieldError::new(field, "is not a text")),
        }
    }

    /// A required text, parsed as `T`.
    pub(crate) fn parsed<T>(self, field: &'static str) -> Result<T, FieldError>
    where
        T: TryFrom<String>,
        T::Error: std::fmt::Display,
    {
        let text = self.text(field)?.ok_or_else(|| FieldError::new(field, "is missing"))?;
        T::try_from(text).map_err(|error| FieldError::new(field, format!("is not valid: {error}")))
    }

    pub(crate) fn boolean(self, field: &'static str) -> Result<Option<bool>, FieldError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(FieldError::new(field, "is not true or false")),
        }
    }

    pub(crate) fn number(self, field: &'static str) -> Result<Option<Number>, FieldError> {
        let number = match self.value(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => Some(number.clone()),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| FieldError::new(field, "is not a number"))
    }

    pub(crate) fn object(self, field: &'static str) -> Result<Option<&'a Map<String, Value>>, FieldError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(FieldError::new(field, "is not an object")),
        }
    }

    fn list(self, field: &'static str) -> Result<&'a [Value], FieldError> {
        match self.value(field) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(FieldError::new(field, "is not a list")),
        }
    }

    /// The texts of a list, each read separately.
    pub(crate) fn texts(self, field: &'static str) -> Result<Vec<Result<String, FieldError>>, FieldError> {
        let text = |(index, item): (usize, &Value)| match item.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(FieldError::new(format!("{field}[{index}]"), "is not a text")),
        };
        Ok(self.list(field)?.iter().enumerate().map(text).collect())
    }

    /// The custom fields of a list, each read separately. Contacts have a `value`, opportunities a `fieldValue`, or
    /// in searches one that names its type: `fieldValueString`, `fieldValueArray`, ….
    pub(crate) fn custom_fields(self, field: &'static str) -> Result<Vec<Result<CustomField, FieldError>>, FieldError> {
        let custom = |(index, item): (usize, &Value)| match item.get("id").and_then(Value::as_str) {
            Some(id) => {
                let shown = item.as_object().into_iter().flatten();
                let mut values = shown.filter(|(name, _)| *name == "value" || name.starts_with("fieldValue"));
                let value = values.next().map(|(_, value)| value.clone()).unwrap_or_default();
                Ok(CustomField { id: Some(id.to_owned()), key: None, value })
            }
            None => Err(FieldError::new(format!("{field}[{index}].id"), "is not a text")),
        };
        Ok(self.list(field)?.iter().enumerate().map(custom).collect())
    }
}

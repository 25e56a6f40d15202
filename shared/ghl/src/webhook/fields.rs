//! A webhook's fields, read one by one; one that is not what it should be is named.

use ghl_sync_engine::domain::CustomField;
use serde_json::{Map, Number, Value};

use super::WebhookError;

/// The fields of an object. `null` and an empty text are as good as absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn value(self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// A text. GHL writes some (ZIP codes) as numbers at times.
    pub(super) fn text(self, field: &'static str) -> Result<Option<String>, WebhookError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(WebhookError::field(field, "is not a text")),
        }
    }

    /// A text that must be there and is read as something else.
    pub(super) fn parsed<T>(self, field: &'static str) -> Result<T, WebhookError>
    where
        T: TryFrom<String>,
        T::Error: std::fmt::Display,
    {
        let text = self.text(field)?.ok_or_else(|| WebhookError::field(field, "is missing"))?;
        T::try_from(text).map_err(|error| WebhookError::field(field, format!("is not valid: {error}")))
    }

    pub(super) fn boolean(self, field: &'static str) -> Result<Option<bool>, WebhookError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(WebhookError::field(field, "is not true or false")),
        }
    }

    pub(super) fn number(self, field: &'static str) -> Result<Option<Number>, WebhookError> {
        let number = match self.value(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => Some(number.clone()),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| WebhookError::field(field, "is not a number"))
    }

    pub(super) fn object(self, field: &'static str) -> Result<Option<&'a Map<String, Value>>, WebhookError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(WebhookError::field(field, "is not an object")),
        }
    }

    fn list(self, field: &'static str) -> Result<&'a [Value], WebhookError> {
        match self.value(field) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(WebhookError::field(field, "is not a list")),
        }
    }

    pub(super) fn texts(self, field: &'static str) -> Result<Vec<String>, WebhookError> {
        let text = |(index, item): (usize, &Value)| {
            item.as_str()
                .map(str::to_owned)
                .ok_or_else(|| WebhookError::field(format!("{field}[{index}]"), "is not a text"))
        };
        self.list(field)?.iter().enumerate().map(text).collect()
    }

    /// Custom fields, in the order of their ids: GHL gives them in any.
    pub(super) fn custom_fields(self, field: &'static str) -> Result<Vec<CustomField>, WebhookError> {
        let custom = |(index, item): (usize, &Value)| {
            let id = item.get("id").and_then(Value::as_str);
            let id = id.ok_or_else(|| WebhookError::field(format!("{field}[{index}].id"), "is not a text"))?;
            let value = item.get("value").cloned().unwrap_or_default();
            Ok(CustomField { id: Some(id.to_owned()), key: None, value })
        };
        let mut fields: Vec<CustomField> =
            self.list(field)?.iter().enumerate().map(custom).collect::<Result<_, WebhookError>>()?;
        fields.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(fields)
    }
}

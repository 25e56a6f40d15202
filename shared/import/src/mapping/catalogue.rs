//! The custom fields that a location has.

/// What a custom field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CustomFieldType {
    /// Text of any kind.
    #[default]
    Text,
    /// A number.
    Number,
    /// An amount of money.
    Money,
    /// A date.
    Date,
    /// A phone number.
    Phone,
    /// One of the field's options.
    OneOption,
    /// Any of the field's options.
    ManyOptions,
    /// What a list cannot fill: files, signatures.
    Other,
}

impl CustomFieldType {
    /// By the name that GHL's API gives it (`MONETORY` is GHL's spelling).
    #[must_use]
    pub fn of_api(name: &str) -> CustomFieldType {
        match name {
            "NUMERICAL" | "FLOAT" => CustomFieldType::Number,
            "MONETORY" => CustomFieldType::Money,
            "DATE" => CustomFieldType::Date,
            "PHONE" => CustomFieldType::Phone,
            "SINGLE_OPTIONS" | "RADIO" => CustomFieldType::OneOption,
            "MULTIPLE_OPTIONS" | "CHECKBOX" => CustomFieldType::ManyOptions,
            "FILE_UPLOAD" | "SIGNATURE" | "TEXTBOX_LIST" => CustomFieldType::Other,
            _ => CustomFieldType::Text,
        }
    }
}

/// A custom field of the location.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownField {
    /// GHL's id of it.
    pub id: String,
    /// Its key, such as `contact.shoe_size`.
    pub key: Option<String>,
    /// Its name, for people.
    pub name: String,
    /// What it holds.
    pub kind: CustomFieldType,
    /// What can be chosen.
    pub options: Vec<String>,
}

/// The custom fields of a location, as far as the caller knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldCatalogue(pub Vec<KnownField>);

impl FieldCatalogue {
    /// The field of this id, key or name. `{{contact.x}}`, `contact.x` and `x` are the same key.
    pub(crate) fn find(&self, name: &str) -> Option<&KnownField> {
        let wanted = bare_key(name);
        let by_id = self.0.iter().find(|field| field.id == name.trim());
        let by_key = || self.0.iter().find(|field| field.key.as_deref().is_some_and(|key| bare_key(key) == wanted));
        let mut named = self.0.iter().filter(|field| super::key(&field.name) == super::key(name));
        by_id.or_else(by_key).or_else(|| named.next().filter(|_| named.next().is_none()))
    }

    /// The field that a column names by itself: by its whole name or key only, not by an id.
    pub(crate) fn of_column(&self, name: &str) -> Option<&KnownField> {
        if super::key(name).is_empty() { None } else { self.find(name) }
    }
}

fn bare_key(name: &str) -> String {
    let name = name.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    name.strip_prefix("contact.").unwrap_or(name).to_lowercase()
}

//! The custom fields of a location.

use ghl_sync_model::{FieldDefinition, FieldType, Kind, KnownFields};

/// Type of a custom field's value.
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
    /// Types that a list cannot fill: files, signatures.
    Other,
}

impl From<&FieldType> for CustomFieldType {
    /// Types not listed here become text; GHL interprets it.
    fn from(data_type: &FieldType) -> CustomFieldType {
        match data_type {
            FieldType::Numerical | FieldType::Float => CustomFieldType::Number,
            FieldType::Monetory => CustomFieldType::Money,
            FieldType::Date => CustomFieldType::Date,
            FieldType::Phone => CustomFieldType::Phone,
            FieldType::SingleOptions | FieldType::Radio => CustomFieldType::OneOption,
            FieldType::MultipleOptions | FieldType::Checkbox => CustomFieldType::ManyOptions,
            FieldType::FileUpload | FieldType::Signature | FieldType::TextboxList => CustomFieldType::Other,
            FieldType::Text | FieldType::LargeText | FieldType::Time | FieldType::Other(_) => CustomFieldType::Text,
        }
    }
}

/// A custom field of the location.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownField {
    /// GHL's id of the field.
    pub id: String,
    /// Its key, such as `contact.shoe_size`.
    pub key: Option<String>,
    /// Its name, for people.
    pub name: String,
    /// The type of its values.
    pub kind: CustomFieldType,
    /// The options to choose from.
    pub options: Vec<String>,
}

impl KnownField {
    /// Its name in a mapping: the key, or else the id.
    #[must_use]
    pub fn target(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.id)
    }

    /// Its key without the prefix for the kind of record.
    pub(crate) fn bare_key(&self) -> &str {
        let key = self.key.as_deref().unwrap_or_default();
        key.split_once('.').map_or(key, |(_, key)| key)
    }

    /// Whether a list can fill it. It cannot supply files and signatures.
    #[must_use]
    pub fn can_be_filled(&self) -> bool {
        self.kind != CustomFieldType::Other
    }
}

impl From<FieldDefinition> for KnownField {
    fn from(field: FieldDefinition) -> KnownField {
        let kind = CustomFieldType::from(&field.data_type);
        KnownField { id: field.id.as_str().to_owned(), key: field.key, name: field.name, kind, options: field.options }
    }
}

/// The custom fields of a location. By default none are known, and a mapping may name any key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldCatalogue {
    fields: Vec<KnownField>,
    /// Whether these are all of the location's fields.
    is_whole: bool,
}

impl FieldCatalogue {
    /// All contact fields in `GET /locations/{id}/customFields`; fields of opportunities are left out. A mapping may
    /// name only these, even if there are none.
    #[must_use]
    pub fn of_location(definitions: impl IntoIterator<Item = FieldDefinition>) -> FieldCatalogue {
        let of_contacts = definitions.into_iter().filter(|field| field.model == Kind::Contact);
        FieldCatalogue { fields: of_contacts.map(KnownField::from).collect(), is_whole: true }
    }

    /// The same from stored definitions. If some were left out, a mapping may name any key, as if none were known.
    #[must_use]
    pub fn of_known(known: &KnownFields) -> FieldCatalogue {
        FieldCatalogue { is_whole: known.left_out == 0, ..FieldCatalogue::of_location(known.fields.iter().cloned()) }
    }

    /// The known fields.
    #[must_use]
    pub fn fields(&self) -> &[KnownField] {
        &self.fields
    }

    /// Whether a mapping may name an unknown key.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_whole
    }

    /// The field with this id, key or name. `{{contact.x}}`, `contact.x` and `x` are the same key.
    pub(crate) fn find(&self, name: &str) -> Option<&KnownField> {
        let wanted = bare_key(name);
        let by_id = self.fields.iter().find(|field| field.id == name.trim());
        let by_key =
            || self.fields.iter().find(|field| field.key.as_deref().is_some_and(|key| bare_key(key) == wanted));
        let mut named = self.fields.iter().filter(|field| super::key(&field.name) == super::key(name));
        by_id.or_else(by_key).or_else(|| named.next().filter(|_| named.next().is_none()))
    }

    /// The field whose full key is this column name, such as `contact.shoe_size`.
    pub(crate) fn of_key(&self, name: &str) -> Option<&KnownField> {
        let key = name.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let is_key = |field: &&KnownField| field.key.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(key));
        self.fields.iter().find(is_key).filter(|_| key.contains('.'))
    }

    /// The field that a column name stands for: by its full name or key, not by an id.
    pub(crate) fn of_column(&self, name: &str) -> Option<&KnownField> {
        if super::key(name).is_empty() { None } else { self.find(name) }
    }
}

fn bare_key(name: &str) -> String {
    let name = name.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    name.strip_prefix("contact.").unwrap_or(name).to_lowercase()
}

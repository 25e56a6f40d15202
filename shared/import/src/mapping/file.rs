//! The caller's mapping of columns: `--map` and `mapping.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{is_same, key};
use crate::{DateOrder, DecimalMark, HiddenRows, SamePerson};

const VERSION: u32 = 1;

/// The caller's mapping, as stored in `mapping.json`:
///
/// ```json
/// {"version": 1, "columns": {"Budget": "contact.budget", "Fax": "ignore"}, "id_column": "Member No",
///  "tags": ["import-2026"], "source": "Trade fair", "answers": {"date_order": "day_first", "country": "DE"},
///  "hold": true, "undoable": true}
/// ```
///
/// A column's target is a contact field (`email`, `firstName` …), a custom field (`contact.key`, its id or its name),
/// consent (`dnd`, `dnd.email`, `dnd.email+sms`, `optin`, `optin.call` …, `status`, `wish`, `dnd_if_filled`), the
/// list's own id (`id`), or nothing (`ignore`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Version of this format: 1.
    pub version: u32,
    /// Targets of columns, by column name.
    pub columns: BTreeMap<String, String>,
    /// The column with the list's own id of a contact. A record keeps its id as long as this value stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Tags to add to each contact.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Source of contacts whose row names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// GHL's id of the user to assign contacts to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Answers to the list's ambiguities.
    #[serde(skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// Whether the list is only checked and reported. Nothing is sent until this is false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Whether the import can be undone. Costs one more call per contact.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undoable: bool,
}

/// Answers to a list's ambiguities. The same options given beside the mapping take precedence, except for the country
/// and `same_person`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// [`ImportOptions::encoding`](crate::ImportOptions::encoding).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// [`ImportOptions::date_order`](crate::ImportOptions::date_order).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    /// [`ImportOptions::decimal_mark`](crate::ImportOptions::decimal_mark).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<DecimalMark>,
    /// [`ImportOptions::sheet`](crate::ImportOptions::sheet).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// [`ImportOptions::hidden_rows`](crate::ImportOptions::hidden_rows).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_rows: Option<HiddenRows>,
    /// The list's country, if it differs from the location's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// [`ImportOptions::same_person`](crate::ImportOptions::same_person).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_person: Option<SamePerson>,
}

impl Answers {
    fn is_empty(&self) -> bool {
        *self == Answers::default()
    }
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            version: VERSION,
            columns: BTreeMap::new(),
            id_column: None,
            tags: Vec::new(),
            source: None,
            assigned_to: None,
            answers: Answers::default(),
            hold: false,
            undoable: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct MappingVersion {
    version: u32,
}

impl Default for MappingVersion {
    fn default() -> Self {
        Self { version: VERSION }
    }
}

/// Why a mapping is invalid.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not JSON of the right shape.
    #[error("the mapping cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written for another version of this program.
    #[error("the mapping has version {found}; this program reads version {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// A `--map` argument without `=`.
    #[error("`{0}` maps nothing: write 'Column=field'")]
    NoTarget(String),
    /// It names a column that the list does not have.
    #[error("the mapping names the column `{column}`, which the list does not have; its columns are: {}", columns.join(", "))]
    UnknownColumn {
        /// The missing column.
        column: String,
        /// The list's columns.
        columns: Vec<String>,
    },
    /// It names an unknown field.
    #[error(
        "column `{column}` is mapped to `{target}`, which is no field: say ignore, id, dnd, dnd.email, optin, status, a field \
         of a contact ({}), or a custom field of the location as contact.key", super::Field::ALL.map(super::Field::as_str).join(", ")
    )]
    UnknownTarget {
        /// The column.
        column: String,
        /// The unknown target.
        target: String,
    },
}

impl Mapping {
    /// Parses `mapping.json`.
    ///
    /// # Errors
    /// [`MappingError`] says what is invalid.
    pub fn from_json(json: &[u8]) -> Result<Mapping, MappingError> {
        // Check the version first: fields of another version would give a misleading error.
        let MappingVersion { version } = serde_json::from_slice(json)?;
        if version != VERSION {
            return Err(MappingError::Version { found: version });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// Adds a `Column=field` argument, which overrides the file. The field follows the last `=`.
    ///
    /// # Errors
    /// [`MappingError::NoTarget`] if there is no `=`.
    pub fn add(&mut self, text: &str) -> Result<(), MappingError> {
        let pair =
            text.rsplit_once('=').filter(|(column, target)| !column.trim().is_empty() && !target.trim().is_empty());
        let (column, target) = pair.ok_or_else(|| MappingError::NoTarget(text.to_owned()))?;
        self.columns.retain(|known, _| key(known) != key(column) || key(column).is_empty());
        self.columns.insert(column.trim().to_owned(), target.trim().to_owned());
        Ok(())
    }

    /// Whether it maps this column.
    pub(crate) fn names(&self, column: &str) -> bool {
        self.target_of(column).is_some() || self.id_column.as_deref().is_some_and(|id| is_same(id, column))
    }

    /// The target of a column: by its exact name first.
    pub(crate) fn target_of(&self, column: &str) -> Option<&str> {
        let exact = self.columns.get(column.trim());
        exact
            .or_else(|| self.columns.iter().find(|(known, _)| is_same(known, column)).map(|(_, target)| target))
            .map(String::as_str)
    }

    pub(crate) fn is_id(&self, column: &str) -> bool {
        self.id_column.as_deref().is_some_and(|id| is_same(id, column)) || self.target_of(column).is_some_and(names_id)
    }
}

/// Whether a target name means the list's own id.
pub(super) fn names_id(name: &str) -> bool {
    ["id", "record_id", "recordid"].contains(&name.trim().to_lowercase().as_str())
}

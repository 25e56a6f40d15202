//! What the caller says of columns: `--map` and `mapping.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{is_same, key};
use crate::{DateOrder, DecimalMark, HiddenRows, SamePerson};

const VERSION: u32 = 1;

/// The caller's mapping, as `mapping.json` holds it:
///
/// ```json
/// {"version": 1, "columns": {"Budget": "contact.budget", "Fax": "ignore"}, "id_column": "Member No",
///  "tags": ["import-2026"], "source": "Trade fair", "answers": {"date_order": "day_first", "country": "DE"},
///  "hold": true, "undoable": true}
/// ```
///
/// A column goes into a field of a contact (`email`, `firstName` …), a custom field (`contact.key`, its id or its name),
/// consent (`dnd`, `dnd.email`, `dnd.email+sms`, `optin`, `optin.call` …, `status`, `wish`, `dnd_if_filled`), the list's own id
/// (`id`) or nowhere (`ignore`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Of this format: 1.
    pub version: u32,
    /// Where columns go, by their name.
    pub columns: BTreeMap<String, String>,
    /// The column with the list's own id of a contact. A record keeps its id as long as this stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Tags that each contact gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The source of contacts whose row names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// GHL's id of the user whom contacts are assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// What the list means where it does not prove it.
    #[serde(skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// The list is only looked at, and told of: nothing of it is sent until this is false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// The import shall be one that can be undone: a call more for each contact.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undoable: bool,
}

/// Answers to what a list leaves open. They count less than the same options given beside the mapping, except for the
/// country and for people who are there twice.
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
    /// The country of the list, where it is not the location's.
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
struct Versioned {
    version: u32,
}

impl Default for Versioned {
    fn default() -> Self {
        Self { version: VERSION }
    }
}

/// What is wrong with a mapping.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not JSON of the right shape.
    #[error("the mapping cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Of another version of this program.
    #[error("the mapping has version {found}; this program reads version {VERSION}")]
    Version {
        /// What it says.
        found: u32,
    },
    /// `--map` without `=`.
    #[error("`{0}` maps nothing: write 'Column=field'")]
    NoTarget(String),
    /// It names a column that the list does not have.
    #[error("the mapping names the column `{column}`, which the list does not have; its columns are: {}", columns.join(", "))]
    UnknownColumn {
        /// What it names.
        column: String,
        /// What there is.
        columns: Vec<String>,
    },
    /// It names a field that there is not.
    #[error(
        "column `{column}` is mapped to `{target}`, which is no field: say ignore, id, dnd, dnd.email, optin, status, a field \
         of a contact ({}), or a custom field of the location as contact.key", super::Field::ALL.map(super::Field::as_str).join(", ")
    )]
    UnknownTarget {
        /// Which column.
        column: String,
        /// Where to.
        target: String,
    },
}

impl Mapping {
    /// Reads `mapping.json`.
    ///
    /// # Errors
    /// [`MappingError`] says what is wrong with it.
    pub fn from_json(json: &[u8]) -> Result<Mapping, MappingError> {
        // Another version may have other fields: that it is another one is what must be said.
        let Versioned { version } = serde_json::from_slice(json)?;
        if version != VERSION {
            return Err(MappingError::Version { found: version });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// Adds a `Column=field` of the command line, which counts more than the file. The field follows the last `=`.
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

    /// Whether it says something of a column.
    pub(crate) fn names(&self, column: &str) -> bool {
        self.target_of(column).is_some() || self.id_column.as_deref().is_some_and(|id| is_same(id, column))
    }

    /// Where a column goes: by its exact name first.
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

/// Whether a target's name is that of the list's own id.
pub(super) fn names_id(name: &str) -> bool {
    ["id", "record_id", "recordid"].contains(&name.trim().to_lowercase().as_str())
}

//! Lists that people hand in without access to the bucket: a page of ours asks for a link, puts the file there by itself, and
//! is told how the list stands.
//!
//! A list is handed in with a mapping that holds it. So it is looked at first, and sent once somebody says so.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_import::Mapping;
use ghl_sync_model::{Api, EpochMs, LocationId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ports::{Files, Links};
use crate::{ListName, Place};

/// The longest file that is taken this way. Longer ones are for the program, or for the bucket itself.
pub const LONGEST_UPLOAD: u64 = 64 << 20;
/// A link that was not used by then is no good any more.
const LINK_LASTS: Duration = Duration::from_secs(15 * 60);
/// Characters of a file's name that are taken.
const LONGEST_FILE_NAME: usize = 1000;
/// Bytes of a file's name that are kept: its last ones, which hold its ending. The local S3 makes a file name of the whole key.
const LONGEST_NAME: usize = 72;
/// The longest mapping.
const LONGEST_MAPPING: usize = 256 << 10;
/// Characters of a text in it.
const LONGEST_TEXT: usize = 1000;
const JSON: &str = "application/json";

/// Takes lists in, and tells how they stand. Cheap to clone.
#[derive(Clone)]
pub struct Lists {
    pub(crate) engine: Engine,
    files: Arc<dyn Files>,
    links: Arc<dyn Links>,
}

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    /// What the list is called from now on.
    pub name: ListName,
    /// Where the file goes, by a `PUT` of exactly as many bytes as were told.
    pub upload: Link,
}

/// A link that whoever has it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address. It holds a signature.
    pub url: String,
    /// When the signature ends.
    pub expires_at: EpochMs,
}

/// How a list stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ListStatus {
    /// How far it is.
    pub state: ListState,
    /// Bytes of the file, once it is there.
    pub size: Option<u64>,
    /// When it was put there.
    pub uploaded_at: Option<EpochMs>,
    /// What its own mapping says; `None` if it has none.
    pub mapping: Option<Value>,
    /// The report on what it is now, as `report.json` has it.
    pub report: Option<Value>,
}

/// How far a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListState {
    /// The file is not there yet.
    Uploading,
    /// It is looked at, as it and its mapping are now.
    Reading,
    /// It was looked at, and nothing is sent before somebody says so.
    Held,
    /// Something about its meaning is not proven: the report asks.
    NeedsMapping,
    /// Nothing can be read from it: the report says why.
    Refused,
    /// Its contacts are put, or wait for GHL.
    Importing,
    /// Every row is in the results or in the rejects.
    Done,
}

/// The files that tell of a list row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsFile {
    /// One line a contact.
    Results,
    /// The rows that were left out, or lost a cell.
    Rejects,
}

/// Why a list is not taken, or not told of.
#[derive(Debug, thiserror::Error)]
pub enum ListsError {
    /// Nobody knows the location.
    #[error("the location {0} is unknown")]
    UnknownLocation(LocationId),
    /// There is no such list.
    #[error("there is no such list; they are deleted some days after they were put there")]
    UnknownList,
    /// There is no such file of it, as it and its mapping are now.
    #[error("the list, as it and its mapping are now, has no such file, or not yet")]
    NoSuchFile,
    /// What is told of the file cannot be.
    #[error("{field}: {reason}")]
    Invalid {
        /// What is wrong.
        field: String,
        /// Why it is not taken, in words.
        reason: String,
    },
    /// The bucket or a store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Lists {
    /// Takes lists in for the locations of `engine`, into `files`, by `links`.
    #[must_use]
    pub fn new(engine: Engine, files: Arc<dyn Files>, links: Arc<dyn Links>) -> Lists {
        Lists { engine, files, links }
    }

    /// The same, with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Lists {
        Lists { engine, ..self.clone() }
    }

    /// Where links lead, as a page's policy names it: scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.links.origin()
    }

    /// Makes room for a list of `size` bytes in a file of this name. It is held, and mapped as the location's settings say;
    /// what is sent of it can be undone if `undoable`.
    ///
    /// # Errors
    /// [`ListsError`] where nobody knows the location, or the file cannot be a list.
    pub async fn hand_in(
        &self,
        location: &LocationId,
        file: &str,
        size: u64,
        undoable: bool,
    ) -> Result<HandedIn, ListsError> {
        let registry = &self.engine.ports().registry;
        let Some(settings) = registry.location_now(location).await? else {
            return Err(ListsError::UnknownLocation(location.clone()));
        };
        if undoable && settings.api == Api::V1 {
            let reason = "cannot be true: imports by API v1 cannot be undone".to_owned();
            return Err(ListsError::Invalid { field: "undoable".to_owned(), reason });
        }
        if size == 0 || size > LONGEST_UPLOAD {
            let most = LONGEST_UPLOAD >> 20;
            let reason =
                format!("a file has 1 byte at least, and {most} MiB at most; `ghl-sync import` takes longer ones");
            return Err(ListsError::Invalid { field: "size".to_owned(), reason });
        }
        if file.is_empty() || file.chars().count() > LONGEST_FILE_NAME {
            let reason = format!("a name has 1 to {LONGEST_FILE_NAME} characters");
            return Err(ListsError::Invalid { field: "name".to_owned(), reason });
        }
        let stored = registry.stored(location).await?;
        let mut mapping = stored.and_then(|stored| stored.overlay.mapping).unwrap_or_default();
        mapping.insert("hold".to_owned(), true.into());
        mapping.insert("undoable".to_owned(), undoable.into());
        let now = self.engine.ports().clock.now();
        let name = self.name(file, now)?;
        let place = Place::of_contacts(location, &name);
        self.put_mapping(&place, &mapping).await?;
        let url = self.links.to_put(&place.key, size, LINK_LASTS)?;
        Ok(HandedIn { name, upload: Link { url, expires_at: now + LINK_LASTS } })
    }

    /// How a list stands.
    ///
    /// # Errors
    /// [`ListsError::UnknownList`] where there is neither the list nor a mapping of it.
    pub async fn look(&self, location: &LocationId, name: &ListName) -> Result<ListStatus, ListsError> {
        let place = Place::of_contacts(location, name);
        let [own, _] = place.mappings();
        let (file, mapping, report) = (
            self.files.head(&place.key).await?,
            self.files.head(&own).await?,
            self.json(&place.out("report.json")).await?,
        );
        if file.is_none() && mapping.is_none() {
            return Err(ListsError::UnknownList);
        }
        let is_of_now = |report: &Value| {
            let is_same = |field: &str, etag: Option<&String>| report[field].as_str() == etag.map(String::as_str);
            let is_mapped = mapping.is_none() || is_same("mapping_etag", mapping.as_ref().map(|mapping| &mapping.etag));
            is_same("etag", file.as_ref().map(|file| &file.etag)) && is_mapped
        };
        let report = report.filter(is_of_now);
        let state = match (&file, &report) {
            (None, _) => ListState::Uploading,
            (Some(_), None) => ListState::Reading,
            (Some(_), Some(report)) => ListState::told(&report["state"]),
        };
        let mapping = match mapping {
            Some(_) => self.json(&own).await?,
            None => None,
        };
        Ok(ListStatus {
            state,
            size: file.as_ref().map(|file| file.size),
            uploaded_at: file.map(|file| file.modified_at),
            mapping,
            report,
        })
    }

    /// Says how a list is read, what its answers are, and whether it is held: all that `mapping.json` may say. It is then
    /// looked at anew, and sent if it is not held and nothing is left to ask.
    ///
    /// # Errors
    /// [`ListsError::Invalid`] names what cannot be read in `mapping`.
    pub async fn set_mapping(
        &self,
        location: &LocationId,
        name: &ListName,
        mapping: &Map<String, Value>,
    ) -> Result<(), ListsError> {
        let place = Place::of_contacts(location, name);
        let json = Value::Object(mapping.clone());
        if let Some(field) = too_long(&json, "") {
            let reason = format!("has more than {LONGEST_TEXT} characters");
            return Err(ListsError::Invalid { field, reason });
        }
        let json = json.to_string();
        if json.len() > LONGEST_MAPPING {
            let reason = format!("a mapping has {} KiB at most", LONGEST_MAPPING >> 10);
            return Err(ListsError::Invalid { field: "mapping".to_owned(), reason });
        }
        Mapping::from_json(json.as_bytes())
            .map_err(|error| ListsError::Invalid { field: "mapping".to_owned(), reason: error.to_string() })?;
        if self.files.head(&place.key).await?.is_none() {
            return Err(ListsError::UnknownList);
        }
        self.put_mapping(&place, mapping).await
    }

    /// A link to what tells, row by row, of a list and its mapping as they are now.
    ///
    /// # Errors
    /// [`ListsError::UnknownList`] as for [`look`](Lists::look). [`ListsError::NoSuchFile`] where it was not written yet;
    /// what was written of an earlier file or mapping is not told.
    pub async fn rows(&self, location: &LocationId, name: &ListName, which: RowsFile) -> Result<Link, ListsError> {
        // The report is written after them, so while it is of now, so are they.
        let state = self.look(location, name).await?.state;
        let (file, is_told) = match which {
            RowsFile::Results => ("results.csv", state == ListState::Done),
            RowsFile::Rejects => ("rejects.csv", matches!(state, ListState::Done | ListState::Held)),
        };
        let key = Place::of_contacts(location, name).out(file);
        if !is_told || self.files.head(&key).await?.is_none() {
            return Err(ListsError::NoSuchFile);
        }
        let url = self.links.to_get(&key, file, LINK_LASTS)?;
        Ok(Link { url, expires_at: self.engine.ports().clock.now() + LINK_LASTS })
    }

    /// A name that no other list has, whoever hands in what at the same time: `20261130-194501-3fa9c1-contacts.csv`.
    fn name(&self, file: &str, now: EpochMs) -> Result<ListName, ListsError> {
        let digits: String = now.to_rfc3339().chars().filter(|c| c.is_ascii_digit()).collect();
        let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
        let roll = (self.engine.ports().randomness.roll() * f64::from(0x100_0000)) as u32;
        let name = ListName::try_from(format!("{day}-{time}-{roll:06x}-{}", plain(file)));
        name.map_err(|error| ListsError::Invalid { field: "name".to_owned(), reason: error.to_string() })
    }

    async fn put_mapping(&self, place: &Place, mapping: &Map<String, Value>) -> Result<(), ListsError> {
        let [own, _] = place.mappings();
        let json = Value::Object(mapping.clone()).to_string().into_bytes();
        Ok(self.files.put(&own, json, JSON).await?)
    }

    /// A file as JSON; `None` if there is none, it is another one by now, or it is none.
    async fn json(&self, key: &str) -> Result<Option<Value>, PortError> {
        let Some(found) = self.files.head(key).await? else { return Ok(None) };
        let bytes = self.files.read(key, &found.etag, 0, found.size).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

impl ListState {
    /// The state that a report tells.
    fn told(state: &Value) -> ListState {
        match state.as_str() {
            Some("held") => ListState::Held,
            Some("needs_mapping") => ListState::NeedsMapping,
            Some("refused") => ListState::Refused,
            Some("importing") => ListState::Importing,
            Some("done") => ListState::Done,
            // `reading`, and what a later build may say.
            Some(_) | None => ListState::Reading,
        }
    }
}

/// The path of the first text of a mapping that is too long.
fn too_long(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => (text.chars().count() > LONGEST_TEXT).then(|| path.to_owned()),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| too_long(item, &format!("{path}[{at}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            too_long(value, &path)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A file's name without its folders, and with letters, digits, points, `-` and `_` only.
fn plain(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' }).collect();
    let from = plain.ceil_char_boundary(plain.len().saturating_sub(LONGEST_NAME));
    plain[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_ending_and_nothing_that_leads_elsewhere() {
        let long = format!("{}.xlsx", "a".repeat(200));
        assert_eq!(plain("contacts.csv"), "contacts.csv");
        assert_eq!(plain("C:\\lists\\März 2026 (1).csv"), "März-2026--1-.csv");
        assert_eq!(plain("../../in/other/contacts/x.csv"), "x.csv");
        assert_eq!(plain("a\n\"b\"?c#d.csv"), "a--b--c-d.csv");
        assert_eq!(plain(""), "");
        assert!(plain(&long).ends_with("aaa.xlsx") && plain(&long).len() == LONGEST_NAME);
        let wide = format!("{}.csv", "名".repeat(200));
        assert!(plain(&wide).ends_with("名.csv") && plain(&wide).len() <= LONGEST_NAME);
    }
}

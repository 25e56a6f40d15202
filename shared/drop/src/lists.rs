//! Lists handed in without access to the bucket: a page requests a link, uploads the file by itself, and reads the
//! list's status.
//!
//! A list is handed in with a mapping that holds it. So it is checked first, and sent once somebody releases it.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_import::Mapping;
use ghl_sync_model::{Api, EpochMs, LocationId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ports::{BucketFiles, Links};
use crate::{ListName, ListPlace};

/// Largest file accepted this way, in bytes. Larger ones go through the CLI or the bucket itself.
pub const LONGEST_UPLOAD: u64 = 64 << 20;
/// How long a link is valid.
const LINK_LASTS: Duration = Duration::from_secs(15 * 60);
/// Most characters of a file name in a request.
const LONGEST_FILE_NAME: usize = 1000;
/// Most bytes kept of a file's name: its end, with the extension. The local S3 uses the whole key as one file name.
const LONGEST_NAME: usize = 72;
/// Largest mapping in bytes.
const LONGEST_MAPPING: usize = 256 << 10;
/// Most characters of a text in a mapping.
const LONGEST_TEXT: usize = 1000;
const JSON: &str = "application/json";

/// Accepts lists and reads their status. Cheap to clone.
#[derive(Clone)]
pub struct Lists {
    pub(crate) engine: Engine,
    files: Arc<dyn BucketFiles>,
    links: Arc<dyn Links>,
}

/// A list handed in, ready for its upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    /// The list's name from now on.
    pub name: ListName,
    /// Link for the upload: a `PUT` of exactly the announced number of bytes.
    pub upload: Link,
}

/// A link that works for anyone who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// URL with its signature.
    pub url: String,
    /// When the signature expires.
    pub expires_at: EpochMs,
}

/// Status of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListStatus {
    /// State of the list.
    pub state: ListState,
    /// Size of the file in bytes, once uploaded.
    pub size: Option<u64>,
    /// When it was uploaded.
    pub uploaded_at: Option<EpochMs>,
    /// The list's own mapping, if it has one.
    pub mapping: Option<Value>,
    /// The `report.json` of the current file and mapping.
    pub report: Option<Value>,
}

/// State of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListState {
    /// The file is not there yet.
    Uploading,
    /// It is being checked, with its current mapping.
    Reading,
    /// It was checked, and nothing is sent until somebody releases it.
    Held,
    /// Part of its meaning is uncertain: the report asks.
    NeedsMapping,
    /// Nothing can be read from it: the report says why.
    Refused,
    /// Its contacts are being put, or wait for GHL.
    Importing,
    /// Every row is in the results or in the rejects.
    Done,
}

/// The files with a line per row of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsFile {
    /// One line per contact.
    Results,
    /// Rows that were left out or lost a cell.
    Rejects,
}

/// Why a request about lists is refused.
#[derive(Debug, thiserror::Error)]
pub enum ListsError {
    /// The location is unknown.
    #[error("the location {0} is unknown")]
    UnknownLocation(LocationId),
    /// The list does not exist.
    #[error("there is no such list; they are deleted some days after they were put there")]
    UnknownList,
    /// The file does not exist for the current list and mapping.
    #[error("this file does not exist yet for the current list and mapping")]
    NoSuchFile,
    /// The request is invalid.
    #[error("{field}: {reason}")]
    Invalid {
        /// The invalid field.
        field: String,
        /// Why it is invalid.
        reason: String,
    },
    /// The bucket or a store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Lists {
    /// Accepts lists for the locations of `engine` into `files`, through `links`.
    #[must_use]
    pub fn new(engine: Engine, files: Arc<dyn BucketFiles>, links: Arc<dyn Links>) -> Lists {
        Lists { engine, files, links }
    }

    /// The same lists with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Lists {
        Lists { engine, ..self.clone() }
    }

    /// Origin of the links for a content security policy: scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.links.origin()
    }

    /// Accepts a list of `size` bytes in a file of this name. It is held, and mapped by the location's settings. Its
    /// import can be undone if `undoable`.
    ///
    /// # Errors
    /// [`ListsError`] if the location is unknown or the file cannot be a list.
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
        let place = ListPlace::of_contacts(location, &name);
        self.put_mapping(&place, &mapping).await?;
        let url = self.links.to_put(&place.key, size, LINK_LASTS)?;
        Ok(HandedIn { name, upload: Link { url, expires_at: now + LINK_LASTS } })
    }

    /// Reads the status of a list.
    ///
    /// # Errors
    /// [`ListsError::UnknownList`] if neither the list nor its mapping exists.
    pub async fn look(&self, location: &LocationId, name: &ListName) -> Result<ListStatus, ListsError> {
        let place = ListPlace::of_contacts(location, name);
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

    /// Sets the list's own mapping: how it is read, the answers to its questions, and whether it is held; all that
    /// `mapping.json` may say. The list is then read again, and sent if it is not held and no question is open.
    ///
    /// # Errors
    /// [`ListsError::Invalid`] names the invalid part of `mapping`.
    pub async fn set_mapping(
        &self,
        location: &LocationId,
        name: &ListName,
        mapping: &Map<String, Value>,
    ) -> Result<(), ListsError> {
        let place = ListPlace::of_contacts(location, name);
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

    /// A link to the results or rejects of the current list and mapping.
    ///
    /// # Errors
    /// [`ListsError::UnknownList`] as for [`look`](Lists::look). [`ListsError::NoSuchFile`] if the file is not written
    /// yet; a file of an earlier list or mapping does not count.
    pub async fn rows(&self, location: &LocationId, name: &ListName, which: RowsFile) -> Result<Link, ListsError> {
        // The report is written after these files. So while it is current, they are too.
        let state = self.look(location, name).await?.state;
        let (file, is_told) = match which {
            RowsFile::Results => ("results.csv", state == ListState::Done),
            RowsFile::Rejects => ("rejects.csv", matches!(state, ListState::Done | ListState::Held)),
        };
        let key = ListPlace::of_contacts(location, name).out(file);
        if !is_told || self.files.head(&key).await?.is_none() {
            return Err(ListsError::NoSuchFile);
        }
        let url = self.links.to_get(&key, file, LINK_LASTS)?;
        Ok(Link { url, expires_at: self.engine.ports().clock.now() + LINK_LASTS })
    }

    /// A unique name even for simultaneous uploads: `20261130-194501-3fa9c1-contacts.csv`.
    fn name(&self, file: &str, now: EpochMs) -> Result<ListName, ListsError> {
        let digits: String = now.to_rfc3339().chars().filter(|c| c.is_ascii_digit()).collect();
        let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
        let roll = (self.engine.ports().randomness.roll() * f64::from(0x100_0000)) as u32;
        let name = ListName::try_from(format!("{day}-{time}-{roll:06x}-{}", plain(file)));
        name.map_err(|error| ListsError::Invalid { field: "name".to_owned(), reason: error.to_string() })
    }

    async fn put_mapping(&self, place: &ListPlace, mapping: &Map<String, Value>) -> Result<(), ListsError> {
        let [own, _] = place.mappings();
        let json = Value::Object(mapping.clone()).to_string().into_bytes();
        Ok(self.files.put(&own, json, JSON).await?)
    }

    /// A file as JSON; `None` if it is missing, has just changed, or is not JSON.
    async fn json(&self, key: &str) -> Result<Option<Value>, PortError> {
        let Some(found) = self.files.head(key).await? else { return Ok(None) };
        let bytes = self.files.read(key, &found.etag, 0, found.size).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

impl ListState {
    /// The state named in a report.
    fn told(state: &Value) -> ListState {
        match state.as_str() {
            Some("held") => ListState::Held,
            Some("needs_mapping") => ListState::NeedsMapping,
            Some("refused") => ListState::Refused,
            Some("importing") => ListState::Importing,
            Some("done") => ListState::Done,
            // `reading`, and states of later builds.
            Some(_) | None => ListState::Reading,
        }
    }
}

/// Path of the first text in a mapping that is too long.
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

/// A file's name without folders, with letters, digits, dots, `-` and `_` only.
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

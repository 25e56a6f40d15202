//! Maps keys of the bucket to lists and their mappings.

use ghl_sync_model::LocationId;
use serde::Deserialize;

/// Suffix that a list's name gets for its own mapping.
const MAPPING: &str = ".mapping.json";
/// Name of the mapping for all lists of a location.
const MAPPING_OF_ALL: &str = "mapping.json";
/// Most bytes of a name.
const LONGEST_NAME: usize = 255;
/// The only kind of list so far.
const CONTACTS: &str = "contacts";

/// A list in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPlace {
    /// The file's key: `in/LOCATION/KIND/NAME`.
    pub key: String,
    /// Location that owns the list.
    pub location: LocationId,
    /// Kind of records in the list.
    pub kind: String,
    /// File name with its extension. It may include folders.
    pub name: String,
}

/// The name of a list that is in no subfolder: the last part of its key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListName(String);

/// The text is not a valid list name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a list: 1 to 255 bytes, no `/` and no control character, and not that of a mapping")]
pub struct NotAListName;

impl ListName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ListName {
    type Error = NotAListName;

    fn try_from(name: String) -> Result<ListName, NotAListName> {
        let is_plain =
            !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(|c: char| c == '/' || c.is_control());
        let is_list = !name.ends_with(MAPPING) && name != MAPPING_OF_ALL;
        if is_plain && is_list { Ok(ListName(name)) } else { Err(NotAListName) }
    }
}

impl ListPlace {
    /// The list that `key` names, or that the mapping at `key` belongs to; `None` if it is neither.
    #[must_use]
    pub fn of(key: &str) -> Option<ListPlace> {
        let (location, rest) = key.strip_prefix("in/")?.split_once('/')?;
        let (kind, name) = rest.split_once('/')?;
        let location = LocationId::new(location).ok()?;
        let name = name.strip_suffix(MAPPING).unwrap_or(name);
        let is_list = !name.is_empty() && !name.ends_with('/') && name != MAPPING_OF_ALL && !kind.is_empty();
        is_list.then(|| ListPlace {
            key: format!("in/{location}/{kind}/{name}"),
            location,
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The contact list of this name in the location's folder.
    pub(crate) fn of_contacts(location: &LocationId, name: &ListName) -> ListPlace {
        ListPlace {
            key: format!("in/{location}/{CONTACTS}/{}", name.0),
            location: location.clone(),
            kind: CONTACTS.to_owned(),
            name: name.0.clone(),
        }
    }

    /// Whether this kind of list can be imported.
    pub(crate) fn is_of_contacts(&self) -> bool {
        self.kind == CONTACTS
    }

    /// Keys of its possible mappings: its own, and that of all lists of its location.
    pub(crate) fn mappings(&self) -> [String; 2] {
        [format!("{}{MAPPING}", self.key), format!("in/{}/{}/{MAPPING_OF_ALL}", self.location, self.kind)]
    }

    /// Key of a report file about the list.
    pub(crate) fn out(&self, file: &str) -> String {
        format!("out/{}/{}/{file}", self.location, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_list_leads_nowhere_else() {
        let location = LocationId::new("loc_demo").unwrap();
        let name = |name: &str| ListName::try_from(name.to_owned());
        let place = ListPlace::of_contacts(&location, &name("März 1.csv").unwrap());
        assert_eq!(ListPlace::of("in/loc_demo/contacts/März 1.csv"), Some(place));
        let long = "x".repeat(256);
        for wrong in ["", "a/b.csv", "../x.csv", "mapping.json", "list.csv.mapping.json", "a\nb", "a/", &long] {
            assert_eq!(name(wrong), Err(NotAListName), "{wrong}");
        }
    }

    #[test]
    fn a_list_is_known_by_its_folder_and_its_mapping_stands_for_it() {
        let list = ListPlace::of("in/loc_demo/contacts/2026/list.csv").unwrap();
        assert_eq!((list.location.as_str(), list.name.as_str()), ("loc_demo", "2026/list.csv"));
        assert_eq!(ListPlace::of("in/loc_demo/contacts/2026/list.csv.mapping.json"), Some(list.clone()));
        assert_eq!(list.out("report.json"), "out/loc_demo/2026/list.csv/report.json");
        assert_eq!(list.mappings()[1], "in/loc_demo/contacts/mapping.json");
        assert!(!ListPlace::of("in/loc_demo/opportunities/list.csv").unwrap().is_of_contacts());
        let others = [
            "",
            "in/",
            "list.csv",
            "in/list.csv",
            "in/loc_demo/list.csv",
            "in/loc_demo/contacts/",
            "in/loc_demo/contacts/folder/",
            "in/loc_demo/contacts/mapping.json",
            "in/loc demo/contacts/list.csv",
            "in/loc_demo/contacts/.mapping.json",
            "out/loc_demo/list.csv/report.json",
        ];
        for key in others {
            assert_eq!(ListPlace::of(key), None, "{key}");
        }
    }
}

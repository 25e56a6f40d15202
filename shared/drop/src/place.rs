//! Which file is what.

use ghl_sync_model::LocationId;
use serde::Deserialize;

/// What a list's own mapping is called, after the list's name.
const MAPPING: &str = ".mapping.json";
/// What the mapping of all lists of a location is called.
const MAPPING_OF_ALL: &str = "mapping.json";
/// Bytes of a name, at most.
const LONGEST_NAME: usize = 255;
/// The only kind of lists that there is.
const CONTACTS: &str = "contacts";

/// A list of the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's key: `in/LOCATION/KIND/NAME`.
    pub key: String,
    /// Whose list it is.
    pub location: LocationId,
    /// What it is a list of.
    pub kind: String,
    /// Its name, with its ending; it may have folders.
    pub name: String,
}

/// What a list is called that is in no folder of its own: the last part of its key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListName(String);

/// Why a text is no name of a list.
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

impl Place {
    /// The list that a file is, or is the mapping of; `None` if it is neither.
    #[must_use]
    pub fn of(key: &str) -> Option<Place> {
        let (location, rest) = key.strip_prefix("in/")?.split_once('/')?;
        let (kind, name) = rest.split_once('/')?;
        let location = LocationId::new(location).ok()?;
        let name = name.strip_suffix(MAPPING).unwrap_or(name);
        let is_list = !name.is_empty() && !name.ends_with('/') && name != MAPPING_OF_ALL && !kind.is_empty();
        is_list.then(|| Place {
            key: format!("in/{location}/{kind}/{name}"),
            location,
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The list of contacts of this name in the bucket's folder of the location.
    pub(crate) fn of_contacts(location: &LocationId, name: &ListName) -> Place {
        Place {
            key: format!("in/{location}/{CONTACTS}/{}", name.0),
            location: location.clone(),
            kind: CONTACTS.to_owned(),
            name: name.0.clone(),
        }
    }

    /// Whether lists of this kind can be imported.
    pub(crate) fn is_of_contacts(&self) -> bool {
        self.kind == CONTACTS
    }

    /// Where its mapping may be: its own, or that of all lists of its location.
    pub(crate) fn mappings(&self) -> [String; 2] {
        [format!("{}{MAPPING}", self.key), format!("in/{}/{}/{MAPPING_OF_ALL}", self.location, self.kind)]
    }

    /// Where a file that tells of it goes.
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
        let place = Place::of_contacts(&location, &name("März 1.csv").unwrap());
        assert_eq!(Place::of("in/loc_demo/contacts/März 1.csv"), Some(place));
        let long = "x".repeat(256);
        for wrong in ["", "a/b.csv", "../x.csv", "mapping.json", "list.csv.mapping.json", "a\nb", "a/", &long] {
            assert_eq!(name(wrong), Err(NotAListName), "{wrong}");
        }
    }

    #[test]
    fn a_list_is_known_by_its_folder_and_its_mapping_stands_for_it() {
        let list = Place::of("in/loc_demo/contacts/2026/list.csv").unwrap();
        assert_eq!((list.location.as_str(), list.name.as_str()), ("loc_demo", "2026/list.csv"));
        assert_eq!(Place::of("in/loc_demo/contacts/2026/list.csv.mapping.json"), Some(list.clone()));
        assert_eq!(list.out("report.json"), "out/loc_demo/2026/list.csv/report.json");
        assert_eq!(list.mappings()[1], "in/loc_demo/contacts/mapping.json");
        assert!(!Place::of("in/loc_demo/opportunities/list.csv").unwrap().is_of_contacts());
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
            assert_eq!(Place::of(key), None, "{key}");
        }
    }
}

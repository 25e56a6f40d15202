//! The marker: a word that we write into a contact that could not be found otherwise.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Contact, LocationId, RecordKey};

/// A word in the `source` of a contact without e-mail and phone, so that a search can find the contact after a
/// creation without a clear answer. A record always has the same marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// The marker of a record.
    #[must_use]
    pub fn of(location: &LocationId, key: &RecordKey) -> Marker {
        let digest = Sha256::digest(format!("{location}/{key}"));
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // A single word: a search that splits text at punctuation still finds it.
        Marker(format!("ghlsync{hex}"))
    }

    /// `contact` with the marker appended to its own source.
    #[must_use]
    pub fn on(&self, contact: &Contact) -> Contact {
        let source = match contact.source.as_deref().map(str::trim).filter(|source| !source.is_empty()) {
            Some(source) => format!("{source} {self}"),
            None => self.to_string(),
        };
        Contact { source: Some(source), ..contact.clone() }
    }

    /// Whether this `source` contains the marker.
    #[must_use]
    pub fn is_in(&self, source: &str) -> bool {
        source.to_lowercase().contains(&self.0)
    }

    /// Whether `word` is any record's marker.
    #[must_use]
    pub fn is_one(word: &str) -> bool {
        let hex = word.strip_prefix("ghlsync");
        hex.is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// `source` without any record's marker.
    #[must_use]
    pub fn taken_out_of(source: &str) -> String {
        source.split_whitespace().filter(|word| !Marker::is_one(word)).collect::<Vec<_>>().join(" ")
    }

    /// The marker's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(key: &str) -> Marker {
        Marker::of(&LocationId::new("loc").unwrap(), &key.parse().unwrap())
    }

    #[test]
    fn each_record_has_one_of_its_own_that_never_changes() {
        assert_eq!(marker("contact#1").as_str(), "ghlsync802c5eeba960e0d8");
        assert_ne!(marker("contact#1"), marker("contact#2"));
    }

    #[test]
    fn a_contact_keeps_its_own_source_beside_it() {
        let table = [(None, ""), (Some("  "), ""), (Some("Fair 2026"), "Fair 2026 ")];
        for (own, before) in table {
            let contact = Contact { source: own.map(str::to_owned), ..Contact::default() };
            let marked = marker("contact#1").on(&contact).source.unwrap();
            assert_eq!(marked, format!("{before}{}", marker("contact#1")));
            assert!(marker("contact#1").is_in(&marked) && !marker("contact#2").is_in(&marked));
            assert!(marked.split(' ').filter(|word| Marker::is_one(word)).count() == 1);
        }
    }

    #[test]
    fn a_source_is_what_it_was_before_the_marker() {
        let marked = marker("contact#a").on(&Contact { source: Some("Trade  Fair".to_owned()), ..Contact::default() });
        assert_eq!(Marker::taken_out_of(&marked.source.unwrap()), "Trade Fair");
        assert_eq!(Marker::taken_out_of("ghlsync by hand"), "ghlsync by hand");
    }
}

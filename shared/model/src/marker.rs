//! What we write into a contact that nothing else would find again.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Contact, LocationId, RecordKey};

/// A word that stands in the `source` of a contact without e-mail and phone, so that it can be searched for when its
/// creation got no clear answer. The same record has the same one, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// The marker of a record.
    #[must_use]
    pub fn of(location: &LocationId, key: &RecordKey) -> Marker {
        let digest = Sha256::digest(format!("{location}/{key}"));
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // One word: a search that splits texts at punctuation finds it all the same.
        Marker(format!("ghlsync{hex}"))
    }

    /// `contact` with the marker behind its own source.
    #[must_use]
    pub fn on(&self, contact: &Contact) -> Contact {
        let source = match contact.source.as_deref().map(str::trim).filter(|source| !source.is_empty()) {
            Some(source) => format!("{source} {self}"),
            None => self.to_string(),
        };
        Contact { source: Some(source), ..contact.clone() }
    }

    /// Whether a contact with this `source` carries it.
    #[must_use]
    pub fn is_in(&self, source: &str) -> bool {
        source.to_lowercase().contains(&self.0)
    }

    /// Whether `word` is the marker of some record.
    #[must_use]
    pub fn is_one(word: &str) -> bool {
        let hex = word.strip_prefix("ghlsync");
        hex.is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// `source` without the marker of any record.
    #[must_use]
    pub fn taken_out_of(source: &str) -> String {
        source.split_whitespace().filter(|word| !Marker::is_one(word)).collect::<Vec<_>>().join(" ")
    }

    /// The marker as it is written and searched for.
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

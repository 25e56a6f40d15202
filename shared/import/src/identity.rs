//! What makes two rows the same person, and the ids that records keep.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Hashes of what tells a person from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keys {
    /// Of the list's own id.
    pub(crate) own: Option<u64>,
    /// Of the e-mail address in lower case.
    pub(crate) email: Option<u64>,
    /// Of the phone number in E.164.
    pub(crate) phone: Option<u64>,
}

impl Keys {
    pub(crate) fn all(self) -> impl Iterator<Item = u64> {
        [self.own, self.email, self.phone].into_iter().flatten()
    }
}

/// The keys of a row.
pub(crate) fn keys(own: Option<&str>, email: Option<&str>, phone: Option<&str>) -> Keys {
    Keys {
        own: own.map(|own| hash("id", own)),
        email: email.map(|email| hash("email", &email.to_lowercase())),
        phone: phone.map(|phone| hash("phone", phone)),
    }
}

/// A hash of a text of some kind, the same for ever: ids of earlier imports are found by it.
pub(crate) fn hash(kind: &str, text: &str) -> u64 {
    let digest = Sha256::new().chain_update(kind).chain_update(":").chain_update(text).finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Keys that more than one row has. Built of eight bytes a key.
#[derive(Debug, Default)]
pub(crate) struct Counter(Vec<u64>);

impl Counter {
    pub(crate) fn take(&mut self, keys: Keys) {
        self.0.extend(keys.all());
    }

    /// How often each key is there that is there more than once.
    pub(crate) fn repeated(mut self) -> HashMap<u64, u32> {
        self.0.sort_unstable();
        let runs = self.0.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
        runs.filter_map(|run| Some((*run.first()?, u32::try_from(run.len()).unwrap_or(u32::MAX)))).collect()
    }
}

/// Ids that contacts have from earlier imports. A contact that gains an e-mail address keeps its id as long as its phone
/// number and its name are the same.
///
/// It holds hashes and ids, and no personal data: [`to_text`](KnownIds::to_text) may be kept in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownIds(HashMap<u64, Known>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    id: String,
    name: u64,
}

impl KnownIds {
    /// Reads what [`to_text`](KnownIds::to_text) wrote. A line that is damaged is not used.
    #[must_use]
    pub fn from_text(text: &str) -> KnownIds {
        let line = |line: &str| {
            let mut words = line.split(' ');
            let key = u64::from_str_radix(words.next()?, 16).ok()?;
            let name = u64::from_str_radix(words.next()?, 16).ok()?;
            Some((key, Known { id: words.next()?.to_owned(), name }))
        };
        KnownIds(text.lines().filter_map(line).collect())
    }

    /// One line a key: the key's hash, the name's hash, the id.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut lines: Vec<String> =
            self.0.iter().map(|(key, known)| format!("{key:016x} {:016x} {}\n", known.name, known.id)).collect();
        lines.sort_unstable();
        lines.concat()
    }

    /// Takes in what another import has learned. What is known already stays.
    pub fn merge(&mut self, other: KnownIds) {
        for (key, known) in other.0 {
            self.0.entry(key).or_insert(known);
        }
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn insert(&mut self, keys: Keys, name: u64, id: &str) {
        for key in [keys.email, keys.phone].into_iter().flatten() {
            self.0.entry(key).or_insert_with(|| Known { id: id.to_owned(), name });
        }
    }

    /// The id of a contact with these keys and this name.
    pub(crate) fn id_of(&self, keys: Keys, name: u64) -> Option<&str> {
        let by_email = keys.email.and_then(|key| self.0.get(&key));
        let by_phone = || keys.phone.and_then(|key| self.0.get(&key)).filter(|known| known.name == name);
        by_email.or_else(by_phone).map(|known| known.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_that_gains_an_email_keeps_its_id_and_another_at_the_same_phone_does_not_get_it() {
        let mut known = KnownIds::default();
        known.insert(keys(None, None, Some("+1")), 7, "csv-1");
        let known = KnownIds::from_text(&known.to_text());
        let with_email = keys(None, Some("A@b.co"), Some("+1"));
        assert_eq!(known.id_of(with_email, 7), Some("csv-1"));
        assert_eq!(known.id_of(with_email, 8), None);
        assert_eq!(KnownIds::from_text("broken\n"), KnownIds::default());
    }

    #[test]
    fn keys_are_counted_whatever_the_case_of_an_address() {
        let mut counter = Counter::default();
        counter.take(keys(None, Some("a@b.co"), Some("+1")));
        counter.take(keys(None, Some("A@B.co"), Some("+2")));
        let repeated = counter.repeated();
        assert_eq!(repeated.values().collect::<Vec<_>>(), [&2]);
    }
}

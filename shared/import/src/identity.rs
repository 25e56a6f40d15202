//! Recognizes rows of the same person, and keeps record ids stable.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};

use sha2::{Digest, Sha256};

/// Hashes that identify a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keys {
    /// Hash of the list's own id.
    pub(crate) own: Option<u64>,
    /// Hash of the e-mail address in lower case.
    pub(crate) email: Option<u64>,
    /// Hash of the phone number in E.164.
    pub(crate) phone: Option<u64>,
}

impl Keys {
    pub(crate) fn all(self) -> impl Iterator<Item = u64> {
        [self.own, self.email, self.phone].into_iter().flatten()
    }
}

/// Keys of a row that are stable across imports.
pub(crate) fn keys(own: Option<&str>, email: Option<&str>, phone: Option<&str>) -> Keys {
    keys_by(hash, own, email, phone)
}

/// Keys that are valid within one list only. They take a tenth of the time.
pub(crate) fn keys_in_list(own: Option<&str>, email: Option<&str>, phone: Option<&str>) -> Keys {
    let quick = |kind: &str, text: &str| BuildHasherDefault::<DefaultHasher>::default().hash_one((kind, text));
    keys_by(quick, own, email, phone)
}

fn keys_by(hash: impl Fn(&str, &str) -> u64, own: Option<&str>, email: Option<&str>, phone: Option<&str>) -> Keys {
    Keys {
        own: own.map(|own| hash("id", own)),
        email: email.map(|email| hash("email", &lower(email))),
        phone: phone.map(|phone| hash("phone", phone)),
    }
}

/// The text in lower case.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// A hash of a text, with a prefix for its kind. It must never change: it identifies contacts of earlier imports.
pub(crate) fn hash(kind: &str, text: &str) -> u64 {
    let digest = Sha256::new().chain_update(kind).chain_update(":").chain_update(text).finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Counts keys, to find those of several rows. Takes eight bytes per key.
#[derive(Debug, Default)]
pub(crate) struct KeyCounter(Vec<u64>);

impl KeyCounter {
    pub(crate) fn take(&mut self, keys: Keys) {
        self.0.extend(keys.all());
    }

    /// Sorts the keys, which lookups need.
    pub(crate) fn sorted(mut self) -> KeyCounter {
        self.0.sort_unstable();
        self
    }

    /// Whether any row has this key. Must be [`sorted`](KeyCounter::sorted).
    pub(crate) fn has(&self, key: u64) -> bool {
        self.0.binary_search(&key).is_ok()
    }

    /// Keys that occur more than once, with their counts. Must be [`sorted`](KeyCounter::sorted).
    pub(crate) fn repeated(&self) -> HashMap<u64, u32> {
        let runs = self.0.chunk_by(|a, b| a == b).filter(|run| run.len() > 1);
        runs.filter_map(|run| Some((*run.first()?, u32::try_from(run.len()).unwrap_or(u32::MAX)))).collect()
    }
}

/// The record id for a hash.
pub(crate) fn id_of_hash(hash: u64) -> String {
    format!("{ID_START}{hash:016x}")
}

/// The hash in a record id; `None` if the id is not made from one.
pub(crate) fn hash_of_id(id: &str) -> Option<u64> {
    let hex = id.strip_prefix(ID_START)?;
    let is_written_so = hex.len() == 16 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(hex, 16).ok().filter(|_| is_written_so)
}

const ID_START: &str = "csv-";

/// Ids of contacts from earlier imports. A contact that gains an e-mail address keeps its id as long as its phone
/// number and its name stay the same.
///
/// It holds hashes and ids but no personal data, so [`to_text`](KnownIds::to_text) may be stored in a file. It takes
/// eight bytes for an e-mail address from which its contact's id is derived, and 24 for each phone number and any
/// other address.
#[derive(Debug, Clone, Default)]
pub struct KnownIds {
    /// Keys that equal the hash in their contact's id.
    own: Vec<u64>,
    others: Vec<KnownKey>,
    /// Whether both are sorted and without duplicates.
    is_sorted: bool,
    damaged: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KnownKey {
    key: u64,
    /// Hash of the contact's names. A phone number counts only together with it.
    name: u64,
    /// The hash in the id.
    id: u64,
}

impl KnownIds {
    /// Parses the output of [`to_text`](KnownIds::to_text). Damaged lines are skipped and counted.
    #[must_use]
    pub fn from_text(text: &str) -> KnownIds {
        let mut known = KnownIds::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let mut number = || words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
            match (number(), number(), words.next().map(hash_of_id)) {
                (Some(key), Some(name), Some(Some(id))) => known.others.push(KnownKey { key, name, id }),
                (Some(key), None, None) if line.len() == 16 => known.own.push(key),
                _ => known.damaged += 1,
            }
        }
        known.sorted()
    }

    /// Number of lines that [`from_text`](KnownIds::from_text) skipped. Their contacts may get another id.
    #[must_use]
    pub fn damaged_lines(&self) -> u64 {
        self.damaged
    }

    /// One line per key: hash of the key, hash of the name, id; or the hash of the key alone if the id is derived from
    /// it.
    #[must_use]
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let known = self.clone().sorted();
        let mut text = String::with_capacity(known.own.len() * 17 + known.others.len() * 55);
        for key in &known.own {
            let _ = writeln!(text, "{key:016x}");
        }
        for KnownKey { key, name, id } in &known.others {
            let _ = writeln!(text, "{key:016x} {name:016x} {}", id_of_hash(*id));
        }
        text
    }

    /// Adds ids from another import. Existing entries stay.
    pub fn merge(&mut self, other: KnownIds) {
        *self = std::mem::take(self).sorted();
        let is_new = |key: &u64| !self.knows(*key);
        let (own, others): (Vec<u64>, Vec<KnownKey>) = (
            other.own.into_iter().filter(is_new).collect(),
            other.others.into_iter().filter(|known| is_new(&known.key)).collect(),
        );
        self.own.extend(own);
        self.others.extend(others);
        *self = std::mem::take(self).sorted();
    }

    /// Whether it holds no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.others.is_empty()
    }

    /// Adds the id of a contact with these keys. Keys that are already known keep their first id.
    pub(crate) fn insert(&mut self, keys: Keys, name: impl FnOnce() -> u64, id: u64) {
        self.is_sorted = false;
        let is_own = keys.email == Some(id);
        if is_own {
            self.own.push(id);
        }
        if keys.phone.is_some() || (keys.email.is_some() && !is_own) {
            let name = name();
            let others = [keys.email.filter(|_| !is_own), keys.phone].into_iter().flatten();
            self.others.extend(others.map(|key| KnownKey { key, name, id }));
        }
    }

    /// Sorts the entries, which [`id_of`](KnownIds::id_of) needs.
    pub(crate) fn sorted(mut self) -> KnownIds {
        if !self.is_sorted {
            self.own.sort_unstable();
            self.own.dedup();
            self.others.sort_by_key(|known| known.key);
            self.others.dedup_by_key(|known| known.key);
            self.is_sorted = true;
        }
        self
    }

    /// The hash in the id of a contact with these keys and this name. Must be [`sorted`](KnownIds::sorted).
    pub(crate) fn id_of(&self, keys: Keys, name: impl FnOnce() -> u64) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let by_email = |key: u64| self.other(key).map(|known| known.id).or_else(|| self.is_own(key).then_some(key));
        let by_phone = || self.other(keys.phone?).filter(|known| known.name == name()).map(|known| known.id);
        keys.email.and_then(by_email).or_else(by_phone)
    }

    /// Whether this phone number was first seen with another contact than `id`. Must be [`sorted`](KnownIds::sorted).
    pub(crate) fn has_phone_of_another(&self, keys: Keys, id: Option<u64>) -> bool {
        keys.phone.and_then(|phone| self.other(phone)).is_some_and(|known| Some(known.id) != id)
    }

    fn knows(&self, key: u64) -> bool {
        self.is_own(key) || self.other(key).is_some()
    }

    fn is_own(&self, key: u64) -> bool {
        self.own.binary_search(&key).is_ok()
    }

    fn other(&self, key: u64) -> Option<KnownKey> {
        let at = self.others.binary_search_by_key(&key, |known| known.key).ok()?;
        self.others.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_that_gains_an_email_keeps_its_id_and_another_at_the_same_phone_does_not_get_it() {
        let mut known = KnownIds::default();
        known.insert(keys(None, None, Some("+1")), || 7, 1);
        let known = KnownIds::from_text(&known.to_text());
        let with_email = keys(None, Some("A@b.co"), Some("+1"));
        assert_eq!(known.id_of(with_email, || 7), Some(1));
        assert_eq!(known.id_of(with_email, || 8), None);
        assert_eq!(known.damaged_lines(), 0);
        let damaged = KnownIds::from_text("broken\n12 zz csv-1\n12 13 csv-1\n");
        assert!(damaged.is_empty());
        assert_eq!(damaged.damaged_lines(), 3);
    }

    #[test]
    fn what_is_known_first_stays_known_and_survives_its_text() {
        let (ann, ann_own) = (keys(None, Some("a@b.co"), Some("+1")), keys(None, Some("a@b.co"), None).email.unwrap());
        let mut earlier = KnownIds::default();
        earlier.insert(ann, || 7, 1);
        let mut later = KnownIds::default();
        later.insert(ann, || 7, ann_own);
        later.insert(keys(None, Some("b@b.co"), None), || 7, keys(None, Some("b@b.co"), None).email.unwrap());
        for (first, second, id) in [(&earlier, &later, 1), (&later, &earlier, ann_own)] {
            let mut known = first.clone();
            known.merge(second.clone());
            let again = KnownIds::from_text(&known.to_text());
            for known in [&known, &again] {
                assert_eq!(known.id_of(ann, || 7), Some(id));
                assert!(known.id_of(keys(None, Some("b@b.co"), Some("+2")), || 0).is_some());
            }
            assert_eq!(again.to_text(), known.to_text());
        }
    }

    #[test]
    fn ids_of_files_of_the_first_version_are_known() {
        let ann = keys(None, Some("a@b.co"), None);
        let key = ann.email.unwrap();
        let known = KnownIds::from_text(&format!("{key:016x} {:016x} csv-{key:016x}\n", 7));
        assert_eq!(known.id_of(ann, || 0), Some(key));
    }

    #[test]
    fn keys_are_counted_whatever_the_case_of_an_address() {
        let mut counter = KeyCounter::default();
        counter.take(keys(None, Some("a@b.co"), Some("+1")));
        counter.take(keys(None, Some("A@B.co"), Some("+2")));
        let repeated = counter.sorted().repeated();
        assert_eq!(repeated.values().collect::<Vec<_>>(), [&2]);
    }
}

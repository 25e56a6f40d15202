//! Stores records by id, location and lookup keys, and shows them as the search index sees them.

use std::collections::{BTreeMap, BTreeSet};

/// A record that a table can hold.
pub(crate) trait TableRow {
    fn id(&self) -> &str;
    fn location_id(&self) -> &str;
    /// Time of the last write, in milliseconds since the epoch.
    fn written_at(&self) -> u64;
    /// Lookup keys of the record within its location.
    fn keys(&self) -> Vec<LookupKey>;
}

/// A value to look records up with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LookupKey {
    Email(String),
    Phone(String),
    Contact(String),
}

/// Records of one kind.
#[derive(Debug)]
pub(crate) struct RecordTable<T> {
    lag: u64,
    rows: BTreeMap<String, Versions<T>>,
    of_location: BTreeMap<String, BTreeSet<String>>,
    of_key: BTreeMap<(String, LookupKey), BTreeSet<String>>,
}

impl<T: TableRow> RecordTable<T> {
    /// An empty table whose search index is `lag` milliseconds behind.
    pub(crate) fn new(lag: u64) -> Self {
        RecordTable { lag, rows: BTreeMap::new(), of_location: BTreeMap::new(), of_key: BTreeMap::new() }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(id)?.current()
    }

    /// The current records of `location` with `key`.
    pub(crate) fn with_key(&self, location: &str, key: LookupKey) -> impl Iterator<Item = &T> {
        let ids = self.of_key.get(&(location.to_owned(), key));
        ids.into_iter().flatten().filter_map(|id| self.get(id))
    }

    /// Every current record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.values().filter_map(Versions::current)
    }

    /// The records of `location`, as the search index shows them at `now`.
    pub(crate) fn indexed(&self, location: &str, now: u64) -> impl Iterator<Item = &T> {
        self.as_indexed(self.of_location.get(location), now)
    }

    /// The records of `location` with `key`, as the search index shows them at `now`.
    pub(crate) fn indexed_with_key(&self, location: &str, key: LookupKey, now: u64) -> impl Iterator<Item = &T> {
        self.as_indexed(self.of_key.get(&(location.to_owned(), key)), now)
    }

    pub(crate) fn put(&mut self, row: T) {
        self.forget_keys(row.id());
        let (id, location) = (row.id().to_owned(), row.location_id().to_owned());
        for key in row.keys() {
            self.of_key.entry((location.clone(), key)).or_default().insert(id.clone());
        }
        self.of_location.entry(location).or_default().insert(id.clone());
        let (lag, at) = (self.lag, row.written_at());
        self.rows.entry(id).or_default().write(at, Some(row), lag);
    }

    pub(crate) fn delete(&mut self, id: &str, at: u64) {
        self.forget_keys(id);
        if let Some(versions) = self.rows.get_mut(id) {
            versions.write(at, None, self.lag);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = RecordTable::new(self.lag);
    }

    fn as_indexed<'a>(&'a self, ids: Option<&'a BTreeSet<String>>, now: u64) -> impl Iterator<Item = &'a T> {
        ids.into_iter().flatten().filter_map(move |id| self.rows.get(id)?.indexed(now, self.lag))
    }

    fn forget_keys(&mut self, id: &str) {
        let Some(row) = self.rows.get(id).and_then(Versions::current) else { return };
        let location = row.location_id().to_owned();
        for key in row.keys() {
            if let Some(ids) = self.of_key.get_mut(&(location.clone(), key)) {
                ids.remove(id);
            }
        }
    }
}

/// The versions of a record, as far back as the search index may still show them; oldest first, and `None` for
/// deleted.
#[derive(Debug)]
struct Versions<T>(Vec<(u64, Option<T>)>);

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Versions(Vec::new())
    }
}

impl<T> Versions<T> {
    fn current(&self) -> Option<&T> {
        self.0.last()?.1.as_ref()
    }

    /// The version in the index. After a write, the index shows the old version, then nothing while it processes the
    /// write, and the new version once the lag is over.
    fn indexed(&self, now: u64, lag: u64) -> Option<&T> {
        for (at, row) in self.0.iter().rev() {
            let age = now.saturating_sub(*at);
            if age >= lag {
                return row.as_ref();
            }
            if age >= lag / 2 {
                return None;
            }
        }
        None
    }

    /// Adds a version, and drops those older than the one in the index.
    fn write(&mut self, at: u64, row: Option<T>, lag: u64) {
        let shown = self.0.iter().rposition(|(written, _)| at.saturating_sub(*written) >= lag).unwrap_or(0);
        self.0.drain(..shown);
        self.0.push((at, row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_shows_the_old_then_nothing_then_the_new() {
        let mut versions = Versions::default();
        versions.write(1_000, Some("old"), 100);
        versions.write(2_000, Some("new"), 100);
        assert_eq!(versions.current(), Some(&"new"));
        for (now, shown) in
            [(2_000, Some(&"old")), (2_049, Some(&"old")), (2_050, None), (2_099, None), (2_100, Some(&"new"))]
        {
            assert_eq!(versions.indexed(now, 100), shown, "at {now}");
        }
    }

    #[test]
    fn a_new_record_is_not_found_before_the_lag_is_over() {
        let mut versions = Versions::default();
        versions.write(1_000, Some("new"), 100);
        assert_eq!(versions.indexed(1_099, 100), None);
        assert_eq!(versions.indexed(1_100, 100), Some(&"new"));
    }

    #[test]
    fn a_record_that_is_written_often_keeps_only_what_can_be_shown() {
        let mut versions = Versions::default();
        for at in 0..1_000 {
            versions.write(at * 60, Some(at), 100);
        }
        assert!(versions.0.len() <= 3, "{versions:?}");
    }

    #[test]
    fn without_lag_the_index_shows_what_is() {
        let mut versions = Versions::default();
        versions.write(1_000, Some("old"), 0);
        versions.write(1_000, None, 0);
        assert_eq!(versions.indexed(1_000, 0), None);
    }
}

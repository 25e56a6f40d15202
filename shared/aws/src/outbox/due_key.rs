//! A record's priority and due time as one text: the sort key of the due index.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use ghl_sync_model::{EpochMs, Priority, Record};

use crate::expression::text;
use crate::fields::{Damage, ItemFields};
use crate::table::Item;
use crate::tables::record;

/// Enough digits for every time.
const DIGITS: usize = 20;

/// A record's priority and due time. Its stored text sorts in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DueKey {
    pub(super) priority: Priority,
    pub(super) due_at: EpochMs,
}

impl DueKey {
    /// The key of a record, if it is due.
    pub(super) fn of(record: &Record) -> Option<DueKey> {
        record.due_at.map(|due_at| DueKey { priority: record.priority, due_at })
    }

    /// The key of an item, or of its entry in the due index.
    pub(super) fn read(item: &Item) -> Result<Option<DueKey>, Damage> {
        ItemFields(item).optional_parsed(record::DUE)
    }

    pub(super) fn as_stored(self) -> AttributeValue {
        text(self.to_string())
    }

    /// The common prefix of all keys with `priority`.
    pub(super) fn beginning(priority: Priority) -> AttributeValue {
        text(format!("{}#", rank(priority)))
    }

    /// Whether an entry of the due index has `priority`, as a query with [`beginning`](DueKey::beginning) decides it.
    pub(super) fn is_of(priority: Priority, entry: &Item) -> bool {
        let rest = ItemFields(entry).text(record::DUE).ok().and_then(|due| due.strip_prefix(rank(priority)));
        rest.is_some_and(|rest| rest.starts_with('#'))
    }
}

fn rank(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "0",
        Priority::Normal => "1",
        Priority::Low => "2",
    }
}

impl fmt::Display for DueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:0DIGITS$}", rank(self.priority), self.due_at.0)
    }
}

/// The text is not a due key.
#[derive(Debug, thiserror::Error)]
#[error("is not a priority and a time")]
pub(super) struct NotDue;

impl TryFrom<String> for DueKey {
    type Error = NotDue;

    /// Reads only the exact spelling that [`as_stored`](DueKey::as_stored) writes: any other would sort differently.
    fn try_from(stored: String) -> Result<DueKey, NotDue> {
        let (first, digits) = stored.split_once('#').ok_or(NotDue)?;
        let priority = Priority::ALL.into_iter().find(|priority| rank(*priority) == first).ok_or(NotDue)?;
        let due_at = EpochMs(digits.parse().map_err(|_| NotDue)?);
        let key = DueKey { priority, due_at };
        if key.to_string() == stored { Ok(key) } else { Err(NotDue) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn due(priority: Priority, due_at: u64) -> DueKey {
        DueKey { priority, due_at: EpochMs(due_at) }
    }

    #[test]
    fn a_due_key_is_stored_as_documented_and_read_back() {
        let table = [
            (due(Priority::High, 1_795_329_847_750), "0#00000001795329847750"),
            (due(Priority::Normal, 0), "1#00000000000000000000"),
            (due(Priority::Low, u64::MAX), "2#18446744073709551615"),
        ];
        for (key, stored) in table {
            assert_eq!(key.to_string(), stored);
            assert_eq!(DueKey::try_from(stored.to_owned()).ok(), Some(key));
        }
    }

    #[test]
    fn what_would_sort_elsewhere_is_no_due_key() {
        let table = [
            "",
            "#",
            "1",
            "1#",
            "1#7",
            "1#+0000000000000000007",
            "1#000000000000000000007",
            "1#18446744073709551616",
            "1#0000000000000000000x",
            "3#00000000000000000007",
            "01#0000000000000000007",
            "loc_demo#normal",
        ];
        for stored in table {
            assert!(DueKey::try_from(stored.to_owned()).is_err(), "{stored}");
        }
    }

    fn any_due() -> impl Strategy<Value = DueKey> {
        (prop::sample::select(&Priority::ALL[..]), any::<u64>()).prop_map(|(priority, due_at)| due(priority, due_at))
    }

    proptest! {
        #[test]
        fn stored_texts_sort_as_what_they_say_and_begin_with_their_priority_alone(a in any_due(), b in any_due()) {
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
            let AttributeValue::S(beginning) = DueKey::beginning(b.priority) else { panic!() };
            prop_assert_eq!(a.to_string().starts_with(&beginning), a.priority == b.priority);
            prop_assert_eq!(DueKey::try_from(a.to_string()).ok(), Some(a));
        }
    }
}

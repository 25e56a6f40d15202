//! A cache of recent reads, so that a busy caller does not cost a read per request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghl_sync_model::{EpochMs, KeyId};

/// How long a read stays valid. A revocation takes effect after this time at the latest.
const FRESH: Duration = Duration::from_secs(30);
/// Most entries.
const MOST: usize = 1_000;

/// The cached reads with their times, by id.
#[derive(Debug)]
pub(crate) struct Remembered<T>(Mutex<HashMap<KeyId, (T, EpochMs)>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Remembered(Mutex::default())
    }
}

impl<T: Clone> Remembered<T> {
    /// The cached read of `id`, if it is still fresh.
    pub(crate) fn get(&self, id: &KeyId, now: EpochMs) -> Option<T> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After the clock was set back, a read from the future is not fresh.
        let fresh = all.get(id).filter(|(_, read_at)| *read_at <= now && now.since(*read_at) < FRESH);
        fresh.map(|(value, _)| value.clone())
    }

    pub(crate) fn put(&self, id: KeyId, value: T, read_at: EpochMs) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(id, (value, read_at));
    }

    /// Drops an entry after a change.
    pub(crate) fn forget(&self, id: &KeyId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_remembered_for_half_a_minute_and_few_things_are() {
        let (all, now) = (Remembered::default(), EpochMs(1_000_000));
        let id = |number: u64| KeyId::of_random(number).unwrap();
        all.put(id(1), "a", now);
        assert_eq!(all.get(&id(1), now + FRESH - Duration::from_millis(1)), Some("a"));
        assert_eq!((all.get(&id(1), now + FRESH), all.get(&id(2), now)), (None, None));
        assert_eq!(all.get(&id(1), EpochMs(999_999)), None, "the clock was put back");
        all.forget(&id(1));
        assert_eq!(all.get(&id(1), now), None);
        (0..5_000).for_each(|number| all.put(id(number), "b", now));
        assert!(all.0.lock().unwrap().len() <= MOST);
    }
}

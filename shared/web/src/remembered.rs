//! What this process has read a moment ago, so that a busy caller does not cost a read a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghl_sync_model::{EpochMs, KeyId};

/// What was read holds for so long: a revocation, too, holds after this time at the latest.
const FRESH: Duration = Duration::from_secs(30);
/// So many are remembered, at most.
const MOST: usize = 1_000;

/// What was read, by id.
#[derive(Debug)]
pub(crate) struct Remembered<T>(Mutex<HashMap<KeyId, (T, EpochMs)>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Remembered(Mutex::default())
    }
}

impl<T: Clone> Remembered<T> {
    /// What was read of `id`, if that is still fresh.
    pub(crate) fn get(&self, id: &KeyId, now: EpochMs) -> Option<T> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was put back makes nothing fresh for long.
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

    /// Forgets what was read: it has changed.
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

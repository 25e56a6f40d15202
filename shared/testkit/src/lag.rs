//! An index that shows writes after a delay, as a global secondary index does.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::TestRandomness;
use ghl_sync_model::EpochMs;

/// Delay until an index shows a change.
#[derive(Debug, Clone)]
pub struct Lag {
    least_ms: u64,
    most_ms: u64,
    randomness: TestRandomness,
}

impl Lag {
    /// Shows every change at once.
    #[must_use]
    pub fn none() -> Lag {
        Lag::of(Duration::ZERO)
    }

    /// Shows every change after `lag`.
    #[must_use]
    pub fn of(lag: Duration) -> Lag {
        Lag::within(&(lag..=lag), TestRandomness::seeded(0))
    }

    /// Shows each change after a random delay in `range`.
    #[must_use]
    pub fn within(range: &RangeInclusive<Duration>, randomness: TestRandomness) -> Lag {
        Lag { least_ms: milliseconds(*range.start()), most_ms: milliseconds(*range.end()), randomness }
    }

    fn next(&self) -> Duration {
        Duration::from_millis(self.randomness.within(self.least_ms..=self.most_ms))
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// For each key, the value that readers see, and those that they will see.
#[derive(Debug)]
pub(super) struct LaggingIndex<K, V> {
    lag: Lag,
    changes: BTreeMap<K, Vec<PendingChange<V>>>,
}

/// The value of a key (or its removal) from a certain time on.
#[derive(Debug)]
struct PendingChange<V> {
    visible_at: EpochMs,
    value: Option<V>,
}

impl<K: Ord + Clone, V: PartialEq> LaggingIndex<K, V> {
    pub(super) fn new(lag: Lag) -> Self {
        LaggingIndex { lag, changes: BTreeMap::new() }
    }

    /// Sets the value of `key`. Readers see it after the lag, and see the changes of one key in order.
    pub(super) fn set(&mut self, now: EpochMs, key: &K, value: Option<V>) {
        let changes = self.changes.entry(key.clone()).or_default();
        if changes.last().map(|change| &change.value) == Some(&value) {
            return;
        }
        let visible_at = now + self.lag.next();
        let visible_at = changes.last().map_or(visible_at, |last| visible_at.max(last.visible_at));
        changes.push(PendingChange { visible_at, value });
    }

    /// The entries that readers see now.
    pub(super) fn visible(&mut self, now: EpochMs) -> impl Iterator<Item = (&K, &V)> {
        self.changes.retain(|_, changes| {
            let seen = changes.partition_point(|change| change.visible_at <= now);
            changes.drain(..seen.saturating_sub(1));
            !matches!(changes.as_slice(), [PendingChange { visible_at, value: None }] if *visible_at <= now)
        });
        self.changes.iter().filter_map(move |(key, changes)| {
            let first = changes.first().filter(|change| change.visible_at <= now)?;
            Some((key, first.value.as_ref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_when_the_lag_is_over_and_not_before() {
        let mut index = LaggingIndex::new(Lag::of(Duration::from_millis(5)));
        let mut seen = |now, set: Option<Option<u8>>| {
            if let Some(value) = set {
                index.set(EpochMs(now), &"a", value);
            }
            index.visible(EpochMs(now)).map(|(_, value)| *value).next()
        };
        assert_eq!(seen(0, Some(Some(1))), None);
        assert_eq!(seen(4, Some(Some(2))), None);
        assert_eq!(seen(5, Some(None)), Some(1));
        assert_eq!(seen(9, None), Some(2));
        assert_eq!(seen(10, None), None);
    }

    #[test]
    fn the_changes_of_a_key_are_seen_in_their_order() {
        for seed in 0..50 {
            let mut index = LaggingIndex::new(Lag::within(
                &(Duration::ZERO..=Duration::from_millis(50)),
                TestRandomness::seeded(seed),
            ));
            (1..=20).for_each(|n| index.set(EpochMs(n), &"a", Some(n)));
            let mut last = 0;
            for now in 20..100 {
                let seen = index.visible(EpochMs(now)).map(|(_, value)| *value).next().unwrap_or(0);
                assert!(seen >= last, "seed {seed}");
                last = seen;
            }
            assert_eq!(last, 20);
        }
    }
}

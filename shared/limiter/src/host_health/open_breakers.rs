//! Tracks the breakers that are not closed, so that one read tells whether any is, however many locations there are.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use ghl_sync_model::EpochMs;

/// Most breakers tracked: more would say nothing new.
const MOST: usize = 100;
/// A breaker open for longer than this most likely belongs to a location that is no longer used.
const MEMORY: Duration = Duration::from_secs(24 * 3600);

/// Scopes (hashes) whose breaker has opened and not closed since, and when it opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenBreakers(BTreeMap<u32, EpochMs>);

impl OpenBreakers {
    /// Notes that the breaker of `scope` (a hash) has opened.
    pub fn opened(&mut self, scope: u32, now: EpochMs) {
        self.0.retain(|_, since| now.since(*since) <= MEMORY);
        if self.0.len() < MOST {
            self.0.entry(scope).or_insert(now);
        }
    }

    /// Notes that the breaker of `scope` (a hash) has closed.
    pub fn closed(&mut self, scope: u32) {
        self.0.remove(&scope);
    }

    /// Whether any breaker is not closed.
    #[must_use]
    pub fn are_any(&self, now: EpochMs) -> bool {
        self.0.values().any(|since| now.since(*since) <= MEMORY)
    }

    /// Whether no scope is tracked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_counts_from_its_opening_to_its_closing_and_at_most_a_day_and_the_list_stays_short() {
        let now = EpochMs(1_800_000_000_000);
        let mut open = OpenBreakers::default();
        open.opened(1, now);
        open.opened(2, now);
        open.closed(1);
        assert!(open.are_any(now));
        let read: OpenBreakers = serde_json::from_str(&serde_json::to_string(&open).unwrap()).unwrap();
        assert_eq!(read, open);
        assert!(!open.are_any(now + MEMORY + Duration::from_secs(1)));
        open.closed(2);
        assert!(!open.are_any(now) && open.is_empty());
        (0..1000).for_each(|scope| open.opened(scope, now));
        assert!(serde_json::to_string(&open).unwrap().len() < 4096);
        open.opened(5000, now + 2 * MEMORY);
        assert_eq!(open.0.len(), 1, "what is old goes");
    }
}

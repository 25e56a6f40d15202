//! Looking for what is due.

use std::collections::BTreeMap;

use super::Engine;
use crate::domain::{EpochMs, LocationId, Priority, RecordKey};
use crate::ports::{Due, MAX_DELAY, PortError};

/// Of each batch, this share is for low priority if there is any: one in so many.
const LOW_SHARE: u32 = 10;

/// What was found to be due.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// These records of this location can go at `at`.
    Work { location: LocationId, keys: Vec<RecordKey>, at: EpochMs },
    /// Nothing before this time, or at all.
    Nothing { next_due: Option<EpochMs> },
}

/// What a batch that has just ended knows better than the index, which lags.
#[derive(Default)]
pub(super) struct JustEnded {
    location: Option<LocationId>,
    /// Its records, and when each comes back, if it does.
    records: BTreeMap<RecordKey, Option<(Priority, EpochMs)>>,
}

impl JustEnded {
    pub(super) fn of(location: LocationId) -> JustEnded {
        JustEnded { location: Some(location), records: BTreeMap::new() }
    }

    /// This record is not due any more.
    pub(super) fn is_done(&mut self, key: RecordKey) {
        self.records.insert(key, None);
    }

    /// This record is due as the index says.
    pub(super) fn is_still_due(&mut self, key: &RecordKey) {
        self.records.remove(key);
    }

    /// This record comes back at a later time.
    pub(super) fn comes_back(&mut self, key: RecordKey, priority: Priority, due_at: EpochMs) {
        self.records.insert(key, Some((priority, due_at)));
    }

    /// Puts right what the index says of the due records of `location` and `priority`.
    fn correct(&self, location: &LocationId, priority: Priority, due: &mut Vec<Due>) {
        if self.location.as_ref() != Some(location) {
            return;
        }
        due.retain(|due| !self.records.contains_key(&due.key));
        due.extend(self.records.iter().filter_map(|(key, comes_back)| match comes_back {
            Some((own, due_at)) if *own == priority => Some(Due { key: key.clone(), due_at: *due_at }),
            _ => None,
        }));
        due.sort_by_key(|due| due.due_at);
    }
}

impl Engine {
    /// Looks for up to `want` records of one of `members` that are due at `at`, or else for those that become due
    /// first. `turn` says which member comes first.
    pub(super) async fn look(
        &self,
        members: &[LocationId],
        turn: u64,
        want: u32,
        at: EpochMs,
        ended: &JustEnded,
    ) -> Result<Found, PortError> {
        let mut next: Option<(EpochMs, &LocationId, DueRecords)> = None;
        for step in 0..members.len() as u64 {
            let index = usize::try_from((turn + step) % members.len() as u64).unwrap_or(0);
            let location = &members[index];
            let due = self.due(location, want, ended).await?;
            match due.first_at() {
                Some(first) if first <= at => {
                    return Ok(Found::Work { location: location.clone(), keys: due.choose(want, at), at });
                }
                Some(first) if next.as_ref().is_none_or(|(soonest, ..)| first < *soonest) => {
                    next = Some((first, location, due));
                }
                _ => {}
            }
        }
        Ok(match next {
            Some((first, location, due)) if at.until(first) <= MAX_DELAY => {
                Found::Work { location: location.clone(), keys: due.choose(want, first), at: first }
            }
            next => Found::Nothing { next_due: next.map(|(first, ..)| first) },
        })
    }

    async fn due(&self, location: &LocationId, want: u32, ended: &JustEnded) -> Result<DueRecords, PortError> {
        // As many more as the index may still show though they are settled.
        let limit = want.saturating_add(u32::try_from(ended.records.len()).unwrap_or(u32::MAX));
        let query = |priority| async move {
            let mut due = self.ports.outbox.due(location, priority, limit).await?;
            ended.correct(location, priority, &mut due);
            Ok::<_, PortError>(due)
        };
        let [high, normal, low] = Priority::ALL;
        let (high, normal, low) = futures::try_join!(query(high), query(normal), query(low))?;
        Ok(DueRecords { high, normal, low })
    }
}

/// The due records of a location, soonest first within each priority.
struct DueRecords {
    high: Vec<Due>,
    normal: Vec<Due>,
    low: Vec<Due>,
}

impl DueRecords {
    fn first_at(&self) -> Option<EpochMs> {
        [&self.high, &self.normal, &self.low].into_iter().filter_map(|list| list.first()).map(|due| due.due_at).min()
    }

    /// The `want` most urgent that are due at `at`: high before normal before low, but a small share is for low.
    fn choose(self, want: u32, at: EpochMs) -> Vec<RecordKey> {
        let due = |list: Vec<Due>| list.into_iter().filter(move |due| due.due_at <= at).map(|due| due.key);
        let want = want as usize;
        let low: Vec<RecordKey> = due(self.low).collect();
        let share = if want > 1 { low.len().min((want / LOW_SHARE as usize).max(1)) } else { 0 };
        let mut keys: Vec<RecordKey> = due(self.high).chain(due(self.normal)).take(want - share).collect();
        let rest = want - keys.len();
        keys.extend(low.into_iter().take(rest));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMs = EpochMs(1_000_000);

    fn list(name: &str, count: usize) -> Vec<Due> {
        (0..count).map(|i| Due { key: format!("contact#{name}{i}").parse().unwrap(), due_at: NOW }).collect()
    }

    fn counts(high: usize, normal: usize, low: usize, want: u32) -> [usize; 3] {
        let due = DueRecords { high: list("h", high), normal: list("n", normal), low: list("l", low) };
        let keys = due.choose(want, NOW);
        ["contact#h", "contact#n", "contact#l"]
            .map(|prefix| keys.iter().filter(|key| key.to_string().starts_with(prefix)).count())
    }

    #[test]
    fn the_urgent_go_first_and_low_never_starves() {
        assert_eq!(counts(100, 100, 100, 50), [45, 0, 5]);
        assert_eq!(counts(10, 100, 100, 50), [10, 35, 5]);
        assert_eq!(counts(10, 10, 100, 50), [10, 10, 30]);
        assert_eq!(counts(100, 0, 0, 50), [50, 0, 0]);
        assert_eq!(counts(1, 1, 1, 1), [1, 0, 0]);
        assert_eq!(counts(0, 0, 1, 1), [0, 0, 1]);
        assert_eq!(counts(3, 0, 3, 2), [1, 0, 1]);
    }

    #[test]
    fn a_batch_that_has_just_ended_knows_better_than_a_lagging_index() {
        let location = LocationId::new("l").unwrap();
        let mut ended = JustEnded::of(location.clone());
        let later = NOW + std::time::Duration::from_secs(30);
        ended.is_done("contact#n0".parse().unwrap());
        ended.comes_back("contact#n1".parse().unwrap(), Priority::Normal, later);
        let mut due = list("n", 3);
        ended.correct(&location, Priority::Normal, &mut due);
        let due: Vec<(String, EpochMs)> = due.into_iter().map(|due| (due.key.to_string(), due.due_at)).collect();
        assert_eq!(due, [("contact#n2".to_owned(), NOW), ("contact#n1".to_owned(), later)]);
        // It knows nothing of another location, whose records may have the same keys.
        let mut other = list("n", 3);
        ended.correct(&LocationId::new("other").unwrap(), Priority::Normal, &mut other);
        assert_eq!(other.len(), 3);
    }

    #[test]
    fn what_is_due_later_is_left_for_later() {
        let mut high = list("h", 2);
        high[1].due_at = NOW + std::time::Duration::from_secs(1);
        let due = DueRecords { high, normal: vec![], low: vec![] };
        assert_eq!(due.choose(5, NOW).len(), 1);
    }
}

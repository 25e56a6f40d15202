//! Finds the records that are due.

use std::time::Duration;

use super::{Engine, Event};
use crate::ports::{Due, MAX_DELAY, PortError};
use ghl_sync_limiter::Opening;
use ghl_sync_model::{EpochMs, LocationId, Priority, RecordKey, fit_into_message};

/// One in this many records of a batch is reserved for low priority, if any are due.
const LOW_SHARE: u32 = 10;

/// Result of a due check.
#[derive(Debug, PartialEq)]
pub(super) enum FoundDue {
    /// These records of this location can go at `at`.
    Work { location: LocationId, keys: Vec<RecordKey>, at: EpochMs },
    /// No record can go before this time, or at all.
    Nothing { next_due: Option<EpochMs> },
}

impl Engine {
    /// Finds records of one of `members` that can go when the gate opens, or else those that become due first. `turn`
    /// says which member comes first.
    pub(super) async fn look(
        &self,
        members: &[LocationId],
        turn: u64,
        opening: &Opening,
    ) -> Result<FoundDue, PortError> {
        let (want, at) = (opening.records, opening.at);
        let mut next: Option<(EpochMs, &LocationId, DueRecords)> = None;
        let mut kept_back = false;
        for step in 0..members.len() as u64 {
            let index = usize::try_from((turn + step) % members.len() as u64).unwrap_or(0);
            let location = &members[index];
            let mut due = self.due(location, opening).await?;
            self.note_oldest(location, &due);
            kept_back |= due.keep_to(opening);
            match due.first_at() {
                Some(first) if first <= at => {
                    return Ok(FoundDue::Work { location: location.clone(), keys: due.choose(want, opening, at), at });
                }
                Some(first) if next.as_ref().is_none_or(|(soonest, ..)| first < *soonest) => {
                    next = Some((first, location, due));
                }
                _ => {}
            }
        }
        let again_at = kept_back.then_some(opening.day_resets_at);
        Ok(match next {
            Some((first, location, due)) if at.until(first) <= MAX_DELAY => {
                let keys = due.choose(want, opening, first);
                FoundDue::Work { location: location.clone(), keys, at: first }
            }
            next => {
                let next_due = next.map(|(first, ..)| first);
                FoundDue::Nothing { next_due: [next_due, again_at].into_iter().flatten().min() }
            }
        })
    }

    async fn due(&self, location: &LocationId, opening: &Opening) -> Result<DueRecords, PortError> {
        let query = |priority| self.ports.outbox.due(location, priority, opening.records);
        let [high, normal, low] = Priority::ALL;
        let (high, normal, low) = futures::try_join!(query(high), query(normal), query(low))?;
        Ok(DueRecords { high, normal, low })
    }

    fn note_oldest(&self, location: &LocationId, due: &DueRecords) {
        let now = self.ports.clock.now();
        let oldest = due.first_at().map_or(Duration::ZERO, |first| now.since(first));
        self.ports.sink.emit(&Event::Looked { location, oldest });
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

    /// Keeps only the priorities for which the day has calls left; the rest of the day is reserved for more urgent
    /// records. Returns whether any were removed.
    fn keep_to(&mut self, opening: &Opening) -> bool {
        let mut others = false;
        for (list, allowed) in [(&mut self.normal, opening.common), (&mut self.low, opening.low)] {
            if allowed == 0 {
                others |= !list.is_empty();
                list.clear();
            }
        }
        others
    }

    /// The `want` most urgent records that are due at `at`: high before normal before low, except for a small share for
    /// low. The `opening` caps the number of records that are not high, and of those that are low.
    fn choose(self, want: u32, opening: &Opening, at: EpochMs) -> Vec<RecordKey> {
        let due = |list: Vec<Due>| list.into_iter().filter(move |due| due.due_at <= at).map(|due| due.key);
        let (want, common) = (want as usize, opening.common as usize);
        let low: Vec<RecordKey> = due(self.low).take(common.min(opening.low as usize)).collect();
        let share = if want > 1 { low.len().min((want / LOW_SHARE as usize).max(1)) } else { 0 };
        let normal = due(self.normal).take(common - share);
        let mut keys: Vec<RecordKey> = due(self.high).take(want - share).collect();
        let high = keys.len();
        keys.extend(normal.take(want - share - high));
        let rest = (want - keys.len()).min(common - (keys.len() - high));
        keys.extend(low.into_iter().take(rest));
        fit_into_message(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMs = EpochMs(1_000_000);

    fn opening(common: u32, low: u32) -> Opening {
        Opening { common, low, ..Opening::only_at(NOW, ghl_sync_limiter::WaitReason::Pace) }
    }

    fn list(name: &str, count: usize) -> Vec<Due> {
        (0..count).map(|i| Due { key: format!("contact#{name}{i}").parse().unwrap(), due_at: NOW }).collect()
    }

    fn counts(high: usize, normal: usize, low: usize, want: u32) -> [usize; 3] {
        let due = DueRecords { high: list("h", high), normal: list("n", normal), low: list("l", low) };
        let keys = due.choose(want, &opening(u32::MAX, u32::MAX), NOW);
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
    fn of_the_reserve_nothing_goes_to_normal_and_low() {
        let counts = |common| {
            let due = DueRecords { high: list("h", 5), normal: list("n", 50), low: list("l", 50) };
            let keys = due.choose(20, &opening(common, u32::MAX), NOW);
            let common = keys.iter().filter(|key| !key.to_string().starts_with("contact#h")).count();
            (keys.len() - common, common)
        };
        assert_eq!(counts(0), (5, 0));
        assert_eq!(counts(1), (5, 1));
        assert_eq!(counts(7), (5, 7));
        assert_eq!(counts(100), (5, 15));
    }

    #[test]
    fn what_is_due_later_is_left_for_later() {
        let mut high = list("h", 2);
        high[1].due_at = NOW + std::time::Duration::from_secs(1);
        let due = DueRecords { high, normal: vec![], low: vec![] };
        assert_eq!(due.choose(5, &opening(u32::MAX, u32::MAX), NOW).len(), 1);
    }
}

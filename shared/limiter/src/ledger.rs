//! The ledger: paces calls so that they cannot exceed the quota, however many hosts take turns.
//!
//! For a quota of `L` calls in any window `W`, the ledger keeps, for each call that may still count, the latest time at
//! which the server can have counted it. For a finished call, that is when its answer arrived; for a permit that is
//! still out, when its lease ends. A new permit is usable at the first time at which fewer than `L` of these times lie
//! within `W` (plus ε for the clocks). So for any call, at most `L - 1` of the calls permitted before it can be counted
//! within `W` of it: no window holds more than `L`.
//!
//! This rests on four assumptions: clocks differ by at most ε; a request that was given up is counted within D, and its
//! holder settles it at that later time; one permit is one request; and every request's deadline lies D before the end
//! of its lease.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use ghl_sync_model::{EpochMs, Holder, Pace};

/// The calls of one scope that may still count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Latest times at which finished calls were counted, ascending.
    #[serde(with = "delta_coded", default, skip_serializing_if = "Vec::is_empty")]
    done: Vec<EpochMs>,
    /// Permits that are out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    out: Vec<Lease>,
}

/// The unsettled permits of one holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    holder: Holder,
    count: u32,
    /// When all of them are counted at the latest.
    until: EpochMs,
}

impl Ledger {
    /// The earliest times of the next `want` calls, ascending, without those after `horizon`. Leases nothing: see
    /// [`Ledger::lend`].
    #[must_use]
    pub fn available(&self, now: EpochMs, pace: Pace, skew: Duration, want: u32, horizon: EpochMs) -> Vec<EpochMs> {
        let mut bounds = self.bounds();
        let mut permits = Vec::new();
        while permits.len() < want as usize {
            let at = usable_at(&bounds, now, pace, skew);
            if at > horizon {
                break;
            }
            permits.push(at);
            bounds.push(EpochMs(u64::MAX)); // It is out, and does not leave the window within the horizon.
        }
        permits
    }

    /// Lends `count` permits to `holder`, which must use and settle them before `until`.
    pub fn lend(&mut self, holder: &Holder, count: u32, until: EpochMs) {
        match self.out.iter_mut().find(|lease| lease.holder == *holder) {
            Some(lease) => {
                lease.count += count;
                lease.until = lease.until.max(until);
            }
            None if count > 0 => self.out.push(Lease { holder: holder.clone(), count, until }),
            None => {}
        }
    }

    /// The earliest time of one more call, as things stand.
    #[must_use]
    pub fn next_at(&self, now: EpochMs, pace: Pace, skew: Duration) -> EpochMs {
        usable_at(&self.bounds(), now, pace, skew)
    }

    /// Settles a call of `holder`; the server had counted it by `at`. Permits that a holder does not settle count until
    /// the end of its lease.
    pub fn settle(&mut self, holder: &Holder, at: EpochMs) {
        if self.take_back(holder, 1) == 1 {
            self.done.insert(self.done.partition_point(|done| *done <= at), at);
        }
    }

    /// Takes back permits that `holder` did not use. Returns how many it really had.
    pub fn take_back(&mut self, holder: &Holder, count: u32) -> u32 {
        // Without a lease entry, the lease has ended: all its permits are counted already, later than in truth.
        let Some(lease) = self.out.iter_mut().find(|lease| lease.holder == *holder) else {
            return 0;
        };
        let taken = count.min(lease.count);
        lease.count -= taken;
        self.out.retain(|lease| lease.count > 0);
        taken
    }

    /// Number of permits that are out, including those of expired leases.
    #[must_use]
    pub fn out(&self) -> u32 {
        self.out.iter().map(|lease| lease.count).sum()
    }

    /// Number of permits that can still be used or come back at `now`.
    #[must_use]
    pub fn out_at(&self, now: EpochMs) -> u32 {
        self.live(now).map(|lease| lease.count).sum()
    }

    fn live(&self, now: EpochMs) -> impl Iterator<Item = &Lease> {
        self.out.iter().filter(move |lease| lease.until > now)
    }

    /// The most of our calls that a server can have counted since `time`.
    #[must_use]
    pub fn counted_since(&self, time: EpochMs) -> u32 {
        let done = self.done.len() - self.done.partition_point(|done| *done <= time);
        self.out() + u32::try_from(done).unwrap_or(u32::MAX)
    }

    /// Number of calls that finished after `from` and up to `to`.
    #[must_use]
    pub fn finished_within(&self, from: EpochMs, to: EpochMs) -> u32 {
        let [to, from] = [to, from].map(|time| self.done.partition_point(|done| *done <= time));
        u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX)
    }

    /// When each finished call leaves a window of this length, for those that have not left it yet; ascending.
    #[must_use]
    pub fn leaving(&self, now: EpochMs, window: Duration) -> Vec<EpochMs> {
        self.done.iter().map(|done| *done + window).filter(|leaves_at| *leaves_at > now).collect()
    }

    /// Cuts times that are further ahead than a correct clock can have written: finished calls are counted by
    /// `counted_by`, and no lease lasts beyond `lent_until`.
    pub fn correct_times(&mut self, counted_by: EpochMs, lent_until: EpochMs) {
        let from = self.done.partition_point(|done| *done <= counted_by);
        self.done[from..].fill(counted_by);
        for lease in &mut self.out {
            lease.until = lease.until.min(lent_until);
        }
    }

    /// When the last of the permits that are out at `now` must be settled; `None` if there are none.
    #[must_use]
    pub fn out_until(&self, now: EpochMs) -> Option<EpochMs> {
        self.live(now).map(|lease| lease.until).max()
    }

    /// Drops calls that can no longer count. Expired leases become calls, counted when the lease ended.
    pub fn prune(&mut self, now: EpochMs, reach: Duration) {
        for lease in self.out.extract_if(.., |lease| lease.until <= now) {
            let at = self.done.partition_point(|done| *done <= lease.until);
            self.done.splice(at..at, std::iter::repeat_n(lease.until, lease.count as usize));
        }
        let gone = self.done.partition_point(|done| *done + reach <= now);
        self.done.drain(..gone);
    }

    /// The latest counting time of each call that may still count; ascending.
    fn bounds(&self) -> Vec<EpochMs> {
        let mut bounds = self.done.clone();
        for lease in &self.out {
            bounds.extend(std::iter::repeat_n(lease.until, lease.count as usize));
        }
        bounds.sort_unstable();
        bounds
    }
}

/// The earliest time, from `now` on, at which fewer than the limit of `bounds` lie within the window.
fn usable_at(bounds: &[EpochMs], now: EpochMs, pace: Pace, skew: Duration) -> EpochMs {
    let limit = pace.limit.get() as usize;
    match bounds.len().checked_sub(limit) {
        None => now,
        Some(oldest_that_must_leave) => now.max(bounds[oldest_that_must_leave] + pace.window + skew),
    }
}

mod delta_coded {
    //! Ascending times as one short text: the first in full, then the differences. A hundred of them take 300 bytes.

    use std::fmt::Write as _;

    use super::{Deserialize, Deserializer, EpochMs, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(times: &[EpochMs], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        let mut last = 0;
        for EpochMs(time) in times {
            if !text.is_empty() {
                text.push(' ');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", time.saturating_sub(last));
            last = *time;
        }
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EpochMs>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut last = 0u64;
        text.split_ascii_whitespace()
            .map(|step| {
                let step: u64 = step.parse().map_err(serde::de::Error::custom)?;
                last = last.saturating_add(step);
                Ok(EpochMs(last))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const W: Duration = Duration::from_secs(10);
    const SKEW: Duration = Duration::from_millis(50);
    const START: EpochMs = EpochMs(1_000_000);
    const UNTIL: EpochMs = EpochMs(1_060_000);

    fn pace(limit: u32) -> Pace {
        Pace { limit: NonZeroU32::new(limit).unwrap(), window: W }
    }

    fn holder(name: &str) -> Holder {
        Holder::new(name).unwrap()
    }

    fn lease(ledger: &mut Ledger, now: EpochMs, limit: u32, want: u32) -> Vec<EpochMs> {
        ledger.prune(now, W + SKEW);
        let permits = ledger.available(now, pace(limit), SKEW, want, now + Duration::from_secs(30));
        ledger.lend(&holder("a"), u32::try_from(permits.len()).unwrap(), UNTIL);
        permits
    }

    #[test]
    fn an_empty_ledger_gives_the_whole_limit_at_once_and_not_one_more() {
        let mut ledger = Ledger::default();
        assert_eq!(lease(&mut ledger, START, 3, 10), [START; 3]);
        assert!(lease(&mut ledger, START, 3, 1).is_empty(), "the next would be usable after the lease's end");
    }

    #[test]
    fn a_settled_call_frees_its_permit_one_window_and_the_skew_later() {
        let mut ledger = Ledger::default();
        lease(&mut ledger, START, 2, 2);
        ledger.settle(&holder("a"), EpochMs(1_000_300));
        ledger.settle(&holder("a"), EpochMs(1_000_100));
        assert_eq!(lease(&mut ledger, EpochMs(1_000_400), 2, 2), [EpochMs(1_010_150), EpochMs(1_010_350)]);
    }

    #[test]
    fn an_unused_permit_can_be_leased_again_at_once() {
        let mut ledger = Ledger::default();
        lease(&mut ledger, START, 2, 2);
        ledger.take_back(&holder("a"), 2);
        assert_eq!(lease(&mut ledger, START, 2, 2), [START; 2]);
    }

    #[test]
    fn what_a_dead_holder_had_counts_until_its_lease_ended() {
        let mut ledger = Ledger::default();
        lease(&mut ledger, START, 1, 1);
        let later = UNTIL + Duration::from_secs(1);
        ledger.prune(later, W + SKEW);
        assert_eq!(ledger.available(later, pace(1), SKEW, 1, later + W), [UNTIL + W + SKEW]);
        ledger.lend(&holder("b"), 1, later + Duration::from_secs(60));
        assert_eq!(ledger.out(), 1);
        // The dead holder wakes up and settles: nothing changes.
        ledger.settle(&holder("a"), EpochMs(1_000_100));
        assert_eq!(ledger.out(), 1);
    }

    #[test]
    fn finished_calls_are_counted_within_a_span_and_none_within_an_empty_one() {
        let ledger = Ledger { done: vec![START, START + SKEW, START + W], out: Vec::new() };
        assert_eq!(ledger.finished_within(START, START + W), 2);
        assert_eq!(ledger.finished_within(START + W, START), 0);
        assert_eq!(ledger.leaving(START + W, W), [START + SKEW + W, START + W + W]);
    }

    #[test]
    fn a_lowered_limit_waits_for_as_many_calls_to_leave_the_window() {
        let mut ledger = Ledger::default();
        lease(&mut ledger, START, 3, 3);
        for done in [1_000_100, 1_000_200, 1_000_300] {
            ledger.settle(&holder("a"), EpochMs(done));
        }
        assert_eq!(lease(&mut ledger, EpochMs(1_000_400), 1, 1), [EpochMs(1_010_350)]);
        // After an unused return and a raised limit, the three are still there.
        ledger.take_back(&holder("a"), 1);
        assert_eq!(lease(&mut ledger, EpochMs(1_000_400), 3, 1), [EpochMs(1_010_150)]);
    }

    #[test]
    fn the_stored_form_is_short_and_read_back() {
        let mut ledger = Ledger::default();
        for i in 0..100 {
            ledger.done.push(EpochMs(1_795_000_000_000 + i * 33));
        }
        ledger.lend(&holder("7f9c"), 25, EpochMs(1_795_000_090_000));
        let json = serde_json::to_string(&ledger).unwrap();
        assert!(json.len() < 450, "{} bytes", json.len());
        assert_eq!(serde_json::from_str::<Ledger>(&json).unwrap(), ledger);
        assert_eq!(serde_json::to_string(&Ledger::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<Ledger>(r#"{"done":"1 x"}"#).is_err());
    }
}

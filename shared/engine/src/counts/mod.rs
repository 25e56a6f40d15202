//! Counters for people and programs to look at. No decision depends on them.

pub mod catalogue;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

pub use catalogue::Counter;
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Endpoint, EpochMs, Time};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{IntoStaticStr, VariantArray};

/// Status class of an answer to a call, or no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
pub enum StatusClass {
    /// 2xx
    #[strum(serialize = "2xx")]
    Success,
    /// 429
    #[strum(serialize = "429")]
    TooMany,
    /// Another 4xx, or any status outside these classes.
    #[strum(serialize = "4xx")]
    Refused,
    /// 5xx
    #[strum(serialize = "5xx")]
    Error,
    /// No answer.
    #[strum(serialize = "none")]
    None,
}

impl StatusClass {
    /// All classes.
    pub const ALL: &[StatusClass] = StatusClass::VARIANTS;

    /// The class of `status`.
    #[must_use]
    pub fn of(status: Option<u16>) -> StatusClass {
        match status {
            None => StatusClass::None,
            Some(200..=299) => StatusClass::Success,
            Some(429) => StatusClass::TooMany,
            Some(500..=599) => StatusClass::Error,
            Some(_) => StatusClass::Refused,
        }
    }

    /// The class as metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The outcome of a record in a batch, or of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RecordCount {
    /// GHL accepted it.
    Succeeded,
    /// It failed permanently.
    Failed,
    /// It failed temporarily and will be retried.
    Retrying,
    /// It was left for a later batch: quota, breaker, pause or deadline.
    Deferred,
    /// It waits for another record or for a late call.
    Waiting,
    /// It was no longer due.
    Skipped,
    /// A dry run would have sent it.
    WouldSend,
    /// It was put and stored as due.
    Stored,
    /// It was put, but GHL already had the content.
    Unchanged,
    /// It was put, but newer content was already stored.
    Outdated,
}

impl RecordCount {
    /// All outcomes.
    pub const ALL: &[RecordCount] = RecordCount::VARIANTS;

    /// The outcome as metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What reconciling did with a contact, a record or a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ReconcileCount {
    /// A changed contact was read and compared with its last known state.
    Compared,
    /// Its last known state was out of date.
    StateRepaired,
    /// One of our records is due again.
    Resent,
    /// GHL's content superseded one of our records.
    Superseded,
    /// A location was not read, or not completely: other work needed the quota, or too little was left.
    PutOff,
}

impl ReconcileCount {
    /// All values.
    pub const ALL: &[ReconcileCount] = ReconcileCount::VARIANTS;

    /// The value as metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Upper bounds of the call duration buckets, in milliseconds; one further bucket is unbounded.
pub const DURATION_BUCKETS_MS: [u64; 9] = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800];

/// Counter values. Counters that are not set are zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts(BTreeMap<Counter, u64>);

impl Counts {
    /// Adds `more` to one counter.
    pub fn add(&mut self, counter: Counter, more: u64) {
        if more > 0 {
            let count = self.0.entry(counter).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// Adds one call with its status and duration.
    pub fn add_call(&mut self, endpoint: Endpoint, status: Option<u16>, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.add(Counter::Calls(endpoint, StatusClass::of(status)), 1);
        self.add(Counter::CallDuration(DURATION_BUCKETS_MS.partition_point(|bound| *bound < ms)), 1);
        self.add(Counter::CallMs, ms);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Counts) {
        other.0.iter().for_each(|(counter, more)| self.add(*counter, *more));
    }

    /// The value of one counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(&counter).copied().unwrap_or_default()
    }

    /// The counters that are not zero.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> {
        self.0.iter().map(|(counter, count)| (*counter, *count))
    }

    /// Whether every counter is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of the counters that `pick` selects.
    #[must_use]
    pub fn sum(&self, pick: impl Fn(Counter) -> bool) -> u64 {
        self.iter().filter(|(counter, _)| pick(*counter)).map(|(_, count)| count).sum()
    }

    /// Number of calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.sum(|counter| matches!(counter, Counter::Calls(..)))
    }

    /// Number of calls that GHL answered with 429.
    #[must_use]
    pub fn rate_limit_hits(&self) -> u64 {
        self.sum(|counter| matches!(counter, Counter::Calls(_, StatusClass::TooMany)))
    }

    /// Number of records with this outcome.
    #[must_use]
    pub fn records(&self, outcome: RecordCount) -> u64 {
        self.get(Counter::Records(outcome))
    }

    /// Number of times that reconciling did this.
    #[must_use]
    pub fn reconciled(&self, what: ReconcileCount) -> u64 {
        self.get(Counter::Reconciled(what))
    }

    /// Total length of all waits, in milliseconds.
    #[must_use]
    pub fn wait_ms(&self) -> u64 {
        self.sum(|counter| matches!(counter, Counter::WaitMs(_)))
    }

    /// Mean wait before a call was repeated after a failure or a 429, in milliseconds; 0 if there was none.
    #[must_use]
    pub fn average_backoff_delay_ms(&self) -> f64 {
        let [waits, ms] = [Counter::Waits as fn(_) -> _, Counter::WaitMs]
            .map(|of| WaitReason::BACKOFFS.into_iter().map(|reason| self.get(of(reason))).sum::<u64>());
        if waits == 0 { 0.0 } else { ms as f64 / waits as f64 }
    }

    /// Share of the finished records that GHL accepted; `None` before the first.
    #[must_use]
    pub fn sync_success_rate(&self) -> Option<f64> {
        let succeeded = self.records(RecordCount::Succeeded);
        let ended = succeeded + self.records(RecordCount::Failed);
        (ended > 0).then(|| succeeded as f64 / ended as f64)
    }

    /// Mean duration of a call; `None` before the first.
    #[must_use]
    pub fn average_call(&self) -> Option<Duration> {
        let calls = self.calls();
        (calls > 0).then(|| Duration::from_millis(self.get(Counter::CallMs) / calls))
    }
}

/// Serialized as a map from counter name to value.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(counter, count)| (counter.name(), count)))
    }
}

/// Skips counters that this build does not know.
impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfNames;
        impl<'de> Visitor<'de> for OfNames {
            type Value = Counts;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("counts by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut counts = Counts::default();
                while let Some((name, count)) = map.next_entry::<Cow<'de, str>, u64>()? {
                    if let Some(counter) = Counter::of_name(&name) {
                        counts.add(counter, count);
                    }
                }
                Ok(counts)
            }
        }
        deserializer.deserialize_map(OfNames)
    }
}

impl FromIterator<(Counter, u64)> for Counts {
    fn from_iter<T: IntoIterator<Item = (Counter, u64)>>(counts: T) -> Self {
        let mut sums = Counts::default();
        counts.into_iter().for_each(|(counter, count)| sums.add(counter, count));
        sums
    }
}

/// What was counted in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Minute {
    /// When it began.
    #[serde(serialize_with = "Time::serialize_at")]
    #[cfg_attr(feature = "openapi", schema(value_type = Time))]
    pub at: EpochMs,
    /// Calls to GHL.
    pub calls: u64,
    /// Calls that the pace allowed.
    // The pace as of the last update in that minute.
    pub allowed: u64,
    /// Calls that GHL answered with 429.
    pub rate_limit_hits: u64,
    /// Records that GHL has accepted.
    pub succeeded: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// Calls that were made again.
    pub retries: u64,
    /// Waits of all workers together, in milliseconds.
    pub wait_ms: u64,
}

/// Length of a [`Minute`], in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
/// Number of minutes that are kept.
pub const MINUTES: usize = 60;

impl Minute {
    /// The minute that contains `now`, filled from `counts`.
    #[must_use]
    pub fn of(now: EpochMs, counts: &Counts, allowed: Option<u64>) -> Minute {
        Minute {
            at: EpochMs(now.0 - now.0 % MINUTE_MS),
            calls: counts.calls(),
            allowed: allowed.unwrap_or_default(),
            rate_limit_hits: counts.rate_limit_hits(),
            succeeded: counts.records(RecordCount::Succeeded),
            failed: counts.records(RecordCount::Failed),
            retries: counts.get(Counter::Retries),
            wait_ms: counts.wait_ms(),
        }
    }

    /// Adds another part of the same minute.
    pub fn merge(&mut self, part: &Minute) {
        self.calls += part.calls;
        self.rate_limit_hits += part.rate_limit_hits;
        self.succeeded += part.succeeded;
        self.failed += part.failed;
        self.retries += part.retries;
        self.wait_ms += part.wait_ms;
        if part.allowed > 0 {
            self.allowed = part.allowed;
        }
    }
}

/// The counters of a location.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Totals since the beginning.
    pub total: Counts,
    /// The last [`MINUTES`] minutes in which anything happened, oldest first.
    pub minutes: Vec<Minute>,
}

impl Counted {
    /// Drops the minutes that are too old to report.
    pub fn keep_recent(&mut self, now: EpochMs) {
        self.minutes.retain(|minute| minute.at.0 + MINUTE_MS * MINUTES as u64 > now.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_answer_and_duration_and_summed() {
        let mut counts = Counts::default();
        for (status, ms) in [(Some(200), 40), (Some(201), 50), (Some(429), 51), (Some(503), 99_000), (None, 10_000)] {
            counts.add_call(Endpoint::UpsertContact, status, Duration::from_millis(ms));
        }
        assert_eq!((counts.calls(), counts.rate_limit_hits()), (5, 1));
        let buckets: Vec<u64> = (0..=9).map(|bucket| counts.get(Counter::CallDuration(bucket))).collect();
        assert_eq!(buckets, [2, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(counts.average_call(), Some(Duration::from_millis(109_141 / 5)));
    }

    #[test]
    fn the_success_rate_speaks_of_records_that_came_to_an_end() {
        let mut counts = Counts::default();
        assert_eq!(counts.sync_success_rate(), None);
        counts.add(Counter::Records(RecordCount::Succeeded), 3);
        counts.add(Counter::Records(RecordCount::Failed), 1);
        counts.add(Counter::Records(RecordCount::Deferred), 10);
        assert_eq!(counts.sync_success_rate(), Some(0.75));
    }
}

//! What the adapters asked of AWS, and what DynamoDB charged for it.

mod purpose;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
pub use purpose::{Access, Purpose, Store};
use strum::IntoEnumIterator;

/// Running counts, shared by the adapters of a process.
///
/// Requests are counted as they go out, each attempt of the SDK's retries included. Capacity units are those that
/// DynamoDB reported: it reports none for a request whose condition did not hold, though it charges for it.
#[derive(Debug)]
pub struct Usage {
    counters: BTreeMap<Purpose, Counter>,
}

impl Default for Usage {
    fn default() -> Self {
        Usage { counters: Purpose::iter().map(|purpose| (purpose, Counter::default())).collect() }
    }
}

#[derive(Debug, Default)]
struct Counter {
    requests: AtomicU64,
    /// Thousandths of a capacity unit: reads are charged in halves.
    milli_units: AtomicU64,
}

impl Usage {
    /// Counts from zero.
    #[must_use]
    pub fn new() -> Arc<Usage> {
        Arc::default()
    }

    /// The counts as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let counts = self.counters.iter().map(|(purpose, counter)| {
            let requests = counter.requests.load(Ordering::Relaxed);
            (*purpose, Count { requests, milli_units: counter.milli_units.load(Ordering::Relaxed) })
        });
        Snapshot { counts: counts.collect() }
    }

    /// Goes into a request, and counts each of its attempts.
    pub(crate) fn attempts(self: &Arc<Self>, purpose: Purpose) -> impl Intercept + use<> {
        CountAttempts { usage: Arc::clone(self), purpose }
    }

    /// Adds what DynamoDB reported as consumed.
    pub(crate) fn add_units(&self, purpose: Purpose, units: f64) {
        if let Some(counter) = self.counters.get(&purpose) {
            counter.milli_units.fetch_add((units * 1000.0).round() as u64, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct CountAttempts {
    usage: Arc<Usage>,
    purpose: Purpose,
}

#[dyn_dispatch_hint]
impl Intercept for CountAttempts {
    fn name(&self) -> &'static str {
        "CountAttempts"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(counter) = self.usage.counters.get(&self.purpose) {
            counter.requests.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Counts at one moment, or between two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    counts: BTreeMap<Purpose, Count>,
}

/// Requests and their capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Requests that went out.
    pub requests: u64,
    milli_units: u64,
}

impl Count {
    /// Read or write capacity units, indexes included; zero for a queue.
    #[must_use]
    pub fn units(self) -> f64 {
        self.milli_units as f64 / 1000.0
    }
}

impl Snapshot {
    /// What was used between `earlier` and this.
    #[must_use]
    pub fn since(&self, earlier: &Snapshot) -> Snapshot {
        let counts = self.counts.iter().map(|(purpose, now)| {
            let then = earlier.of(*purpose);
            let used = Count {
                requests: now.requests.saturating_sub(then.requests),
                milli_units: now.milli_units.saturating_sub(then.milli_units),
            };
            (*purpose, used)
        });
        Snapshot { counts: counts.collect() }
    }

    /// What was used for one purpose.
    #[must_use]
    pub fn of(&self, purpose: Purpose) -> Count {
        self.counts.get(&purpose).copied().unwrap_or_default()
    }

    /// What was used for all purposes that `pick` picks.
    #[must_use]
    pub fn total(&self, pick: impl Fn(Purpose) -> bool) -> Count {
        self.counts.iter().filter(|(purpose, _)| pick(**purpose)).fold(Count::default(), |sum, (_, count)| Count {
            requests: sum.requests + count.requests,
            milli_units: sum.milli_units + count.milli_units,
        })
    }

    /// DynamoDB requests that read, and the read units that they consumed.
    #[must_use]
    pub fn reads(&self) -> Count {
        self.total(|purpose| purpose.store() != Store::Queue && purpose.access() == Access::Read)
    }

    /// DynamoDB requests that write, and the write units that they consumed, indexes included.
    #[must_use]
    pub fn writes(&self) -> Count {
        self.total(|purpose| purpose.store() != Store::Queue && purpose.access() == Access::Write)
    }

    /// Writes to gates, and the write units that they consumed.
    #[must_use]
    pub fn gate_writes(&self) -> Count {
        self.total(|purpose| matches!(purpose, Purpose::GateReplace | Purpose::GateAdvance))
    }

    /// Messages sent.
    #[must_use]
    pub fn sends(&self) -> u64 {
        self.of(Purpose::QueueSend).requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_counter_of_its_own() {
        let usage = Usage::new();
        for purpose in Purpose::iter() {
            let before = usage.snapshot();
            usage.add_units(purpose, 1.5);
            let used = usage.snapshot().since(&before);
            assert_eq!((used.of(purpose).units(), used.total(|_| true).units()), (1.5, 1.5), "{purpose:?}");
        }
    }
}

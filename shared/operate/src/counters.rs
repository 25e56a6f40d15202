//! The counters as the overview shows them.

use std::collections::BTreeMap;

use ghl_sync_engine::counts::{Counter, Counts, ReconcileCount, RecordCount};
use ghl_sync_limiter::WaitReason;
use serde::{Serialize, Serializer};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// Counts since the beginning.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Counters))]
pub struct CountersView {
    /// Calls to GHL.
    pub calls: u64,
    /// Calls that GHL answered with 429.
    pub rate_limit_hits: u64,
    /// Calls that were repeated after a failure.
    pub retry_attempts: u64,
    /// Times that the breaker opened.
    pub circuit_breaker_opens: u64,
    /// Records that GHL accepted.
    pub succeeded: u64,
    /// Records that failed permanently.
    pub failed: u64,
    /// Records that were left for a later batch.
    pub deferred: u64,
    /// Records that were put although GHL had them already.
    pub unchanged: u64,
    /// Calls that the unchanged records would have taken: quota saved.
    pub calls_saved: u64,
    /// Results of reconciling.
    pub reconciling: Reconciling,
    /// Waits by reason.
    pub waits: BTreeMap<&'static str, Waits>,
    /// Mean wait before a call was repeated, in milliseconds.
    pub average_backoff_delay_ms: f64,
    /// Share of the finished records that GHL accepted; null before the first.
    pub sync_success_rate: Option<f64>,
}

/// Results of reconciling.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Reconciling {
    /// Changed contacts that were read and compared.
    pub compared: u64,
    /// Last known states that were out of date.
    pub states_repaired: u64,
    /// Records that became due again.
    pub resent: u64,
    /// Records that GHL's content superseded.
    pub superseded: u64,
    /// Times that it was postponed because other work needed the quota.
    pub put_off: u64,
}

/// Waits for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Waits {
    /// Number of waits.
    pub count: u64,
    /// Total length of the waits, in milliseconds.
    pub ms: u64,
}

impl CountersView {
    pub(crate) fn serialize_of<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
        CountersView::from(counts).serialize(serializer)
    }
}

impl From<&Counts> for CountersView {
    fn from(counts: &Counts) -> CountersView {
        let waits = WaitReason::ALL.into_iter().filter_map(|reason| {
            let count = counts.get(Counter::Waits(reason));
            (count > 0).then(|| (reason.as_str(), Waits { count, ms: counts.get(Counter::WaitMs(reason)) }))
        });
        CountersView {
            calls: counts.calls(),
            rate_limit_hits: counts.rate_limit_hits(),
            retry_attempts: counts.get(Counter::Retries),
            circuit_breaker_opens: counts.get(Counter::BreakerOpens),
            succeeded: counts.records(RecordCount::Succeeded),
            failed: counts.records(RecordCount::Failed),
            deferred: counts.records(RecordCount::Deferred),
            unchanged: counts.records(RecordCount::Unchanged),
            calls_saved: counts.get(Counter::CallsSaved),
            reconciling: Reconciling {
                compared: counts.reconciled(ReconcileCount::Compared),
                states_repaired: counts.reconciled(ReconcileCount::StateRepaired),
                resent: counts.reconciled(ReconcileCount::Resent),
                superseded: counts.reconciled(ReconcileCount::Superseded),
                put_off: counts.reconciled(ReconcileCount::PutOff),
            },
            waits: waits.collect(),
            average_backoff_delay_ms: counts.average_backoff_delay_ms(),
            sync_success_rate: counts.sync_success_rate(),
        }
    }
}

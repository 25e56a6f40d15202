//! The metrics catalogue: each metric's names, kind, unit and help, and the counters that it sums.
//!
//! CloudWatch EMF lines and the Prometheus text derive from it; `docs/METRICS.md` and the dashboards are tested against
//! it.
//! A new metric is a row here, the place that counts it, and a row of that page.

use std::collections::HashMap;
use std::sync::LazyLock;

use strum::{EnumDiscriminants, EnumIter, IntoEnumIterator, IntoStaticStr};

use super::{Counts, DURATION_BUCKETS_MS, ReconcileCount, RecordCount, StatusClass};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::Endpoint;

/// One counter. There are about 200 of them, however many locations and records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumDiscriminants)]
#[strum_discriminants(name(CounterKind), vis(), derive(EnumIter, IntoStaticStr), strum(serialize_all = "snake_case"))]
pub enum Counter {
    /// Calls, by endpoint and status class.
    Calls(Endpoint, StatusClass),
    /// Calls whose duration fell into this bucket of [`DURATION_BUCKETS_MS`] (not cumulative).
    CallDuration(usize),
    /// Total duration of all calls, in milliseconds.
    CallMs,
    /// Waits within batches, by reason.
    Waits(WaitReason),
    /// Total length of those waits, in milliseconds.
    WaitMs(WaitReason),
    /// Calls repeated after a failure.
    Retries,
    /// The breaker opened, or opened again.
    BreakerOpens,
    /// Times that GHL reported a lower limit than before.
    LimitsLowered,
    /// Times that GHL rejected the token.
    CredentialsRefused,
    /// A store or a queue failed.
    PortFailures,
    /// Calls not made because GHL already had the content: quota saved.
    CallsSaved,
    /// Records that GHL accepted without storing every field.
    NotStored,
    /// Records that GHL matched to a contact or an opportunity that already belongs to another record.
    SharedGhlIds,
    /// Times that a record in a list was skipped because it cannot be read.
    PassedOver,
    /// Records and puts, by outcome.
    Records(RecordCount),
    /// Contacts, records and locations that reconciling handled.
    #[strum_discriminants(strum(serialize = "reconcile"))]
    Reconciled(ReconcileCount),
}

impl CounterKind {
    /// All counters of this kind: one for each combination of label values.
    fn counters(self) -> Vec<Counter> {
        match self {
            CounterKind::Calls => {
                let of = |endpoint| StatusClass::ALL.iter().map(move |status| Counter::Calls(endpoint, *status));
                Endpoint::ALL.into_iter().flat_map(of).collect()
            }
            CounterKind::CallDuration => (0..=DURATION_BUCKETS_MS.len()).map(Counter::CallDuration).collect(),
            CounterKind::Waits => WaitReason::ALL.map(Counter::Waits).to_vec(),
            CounterKind::WaitMs => WaitReason::ALL.map(Counter::WaitMs).to_vec(),
            CounterKind::Records => RecordCount::ALL.iter().copied().map(Counter::Records).collect(),
            CounterKind::Reconciled => ReconcileCount::ALL.iter().copied().map(Counter::Reconciled).collect(),
            CounterKind::CallMs => vec![Counter::CallMs],
            CounterKind::Retries => vec![Counter::Retries],
            CounterKind::BreakerOpens => vec![Counter::BreakerOpens],
            CounterKind::LimitsLowered => vec![Counter::LimitsLowered],
            CounterKind::CredentialsRefused => vec![Counter::CredentialsRefused],
            CounterKind::PortFailures => vec![Counter::PortFailures],
            CounterKind::CallsSaved => vec![Counter::CallsSaved],
            CounterKind::NotStored => vec![Counter::NotStored],
            CounterKind::SharedGhlIds => vec![Counter::SharedGhlIds],
            CounterKind::PassedOver => vec![Counter::PassedOver],
        }
    }
}

impl Counter {
    /// All counters.
    pub fn all() -> impl Iterator<Item = Counter> {
        CounterKind::iter().flat_map(CounterKind::counters)
    }

    /// The counter stored under `name`, or `None`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Counter> {
        static BY_NAME: LazyLock<HashMap<String, Counter>> =
            LazyLock::new(|| Counter::all().map(|counter| (counter.name(), counter)).collect());
        BY_NAME.get(name).copied()
    }

    /// The counter's label values, which distinguish it from others of its kind. Empty if its kind has only one
    /// counter.
    #[must_use]
    pub fn labels(self) -> Vec<String> {
        match self {
            Counter::Calls(endpoint, status) => vec![endpoint.as_str().to_owned(), status.as_str().to_owned()],
            Counter::CallDuration(bucket) => vec![bucket.to_string()],
            Counter::Waits(reason) | Counter::WaitMs(reason) => vec![reason.as_str().to_owned()],
            Counter::Records(outcome) => vec![outcome.as_str().to_owned()],
            Counter::Reconciled(what) => vec![what.as_str().to_owned()],
            // A counter that has labels but is missing above gets no name of its own: a test catches it.
            _ => Vec::new(),
        }
    }

    /// The name under which the counter is stored: letters, digits and `_`.
    #[must_use]
    pub fn name(self) -> String {
        let kind: &str = CounterKind::from(self).into();
        std::iter::once(kind.to_owned()).chain(self.labels()).collect::<Vec<_>>().join("_").replace('.', "_")
    }
}

/// What a metric's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum MetricKind {
    /// It only ever increases.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution of durations.
    Histogram,
}

/// A metric's unit, under CloudWatch's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A ratio, or a state.
    None,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// Where a metric's value comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// The sum of the counters it selects. A metric with labels has one value per counter. Counters of durations are in
    /// milliseconds, whatever the metric's unit.
    Sum(fn(Counter) -> bool),
    /// Derived from all counters; `None` while they hold too little to say.
    Ratio(fn(&Counts) -> Option<f64>),
    /// The buckets of [`Counter::CallDuration`].
    CallDurations,
    /// Not from counters: the caller supplies the value.
    Elsewhere,
}

/// A metric, published to CloudWatch, Prometheus or both.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name in CloudWatch; `None` if it is not published there. Location is not a dimension there, because each would
    /// cost.
    pub cloudwatch: Option<&'static str>,
    /// The kinds of work that publish it to CloudWatch even when it is zero.
    pub zero_told_by: &'static [&'static str],
    /// Name in Prometheus; `None` if it is not published there.
    pub prometheus: Option<&'static str>,
    /// What its values mean.
    pub kind: MetricKind,
    /// Unit of its values.
    pub unit: Unit,
    /// Label names in Prometheus.
    pub labels: &'static [&'static str],
    /// One sentence that describes it.
    pub help: &'static str,
    /// Where its value comes from.
    pub source: Source,
}

impl Metric {
    /// A metric that is not published anywhere yet.
    #[must_use]
    pub const fn new(kind: MetricKind, unit: Unit, help: &'static str) -> Metric {
        let (zero_told_by, labels): (&[&str], &[&str]) = (&[], &[]);
        Metric { cloudwatch: None, zero_told_by, prometheus: None, kind, unit, labels, help, source: Source::Elsewhere }
    }

    const fn cloudwatch(self, name: &'static str) -> Metric {
        Metric { cloudwatch: Some(name), ..self }
    }

    const fn zero_told_by(self, works: &'static [&'static str]) -> Metric {
        Metric { zero_told_by: works, ..self }
    }

    /// Publishes it to Prometheus under this name, with these labels.
    #[must_use]
    pub const fn prometheus(self, name: &'static str, labels: &'static [&'static str]) -> Metric {
        Metric { prometheus: Some(name), labels, ..self }
    }

    const fn sum(self, of: fn(Counter) -> bool) -> Metric {
        Metric { source: Source::Sum(of), ..self }
    }

    const fn source(self, source: Source) -> Metric {
        Metric { source, ..self }
    }
}

const fn counter(help: &'static str) -> Metric {
    Metric::new(MetricKind::Counter, Unit::Count, help)
}

const fn gauge(unit: Unit, help: &'static str) -> Metric {
    Metric::new(MetricKind::Gauge, unit, help)
}

const fn durations(unit: Unit, help: &'static str) -> Metric {
    Metric::new(MetricKind::Histogram, unit, help)
}

/// Declares the metrics and collects them in [`ALL`], so that none can be missing from the list.
macro_rules! catalogue {
    ($($name:ident = $metric:expr;)*) => {
        $(
            #[doc = concat!("See [`ALL`]: `", stringify!($name), "`.")]
            pub static $name: Metric = $metric;
        )*

        /// All metrics, in the order of publication.
        pub static ALL: [&Metric; [$(stringify!($name)),*].len()] = [$(&$name),*];
    };
}

use Counter as C;
use ReconcileCount as R;

const BATCH: &[&str] = &["batch"];
const TICK: &[&str] = &["tick"];
const BATCH_AND_TICK: &[&str] = &["batch", "tick"];

catalogue! {
    // The specification fixes these five Prometheus names, which break Prometheus' naming rules.
    RATE_LIMIT_HITS = counter("Calls that GHL answered with 429.")
        .cloudwatch("RateLimitHits").zero_told_by(BATCH).prometheus("ghl_rate_limit_hits", &[])
        .sum(|it| matches!(it, C::Calls(_, StatusClass::TooMany)));
    RETRY_ATTEMPTS = counter("Calls that were repeated after a failure.")
        .cloudwatch("RetryAttempts").zero_told_by(BATCH).prometheus("ghl_retry_attempts", &[])
        .sum(|it| it == C::Retries);
    CIRCUIT_BREAKER_OPENS = counter("Times that a breaker opened.")
        .cloudwatch("CircuitBreakerOpens").zero_told_by(BATCH).prometheus("ghl_circuit_breaker_opens", &[])
        .sum(|it| it == C::BreakerOpens);
    SYNC_SUCCESS_RATE = gauge(Unit::None, "Share of ended records that GHL accepted.")
        .cloudwatch("SyncSuccessRate").prometheus("sync_success_rate", &[])
        .source(Source::Ratio(Counts::sync_success_rate));
    AVERAGE_BACKOFF_DELAY = gauge(Unit::Milliseconds, "Mean wait before a call was repeated, in milliseconds.")
        .prometheus("average_backoff_delay_ms", &[])
        .source(Source::Ratio(|counts| Some(counts.average_backoff_delay_ms())));

    CALLS = counter("Calls to GHL, by endpoint and answer.")
        .cloudwatch("CallsMade").zero_told_by(BATCH).prometheus("ghl_sync_calls_total", &["endpoint", "status"])
        .sum(|it| matches!(it, C::Calls(..)));
    CALL_DURATION = durations(Unit::Seconds, "How long GHL took to answer.")
        .prometheus("ghl_sync_call_duration_seconds", &[]).source(Source::CallDurations);
    CALL_LATENCY = durations(Unit::Milliseconds, "How long GHL took to answer: up to 100 calls of a batch.")
        .cloudwatch("CallLatency");
    BACKOFF_DELAY = durations(Unit::Milliseconds, "Waits before a call was repeated: up to 100 of a batch.")
        .cloudwatch("BackoffDelay");
    WAITS = counter("Waits within batches, by reason.")
        .prometheus("ghl_sync_waits_total", &["reason"]).sum(|it| matches!(it, C::Waits(_)));
    WAIT_SECONDS = Metric::new(MetricKind::Counter, Unit::Seconds, "Length of waits within batches, in seconds.")
        .prometheus("ghl_sync_wait_seconds_total", &["reason"]).sum(|it| matches!(it, C::WaitMs(_)));

    RECORDS = counter("Outcomes of records, in batches and puts.")
        .prometheus("ghl_sync_records_total", &["outcome"]).sum(|it| matches!(it, C::Records(_)));
    RECORDS_SUCCEEDED = counter("Records that GHL accepted.")
        .cloudwatch("RecordsSucceeded").zero_told_by(BATCH).sum(|it| it == C::Records(RecordCount::Succeeded));
    RECORDS_FAILED = counter("Records that failed for good.")
        .cloudwatch("RecordsFailed").zero_told_by(BATCH).sum(|it| it == C::Records(RecordCount::Failed));
    RECORDS_DEFERRED = counter("Records that were left for a later batch.")
        .cloudwatch("RecordsDeferred").zero_told_by(BATCH).sum(|it| it == C::Records(RecordCount::Deferred));
    CALLS_SAVED = counter("Calls not made because GHL already had the content.")
        .cloudwatch("CallsSaved").prometheus("ghl_sync_calls_saved_total", &[]).sum(|it| it == C::CallsSaved);
    NOT_STORED = counter("Records that GHL accepted without storing every field.")
        .cloudwatch("RecordsNotStored").prometheus("ghl_sync_not_stored_total", &[]).sum(|it| it == C::NotStored);
    LIMITS_LOWERED = counter("Times that GHL reported a lower limit.")
        .cloudwatch("LimitLowered").zero_told_by(BATCH).prometheus("ghl_sync_limits_lowered_total", &[])
        .sum(|it| it == C::LimitsLowered);
    CREDENTIALS_REFUSED = counter("Times that GHL did not accept a token.")
        .cloudwatch("CredentialsRefused").zero_told_by(BATCH).prometheus("ghl_sync_credentials_refused_total", &[])
        .sum(|it| it == C::CredentialsRefused);
    SHARED_GHL_IDS = counter("Records that GHL matched to a contact or opportunity of another record.")
        .cloudwatch("SharedGhlIds").zero_told_by(BATCH).prometheus("ghl_sync_shared_ghl_ids_total", &[])
        .sum(|it| it == C::SharedGhlIds);
    PASSED_OVER = counter("Times that a record in GHL was skipped: it is longer than 1 MB, or has no id.")
        .cloudwatch("RecordsPassedOver").prometheus("ghl_sync_passed_over_total", &[]).sum(|it| it == C::PassedOver);
    PORT_FAILURES = counter("Times that a store or a queue failed.")
        .cloudwatch("PortFailures").zero_told_by(BATCH_AND_TICK).prometheus("ghl_sync_port_failures_total", &[])
        .sum(|it| it == C::PortFailures);

    RECONCILE_COMPARED = counter("Changed contacts that reconciling read and compared.")
        .cloudwatch("ReconcileCompared").prometheus("ghl_sync_reconcile_compared_total", &[])
        .sum(|it| it == C::Reconciled(R::Compared));
    RECONCILE_REPAIRS = counter("Repairs by reconciling, by kind.")
        .prometheus("ghl_sync_reconcile_repairs_total", &["what"])
        .sum(|it| matches!(it, C::Reconciled(R::StateRepaired | R::Resent | R::Superseded)));
    RECONCILE_STATES_REPAIRED = counter("Outdated last known states that reconciling repaired.")
        .cloudwatch("ReconcileStatesRepaired").sum(|it| it == C::Reconciled(R::StateRepaired));
    RECONCILE_RESENT = counter("Records that reconciling made due again.")
        .cloudwatch("ReconcileResent").sum(|it| it == C::Reconciled(R::Resent));
    RECONCILE_SUPERSEDED = counter("Records that GHL's content superseded.")
        .cloudwatch("ReconcileSuperseded").sum(|it| it == C::Reconciled(R::Superseded));
    RECONCILE_PUT_OFF = counter("Times that reconciling was postponed because other work needed the quota.")
        .cloudwatch("ReconcilePutOff").prometheus("ghl_sync_reconcile_put_off_total", &[])
        .sum(|it| it == C::Reconciled(R::PutOff));

    TICK_LOCATIONS_FAILED = counter("Scopes whose check failed in a tick.")
        .cloudwatch("TickLocationsFailed").zero_told_by(TICK);
    NOT_A_BATCH = counter("Messages in the queue that are no batch.").cloudwatch("NotABatch");
    DEAD_LETTERS = counter("Dead letters that were handled.").cloudwatch("DeadLetters");
    HOST_DOWN = counter("Times that a host of GHL's API was found down.").cloudwatch("HostDown");
    WEBHOOKS_RECEIVED = counter("Webhooks received, whatever the outcome.").cloudwatch("WebhooksReceived");
    WEBHOOKS_STORED = counter("Webhooks whose event was stored.").cloudwatch("WebhooksStored");
    WEBHOOKS_DUPLICATE = counter("Webhooks without new information.").cloudwatch("WebhooksDuplicate");
    WEBHOOKS_STALE = counter("Webhooks older than the last known state.").cloudwatch("WebhooksStale");
    WEBHOOKS_IGNORED = counter("Webhooks that are not for us.").cloudwatch("WebhooksIgnored");
    WEBHOOKS_REFUSED = counter("Webhooks that are not genuine, or cannot be read.").cloudwatch("WebhooksRefused");
    WEBHOOKS_NOT_STORED = counter("Webhooks that could not be stored; GHL repeats them.")
        .cloudwatch("WebhooksNotStored");
    INGEST_MESSAGES = counter("Messages of the ingest queue, whatever the outcome.").cloudwatch("IngestMessages");
    INGEST_ITEMS_REFUSED = counter("Items of the ingest queue that were refused and set aside.")
        .cloudwatch("IngestItemsRefused");
    INGEST_MESSAGES_REPEATED = counter("Messages of the ingest queue to be redelivered after a failure.")
        .cloudwatch("IngestMessagesRepeated");
    OUTCOME_EVENTS = counter("Events that report the outcome of a record.").cloudwatch("OutcomeEvents");
    OUTCOMES_UNREADABLE = counter("Unreadable changes of records, which cause no event.")
        .cloudwatch("OutcomesUnreadable");
    OUTCOMES_REPEATED = counter("Changes of records to be redelivered after a failure.")
        .cloudwatch("OutcomesRepeated");
    OUTCOMES_DELIVERED = counter("Events that a webhook's endpoint accepted.").cloudwatch("OutcomesDelivered");
    OUTCOMES_NOT_DELIVERED = counter("Failed tries to post an event to a webhook.")
        .cloudwatch("OutcomesNotDelivered");
    WEBHOOKS_SWITCHED_OFF = counter("Webhooks switched off because their endpoint failed for days, or answered 410.")
        .cloudwatch("WebhooksSwitchedOff");

    ALERTS_BEGUN = counter("Alerts sent to people: a location is in trouble, or too many records fail.")
        .cloudwatch("AlertsBegun");
    ALERTS_UNTOLD = counter("Failed alert checks and digests: people may not have been notified.")
        .cloudwatch("AlertsUntold");

    HEALTH = gauge(Unit::None, "1 for the current state, 0 for the others.").prometheus("ghl_sync_health", &["state"]);
    LAST_TICK_AGE = gauge(Unit::Seconds, "Time since the scheduler last ran.")
        .prometheus("ghl_sync_last_tick_age_seconds", &[]);
    DEAD_LETTERS_LYING = gauge(Unit::Count, "Messages in the dead-letter queue and the parking queue.")
        .prometheus("ghl_sync_dead_letters", &[]);
    LOCATIONS = gauge(Unit::Count, "Locations, by state.").prometheus("ghl_sync_locations", &["state"]);
    LOCATIONS_IN_TROUBLE = gauge(Unit::Count, "Locations that need attention.")
        .prometheus("ghl_sync_locations_in_trouble", &[]);
    ALL_DUE_RECORDS = gauge(Unit::Count, "Due records in all locations, each counted up to a cap.")
        .prometheus("ghl_sync_all_due_records", &[]);
    ALL_FAILED_RECORDS = gauge(Unit::Count, "Failed records in all locations, each counted up to a cap.")
        .prometheus("ghl_sync_all_failed_records", &[]);
    QUOTA_USED = gauge(Unit::None, "Share of GHL's quota that is used.")
        .prometheus("ghl_sync_quota_used_ratio", &["location", "window"]);
    BREAKER_STATE = gauge(Unit::None, "Circuit breaker: 0 closed, 1 half-open, 2 open.")
        .prometheus("ghl_sync_breaker_state", &["location"]);
    PAUSED = gauge(Unit::None, "1 while the location is paused.").prometheus("ghl_sync_paused", &["location"]);
    DUE_RECORDS = gauge(Unit::Count, "Due records, counted up to a cap.")
        .prometheus("ghl_sync_due_records", &["location"]);
    FAILED_RECORDS = gauge(Unit::Count, "Failed records, counted up to a cap.")
        .prometheus("ghl_sync_failed_records", &["location"]);
    OLDEST_DUE_AGE = gauge(Unit::Seconds, "How long the oldest due record has been due.")
        .cloudwatch("OldestDueAge").prometheus("ghl_sync_oldest_due_age_seconds", &["location"]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_counter_has_a_name_of_its_own_and_there_are_not_many() {
        let names: BTreeSet<String> = Counter::all().map(Counter::name).collect();
        assert_eq!(names.len(), Counter::all().count());
        // A stored item holds the non-zero counters, and a location without a migration calls ten endpoints.
        assert!(names.len() < 250, "{}", names.len());
        let is_plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(names.iter().all(is_plain), "{names:?}");
    }

    #[test]
    fn every_counter_is_told_and_has_a_value_for_each_label_of_its_metric() {
        for counter in Counter::all() {
            let sums = ALL.iter().filter(|metric| matches!(metric.source, Source::Sum(of) if of(counter)));
            let labels: Vec<usize> = sums.map(|metric| metric.labels.len()).collect();
            let is_duration = matches!(counter, Counter::CallDuration(_) | Counter::CallMs);
            assert!(is_duration != labels.iter().any(|_| true), "{counter:?} is in {} metrics", labels.len());
            assert!(labels.iter().all(|count| [0, counter.labels().len()].contains(count)), "{counter:?}: {labels:?}");
        }
    }

    #[test]
    fn every_metric_is_told_to_somebody_under_a_name_of_its_own() {
        assert!(ALL.iter().all(|metric| metric.cloudwatch.is_some() || metric.prometheus.is_some()));
        for name_of in [|metric: &Metric| metric.cloudwatch, |metric: &Metric| metric.prometheus] {
            let names: Vec<&str> = ALL.iter().filter_map(|metric| name_of(metric)).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        }
    }
}

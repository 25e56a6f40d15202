//! The metrics. Labels are endpoints, classes, reasons, outcomes and the locations that there are: all bounded.

use ghl_sync_engine::counts::{Counter, Counts, DURATION_BUCKETS_MS, ReconcileCount, RecordCount, StatusClass};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{Endpoint, EpochMs};
use ghl_sync_operate::{Health, LocationOverview, Overview};

use crate::exposition::{Family, Format, MetricKind, write};

/// The metrics of an overview as text.
pub(crate) fn text(format: Format, overview: &Overview) -> String {
    let mut families = named_by_the_specification(&overview.totals);
    families.extend(calls(&overview.totals));
    families.extend(work(&overview.totals));
    families.extend(reconciling(&overview.totals));
    families.extend(state(overview));
    families.extend(locations(&overview.locations, overview.time));
    write(format, &families)
}

/// These five bear the names that the specification gives them, and so break Prometheus' rules for names.
fn named_by_the_specification(totals: &Counts) -> Vec<Family> {
    let counter = |name, help, value: u64| Family::new(MetricKind::Counter, name, help).sample(&[], value as f64);
    let gauge = |name, help| Family::new(MetricKind::Gauge, name, help);
    let success = gauge("sync_success_rate", "Of the records that came to an end, the share that GHL has.");
    vec![
        counter("ghl_rate_limit_hits", "Calls that GHL answered with 429.", totals.rate_limit_hits()),
        counter("ghl_retry_attempts", "Calls that were made again after a failure.", totals.get(Counter::Retries)),
        counter("ghl_circuit_breaker_opens", "Times that a breaker opened.", totals.get(Counter::BreakerOpens)),
        match totals.sync_success_rate() {
            Some(rate) => success.sample(&[], rate),
            None => success,
        },
        gauge("average_backoff_delay_ms", "Mean wait before a call was made again, in milliseconds.")
            .sample(&[], totals.average_backoff_delay_ms()),
    ]
}

fn calls(totals: &Counts) -> [Family; 2] {
    let mut calls = Family::new(MetricKind::Counter, "ghl_sync_calls_total", "Calls to GHL, by endpoint and answer.");
    for endpoint in Endpoint::ALL {
        for status in StatusClass::ALL {
            let count = totals.get(Counter::Calls(endpoint, status));
            if count > 0 {
                let labels = [("endpoint", endpoint.as_str()), ("status", status.as_str())];
                calls = calls.sample(&labels, count as f64);
            }
        }
    }
    let mut at_most = 0;
    let buckets: Vec<(f64, u64)> = DURATION_BUCKETS_MS
        .iter()
        .enumerate()
        .map(|(bucket, bound_ms)| {
            at_most += totals.get(Counter::CallDuration(bucket));
            (*bound_ms as f64 / 1000.0, at_most)
        })
        .collect();
    let count = at_most + totals.get(Counter::CallDuration(DURATION_BUCKETS_MS.len()));
    let sum = totals.get(Counter::CallMs) as f64 / 1000.0;
    let name = "ghl_sync_call_duration_seconds";
    let durations = Family::new(MetricKind::Histogram, name, "How long GHL took to answer.");
    [calls, durations.histogram(&[], &buckets, count, sum)]
}

fn work(totals: &Counts) -> Vec<Family> {
    let counter = |name, help| Family::new(MetricKind::Counter, name, help);
    let mut waits = counter("ghl_sync_waits_total", "Waits within batches, by what was waited for.");
    let mut wait_s = counter("ghl_sync_wait_seconds_total", "Their length together, in seconds.");
    for reason in WaitReason::ALL {
        let labels = [("reason", reason.as_str())];
        waits = waits.sample(&labels, totals.get(Counter::Waits(reason)) as f64);
        wait_s = wait_s.sample(&labels, totals.get(Counter::WaitMs(reason)) as f64 / 1000.0);
    }
    let mut records = counter("ghl_sync_records_total", "What became of records, in batches and when they were put.");
    for outcome in RecordCount::ALL {
        records = records.sample(&[("outcome", outcome.as_str())], totals.records(outcome) as f64);
    }
    let single = |name, help, counted| counter(name, help).sample(&[], totals.get(counted) as f64);
    vec![
        waits,
        wait_s,
        records,
        single("ghl_sync_calls_saved_total", "Calls not made: GHL had already what was put.", Counter::CallsSaved),
        single("ghl_sync_not_stored_total", "Records that GHL accepted and did not store all of.", Counter::NotStored),
        single("ghl_sync_limits_lowered_total", "Times that GHL told a lower limit.", Counter::LimitsLowered),
        single(
            "ghl_sync_credentials_refused_total",
            "Times that GHL did not accept a token.",
            Counter::CredentialsRefused,
        ),
        single(
            "ghl_sync_shared_ghl_ids_total",
            "Records that GHL took for a contact or opportunity that another record has.",
            Counter::SharedGhlIds,
        ),
        single(
            "ghl_sync_passed_over_total",
            "Times that a record of GHL was passed over: it is longer than 1 MB.",
            Counter::PassedOver,
        ),
        single("ghl_sync_port_failures_total", "Times that a store or a queue failed.", Counter::PortFailures),
    ]
}

fn reconciling(totals: &Counts) -> [Family; 3] {
    let counter = |name, help| Family::new(MetricKind::Counter, name, help);
    let mut repairs = counter("ghl_sync_reconcile_repairs_total", "What reconciling put right, by what it was.");
    for what in [ReconcileCount::StateRepaired, ReconcileCount::Resent, ReconcileCount::Superseded] {
        repairs = repairs.sample(&[("what", what.as_str())], totals.reconciled(what) as f64);
    }
    [
        counter("ghl_sync_reconcile_compared_total", "Changed contacts that reconciling read and compared.")
            .sample(&[], totals.reconciled(ReconcileCount::Compared) as f64),
        repairs,
        counter("ghl_sync_reconcile_put_off_total", "Times that reconciling was put off: something needed the quota.")
            .sample(&[], totals.reconciled(ReconcileCount::PutOff) as f64),
    ]
}

fn state(overview: &Overview) -> Vec<Family> {
    let gauge = |name, help| Family::new(MetricKind::Gauge, name, help);
    let mut health = gauge("ghl_sync_health", "1 for the state that it is in.");
    for state in [Health::Ok, Health::Degraded, Health::Failing] {
        health = health.sample(&[("state", state.as_str())], f64::from(u8::from(overview.health == state)));
    }
    let tick = gauge("ghl_sync_last_tick_age_seconds", "Time since the scheduler ran last.");
    let dead_letters = gauge("ghl_sync_dead_letters", "Messages in the dead-letter queue and the parking queue.");
    vec![
        health,
        match overview.last_tick {
            Some(at) => tick.sample(&[], overview.time.since(at).as_secs_f64()),
            None => tick,
        },
        match overview.dead_letters {
            Some(depth) => dead_letters.sample(&[], depth as f64),
            None => dead_letters,
        },
    ]
}

fn locations(locations: &[LocationOverview], now: EpochMs) -> Vec<Family> {
    let gauge = |name, help| Family::new(MetricKind::Gauge, name, help);
    let mut quota = gauge("ghl_sync_quota_used_ratio", "Share of GHL's quota that is used.");
    let mut breaker = gauge("ghl_sync_breaker_state", "Circuit breaker: 0 closed, 1 half-open, 2 open.");
    let mut paused = gauge("ghl_sync_paused", "1 while a pause holds the location.");
    let mut due = gauge("ghl_sync_due_records", "Records that are due, counted up to a cap.");
    let mut failed = gauge("ghl_sync_failed_records", "Records that stand as failed, counted up to a cap.");
    let mut oldest = gauge("ghl_sync_oldest_due_age_seconds", "For how long the oldest record has been due.");
    for location in locations {
        let id = ("location", location.location_id.as_str());
        let (burst, daily) = (&location.burst, &location.daily);
        let limit = f64::from(burst.pace.limit.get());
        quota = quota.sample(&[id, ("window", "burst")], (limit - f64::from(burst.left)).max(0.0) / limit);
        quota = quota.sample(&[id, ("window", "daily")], daily.used as f64 / daily.limit.max(1) as f64);
        breaker = breaker.sample(&[id], breaker_state(location.breaker.state));
        paused = paused.sample(&[id], f64::from(u8::from(location.pause.is_some())));
        due = due.sample(&[id], location.due.tallied.count as f64);
        failed = failed.sample(&[id], location.failed.count as f64);
        let age = location.due.oldest_at.map_or(0.0, |at| now.since(at).as_secs_f64());
        oldest = oldest.sample(&[id], age);
    }
    vec![quota, breaker, paused, due, failed, oldest]
}

fn breaker_state(state: &str) -> f64 {
    match state {
        "closed" => 0.0,
        "half_open" => 1.0,
        _ => 2.0,
    }
}

//! The metrics of the [`catalogue`] for Prometheus. Labels are endpoints, classes, reasons, outcomes and some of the
//! locations: all bounded.

use ghl_sync_engine::counts::catalogue::{self, Metric, Source, Unit};
use ghl_sync_engine::counts::{Counter, Counts, DURATION_BUCKETS_MS};
use ghl_sync_model::EpochMs;
use ghl_sync_operate::{Health, LocationOverview, LocationState, LocationStatus, Overview};

use crate::exposition::{Family, Format, write};

/// Writes the metrics of an overview as text.
pub(crate) fn text(format: Format, overview: &Overview) -> String {
    let mut families: Vec<Family> =
        catalogue::ALL.into_iter().filter_map(|metric| counted(metric, &overview.totals)).collect();
    families.extend(state(overview));
    families.extend(locations(&overview.locations, overview.time.0));
    write(format, &families)
}

/// Builds a metric from the counters; `None` if it does not come from counters.
fn counted(metric: &'static Metric, totals: &Counts) -> Option<Family> {
    let family = Family::of(metric);
    let number = |count: u64| match metric.unit {
        Unit::Seconds => count as f64 / 1000.0,
        Unit::Count | Unit::None | Unit::Milliseconds => count as f64,
    };
    Some(match metric.source {
        Source::Sum(of) if metric.labels.is_empty() => family.single(number(totals.sum(of))),
        Source::Sum(of) => Counter::all()
            .filter(|counter| of(*counter))
            .map(|counter| (counter.labels(), totals.get(counter)))
            // Of the many pairs of labels, only those that have occurred.
            .filter(|(labels, count)| labels.len() < 2 || *count > 0)
            .fold(family, |family, (labels, count)| family.sample(labels, number(count))),
        Source::Ratio(of) => family.single(of(totals)),
        Source::CallDurations => call_durations(family, totals),
        Source::Elsewhere => return None,
    })
}

fn call_durations(family: Family, totals: &Counts) -> Family {
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
    family.histogram(&buckets, count, totals.get(Counter::CallMs) as f64 / 1000.0)
}

fn state(overview: &Overview) -> [Family; 7] {
    let health = [Health::Ok, Health::Degraded, Health::Failing]
        .into_iter()
        .fold(Family::of(&catalogue::HEALTH), |family, state| {
            family.sample([state.as_str()], f64::from(u8::from(overview.health == state)))
        });
    let tick_age = overview.last_tick.map(|tick| tick.age_s);
    let dead_letters = overview.dead_letters.map(|depth| depth as f64);
    let summary = &overview.summary;
    let locations = LocationState::ALL
        .iter()
        .map(|state| state.as_str())
        .fold(Family::of(&catalogue::LOCATIONS), |family, state| {
            family.sample([state], summary.states.get(state).copied().unwrap_or_default() as f64)
        });
    [
        health,
        Family::of(&catalogue::LAST_TICK_AGE).single(tick_age),
        Family::of(&catalogue::DEAD_LETTERS_LYING).single(dead_letters),
        locations,
        Family::of(&catalogue::LOCATIONS_IN_TROUBLE).single(summary.in_trouble as f64),
        Family::of(&catalogue::ALL_DUE_RECORDS).single(summary.due.count as f64),
        Family::of(&catalogue::ALL_FAILED_RECORDS).single(summary.failed.count as f64),
    ]
}

fn locations(overviews: &[LocationOverview], now: EpochMs) -> Vec<Family> {
    let locations = || overviews.iter().map(|overview| &overview.location);
    let quota = locations().fold(Family::of(&catalogue::QUOTA_USED), |family, location| {
        let (id, quota) = (location.id.as_str(), &location.quota);
        let (burst, daily) = (&quota.burst, &quota.daily);
        family
            .sample([id, "burst"], burst.limit.saturating_sub(burst.left) as f64 / burst.limit as f64)
            .sample([id, "daily"], daily.used as f64 / daily.limit.max(1) as f64)
    });
    let of_each = |metric, value: &dyn Fn(&LocationStatus) -> f64| {
        locations().fold(Family::of(metric), |family, location| family.sample([location.id.as_str()], value(location)))
    };
    vec![
        quota,
        of_each(&catalogue::BREAKER_STATE, &|location| breaker_state(location.breaker.state)),
        of_each(&catalogue::PAUSED, &|location| f64::from(u8::from(location.pause.is_some()))),
        of_each(&catalogue::DUE_RECORDS, &|location| location.due.count as f64),
        of_each(&catalogue::FAILED_RECORDS, &|location| location.failed.count as f64),
        of_each(&catalogue::OLDEST_DUE_AGE, &|location| {
            location.due.oldest_at.map_or(0.0, |at| now.since(at.0).as_secs_f64())
        }),
    ]
}

fn breaker_state(state: &str) -> f64 {
    match state {
        "closed" => 0.0,
        "half_open" => 1.0,
        _ => 2.0,
    }
}

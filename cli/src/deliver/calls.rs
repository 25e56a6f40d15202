//! The calls of a run: their number, speed, and results.

use std::time::Duration;

use crate::args::QuotaArgs;
use crate::report::{
    BreakerUse, DynamoDbUse, GhlCalls, LambdaUse, NotStoredFields, RecordTotals, RunReport, SqsUse, TokenUse,
    percentile,
};
use crate::sandbox::Stats;
use crate::stack::Stack;

/// Facts about a run for its report.
pub(crate) struct RunFacts<'a> {
    pub(crate) quota: &'a QuotaArgs,
    pub(crate) locations: usize,
    pub(crate) shows_tokens: bool,
}

/// The report, as far as it concerns calls and time.
pub(super) fn report(stack: &Stack, asked: &RunFacts<'_>) -> RunReport {
    let window = Duration::from_millis(asked.quota.window_ms);
    let limit = asked.quota.limit;
    let seen = stack.recorder.seen(window);
    let ghl = ghl_calls(stack, asked.quota);
    let accepted_per_location = seen.ok as f64 / asked.locations as f64;
    let span = (seen.last_sent.since(seen.first_sent) + window).as_secs_f64();
    let quota_used = accepted_per_location / span * window.as_secs_f64() / f64::from(limit);
    let full_windows = seen.most_calls.saturating_sub(1) / u64::from(limit);
    stack.tally.read(|counts| {
        let mut latencies = counts.latencies.clone();
        latencies.sort_unstable();
        RunReport {
            import: None,
            records: RecordTotals::default(),
            ghl,
            quota_used,
            seconds: seen.last_answer.since(seen.first_sent).as_secs_f64(),
            lower_bound_seconds: full_windows as f64 * window.as_secs_f64(),
            dynamodb: DynamoDbUse::default(),
            sqs: SqsUse::default(),
            lambda: LambdaUse {
                invocations: stack.functions.bill.invocations(),
                busy_ms: stack.functions.bill.busy_ms(),
            },
            tokens: if asked.shows_tokens {
                stack.sandbox.as_ref().map(|sandbox| tokens(&sandbox.stats()))
            } else {
                None
            },
            breaker: BreakerUse { opens: counts.breaker_opens },
            p50_ms: percentile(&latencies, 50),
            p95_ms: percentile(&latencies, 95),
            retries: counts.retries,
            waited_ms: counts
                .waits
                .iter()
                .map(|(reason, wait)| (reason.as_str(), u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
                .collect(),
            not_stored: counts
                .not_stored
                .iter()
                .map(|((location, record), fields)| NotStoredFields {
                    location: location.to_string(),
                    record: record.to_string(),
                    fields: fields.clone(),
                })
                .collect(),
            errors: counts.errors.iter().map(|(error, count)| (error.clone(), *count)).collect(),
            stopped: None,
        }
    })
}

/// Calls to GHL as counted by the sandbox or, with another GHL, by the client.
pub(crate) fn ghl_calls(stack: &Stack, quota: &QuotaArgs) -> GhlCalls {
    let seen = stack.recorder.seen(Duration::from_millis(quota.window_ms));
    match stack.sandbox.as_ref().map(crate::sandbox::Sandbox::stats) {
        Some(stats) => GhlCalls {
            calls: stats.calls,
            ok: stats.ok,
            status_429: stats.status_429,
            status_other: stats.status_other,
            max_in_any_window: stats.max_in_any_window,
            limit: quota.limit,
            window_ms: quota.window_ms,
            max_concurrent: stats.max_concurrent,
            duplicates: stats.duplicates,
            counted_by: "sandbox",
        },
        None => GhlCalls {
            calls: seen.calls,
            ok: seen.ok,
            status_429: seen.status_429,
            status_other: seen.status_other,
            max_in_any_window: seen.max_in_any_window,
            limit: quota.limit,
            window_ms: quota.window_ms,
            max_concurrent: seen.max_concurrent,
            duplicates: seen.duplicates,
            counted_by: "client",
        },
    }
}

fn tokens(stats: &Stats) -> TokenUse {
    TokenUse {
        refreshes: stats.token_refreshes,
        repeats: stats.token_repeats,
        refusals: stats.token_refusals,
        location_tokens: stats.location_tokens,
        expired: stats.expired_tokens,
    }
}

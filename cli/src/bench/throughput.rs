//! Measures the whole system: records delivered per second, and the share of the quota used.

use std::time::Duration;

use ghl_sync_model::Priority;
use serde::{Deserialize, Serialize};

use super::host::Requests;
use super::{free_ghl, stack_with};
use crate::Failure;
use crate::deliver::{SCHEDULE, wait};
use crate::demo::locations;
use crate::list::made_up;
use crate::sandbox::SandboxOptions;
use crate::stack::{Ghl, StackOptions};

/// Measurements of one run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ThroughputRow {
    pub(crate) locations: u32,
    pub(crate) records: u32,
    /// Whether GHL has its usual quota and latency; otherwise it answers at once and allows everything.
    pub(crate) quota: bool,
    pub(crate) seconds: f64,
    pub(crate) calls: u64,
    /// Most calls possible in that time; `None` where everything is allowed.
    pub(crate) allowed: Option<f64>,
    pub(crate) throttled: u64,
    pub(crate) most_in_any_window: u64,
    pub(crate) pending: u64,
    pub(crate) requests: Requests,
    /// The event source mapping's receives and deletes.
    pub(crate) mapping_requests: u64,
    pub(crate) invocations: u64,
    pub(crate) busy_ms: u64,
}

/// A GHL with its usual quota per location: 100 calls in 10 s, 80 to 250 ms each.
pub(crate) fn usual_ghl() -> StackOptions {
    let latency = Duration::from_millis(80)..=Duration::from_millis(250);
    StackOptions {
        ghl: Ghl::Sandbox(Box::new(SandboxOptions { latency, ..SandboxOptions::default() })),
        ..StackOptions::default()
    }
}

/// Sends `each` records to each of `count` locations.
pub(crate) async fn run(count: u32, each: u32, quota: bool) -> Result<ThroughputRow, Failure> {
    let options = if quota { usual_ghl() } else { free_ghl() };
    let (limit, window) = (options.limit, Duration::from_millis(options.window_ms));
    let locations = locations(&super::STEM.parse()?, count)?;
    let records: Vec<_> = made_up(count * each)?
        .into_iter()
        .zip(locations.iter().cycle())
        .map(|(contact, location)| contact.into_put(location.clone(), Priority::Normal))
        .collect();
    let stack = stack_with(locations, options).await?;
    stack.engine.put(&records).await?;
    let loaded = stack.usage.snapshot();
    let functions = stack.functions.clone().start(SCHEDULE);
    let stopped = wait(&stack, records.len() as u64, None).await;
    stack.functions.drain(functions).await;
    if let Some(stopped) = stopped {
        return Err(stopped.into());
    }
    let seen = stack.recorder.seen(window);
    let span = seen.last_sent.since(seen.first_sent) + window;
    Ok(ThroughputRow {
        locations: count,
        records: u32::try_from(records.len())?,
        quota,
        seconds: seen.last_answer.since(seen.first_sent).as_secs_f64(),
        calls: seen.calls,
        allowed: quota.then(|| f64::from(count * limit) * span.as_secs_f64() / window.as_secs_f64()),
        throttled: seen.status_429,
        most_in_any_window: seen.max_in_any_window,
        pending: stack.tally.read(|counts| records.len() as u64 - counts.ended.len() as u64),
        requests: Requests::of(&stack.usage.snapshot().since(&loaded)),
        mapping_requests: stack.functions.bill.sqs_requests(),
        invocations: stack.functions.bill.invocations(),
        busy_ms: stack.functions.bill.busy_ms(),
    })
}

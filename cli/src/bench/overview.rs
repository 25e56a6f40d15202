//! Measures the overview of thousands of locations, which must not query each of them.

use futures::StreamExt;
use futures::TryStreamExt;
use ghl_sync_engine::counts::{Counter, Counts};
use ghl_sync_engine::ports::{Backlog, PortError, Tallied};
use ghl_sync_engine::standing::{BreakerState, Standing};
use ghl_sync_model::{LocationId, OverviewCursor};
use ghl_sync_operate::{Operator, OverviewPage};
use serde::{Deserialize, Serialize};

use super::host::{BenchHost, Effort, on_a_host};
use super::{free_ghl, stack_with};
use crate::Failure;
use crate::demo::locations;

/// Locations written concurrently.
const AT_ONCE: usize = 32;
/// Out of this many locations, one is in trouble and one has a backlog.
const OF: usize = 100;

/// An overview of many locations.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct OverviewRow {
    pub(crate) locations: u32,
    /// The first page of `/v1/overview`.
    pub(crate) first: Effort,
    /// The page after that.
    pub(crate) second: Effort,
    /// `/metrics`, without rendering its text.
    pub(crate) series: Effort,
    /// Locations with their own series.
    pub(crate) with_series: usize,
    /// `/health`, with a key.
    pub(crate) health: Effort,
}

/// Measures the overview of `count` locations, whose status was written by their last batch.
pub(crate) async fn run(count: u32) -> Result<OverviewRow, Failure> {
    let stack = stack_with(Vec::new(), free_ghl()).await?;
    on_a_host(&stack, move |host| {
        write_down(host, count)?;
        let operator = Operator::new(host.functions.engine.clone());
        let page = OverviewPage::default();
        host.run(operator.overview(&page))?; // The connections.
        let (shown, first) = host.measure(operator.overview(&page))?;
        if shown.summary.locations != u64::from(count) || shown.locations.len() != page.limit {
            return Err(
                format!("{} locations on the page, of {}", shown.locations.len(), shown.summary.locations).into()
            );
        }
        let after = shown.cursor.as_deref().map(OverviewCursor::from_text).transpose()?;
        let (_, second) = host.measure(operator.overview(&OverviewPage { after, ..page.clone() }))?;
        let (told, series) = host.measure(operator.series(None))?;
        let (_, health) = host.measure(operator.health(None))?;
        Ok(OverviewRow { locations: count, first, second, series, with_series: told.locations.len(), health })
    })
    .await
}

/// Writes the status of each location as the adapters do.
fn write_down(host: &BenchHost, count: u32) -> Result<(), Failure> {
    let locations = locations(&super::STEM.parse()?, count.max(2))?;
    let engine = &host.functions.engine;
    let ports = engine.ports();
    let counts = typical();
    host.run(async {
        ports.registry.register(&locations[0]).await?;
        let Some(model) = engine.standing(&locations[0]).await? else {
            return Err(PortError::new("bench", "the first location is not known"));
        };
        let written = locations.iter().enumerate().map(|(number, location)| {
            let standing = of_location(&model, location, number, &counts);
            let counts = &counts;
            async move {
                ports.registry.register(location).await?;
                ports.counters.add(location, standing.at, counts, Some(600), Some(&standing)).await
            }
        });
        futures::stream::iter(written).buffer_unordered(AT_ONCE).try_collect::<()>().await
    })?;
    Ok(())
}

fn of_location(model: &Standing, location: &LocationId, number: usize, counts: &Counts) -> Standing {
    let failed = if number % OF == 7 { 3 } else { 0 };
    let due = if number % OF == 11 { 400 } else { 0 };
    Standing {
        scope: location.clone().into(),
        sums: counts.clone(),
        failed: Tallied { count: failed, capped: false },
        due: Backlog { tallied: Tallied { count: due, capped: false }, oldest_at: (due > 0).then_some(model.at) },
        breaker: if number % 1000 == 500 { BreakerState::Open } else { BreakerState::Closed },
        ..model.clone()
    }
}

/// Typical counters of a location after some months: two kinds of calls, all durations, a few waits.
fn typical() -> Counts {
    let often =
        ["calls_contacts_upsert_2xx", "calls_contacts_update_2xx", "call_ms", "records_succeeded", "records_stored"];
    let durations = (0..10).map(|bucket| format!("call_duration_{bucket}"));
    let seldom = ["retries", "records_deferred", "waits_pace", "wait_ms_pace", "records_unchanged", "calls_saved"];
    let names = often.into_iter().chain(seldom).map(str::to_owned).chain(durations);
    names.filter_map(|name| Some((Counter::of_name(&name)?, 123_456))).collect()
}

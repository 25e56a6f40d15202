//! Requests to all locations: the scheduler has no token, so it only sends messages to the consumer.

use std::time::Duration;

use futures::StreamExt;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Engine, Event, Ports};
use ghl_sync_model::{Ask, LocationId, LocationSettings};

/// Locations asked before the progress is stored.
const ASKED_AT_ONCE: usize = 400;
/// Locations whose settings are read concurrently.
const READ_AT_ONCE: usize = 32;
/// Time per location over which the messages to many locations are spread.
const SPREAD_EACH: Duration = Duration::from_secs(2);
/// Longest such time.
const SPREAD: Duration = Duration::from_secs(600);

/// Whether a location may be asked at all.
pub(crate) fn can_be_asked(settings: &LocationSettings) -> bool {
    settings.enabled && !settings.dry_run
}

/// Sends `ask` to those of `locations` that may be asked, in this order, spread over some minutes. Returns how many
/// were asked.
pub(crate) async fn ask_all(engine: &Engine, ask: Ask, locations: &[LocationId]) -> Result<u32, PortError> {
    let count = u32::try_from(locations.len()).unwrap_or(u32::MAX);
    let spread = SPREAD_EACH.saturating_mul(count).min(SPREAD);
    let (mut asked, mut first_error) = (0, None);
    for group in locations.chunks(ASKED_AT_ONCE) {
        match ask_group(engine.ports(), ask, group, spread).await {
            Ok(count) => asked += count,
            Err(error) => {
                engine.ports().sink.emit(&Event::PortFailed { scope: None, error: &error });
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(asked), Err)
}

/// Whether this location should be asked. Retention runs when a location is asked to reconcile, even if nothing is read
/// from GHL.
fn wants_to_be_asked(ask: Ask, settings: &LocationSettings) -> bool {
    can_be_asked(settings) || (ask == Ask::Reconcile && settings.content_days.is_some())
}

/// Asks the locations of `group` that should be asked, and stores the progress. Returns how many were asked.
async fn ask_group(ports: &Ports, ask: Ask, group: &[LocationId], spread: Duration) -> Result<u32, PortError> {
    let reads: Vec<_> = group.iter().map(|location| ports.registry.location(location)).collect();
    let settings: Vec<_> = futures::stream::iter(reads).buffered(READ_AT_ONCE).collect().await;
    let (mut asks, mut unread) = (Vec::with_capacity(group.len()), None);
    for (location, settings) in group.iter().zip(settings) {
        match settings {
            Ok(settings) if settings.as_ref().is_some_and(|settings| wants_to_be_asked(ask, settings)) => {
                asks.push((location.clone(), spread.mul_f64(ports.randomness.roll())));
            }
            Ok(_) => {}
            Err(error) => unread = Some(error),
        }
    }
    let refused = if asks.is_empty() { Vec::new() } else { ports.queue.ask_all(ask, &asks).await? };
    if let (Ask::Reconcile, Some(last)) = (ask, group.last()) {
        ports.bookmarks.keep_last_asked(last).await?;
    }
    match (unread, refused.len()) {
        (Some(error), _) => Err(error),
        (None, 0) => Ok(u32::try_from(asks.len()).unwrap_or(u32::MAX)),
        (None, refused) => {
            Err(PortError::new("queue.send", format!("{refused} of {} messages were refused", asks.len())))
        }
    }
}

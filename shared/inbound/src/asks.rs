//! Asking for something of all locations: the scheduler has no token, and only sends messages to the consumer.

use std::time::Duration;

use futures::StreamExt;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Engine, Event, Ports};
use ghl_sync_model::{Ask, LocationId, LocationSettings};

/// Locations that are asked before it is kept how far that got.
const ASKED_AT_ONCE: usize = 400;
/// Locations whose settings are read at once.
const READ_AT_ONCE: usize = 32;
/// Messages that ask many locations arrive over so long a time for each.
const SPREAD_EACH: Duration = Duration::from_secs(2);
/// And over so long a time at most.
const SPREAD: Duration = Duration::from_secs(600);

/// Whether anything may be asked of a location.
pub(crate) fn can_be_asked(settings: &LocationSettings) -> bool {
    settings.enabled && !settings.dry_run
}

/// Asks for something of those of `locations` that can be asked, in this order, spread over some minutes. Returns how many
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

/// Contents are dropped when a location is asked to reconcile, also where nothing is read from GHL.
fn wants_to_be_asked(ask: Ask, settings: &LocationSettings) -> bool {
    can_be_asked(settings) || (ask == Ask::Reconcile && settings.content_days.is_some())
}

/// Asks those of `group` that can be asked, and keeps how far that got. Returns how many were asked.
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

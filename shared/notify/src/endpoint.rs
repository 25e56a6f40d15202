//! Health of webhook endpoints.

use std::time::Duration;

use ghl_sync_model::{ContentHash, EpochMs, Item, ItemKind, LocationId, OutcomesWebhook};
use serde::{Deserialize, Serialize};

/// An endpoint that failed for this long without one success is switched off.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);

/// Health of a location's webhook endpoint. The item is written only on a change, so a healthy endpoint has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointHealth {
    /// Hash of the settings it was observed with. Other settings mean another endpoint of unknown health.
    of: Option<ContentHash>,
    /// Start of the current run of failures.
    failing_since: Option<EpochMs>,
    /// When it was switched off.
    off_at: Option<EpochMs>,
    /// Whether the endpoint itself ended the deliveries, with a 410.
    is_gone: bool,
}

impl Item for EndpointHealth {
    const KIND: ItemKind = ItemKind {
        name: "endpoint",
        load: "endpoint.load",
        replace: "endpoint.store",
        attribute: "endpoint",
        listed: None,
        checked: false,
        may_be_stale: true,
    };
    type Key = LocationId;

    fn item_key(location: &LocationId) -> String {
        format!("endpoint#{location}")
    }
}

impl EndpointHealth {
    /// Identity of the endpoint of `webhook` at settings revision `rev`. Any change of the settings switches the
    /// endpoint on again.
    pub(crate) fn identity(rev: u64, webhook: &OutcomesWebhook) -> ContentHash {
        ContentHash::of(format!("{rev}\n{}\n{}", webhook.url, webhook.secret).as_bytes())
    }

    /// Whether deliveries are failing or switched off.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.failing_since.is_some() || self.off_at.is_some()
    }

    pub(crate) fn is_off(&self, of: ContentHash) -> bool {
        self.off_at.is_some() && self.of == Some(of)
    }

    /// Whether the endpoint that is off ended the deliveries itself. Then pending ones are dropped too.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Health after a successful delivery.
    pub(crate) fn well(of: ContentHash) -> EndpointHealth {
        EndpointHealth { of: Some(of), ..EndpointHealth::default() }
    }

    /// Health after a delivery failed at `now`.
    pub(crate) fn failed(&self, of: ContentHash, now: EpochMs) -> EndpointHealth {
        let known = if self.of == Some(of) { self.clone() } else { EndpointHealth::default() };
        let since = known.failing_since.unwrap_or(now);
        let off_at = known.off_at.or_else(|| (now.since(since) >= GIVEN_UP_AFTER).then_some(now));
        EndpointHealth { of: Some(of), failing_since: Some(since), off_at, is_gone: known.is_gone }
    }

    /// Health after a 410 answer.
    pub(crate) fn gone(&self, of: ContentHash, now: EpochMs) -> EndpointHealth {
        EndpointHealth { off_at: Some(now), is_gone: true, ..self.failed(of, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rev: u64) -> ContentHash {
        let webhook = OutcomesWebhook { url: "https://a.example/hook".to_owned(), secret: "ssm:/a".parse().unwrap() };
        EndpointHealth::identity(rev, &webhook)
    }

    #[test]
    fn an_endpoint_is_switched_off_after_three_days_without_a_success() {
        const DAY: u64 = 24 * 3600 * 1000;
        let first = EndpointHealth::default().failed(of(1), EpochMs(DAY));
        assert!(first.is_in_trouble() && !first.is_off(of(1)));
        assert!(!first.failed(of(1), EpochMs(4 * DAY - 1)).is_off(of(1)));
        let off = first.failed(of(1), EpochMs(4 * DAY));
        assert!(off.is_off(of(1)) && off.failed(of(1), EpochMs(9 * DAY)).is_off(of(1)));
        assert!(!EndpointHealth::well(of(1)).failed(of(1), EpochMs(4 * DAY)).is_off(of(1)), "a success counts");
    }

    #[test]
    fn new_settings_switch_an_endpoint_on_again() {
        let off = EndpointHealth::default().gone(of(1), EpochMs(5));
        assert!(off.is_off(of(1)) && !off.is_off(of(2)));
        assert_eq!(off.failed(of(2), EpochMs(9)).failing_since, Some(EpochMs(9)));
        let json = serde_json::to_string(&off).unwrap();
        assert_eq!(serde_json::from_str::<EndpointHealth>(&json).unwrap(), off);
    }
}

//! The locations, as the environment tells of them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::domain::{Api, LocationId, LocationSettings, Pace, ScopeId};
use ghl_sync_engine::ports::{Directory, PortError};
use ghl_sync_ghl::{Account, Accounts, Secret};
use serde::Deserialize;

/// How one location is treated.
#[derive(Debug, Clone)]
pub struct Location {
    /// Whether it is synced at all.
    pub enabled: bool,
    /// Do everything but the call to GHL.
    pub dry_run: bool,
    /// The rate scope it shares with others; `None` is one of its own.
    pub scope: Option<ScopeId>,
    /// Its burst quota.
    pub pace: Pace,
    /// Its daily quota.
    pub daily_limit: u64,
    /// The API it is served by.
    pub api: Api,
    /// Its token.
    pub token: Option<Secret>,
}

/// All locations: those that were named, and a default for all others.
#[derive(Debug, Clone)]
pub struct Locations {
    default: Location,
    named: BTreeMap<LocationId, Location>,
}

impl Locations {
    /// Every location is treated as `default`.
    #[must_use]
    pub fn new(default: Location) -> Locations {
        Locations { default, named: BTreeMap::new() }
    }

    /// Reads `{"location id": {"token": …, "api": "v1|v2", "scope": …, "limit": …, "window_ms": …, "daily_limit": …,
    /// "dry_run": …, "enabled": …}, …}`; what is not said is as in `default`.
    ///
    /// # Errors
    /// Says what is wrong and where, without any token.
    pub fn parse(json: &str, default: &Location) -> Result<Locations, serde_json::Error> {
        let entries: BTreeMap<LocationId, Entry> = serde_json::from_str(json)?;
        let named = entries.into_iter().map(|(id, entry)| (id, entry.over(default))).collect();
        Ok(Locations { default: default.clone(), named })
    }

    /// Adds or replaces one location.
    pub fn insert(&mut self, id: LocationId, location: Location) {
        self.named.insert(id, location);
    }

    /// How `id` is treated.
    #[must_use]
    pub fn of(&self, id: &LocationId) -> Location {
        self.named.get(id).unwrap_or(&self.default).clone()
    }
}

/// A location as it is written in the environment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    enabled: Option<bool>,
    dry_run: Option<bool>,
    scope: Option<ScopeId>,
    limit: Option<Within<1, 10_000>>,
    window_ms: Option<Within<100, 3_600_000>>,
    daily_limit: Option<Within<1, 1_000_000_000>>,
    api: Option<ApiName>,
    token: Option<String>,
}

/// A whole number of a range, the bounds included.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "u64")]
struct Within<const FROM: u32, const TO: u32>(u32);

impl<const FROM: u32, const TO: u32> TryFrom<u64> for Within<FROM, TO> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .filter(|number| (FROM..=TO).contains(number))
            .map(Within)
            .ok_or_else(|| format!("{number} is not a whole number from {FROM} to {TO}"))
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum ApiName {
    V1,
    V2,
}

impl Entry {
    fn over(self, default: &Location) -> Location {
        let limit = self.limit.and_then(|limit| NonZeroU32::new(limit.0));
        let window = self.window_ms.map(|ms| Duration::from_millis(u64::from(ms.0)));
        Location {
            enabled: self.enabled.unwrap_or(default.enabled),
            dry_run: self.dry_run.unwrap_or(default.dry_run),
            scope: self.scope,
            pace: Pace { limit: limit.unwrap_or(default.pace.limit), window: window.unwrap_or(default.pace.window) },
            daily_limit: self.daily_limit.map_or(default.daily_limit, |limit| u64::from(limit.0)),
            api: self.api.map_or(default.api, |api| match api {
                ApiName::V1 => Api::V1,
                ApiName::V2 => Api::V2,
            }),
            token: self.token.map(Secret::new).or_else(|| default.token.clone()),
        }
    }
}

#[async_trait]
impl Directory for Locations {
    async fn location(&self, id: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        let Location { enabled, dry_run, scope, pace, daily_limit, .. } = self.of(id);
        let scope = scope.unwrap_or_else(|| id.clone().into());
        Ok(Some(LocationSettings { scope, enabled, dry_run, pace, daily_limit }))
    }

    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError> {
        let mut members: Vec<LocationId> = self
            .named
            .iter()
            .filter(|(_, location)| location.scope.as_ref() == Some(scope))
            .map(|(id, _)| id.clone())
            .collect();
        // The location that the scope is named after, unless it counts toward another one.
        if let Ok(own) = LocationId::new(scope.as_str())
            && self.of(&own).scope.is_none_or(|of_own| of_own == *scope)
            && !members.contains(&own)
            && (members.is_empty() || self.named.contains_key(&own))
        {
            members.push(own);
        }
        Ok(members)
    }

    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError> {
        let scopes: BTreeSet<ScopeId> = self
            .named
            .iter()
            .filter(|(_, location)| location.enabled)
            .map(|(id, location)| location.scope.clone().unwrap_or_else(|| id.clone().into()))
            .collect();
        Ok(scopes.into_iter().collect())
    }
}

#[async_trait]
impl Accounts for Locations {
    async fn account(&self, id: &LocationId) -> Option<Account> {
        let Location { token, api, .. } = self.of(id);
        token.map(|token| Account { token, api })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations(json: &str) -> Locations {
        let pace = Pace { limit: NonZeroU32::MIN, window: Duration::from_secs(1) };
        let default =
            Location { enabled: true, dry_run: false, scope: None, pace, daily_limit: 1, api: Api::V2, token: None };
        Locations::parse(json, &default).unwrap()
    }

    async fn members(json: &str, scope: &str) -> Vec<String> {
        let members = locations(json).members(&scope.parse().unwrap()).await.unwrap();
        members.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_location_is_a_scope_of_its_own_unless_it_shares_one() {
        let json = r#"{"a":{"scope":"s"},"b":{"scope":"s"},"c":{}}"#;
        assert_eq!(members(json, "s").await, ["a", "b"]);
        assert_eq!(members(json, "c").await, ["c"]);
        assert_eq!(members(json, "unnamed").await, ["unnamed"]);
        assert!(members(json, "a").await.is_empty());
        let scopes = locations(json).scopes().await.unwrap();
        assert_eq!(scopes.iter().map(ScopeId::as_str).collect::<Vec<_>>(), ["c", "s"]);
    }
}

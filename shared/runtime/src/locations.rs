//! Locations as configured in the environment.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_model::{
    Api, Conflict, CredentialsRef, LocationId, LocationLabels, LocationSettings, Pace, Priority, ScopeId, Secret,
    SettingsError,
};
use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};

/// The configuration of one location.
#[derive(Debug, Clone)]
pub struct LocationConfig {
    /// Whether it is synced at all.
    pub enabled: bool,
    /// Do everything except call GHL.
    pub dry_run: bool,
    /// The rate scope that it shares; `None` if it has its own.
    pub scope: Option<ScopeId>,
    /// The scope whose daily quota it shares; `None` if that is its rate scope.
    pub day_scope: Option<ScopeId>,
    /// Its burst quota.
    pub pace: Pace,
    /// Its daily quota.
    pub daily_limit: u64,
    /// The API it is served by.
    pub api: Api,
    /// Where its credentials are stored; `None` if it uses the token of all locations.
    pub credentials: Option<CredentialsRef>,
    /// The conflict rule when GHL's content and ours differ, if set.
    pub conflict: Option<Conflict>,
}

/// All locations: the named ones, and a default for all others.
#[derive(Debug, Clone)]
pub struct Locations {
    default: LocationConfig,
    named: BTreeMap<LocationId, LocationConfig>,
    tokens: EnvTokens,
}

/// Tokens in the environment. Only functions that call GHL have any.
#[derive(Debug, Clone, Default)]
pub struct EnvTokens {
    /// `GHL_TOKEN`: for every location without credentials of its own.
    pub of_all: Option<Secret>,
    /// `GHL_LOCATION_TOKENS`, by location.
    pub of_one: BTreeMap<LocationId, Secret>,
}

impl Locations {
    /// Treats every location as `default`.
    #[must_use]
    pub fn new(default: LocationConfig) -> Locations {
        Locations { default, named: BTreeMap::new(), tokens: EnvTokens::default() }
    }

    /// Parses `{"location id": {"credentials": …, "api": "v1|v2", "scope": …, "day_scope": …, "limit": …,
    /// "window_ms": …, "daily_limit": …, "dry_run": …, "enabled": …, "conflict": "ours|theirs|newest"}, …}`; absent
    /// settings come from `default`.
    ///
    /// # Errors
    /// Describes the problem and its position, without any token. A `token` is rejected, because every function reads
    /// this variable.
    pub fn parse(json: &str, default: &LocationConfig) -> Result<Locations, serde_json::Error> {
        let entries: BTreeMap<LocationId, NamedLocation> = ghl_sync_model::json::from_str(json)?;
        if let Some((id, _)) = entries.iter().find(|(_, entry)| entry.token.is_some()) {
            return Err(serde_json::Error::custom(format!(
                "location `{id}` has a `token`, and every function reads GHL_LOCATIONS; write the token into \
                 GHL_LOCATION_TOKENS, which only the functions that call GHL get, and here \
                 \"credentials\": \"{}\"",
                CredentialsRef::OfLocation(id.clone())
            )));
        }
        let named = entries.into_iter().map(|(id, entry)| (id, entry.over(default))).collect();
        Ok(Locations { default: default.clone(), named, tokens: EnvTokens::default() })
    }

    /// The same locations with the tokens of this function.
    #[must_use]
    pub fn with_tokens(self, tokens: EnvTokens) -> Locations {
        Locations { tokens, ..self }
    }

    /// A location with a token that its settings do not use: it would be called with another token.
    #[must_use]
    pub fn unused_token(&self) -> Option<&LocationId> {
        let uses = |id: &LocationId| {
            let credentials = self.named.get(id).and_then(|location| location.credentials.as_ref());
            matches!(credentials, Some(CredentialsRef::OfLocation(used)) if used == id)
        };
        self.tokens.of_one.keys().find(|id| !uses(id))
    }

    /// Checks that a `location` on API v1 with these `settings` has its own key; credentials that all locations share
    /// (`GHL_CREDENTIALS`) do not count.
    ///
    /// # Errors
    /// Names `credentials` and the allowed values.
    pub fn check_key(&self, location: &LocationId, settings: &LocationSettings) -> Result<(), SettingsError> {
        let shared = self.default.credentials.as_ref();
        let is_shared = shared.is_some_and(|shared| *shared == settings.credentials);
        let credentials = if is_shared { CredentialsRef::Default } else { settings.credentials.clone() };
        LocationSettings { credentials, ..settings.clone() }.check_key(location)
    }

    /// The first named location on API v1 without its own key, and the problem.
    #[must_use]
    pub fn without_own_key(&self) -> Option<(&LocationId, SettingsError)> {
        self.named().find_map(|id| Some((id, self.check_key(id, &self.settings(id)).err()?)))
    }

    /// The locations whose credentials are in a file; `None` stands for all that are not named.
    pub(crate) fn in_files(&self) -> impl Iterator<Item = Option<&LocationId>> {
        let named = self.named.iter().map(|(id, location)| (Some(id), location));
        let all = named.chain([(None, &self.default)]);
        all.filter(|(_, location)| matches!(location.credentials, Some(CredentialsRef::File(_)))).map(|(id, _)| id)
    }

    /// Adds or replaces one location.
    pub fn insert(&mut self, id: LocationId, location: LocationConfig) {
        self.named.insert(id, location);
    }

    /// The configuration of `id`.
    #[must_use]
    pub fn of(&self, id: &LocationId) -> LocationConfig {
        self.named.get(id).unwrap_or(&self.default).clone()
    }
}

/// A location's entry in the environment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedLocation {
    enabled: Option<bool>,
    dry_run: Option<bool>,
    scope: Option<ScopeId>,
    day_scope: Option<ScopeId>,
    limit: Option<BoundedInt<1, 10_000>>,
    window_ms: Option<BoundedInt<100, 3_600_000>>,
    daily_limit: Option<BoundedInt<1, 1_000_000_000>>,
    api: Option<ApiName>,
    token: Option<IgnoredAny>,
    credentials: Option<CredentialsRef>,
    conflict: Option<Conflict>,
}

/// An integer from `FROM` to `TO`, inclusive.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "u64")]
struct BoundedInt<const FROM: u32, const TO: u32>(u32);

impl<const FROM: u32, const TO: u32> TryFrom<u64> for BoundedInt<FROM, TO> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .filter(|number| (FROM..=TO).contains(number))
            .map(BoundedInt)
            .ok_or_else(|| format!("{number} is not a whole number from {FROM} to {TO}"))
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum ApiName {
    V1,
    V2,
}

impl NamedLocation {
    fn over(self, default: &LocationConfig) -> LocationConfig {
        let limit = self.limit.and_then(|limit| NonZeroU32::new(limit.0));
        let window = self.window_ms.map(|ms| Duration::from_millis(u64::from(ms.0)));
        LocationConfig {
            enabled: self.enabled.unwrap_or(default.enabled),
            dry_run: self.dry_run.unwrap_or(default.dry_run),
            scope: self.scope,
            day_scope: self.day_scope,
            pace: Pace { limit: limit.unwrap_or(default.pace.limit), window: window.unwrap_or(default.pace.window) },
            daily_limit: self.daily_limit.map_or(default.daily_limit, |limit| u64::from(limit.0)),
            api: self.api.map_or(default.api, |api| match api {
                ApiName::V1 => Api::V1,
                ApiName::V2 => Api::V2,
            }),
            credentials: self.credentials.or_else(|| default.credentials.clone()),
            conflict: self.conflict.or(default.conflict),
        }
    }
}

impl Locations {
    /// The settings of `id` according to the environment.
    #[must_use]
    pub fn settings(&self, id: &LocationId) -> LocationSettings {
        let LocationConfig {
            enabled, dry_run, scope, day_scope, pace, daily_limit, api, credentials, conflict, ..
        } = self.of(id);
        LocationSettings {
            scope: scope.unwrap_or_else(|| id.clone().into()),
            day_scope,
            enabled,
            dry_run,
            pace,
            daily_limit,
            daily_reserve: 0,
            default_priority: Priority::default(),
            conflict: conflict.unwrap_or_default(),
            conflict_is_set: conflict.is_some(),
            api,
            credentials: credentials.unwrap_or(CredentialsRef::Default),
            outcomes_webhook: None,
            content_days: None,
            labels: LocationLabels::default(),
        }
    }

    /// The token that `credentials` refers to, if it is in the environment.
    #[must_use]
    pub fn token(&self, credentials: &CredentialsRef) -> Option<Secret> {
        match credentials {
            CredentialsRef::Default => self.tokens.of_all.clone(),
            CredentialsRef::OfLocation(id) => self.tokens.of_one.get(id).cloned(),
            _ => None,
        }
    }

    /// The locations that the environment names.
    pub fn named(&self) -> impl Iterator<Item = &LocationId> {
        self.named.keys()
    }

    /// Whether the environment names `id`.
    #[must_use]
    pub fn names(&self, id: &LocationId) -> bool {
        self.named.contains_key(id)
    }

    /// The locations that share `scope`. A location that is not named is its own scope.
    #[must_use]
    pub fn members(&self, scope: &ScopeId) -> Vec<LocationId> {
        let mut members: Vec<LocationId> = self
            .named
            .iter()
            .filter(|(_, location)| location.scope.as_ref() == Some(scope))
            .map(|(id, _)| id.clone())
            .collect();
        // The location that gives the scope its name, unless it belongs to another scope.
        if let Ok(own) = LocationId::new(scope.as_str())
            && self.of(&own).scope.is_none_or(|of_own| of_own == *scope)
            && !members.contains(&own)
            && (members.is_empty() || self.named.contains_key(&own))
        {
            members.push(own);
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations(json: &str) -> Locations {
        let pace = Pace { limit: NonZeroU32::MIN, window: Duration::from_secs(1) };
        let default = LocationConfig {
            enabled: true,
            dry_run: false,
            scope: None,
            day_scope: None,
            pace,
            daily_limit: 1,
            api: Api::V2,
            credentials: None,
            conflict: None,
        };
        Locations::parse(json, &default).unwrap()
    }

    fn members(json: &str, scope: &str) -> Vec<String> {
        locations(json).members(&scope.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_location_is_a_scope_of_its_own_unless_it_shares_one() {
        let json = r#"{"a":{"scope":"s"},"b":{"scope":"s"},"c":{}}"#;
        assert_eq!(members(json, "s"), ["a", "b"]);
        assert_eq!(members(json, "c"), ["c"]);
        assert_eq!(members(json, "unnamed"), ["unnamed"]);
        assert!(members(json, "a").is_empty());
    }

    #[test]
    fn credentials_say_where_the_token_is_and_lead_to_it() {
        let of_one = BTreeMap::from([("a".parse().unwrap(), Secret::new("of a"))]);
        let tokens = EnvTokens { of_all: Some(Secret::new("of all")), of_one };
        let json = r#"{"a":{"credentials":"env:GHL_LOCATION_TOKENS/a"},"b":{}}"#;
        let locations = locations(json).with_tokens(tokens);
        for (id, reference, token) in [
            ("a", "env:GHL_LOCATION_TOKENS/a", "of a"),
            ("b", "env:GHL_TOKEN", "of all"),
            ("c", "env:GHL_TOKEN", "of all"),
        ] {
            let credentials = locations.settings(&id.parse().unwrap()).credentials;
            assert_eq!(credentials.to_string(), reference);
            assert_eq!(locations.token(&credentials).unwrap().expose(), token);
        }
        assert_eq!(locations.token(&"env:GHL_LOCATION_TOKENS/b".parse().unwrap()), None, "it has none of its own");
    }

    #[test]
    fn a_location_may_have_its_credentials_elsewhere_and_no_token_where_every_function_reads_it() {
        let elsewhere = locations(r#"{"a":{"credentials":"ssm:/ghl-sync/a"}}"#);
        assert_eq!(elsewhere.settings(&"a".parse().unwrap()).credentials.to_string(), "ssm:/ghl-sync/a");
        assert_eq!(elsewhere.settings(&"b".parse().unwrap()).credentials, CredentialsRef::Default);
        let default = elsewhere.of(&"b".parse().unwrap());
        for with_token in
            [r#"{"a":{"token":"pit-secret"}}"#, r#"{"a":{"credentials":"ssm:/a","token":["pit-secret"]}}"#]
        {
            let error = Locations::parse(with_token, &default).unwrap_err().to_string();
            assert!(error.contains("location `a` has a `token`") && !error.contains("pit-secret"), "{error}");
            assert!(error.contains(r#""credentials": "env:GHL_LOCATION_TOKENS/a""#), "{error}");
        }
        let unknown =
            Locations::parse(r#"{"a":{"credentials":"vault:pit-secret"}}"#, &default).unwrap_err().to_string();
        assert!(unknown.contains("`ssm:/PATH/NAME`") && !unknown.contains("pit-secret"), "{unknown}");
    }
}

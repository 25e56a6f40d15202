//! Settings of a location.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Api, Conflict, CredentialsRef, EpochMs, Item, ItemKind, LocationId, LocationLabels, Priority, ScopeId,
    SettingsError,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A quota of calls: at most `limit` in any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Calls per window.
    pub limit: NonZeroU32,
    /// Length of the window.
    #[serde(rename = "window_ms", with = "duration_ms")]
    pub window: Duration,
}

impl Pace {
    /// A limit of at least one call: 0 becomes 1.
    #[must_use]
    pub fn at_least_one(limit: u32) -> NonZeroU32 {
        NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
    }

    /// Calls per second.
    #[must_use]
    pub fn rate(self) -> f64 {
        f64::from(self.limit.get()) / self.window.as_secs_f64().max(1e-9)
    }
}

/// Which of the limits in GHL's headers replace ours (`GHL_RATE_LIMIT_ADOPT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdoptLimits {
    /// Those lower than ours. Higher ones are only displayed.
    #[default]
    Lower,
    /// All limits that GHL reports, higher ones too: GHL may set them for one app, location or integration.
    Told,
}

impl AdoptLimits {
    /// Each variant, with its name.
    pub const ALL: [(&'static str, AdoptLimits); 2] = [("lower", AdoptLimits::Lower), ("told", AdoptLimits::Told)];
}

/// The settings of one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationSettings {
    /// The rate scope of its calls; by default the location's own.
    pub scope: ScopeId,
    /// The scope of its daily quota, if not `scope`: the private integrations of a location each have a burst quota
    /// and share the day.
    pub day_scope: Option<ScopeId>,
    /// Whether it is synced at all.
    pub enabled: bool,
    /// Do everything except call GHL.
    pub dry_run: bool,
    /// The burst quota.
    pub pace: Pace,
    /// Calls per day.
    pub daily_limit: u64,
    /// Calls per day reserved for records of high priority.
    pub daily_reserve: u64,
    /// Priority of records put without one.
    pub default_priority: Priority,
    /// Which side wins when GHL's content and ours differ.
    pub conflict: Conflict,
    /// Whether that rule was set for this location: it then overrides the rule given with a put.
    pub conflict_is_set: bool,
    /// The API that serves it.
    pub api: Api,
    /// Where its credentials are stored.
    pub credentials: CredentialsRef,
    /// Webhook that receives the outcomes of its records.
    pub outcomes_webhook: Option<OutcomesWebhook>,
    /// Contents are dropped this many days after GHL accepted them; `None` keeps them.
    pub content_days: Option<u32>,
    /// Names and tags for people.
    pub labels: LocationLabels,
}

/// Webhook for outcomes, with its signing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomesWebhook {
    /// An `https://` URL.
    pub url: String,
    /// Where the signing secret is stored; never the secret itself.
    pub secret: CredentialsRef,
}

/// An operator's settings for a location; absent ones come from the environment. Settings of a newer build are
/// ignored: a location must not stop after a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsOverlay {
    /// [`LocationSettings::enabled`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// [`LocationSettings::api`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// [`LocationSettings::credentials`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsRef>,
    /// [`LocationSettings::pace`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// [`LocationSettings::daily_limit`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<u64>,
    /// [`LocationSettings::day_scope`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_scope: Option<ScopeId>,
    /// [`LocationSettings::daily_reserve`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_reserve: Option<u64>,
    /// [`LocationSettings::dry_run`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// [`LocationSettings::default_priority`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_priority: Option<Priority>,
    /// [`LocationSettings::conflict`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// [`LocationSettings::outcomes_webhook`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes_webhook: Option<OutcomesWebhook>,
    /// [`LocationSettings::content_days`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_days: Option<u32>,
    /// [`LocationLabels::name`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// [`LocationLabels::tags`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// [`LocationLabels::credentials_expire_at`]
    #[serde(skip_serializing_if = "Option::is_none", with = "crate::labels::as_text")]
    pub credentials_expire_at: Option<EpochMs>,
    /// Mapping for lists that come without one, in the format of `mapping.json`. Only readers of lists need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Map<String, Value>>,
}

/// A listed location without any settings also counts as known.
impl Item for SettingsOverlay {
    const KIND: ItemKind = ItemKind {
        name: "settings",
        load: "settings.load",
        replace: "settings.store",
        attribute: "settings",
        listed: Some(SettingsOverlay::LISTED),
        checked: false,
        may_be_stale: false,
    };
    type Key = LocationId;

    fn item_key(location: &LocationId) -> String {
        format!("location#{location}")
    }

    fn unset() -> Option<SettingsOverlay> {
        Some(SettingsOverlay::default())
    }
}

impl SettingsOverlay {
    /// Name under which the known locations are listed.
    pub const LISTED: &str = "location";
    /// Most bytes of a mapping, as JSON: every batch reads it along with the settings.
    pub const MAX_MAPPING: usize = 8 * 1024;

    /// Checks the settings that are not in [`LocationSettings`].
    ///
    /// # Errors
    /// [`SettingsError`] names the field and the allowed values.
    pub fn check(&self) -> Result<(), SettingsError> {
        let bytes = self.mapping.as_ref().map_or(0, |mapping| Value::Object(mapping.clone()).to_string().len());
        if bytes > Self::MAX_MAPPING {
            let most = Self::MAX_MAPPING;
            let reason = format!("has {bytes} bytes, and {most} at most fit; put a longer one into the bucket");
            return Err(SettingsError { field: "mapping", reason });
        }
        Ok(())
    }

    /// `base`, overridden by the settings that are present here.
    #[must_use]
    pub fn over(&self, base: LocationSettings) -> LocationSettings {
        LocationSettings {
            day_scope: self.day_scope.clone().or(base.day_scope),
            scope: base.scope,
            enabled: self.enabled.unwrap_or(base.enabled),
            dry_run: self.dry_run.unwrap_or(base.dry_run),
            pace: self.pace.unwrap_or(base.pace),
            daily_limit: self.daily_limit.unwrap_or(base.daily_limit),
            daily_reserve: self.daily_reserve.unwrap_or(base.daily_reserve),
            default_priority: self.default_priority.unwrap_or(base.default_priority),
            conflict: self.conflict.unwrap_or(base.conflict),
            conflict_is_set: self.conflict.is_some() || base.conflict_is_set,
            api: self.api.unwrap_or(base.api),
            credentials: self.credentials.clone().unwrap_or(base.credentials),
            outcomes_webhook: self.outcomes_webhook.clone().or(base.outcomes_webhook),
            content_days: self.content_days.or(base.content_days),
            labels: LocationLabels {
                name: self.name.clone().or(base.labels.name),
                tags: self.tags.clone().unwrap_or(base.labels.tags),
                credentials_expire_at: self.credentials_expire_at.or(base.labels.credentials_expire_at),
            },
        }
    }
}

impl LocationSettings {
    /// Checks what the types do not guarantee. The bounds are those of the environment variables.
    ///
    /// # Errors
    /// [`SettingsError`] names the field and the allowed values.
    pub fn check(&self) -> Result<(), SettingsError> {
        let window_ms = u64::try_from(self.pace.window.as_millis()).unwrap_or(u64::MAX);
        within("pace.limit", u64::from(self.pace.limit.get()), 1, 10_000)?;
        within("pace.window_ms", window_ms, 100, 3_600_000)?;
        within("daily_limit", self.daily_limit, 1, 1_000_000_000)?;
        if self.daily_reserve >= self.daily_limit {
            let reason = format!("is {}; it must be less than daily_limit ({})", self.daily_reserve, self.daily_limit);
            return Err(SettingsError { field: "daily_reserve", reason });
        }
        if let Some(days) = self.content_days {
            within("content_days", days.into(), 1, 3650)?;
        }
        self.labels.check()?;
        self.outcomes_webhook.as_ref().map_or(Ok(()), OutcomesWebhook::check)
    }

    /// Expiry of data that GHL reported about a record at `now`; `None` keeps it.
    #[must_use]
    pub fn keep_until(&self, now: EpochMs) -> Option<EpochMs> {
        self.content_days.map(|days| now + DAY * days)
    }

    /// Checks that a `location` on API v1 has its own key. A v1 key acts for the one location that it was made in:
    /// the token of all locations, or another location's key, would write into somebody else's account.
    ///
    /// # Errors
    /// [`SettingsError`] names `credentials` and the allowed values.
    pub fn check_key(&self, location: &LocationId) -> Result<(), SettingsError> {
        let is_own = match &self.credentials {
            CredentialsRef::Default => false,
            CredentialsRef::OfLocation(of) => of == location,
            CredentialsRef::Ssm(_) | CredentialsRef::SecretsManager(_) | CredentialsRef::File(_) => true,
        };
        if self.api == Api::V2 || is_own {
            return Ok(());
        }
        let own = CredentialsRef::OfLocation(location.clone());
        let reason = format!(
            "is `{}`; a key of API v1 writes into the one account that it was made in, so `{location}` needs its own: \
             `{own}`, `ssm:/PATH/NAME` or `secretsmanager:NAME_OR_ARN`",
            self.credentials
        );
        Err(SettingsError { field: "credentials", reason })
    }
}

impl OutcomesWebhook {
    /// Longest URL, in characters.
    pub const MAX_URL: usize = 2048;

    /// Checks what the types do not guarantee. The error omits the URL, which may contain a secret.
    ///
    /// # Errors
    /// [`SettingsError`] names the field and the allowed values.
    pub fn check(&self) -> Result<(), SettingsError> {
        let host = self.url.strip_prefix("https://").unwrap_or_default();
        let host = &host[..host.find(['/', '?', '#']).unwrap_or(host.len())];
        let is_plain = self.url.len() <= Self::MAX_URL && self.url.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.contains(['@', '\\']) || !is_plain {
            let reason = "is not an https:// URL of at most 2048 characters without user and password".to_owned();
            return Err(SettingsError { field: "outcomes_webhook.url", reason });
        }
        match self.secret {
            CredentialsRef::Ssm(_) | CredentialsRef::SecretsManager(_) | CredentialsRef::File(_) => Ok(()),
            CredentialsRef::Default | CredentialsRef::OfLocation(_) => {
                let reason = format!(
                    "is `{}`, a token of GHL's; expected `ssm:/PATH/NAME` or `secretsmanager:NAME_OR_ARN`",
                    self.secret
                );
                Err(SettingsError { field: "outcomes_webhook.secret", reason })
            }
        }
    }
}

fn within(field: &'static str, value: u64, from: u64, to: u64) -> Result<(), SettingsError> {
    if (from..=to).contains(&value) {
        return Ok(());
    }
    Err(SettingsError { field, reason: format!("is {value}; expected a whole number from {from} to {to}") })
}

pub(crate) mod duration_ms {
    //! Serializes a duration as a whole number of milliseconds.

    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(span.as_millis()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> LocationSettings {
        LocationSettings {
            scope: ScopeId::new("s").unwrap(),
            day_scope: None,
            enabled: true,
            dry_run: false,
            pace: Pace { limit: NonZeroU32::new(100).unwrap(), window: Duration::from_secs(10) },
            daily_limit: 1000,
            daily_reserve: 0,
            default_priority: Priority::Normal,
            conflict: Conflict::Ours,
            conflict_is_set: false,
            api: Api::V2,
            credentials: CredentialsRef::Default,
            outcomes_webhook: None,
            content_days: None,
            labels: LocationLabels::default(),
        }
    }

    #[test]
    fn what_is_set_lies_over_what_the_environment_says_and_is_read_back_as_written() {
        let json = r#"{"enabled":false,"api":"v1","credentials":"env:GHL_LOCATION_TOKENS/loc1",
            "pace":{"limit":7,"window_ms":2000},"daily_limit":50,"daily_reserve":5,"dry_run":true,"default_priority":"low",
            "conflict":"theirs","day_scope":"account","name":"Desk","tags":["a"],
            "credentials_expire_at":"2027-01-31","mapping":{"columns":{"Fax":"ignore"}},
            "outcomes_webhook":{"url":"https://crm.example/hook?key=1","secret":"ssm:/ghl-sync/s/outcomes/loc1"}}"#;
        let overlay: SettingsOverlay = serde_json::from_str(json).unwrap();
        let settings = overlay.over(base());
        assert_eq!(settings.check(), Ok(()));
        assert_eq!((settings.enabled, settings.dry_run, settings.api), (false, true, Api::V1));
        assert_eq!(settings.conflict, Conflict::Theirs);
        assert_eq!((settings.labels.name.as_deref(), &settings.labels.tags), (Some("Desk"), &vec!["a".to_owned()]));
        assert_eq!(settings.day_scope, Some(ScopeId::new("account").unwrap()));
        assert_eq!((settings.pace.limit.get(), settings.daily_limit, settings.daily_reserve), (7, 50, 5));
        let written = serde_json::to_string(&overlay).unwrap();
        assert_eq!(serde_json::from_str::<SettingsOverlay>(&written).unwrap(), overlay);
        assert_eq!(SettingsOverlay::default().over(base()), base());
        assert_eq!(serde_json::to_string(&SettingsOverlay::default()).unwrap(), "{}");
    }

    #[test]
    fn on_api_v1_only_a_key_of_its_own_is_a_locations_key() {
        let location = LocationId::new("a").unwrap();
        let cases = [
            ("env:GHL_TOKEN", false),
            ("env:GHL_LOCATION_TOKENS/b", false),
            ("env:GHL_LOCATION_TOKENS/a", true),
            ("ssm:/keys/a", true),
            ("secretsmanager:keys/a", true),
            ("file:/keys/a", true),
        ];
        for (credentials, is_own) in cases {
            let settings = |api| LocationSettings { api, credentials: credentials.parse().unwrap(), ..base() };
            assert_eq!(settings(Api::V2).check_key(&location), Ok(()), "{credentials}");
            let checked = settings(Api::V1).check_key(&location);
            assert_eq!(checked.is_ok(), is_own, "{credentials}");
            if let Err(SettingsError { field, reason }) = checked {
                assert!(field == "credentials" && reason.contains("`env:GHL_LOCATION_TOKENS/a`"), "{reason}");
            }
        }
    }

    #[test]
    fn a_bad_setting_is_refused_with_its_name_and_what_it_may_be() {
        let cases = [
            (r#"{"pace":{"limit":10001,"window_ms":1000}}"#, "pace.limit", "10000"),
            (r#"{"pace":{"limit":1,"window_ms":99}}"#, "pace.window_ms", "100"),
            (r#"{"daily_limit":0}"#, "daily_limit", "1000000000"),
            (r#"{"daily_reserve":1000}"#, "daily_reserve", "daily_limit (1000)"),
            (
                r#"{"outcomes_webhook":{"url":"http://a.example","secret":"ssm:/a"}}"#,
                "outcomes_webhook.url",
                "https://",
            ),
            (r#"{"outcomes_webhook":{"url":"https://","secret":"ssm:/a"}}"#, "outcomes_webhook.url", "https://"),
            (
                r#"{"outcomes_webhook":{"url":"https://a@b.example/","secret":"ssm:/a"}}"#,
                "outcomes_webhook.url",
                "user",
            ),
            (
                r#"{"outcomes_webhook":{"url":"https://a.example/ b","secret":"ssm:/a"}}"#,
                "outcomes_webhook.url",
                "https",
            ),
            (
                r#"{"outcomes_webhook":{"url":"https://a.example","secret":"env:GHL_TOKEN"}}"#,
                "outcomes_webhook.secret",
                "ssm:",
            ),
        ];
        for (json, field, expected) in cases {
            let error = serde_json::from_str::<SettingsOverlay>(json).unwrap().over(base()).check().unwrap_err();
            assert!(error.field == field && error.reason.contains(expected), "{json}: {error}");
        }
        for json in [
            r#"{"credentials":"secret:x"}"#,
            r#"{"credentials":"env:OTHER"}"#,
            r#"{"credentials":"env:GHL_LOCATION_TOKENS/"}"#,
        ] {
            let error = serde_json::from_str::<SettingsOverlay>(json).unwrap_err().to_string();
            assert!(
                error.contains("`credentials`") && error.contains("env:GHL_LOCATION_TOKENS/LOCATION_ID"),
                "{error}"
            );
            assert!(!error.contains("secret:x"), "what was given may be a token");
        }
    }
}

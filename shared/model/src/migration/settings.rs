//! How fast a migration fills the outbox, and how certain a match must be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, Item, ItemKind, SettingsError};

/// Presets of settings for accounts of different sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Fewer than 100 contacts: groups of 10, 0.1 s apart.
    Small,
    /// 100 to 500 contacts: groups of 20, 0.2 s apart.
    #[default]
    Medium,
    /// More than 500 contacts: groups of 20, 0.3 s apart.
    Large,
    /// An account that shares its quota with other users: groups of 5, 0.5 s apart.
    RateLimited,
    /// Individual settings.
    Custom,
}

impl Preset {
    /// The preset for an account with this many contacts.
    #[must_use]
    pub fn for_size(contacts: u64) -> Preset {
        match contacts {
            0..100 => Preset::Small,
            100..=500 => Preset::Medium,
            _ => Preset::Large,
        }
    }

    fn numbers(self) -> (u32, Duration) {
        match self {
            Preset::Small => (10, Duration::from_millis(100)),
            Preset::Medium | Preset::Custom => (20, Duration::from_millis(200)),
            Preset::Large => (20, Duration::from_millis(300)),
            Preset::RateLimited => (5, Duration::from_millis(500)),
        }
    }
}

/// Settings given by a person; absent ones follow from the preset, and the preset follows from the account's size.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MigrationOverlay {
    /// Preset for all settings that are absent; `custom` uses the values of `medium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Records put into the outbox at once, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Seconds between two such groups, 0 to 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_delay: Option<f64>,
    /// Least similarity of two names to count as the same, 0.5 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity_threshold: Option<f64>,
    /// Leave the opportunities out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_opportunities: Option<bool>,
    /// Skip the verification at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_verify: Option<bool>,
}

/// Settings of all migrations.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MigrationConfig {
    /// The settings.
    pub overlay: MigrationOverlay,
    /// Changes to the settings, oldest first; the last 50 entries.
    pub audit: Vec<AuditEntry>,
}

impl Item for MigrationConfig {
    const KIND: ItemKind = ItemKind {
        name: "migration_config",
        load: "migrations.load",
        replace: "migrations.write",
        attribute: "config",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = ();

    fn item_key((): &()) -> String {
        "migration-config".to_owned()
    }
}

/// The effective settings of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationSettings {
    /// The preset of absent settings.
    pub preset: Preset,
    /// Records put into the outbox at once.
    pub batch_size: u32,
    /// Seconds between two such groups. The gate paces all calls anyway; this only limits how fast the outbox fills.
    pub rate_limit_delay: f64,
    /// Least similarity of two names to count as the same.
    pub similarity_threshold: f64,
    /// Leave the opportunities out.
    pub skip_opportunities: bool,
    /// Skip the verification at the end.
    pub skip_verify: bool,
}

impl MigrationOverlay {
    /// These settings, completed by those of `lower`.
    #[must_use]
    pub fn over(&self, lower: &MigrationOverlay) -> MigrationOverlay {
        MigrationOverlay {
            preset: self.preset.or(lower.preset),
            batch_size: self.batch_size.or(lower.batch_size),
            rate_limit_delay: self.rate_limit_delay.or(lower.rate_limit_delay),
            similarity_threshold: self.similarity_threshold.or(lower.similarity_threshold),
            skip_opportunities: self.skip_opportunities.or(lower.skip_opportunities),
            skip_verify: self.skip_verify.or(lower.skip_verify),
        }
    }

    /// The effective settings for an account with this many contacts; while the number is unknown, those of a medium
    /// account.
    #[must_use]
    pub fn settle(&self, contacts: Option<u64>) -> MigrationSettings {
        let preset = self.preset.unwrap_or_else(|| contacts.map_or(Preset::Medium, Preset::for_size));
        let (batch_size, delay) = preset.numbers();
        let is_custom = self.batch_size.is_some() || self.rate_limit_delay.is_some();
        MigrationSettings {
            preset: if is_custom { Preset::Custom } else { preset },
            batch_size: self.batch_size.unwrap_or(batch_size),
            rate_limit_delay: self.rate_limit_delay.unwrap_or(delay.as_secs_f64()),
            similarity_threshold: self.similarity_threshold.unwrap_or(0.85),
            skip_opportunities: self.skip_opportunities.unwrap_or(false),
            skip_verify: self.skip_verify.unwrap_or(false),
        }
    }

    /// Checks what the types do not guarantee.
    ///
    /// # Errors
    /// [`SettingsError`] names the field and the allowed values.
    pub fn check(&self) -> Result<(), SettingsError> {
        within("batch_size", self.batch_size.map(f64::from), 1.0, 500.0)?;
        within("rate_limit_delay", self.rate_limit_delay, 0.0, 60.0)?;
        within("similarity_threshold", self.similarity_threshold, 0.5, 1.0)
    }
}

impl MigrationSettings {
    /// The time between two groups.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.rate_limit_delay).unwrap_or_default()
    }
}

fn within(field: &'static str, value: Option<f64>, from: f64, to: f64) -> Result<(), SettingsError> {
    match value {
        Some(value) if !(from..=to).contains(&value) => {
            Err(SettingsError { field, reason: format!("is {value}; expected a number from {from} to {to}") })
        }
        _ => Ok(()),
    }
}

/// An action of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// When it was done.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub at: EpochMs,
    /// Who did it, if known.
    pub by: Option<String>,
    /// The action: `started`, `approved`, and the like.
    pub action: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_s_size_chooses_the_numbers_unless_somebody_has_set_them() {
        let table = [
            ("{}", None, (Preset::Medium, 20, 0.2)),
            ("{}", Some(0), (Preset::Small, 10, 0.1)),
            ("{}", Some(99), (Preset::Small, 10, 0.1)),
            ("{}", Some(100), (Preset::Medium, 20, 0.2)),
            ("{}", Some(500), (Preset::Medium, 20, 0.2)),
            ("{}", Some(501), (Preset::Large, 20, 0.3)),
            ("{}", Some(20_000), (Preset::Large, 20, 0.3)),
            (r#"{"preset":"rate_limited"}"#, Some(198), (Preset::RateLimited, 5, 0.5)),
            (r#"{"preset":"large"}"#, Some(5), (Preset::Large, 20, 0.3)),
            (r#"{"batch_size":7}"#, Some(98), (Preset::Custom, 7, 0.1)),
            (r#"{"rate_limit_delay":0}"#, None, (Preset::Custom, 20, 0.0)),
        ];
        for (json, contacts, expected) in table {
            let overlay: MigrationOverlay = serde_json::from_str(json).unwrap();
            overlay.check().unwrap();
            let settings = overlay.settle(contacts);
            assert_eq!((settings.preset, settings.batch_size, settings.rate_limit_delay), expected, "{json}");
        }
    }

    #[test]
    fn a_bad_setting_is_refused_with_its_name_and_what_it_may_be() {
        let cases = [
            (r#"{"batch_size":0}"#, "batch_size", "1 to 500"),
            (r#"{"batch_size":501}"#, "batch_size", "1 to 500"),
            (r#"{"rate_limit_delay":-0.1}"#, "rate_limit_delay", "0 to 60"),
            (r#"{"rate_limit_delay":61}"#, "rate_limit_delay", "0 to 60"),
            (r#"{"similarity_threshold":0.4}"#, "similarity_threshold", "0.5 to 1"),
        ];
        for (json, field, expected) in cases {
            let error = serde_json::from_str::<MigrationOverlay>(json).unwrap().check().unwrap_err();
            assert!(error.field == field && error.reason.contains(expected), "{json}: {error}");
        }
        let error = serde_json::from_str::<MigrationOverlay>(r#"{"batchsize":1}"#).unwrap_err().to_string();
        assert!(error.contains("batchsize"), "{error}");
    }
}

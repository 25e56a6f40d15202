//! Reading variables one by one, and collecting their faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, ConfigFault};

/// Prefixes of our variables: an unknown variable with one of them is a spelling mistake.
const OUR_PREFIXES: [&str; 2] = ["GHL_", "MIGRATION_"];

/// The variables, and the faults found so far.
pub(super) struct EnvironmentReader {
    vars: BTreeMap<String, String>,
    asked: BTreeSet<&'static str>,
    not_needed: Option<&'static str>,
    faults: Vec<ConfigFault>,
}

impl EnvironmentReader {
    pub(super) fn new(vars: BTreeMap<String, String>) -> EnvironmentReader {
        EnvironmentReader { vars, asked: BTreeSet::new(), not_needed: None, faults: Vec::new() }
    }

    /// The same variables, where the required variable `name` may be missing.
    pub(super) fn without_need_of(self, name: &'static str) -> EnvironmentReader {
        EnvironmentReader { not_needed: Some(name), ..self }
    }

    /// The value of a variable; `None` if it is absent or empty.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.asked.insert(name);
        self.vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    pub(super) fn required(&mut self, name: &'static str) -> String {
        self.text(name).unwrap_or_else(|| {
            if self.not_needed != Some(name) {
                self.fault(name, "is missing");
            }
            String::new()
        })
    }

    pub(super) fn url(&mut self, name: &'static str) -> Option<String> {
        let url = self.text(name)?;
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            self.fault(name, format!("is `{url}`; expected a URL that starts with https:// or http://"));
        }
        Some(url)
    }

    pub(super) fn required_url(&mut self, name: &'static str) -> String {
        self.url(name).unwrap_or_else(|| self.required(name))
    }

    /// An integer within `range`.
    pub(super) fn number<T: TryFrom<u64> + Default>(
        &mut self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> T {
        let value = match self.text(name) {
            None => default,
            Some(text) => match text.parse::<u64>() {
                Ok(value) if range.contains(&value) => value,
                _ => {
                    let (from, to) = (range.start(), range.end());
                    self.fault(name, format!("is `{text}`; expected a whole number from {from} to {to}"));
                    default
                }
            },
        };
        T::try_from(value).unwrap_or_default()
    }

    pub(super) fn milliseconds(
        &mut self,
        name: &'static str,
        default: Duration,
        range: RangeInclusive<u64>,
    ) -> Duration {
        // Defaults are whole milliseconds that fit.
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.number(name, default, range))
    }

    /// A number of seconds from 0 to `most`; `None` if it is absent.
    pub(super) fn seconds(&mut self, name: &'static str, most: f64) -> Option<f64> {
        let text = self.text(name)?;
        let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=most).contains(seconds));
        if seconds.is_none() {
            self.fault(name, format!("is `{text}`; expected a number of seconds from 0 to {most}"));
        }
        seconds
    }

    pub(super) fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        self.choice(name, default, &[("true", true), ("false", false)])
    }

    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, default: T, choices: &[(&str, T)]) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        match choices.iter().find(|(choice, _)| text.eq_ignore_ascii_case(choice)) {
            Some((_, value)) => *value,
            None => {
                let expected: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                self.fault(name, format!("is `{text}`; expected {}", expected.join(" or ")));
                default
            }
        }
    }

    /// A variable that holds JSON. A fault never contains its value, which may hold tokens.
    pub(super) fn json<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(name, format!("is not as it should be: {error}"));
                None
            }
        }
    }

    pub(super) fn fault(&mut self, name: &str, problem: impl Into<String>) {
        self.faults.push(ConfigFault { name: name.to_owned(), problem: problem.into() });
    }

    /// The names that were read.
    pub(super) fn asked(self) -> BTreeSet<&'static str> {
        self.asked
    }

    /// Returns all faults, including unknown variables with our prefixes.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        let is_ours = |name: &str| OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let unknown = self.vars.keys().filter(|name| is_ours(name) && !self.asked.contains(name.as_str()));
        let unknown: Vec<ConfigFault> = unknown
            .map(|name| ConfigFault { name: name.clone(), problem: "is not a variable of ghl-sync".to_owned() })
            .collect();
        self.faults.extend(unknown);
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by(|a, b| a.name.cmp(&b.name));
        Err(ConfigError { faults: self.faults })
    }
}

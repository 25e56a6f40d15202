//! Configuration of alerts.

use ghl_sync_alerts::AlertRules;

use super::variables::EnvironmentReader;

/// When to alert people, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertsConfig {
    /// Thresholds for too many failures.
    pub rules: AlertRules,
    /// ARN of the SNS topic for alerts; `None` if alerts are only logged.
    pub topic: Option<String>,
    /// ARN of the SNS topic for digests; `None` if there are none.
    pub digest_topic: Option<String>,
    /// URL of the dashboard, for links in messages.
    pub dashboard: Option<String>,
}

impl AlertsConfig {
    pub(super) fn read(vars: &mut EnvironmentReader) -> AlertsConfig {
        let AlertRules { percent, minimum } = AlertRules::default();
        AlertsConfig {
            rules: AlertRules {
                percent: vars.number("ALERT_FAILURE_PERCENT", percent, 1..=100),
                minimum: vars.number("ALERT_FAILURE_MINIMUM", minimum, 1..=1_000_000),
            },
            topic: topic(vars, "ALERT_TOPIC_ARN"),
            digest_topic: topic(vars, "DIGEST_TOPIC_ARN"),
            dashboard: vars.url("DASHBOARD_URL"),
        }
    }
}

fn topic(vars: &mut EnvironmentReader, name: &'static str) -> Option<String> {
    let arn = vars.text(name)?;
    let is_arn = arn.starts_with("arn:") && arn.split(':').nth(2) == Some("sns") && arn.split(':').count() == 6;
    if !is_arn {
        vars.fault(name, "is no ARN of an SNS topic; expected arn:aws:sns:REGION:ACCOUNT:NAME".to_owned());
        return None;
    }
    Some(arn)
}

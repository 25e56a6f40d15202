//! Forecasting the effects and the cost of a migration.

use std::collections::BTreeSet;

use ghl_sync_model::{
    EpochMs, ExistingContact, ExistingOpportunity, Forecast, GhlId, KindForecast, Mapped, MappedTo, MappingReport,
    Part, SourceContact,
};

/// Records per page: the maximum of both of GHL's APIs.
const PAGE: u64 = 100;
/// Share of the quota that we use; the rest is lost to network delays.
const PACE_USED: f64 = 0.95;
const DAY: u64 = 86_400;

/// The records of both sides, in short.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The source's contacts.
    pub source_contacts: Vec<SourceContact>,
    /// The source's opportunities.
    pub source_opportunities: Vec<ExistingOpportunity>,
    /// The target's contacts.
    pub target_contacts: Vec<ExistingContact>,
    /// The target's opportunities.
    pub target_opportunities: Vec<ExistingOpportunity>,
}

/// The calls that a location may still make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CallBudget {
    /// Calls per second.
    pub per_second: f64,
    /// Calls per day.
    pub daily: u64,
    /// Calls left today.
    pub left_today: u64,
}

/// Forecasts the migration of the `survey` according to the `report`, starting at `now`.
#[must_use]
pub fn forecast(
    report: &MappingReport,
    survey: &Survey,
    skip_opportunities: bool,
    source: CallBudget,
    target: CallBudget,
    now: EpochMs,
) -> Forecast {
    let structure = of_structure(report);
    let contacts = of_contacts(survey);
    let opportunities = if skip_opportunities { KindForecast::default() } else { of_opportunities(report, survey) };
    let tagged = survey.source_contacts.iter().filter(|contact| contact.is_tagged && !contact.is_nobody).count() as u64;
    let opportunities_written = opportunities.creates + opportunities.updates;
    // If records may already exist, tags take a separate call, and each opportunity is searched for before it is
    // created.
    let precautions = if contacts.updates + opportunities.updates == 0 { 0 } else { tagged + opportunities_written };
    let pages = |records: u64| records.div_ceil(PAGE).max(1);
    // Once to transfer, once to compare.
    let source_calls = 2 * (pages(contacts.source) + pages(opportunities.source));
    // A created pipeline is read again by its id.
    let made = |mapped: &&Mapped| matches!(mapped.target, MappedTo::Create { .. });
    let read_again = report.pipelines.iter().filter(made).count() as u64;
    let target_calls = structure.creates
        + read_again
        + contacts.creates
        + contacts.updates
        + opportunities_written
        + precautions
        + pages(survey.target_contacts.len() as u64 + contacts.creates)
        + pages(survey.target_opportunities.len() as u64 + opportunities.creates);
    let seconds = seconds(source_calls, source).max(seconds(target_calls, target));
    let sum = |of: fn(&KindForecast) -> u64| of(&structure) + of(&contacts) + of(&opportunities);
    Forecast {
        structure,
        contacts,
        opportunities,
        creates: sum(|kind| kind.creates),
        updates: sum(|kind| kind.updates),
        skips: sum(|kind| kind.skips),
        conflicts: sum(|kind| kind.conflicts) + report.type_conflicts.len() as u64,
        calls: source_calls + target_calls,
        source_calls,
        target_calls,
        seconds,
        finish_at: now + std::time::Duration::from_secs(seconds),
        daily_share_percent: (target_calls as f64 / target.daily.max(1) as f64 * 1000.0).round() / 10.0,
    }
}

fn of_structure(report: &MappingReport) -> KindForecast {
    let mut kind = KindForecast::default();
    // Stages are created with their pipeline.
    for part in Part::ALL.into_iter().filter(|part| *part != Part::Stages) {
        for mapped in report.of(part) {
            kind.source += 1;
            match mapped.target {
                MappedTo::Create { .. } => kind.creates += 1,
                MappedTo::Skip { .. } => kind.skips += 1,
                MappedTo::Ask { .. } => kind.conflicts += 1,
                MappedTo::Existing { .. } => {}
            }
        }
    }
    kind.conflicts +=
        report.stages.iter().filter(|mapped| matches!(mapped.target, MappedTo::Ask { .. })).count() as u64;
    kind
}

/// Forecasts the contacts: GHL treats those with the same e-mail address or phone number as one.
fn of_contacts(survey: &Survey) -> KindForecast {
    let mut kind = KindForecast { source: survey.source_contacts.len() as u64, ..KindForecast::default() };
    let keys = |email: Option<u64>, phone: Option<u64>| [email.map(|hash| (0, hash)), phone.map(|hash| (1, hash))];
    let mut there: BTreeSet<(u8, u64)> = BTreeSet::new();
    let mut twice: BTreeSet<(u8, u64)> = BTreeSet::new();
    for existing in &survey.target_contacts {
        let doubled = keys(existing.email, existing.phone).into_iter().flatten().filter(|key| !there.insert(*key));
        twice.extend(doubled.collect::<Vec<_>>());
    }
    let mut seen = BTreeSet::new();
    for contact in &survey.source_contacts {
        let keys: Vec<(u8, u64)> = keys(contact.email, contact.phone).into_iter().flatten().collect();
        if contact.is_nobody {
            kind.skips += 1;
            continue;
        }
        let merges = keys.iter().any(|key| seen.contains(key));
        if merges || keys.iter().any(|key| twice.contains(key)) {
            kind.conflicts += 1;
        }
        if merges || keys.iter().any(|key| there.contains(key)) {
            kind.updates += 1;
        } else {
            kind.creates += 1;
        }
        seen.extend(keys);
    }
    kind
}

fn of_opportunities(report: &MappingReport, survey: &Survey) -> KindForecast {
    let mut kind = KindForecast { source: survey.source_opportunities.len() as u64, ..KindForecast::default() };
    let known: BTreeSet<&GhlId> =
        survey.source_contacts.iter().filter(|contact| !contact.is_nobody).map(|contact| &contact.id).collect();
    let carried = |mapped: &&Mapped| matches!(mapped.target, MappedTo::Existing { .. } | MappedTo::Create { .. });
    let pipelines: BTreeSet<&GhlId> = report.pipelines.iter().filter(carried).map(|mapped| &mapped.source_id).collect();
    let mut seen = BTreeSet::new();
    // An opportunity's contact in the target is unknown before the contacts are there; the names suffice for a
    // forecast.
    let there: BTreeSet<u64> = survey.target_opportunities.iter().map(|opportunity| opportunity.name).collect();
    for opportunity in &survey.source_opportunities {
        let (contact, pipeline) = (opportunity.contact_id.as_ref(), opportunity.pipeline_id.as_ref());
        let goes = contact.is_some_and(|contact| known.contains(contact))
            && pipeline.is_some_and(|pipeline| pipelines.contains(pipeline));
        if !goes {
            kind.skips += 1;
            continue;
        }
        let merges = !seen.insert((contact, pipeline, opportunity.name));
        kind.conflicts += u64::from(merges);
        if merges || there.contains(&opportunity.name) {
            kind.updates += 1;
        } else {
            kind.creates += 1;
        }
    }
    kind
}

/// Time for this many calls, limited by the pace and by the daily quota.
fn seconds(calls: u64, allowance: CallBudget) -> u64 {
    let at_pace = |calls: u64| (calls as f64 / (allowance.per_second * PACE_USED).max(1e-6)).ceil() as u64;
    if calls <= allowance.left_today {
        return at_pace(calls);
    }
    let later = calls - allowance.left_today;
    let daily = allowance.daily.max(1);
    let full_days = later.saturating_sub(1) / daily;
    DAY * (1 + full_days) + at_pace(later - full_days * daily)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: CallBudget = CallBudget { per_second: 10.0, daily: 1_000, left_today: 1_000 };

    fn contact(number: u64, email: Option<u64>) -> SourceContact {
        let id = GhlId::new(format!("c{number}")).unwrap_or_else(|_| unreachable!());
        SourceContact { id, email, phone: None, is_tagged: number.is_multiple_of(2), is_nobody: false }
    }

    fn forecast_of(survey: &Survey, target: CallBudget) -> Forecast {
        forecast(&MappingReport::default(), survey, false, ALLOWANCE, target, EpochMs(0))
    }

    #[test]
    fn calls_are_those_of_the_records_their_tags_and_the_pages() {
        let source_contacts = (0..150).map(|number| contact(number, Some(number))).collect();
        let survey = Survey { source_contacts, ..Survey::default() };
        let forecast = forecast_of(&survey, ALLOWANCE);
        assert_eq!((forecast.creates, forecast.updates, forecast.conflicts), (150, 0, 0));
        assert_eq!((forecast.target_calls, forecast.source_calls), (150 + 2 + 1, 2 * (2 + 1)));
        assert_eq!((forecast.seconds, forecast.daily_share_percent), (17, 15.3));
        assert_eq!(forecast.finish_at, EpochMs(17_000));
        // If contacts match existing ones, tags take separate calls.
        let there = ExistingContact { id: survey.source_contacts[0].id.clone(), email: Some(0), phone: None };
        let forecast = forecast_of(&Survey { target_contacts: vec![there], ..survey }, ALLOWANCE);
        assert_eq!((forecast.creates, forecast.updates), (149, 1));
        assert_eq!(forecast.target_calls, 150 + 75 + 2 + 1);
    }

    #[test]
    fn what_a_day_does_not_allow_takes_another_day() {
        let source_contacts: Vec<SourceContact> =
            (0..2_500).map(|number| contact(2 * number + 1, Some(number))).collect();
        let survey = Survey { source_contacts, ..Survey::default() };
        let forecast = forecast_of(&survey, CallBudget { left_today: 400, ..ALLOWANCE });
        // 2,526 calls: 400 today, 1,000 on each of two days, the rest on the third.
        assert_eq!(forecast.target_calls, 2_526);
        assert_eq!(forecast.seconds, 3 * DAY + 14);
        assert!((forecast.daily_share_percent - 252.6).abs() < 0.01);
    }

    #[test]
    fn the_same_address_twice_is_an_update_and_a_conflict() {
        let contacts = vec![contact(1, Some(1)), contact(3, Some(1)), contact(5, None), contact(7, Some(2))];
        let id = |text: &str| GhlId::new(text).unwrap_or_else(|_| unreachable!());
        let there = |name: &str, email| ExistingContact { id: id(name), email: Some(email), phone: None };
        let survey = Survey {
            source_contacts: contacts,
            target_contacts: vec![there("a", 2), there("b", 2), there("c", 9)],
            ..Survey::default()
        };
        let contacts = forecast_of(&survey, ALLOWANCE).contacts;
        assert_eq!((contacts.creates, contacts.updates, contacts.conflicts, contacts.skips), (2, 2, 2, 0));
    }
}

//! What a migration will do and cost.

use std::collections::BTreeSet;

use ghl_sync_model::{
    EpochMs, ExistingContact, ExistingDeal, Forecast, GhlId, KindForecast, Mapped, MappedTo, MappingReport, Part,
    SourceContact,
};

/// Records on a page; the most that both of GHL's APIs allow.
const PAGE: u64 = 100;
/// So much of the quota is used: what is left is the network's.
const PACE_USED: f64 = 0.95;
const DAY: u64 = 86_400;

/// Both sides' records, in short.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The source's contacts.
    pub source_contacts: Vec<SourceContact>,
    /// The source's opportunities.
    pub source_deals: Vec<ExistingDeal>,
    /// The target's contacts.
    pub target_contacts: Vec<ExistingContact>,
    /// The target's opportunities.
    pub target_deals: Vec<ExistingDeal>,
}

/// What a location may still do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Calls a second.
    pub per_second: f64,
    /// Calls a day.
    pub daily: u64,
    /// Calls of today that are left.
    pub left_today: u64,
}

/// What migrating the `survey` as the `report` says will do and cost, from `now` on.
#[must_use]
pub fn forecast(
    report: &MappingReport,
    survey: &Survey,
    skip_opportunities: bool,
    source: Allowance,
    target: Allowance,
    now: EpochMs,
) -> Forecast {
    let structure = of_structure(report);
    let contacts = of_contacts(survey);
    let opportunities = if skip_opportunities { KindForecast::default() } else { of_deals(report, survey) };
    let tagged = survey.source_contacts.iter().filter(|contact| contact.is_tagged && !contact.is_nobody).count() as u64;
    let deals_written = opportunities.creates + opportunities.updates;
    // Where something may be met, tags go by a call of their own, and each deal is looked for before it is made.
    let precautions = if contacts.updates + opportunities.updates == 0 { 0 } else { tagged + deals_written };
    let pages = |records: u64| records.div_ceil(PAGE).max(1);
    // Once to carry over, once to compare.
    let source_calls = 2 * (pages(contacts.source) + pages(opportunities.source));
    // A pipeline that was made is read again by its id.
    let made = |mapped: &&Mapped| matches!(mapped.target, MappedTo::Create { .. });
    let read_again = report.pipelines.iter().filter(made).count() as u64;
    let target_calls = structure.creates
        + read_again
        + contacts.creates
        + contacts.updates
        + deals_written
        + precautions
        + pages(survey.target_contacts.len() as u64 + contacts.creates)
        + pages(survey.target_deals.len() as u64 + opportunities.creates);
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
    // The stages of a pipeline come with it.
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

/// GHL takes contacts with the same e-mail address or phone number for one.
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

fn of_deals(report: &MappingReport, survey: &Survey) -> KindForecast {
    let mut kind = KindForecast { source: survey.source_deals.len() as u64, ..KindForecast::default() };
    let known: BTreeSet<&GhlId> =
        survey.source_contacts.iter().filter(|contact| !contact.is_nobody).map(|contact| &contact.id).collect();
    let carried = |mapped: &&Mapped| matches!(mapped.target, MappedTo::Existing { .. } | MappedTo::Create { .. });
    let pipelines: BTreeSet<&GhlId> = report.pipelines.iter().filter(carried).map(|mapped| &mapped.source_id).collect();
    let mut seen = BTreeSet::new();
    // Whose deal it is in the target is not known before the contacts are there; the names say enough for a forecast.
    let there: BTreeSet<u64> = survey.target_deals.iter().map(|deal| deal.name).collect();
    for deal in &survey.source_deals {
        let (contact, pipeline) = (deal.contact_id.as_ref(), deal.pipeline_id.as_ref());
        let goes = contact.is_some_and(|contact| known.contains(contact))
            && pipeline.is_some_and(|pipeline| pipelines.contains(pipeline));
        if !goes {
            kind.skips += 1;
            continue;
        }
        let merges = !seen.insert((contact, pipeline, deal.name));
        kind.conflicts += u64::from(merges);
        if merges || there.contains(&deal.name) {
            kind.updates += 1;
        } else {
            kind.creates += 1;
        }
    }
    kind
}

/// How long so many calls take: at the pace, and no more a day than a day allows.
fn seconds(calls: u64, allowance: Allowance) -> u64 {
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

    const ALLOWANCE: Allowance = Allowance { per_second: 10.0, daily: 1_000, left_today: 1_000 };

    fn contact(number: u64, email: Option<u64>) -> SourceContact {
        let id = GhlId::new(format!("c{number}")).unwrap_or_else(|_| unreachable!());
        SourceContact { id, email, phone: None, is_tagged: number.is_multiple_of(2), is_nobody: false }
    }

    fn forecast_of(survey: &Survey, target: Allowance) -> Forecast {
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
        // Where one meets another, tags go by calls of their own.
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
        let forecast = forecast_of(&survey, Allowance { left_today: 400, ..ALLOWANCE });
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

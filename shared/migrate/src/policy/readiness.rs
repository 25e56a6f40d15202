//! Totals of a mapping.

use ghl_sync_model::{Mapped, MappedTo, MappingReport, MappingSummary, MatchMethod, Part};

/// Computes the totals of a mapping.
#[must_use]
pub fn summarise(report: &MappingReport) -> MappingSummary {
    let total = |part| report.of(part).len() as u64;
    let mapped = |part| count(report.of(part), is_mapped);
    let sum = |of: &dyn Fn(Part) -> u64| Part::ALL.into_iter().map(of).sum::<u64>();
    let all = sum(&total);
    let settled = sum(&|part| count(report.of(part), |entry| is_mapped(entry) || is_left_out_on_purpose(entry)));
    let percent = (settled * 100).checked_div(all).unwrap_or(100);
    MappingSummary {
        pipelines_total: total(Part::Pipelines),
        pipelines_mapped: mapped(Part::Pipelines),
        stages_total: total(Part::Stages),
        stages_mapped: mapped(Part::Stages),
        fields_total: total(Part::CustomFields),
        fields_mapped: mapped(Part::CustomFields),
        values_total: total(Part::CustomValues),
        values_mapped: mapped(Part::CustomValues),
        tags_total: total(Part::Tags),
        tags_mapped: mapped(Part::Tags),
        users_total: total(Part::Users),
        users_mapped: mapped(Part::Users),
        to_create: sum(&|part| count(report.of(part), |entry| matches!(entry.target, MappedTo::Create { .. }))),
        questions: report.questions().count() as u64,
        type_conflicts: report.type_conflicts.len() as u64,
        overall_readiness_percent: u8::try_from(percent).unwrap_or(100),
    }
}

fn count(entries: &[Mapped], which: impl Fn(&Mapped) -> bool) -> u64 {
    entries.iter().filter(|entry| which(entry)).count() as u64
}

fn is_mapped(entry: &Mapped) -> bool {
    matches!(entry.target, MappedTo::Existing { .. } | MappedTo::Create { .. })
}

fn is_left_out_on_purpose(entry: &Mapped) -> bool {
    matches!(entry.target, MappedTo::Skip { .. }) && entry.how == MatchMethod::Override
}

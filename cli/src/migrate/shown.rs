//! Shows people what they should know before they agree: how everything is mapped, and what it costs.

use ghl_sync_model::{Forecast, MappedTo, MappingReport, MappingSummary, Part};

/// Most things of a kind that are named; there may be hundreds.
const NAMED: usize = 8;

/// Prints how the structure is mapped: the numbers, and by name everything not obviously identical in the target.
pub(super) fn print_mapping(report: &MappingReport) {
    let MappingSummary { overall_readiness_percent, to_create, questions, type_conflicts, .. } = report.summary;
    println!(
        "\nmapping    {overall_readiness_percent} % ready; {to_create} to be made, {questions} to be decided, \
         {type_conflicts} type conflicts"
    );
    for part in Part::ALL {
        let mapped = report.of(part);
        if mapped.is_empty() {
            continue;
        }
        let count = |is: fn(&MappedTo) -> bool| mapped.iter().filter(|mapped| is(&mapped.target)).count();
        println!(
            "  {:<14} {} in the source: {} found, {} to be made, {} left out, {} to be decided",
            part.as_str(),
            mapped.len(),
            count(|target| matches!(target, MappedTo::Existing { .. })),
            count(|target| matches!(target, MappedTo::Create { .. })),
            count(|target| matches!(target, MappedTo::Skip { .. })),
            count(|target| matches!(target, MappedTo::Ask { .. })),
        );
        let to_look_at = |target: &MappedTo, name: &str| match target {
            MappedTo::Existing { name: other, .. } => other != name,
            MappedTo::Create { .. } => false,
            MappedTo::Skip { .. } | MappedTo::Ask { .. } => true,
        };
        let named: Vec<_> = mapped.iter().filter(|mapped| to_look_at(&mapped.target, &mapped.source_name)).collect();
        for mapped in named.iter().take(NAMED) {
            println!("    {}: {}{}", mapped.source_name, mapped.explanation, choices(&mapped.target));
        }
        if named.len() > NAMED {
            println!("    and {} more", named.len() - NAMED);
        }
    }
    report.warnings.iter().for_each(|warning| println!("  warning: {warning}"));
}

/// Available choices, as written in a mapping file.
fn choices(target: &MappedTo) -> String {
    match target {
        MappedTo::Existing { name, .. } => format!(" It becomes {name}."),
        MappedTo::Ask { suggestions, .. } if !suggestions.is_empty() => {
            let choice = |suggestion: &ghl_sync_model::Suggestion| {
                format!("{} ({}, {:.0} % alike)", suggestion.id, suggestion.name, suggestion.confidence * 100.0)
            };
            format!(" Perhaps {}.", suggestions.iter().map(choice).collect::<Vec<_>>().join(" or "))
        }
        _ => String::new(),
    }
}

/// Prints the planned work and its cost.
pub(super) fn print_forecast(forecast: &Forecast) {
    let Forecast { creates, updates, skips, conflicts, calls, seconds, daily_share_percent, .. } = forecast;
    println!(
        "forecast   {creates} creates, {updates} updates, {skips} left out, {conflicts} worth a look; {calls} calls, \
         {seconds} s, {daily_share_percent} % of the target's day"
    );
}

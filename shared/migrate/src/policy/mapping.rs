//! Mapping the source's structure to the target.

use super::decisions::{MappingRules, paired};
use super::fields::{fields_as_things, fits, map_fields};
use super::overrides::{Allowed, decide};
use super::pairing::Thing;
use super::people::{map_tags, map_users};
use super::pipelines::map_pipelines;
use super::readiness::summarise;
use ghl_sync_model::{CustomValue, Mapped, MappedTo, MappingOverrides, MappingReport, OverrideError, Part, Structure};

/// Maps the structure of `source` to `target`.
///
/// # Errors
/// All choices of a person that cannot be followed.
pub fn map_structure(
    source: &Structure,
    target: &Structure,
    overrides: &MappingOverrides,
    rules: MappingRules,
) -> Result<MappingReport, Vec<OverrideError>> {
    let mut report = MappingReport::default();
    let mut errors = Vec::new();
    fields(source, target, overrides, rules, &mut report, &mut errors);
    report.custom_values = custom_values(source, target, overrides, rules, &mut report.warnings, &mut errors);
    report.tags = map_tags(&source.tags, &target.tags, overrides, &mut errors);
    report.users = map_users(&source.users, &target.users, overrides, &mut errors);
    let (pipelines, stages) = map_pipelines(source, target, overrides, rules, &mut errors);
    (report.pipelines, report.stages) = (pipelines, stages);
    warn(source, target, &mut report);
    report.summary = summarise(&report);
    if errors.is_empty() { Ok(report) } else { Err(errors) }
}

fn fields(
    source: &Structure,
    target: &Structure,
    overrides: &MappingOverrides,
    rules: MappingRules,
    report: &mut MappingReport,
    errors: &mut Vec<OverrideError>,
) {
    let (from, to) = (&source.custom_fields, &target.custom_fields);
    let (sources, targets) = (fields_as_things(from), fields_as_things(to));
    let objection = |s: usize, t: usize| {
        if from[s].model != to[t].model {
            return Some(format!("is a field of {}, `{}` one of {}", from[s].model, to[t].name, to[t].model));
        }
        (!fits(&from[s].data_type, &to[t].data_type)).then(|| {
            format!(
                "is {}, `{}` is {}: values of one do not go into the other",
                from[s].data_type, to[t].name, to[t].data_type
            )
        })
    };
    let allowed = Allowed { part: Part::CustomFields, create: true, share: false, objection: &objection };
    let (decisions, wrong) = decide(&overrides.custom_fields, &sources, &targets, &allowed);
    errors.extend(wrong);
    let mapped = map_fields(from, to, &decisions, rules.similarity_threshold);
    report.custom_fields = mapped.fields;
    report.type_conflicts = mapped.conflicts;
    report.warnings.extend(mapped.warnings);
}

fn custom_values(
    source: &Structure,
    target: &Structure,
    overrides: &MappingOverrides,
    rules: MappingRules,
    warnings: &mut Vec<String>,
    errors: &mut Vec<OverrideError>,
) -> Vec<Mapped> {
    let (from, to) = (&source.custom_values, &target.custom_values);
    let (sources, targets) = (as_things(from), as_things(to));
    let allowed = Allowed { part: Part::CustomValues, create: true, share: false, objection: &|_, _| None };
    let (decisions, wrong) = decide(&overrides.custom_values, &sources, &targets, &allowed);
    errors.extend(wrong);
    let mapped = paired(
        "custom value",
        &sources,
        &targets,
        &decisions,
        |pairing| pairing.pair(Some(rules.similarity_threshold), |_, _| true),
        |place, _| {
            let name = from[place].name.trim().to_owned();
            (MappedTo::Create { name }, "The target has none like it; it is made.".to_owned())
        },
    );
    for (entry, value) in mapped.iter().zip(from) {
        if let MappedTo::Existing { id, name } = &entry.target
            && to.iter().any(|other| other.id == *id && other.value != value.value)
        {
            warnings.push(format!("Custom value \"{name}\": the target has another text, and keeps it."));
        }
    }
    mapped
}

fn as_things(values: &[CustomValue]) -> Vec<Thing<'_>> {
    values.iter().map(|value| Thing { id: &value.id, key: value.key.as_deref(), name: &value.name }).collect()
}

fn warn(source: &Structure, target: &Structure, report: &mut MappingReport) {
    for (side, structure) in [("source", source), ("target", target)] {
        for (part, reason) in &structure.unread {
            report.warnings.push(format!("The {side}'s {} could not be read: {reason}", part.as_str()));
        }
    }
    let to_make = |mapped: &&Mapped| matches!(mapped.target, MappedTo::Create { .. });
    let pipelines: Vec<&str> =
        report.pipelines.iter().filter(to_make).map(|mapped| mapped.source_name.as_str()).collect();
    if !pipelines.is_empty() {
        report.warnings.push(format!(
            "The target lacks the pipelines {pipelines:?}. They are made, for which its token needs the scope \
             `pipelines.create`. Without that scope, or on API v1, the migration stops there and asks."
        ));
    }
}

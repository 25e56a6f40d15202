//! What becomes of the source's structure in the target.

use std::collections::BTreeMap;

use super::fields::{fields_as_things, fits, map_fields};
use super::overrides::{Allowed, decide};
use super::pairing::{Match, Pairing, Thing, rounded};
use super::people::{map_tags, map_users};
use super::pipelines::map_pipelines;
use super::readiness::summarise;
use ghl_sync_model::{
    CustomValue, How, Mapped, MappedTo, MappingOverrides, MappingReport, MigrationSettings, OverrideError, Part,
    Structure, Suggestion,
};

/// What the mapping goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MappingRules {
    /// How alike two names must be to be taken for the same.
    pub similarity_threshold: f64,
    /// Opportunities are left out, and so pipelines need no counterpart.
    pub skip_opportunities: bool,
}

impl From<&MigrationSettings> for MappingRules {
    fn from(settings: &MigrationSettings) -> MappingRules {
        MappingRules {
            similarity_threshold: settings.similarity_threshold,
            skip_opportunities: settings.skip_opportunities,
        }
    }
}

/// What becomes of the structure of `source` in `target`.
///
/// # Errors
/// The choices of a person that cannot be followed, all of them.
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

/// What a person decided about things, by their place in the list of the source.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// Several of the source may become one of the target.
    share: bool,
    pairs: BTreeMap<usize, usize>,
    others: BTreeMap<usize, MappedTo>,
}

impl Decisions {
    pub(super) fn new(share: bool) -> Decisions {
        Decisions { share, ..Decisions::default() }
    }

    pub(super) fn give(&mut self, source: usize, target: usize) {
        self.pairs.insert(source, target);
    }

    pub(super) fn set(&mut self, source: usize, target: MappedTo) {
        self.others.insert(source, target);
    }

    pub(super) fn apply(&self, pairing: &mut Pairing<'_>) {
        self.pairs.iter().for_each(|(source, target)| pairing.decide(*source, Some(*target), self.share));
        self.others.keys().for_each(|source| pairing.decide(*source, None, false));
    }

    /// What was decided about `source`, if it is no pair.
    pub(super) fn of(&self, source: usize) -> Option<&MappedTo> {
        self.others.get(&source)
    }
}

pub(super) fn described(
    source: &Thing<'_>,
    target: MappedTo,
    how: How,
    confidence: f64,
    explanation: String,
) -> Mapped {
    Mapped {
        source_id: source.id.clone(),
        source_name: source.name.to_owned(),
        pipeline_id: None,
        target,
        how,
        confidence: rounded(confidence),
        explanation,
    }
}

/// Why two things are one, in words.
pub(super) fn explained(found: Match, key: Option<&str>) -> String {
    match found.how {
        How::ExactKey => format!("Same key, {}.", key.unwrap_or_default()),
        How::ExactName if found.confidence < 1.0 => "Same name, but for case, spaces and punctuation.".to_owned(),
        How::ExactName => "Same name.".to_owned(),
        How::Similar => format!("The names are {:.0} % alike, and the types go together.", found.confidence * 100.0),
        How::Override | How::Position | How::Created | How::None => "A person said so.".to_owned(),
    }
}

/// The question whether a thing of the source is one that looks like it.
pub(super) fn question(what: &str, name: &str, suggestions: Vec<Suggestion>) -> (MappedTo, String) {
    let like: Vec<&str> = suggestions.iter().map(|suggestion| suggestion.name.as_str()).collect();
    let explanation = format!(
        "The target has a {what} like it, {like:?}; nothing proves that they mean the same. Choose it, or `create`, or `skip`."
    );
    (MappedTo::Ask { reason: format!("is {what} \"{name}\" one of {like:?}?"), suggestions }, explanation)
}

/// Things of one kind, paired as `how_to` says; those without a counterpart become what `otherwise` says.
pub(super) fn paired(
    what: &str,
    sources: &[Thing<'_>],
    targets: &[Thing<'_>],
    decisions: &Decisions,
    how_to: impl Fn(&mut Pairing<'_>),
    otherwise: impl Fn(usize, &Pairing<'_>) -> (MappedTo, String),
) -> Vec<Mapped> {
    let mut pairing = Pairing::new(sources, targets);
    decisions.apply(&mut pairing);
    how_to(&mut pairing);
    let entry = |place: usize| {
        let thing = &sources[place];
        match (pairing.found()[place], decisions.of(place)) {
            (Some(found), _) => {
                let counterpart = targets[found.target];
                let target = MappedTo::Existing { id: counterpart.id.clone(), name: counterpart.name.to_owned() };
                described(thing, target, found.how, found.confidence, explained(found, counterpart.key))
            }
            (None, Some(MappedTo::Create { .. })) => {
                let target = MappedTo::Create { name: thing.name.trim().to_owned() };
                described(thing, target, How::Override, 1.0, "A person said so.".to_owned())
            }
            (None, Some(decided)) => {
                described(thing, decided.clone(), How::Override, 1.0, "A person said so.".to_owned())
            }
            (None, None) if !pairing.doubts(place).is_empty() => {
                let (target, explanation) = question(what, thing.name, pairing.doubts(place));
                described(thing, target, How::None, 0.0, explanation)
            }
            (None, None) => {
                let (target, explanation) = otherwise(place, &pairing);
                described(thing, target, How::None, 0.0, explanation)
            }
        }
    };
    (0..sources.len()).map(entry).collect()
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

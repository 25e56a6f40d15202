//! Matching pipelines and stages.

use super::decisions::{Decisions, MappingRules, paired};
use super::overrides::{Allowed, decide};
use super::pairing::Thing;
use ghl_sync_model::{
    Choice, GhlId, Mapped, MappedTo, MappingOverrides, OverrideError, Part, Pipeline, PipelineStage, Structure,
};

/// Maps the pipelines and their stages. `overrides` that cannot be followed are added to `errors`.
pub fn map_pipelines(
    source: &Structure,
    target: &Structure,
    overrides: &MappingOverrides,
    rules: MappingRules,
    errors: &mut Vec<OverrideError>,
) -> (Vec<Mapped>, Vec<Mapped>) {
    let (from, to) = (&source.pipelines, &target.pipelines);
    let (sources, targets) = (pipelines_as_things(from), pipelines_as_things(to));
    let allowed = Allowed { part: Part::Pipelines, create: true, share: false, objection: &|_, _| None };
    let choices = without_doubles(overrides, from, to);
    let (decisions, wrong) = decide(&choices, &sources, &targets, &allowed);
    errors.extend(wrong);
    let pipelines = paired(
        "pipeline",
        &sources,
        &targets,
        &decisions,
        |pairing| pairing.pair(Some(rules.similarity_threshold), |_, _| true),
        |place, _| match rules.skip_opportunities {
            true => (MappedTo::Skip { reason: "opportunities are left out".to_owned() }, String::new()),
            false => {
                let name = from[place].name.trim().to_owned();
                (MappedTo::Create { name }, "The target has none like it; it is made.".to_owned())
            }
        },
    );
    let stage_of = |entry: &str| from.iter().flat_map(|pipeline| &pipeline.stages).any(|stage| is_named(stage, entry));
    for entry in overrides.stages.keys().filter(|entry| !stage_of(entry)) {
        let reason = "is no id or name of a stage of the source".to_owned();
        errors.push(OverrideError { part: Part::Stages, entry: entry.clone(), reason });
    }
    let mut stages = Vec::new();
    for (pipeline, mapped) in from.iter().zip(&pipelines) {
        let of_pipeline = match &mapped.target {
            MappedTo::Existing { id, .. } => {
                let counterpart = to.iter().find(|other| other.id == *id);
                let to = counterpart.map(|other| other.stages.as_slice()).unwrap_or_default();
                map_stages(pipeline, to, overrides, rules, errors)
            }
            other => stages_of_unmapped(pipeline, other),
        };
        stages.extend(of_pipeline.into_iter().map(|stage| Mapped { pipeline_id: Some(pipeline.id.clone()), ..stage }));
    }
    (pipelines, stages)
}

/// The choices without those that would create a second pipeline of one name: GHL rejects that, whatever the case.
/// The existing pipeline is used.
fn without_doubles(
    overrides: &MappingOverrides,
    from: &[Pipeline],
    to: &[Pipeline],
) -> std::collections::BTreeMap<String, Choice> {
    let key = |name: &str| name.trim().to_lowercase();
    let is_there = |entry: &str| {
        from.iter()
            .filter(|pipeline| pipeline.id.as_str() == entry || pipeline.name.trim() == entry.trim())
            .any(|pipeline| to.iter().any(|other| key(&other.name) == key(&pipeline.name)))
    };
    let kept = overrides.pipelines.iter().filter(|(entry, choice)| **choice != Choice::Create || !is_there(entry));
    kept.map(|(entry, choice)| (entry.clone(), choice.clone())).collect()
}

fn map_stages(
    pipeline: &Pipeline,
    to: &[PipelineStage],
    overrides: &MappingOverrides,
    rules: MappingRules,
    errors: &mut Vec<OverrideError>,
) -> Vec<Mapped> {
    let (from, to) = (in_order(&pipeline.stages), in_order(to));
    let (sources, targets) = (stages_as_things(&from), stages_as_things(&to));
    let choices = overrides
        .stages
        .iter()
        .filter(|(entry, _)| from.iter().any(|stage| is_named(stage, entry)))
        .map(|(entry, choice)| (entry.clone(), choice.clone()))
        .collect::<std::collections::BTreeMap<String, Choice>>();
    let allowed = Allowed { part: Part::Stages, create: false, share: true, objection: &|_, _| None };
    let (decisions, wrong) = decide(&choices, &sources, &targets, &allowed);
    errors.extend(wrong);
    paired(
        "stage",
        &sources,
        &targets,
        &decisions,
        |pairing| {
            pairing.pair(Some(rules.similarity_threshold), |_, _| true);
            // A stage with another name at the same position may be the same one. Guessing wrong could turn a won
            // opportunity into a lost one.
            if from.len() == to.len() {
                pairing.doubt(|source, target| source == target);
            }
        },
        |place, pairing| {
            let name = &from[place].name;
            let reason = format!("pipeline \"{}\" of the target has no stage like \"{name}\"", pipeline.name);
            let explanation = "Add the stage to the target's pipeline, or say which one stands for it.".to_owned();
            (MappedTo::Ask { reason, suggestions: pairing.suggestions(place) }, explanation)
        },
    )
}

/// The stages of a pipeline that is created or left out share its fate.
fn stages_of_unmapped(pipeline: &Pipeline, fate: &MappedTo) -> Vec<Mapped> {
    let stages = in_order(&pipeline.stages);
    let sources = stages_as_things(&stages);
    paired(
        "stage",
        &sources,
        &[],
        &Decisions::default(),
        |_| (),
        |place, _| {
            let target = match fate {
                MappedTo::Create { .. } => MappedTo::Create { name: stages[place].name.clone() },
                other => other.clone(),
            };
            (target, "It goes with its pipeline.".to_owned())
        },
    )
}

fn in_order(stages: &[PipelineStage]) -> Vec<&PipelineStage> {
    let mut stages: Vec<&PipelineStage> = stages.iter().collect();
    stages.sort_by_key(|stage| stage.position);
    stages
}

fn is_named(stage: &PipelineStage, entry: &str) -> bool {
    stage.id.as_str() == entry || stage.name.trim() == entry.trim()
}

fn pipelines_as_things(pipelines: &[Pipeline]) -> Vec<Thing<'_>> {
    pipelines.iter().map(|pipeline| Thing { id: &pipeline.id, key: None, name: &pipeline.name }).collect()
}

fn stages_as_things<'s>(stages: &[&'s PipelineStage]) -> Vec<Thing<'s>> {
    let thing = |stage: &&'s PipelineStage| -> Thing<'s> {
        let (id, name): (&'s GhlId, &'s str) = (&stage.id, &stage.name);
        Thing { id, key: None, name }
    };
    stages.iter().map(thing).collect()
}

//! Creating the pipelines that the target lacks, and reading them again until their stages show. A pipeline that
//! cannot be created becomes a question for a person.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::step::MigrationStep;
use super::structure::{CreationResult, is_unknown};
use super::trouble::{Continuation, Interrupted, is_passing};
use crate::policy::{MappingRules, map_pipelines, normalised, summarise};
use ghl_sync_engine::usecase::{DirectCalls, DirectError};
use ghl_sync_model::{
    Answer, Call, Cause, Created, GhlId, Mapped, MappedTo, MappingReport, MatchMethod, NewPipeline, Part, Pipeline,
    PipelineStage, Side, Structure,
};

/// How long to look for a pipeline that was, or may have been, created before asking a person: a read right after a
/// write may be stale.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two such reads.
const PAUSE: Duration = Duration::from_secs(5);

/// The work that remains.
#[derive(Default)]
struct PipelinesOutcome {
    /// For a person: pipelines that could not be created, or that were created without their stages.
    problems: Vec<String>,
    /// Whether something may still appear, so that the stage waits.
    waits: bool,
}

impl MigrationStep<'_> {
    pub(super) async fn pipelines(&mut self) -> Result<Continuation, Interrupted> {
        let mut report = self.mapping().await?;
        let mut journal = self.journal().await?;
        let source = self.source_structure().await?;
        let is_missing = |mapped: &Mapped| matches!(mapped.target, MappedTo::Create { .. } | MappedTo::Ask { .. });
        let is_unread = |made: &Created| unread(made, &report, &source).is_some();
        let mut outcome = PipelinesOutcome::default();
        if report.pipelines.iter().chain(&report.stages).any(is_missing) || journal.iter().any(is_unread) {
            let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
            let calls = self.calls(&engine, &target, Side::Target).await?;
            let made = self.make_pipelines(&mut report, &mut journal, &source, &calls).await;
            calls.close().await?;
            outcome = made?;
            report.summary = summarise(&report);
            self.migration.mapping = self.put_mapping(&report).await?;
            self.migration.summary = Some(report.summary);
        }
        self.count_parts(&report, &journal);
        self.save().await?;
        if outcome.waits {
            return Ok(if self.is_running() { Continuation::Later(PAUSE) } else { Continuation::Again });
        }
        let mut problems = outcome.problems;
        problems.extend(report.questions().map(|(_, mapped)| mapped.explanation.clone()));
        Ok(match problems.is_empty() {
            true => Continuation::Advance,
            false => Continuation::ask(format!(
                "{}. Make them in the target as they are in the source, or choose others or `skip` in the mapping; then approve",
                problems.join("; ")
            )),
        })
    }

    /// Creates the missing pipelines.
    async fn make_pipelines(
        &mut self,
        report: &mut MappingReport,
        journal: &mut Vec<Created>,
        source: &Structure,
        calls: &DirectCalls<'_>,
    ) -> Result<PipelinesOutcome, Interrupted> {
        let mut outcome = PipelinesOutcome::default();
        let in_doubt = |made: &&Created| made.part == Part::Pipelines && is_unknown(made);
        let in_doubt: BTreeSet<GhlId> = journal.iter().filter(in_doubt).map(|made| made.source_id.clone()).collect();
        // A person may have created them since, or an answer was lost.
        self.adopt(Part::Pipelines, journal, source, calls).await?;
        self.map_anew(report, journal, source, calls).await?;
        let mut is_refused = false;
        for place in 0..report.pipelines.len() {
            let mapped = report.pipelines[place].clone();
            let (MappedTo::Create { name }, Some(pipeline)) = (&mapped.target, pipeline_of(source, &mapped.source_id))
            else {
                continue;
            };
            let number = self.intend(Part::Pipelines, &mapped, name, journal).await?;
            let stages = in_order(pipeline).into_iter().map(|stage| stage.name.clone()).collect();
            let call = Call::CreatePipeline(NewPipeline { name: name.clone(), stages });
            match self.create(&call, calls).await? {
                CreationResult::Yes(Answer::Pipeline(made)) => {
                    // The stages are read by the pipeline's id: this answer may lack them.
                    journal[number].found = self.target_structure().await?.pipelines.iter().any(|it| it.id == made.id);
                    journal[number].id = Some(made.id);
                    journal[number].made_at = Some(self.now());
                    journal[number].refused = None;
                }
                CreationResult::Yes(_) => {}
                // The name exists, presumably from the unanswered creation; the list will show it.
                CreationResult::Refused(_)
                    if in_doubt.contains(&mapped.source_id) && self.now() < journal[number].intended_at + PATIENCE =>
                {
                    outcome.waits = true;
                }
                CreationResult::Refused(reason) | CreationResult::NotAllowed(reason) => {
                    is_refused = true;
                    journal[number].refused = Some(reason);
                }
            }
            self.write_down(number, journal).await?;
        }
        if is_refused {
            // Somebody may have created it in the meantime.
            self.map_anew(report, journal, source, calls).await?;
        }
        self.read_stages(report, journal, source, calls, &mut outcome).await?;
        take_over(report, journal, source);
        outcome.problems.extend(refusals(report, journal));
        Ok(outcome)
    }

    /// Maps the pipelines and stages again, as they are in the target now.
    async fn map_anew(
        &self,
        report: &mut MappingReport,
        journal: &[Created],
        source: &Structure,
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        let target = Structure { pipelines: list(calls).await?, ..Structure::default() };
        let rules = MappingRules {
            similarity_threshold: settings.similarity_threshold,
            skip_opportunities: settings.skip_opportunities,
        };
        // An override that no longer applies was valid when it was checked, or leads to a question anyway.
        let mut errors = Vec::new();
        (report.pipelines, report.stages) =
            map_pipelines(source, &target, &self.migration.overrides, rules, &mut errors);
        take_over(report, journal, source);
        Ok(())
    }

    /// Reads the created pipelines again, until all their stages show.
    async fn read_stages(
        &mut self,
        report: &MappingReport,
        journal: &mut [Created],
        source: &Structure,
        calls: &DirectCalls<'_>,
        outcome: &mut PipelinesOutcome,
    ) -> Result<(), Interrupted> {
        for number in 0..journal.len() {
            let Some((id, pipeline)) = unread(&journal[number], report, source) else {
                continue;
            };
            let shown = self.read_pipeline(&id, calls).await?;
            let stages = shown.map(|shown| paired_stages(pipeline, &shown)).unwrap_or_default();
            let made = &mut journal[number];
            if stages.len() == pipeline.stages.len() {
                made.stages = stages;
                self.write_down(number, journal).await?;
            } else if self.now() < made.made_at.unwrap_or(made.intended_at) + PATIENCE {
                outcome.waits = true;
            } else if !made.found {
                let lacking = in_order(pipeline).into_iter().filter(|stage| !stages.contains_key(&stage.id));
                let lacking: Vec<&str> = lacking.map(|stage| stage.name.as_str()).collect();
                let name = &made.name;
                outcome
                    .problems
                    .push(format!("pipeline \"{name}\" was made, but GHL does not show its stages {lacking:?}"));
            }
        }
        Ok(())
    }

    /// The present state of a target pipeline, if GHL shows it. If the token may not read it by id, the list is read.
    pub(super) async fn read_pipeline(
        &self,
        id: &GhlId,
        calls: &DirectCalls<'_>,
    ) -> Result<Option<Pipeline>, Interrupted> {
        match calls.call(&Call::GetPipeline(id.clone())).await {
            Ok(Answer::Pipeline(pipeline)) => return Ok(Some(pipeline)),
            Ok(_) => {}
            Err(DirectError::Failed(failure))
                if !is_passing(&failure)
                    && !matches!(
                        failure.cause,
                        Some(Cause::Credentials | Cause::StaleToken | Cause::OtherLocation)
                    ) => {}
            Err(error) => return Err(Interrupted::Call { side: Side::Target, error }),
        }
        Ok(list(calls).await?.into_iter().find(|pipeline| pipeline.id == *id))
    }
}

async fn list(calls: &DirectCalls<'_>) -> Result<Vec<Pipeline>, Interrupted> {
    let answer = calls.call(&Call::ListPipelines).await;
    match answer.map_err(|error| Interrupted::Call { side: Side::Target, error })? {
        Answer::Pipelines(pipelines) => Ok(pipelines),
        _ => Ok(Vec::new()),
    }
}

/// The target id and the source pipeline of `made`, if its stages in the target are not all known yet.
fn unread<'s>(made: &Created, report: &MappingReport, source: &'s Structure) -> Option<(GhlId, &'s Pipeline)> {
    let pipeline = pipeline_of(source, &made.source_id)?;
    let id = made.id.clone().filter(|_| made.stages.len() < pipeline.stages.len() && stands(made, report))?;
    Some((id, pipeline))
}

/// Whether it is a created pipeline that nobody has replaced by another choice since.
fn stands(made: &Created, report: &MappingReport) -> bool {
    let other = |mapped: &&Mapped| match &mapped.target {
        MappedTo::Existing { id, .. } => made.id.as_ref() != Some(id),
        MappedTo::Skip { .. } => true,
        MappedTo::Create { .. } | MappedTo::Ask { .. } => false,
    };
    let of_it = |mapped: &&Mapped| mapped.source_id == made.source_id;
    made.part == Part::Pipelines && !made.deleted && !report.pipelines.iter().filter(of_it).any(|mapped| other(&mapped))
}

/// Enters this migration's own pipelines into the mapping, whatever the list shows.
fn take_over(report: &mut MappingReport, journal: &[Created], source: &Structure) {
    for made in journal {
        let (Some(id), Some(pipeline)) = (&made.id, pipeline_of(source, &made.source_id)) else {
            continue;
        };
        if !stands(made, report) {
            continue;
        }
        for mapped in report.pipelines.iter_mut().filter(|mapped| mapped.source_id == made.source_id) {
            *mapped = made_here(mapped, MappedTo::Existing { id: id.clone(), name: made.name.clone() });
        }
        let is_read = made.stages.len() == pipeline.stages.len();
        for mapped in report.stages.iter_mut().filter(|stage| stage.pipeline_id.as_ref() == Some(&made.source_id)) {
            let name = mapped.source_name.clone();
            match made.stages.get(&mapped.source_id) {
                Some(id) => *mapped = made_here(mapped, MappedTo::Existing { id: id.clone(), name }),
                None if !is_read && !made.found => *mapped = made_here(mapped, MappedTo::Create { name }),
                None => {}
            }
        }
    }
}

fn made_here(mapped: &Mapped, target: MappedTo) -> Mapped {
    let explanation = "This migration made it.".to_owned();
    Mapped { target, how: MatchMethod::Created, confidence: 1.0, explanation, ..mapped.clone() }
}

/// The pipelines that GHL refused and that nobody has created since.
fn refusals(report: &MappingReport, journal: &[Created]) -> Vec<String> {
    let refusal = |mapped: &Mapped| {
        let MappedTo::Create { name } = &mapped.target else { return None };
        let of_it = |made: &&Created| made.part == Part::Pipelines && made.source_id == mapped.source_id;
        let reason = journal.iter().find(of_it)?.refused.as_ref()?;
        Some(format!("pipeline \"{name}\" could not be made ({reason})"))
    };
    report.pipelines.iter().filter_map(refusal).collect()
}

pub(super) fn pipeline_of<'s>(source: &'s Structure, id: &GhlId) -> Option<&'s Pipeline> {
    source.pipelines.iter().find(|pipeline| pipeline.id == *id)
}

fn in_order(pipeline: &Pipeline) -> Vec<&PipelineStage> {
    let mut stages: Vec<&PipelineStage> = pipeline.stages.iter().collect();
    stages.sort_by_key(|stage| stage.position);
    stages
}

/// Pairs the stages of a pipeline with those of its copy by name; among equal names, by position.
pub(super) fn paired_stages(source: &Pipeline, made: &Pipeline) -> BTreeMap<GhlId, GhlId> {
    let made = in_order(made);
    let mut pairs = BTreeMap::new();
    let mut used = BTreeSet::new();
    for (place, stage) in in_order(source).into_iter().enumerate() {
        let is_it =
            |other: &&&PipelineStage| normalised(&other.name) == normalised(&stage.name) && !used.contains(&other.id);
        let found = made.get(place).filter(is_it).or_else(|| made.iter().find(is_it));
        if let Some(other) = found.map(|other| other.id.clone()) {
            pairs.insert(stage.id.clone(), other.clone());
            used.insert(other);
        }
    }
    pairs
}

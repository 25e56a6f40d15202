//! Pipelines that the target lacks. GHL's public API cannot be relied on to make them: one that it refuses is a question
//! for a person.

use std::collections::BTreeMap;

use super::step::Step;
use super::structure::Made;
use super::trouble::{Interrupted, Next};
use crate::domain::{
    Answer, Call, Created, GhlId, Mapped, MappedTo, MappingReport, NewPipeline, Part, Pipeline, PipelineStage, Side,
    Structure,
};
use crate::policy::{MappingRules, map_pipelines, normalised, summarise};
use crate::usecase::direct::DirectCalls;

impl Step<'_> {
    pub(super) async fn pipelines(&mut self) -> Result<Next, Interrupted> {
        let mut report = self.mapping().await?;
        let mut journal = self.journal().await?;
        let is_missing = |mapped: &Mapped| matches!(mapped.target, MappedTo::Create { .. } | MappedTo::Ask { .. });
        let mut refused = Vec::new();
        if report.pipelines.iter().chain(&report.stages).any(is_missing) {
            let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
            let calls = self.calls(&engine, &target, Side::Target).await?;
            let made = self.make_pipelines(&mut report, &mut journal, &calls).await;
            calls.close().await?;
            refused = made?;
            report.summary = summarise(&report);
            self.migration.mapping = self.put_mapping(&report).await?;
            self.migration.summary = Some(report.summary);
        }
        self.count_parts(&report, &journal);
        self.save().await?;
        let questions = report.questions().map(|(_, mapped)| mapped.explanation.clone());
        refused.extend(questions);
        Ok(match refused.is_empty() {
            true => Next::Advance,
            false => Next::ask(format!(
                "{}. Make them in the target as they are in the source, or choose others or `skip` in the mapping; then approve",
                refused.join("; ")
            )),
        })
    }

    /// Makes what is missing. Returns what GHL refused.
    async fn make_pipelines(
        &mut self,
        report: &mut MappingReport,
        journal: &mut Vec<Created>,
        calls: &DirectCalls<'_>,
    ) -> Result<Vec<String>, Interrupted> {
        let source = self.source_structure().await?;
        // A person may have made them since, or an answer got lost.
        self.adopt(Part::Pipelines, journal, &source, calls).await?;
        self.map_anew(report, &source, calls).await?;
        let mut refused = Vec::new();
        for place in 0..report.pipelines.len() {
            let mapped = report.pipelines[place].clone();
            let (MappedTo::Create { name }, Some(pipeline)) =
                (&mapped.target, source.pipelines.iter().find(|pipeline| pipeline.id == mapped.source_id))
            else {
                continue;
            };
            let number = self.intend(Part::Pipelines, &mapped, name, journal).await?;
            let stages = in_order(pipeline).into_iter().map(|stage| stage.name.clone()).collect();
            let call = Call::CreatePipeline(NewPipeline { name: name.clone(), stages });
            match self.create(&call, calls).await? {
                Made::Yes(Answer::Pipeline(made)) => {
                    journal[number].id = Some(made.id.clone());
                    journal[number].refused = None;
                    journal[number].stages = paired_stages(pipeline, &made);
                }
                Made::Yes(_) => {}
                Made::Refused(reason) | Made::NotAllowed(reason) => {
                    refused.push(format!("pipeline \"{name}\" could not be made ({reason})"));
                    journal[number].refused = Some(reason);
                }
            }
            self.write_down(number, journal).await?;
        }
        if journal.iter().any(|made| made.part == Part::Pipelines && made.id.is_some()) {
            self.map_anew(report, &source, calls).await?;
        }
        Ok(refused)
    }

    /// Maps the pipelines and stages as they are in the target now.
    async fn map_anew(
        &self,
        report: &mut MappingReport,
        source: &Structure,
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        let answer = calls.call(&Call::ListPipelines).await;
        let Answer::Pipelines(pipelines) = answer.map_err(|error| Interrupted::Call { side: Side::Target, error })?
        else {
            return Ok(());
        };
        let target = Structure { pipelines, ..Structure::default() };
        let rules = MappingRules {
            similarity_threshold: settings.similarity_threshold,
            skip_opportunities: settings.skip_opportunities,
        };
        // What cannot be followed any more was followed when it was checked, or is a question anyway.
        let mut errors = Vec::new();
        (report.pipelines, report.stages) =
            map_pipelines(source, &target, &self.migration.overrides, rules, &mut errors);
        Ok(())
    }
}

fn in_order(pipeline: &Pipeline) -> Vec<&PipelineStage> {
    let mut stages: Vec<&PipelineStage> = pipeline.stages.iter().collect();
    stages.sort_by_key(|stage| stage.position);
    stages
}

/// The stages of a pipeline that was just made after another one: by name, or else by place.
fn paired_stages(source: &Pipeline, made: &Pipeline) -> BTreeMap<GhlId, GhlId> {
    let made = in_order(made);
    let pair = |(place, stage): (usize, &PipelineStage)| {
        let by_name = made.iter().find(|other| normalised(&other.name) == normalised(&stage.name));
        let by_place = made.get(place);
        // Several stages may have one name.
        let same_place = by_place.filter(|other| normalised(&other.name) == normalised(&stage.name));
        same_place.or(by_name).or(by_place).map(|other| (stage.id.clone(), other.id.clone()))
    };
    in_order(source).into_iter().enumerate().filter_map(pair).collect()
}

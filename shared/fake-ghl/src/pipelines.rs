//! Endpoints of pipelines.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::dto;
use super::ids::Ids;
use super::store::{SandboxPipeline, Stage, StoredOpportunity};
use super::visit::Visit;

/// `GET /opportunities/pipelines`
pub(crate) fn list(visit: &Visit<'_>) -> Handled {
    visit.require_location()?;
    let shown: Vec<Value> = visit.shown_pipelines().iter().map(|pipeline| pipeline.to_v2(visit.location)).collect();
    Ok(SandboxAnswer::ok(json!({"pipelines": shown})))
}

/// `GET /v1/pipelines/`
pub(crate) fn list_v1(visit: &Visit<'_>) -> Handled {
    let shown: Vec<Value> = visit.shown_pipelines().iter().map(SandboxPipeline::to_v1).collect();
    Ok(SandboxAnswer::ok(json!({"pipelines": shown})))
}

/// `GET /opportunities/pipelines/{id}`
pub(crate) fn get(visit: &Visit<'_>, id: &str) -> Handled {
    let found = visit.shown_pipelines().iter().find(|pipeline| pipeline.id == id);
    Ok(shown(visit, found.ok_or_else(|| SandboxAnswer::not_found("Pipeline", id))?))
}

/// `POST /opportunities/pipelines`. The answer omits the stages, as GHL's may.
pub(crate) fn create(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::CREATE_PIPELINE)?;
    let ids = visit.store.ids();
    let pipeline = SandboxPipeline::new(&ids.next(), "", Vec::new()).written(body, ids)?;
    let mut pipelines = visit.structure().pipelines.current().to_vec();
    check_name(&pipeline, &pipelines)?;
    let mut made = pipeline.to_v2(visit.location);
    made.as_object_mut().map(|made| made.remove("stages"));
    pipelines.push(pipeline);
    visit.put_pipelines(pipelines)?;
    Ok(SandboxAnswer::created(json!({"pipeline": made})))
}

/// `PUT /opportunities/pipelines/{id}`. Replaces all stages; opportunities of a removed stage move to the first one.
pub(crate) fn update(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::UPDATE_PIPELINE)?;
    let mut pipelines = visit.structure().pipelines.current().to_vec();
    let place = pipelines.iter_mut().find(|pipeline| pipeline.id == id);
    let place = place.ok_or_else(|| SandboxAnswer::not_found("Pipeline", id))?;
    let pipeline = place.written(body, visit.store.ids())?;
    place.clone_from(&pipeline);
    check_name(&pipeline, &pipelines)?;
    let first = pipeline.stages.first().map(|stage| json!({"pipelineStageId": stage.id}));
    let of_it = |it: &&StoredOpportunity| it.location_id == visit.location && it.pipeline_id == id;
    let moved =
        visit.store.opportunities().iter().filter(of_it).filter(|it| !pipeline.has_stage(&it.pipeline_stage_id));
    for mut opportunity in moved.cloned().collect::<Vec<_>>() {
        if let Some(first) = first.as_ref().and_then(Value::as_object) {
            opportunity.apply(first, visit.now);
        }
        visit.store.put_opportunity(opportunity)?;
    }
    let answer = shown(visit, &pipeline);
    visit.put_pipelines(pipelines)?;
    Ok(answer)
}

/// `DELETE /opportunities/pipelines/{id}`, with all its opportunities.
pub(crate) fn delete(visit: &mut Visit<'_>, id: &str) -> Handled {
    let mut pipelines = visit.structure().pipelines.current().to_vec();
    let place = pipelines.iter().position(|pipeline| pipeline.id == id);
    pipelines.remove(place.ok_or_else(|| SandboxAnswer::not_found("Pipeline", id))?);
    let of_it = |it: &&StoredOpportunity| it.location_id == visit.location && it.pipeline_id == id;
    let taken: Vec<String> = visit.store.opportunities().iter().filter(of_it).map(|it| it.id.clone()).collect();
    for opportunity in taken {
        visit.store.delete_opportunity(&opportunity, visit.now)?;
    }
    visit.put_pipelines(pipelines)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

fn shown(visit: &Visit<'_>, pipeline: &SandboxPipeline) -> SandboxAnswer {
    SandboxAnswer::ok(json!({"pipeline": pipeline.to_v2(visit.location)}))
}

/// Refuses a name that another pipeline has. GHL's status and words for this are unverified.
fn check_name(pipeline: &SandboxPipeline, all: &[SandboxPipeline]) -> Result<(), SandboxAnswer> {
    let is_taken = |other: &SandboxPipeline| other.id != pipeline.id && folded(&other.name) == folded(&pipeline.name);
    if all.iter().any(is_taken) { Err(SandboxAnswer::bad_request("Pipeline name already exists.")) } else { Ok(()) }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

impl SandboxPipeline {
    /// The pipeline after a write of a validated `body`. Anything the body omits from the stages is lost.
    fn written(&self, body: &Map<String, Value>, ids: &mut Ids) -> Result<SandboxPipeline, SandboxAnswer> {
        let mut written = self.clone();
        for (name, value) in body {
            match name.as_str() {
                "locationId" => {}
                "name" => value.as_str().unwrap_or_default().trim().clone_into(&mut written.name),
                "stages" => written.stages = self.stages_of(value, ids)?,
                _ => drop(written.settings.insert(name.clone(), value.clone())),
            }
        }
        if written.name.is_empty() {
            return Err(SandboxAnswer::unprocessable(["name should not be empty"]));
        }
        Ok(written)
    }

    /// The stages of a body, in the order of their positions.
    fn stages_of(&self, body: &Value, ids: &mut Ids) -> Result<Vec<Stage>, SandboxAnswer> {
        let mut stages = Vec::new();
        let mut positions = BTreeSet::new();
        for (place, body) in body.as_array().into_iter().flatten().filter_map(Value::as_object).enumerate() {
            let mut stage = Stage::new(&ids.next(), "");
            let mut position = place as u64;
            for (name, value) in body {
                match name.as_str() {
                    "id" => value.as_str().unwrap_or_default().clone_into(&mut stage.id),
                    "name" => value.as_str().unwrap_or_default().trim().clone_into(&mut stage.name),
                    "position" => position = value.as_u64().unwrap_or(u64::MAX),
                    _ => drop(stage.settings.insert(name.clone(), value.clone())),
                }
            }
            if body.contains_key("id") && !self.has_stage(&stage.id) {
                return Err(SandboxAnswer::bad_request(format!("The pipeline stage id {} is invalid.", stage.id)));
            }
            positions.insert(position);
            stages.push((position, stage));
        }
        let count = stages.len();
        stages.sort_by_key(|(position, _)| *position);
        let stages: Vec<Stage> = stages.into_iter().map(|(_, stage)| stage).collect();
        let names: BTreeSet<String> = stages.iter().map(|stage| folded(&stage.name)).collect();
        let ids: BTreeSet<&str> = stages.iter().map(|stage| stage.id.as_str()).collect();
        if count == 0 {
            Err(SandboxAnswer::unprocessable(["stages should not be empty"]))
        } else if names.contains("") {
            Err(SandboxAnswer::unprocessable(["each value in stages must have a name"]))
        } else if positions.iter().copied().ne(0..count as u64) {
            Err(SandboxAnswer::unprocessable(["positions in stages must be unique and begin at 0"]))
        } else if names.len() < count || ids.len() < count {
            Err(SandboxAnswer::bad_request("Stage names must be unique within the pipeline."))
        } else {
            Ok(stages)
        }
    }

    fn to_v2(&self, location: &str) -> Value {
        let stages: Vec<Value> =
            self.stages.iter().enumerate().map(|(position, stage)| stage.to_v2(position)).collect();
        let mut shown = json!({
            "id": self.id,
            "name": self.name,
            "stages": stages,
            "showInFunnel": true,
            "showInPieChart": true,
            "locationId": location,
            "colorRenderMode": "none",
        });
        add(&mut shown, &self.settings);
        shown
    }

    fn to_v1(&self) -> Value {
        let stages: Vec<Value> = self.stages.iter().map(|stage| json!({"id": stage.id, "name": stage.name})).collect();
        json!({"id": self.id, "name": self.name, "stages": stages})
    }
}

impl Stage {
    fn to_v2(&self, position: usize) -> Value {
        let mut shown = json!({"id": self.id, "name": self.name, "position": position});
        add(&mut shown, &self.settings);
        shown
    }
}

fn add(shown: &mut Value, settings: &Map<String, Value>) {
    for (name, value) in settings {
        shown[name] = value.clone();
    }
}

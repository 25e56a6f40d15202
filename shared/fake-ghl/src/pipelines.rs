//! Pipelines: what writes and reads them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Handled};
use super::dto;
use super::ids::Ids;
use super::store::{Opportunity, Pipeline, Stage};
use super::visit::Visit;

/// `GET /opportunities/pipelines`
pub(crate) fn list(visit: &Visit<'_>) -> Handled {
    visit.require_location()?;
    let shown: Vec<Value> = visit.shown_pipelines().iter().map(|pipeline| pipeline.to_v2(visit.location)).collect();
    Ok(Answer::ok(json!({"pipelines": shown})))
}

/// `GET /v1/pipelines/`
pub(crate) fn list_v1(visit: &Visit<'_>) -> Handled {
    let shown: Vec<Value> = visit.shown_pipelines().iter().map(Pipeline::to_v1).collect();
    Ok(Answer::ok(json!({"pipelines": shown})))
}

/// `GET /opportunities/pipelines/{id}`
pub(crate) fn get(visit: &Visit<'_>, id: &str) -> Handled {
    let found = visit.shown_pipelines().iter().find(|pipeline| pipeline.id == id);
    Ok(shown(visit, found.ok_or_else(|| Answer::not_found("Pipeline", id))?))
}

/// `POST /opportunities/pipelines`. The answer leaves the stages out, as GHL's may.
pub(crate) fn create(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::CREATE_PIPELINE)?;
    let ids = visit.store.ids();
    let pipeline = Pipeline::new(&ids.next(), "", Vec::new()).written(body, ids)?;
    let mut pipelines = visit.structure().pipelines.current().to_vec();
    check_name(&pipeline, &pipelines)?;
    let mut made = pipeline.to_v2(visit.location);
    made.as_object_mut().map(|made| made.remove("stages"));
    pipelines.push(pipeline);
    visit.put_pipelines(pipelines)?;
    Ok(Answer::created(json!({"pipeline": made})))
}

/// `PUT /opportunities/pipelines/{id}`. The stages are replaced as a whole; the opportunities of one that is not among
/// them go to the first one.
pub(crate) fn update(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::UPDATE_PIPELINE)?;
    let mut pipelines = visit.structure().pipelines.current().to_vec();
    let place = pipelines.iter_mut().find(|pipeline| pipeline.id == id);
    let place = place.ok_or_else(|| Answer::not_found("Pipeline", id))?;
    let pipeline = place.written(body, visit.store.ids())?;
    place.clone_from(&pipeline);
    check_name(&pipeline, &pipelines)?;
    let first = pipeline.stages.first().map(|stage| json!({"pipelineStageId": stage.id}));
    let of_it = |it: &&Opportunity| it.location_id == visit.location && it.pipeline_id == id;
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

/// `DELETE /opportunities/pipelines/{id}`, with all opportunities in it.
pub(crate) fn delete(visit: &mut Visit<'_>, id: &str) -> Handled {
    let mut pipelines = visit.structure().pipelines.current().to_vec();
    let place = pipelines.iter().position(|pipeline| pipeline.id == id);
    pipelines.remove(place.ok_or_else(|| Answer::not_found("Pipeline", id))?);
    let of_it = |it: &&Opportunity| it.location_id == visit.location && it.pipeline_id == id;
    let taken: Vec<String> = visit.store.opportunities().iter().filter(of_it).map(|it| it.id.clone()).collect();
    for opportunity in taken {
        visit.store.delete_opportunity(&opportunity, visit.now)?;
    }
    visit.put_pipelines(pipelines)?;
    Ok(Answer::ok(json!({"succeded": true})))
}

fn shown(visit: &Visit<'_>, pipeline: &Pipeline) -> Answer {
    Answer::ok(json!({"pipeline": pipeline.to_v2(visit.location)}))
}

/// With which status and in which words GHL refuses a name that another pipeline has is unverified.
fn check_name(pipeline: &Pipeline, all: &[Pipeline]) -> Result<(), Answer> {
    let is_taken = |other: &Pipeline| other.id != pipeline.id && folded(&other.name) == folded(&pipeline.name);
    if all.iter().any(is_taken) { Err(Answer::bad_request("Pipeline name already exists.")) } else { Ok(()) }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Pipeline {
    /// The pipeline after a write of `body`, which keeps to its field list. Whatever a body does not have of the
    /// stages is gone.
    fn written(&self, body: &Map<String, Value>, ids: &mut Ids) -> Result<Pipeline, Answer> {
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
            return Err(Answer::unprocessable(["name should not be empty"]));
        }
        Ok(written)
    }

    /// The stages of a body, in the order of their positions.
    fn stages_of(&self, body: &Value, ids: &mut Ids) -> Result<Vec<Stage>, Answer> {
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
                return Err(Answer::bad_request(format!("The pipeline stage id {} is invalid.", stage.id)));
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
            Err(Answer::unprocessable(["stages should not be empty"]))
        } else if names.contains("") {
            Err(Answer::unprocessable(["each value in stages must have a name"]))
        } else if positions.iter().copied().ne(0..count as u64) {
            Err(Answer::unprocessable(["positions in stages must be unique and begin at 0"]))
        } else if names.len() < count || ids.len() < count {
            Err(Answer::bad_request("Stage names must be unique within the pipeline."))
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

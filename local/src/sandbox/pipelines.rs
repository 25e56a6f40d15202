//! Pipelines. A location has those below unless it was given others.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Handled, trace_id};
use super::dto;
use super::store::{Part, new_id};
use super::visit::Visit;

/// A sales pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its stages, in order.
    pub stages: Vec<Stage>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// An id and a name.
type Named = (&'static str, &'static str);

/// Pipelines and their stages, with the same ids in every location and after every start.
const DEFAULT: &[(Named, &[Named])] = &[
    (
        ("pipeline-sales", "Sales"),
        &[("sales-new", "New"), ("sales-qualified", "Qualified"), ("sales-closed", "Closed")],
    ),
    (
        ("pipeline-onboarding", "Onboarding"),
        &[("onboarding-invited", "Invited"), ("onboarding-started", "Started"), ("onboarding-done", "Done")],
    ),
    (("pipeline-renewal", "Renewal"), &[("renewal-due", "Due"), ("renewal-renewed", "Renewed")]),
];

/// The pipelines of a location that was given none.
#[must_use]
pub fn default_pipelines() -> Vec<Pipeline> {
    let stage = |(id, name): &Named| Stage { id: (*id).to_owned(), name: (*name).to_owned() };
    DEFAULT
        .iter()
        .map(|((id, name), stages)| Pipeline {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            stages: stages.iter().map(stage).collect(),
        })
        .collect()
}

/// `GET /opportunities/pipelines`
pub(crate) fn list(visit: &Visit<'_>) -> Handled {
    visit.require_location()?;
    let shown: Vec<Value> = visit.structure().pipelines.iter().map(|pipeline| pipeline.to_v2(visit.location)).collect();
    Ok(Answer::ok(json!({"pipelines": shown, "traceId": trace_id()})))
}

/// `GET /v1/pipelines/`
pub(crate) fn list_v1(visit: &Visit<'_>) -> Handled {
    let shown: Vec<Value> = visit.structure().pipelines.iter().map(Pipeline::to_v1).collect();
    Ok(Answer::ok(json!({"pipelines": shown})))
}

/// `POST /opportunities/pipelines`, which GHL has for nobody.
pub(crate) fn create(visit: &mut Visit<'_>) -> Handled {
    if !visit.rules.allow_pipeline_creation {
        return Err(Answer::route_not_supported());
    }
    let body = visit.body(dto::CREATE_PIPELINE)?;
    let pipeline = Pipeline::new(body)?;
    let answer = Answer::created(json!({"pipeline": pipeline.to_v2(visit.location), "traceId": trace_id()}));
    let mut pipelines = visit.structure().pipelines.clone();
    pipelines.push(pipeline);
    visit.put_part(Part::Pipelines(pipelines))?;
    Ok(answer)
}

impl Pipeline {
    /// A pipeline of these names.
    pub(crate) fn named(name: &str, stages: &[&str]) -> Pipeline {
        let stage = |name: &&str| Stage { id: new_id(), name: (*name).to_owned() };
        Pipeline { id: new_id(), name: name.to_owned(), stages: stages.iter().map(stage).collect() }
    }

    fn new(body: &Map<String, Value>) -> Result<Pipeline, Answer> {
        let stages = body["stages"].as_array().into_iter().flatten();
        let names: Option<Vec<&str>> = stages.map(|stage| stage["name"].as_str()).collect();
        let names = names.ok_or_else(|| Answer::unprocessable(["each value in stages must have a name"]))?;
        Ok(Pipeline::named(body["name"].as_str().unwrap_or_default(), &names))
    }

    pub(crate) fn has_stage(&self, id: &str) -> bool {
        self.stages.iter().any(|stage| stage.id == id)
    }

    fn to_v2(&self, location: &str) -> Value {
        let stages: Vec<Value> = self
            .stages
            .iter()
            .enumerate()
            .map(|(position, stage)| json!({"id": stage.id, "name": stage.name, "position": position}))
            .collect();
        json!({
            "id": self.id,
            "name": self.name,
            "stages": stages,
            "showInFunnel": true,
            "showInPieChart": true,
            "locationId": location,
            "colorRenderMode": "none",
        })
    }

    fn to_v1(&self) -> Value {
        let stages: Vec<Value> = self.stages.iter().map(|stage| json!({"id": stage.id, "name": stage.name})).collect();
        json!({"id": self.id, "name": self.name, "stages": stages})
    }
}

//! Requests for what a location is made of besides its records.

use ghl_sync_engine::domain::{GhlId, Kind, LocationId, NewField, NewPipeline};
use serde_json::{Value, json};

use crate::fields::{self, Object};
use crate::request::Request;

/// Reads `part` of the location; the location itself, if it is empty.
pub(super) fn get(location: &LocationId, part: &str) -> Request {
    Request::get(format!("/locations/{location}{part}"), Vec::new())
}

/// Makes something in `part` of the location. The body never names the location: 422 if it does.
pub(super) fn post(location: &LocationId, part: &str, body: impl Into<Value>) -> Request {
    Request::post(format!("/locations/{location}{part}"), body)
}

/// Deletes something in `part` of the location.
pub(super) fn delete(location: &LocationId, part: &str, id: &GhlId) -> Request {
    Request::delete(format!("/locations/{location}{part}/{id}"))
}

/// Those of contacts and of opportunities. Which of them come without `model` is unverified.
pub(super) fn custom_fields(location: &LocationId) -> Request {
    Request::get(format!("/locations/{location}/customFields"), vec![("model", "all".to_owned())])
}

/// `CreateCustomFieldsDTO`.
pub(super) fn new_field(field: &NewField) -> Object {
    let model = match field.model {
        Kind::Contact => "contact",
        Kind::Opportunity => "opportunity",
    };
    let mut body = fields::definition(field);
    body.insert("model".to_owned(), model.into());
    body
}

/// Neither specification has this call, and it is not known to be open to anybody. It stands here for tokens that may
/// make it, as the list reads it; all else of it is unverified.
pub(super) fn create_pipeline(location: &LocationId, pipeline: &NewPipeline) -> Request {
    let stage = |(position, name): (usize, &String)| json!({ "name": name, "position": position });
    let stages: Vec<Value> = pipeline.stages.iter().enumerate().map(stage).collect();
    let body = json!({ "locationId": location.as_str(), "name": pipeline.name, "stages": stages });
    Request::post("/opportunities/pipelines", body)
}

//! Requests for a location's structure: everything besides its records.

use ghl_sync_model::{GhlId, Kind, LocationId, NewField, NewPipeline};
use serde_json::{Value, json};

use crate::fields::{self, Object};
use crate::request::ApiRequest;

/// Reads `part` of the location, or the location itself if `part` is empty.
pub(super) fn get(location: &LocationId, part: &str) -> ApiRequest {
    ApiRequest::get(format!("/locations/{location}{part}"), Vec::new())
}

/// Creates something in `part` of the location. The body must not name the location: GHL answers 422 if it does.
pub(super) fn post(location: &LocationId, part: &str, body: impl Into<Value>) -> ApiRequest {
    ApiRequest::post(format!("/locations/{location}{part}"), body)
}

/// Deletes something in `part` of the location.
pub(super) fn delete(location: &LocationId, part: &str, id: &GhlId) -> ApiRequest {
    ApiRequest::delete(format!("/locations/{location}{part}/{id}"))
}

/// Fields of contacts and of opportunities. Which of them come without `model` is unverified.
pub(super) fn custom_fields(location: &LocationId) -> ApiRequest {
    ApiRequest::get(format!("/locations/{location}/customFields"), vec![("model", "all".to_owned())])
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

/// GHL's documentation has had this call since June 2026; its published OpenAPI files do not have it yet. Positions
/// start at 0.
pub(super) fn create_pipeline(location: &LocationId, pipeline: &NewPipeline) -> ApiRequest {
    let stage = |(position, name): (usize, &String)| json!({ "name": name, "position": position, "showInFunnel": true, "showInPieChart": true });
    let stages: Vec<Value> = pipeline.stages.iter().enumerate().map(stage).collect();
    let body = json!({
        "locationId": location.as_str(),
        "name": pipeline.name,
        "stages": stages,
        "showInFunnel": true,
        "showInPieChart": true,
    });
    ApiRequest::post("/opportunities/pipelines", body)
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::{Call, FieldType};

    use super::*;
    use crate::request::samples::{self, id};

    fn shown(call: &Call) -> String {
        let base = "https://services.leadconnectorhq.com".parse().unwrap();
        crate::v2::request(&LocationId::new("loc1").unwrap(), call).unwrap().preview(&base)
    }

    #[test]
    fn every_call_is_the_request_that_the_specification_says() {
        let cases = [
            (Call::GetLocation, "GET /locations/loc1"),
            (Call::ListCustomFields, "GET /locations/loc1/customFields?model=all"),
            (Call::DeleteCustomField(id("f1")), "DELETE /locations/loc1/customFields/f1"),
            (Call::ListCustomValues, "GET /locations/loc1/customValues"),
            (
                Call::CreateCustomValue { name: "Hours".to_owned(), value: "9–5 ☕".to_owned() },
                r#"POST /locations/loc1/customValues
{"name":"Hours","value":"9–5 ☕"}"#,
            ),
            (Call::DeleteCustomValue(id("v1")), "DELETE /locations/loc1/customValues/v1"),
            (Call::ListTags, "GET /locations/loc1/tags"),
            (
                Call::CreateTag("vip".to_owned()),
                r#"POST /locations/loc1/tags
{"name":"vip"}"#,
            ),
            (Call::DeleteTag(id("t1")), "DELETE /locations/loc1/tags/t1"),
            (Call::ListUsers, "GET /users/?locationId=loc1"),
            (Call::ListPipelines, "GET /opportunities/pipelines?locationId=loc1"),
            (
                Call::CreatePipeline(samples::new_pipeline()),
                r#"POST /opportunities/pipelines
{"locationId":"loc1","name":"Sales","showInFunnel":true,"showInPieChart":true,"stages":[{"name":"New","position":0,"showInFunnel":true,"showInPieChart":true},{"name":"Won","position":1,"showInFunnel":true,"showInPieChart":true}]}"#,
            ),
            (Call::GetPipeline(id("p1")), "GET /opportunities/pipelines/p1"),
            (Call::DeletePipeline(id("p1")), "DELETE /opportunities/pipelines/p1"),
        ];
        for (call, expected) in cases {
            assert_eq!(shown(&call), expected);
        }
    }

    #[test]
    fn a_field_is_defined_with_what_its_type_needs() {
        let defined = |data_type| {
            let field = NewField { data_type, model: Kind::Opportunity, ..samples::new_field() };
            shown(&Call::CreateCustomField(field))
        };
        let cases = [
            (
                FieldType::SingleOptions,
                r#"{"dataType":"SINGLE_OPTIONS","model":"opportunity","name":"Size","options":["S","L"],"placeholder":"Pick","position":3}"#,
            ),
            (
                FieldType::TextboxList,
                r#"{"dataType":"TEXTBOX_LIST","model":"opportunity","name":"Size","placeholder":"Pick","position":3,"textBoxListOptions":[{"label":"S","prefillValue":""},{"label":"L","prefillValue":""}]}"#,
            ),
            (
                FieldType::FileUpload,
                r#"{"acceptedFormat":[".pdf"],"dataType":"FILE_UPLOAD","isMultipleFile":true,"maxNumberOfFiles":2,"model":"opportunity","name":"Size","placeholder":"Pick","position":3}"#,
            ),
        ];
        for (data_type, body) in cases {
            assert_eq!(defined(data_type), format!("POST /locations/loc1/customFields\n{body}"));
        }
    }
}

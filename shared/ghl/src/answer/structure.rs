//! Reads a location's structure: everything besides its records.

use ghl_sync_model::{
    CustomValue, FieldDefinition, FieldType, Kind, LocationId, Pipeline, PipelineStage, RemoteLocation, Tag, User,
};
use serde_json::Value;

use super::{Misread, id_of, list, text, unreadable};

/// Reads the single object named `what` in a body.
pub(super) fn one<T>(body: &Value, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, Misread> {
    body.get(what).and_then(read).ok_or_else(|| unreadable(format!("no {what} with an id")))
}

/// Reads all entries of the list `name`. One unreadable entry makes the list unreadable: a missing entry would be
/// created again.
pub(super) fn all<T>(body: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Misread> {
    let read = |item| read(item).ok_or_else(|| unreadable(format!("one of {name} has no id or no name")));
    list(body, name)?.iter().map(read).collect()
}

/// Reads `{"location":{…}}`. Its settings are in a nested object.
pub(super) fn location(shown: &Value) -> Option<RemoteLocation> {
    let settings = &shown["settings"];
    Some(RemoteLocation {
        id: LocationId::new(shown.get("id")?.as_str()?).ok()?,
        name: text(shown, "name").unwrap_or_default(),
        company: text(&shown["business"], "name"),
        timezone: text(shown, "timezone"),
        country: text(shown, "country"),
        allow_duplicate_contact: settings["allowDuplicateContact"].as_bool(),
        allow_duplicate_opportunity: settings["allowDuplicateOpportunity"].as_bool(),
    })
}

/// Reads a field definition, which uses some other names than `CreateCustomFieldsDTO`. v1's documentation spells the
/// type's name `dateType`; v1 has no `model`, and has fields of contacts only.
pub(super) fn field(shown: &Value) -> Option<FieldDefinition> {
    let data_type = text(shown, "dataType").or_else(|| text(shown, "dateType"))?;
    let model = match shown["model"].as_str() {
        Some("opportunity") => Kind::Opportunity,
        _ => Kind::Contact,
    };
    Some(FieldDefinition {
        id: id_of(shown)?,
        name: text(shown, "name")?,
        key: text(shown, "fieldKey"),
        model,
        data_type: FieldType::from(data_type),
        options: options(&shown["picklistOptions"]),
        placeholder: text(shown, "placeholder"),
        position: shown["position"].as_i64(),
        accepted_formats: options(&shown["acceptedFormat"]),
        multiple_files: shown["isMultiFileAllowed"].as_bool(),
        max_files: shown["maxFileLimit"].as_u64().and_then(|most| u32::try_from(most).ok()),
    })
}

/// Options are texts according to the specification; those of a text box list are objects with a label.
fn options(shown: &Value) -> Vec<String> {
    let option = |option: &Value| option.as_str().map(str::to_owned).or_else(|| text(option, "label"));
    shown.as_array().into_iter().flatten().filter_map(option).collect()
}

pub(super) fn custom_value(shown: &Value) -> Option<CustomValue> {
    Some(CustomValue {
        id: id_of(shown)?,
        name: text(shown, "name")?,
        key: text(shown, "fieldKey"),
        value: text(shown, "value").unwrap_or_default(),
    })
}

pub(super) fn tag(shown: &Value) -> Option<Tag> {
    Some(Tag { id: id_of(shown)?, name: text(shown, "name")? })
}

pub(super) fn user(shown: &Value) -> Option<User> {
    let parts = || {
        let parts: Vec<String> = ["firstName", "lastName"].iter().filter_map(|part| text(shown, part)).collect();
        parts.join(" ")
    };
    Some(User { id: id_of(shown)?, name: text(shown, "name").unwrap_or_else(parts), email: text(shown, "email") })
}

/// Reads `{"pipeline":{…}}` or the bare pipeline: no answer to this call is documented.
pub(super) fn one_pipeline(body: &Value) -> Result<Pipeline, Misread> {
    one(body, "pipeline", pipeline).or_else(|misread| pipeline(body).ok_or(misread))
}

/// Reads a pipeline. The specification types `stages` as a list of lists; in practice they are objects. A stage is
/// placed by its `position`, or else by its index in the list.
pub(super) fn pipeline(shown: &Value) -> Option<Pipeline> {
    let mut stages = shown
        .get("stages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .zip(0u32..)
        .map(|(shown, place)| stage(shown, place))
        .collect::<Option<Vec<PipelineStage>>>()?;
    stages.sort_by_key(|stage| stage.position);
    Some(Pipeline { id: id_of(shown)?, name: text(shown, "name")?, stages })
}

fn stage(shown: &Value, place: u32) -> Option<PipelineStage> {
    let position = shown["position"].as_u64().and_then(|position| u32::try_from(position).ok());
    Some(PipelineStage { id: id_of(shown)?, name: text(shown, "name")?, position: position.unwrap_or(place) })
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::{Answer, Api, Call, Cause};

    use super::*;
    use crate::answer::read;
    use crate::request::samples::{self, id};

    fn answer(call: &Call, body: &str) -> Result<Answer, Misread> {
        read(Api::V2, &samples::location(), call, body.as_bytes())
    }

    fn owned(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_location_is_read_with_its_settings() {
        let body = r#"{"location":{"id":"loc1","companyId":"x","name":"Dentist","timezone":"US/Central","country":"US",
            "business":{"name":"Dentist Ltd","city":"Austin"},"settings":{"allowDuplicateContact":false,"allowDuplicateOpportunity":true}}}"#;
        let expected = RemoteLocation {
            id: LocationId::new("loc1").unwrap(),
            name: "Dentist".to_owned(),
            company: owned("Dentist Ltd"),
            timezone: owned("US/Central"),
            country: owned("US"),
            allow_duplicate_contact: Some(false),
            allow_duplicate_opportunity: Some(true),
        };
        assert_eq!(answer(&Call::GetLocation, body), Ok(Answer::Location(expected.clone())));
        let bare = RemoteLocation {
            name: String::new(),
            company: None,
            timezone: None,
            country: None,
            allow_duplicate_contact: None,
            allow_duplicate_opportunity: None,
            ..expected
        };
        assert_eq!(answer(&Call::GetLocation, r#"{"location":{"id":"loc1"}}"#), Ok(Answer::Location(bare)));
    }

    #[test]
    fn a_field_is_read_under_the_names_that_lists_use() {
        let shown = r#"{"id":"f1","name":"Size","fieldKey":"opportunity.size","dataType":"SINGLE_OPTIONS","position":50,
            "placeholder":"Pick","picklistOptions":["S","L"],"isMultiFileAllowed":false,"maxFileLimit":4,
            "model":"opportunity","locationId":"loc1","dateAdded":"2021-07-08T12:02:11.285Z"}"#;
        let expected = FieldDefinition {
            id: id("f1"),
            name: "Size".to_owned(),
            key: owned("opportunity.size"),
            model: Kind::Opportunity,
            data_type: FieldType::SingleOptions,
            options: vec!["S".to_owned(), "L".to_owned()],
            placeholder: owned("Pick"),
            position: Some(50),
            accepted_formats: vec![],
            multiple_files: Some(false),
            max_files: Some(4),
        };
        let listed = answer(&Call::ListCustomFields, &format!(r#"{{"customFields":[{shown}]}}"#));
        assert_eq!(listed, Ok(Answer::CustomFields(vec![expected.clone()])));
        let create = Call::CreateCustomField(samples::new_field());
        let created = format!(r#"{{"customField":{shown}}}"#);
        assert_eq!(answer(&create, &created), Ok(Answer::CustomField(expected.clone())));
        assert_eq!(
            read(Api::V1, &samples::location(), &create, created.as_bytes()),
            Ok(Answer::CustomField(expected.clone()))
        );
        assert_eq!(read(Api::V1, &samples::location(), &create, shown.as_bytes()), Ok(Answer::CustomField(expected)));
    }

    #[test]
    fn odd_definitions_are_read_all_the_same() {
        let body = r#"{"customFields":[{"id":"f1","name":"A","dateType":"TEXTBOX_LIST","picklistOptions":[{"label":"x","prefillValue":""}]},
            {"id":"f2","name":"B","dataType":"EMAIL","picklistOptions":null,"position":-1}]}"#;
        let Ok(Answer::CustomFields(fields)) = answer(&Call::ListCustomFields, body) else { panic!() };
        assert_eq!((&fields[0].data_type, &fields[0].options[..]), (&FieldType::TextboxList, &["x".to_owned()][..]));
        assert_eq!(fields[0].model, Kind::Contact);
        assert_eq!((&fields[1].data_type, fields[1].position), (&FieldType::Other("EMAIL".to_owned()), Some(-1)));
    }

    #[test]
    fn values_tags_and_users_are_read() {
        let value =
            r#"{"id":"v1","name":"Hours","fieldKey":"{{ custom_values.hours }}","value":"9–5","locationId":"loc1"}"#;
        let read_value = CustomValue {
            id: id("v1"),
            name: "Hours".to_owned(),
            key: owned("{{ custom_values.hours }}"),
            value: "9–5".to_owned(),
        };
        let create_value = Call::CreateCustomValue { name: "Hours".to_owned(), value: "9–5".to_owned() };
        let tag = Tag { id: id("t1"), name: "vip".to_owned() };
        let users = vec![
            User { id: id("u1"), name: "Ann Lee".to_owned(), email: owned("ann@example.com") },
            User { id: id("u2"), name: "Bo".to_owned(), email: None },
        ];
        let cases = [
            (
                Call::ListCustomValues,
                format!(r#"{{"customValues":[{value}]}}"#),
                Answer::CustomValues(vec![read_value.clone()]),
            ),
            (create_value, format!(r#"{{"customValue":{value}}}"#), Answer::CustomValue(read_value)),
            (
                Call::ListTags,
                r#"{"tags":[{"id":"t1","name":"vip","locationId":"loc1"}]}"#.to_owned(),
                Answer::Tags(vec![tag.clone()]),
            ),
            (Call::CreateTag("vip".to_owned()), r#"{"tag":{"id":"t1","name":"vip"}}"#.to_owned(), Answer::Tag(tag)),
            (
                Call::ListUsers,
                r#"{"users":[{"id":"u1","name":"Ann Lee","email":"ann@example.com","roles":{}},{"id":"u2","firstName":"Bo"}]}"#
                    .to_owned(),
                Answer::Users(users),
            ),
        ];
        for (call, body, expected) in cases {
            assert_eq!(answer(&call, &body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn the_stages_of_a_pipeline_come_in_their_order() {
        let shown = r#"{"id":"p1","name":"Sales","stages":[{"id":"s2","name":"Won","position":1},{"id":"s1","name":"New","position":0}]}"#;
        let stage = |name: &str, text: &str, position| PipelineStage { id: id(text), name: name.to_owned(), position };
        let stages = vec![stage("New", "s1", 0), stage("Won", "s2", 1)];
        let expected = Pipeline { id: id("p1"), name: "Sales".to_owned(), stages: stages.clone() };
        let listed = answer(&Call::ListPipelines, &format!(r#"{{"pipelines":[{shown}]}}"#));
        assert_eq!(listed, Ok(Answer::Pipelines(vec![expected.clone()])));
        let created = answer(&Call::CreatePipeline(samples::new_pipeline()), &format!(r#"{{"pipeline":{shown}}}"#));
        assert_eq!(created, Ok(Answer::Pipeline(expected.clone())));
        for body in [format!(r#"{{"pipeline":{shown}}}"#), shown.to_owned()] {
            assert_eq!(answer(&Call::GetPipeline(id("p1")), &body), Ok(Answer::Pipeline(expected.clone())));
        }
        let without_stages = r#"{"pipeline":{"id":"p1","name":"Sales"}}"#;
        let created = answer(&Call::CreatePipeline(samples::new_pipeline()), without_stages);
        assert_eq!(created, Ok(Answer::Pipeline(Pipeline { stages: vec![], ..expected })));
        // The legacy API sends no positions.
        let v1 = r#"{"pipelines":[{"id":"p1","name":"Sales","stages":[{"id":"s1","name":"New"},{"id":"s2","name":"Won"}]}]}"#;
        let Ok(Answer::Pipelines(pipelines)) = read(Api::V1, &samples::location(), &Call::ListPipelines, v1.as_bytes())
        else {
            panic!()
        };
        assert_eq!(pipelines[0].stages, stages);
    }

    #[test]
    fn a_list_with_something_unreadable_in_it_is_no_list() {
        let cases = [
            (Call::ListCustomFields, r#"{"customFields":[{"id":"f1","name":"A"}]}"#),
            (Call::ListCustomValues, r#"{"customValues":[{"id":"v1"}]}"#),
            (Call::ListTags, r#"{"tags":[{"id":"t1","name":"a"},{"name":"b"}]}"#),
            (Call::ListTags, r#"{"tags":["a"]}"#),
            (Call::ListUsers, r#"{"users":[{"name":"A"}]}"#),
            (Call::ListPipelines, r#"{"pipelines":[{"id":"p1","name":"A","stages":[["x"]]}]}"#),
        ];
        for (call, body) in cases {
            assert_eq!(answer(&call, body).unwrap_err().cause, Cause::Unreadable, "{body}");
        }
    }
}

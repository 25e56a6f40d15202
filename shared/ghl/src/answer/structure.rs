//! Reading what a location is made of besides its records.

use ghl_sync_engine::domain::{
    CustomValue, FieldDefinition, FieldType, Kind, LocationId, Pipeline, PipelineStage, RemoteLocation, Tag, User,
};
use serde_json::Value;

use super::{Misread, id_of, list, text, unreadable};

/// The one `what` that a body shows.
pub(super) fn one<T>(body: &Value, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, Misread> {
    body.get(what).and_then(read).ok_or_else(|| unreadable(format!("no {what} with an id")))
}

/// All of the list `name`. One that cannot be read makes the list unreadable: what is missing from it would be made
/// again.
pub(super) fn all<T>(body: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Misread> {
    let read = |item| read(item).ok_or_else(|| unreadable(format!("one of {name} has no id or no name")));
    list(body, name)?.iter().map(read).collect()
}

/// `{"location":{…}}`; its settings are in an object of their own.
pub(super) fn location(shown: &Value) -> Option<RemoteLocation> {
    let settings = &shown["settings"];
    Some(RemoteLocation {
        id: LocationId::new(shown.get("id")?.as_str()?).ok()?,
        name: text(shown, "name").unwrap_or_default(),
        timezone: text(shown, "timezone"),
        country: text(shown, "country"),
        allow_duplicate_contact: settings["allowDuplicateContact"].as_bool(),
        allow_duplicate_opportunity: settings["allowDuplicateOpportunity"].as_bool(),
    })
}

/// A definition names some things otherwise than `CreateCustomFieldsDTO` does. v1's documentation spells the type's
/// name `dateType`; v1 has no `model`, and fields of contacts only.
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

/// Texts by the specification; those of a list of text boxes are objects with a label.
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

/// The specification types `stages` as a list of lists; in practice they are objects. A stage's place is its
/// `position`, or else its place in the list.
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

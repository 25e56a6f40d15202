//! What a location of the simulated GHL is made of besides its records.

use std::collections::BTreeSet;

use super::location::Moment;
use super::{refused, refused_because};
use crate::domain::{
    Answer, Call, Cause, CustomValue, Failure, FieldDefinition, GhlId, Kind, NewField, NewPipeline, Pipeline,
    PipelineStage, RemoteLocation, Tag, User,
};

/// Custom fields, custom values, tags, users and pipelines.
#[derive(Default)]
pub(super) struct Structure {
    pub(super) fields: Vec<FieldDefinition>,
    pub(super) values: Vec<CustomValue>,
    pub(super) tags: Vec<Tag>,
    pub(super) users: Vec<User>,
    pub(super) pipelines: Vec<Pipeline>,
}

impl Structure {
    /// Does `call`, if it is about structure.
    pub(super) fn act(&mut self, call: &Call, moment: Moment<'_>) -> Result<Answer, Failure> {
        match call {
            Call::GetLocation => Ok(Answer::Location(RemoteLocation {
                id: moment.location.clone(),
                name: moment.location.to_string(),
                timezone: None,
                country: None,
                allow_duplicate_contact: Some(false),
                allow_duplicate_opportunity: Some(true),
            })),
            Call::ListCustomFields => Ok(Answer::CustomFields(self.fields.clone())),
            Call::CreateCustomField(field) => self.add_field(moment.new_id, field).map(Answer::CustomField),
            Call::DeleteCustomField(id) => {
                self.fields.retain(|field| field.id != *id);
                Ok(Answer::Deleted)
            }
            Call::ListCustomValues => Ok(Answer::CustomValues(self.values.clone())),
            Call::CreateCustomValue { name, value } => {
                let key = Some(format!("{{{{ custom_values.{} }}}}", snake(name)));
                let made = CustomValue { id: moment.new_id, name: name.clone(), key, value: value.clone() };
                self.values.push(made.clone());
                Ok(Answer::CustomValue(made))
            }
            Call::DeleteCustomValue(id) => {
                self.values.retain(|value| value.id != *id);
                Ok(Answer::Deleted)
            }
            Call::ListTags => Ok(Answer::Tags(self.tags.clone())),
            Call::CreateTag(name) => self.add_tag(moment.new_id, name).map(Answer::Tag),
            Call::DeleteTag(id) => {
                self.tags.retain(|tag| tag.id != *id);
                Ok(Answer::Deleted)
            }
            Call::ListUsers => Ok(Answer::Users(self.users.clone())),
            Call::ListPipelines => Ok(Answer::Pipelines(self.pipelines.clone())),
            Call::CreatePipeline(_) if !moment.pipelines_open => Err(refused(401, Some(Cause::Forbidden))),
            Call::CreatePipeline(pipeline) => Ok(Answer::Pipeline(self.add_pipeline(&moment.new_id, pipeline)?)),
            _ => Err(refused(404, None)),
        }
    }

    /// GHL refuses a second field of the same name.
    fn add_field(&mut self, id: GhlId, field: &NewField) -> Result<FieldDefinition, Failure> {
        let NewField {
            name,
            model,
            data_type,
            options,
            placeholder,
            position,
            accepted_formats,
            multiple_files,
            max_files,
        } = field.clone();
        let model_name = if model == Kind::Contact { "contact" } else { "opportunity" };
        let key = Some(format!("{model_name}.{}", snake(&name)));
        if self.fields.iter().any(|other| other.key == key) {
            return Err(refused(400, None));
        }
        let made = FieldDefinition {
            id,
            name,
            key,
            model,
            data_type,
            options,
            placeholder,
            position,
            accepted_formats,
            multiple_files,
            max_files,
        };
        self.fields.push(made.clone());
        Ok(made)
    }

    fn add_tag(&mut self, id: GhlId, name: &str) -> Result<Tag, Failure> {
        if self.tags.iter().any(|tag| tag.name == name) {
            return Err(refused(400, None));
        }
        let tag = Tag { id, name: name.to_owned() };
        self.tags.push(tag.clone());
        Ok(tag)
    }

    /// Makes the tags known that are not.
    pub(super) fn learn_tags(&mut self, tags: &BTreeSet<String>, new_id: &GhlId) {
        for (number, name) in tags.iter().enumerate() {
            if let Ok(id) = GhlId::new(format!("{new_id}-{number}")) {
                let _ = self.add_tag(id, name);
            }
        }
    }

    pub(super) fn add_pipeline(&mut self, id: &GhlId, pipeline: &NewPipeline) -> Result<Pipeline, Failure> {
        let stage = |(position, name): (u32, &String)| {
            let id = GhlId::new(format!("{id}-{position}")).map_err(|error| refused_because(500, error.to_string()))?;
            Ok(PipelineStage { id, name: name.clone(), position })
        };
        let stages = (0u32..).zip(&pipeline.stages).map(stage).collect::<Result<_, Failure>>()?;
        let made = Pipeline { id: id.clone(), name: pipeline.name.clone(), stages };
        self.pipelines.push(made.clone());
        Ok(made)
    }
}

/// The key that GHL makes of a name.
fn snake(name: &str) -> String {
    let letters = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.trim().chars().map(letters).collect()
}

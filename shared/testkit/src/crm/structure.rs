//! What a location of the simulated GHL is made of besides its records.

use std::collections::{BTreeMap, BTreeSet};

use super::location::Moment;
use super::{missing, refused, refused_because};
use ghl_sync_model::{
    Answer, Call, Cause, CustomValue, EpochMs, Failure, FieldDefinition, GhlId, Kind, NewField, NewPipeline, Pipeline,
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
    /// Since when pipelines are there that a call made.
    pipelines_since: BTreeMap<GhlId, EpochMs>,
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
            Call::ListPipelines => {
                let shown = self.pipelines.iter().filter_map(|pipeline| self.shown(pipeline, &moment));
                Ok(Answer::Pipelines(shown.collect()))
            }
            Call::GetPipeline(id) => {
                let found = self.pipelines.iter().find(|pipeline| pipeline.id == *id);
                let shown = found.and_then(|pipeline| self.shown(pipeline, &moment));
                shown.map(Answer::Pipeline).ok_or_else(missing)
            }
            Call::CreatePipeline(_) if !moment.pipelines_open => Err(refused(401, Some(Cause::Forbidden))),
            Call::CreatePipeline(pipeline) => {
                check_names(&self.pipelines, pipeline)?;
                let made = self.add_pipeline(&moment.new_id, pipeline)?;
                self.pipelines_since.insert(made.id.clone(), moment.now);
                Ok(Answer::Pipeline(Pipeline { stages: Vec::new(), ..made }))
            }
            _ => Err(refused(404, None)),
        }
    }

    /// A pipeline as reads show it. They may be stale: one that was just made is not there yet.
    fn shown(&self, pipeline: &Pipeline, moment: &Moment<'_>) -> Option<Pipeline> {
        let since = self.pipelines_since.get(&pipeline.id);
        let stages = match since {
            Some(since) if !moment.shows(*since) => return None,
            Some(_) if moment.stages_hidden => Vec::new(),
            _ => pipeline.stages.clone(),
        };
        Some(Pipeline { stages, ..pipeline.clone() })
    }

    /// What is in it goes along; that is the caller's part.
    pub(super) fn delete_pipeline(&mut self, id: &GhlId, moment: &Moment<'_>) -> Result<(), Failure> {
        if !moment.pipelines_open {
            return Err(refused(401, Some(Cause::Forbidden)));
        }
        self.pipelines.retain(|pipeline| pipeline.id != *id);
        Ok(())
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

/// GHL refuses a name of a pipeline, or of two stages of one, that is there already, whatever its case.
fn check_names(pipelines: &[Pipeline], new: &NewPipeline) -> Result<(), Failure> {
    let name = |name: &str| name.trim().to_lowercase();
    let stages: BTreeSet<String> = new.stages.iter().map(|stage| name(stage)).collect();
    if pipelines.iter().any(|other| name(&other.name) == name(&new.name)) || stages.len() < new.stages.len() {
        return Err(refused(400, None));
    }
    Ok(())
}

/// The key that GHL makes of a name.
fn snake(name: &str) -> String {
    let letters = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.trim().chars().map(letters).collect()
}

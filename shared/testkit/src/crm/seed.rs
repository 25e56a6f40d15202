//! What is there from the start, and what users of GHL do by hand. No call is made and no quota used for it.

use super::SimulatedGhl;
use crate::lock;
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{
    Answer, Call, Contact, CustomValue, FieldDefinition, GhlId, LocationId, NewField, NewPipeline, NotCarried,
    Opportunity, Pipeline, PipelineStage, Tag, User,
};

impl SimulatedGhl {
    /// A contact that is there from the start. Returns its id.
    pub fn add_contact(&self, location: &LocationId, contact: Contact, tags: &[&str]) -> Option<GhlId> {
        let answer = self.0.act(location, &Call::CreateContact(contact));
        let Ok(Answer::ContactWritten { id, .. }) = answer else {
            return None;
        };
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.0.act(location, &Call::AddTags { id: id.clone(), tags }).ok()?;
        Some(id)
    }

    /// The id of the only contact that the location has.
    ///
    /// # Panics
    /// If it has none or several.
    #[must_use]
    #[expect(clippy::panic, reason = "for tests")]
    pub fn only_contact(&self, location: &LocationId) -> GhlId {
        let state = lock(&self.0.state);
        let mut ids = state.locations.get(location).into_iter().flat_map(|location| location.contacts.keys());
        match (ids.next(), ids.next()) {
            (Some(id), None) => id.clone(),
            _ => panic!("not exactly one contact"),
        }
    }

    /// The contact or opportunity has what no call can write.
    pub fn attach(&self, location: &LocationId, id: &GhlId, not_carried: NotCarried) {
        let mut state = lock(&self.0.state);
        let Some(location) = state.locations.get_mut(location) else { return };
        if let Some(stored) = location.contacts.get_mut(id) {
            stored.not_carried = not_carried;
        } else if let Some(stored) = location.opportunities.get_mut(id) {
            stored.not_carried = not_carried;
        }
    }

    /// Changes a contact, as a user of GHL does.
    pub fn edit_contact(&self, location: &LocationId, id: &GhlId, edit: impl FnOnce(&mut Contact)) {
        let now = self.0.clock.now();
        let mut state = lock(&self.0.state);
        if let Some(stored) = state.locations.get_mut(location).and_then(|location| location.contacts.get_mut(id)) {
            edit(&mut stored.contact);
            stored.changed_at = now;
        }
    }

    /// Deletes a contact, as a user of GHL does.
    pub fn delete_contact(&self, location: &LocationId, id: &GhlId) {
        if let Some(location) = lock(&self.0.state).locations.get_mut(location) {
            location.contacts.remove(id);
        }
    }

    /// An opportunity that is there from the start. Returns its id.
    pub fn add_opportunity(
        &self,
        location: &LocationId,
        contact_id: &GhlId,
        opportunity: Opportunity,
    ) -> Option<GhlId> {
        let create = Call::CreateOpportunity { contact_id: contact_id.clone(), opportunity };
        match self.0.act(location, &create) {
            Ok(Answer::OpportunityWritten { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// A custom field that is defined from the start; `None` if there is one of its name.
    pub fn add_custom_field(&self, location: &LocationId, field: NewField) -> Option<FieldDefinition> {
        match self.0.act(location, &Call::CreateCustomField(field)) {
            Ok(Answer::CustomField(made)) => Some(made),
            _ => None,
        }
    }

    /// A custom value that is there from the start.
    pub fn add_custom_value(&self, location: &LocationId, name: &str, value: &str) -> Option<CustomValue> {
        let create = Call::CreateCustomValue { name: name.to_owned(), value: value.to_owned() };
        match self.0.act(location, &create) {
            Ok(Answer::CustomValue(made)) => Some(made),
            _ => None,
        }
    }

    /// A tag that is known from the start; `None` if it is already.
    pub fn add_tag(&self, location: &LocationId, name: &str) -> Option<Tag> {
        match self.0.act(location, &Call::CreateTag(name.to_owned())) {
            Ok(Answer::Tag(made)) => Some(made),
            _ => None,
        }
    }

    /// A user of the location.
    pub fn add_user(&self, location: &LocationId, user: User) {
        lock(&self.0.state).locations.entry(location.clone()).or_default().structure.users.push(user);
    }

    /// A pipeline that is there from the start, whether calls can make one or not.
    pub fn add_pipeline(&self, location: &LocationId, pipeline: &NewPipeline) -> Option<Pipeline> {
        let mut state = lock(&self.0.state);
        state.last_id += 1;
        let id = GhlId::new(format!("p{}", state.last_id)).ok()?;
        state.locations.entry(location.clone()).or_default().structure.add_pipeline(&id, pipeline).ok()
    }

    /// From now on an update may not have a `companyName`, as it was at GHL for long; or may again.
    pub fn refuse_company_in_updates(&self, refuses: bool) {
        lock(&self.0.state).company_refused = refuses;
    }

    /// The pipelines that the location has.
    #[must_use]
    pub fn pipelines(&self, location: &LocationId) -> Vec<Pipeline> {
        let state = lock(&self.0.state);
        state.locations.get(location).map(|location| location.structure.pipelines.clone()).unwrap_or_default()
    }

    /// Somebody adds a stage to a pipeline.
    pub fn add_stage(&self, location: &LocationId, pipeline: &GhlId, name: &str) {
        let mut state = lock(&self.0.state);
        let pipelines = state.locations.get_mut(location).map(|location| &mut location.structure.pipelines);
        if let Some(found) = pipelines.into_iter().flatten().find(|other| other.id == *pipeline) {
            let position = u32::try_from(found.stages.len()).unwrap_or(u32::MAX);
            if let Ok(id) = GhlId::new(format!("{pipeline}-{position}")) {
                found.stages.push(PipelineStage { id, name: name.to_owned(), position });
            }
        }
    }

    /// From now on the tokens have the scope `pipelines.create`.
    pub fn open_pipelines(&self) {
        lock(&self.0.state).pipelines_open = true;
    }

    /// From now on reads show pipelines that a call made without their stages, however old they are; or with them again.
    pub fn hide_stages(&self, hidden: bool) {
        lock(&self.0.state).stages_hidden = hidden;
    }
}

//! Initial data, and changes that users of GHL make by hand. These make no calls and use no quota.

use std::collections::BTreeSet;

use ghl_sync_model::{
    Answer, Call, Contact, CustomValue, Failure, FieldDefinition, GhlId, LocationId, NewField, NewPipeline, NotCarried,
    Opportunity, Pipeline, Tag, User,
};
use serde_json::{Map, Value, json};

use super::{SimulatedGhl, in_process, look, request};
use crate::lock;

impl SimulatedGhl {
    /// Adds a contact. Returns its id.
    pub fn add_contact(&self, location: &LocationId, contact: Contact, tags: &[&str]) -> Option<GhlId> {
        let tags = tags.iter().map(|tag| (*tag).to_owned());
        let tags = contact.tags.iter().cloned().chain(tags).collect();
        match self.by_hand(location, &Call::CreateContact(Contact { tags, ..contact })) {
            Ok(Answer::ContactWritten { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// Adds fields to a contact or opportunity that no call can write.
    pub fn attach(&self, _: &LocationId, id: &GhlId, not_carried: NotCarried) {
        let NotCarried { additional_emails, additional_phones, attachments, lost_reason, followers } = not_carried;
        let lists = [
            ("additionalEmails", additional_emails),
            ("additionalPhones", additional_phones),
            ("attachments", attachments),
            ("followers", followers),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let fields = lists.map(|(name, list)| (name.to_owned(), json!(list)));
        self.show(id, fields.chain(lost_reason.map(|reason| ("lostReasonId".to_owned(), json!(reason)))).collect());
    }

    /// From now on GHL shows `fields` (by its own names) of a contact or opportunity, though no call could write
    /// them.
    pub fn show(&self, id: &GhlId, fields: Map<String, Value>) {
        // There is no journal that could fail.
        let _ = self.0.fake.attach(id.as_str(), &fields);
    }

    /// Changes a contact as a user of GHL does.
    pub fn edit_contact(&self, location: &LocationId, id: &GhlId, edit: impl FnOnce(&mut Contact)) {
        let Some(before) = self.read(location, &Call::GetContact(id.clone())) else { return };
        let had = before.content.tags.clone();
        let mut contact = before.content.clone();
        edit(&mut contact);
        // GHL derives the name from its parts.
        contact.name = contact.name.filter(|name| before.content.name.as_ref() != Some(name));
        if let (Ok(Value::Object(before)), Ok(Value::Object(mut after))) =
            (serde_json::to_value(before.content), serde_json::to_value(contact))
        {
            for (name, _) in before.into_iter().filter(|(name, value)| value.is_string() && name != "name") {
                after.entry(name).or_insert_with(|| json!(""));
            }
            if let Ok(contact) = serde_json::from_value::<Contact>(Value::Object(after)) {
                let tags =
                    |of: &[String], but: &[String]| of.iter().filter(|tag| !but.contains(tag)).cloned().collect();
                let added: BTreeSet<String> = tags(&contact.tags, &had);
                let removed: BTreeSet<String> = tags(&had, &contact.tags);
                let _ = self.by_hand(location, &Call::UpdateContact { id: id.clone(), contact });
                if !added.is_empty() {
                    let _ = self.by_hand(location, &Call::AddTags { id: id.clone(), tags: added });
                }
                if !removed.is_empty() {
                    let _ = self.by_hand(location, &Call::RemoveTags { id: id.clone(), tags: removed });
                }
            }
        }
    }

    /// Deletes a contact as a user of GHL does.
    pub fn delete_contact(&self, location: &LocationId, id: &GhlId) {
        let _ = self.by_hand(location, &Call::DeleteContact(id.clone()));
    }

    /// Adds an opportunity. Returns its id.
    pub fn add_opportunity(
        &self,
        location: &LocationId,
        contact_id: &GhlId,
        opportunity: Opportunity,
    ) -> Option<GhlId> {
        match self.by_hand(location, &Call::CreateOpportunity { contact_id: contact_id.clone(), opportunity }) {
            Ok(Answer::OpportunityWritten { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// Changes an opportunity as a user of GHL does.
    pub fn edit_opportunity(&self, location: &LocationId, id: &GhlId, opportunity: Opportunity) {
        let _ = self.by_hand(location, &Call::UpdateOpportunity { id: id.clone(), opportunity });
    }

    /// Sets the location's profile, with the time zone of Berlin.
    pub fn set_profile(&self, location: &LocationId, name: &str, country: &str) {
        let _ = self.0.fake.seed(location.as_str()).profile(name, "Europe/Berlin", country);
    }

    /// Adds a custom field; `None` if one with its name exists.
    pub fn add_custom_field(&self, location: &LocationId, field: NewField) -> Option<FieldDefinition> {
        match self.by_hand(location, &Call::CreateCustomField(field)) {
            Ok(Answer::CustomField(made)) => Some(made),
            _ => None,
        }
    }

    /// Adds a custom value.
    pub fn add_custom_value(&self, location: &LocationId, name: &str, value: &str) -> Option<CustomValue> {
        match self.by_hand(location, &Call::CreateCustomValue { name: name.to_owned(), value: value.to_owned() }) {
            Ok(Answer::CustomValue(made)) => Some(made),
            _ => None,
        }
    }

    /// Adds a tag; `None` if it exists already.
    pub fn add_tag(&self, location: &LocationId, name: &str) -> Option<Tag> {
        match self.by_hand(location, &Call::CreateTag(name.to_owned())) {
            Ok(Answer::Tag(made)) => Some(made),
            _ => None,
        }
    }

    /// Adds a user. Once a location has a user, records can be assigned only to its users.
    pub fn add_user(&self, location: &LocationId, user: User) {
        let email = user.email.unwrap_or_default();
        let _ = self.0.fake.seed(location.as_str()).user_of_id(user.id.as_str(), &user.name, &email);
    }

    /// Adds a pipeline, whether calls can create one or not.
    pub fn add_pipeline(&self, location: &LocationId, pipeline: &NewPipeline) -> Option<Pipeline> {
        let stages: Vec<&str> = pipeline.stages.iter().map(String::as_str).collect();
        look::pipeline(&self.0.fake.seed(location.as_str()).pipeline(&pipeline.name, &stages).ok()?)
    }

    /// Adds a stage to a pipeline.
    pub fn add_stage(&self, location: &LocationId, pipeline: &GhlId, name: &str) {
        let _ = self.0.fake.seed(location.as_str()).stage(pipeline.as_str(), name);
    }

    /// Sets whether updates with a `companyName` are refused from now on, as GHL did for a long time.
    pub fn refuse_company_in_updates(&self, refuses: bool) {
        self.0.fake.take_company_in_updates(!refuses);
    }

    /// From now on the tokens have the scope `pipelines.create`.
    pub fn open_pipelines(&self) {
        lock(&self.0.state).pipelines_open = true;
    }

    /// Sets whether reads omit the stages of pipelines that calls created, however old these are.
    pub fn hide_stages(&self, hidden: bool) {
        lock(&self.0.state).stages_hidden = hidden;
    }

    /// Performs `call` as a user would by hand in GHL.
    pub(super) fn by_hand(&self, location: &LocationId, call: &Call) -> Result<Answer, Failure> {
        let (status, body) = self.0.fake.by_hand(&request(location, call)?, location.as_str());
        in_process::read(location, call, status, body)
    }
}

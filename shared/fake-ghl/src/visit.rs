//! The context that every endpoint works with.

use serde_json::{Map, Value};

use super::answer::SandboxAnswer;
use super::request::SandboxRequest;
use super::store::{
    LocationStructure, SandboxPipeline, Store, StoredContact, StoredOpportunity, StoredTag, StructurePart,
};
use super::validate::{self, Dto};

/// The context of one request.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) request: &'a SandboxRequest,
    /// The caller's location.
    pub(crate) location: &'a str,
    pub(crate) store: &'a mut Store,
    pub(crate) rules: LocationRules,
    /// Milliseconds since the epoch.
    pub(crate) now: u64,
}

/// The settings of the locations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocationRules {
    pub(crate) allow_duplicate_contact: bool,
    pub(crate) allow_duplicate_opportunity: bool,
    pub(crate) updates_take_company: bool,
    pub(crate) permanent_is_permanent: bool,
}

impl LocationRules {
    /// The rules for the location's users.
    pub(crate) fn by_hand(self) -> LocationRules {
        LocationRules {
            allow_duplicate_contact: true,
            allow_duplicate_opportunity: true,
            updates_take_company: true,
            permanent_is_permanent: false,
        }
    }
}

impl<'a> Visit<'a> {
    /// The body, if it conforms to `dto`.
    pub(crate) fn body(&self, dto: Dto) -> Result<&'a Map<String, Value>, SandboxAnswer> {
        validate::check(self.request.body()?, dto)
    }

    /// Refuses calls that do not name their location in the query.
    pub(crate) fn require_location(&self) -> Result<(), SandboxAnswer> {
        self.request.query("locationId").map(|_| ()).ok_or_else(SandboxAnswer::wrong_location)
    }

    /// The structure of the caller's location.
    pub(crate) fn structure(&self) -> &LocationStructure {
        self.store.structure(self.location)
    }

    /// The pipelines of the caller's location as reads show them, with their lag.
    pub(crate) fn shown_pipelines(&self) -> &[SandboxPipeline] {
        self.structure().pipelines.shown(self.now, self.store.lag())
    }

    /// Stores the pipelines of the caller's location after a change.
    pub(crate) fn put_pipelines(&mut self, pipelines: Vec<SandboxPipeline>) -> Result<(), SandboxAnswer> {
        self.put_part(StructurePart::PipelinesAt { at: self.now, pipelines })
    }

    /// Stores a new or changed part of the caller's location.
    pub(crate) fn put_part(&mut self, part: StructurePart) -> Result<(), SandboxAnswer> {
        Ok(self.store.put_part(self.location, part)?)
    }

    /// Removes a custom field, custom value or tag of the caller's location.
    pub(crate) fn remove_part(&mut self, id: &str) -> Result<(), SandboxAnswer> {
        Ok(self.store.remove_part(self.location, id)?)
    }

    /// Adds the body's tags to the location.
    pub(crate) fn learn_tags(&mut self, body: &Map<String, Value>) -> Result<(), SandboxAnswer> {
        for name in body.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !self.structure().tags.values().any(|tag| tag.name == name) {
                let id = self.store.ids().next_in_order();
                self.put_part(StructurePart::Tag(StoredTag { id, name: name.to_owned() }))?;
            }
        }
        Ok(())
    }

    /// Refuses a user that the location does not have. A location without users accepts any.
    pub(crate) fn check_user(&self, body: &Map<String, Value>) -> Result<(), SandboxAnswer> {
        let users = &self.structure().users;
        match body.get("assignedTo").and_then(Value::as_str) {
            Some(id) if !users.is_empty() && !users.contains_key(id) => {
                Err(SandboxAnswer::bad_request(format!("The user id {id} is invalid.")))
            }
            _ => Ok(()),
        }
    }

    /// The contact with this id, if it belongs to the caller's location.
    pub(crate) fn contact(&self, id: &str) -> Result<&StoredContact, SandboxAnswer> {
        let contact = self.store.contacts().get(id).ok_or_else(|| SandboxAnswer::no_contact(id))?;
        if contact.location_id == self.location { Ok(contact) } else { Err(SandboxAnswer::wrong_location()) }
    }

    /// The opportunity with this id, if it belongs to the caller's location.
    pub(crate) fn opportunity(&self, id: &str) -> Result<&StoredOpportunity, SandboxAnswer> {
        let opportunity = self.store.opportunities().get(id).ok_or_else(|| SandboxAnswer::no_opportunity(id))?;
        if opportunity.location_id == self.location { Ok(opportunity) } else { Err(SandboxAnswer::wrong_location()) }
    }
}

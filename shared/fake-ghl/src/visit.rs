//! What every endpoint works with.

use serde_json::{Map, Value};

use super::answer::Answer;
use super::request::Request;
use super::store::{Contact, Opportunity, Part, Pipeline, Store, Structure, Tag};
use super::validate::{self, Dto};

/// What an endpoint works with.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) request: &'a Request,
    /// The caller's location.
    pub(crate) location: &'a str,
    pub(crate) store: &'a mut Store,
    pub(crate) rules: Rules,
    /// Milliseconds since the epoch.
    pub(crate) now: u64,
}

/// The settings of the locations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) allow_duplicate_contact: bool,
    pub(crate) allow_duplicate_opportunity: bool,
    pub(crate) updates_take_company: bool,
    pub(crate) permanent_is_permanent: bool,
}

impl Rules {
    /// Those that hold for the location's users.
    pub(crate) fn by_hand(self) -> Rules {
        Rules {
            allow_duplicate_contact: true,
            allow_duplicate_opportunity: true,
            updates_take_company: true,
            permanent_is_permanent: false,
        }
    }
}

impl<'a> Visit<'a> {
    /// The body, if it keeps to `dto`.
    pub(crate) fn body(&self, dto: Dto) -> Result<&'a Map<String, Value>, Answer> {
        validate::check(self.request.body()?, dto)
    }

    /// For the calls that must name their location in the query.
    pub(crate) fn require_location(&self) -> Result<(), Answer> {
        self.request.query("locationId").map(|_| ()).ok_or_else(Answer::wrong_location)
    }

    /// What the caller's location is made of.
    pub(crate) fn structure(&self) -> &Structure {
        self.store.structure(self.location)
    }

    /// The pipelines of the caller's location as reads show them, which lag behind.
    pub(crate) fn shown_pipelines(&self) -> &[Pipeline] {
        self.structure().pipelines.shown(self.now, self.store.lag())
    }

    /// Keeps the pipelines of the caller's location, after a change of some.
    pub(crate) fn put_pipelines(&mut self, pipelines: Vec<Pipeline>) -> Result<(), Answer> {
        self.put_part(Part::PipelinesAt { at: self.now, pipelines })
    }

    /// Keeps something new, or changed, of the caller's location.
    pub(crate) fn put_part(&mut self, part: Part) -> Result<(), Answer> {
        Ok(self.store.put_part(self.location, part)?)
    }

    /// Forgets a custom field, custom value or tag of the caller's location.
    pub(crate) fn remove_part(&mut self, id: &str) -> Result<(), Answer> {
        Ok(self.store.remove_part(self.location, id)?)
    }

    /// The tags of a body become known to the location.
    pub(crate) fn learn_tags(&mut self, body: &Map<String, Value>) -> Result<(), Answer> {
        for name in body.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !self.structure().tags.values().any(|tag| tag.name == name) {
                let id = self.store.ids().next_in_order();
                self.put_part(Part::Tag(Tag { id, name: name.to_owned() }))?;
            }
        }
        Ok(())
    }

    /// Refuses a user that the location does not have. One that was given no users takes any.
    pub(crate) fn check_user(&self, body: &Map<String, Value>) -> Result<(), Answer> {
        let users = &self.structure().users;
        match body.get("assignedTo").and_then(Value::as_str) {
            Some(id) if !users.is_empty() && !users.contains_key(id) => {
                Err(Answer::bad_request(format!("The user id {id} is invalid.")))
            }
            _ => Ok(()),
        }
    }

    /// The contact of this id, if it is one of the caller's location.
    pub(crate) fn contact(&self, id: &str) -> Result<&Contact, Answer> {
        let contact = self.store.contacts().get(id).ok_or_else(|| Answer::no_contact(id))?;
        if contact.location_id == self.location { Ok(contact) } else { Err(Answer::wrong_location()) }
    }

    /// The opportunity of this id, if it is one of the caller's location.
    pub(crate) fn opportunity(&self, id: &str) -> Result<&Opportunity, Answer> {
        let opportunity = self.store.opportunities().get(id).ok_or_else(|| Answer::no_opportunity(id))?;
        if opportunity.location_id == self.location { Ok(opportunity) } else { Err(Answer::wrong_location()) }
    }
}

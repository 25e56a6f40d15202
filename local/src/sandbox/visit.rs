//! What every endpoint works with.

use serde_json::{Map, Value};

use super::answer::Answer;
use super::request::Request;
use super::store::{Contact, Opportunity, Store};
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

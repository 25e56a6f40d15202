//! What locations hold from the start, as if their users had made it: without calls, and so without tokens, limits and
//! faults. Bodies are those of the API's own requests, and are examined as such.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::pipelines::Pipeline;
use super::request::Request;
use super::routes;
use super::server::Sandbox;
use super::store::{Part, Profile, User, new_id};
use super::visit::{Rules, Visit};
use super::world::World;

/// What cannot be so at GHL either.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cannot hold this: {0}")]
pub struct SeedError(String);

impl From<Answer> for SeedError {
    fn from(refusal: Answer) -> SeedError {
        SeedError(refusal.text())
    }
}

/// What a contact has that no call can write.
#[derive(Debug, Clone, Default)]
pub struct Unwritable {
    /// E-mail addresses beside the first.
    pub additional_emails: Vec<String>,
    /// Phone numbers beside the first.
    pub additional_phones: Vec<String>,
    /// Addresses of files.
    pub attachments: Vec<String>,
}

/// Fills one location. See [`Sandbox::seed`].
#[derive(Debug)]
pub struct Seeding {
    world: Arc<World>,
    location: String,
}

impl Sandbox {
    /// Fills `location` with what it shall hold from the start.
    #[must_use]
    pub fn seed(&self, location: &str) -> Seeding {
        Seeding { world: Arc::clone(self.world()), location: location.to_owned() }
    }

    /// All that `location` holds.
    #[must_use]
    pub fn contents(&self, location: &str) -> Contents {
        let store = self.world().store();
        let mut contacts: Vec<_> = store.contacts().iter().filter(|it| it.location_id == location).collect();
        contacts.sort_by_key(|contact| (contact.date_added, &contact.id));
        let mut opportunities: Vec<_> = store.opportunities().iter().filter(|it| it.location_id == location).collect();
        opportunities.sort_by_key(|opportunity| (opportunity.created_at, &opportunity.id));
        let structure = store.structure(location);
        Contents {
            contacts: contacts.into_iter().map(|contact| contact.to_json()).collect(),
            opportunities: opportunities.into_iter().map(|opportunity| opportunity.to_json(None)).collect(),
            custom_fields: structure.custom_fields.values().map(|field| field.to_json(location)).collect(),
            custom_values: structure.custom_values.values().map(|value| value.to_json(location)).collect(),
            tags: structure.tags.values().map(|tag| tag.to_json(location)).collect(),
            users: structure.users.values().map(|user| json!({"id": user.id, "email": user.email})).collect(),
            pipelines: structure.pipelines.current().to_vec(),
        }
    }
}

/// All that a location holds, as API v2 shows it, whatever the search index shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Contacts, oldest first.
    pub contacts: Vec<Value>,
    /// Opportunities, oldest first.
    pub opportunities: Vec<Value>,
    /// Custom fields, of contacts and of opportunities.
    pub custom_fields: Vec<Value>,
    /// Custom values.
    pub custom_values: Vec<Value>,
    /// Tags.
    pub tags: Vec<Value>,
    /// Users: their ids and e-mail addresses.
    pub users: Vec<Value>,
    /// Pipelines.
    pub pipelines: Vec<Pipeline>,
}

impl Seeding {
    /// What the location says of itself.
    ///
    /// # Errors
    /// When the journal cannot be written, as with all that follow.
    pub fn profile(&self, name: &str, timezone: &str, country: &str) -> Result<(), SeedError> {
        let some = |text: &str| Some(text.to_owned());
        self.put(Part::Profile(Profile { name: some(name), timezone: some(timezone), country: some(country) }))
    }

    /// A custom field, by the body of `POST /locations/{id}/customFields`. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn custom_field(&self, body: Value) -> Result<String, SeedError> {
        self.post(&format!("/locations/{}/customFields", self.location), body, "customField", self.world.now_ms())
    }

    /// A custom value. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn custom_value(&self, name: &str, value: &str) -> Result<String, SeedError> {
        let body = json!({"name": name, "value": value});
        self.post(&format!("/locations/{}/customValues", self.location), body, "customValue", self.world.now_ms())
    }

    /// A tag. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn tag(&self, name: &str) -> Result<String, SeedError> {
        self.post(&format!("/locations/{}/tags", self.location), json!({"name": name}), "tag", self.world.now_ms())
    }

    /// A user. From the first one on, records can be assigned to users of the location only. Returns the id.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn user(&self, name: &str, email: &str) -> Result<String, SeedError> {
        let id = new_id();
        self.put(Part::User(User { id: id.clone(), name: name.to_owned(), email: email.to_owned() }))?;
        Ok(id)
    }

    /// The pipelines of the location, by name and the names of their stages; instead of those that every location has.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn pipelines(&self, named: &[(&str, &[&str])]) -> Result<Vec<Pipeline>, SeedError> {
        let pipelines: Vec<Pipeline> = named.iter().map(|(name, stages)| Pipeline::named(name, stages)).collect();
        self.put(Part::Pipelines(pipelines.clone()))?;
        Ok(pipelines)
    }

    /// A contact, by the body of `POST /contacts/` (without `locationId`), that was added at `at` (milliseconds since
    /// the epoch). It may be a duplicate of another one. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn contact(&self, mut body: Value, unwritable: &Unwritable, at: u64) -> Result<String, SeedError> {
        body["locationId"] = json!(self.location);
        let id = self.post("/contacts/", body, "contact", at)?;
        let lists = [
            ("additionalEmails", &unwritable.additional_emails),
            ("additionalPhones", &unwritable.additional_phones),
            ("attachments", &unwritable.attachments),
        ];
        let lists: Map<String, Value> = lists
            .into_iter()
            .filter(|(_, texts)| !texts.is_empty())
            .map(|(name, texts)| (name.to_owned(), json!(texts)))
            .collect();
        if !lists.is_empty() {
            let mut store = self.world.store();
            if let Some(mut contact) = store.contacts().get(&id).cloned() {
                contact.unwritable = lists;
                store.put_contact(contact).map_err(Answer::from)?;
            }
        }
        Ok(id)
    }

    /// An opportunity, by the body of `POST /opportunities/` (without `locationId`), that was added at `at`
    /// (milliseconds since the epoch). Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn opportunity(&self, mut body: Value, at: u64) -> Result<String, SeedError> {
        body["locationId"] = json!(self.location);
        self.post("/opportunities/", body, "opportunity", at)
    }

    fn put(&self, part: Part) -> Result<(), SeedError> {
        Ok(self.world.store().put_part(&self.location, part).map_err(Answer::from)?)
    }

    /// Posts `body` past the door. Returns the id of the `what` in the answer.
    fn post(&self, path: &str, body: Value, what: &str, at: u64) -> Result<String, SeedError> {
        let json_type = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json_type)]);
        let uri: Uri = path.parse().map_err(|error| SeedError(format!("{path}: {error}")))?;
        let request = Request::new(Method::POST, &uri, headers, &Bytes::from(body.to_string()));
        let rules = Rules { allow_duplicate_contact: true, allow_duplicate_opportunity: true, ..self.world.rules };
        let mut store = self.world.store();
        let answer = routes::handle(&mut Visit {
            request: &request,
            location: &self.location,
            store: &mut store,
            rules,
            now: at,
        });
        let id = answer.id_of(what).map(str::to_owned);
        id.ok_or_else(|| SeedError::from(answer))
    }
}

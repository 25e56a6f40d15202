//! What locations hold from the start, as if their users had made it: without calls, and so without tokens, limits and
//! faults. Bodies are those of the API's own requests, and are examined as such.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::contacts;
use super::fake::FakeGhl;
use super::request::Request;
use super::store::{Part, Pipeline, Profile, Stage, User};
use super::times::millis;

/// What cannot be so at GHL either.
#[derive(Debug, thiserror::Error)]
#[error("GHL cannot hold this: {0}")]
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

/// Fills one location. See [`FakeGhl::seed`].
#[derive(Debug)]
pub struct Seeding<'a> {
    ghl: &'a FakeGhl,
    location: &'a str,
}

impl FakeGhl {
    /// Fills `location` with what it shall hold from the start.
    #[must_use]
    pub fn seed<'a>(&'a self, location: &'a str) -> Seeding<'a> {
        Seeding { ghl: self, location }
    }

    /// From now on the record of this id has also `fields` (by GHL's names), which no call can write.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn attach(&self, id: &str, fields: &Map<String, Value>) -> Result<(), SeedError> {
        let mut store = self.store();
        if let Some(mut contact) = store.contacts().get(id).cloned() {
            contact.unwritable.extend(fields.clone());
            store.put_contact(contact).map_err(Answer::from)?;
        } else if let Some(mut opportunity) = store.opportunities().get(id).cloned() {
            opportunity.unwritable.extend(fields.clone());
            store.put_opportunity(opportunity).map_err(Answer::from)?;
        }
        Ok(())
    }

    /// The locations that have records.
    #[must_use]
    pub fn locations(&self) -> BTreeSet<String> {
        let store = self.store();
        let of_contacts = store.contacts().iter().map(|it| it.location_id.clone());
        of_contacts.chain(store.opportunities().iter().map(|it| it.location_id.clone())).collect()
    }

    /// How many contacts and opportunities there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let store = self.store();
        (store.contacts().iter().count(), store.opportunities().iter().count())
    }

    /// The contact of this e-mail address in `location`, or else of this phone number, as API v2 shows it.
    #[must_use]
    pub fn contact_of(&self, location: &str, email: Option<&str>, phone: Option<&str>) -> Option<Value> {
        contacts::find(&self.store(), location, email, phone).map(|twin| twin.contact.to_json())
    }

    /// The opportunities of this name in `location`, as API v2 shows them, whatever the search index shows.
    #[must_use]
    pub fn opportunities_named(&self, location: &str, name: &str) -> Vec<Value> {
        let store = self.store();
        let of_it = store.opportunities().iter().filter(|it| it.location_id == location && it.name == name);
        let mut found: Vec<_> = of_it.collect();
        found.sort_by_key(|it| (it.created_at, &it.id));
        found.into_iter().map(|it| it.to_json(None)).collect()
    }

    /// All that `location` holds.
    #[must_use]
    pub fn contents(&self, location: &str) -> Contents {
        let store = self.store();
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
    /// Pipelines, in the order in which they came.
    pub pipelines: Vec<Pipeline>,
}

impl Seeding<'_> {
    /// What the location says of itself.
    ///
    /// # Errors
    /// When the journal cannot be written, as with all that follow.
    pub fn profile(&self, name: &str, timezone: &str, country: &str) -> Result<(), SeedError> {
        let some = |text: &str| Some(text.to_owned());
        let profile = Profile { name: some(name), timezone: some(timezone), country: some(country) };
        // What is kept from an earlier run need not be kept once more.
        if self.ghl.store().structure(self.location).profile == profile {
            return Ok(());
        }
        self.put(Part::Profile(profile))
    }

    /// A custom field, by the body of `POST /locations/{id}/customFields`. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn custom_field(&self, body: Value) -> Result<String, SeedError> {
        self.post(&format!("/locations/{}/customFields", self.location), body, "customField", self.now())
    }

    /// A custom value. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn custom_value(&self, name: &str, value: &str) -> Result<String, SeedError> {
        let body = json!({"name": name, "value": value});
        self.post(&format!("/locations/{}/customValues", self.location), body, "customValue", self.now())
    }

    /// A tag. Returns its id.
    ///
    /// # Errors
    /// When GHL would refuse it.
    pub fn tag(&self, name: &str) -> Result<String, SeedError> {
        self.post(&format!("/locations/{}/tags", self.location), json!({"name": name}), "tag", self.now())
    }

    /// A user. From the first one on, records can be assigned to users of the location only. Returns the id.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn user(&self, name: &str, email: &str) -> Result<String, SeedError> {
        let id = self.ghl.store().ids().next();
        self.user_of_id(&id, name, email)?;
        Ok(id)
    }

    /// A user of this id.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn user_of_id(&self, id: &str, name: &str, email: &str) -> Result<(), SeedError> {
        self.put(Part::User(User { id: id.to_owned(), name: name.to_owned(), email: email.to_owned() }))
    }

    /// The pipelines of the location, by name and the names of their stages; instead of those that every location has.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn pipelines(&self, named: &[(&str, &[&str])]) -> Result<Vec<Pipeline>, SeedError> {
        let pipelines: Vec<Pipeline> = named.iter().map(|(name, stages)| self.named(name, stages)).collect();
        self.put(Part::Pipelines(pipelines.clone()))?;
        Ok(pipelines)
    }

    /// One more pipeline, which reads show at once.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn pipeline(&self, name: &str, stages: &[&str]) -> Result<Pipeline, SeedError> {
        let pipeline = self.named(name, stages);
        self.change_pipelines(|all| all.push(pipeline.clone()))?;
        Ok(pipeline)
    }

    /// One more stage of the pipeline of this id.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn stage(&self, pipeline: &str, name: &str) -> Result<(), SeedError> {
        let stage = Stage::new(&self.ghl.store().ids().next(), name);
        self.change_pipelines(|all| {
            all.iter_mut().filter(|it| it.id == pipeline).for_each(|it| it.stages.push(stage.clone()));
        })
    }

    fn named(&self, name: &str, stages: &[&str]) -> Pipeline {
        Pipeline::named(name, stages, self.ghl.store().ids())
    }

    fn change_pipelines(&self, change: impl FnOnce(&mut Vec<Pipeline>)) -> Result<(), SeedError> {
        let mut all = self.ghl.store().structure(self.location).pipelines.current().to_vec();
        change(&mut all);
        self.put(Part::Pipelines(all))
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
        self.ghl.attach(&id, &lists)?;
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
        Ok(self.ghl.store().put_part(self.location, part).map_err(Answer::from)?)
    }

    /// Posts `body` past the door. Returns the id of the `what` in the answer.
    fn post(&self, path: &str, body: Value, what: &str, at: u64) -> Result<String, SeedError> {
        let json_type = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json_type)]);
        let uri: Uri = path.parse().map_err(|error| SeedError(format!("{path}: {error}")))?;
        let request = Request::new(Method::POST, &uri, headers, body.to_string().as_bytes());
        let answer = self.ghl.done_by_hand(&request, self.location, at);
        let id = answer.id_of(what).map(str::to_owned);
        id.ok_or_else(|| SeedError::from(answer))
    }

    fn now(&self) -> u64 {
        millis(self.ghl.now())
    }
}

//! Fills locations with initial data, as if their users had created it: without calls, and so without tokens, limits
//! and faults. Bodies are those of the API's requests, and are validated in the same way.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::{Map, Value, json};

use super::answer::SandboxAnswer;
use super::contacts;
use super::fake::FakeGhl;
use super::request::SandboxRequest;
use super::store::{Profile, SandboxPipeline, Stage, StoredUser, StructurePart};
use super::times::millis;

/// Data that a real GHL could not hold either.
#[derive(Debug, thiserror::Error)]
#[error("GHL cannot hold this: {0}")]
pub struct SeedError(String);

impl From<SandboxAnswer> for SeedError {
    fn from(refusal: SandboxAnswer) -> SeedError {
        SeedError(refusal.text())
    }
}

/// A contact's fields that no call can write.
#[derive(Debug, Clone, Default)]
pub struct Unwritable {
    /// Additional e-mail addresses.
    pub additional_emails: Vec<String>,
    /// Additional phone numbers.
    pub additional_phones: Vec<String>,
    /// URLs of files.
    pub attachments: Vec<String>,
}

/// Fills one location. See [`FakeGhl::seed`].
#[derive(Debug)]
pub struct Seeding<'a> {
    ghl: &'a FakeGhl,
    location: &'a str,
}

impl FakeGhl {
    /// Starts filling `location`.
    #[must_use]
    pub fn seed<'a>(&'a self, location: &'a str) -> Seeding<'a> {
        Seeding { ghl: self, location }
    }

    /// Adds `fields` (by GHL's names), which no call can write, to the record with this id.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn attach(&self, id: &str, fields: &Map<String, Value>) -> Result<(), SeedError> {
        let mut store = self.store();
        if let Some(mut contact) = store.contacts().get(id).cloned() {
            contact.unwritable.extend(fields.clone());
            store.put_contact(contact).map_err(SandboxAnswer::from)?;
        } else if let Some(mut opportunity) = store.opportunities().get(id).cloned() {
            opportunity.unwritable.extend(fields.clone());
            store.put_opportunity(opportunity).map_err(SandboxAnswer::from)?;
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

    /// The numbers of contacts and opportunities.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let store = self.store();
        (store.contacts().iter().count(), store.opportunities().iter().count())
    }

    /// The contact of `location` with this e-mail address, or else this phone number, in API v2's form.
    #[must_use]
    pub fn contact_of(&self, location: &str, email: Option<&str>, phone: Option<&str>) -> Option<Value> {
        contacts::find(&self.store(), location, email, phone).map(|twin| twin.contact.to_json())
    }

    /// The opportunities of `location` with this name, in API v2's form, regardless of the search index.
    #[must_use]
    pub fn opportunities_named(&self, location: &str, name: &str) -> Vec<Value> {
        let store = self.store();
        let of_it = store.opportunities().iter().filter(|it| it.location_id == location && it.name == name);
        let mut found: Vec<_> = of_it.collect();
        found.sort_by_key(|it| (it.created_at, &it.id));
        found.into_iter().map(|it| it.to_json(None)).collect()
    }

    /// Everything that `location` holds.
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

/// Everything that a location holds, in API v2's form, regardless of the search index.
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
    /// All known tags.
    pub tags: Vec<Value>,
    /// Users: their ids and e-mail addresses.
    pub users: Vec<Value>,
    /// Pipelines, in the order of their creation.
    pub pipelines: Vec<SandboxPipeline>,
}

impl Seeding<'_> {
    /// Sets the location's profile.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn profile(&self, name: &str, timezone: &str, country: &str) -> Result<(), SeedError> {
        let some = |text: &str| Some(text.to_owned());
        let profile = Profile { name: some(name), timezone: some(timezone), country: some(country) };
        // Data kept from an earlier run need not be kept again.
        if self.ghl.store().structure(self.location).profile == profile {
            return Ok(());
        }
        self.put(StructurePart::Profile(profile))
    }

    /// Creates a custom field from the body of `POST /locations/{id}/customFields`. Returns its id.
    ///
    /// # Errors
    /// If GHL would refuse it.
    pub fn custom_field(&self, body: Value) -> Result<String, SeedError> {
        self.post(&format!("/locations/{}/customFields", self.location), body, "customField", self.now())
    }

    /// Creates a custom value. Returns its id.
    ///
    /// # Errors
    /// If GHL would refuse it.
    pub fn custom_value(&self, name: &str, value: &str) -> Result<String, SeedError> {
        let body = json!({"name": name, "value": value});
        self.post(&format!("/locations/{}/customValues", self.location), body, "customValue", self.now())
    }

    /// Creates a tag. Returns its id.
    ///
    /// # Errors
    /// If GHL would refuse it.
    pub fn tag(&self, name: &str) -> Result<String, SeedError> {
        self.post(&format!("/locations/{}/tags", self.location), json!({"name": name}), "tag", self.now())
    }

    /// Creates a user and returns its id. Once a location has a user, records can be assigned only to its users.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn user(&self, name: &str, email: &str) -> Result<String, SeedError> {
        let id = self.ghl.store().ids().next();
        self.user_of_id(&id, name, email)?;
        Ok(id)
    }

    /// Creates a user with this id.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn user_of_id(&self, id: &str, name: &str, email: &str) -> Result<(), SeedError> {
        self.put(StructurePart::User(StoredUser { id: id.to_owned(), name: name.to_owned(), email: email.to_owned() }))
    }

    /// Replaces the default pipelines of the location. Each pipeline is given by its name and the names of its
    /// stages.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn pipelines(&self, named: &[(&str, &[&str])]) -> Result<Vec<SandboxPipeline>, SeedError> {
        let pipelines: Vec<SandboxPipeline> = named.iter().map(|(name, stages)| self.named(name, stages)).collect();
        self.put(StructurePart::Pipelines(pipelines.clone()))?;
        Ok(pipelines)
    }

    /// Adds a pipeline, which reads show at once.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn pipeline(&self, name: &str, stages: &[&str]) -> Result<SandboxPipeline, SeedError> {
        let pipeline = self.named(name, stages);
        self.change_pipelines(|all| all.push(pipeline.clone()))?;
        Ok(pipeline)
    }

    /// Adds a stage to the pipeline with this id.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn stage(&self, pipeline: &str, name: &str) -> Result<(), SeedError> {
        let stage = Stage::new(&self.ghl.store().ids().next(), name);
        self.change_pipelines(|all| {
            all.iter_mut().filter(|it| it.id == pipeline).for_each(|it| it.stages.push(stage.clone()));
        })
    }

    fn named(&self, name: &str, stages: &[&str]) -> SandboxPipeline {
        SandboxPipeline::named(name, stages, self.ghl.store().ids())
    }

    fn change_pipelines(&self, change: impl FnOnce(&mut Vec<SandboxPipeline>)) -> Result<(), SeedError> {
        let mut all = self.ghl.store().structure(self.location).pipelines.current().to_vec();
        change(&mut all);
        self.put(StructurePart::Pipelines(all))
    }

    /// Creates a contact from the body of `POST /contacts/` (without `locationId`), added at `at` (milliseconds since
    /// the epoch). It may duplicate another one. Returns its id.
    ///
    /// # Errors
    /// If GHL would refuse it.
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

    /// Creates an opportunity from the body of `POST /opportunities/` (without `locationId`), added at `at`
    /// (milliseconds since the epoch). Returns its id.
    ///
    /// # Errors
    /// If GHL would refuse it.
    pub fn opportunity(&self, mut body: Value, at: u64) -> Result<String, SeedError> {
        body["locationId"] = json!(self.location);
        self.post("/opportunities/", body, "opportunity", at)
    }

    fn put(&self, part: StructurePart) -> Result<(), SeedError> {
        Ok(self.ghl.store().put_part(self.location, part).map_err(SandboxAnswer::from)?)
    }

    /// Posts `body` without authentication. Returns the id of the `what` in the answer.
    fn post(&self, path: &str, body: Value, what: &str, at: u64) -> Result<String, SeedError> {
        let json_type = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json_type)]);
        let uri: Uri = path.parse().map_err(|error| SeedError(format!("{path}: {error}")))?;
        let request = SandboxRequest::new(Method::POST, &uri, headers, body.to_string().as_bytes());
        let answer = self.ghl.done_by_hand(&request, self.location, at);
        let id = answer.id_of(what).map(str::to_owned);
        id.ok_or_else(|| SeedError::from(answer))
    }

    fn now(&self) -> u64 {
        millis(self.ghl.now())
    }
}

//! Inspects the simulated GHL, regardless of its search index.

use std::collections::BTreeSet;

use ghl_sync_model::{
    Call, Contact, GhlId, ListedContact, ListedOpportunity, LocationId, Opportunity, Pipeline, PipelineStage,
};
use serde_json::Value;

use super::{SimulatedGhl, in_process, request};

/// The fields that identify a contact, in this order.
const NAMES: [&str; 4] = ["email", "phone", "name", "firstName"];

impl SimulatedGhl {
    /// Contacts and opportunities that exist twice.
    #[must_use]
    pub fn doubles(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut doubles = Vec::new();
        for id in self.0.fake.locations() {
            let contents = self.0.fake.contents(&id);
            let name_of = |it: &Value| NAMES.iter().find_map(|name| it[*name].as_str()).unwrap_or_default().to_owned();
            let contacts = contents.contacts.iter().map(|it| format!("{id} {}", name_of(it)));
            let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
            let opportunities = contents
                .opportunities
                .iter()
                .map(|it| format!("{id} {} {} {}", text(it, "contactId"), text(it, "pipelineId"), text(it, "name")));
            doubles.extend(contacts.chain(opportunities).filter(|name| !seen.insert(name.clone())));
        }
        doubles
    }

    /// Number of contacts in all locations.
    #[must_use]
    pub fn contact_count(&self) -> usize {
        self.0.fake.counts().0
    }

    /// Number of opportunities in all locations.
    #[must_use]
    pub fn opportunity_count(&self) -> usize {
        self.0.fake.counts().1
    }

    /// The contact with this e-mail address, and its tags.
    #[must_use]
    pub fn contact(&self, location: &LocationId, email: &str) -> Option<(GhlId, Contact, BTreeSet<String>)> {
        let found = self.0.fake.contact_of(location.as_str(), Some(email), None)?;
        let ListedContact { id, mut content, .. } = in_process::contact(&found)?;
        let is_it = content.email.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(email));
        let tags = std::mem::take(&mut content.tags).into_iter().collect();
        is_it.then_some((id, content, tags))
    }

    /// Whether another contact than `id` has this phone number.
    #[must_use]
    pub fn is_phone_of_another(&self, location: &LocationId, id: Option<&GhlId>, phone: &str) -> bool {
        let found = self.0.fake.contact_of(location.as_str(), None, Some(phone));
        found.is_some_and(|found| found["id"].as_str() != id.map(GhlId::as_str))
    }

    /// The opportunities with this name, and the ids of their contacts.
    #[must_use]
    pub fn opportunities(&self, location: &LocationId, name: &str) -> Vec<(GhlId, Opportunity)> {
        let named = self.0.fake.opportunities_named(location.as_str(), name);
        named.iter().filter_map(in_process::opportunity).filter_map(opportunity).collect()
    }

    /// The id of the location's only contact.
    ///
    /// # Panics
    /// If the location has none or several.
    #[must_use]
    #[expect(clippy::panic, reason = "for tests")]
    pub fn only_contact(&self, location: &LocationId) -> GhlId {
        match self.0.fake.contents(location.as_str()).contacts.as_slice() {
            [one] => one["id"].as_str().and_then(id_of).unwrap_or_else(|| panic!("a contact without an id")),
            _ => panic!("not exactly one contact"),
        }
    }

    /// The pipelines of the location.
    #[must_use]
    pub fn pipelines(&self, location: &LocationId) -> Vec<Pipeline> {
        self.0.fake.contents(location.as_str()).pipelines.iter().filter_map(pipeline).collect()
    }

    /// The contact that `call` reads, however long it is.
    pub(super) fn read(&self, location: &LocationId, call: &Call) -> Option<ListedContact> {
        let (_, body) = self.0.fake.by_hand(&request(location, call).ok()?, location.as_str());
        let body: Value = serde_json::from_slice(&body).ok()?;
        in_process::contact(&body["contact"])
    }
}

/// Whether `there`, GHL's opportunity, agrees with every field set in `opportunity`.
#[must_use]
pub fn says(opportunity: &Opportunity, there: &Opportunity) -> bool {
    let there = Opportunity {
        contact_record: opportunity.contact_record.clone(),
        contact_id: opportunity.contact_id.clone(),
        status: opportunity.status.and(there.status),
        pipeline_stage_id: there.pipeline_stage_id.clone().filter(|_| opportunity.pipeline_stage_id.is_some()),
        ..there.clone()
    };
    there == *opportunity
}

/// An opportunity as it may be put, and the id of its contact.
fn opportunity(shown: ListedOpportunity) -> Option<(GhlId, Opportunity)> {
    let content = shown.content;
    let contact_id = id_of(&content.contact_id?)?;
    let opportunity = Opportunity {
        contact_record: None,
        contact_id: Some(contact_id.clone()),
        pipeline_id: id_of(&content.pipeline_id?)?,
        name: content.name?,
        status: content.status.and_then(|status| serde_json::from_value(status.into()).ok()),
        pipeline_stage_id: content.pipeline_stage_id.as_deref().and_then(id_of),
        monetary_value: content.monetary_value,
        assigned_to: content.assigned_to,
        custom_fields: content.custom_fields,
    };
    Some((contact_id, opportunity))
}

pub(super) fn pipeline(shown: &ghl_sync_fake_ghl::SandboxPipeline) -> Option<Pipeline> {
    let stage = |(position, stage): (u32, &ghl_sync_fake_ghl::Stage)| {
        Some(PipelineStage { id: id_of(&stage.id)?, name: stage.name.clone(), position })
    };
    let stages = (0..).zip(&shown.stages).map(stage).collect::<Option<_>>()?;
    Some(Pipeline { id: id_of(&shown.id)?, name: shown.name.clone(), stages })
}

fn id_of(text: &str) -> Option<GhlId> {
    GhlId::new(text).ok()
}

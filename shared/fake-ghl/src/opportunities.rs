//! Endpoints that write opportunities or read a single opportunity.

use serde_json::{Map, Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::store::{LookupKey, StoredOpportunity};
use super::visit::Visit;
use super::{dto, field_values};

/// `POST /opportunities/`
pub(crate) fn create(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::CREATE_OPPORTUNITY)?;
    let (contact_id, pipeline_id) = (text_of(body, "contactId"), text_of(body, "pipelineId"));
    let opportunity = create_opportunity(visit, contact_id, pipeline_id, body)?;
    Ok(SandboxAnswer::created(shown(visit, &opportunity)))
}

/// Creates an opportunity, unless the contact already has one in this pipeline, whatever its status.
pub(crate) fn create_opportunity(
    visit: &mut Visit<'_>,
    contact_id: &str,
    pipeline_id: &str,
    body: &Map<String, Value>,
) -> Result<StoredOpportunity, SandboxAnswer> {
    let id = visit.store.ids().next();
    let contact = visit.contact(contact_id)?;
    let pipeline = visit.structure().pipeline(pipeline_id).ok_or_else(|| no_pipeline(pipeline_id))?;
    let first_stage = pipeline.stages.first().map_or("", |stage| &stage.id);
    let mut opportunity = StoredOpportunity::new(id, contact, pipeline_id, first_stage, visit.now);
    write(visit, &mut opportunity, body)?;
    if !visit.rules.allow_duplicate_opportunity
        && let Some(existing) = opportunities_of(visit, contact_id).find(|other| other.pipeline_id == pipeline_id)
    {
        return Err(SandboxAnswer::duplicate_opportunity(&existing.id));
    }
    visit.store.put_opportunity(opportunity.clone())?;
    Ok(opportunity)
}

/// `PUT /opportunities/{id}`
pub(crate) fn update(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::UPDATE_OPPORTUNITY)?;
    let opportunity = update_opportunity(visit, id, body)?;
    Ok(SandboxAnswer::ok(shown(visit, &opportunity)))
}

/// Writes `body` to an existing opportunity.
pub(crate) fn update_opportunity(
    visit: &mut Visit<'_>,
    id: &str,
    body: &Map<String, Value>,
) -> Result<StoredOpportunity, SandboxAnswer> {
    let mut opportunity = visit.opportunity(id)?.clone();
    write(visit, &mut opportunity, body)?;
    visit.store.put_opportunity(opportunity.clone())?;
    Ok(opportunity)
}

/// `PUT /opportunities/{id}/status`
pub(crate) fn set_status(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::OPPORTUNITY_STATUS)?;
    update_opportunity(visit, id, body)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

/// `GET /opportunities/{id}`
pub(crate) fn get(visit: &Visit<'_>, id: &str) -> Handled {
    Ok(SandboxAnswer::ok(shown(visit, visit.opportunity(id)?)))
}

/// `DELETE /opportunities/{id}`
pub(crate) fn delete(visit: &mut Visit<'_>, id: &str) -> Handled {
    visit.opportunity(id)?;
    visit.store.delete_opportunity(id, visit.now)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

/// Writes `body` to `opportunity`, provided everything it names exists.
fn write(
    visit: &Visit<'_>,
    opportunity: &mut StoredOpportunity,
    body: &Map<String, Value>,
) -> Result<(), SandboxAnswer> {
    visit.check_user(body)?;
    opportunity.apply(&field_values::settle(visit.structure(), "opportunity", body)?, visit.now);
    check_stage(visit, opportunity)
}

/// Checks the stage against the pipeline, since either may just have changed.
fn check_stage(visit: &Visit<'_>, opportunity: &StoredOpportunity) -> Result<(), SandboxAnswer> {
    let StoredOpportunity { pipeline_id, pipeline_stage_id, .. } = opportunity;
    let pipeline = visit.structure().pipeline(pipeline_id).ok_or_else(|| no_pipeline(pipeline_id))?;
    if pipeline.has_stage(pipeline_stage_id) {
        Ok(())
    } else {
        Err(SandboxAnswer::bad_request(format!("The pipeline stage id {pipeline_stage_id} is invalid.")))
    }
}

fn no_pipeline(id: &str) -> SandboxAnswer {
    SandboxAnswer::bad_request(format!("The pipeline id {id} is invalid."))
}

fn opportunities_of<'a>(visit: &'a Visit<'_>, contact_id: &str) -> impl Iterator<Item = &'a StoredOpportunity> {
    visit.store.opportunities().with_key(visit.location, LookupKey::Contact(contact_id.to_owned()))
}

fn shown(visit: &Visit<'_>, opportunity: &StoredOpportunity) -> Value {
    let contact = visit.store.contacts().get(&opportunity.contact_id);
    json!({"opportunity": opportunity.to_json(contact)})
}

fn text_of<'a>(body: &'a Map<String, Value>, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

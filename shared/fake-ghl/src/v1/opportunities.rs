//! Opportunities of the legacy API: the pipeline is in the path, and fields written as `title` and `stageId` read
//! back as `name` and `pipelineStageId`.

use serde_json::{Map, Value, json};

use crate::answer::{Handled, SandboxAnswer};
use crate::paging::{Paging, number};
use crate::store::StoredOpportunity;
use crate::visit::Visit;
use crate::{contacts, dto, opportunities, opportunity_search};

/// `POST /v1/pipelines/{pipeline}/opportunities/`. A contact given by e-mail or phone is created if needed.
pub(crate) fn create(visit: &mut Visit<'_>, pipeline: &str) -> Handled {
    let body = visit.body(dto::V1_CREATE_OPPORTUNITY)?;
    let contact_id = match body.get("contactId").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => contact_of(visit, body)?,
    };
    let opportunity =
        body.iter().filter(|(name, _)| *name != "name").map(|(name, value)| (name.clone(), value.clone()));
    let opportunity = opportunities::create_opportunity(visit, &contact_id, pipeline, &opportunity.collect())?;
    Ok(SandboxAnswer::ok(shown(visit, &opportunity)))
}

/// `GET /v1/pipelines/{pipeline}/opportunities/{id}`
pub(crate) fn get(visit: &Visit<'_>, pipeline: &str, id: &str) -> Handled {
    Ok(SandboxAnswer::ok(shown(visit, in_pipeline(visit, pipeline, id)?)))
}

/// `PUT /v1/pipelines/{pipeline}/opportunities/{id}`
pub(crate) fn update(visit: &mut Visit<'_>, pipeline: &str, id: &str) -> Handled {
    let body = visit.body(dto::V1_UPDATE_OPPORTUNITY)?;
    write(visit, pipeline, id, body)
}

/// `DELETE /v1/pipelines/{pipeline}/opportunities/{id}`
pub(crate) fn delete(visit: &mut Visit<'_>, pipeline: &str, id: &str) -> Handled {
    in_pipeline(visit, pipeline, id)?;
    opportunities::delete(visit, id)
}

/// `PUT /v1/pipelines/{pipeline}/opportunities/{id}/status`
pub(crate) fn set_status(visit: &mut Visit<'_>, pipeline: &str, id: &str) -> Handled {
    let body = visit.body(dto::V1_OPPORTUNITY_STATUS)?;
    write(visit, pipeline, id, body)
}

/// `GET /v1/pipelines/{pipeline}/opportunities`, served from an index that lags behind.
pub(crate) fn list(visit: &Visit<'_>, pipeline: &str) -> Handled {
    let request = visit.request;
    let from = number(request, "startDate")?.unwrap_or(0);
    let to = number(request, "endDate")?.unwrap_or(u64::MAX);
    let found = visit
        .store
        .opportunities()
        .indexed(visit.location, visit.now)
        .filter(|opportunity| opportunity.pipeline_id == pipeline && (from..=to).contains(&opportunity.created_at))
        .filter(|opportunity| matches(visit, opportunity))
        .collect();
    let paging = Paging::of(request, true)?;
    let page = paging.cut(request, found, |opportunity: &&StoredOpportunity| (opportunity.created_at, &opportunity.id));
    let shown: Vec<Value> = page.rows.iter().map(|opportunity| shown(visit, opportunity)).collect();
    Ok(SandboxAnswer::ok(json!({"opportunities": shown, "meta": page.meta})))
}

fn contact_of(visit: &mut Visit<'_>, body: &Map<String, Value>) -> Result<String, SandboxAnswer> {
    let parts = ["email", "phone", "name", "companyName", "tags"];
    let contact: Map<String, Value> =
        parts.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect();
    if !contact.contains_key("email") && !contact.contains_key("phone") {
        return Err(SandboxAnswer::unprocessable(["one of contactId, email, phone should not be empty"]));
    }
    contacts::upsert_contact(visit, &contact).map(|(contact, _)| contact.id)
}

fn write(visit: &mut Visit<'_>, pipeline: &str, id: &str, body: &Map<String, Value>) -> Handled {
    in_pipeline(visit, pipeline, id)?;
    let opportunity = opportunities::update_opportunity(visit, id, body)?;
    Ok(SandboxAnswer::ok(shown(visit, &opportunity)))
}

fn in_pipeline<'a>(visit: &'a Visit<'_>, pipeline: &str, id: &str) -> Result<&'a StoredOpportunity, SandboxAnswer> {
    let opportunity = visit.opportunity(id)?;
    if opportunity.pipeline_id == pipeline { Ok(opportunity) } else { Err(SandboxAnswer::no_opportunity(id)) }
}

fn matches(visit: &Visit<'_>, opportunity: &StoredOpportunity) -> bool {
    let is = |name: &str, value: &str| visit.request.query(name).is_none_or(|wanted| wanted == value);
    let assigned_to = opportunity.field("assignedTo").and_then(Value::as_str).unwrap_or_default();
    let value = opportunity.field("monetaryValue").map(Value::to_string).unwrap_or_default();
    is("stageId", &opportunity.pipeline_stage_id)
        && is("status", &opportunity.status)
        && is("assignedTo", assigned_to)
        && is("monetaryValue", &value)
        && visit.request.query("query").is_none_or(|query| opportunity_search::mentions(visit, opportunity, query))
}

fn shown(visit: &Visit<'_>, opportunity: &StoredOpportunity) -> Value {
    opportunity.to_json(visit.store.contacts().get(&opportunity.contact_id))
}

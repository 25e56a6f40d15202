//! `GET /opportunities/search`, served from an index that lags behind.

use serde_json::{Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::paging::Paging;
use super::store::{LookupKey, StoredOpportunity};
use super::times::{end_of_day, from_us_date};
use super::visit::Visit;

const PARAMETERS: &[&str] = &[
    "location_id",
    "pipeline_id",
    "pipeline_stage_id",
    "contact_id",
    "assigned_to",
    "status",
    "q",
    "id",
    "campaignId",
    "order",
    "country",
    "date",
    "endDate",
    "page",
    "limit",
    "startAfter",
    "startAfterId",
    "getTasks",
    "getNotes",
    "getCalendarEvents",
];

pub(crate) fn search(visit: &Visit<'_>) -> Handled {
    check_parameters(visit)?;
    let request = visit.request;
    let from = day(visit, "date")?.unwrap_or(0);
    let to = day(visit, "endDate")?.map_or(u64::MAX, end_of_day);
    let found = candidates(visit)
        .into_iter()
        .filter(|opportunity| matches(visit, opportunity) && (from..=to).contains(&opportunity.created_at))
        .collect();

    let ascending = request.query("order").is_some_and(|order| order.ends_with("asc"));
    let paging = Paging::of(request, !ascending)?;
    let page = paging.cut(request, found, |opportunity: &&StoredOpportunity| (opportunity.created_at, &opportunity.id));
    let contacts = visit.store.contacts();
    let shown: Vec<Value> =
        page.rows.iter().map(|opportunity| opportunity.to_json(contacts.get(&opportunity.contact_id))).collect();
    Ok(SandboxAnswer::ok(json!({"opportunities": shown, "meta": page.meta, "aggregations": {}})))
}

/// Parameter names are in snake_case here, and no others are accepted.
fn check_parameters(visit: &Visit<'_>) -> Result<(), SandboxAnswer> {
    let unknown = visit.request.query_pairs().filter(|(name, _)| !PARAMETERS.contains(name));
    let mut complaints: Vec<String> = unknown.map(|(name, _)| format!("property {name} should not exist")).collect();
    if visit.request.query("location_id").is_none() {
        complaints.push("location_id must be a string".to_owned());
    }
    if complaints.is_empty() { Ok(()) } else { Err(SandboxAnswer::unprocessable(complaints)) }
}

fn day(visit: &Visit<'_>, name: &str) -> Result<Option<u64>, SandboxAnswer> {
    let parse =
        |text| from_us_date(text).ok_or_else(|| SandboxAnswer::unprocessable([format!("{name} must be mm-dd-yyyy")]));
    visit.request.query(name).map(parse).transpose()
}

/// The location's opportunities, or only those of the requested contact.
fn candidates<'a>(visit: &'a Visit<'_>) -> Vec<&'a StoredOpportunity> {
    let opportunities = visit.store.opportunities();
    match visit.request.query("contact_id") {
        None => opportunities.indexed(visit.location, visit.now).collect(),
        Some(contact) => {
            opportunities.indexed_with_key(visit.location, LookupKey::Contact(contact.to_owned()), visit.now).collect()
        }
    }
}

fn matches(visit: &Visit<'_>, opportunity: &StoredOpportunity) -> bool {
    let is = |name: &str, value: &str| visit.request.query(name).is_none_or(|wanted| wanted == value);
    let assigned_to = opportunity.field("assignedTo").and_then(Value::as_str).unwrap_or_default();
    let has_status = visit.request.query("status") == Some("all") || is("status", &opportunity.status);
    has_status
        && is("id", &opportunity.id)
        && is("pipeline_id", &opportunity.pipeline_id)
        && is("pipeline_stage_id", &opportunity.pipeline_stage_id)
        && is("assigned_to", assigned_to)
        && visit.request.query("q").is_none_or(|query| mentions(visit, opportunity, query))
}

/// Whether `query` is in the opportunity's name or in its contact's name, e-mail address or phone number.
pub(crate) fn mentions(visit: &Visit<'_>, opportunity: &StoredOpportunity, query: &str) -> bool {
    let contact = visit.store.contacts().get(&opportunity.contact_id);
    opportunity.name.to_lowercase().contains(&query.to_lowercase())
        || contact.is_some_and(|contact| contact.mentions(query))
}

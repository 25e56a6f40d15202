//! `POST /contacts/search` and the deprecated `GET /contacts/`, both served from an index that lags behind.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::contact_filter::{self, Filter};
use super::dto;
use super::paging::Paging;
use super::store::StoredContact;
use super::visit::Visit;

const MAX_PAGE: usize = 500;
/// Beyond this, only `searchAfter` can continue a list.
const MAX_OFFSET: usize = 10_000;

pub(crate) fn search(visit: &Visit<'_>) -> Handled {
    let search = Search::read(visit.body(dto::SEARCH_CONTACTS)?)?;
    let mut found: Vec<Hit<'_>> = visit
        .store
        .contacts()
        .indexed(visit.location, visit.now)
        .filter(|contact| search.filter.accepts(contact))
        .filter(|contact| search.query.is_none_or(|query| contact.mentions(query)))
        .map(|contact| Hit { contact, cursor: search.cursor_of(contact) })
        .collect();
    let total = found.len();
    found.sort_unstable_by(|a, b| search.order(&a.cursor, &b.cursor));
    if let Some(after) = &search.after {
        found.retain(|hit| search.order(&hit.cursor, after).is_gt());
    }
    let page: Vec<Value> = found.iter().skip(search.offset).take(search.limit).map(Hit::to_json).collect();
    Ok(SandboxAnswer::ok(json!({"contacts": page, "total": total})))
}

pub(crate) fn list(visit: &Visit<'_>) -> Handled {
    visit.require_location()?;
    let query = visit.request.query("query");
    let found = visit
        .store
        .contacts()
        .indexed(visit.location, visit.now)
        .filter(|contact| query.is_none_or(|query| contact.mentions(query)))
        .collect();
    let paging = Paging::of(visit.request, true)?;
    let page = paging.cut(visit.request, found, |contact: &&StoredContact| (contact.date_added, &contact.id));
    let contacts: Vec<Value> = page.rows.iter().map(|contact| listed(contact)).collect();
    Ok(SandboxAnswer::ok(json!({"contacts": contacts, "count": page.meta["total"], "meta": page.meta})))
}

/// The deprecated list has the first name in lower case, and its true spelling in a second field.
fn listed(contact: &StoredContact) -> Value {
    let mut shown = contact.to_json();
    if let Some(first_name) = contact.text("firstName") {
        shown["firstName"] = json!(first_name.to_lowercase());
        shown["firstNameRaw"] = json!(first_name);
    }
    shown
}

/// The parameters of a search.
#[derive(Debug)]
struct Search<'a> {
    filter: Filter,
    query: Option<&'a str>,
    sort: Vec<Sort<'a>>,
    after: Option<Vec<Value>>,
    offset: usize,
    limit: usize,
}

#[derive(Debug)]
struct Sort<'a> {
    field: &'a str,
    descending: bool,
}

/// A match and its sort key: the values it is sorted by, then its id.
#[derive(Debug)]
struct Hit<'a> {
    contact: &'a StoredContact,
    cursor: Vec<Value>,
}

impl<'a> Search<'a> {
    fn read(body: &'a Map<String, Value>) -> Result<Search<'a>, SandboxAnswer> {
        let limit = body.get("pageLimit").and_then(as_usize).filter(|limit| (1..=MAX_PAGE).contains(limit));
        let limit = limit.ok_or_else(|| SandboxAnswer::bad_request("pageLimit must be between 1 and 500"))?;
        let query = body.get("query").and_then(Value::as_str);
        if query.is_some_and(|query| query.chars().count() > 75) {
            return Err(SandboxAnswer::unprocessable(["query must be shorter than or equal to 75 characters"]));
        }
        let sort = match body.get("sort") {
            None => vec![Sort { field: "dateAdded", descending: true }],
            Some(sort) => read_sort(sort)?,
        };
        let after = body.get("searchAfter").map(|after| read_cursor(after, sort.len())).transpose()?;
        if after.is_some() && body.contains_key("page") {
            return Err(SandboxAnswer::bad_request("page and searchAfter can not be used together"));
        }
        let page = body.get("page").and_then(as_usize).unwrap_or(1).max(1);
        if page.saturating_mul(limit) > MAX_OFFSET {
            return Err(SandboxAnswer::bad_request(
                "Only the first 10000 records can be read by page; use searchAfter",
            ));
        }
        let filter = contact_filter::read(body.get("filters"))?;
        Ok(Search { filter, query, sort, after, offset: (page - 1) * limit, limit })
    }

    fn cursor_of(&self, contact: &StoredContact) -> Vec<Value> {
        let values = self.sort.iter().map(|sort| contact_filter::value_of(contact, sort.field));
        values.chain([json!(contact.id)]).collect()
    }

    /// Compares by the sort fields, each in its direction, then by id.
    fn order(&self, a: &[Value], b: &[Value]) -> Ordering {
        let directions = self.sort.iter().map(|sort| sort.descending).chain([false]);
        a.iter()
            .zip(b)
            .zip(directions)
            .map(|((a, b), descending)| if descending { compare(b, a) } else { compare(a, b) })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl Hit<'_> {
    fn to_json(&self) -> Value {
        let mut shown = self.contact.to_json();
        for (name, lower) in [("firstName", "firstNameLowerCase"), ("lastName", "lastNameLowerCase")] {
            if let Some(text) = self.contact.text(name) {
                shown[lower] = json!(text.to_lowercase());
            }
        }
        for list in ["additionalEmails", "additionalPhones"] {
            if shown.get(list).is_none() {
                shown[list] = json!([]);
            }
        }
        shown["searchAfter"] = json!(self.cursor);
        shown
    }
}

fn read_sort(sort: &Value) -> Result<Vec<Sort<'_>>, SandboxAnswer> {
    let entries = sort.as_array().ok_or_else(|| SandboxAnswer::unprocessable(["sort must be an array"]))?;
    entries
        .iter()
        .map(|entry| {
            let field = entry["field"].as_str().unwrap_or_default();
            let descending = match entry["direction"].as_str() {
                Some("asc") => false,
                Some("desc") => true,
                _ => return Err(SandboxAnswer::unprocessable(["each direction in sort must be asc or desc"])),
            };
            contact_filter::check_field(field).map(|()| Sort { field, descending })
        })
        .collect()
}

fn read_cursor(after: &Value, sort_fields: usize) -> Result<Vec<Value>, SandboxAnswer> {
    match after.as_array() {
        Some(values) if values.len() == sort_fields + 1 => Ok(values.clone()),
        _ => Err(SandboxAnswer::bad_request("Invalid searchAfter")),
    }
}

/// Numbers sort before texts; all other values sort first.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.as_u64(), b.as_u64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a_number, b_number) => (a.as_str(), b_number).cmp(&(b.as_str(), a_number)),
    }
}

fn as_usize(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

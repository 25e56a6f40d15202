//! A body of items: each is a record by itself, and is accepted or refused by itself.

use axum::extract::{FromRequest, Request};
use ghl_sync_model::{Contact, GhlId, LocationId, Opportunity, Payload, PayloadError, Priority, PutRecord, RecordId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::body::{self, Form, JsonFault};
use crate::problem::{FieldProblem, Problem, ProblemKind};

/// Most items of one request: so many can be stored well before API Gateway stops waiting for an answer.
pub(crate) const MAX_ITEMS: usize = 10_000;

/// A contact to put.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "crm-42",
    "contact": { "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "tags": ["vip"] },
}))]
pub(crate) struct ContactItem {
    /// Your own id of it, unique among the location's contacts; putting the same id again replaces the content. It is
    /// written into logs, so it should not be an e-mail address or a phone number.
    id: RecordId,
    /// How urgent; the location's default where it is absent.
    priority: Option<Priority>,
    /// GHL's id of it, where you know it: then it is updated and never created.
    ghl_id: Option<GhlId>,
    /// Its fields, named as GHL's API v2 names them. An absent field is left as it is in GHL.
    contact: Contact,
}

/// An opportunity to put.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "deal-7",
    "opportunity": { "contactRecord": "crm-42", "pipelineId": "pipe_sales", "name": "Analytical engine", "status": "open" },
}))]
pub(crate) struct OpportunityItem {
    /// Your own id of it, unique among the location's opportunities; putting the same id again replaces the content.
    id: RecordId,
    /// How urgent; the location's default where it is absent.
    priority: Option<Priority>,
    /// GHL's id of it, where you know it: then it is updated and never created.
    ghl_id: Option<GhlId>,
    /// Its fields, named as GHL's API v2 names them. An absent field is left as it is in GHL.
    opportunity: Opportunity,
}

/// A body of JSON: one item, or a list of them.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a schema; the items are read one by one")]
pub(crate) enum OneOrMore<T: ToSchema> {
    One(T),
    More(Vec<T>),
}

/// One body's items, in its order.
pub(crate) struct Items<T>(
    /// Each item, or why it is refused.
    Vec<Result<T, JsonFault>>,
);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Items<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let form = body::form(request.headers())?;
        let bytes = body::bytes(request).await?;
        let items = match form {
            Form::Json => of_json(body::text(&bytes)?)?,
            Form::Lines => of_lines(&bytes)?,
        };
        if items.is_empty() {
            return Err(Problem::new(ProblemKind::Invalid, "the body has no item"));
        }
        Ok(Items(items))
    }
}

/// One item, or a list of them. What is no JSON at all is refused as a whole: nobody knows where an item ends in it.
fn of_json<T: DeserializeOwned>(text: &str) -> Result<Vec<Result<T, JsonFault>>, Problem> {
    if !text.trim_start().starts_with('[') {
        // No list: let the item's own type say what is missing, but only once it is JSON.
        let item: &RawValue = body::from_json(text)?;
        return Ok(vec![body::from_json_without_doubles(item.get())]);
    }
    let items: Vec<&RawValue> = body::from_json(text)?;
    at_most(items.len())?;
    Ok(items.into_iter().map(|item| body::from_json_without_doubles(item.get())).collect())
}

/// An item a line; blank lines are passed over.
fn of_lines<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<Result<T, JsonFault>>, Problem> {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    at_most(lines.len())?;
    Ok(lines.into_iter().map(of_line).collect())
}

fn of_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, JsonFault> {
    let text = std::str::from_utf8(line).map_err(|_| JsonFault {
        syntax: true,
        field: String::new(),
        detail: "is not UTF-8".to_owned(),
    })?;
    body::from_json_without_doubles(text)
}

fn at_most(items: usize) -> Result<(), Problem> {
    if items > MAX_ITEMS {
        let detail = format!("the body has {items} items; at most {MAX_ITEMS} are taken at once, send it in parts");
        return Err(Problem::new(ProblemKind::TooLarge, detail));
    }
    Ok(())
}

/// An item of either kind.
pub(crate) trait Item: DeserializeOwned + Send {
    /// The record that it puts into `location`, whose default priority is `default`.
    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord;

    /// The name of the field that holds the content.
    const CONTENT: &'static str;
}

impl Item for ContactItem {
    const CONTENT: &'static str = "contact";

    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord {
        PutRecord {
            priority: self.priority.unwrap_or(default),
            ghl_id: self.ghl_id,
            ..PutRecord::new(location.clone(), self.id, Payload::Contact(self.contact))
        }
    }
}

impl Item for OpportunityItem {
    const CONTENT: &'static str = "opportunity";

    fn into_put(self, location: &LocationId, default: Priority) -> PutRecord {
        PutRecord {
            priority: self.priority.unwrap_or(default),
            ghl_id: self.ghl_id,
            ..PutRecord::new(location.clone(), self.id, Payload::Opportunity(self.opportunity))
        }
    }
}

/// What is to be put, and what is refused, each with its place in the body.
pub(crate) struct Sorted {
    pub(crate) records: Vec<PutRecord>,
    /// The places of `records`.
    pub(crate) places: Vec<usize>,
    pub(crate) refused: Vec<FieldProblem>,
}

impl<T: Item> Items<T> {
    /// Checks each item.
    pub(crate) fn sort(self, location: &LocationId, default: Priority) -> Sorted {
        let mut sorted = Sorted { records: Vec::with_capacity(self.0.len()), places: Vec::new(), refused: Vec::new() };
        for (index, item) in self.0.into_iter().enumerate() {
            match item.map_err(of_fault).and_then(|item| checked(item, location, default)) {
                Ok(record) => {
                    sorted.records.push(record);
                    sorted.places.push(index);
                }
                Err((field, detail)) => sorted.refused.push(FieldProblem { index: Some(index), field, detail }),
            }
        }
        sorted
    }
}

fn checked<T: Item>(item: T, location: &LocationId, default: Priority) -> Result<PutRecord, (String, String)> {
    let record = item.into_put(location, default);
    record.check().map_err(|error| of_check(T::CONTENT, &error))?;
    Ok(record)
}

fn of_fault(fault: JsonFault) -> (String, String) {
    (fault.field, fault.detail)
}

fn of_check(content: &str, error: &PayloadError) -> (String, String) {
    match error {
        PayloadError::Field { field: "id", reason } => ("id".to_owned(), (*reason).to_owned()),
        PayloadError::TooLarge { field, .. } => (format!("{content}.{field}"), error.to_string()),
        PayloadError::Field { field, reason } => (format!("{content}.{field}"), (*reason).to_owned()),
        // Only reading a payload from text ends so.
        PayloadError::Malformed { .. } => (content.to_owned(), "is malformed".to_owned()),
    }
}

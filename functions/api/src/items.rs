//! A body of items: each is a record by itself, and is accepted or refused by itself.

use axum::extract::{FromRequest, Request};
use ghl_sync_model::{EpochMs, LocationId, Priority, PutRecord};
use ghl_sync_operate::items::{Item, ItemFault, JsonFault, checked, from_json_without_doubles, one_or_list, too_many};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::body::{self, Form};
use crate::problem::{FieldProblem, Problem, ProblemKind};

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
    let items = one_or_list(text)?;
    at_most(items.len())?;
    Ok(items.into_iter().map(from_json_without_doubles).collect())
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
    from_json_without_doubles(text)
}

fn at_most(items: usize) -> Result<(), Problem> {
    too_many(items).map_or(Ok(()), |detail| Err(Problem::new(ProblemKind::TooLarge, format!("the body {detail}"))))
}

/// What is to be put, and what is refused, each with its place in the body.
pub(crate) struct Sorted {
    pub(crate) records: Vec<PutRecord>,
    /// The places of `records`.
    pub(crate) places: Vec<usize>,
    pub(crate) refused: Vec<FieldProblem>,
}

impl<T: Item> Items<T> {
    /// Checks each item, at `now`.
    pub(crate) fn sort(self, location: &LocationId, default: Priority, now: EpochMs) -> Sorted {
        let mut sorted = Sorted { records: Vec::with_capacity(self.0.len()), places: Vec::new(), refused: Vec::new() };
        for (index, item) in self.0.into_iter().enumerate() {
            match item.map_err(ItemFault::from).and_then(|item| checked(item, location, default, now)) {
                Ok(record) => {
                    sorted.records.push(record);
                    sorted.places.push(index);
                }
                Err(ItemFault { field, detail }) => {
                    sorted.refused.push(FieldProblem { index: Some(index), field, detail })
                }
            }
        }
        sorted
    }
}

//! A body of items: each item is a record that is accepted or refused independently.

use axum::extract::{FromRequest, Request};
use ghl_sync_model::{EpochMs, LocationId, Priority, PutRecord};
use ghl_sync_operate::items::{
    ItemFault, JsonFault, RecordItem, checked, from_json_without_doubles, one_or_list, too_many,
};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::body::{self, BodyFormat};
use crate::problem::{ApiProblem, FieldProblem, ProblemKind};

/// A JSON body: one item or a list.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a schema; the items are read one by one")]
pub(crate) enum OneOrMore<T: ToSchema> {
    One(T),
    More(Vec<T>),
}

/// The items of a body, in order.
pub(crate) struct Items<T>(
    /// Each item, or the reason why it is refused.
    Vec<Result<T, JsonFault>>,
);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Items<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiProblem> {
        let form = body::form(request.headers())?;
        let bytes = body::bytes(request).await?;
        let items = match form {
            BodyFormat::Json => of_json(body::text(&bytes)?)?,
            BodyFormat::Lines => of_lines(&bytes)?,
        };
        if items.is_empty() {
            return Err(ApiProblem::new(ProblemKind::Invalid, "the body has no item"));
        }
        Ok(Items(items))
    }
}

/// Parses one item or a list. Invalid JSON is refused as a whole, because the boundaries of its items are unknown.
fn of_json<T: DeserializeOwned>(text: &str) -> Result<Vec<Result<T, JsonFault>>, ApiProblem> {
    let items = one_or_list(text)?;
    at_most(items.len())?;
    Ok(items.into_iter().map(from_json_without_doubles).collect())
}

/// Parses one item per line and skips blank lines.
fn of_lines<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<Result<T, JsonFault>>, ApiProblem> {
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

fn at_most(items: usize) -> Result<(), ApiProblem> {
    too_many(items).map_or(Ok(()), |detail| Err(ApiProblem::new(ProblemKind::TooLarge, format!("the body {detail}"))))
}

/// The records to put and the refused items, each with its index in the body.
pub(crate) struct SortedItems {
    pub(crate) records: Vec<PutRecord>,
    /// Index in the body of each of `records`.
    pub(crate) places: Vec<usize>,
    pub(crate) refused: Vec<FieldProblem>,
}

impl<T: RecordItem> Items<T> {
    /// Validates each item as of `now`.
    pub(crate) fn sort(self, location: &LocationId, default: Priority, now: EpochMs) -> SortedItems {
        let mut sorted =
            SortedItems { records: Vec::with_capacity(self.0.len()), places: Vec::new(), refused: Vec::new() };
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

//! Puts records: each item is accepted or refused independently, and an idle location starts at once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ghl_sync_engine::ports::Put as Stored;
use ghl_sync_engine::usecase::PutItems;
use ghl_sync_model::{ImportId, LocationId, PutRecord};
use ghl_sync_operate::items::{ContactItem, OpportunityItem, RecordItem};
use ghl_sync_operate::take_into_import;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{KnownLocation, LocationPath};
use crate::items::{Items, OneOrMore, SortedItems};
use crate::problem::{ApiProblem, FieldProblem, ProblemKind};
use crate::query::InQuery;
use crate::service::ApiState;
use crate::wire::{PutDocument, PutItem, PutResult, SharedContacts};

/// What the items are part of.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutQuery {
    /// The import that the items belong to. An unknown import begins with them; a cancelled one takes none.
    #[param(inline, nullable = false, example = "contacts-csv-5f1c09e2")]
    import: Option<ImportId>,
}

/// Puts contacts in.
///
/// The body is one item, a JSON list of items, or one item per line (`application/x-ndjson`); at most 10,000 items and
/// 4 MiB. Each item is accepted or refused independently. An accepted record is due at once; content that GHL already
/// has is not sent again. Among items with the same id the last one counts, or the newest by `as_of`. It is safe to
/// repeat a request.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/contacts",
    tag = "records",
    params(LocationPath, PutQuery),
    request_body(content(
        (OneOrMore<ContactItem> = "application/json"),
        (ContactItem = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "All items are accepted", body = PutDocument),
        (status = 207, description = "Some items are accepted; `items` says which", body = PutDocument),
    ),
)]
pub(crate) async fn put_contacts(
    State(api): State<ApiState>,
    location: KnownLocation,
    InQuery(under): InQuery<PutQuery>,
    items: Items<ContactItem>,
) -> Result<Response, ApiProblem> {
    put(&api, &location, under, items).await
}

/// Puts opportunities in.
///
/// Works like contacts. An opportunity that names a contact by your id (`contactRecord`) waits until GHL has that
/// contact.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/opportunities",
    tag = "records",
    params(LocationPath, PutQuery),
    request_body(content(
        (OneOrMore<OpportunityItem> = "application/json"),
        (OpportunityItem = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "All items are accepted", body = PutDocument),
        (status = 207, description = "Some items are accepted; `items` says which", body = PutDocument),
    ),
)]
pub(crate) async fn put_opportunities(
    State(api): State<ApiState>,
    location: KnownLocation,
    InQuery(under): InQuery<PutQuery>,
    items: Items<OpportunityItem>,
) -> Result<Response, ApiProblem> {
    put(&api, &location, under, items).await
}

async fn put<T: RecordItem>(
    api: &ApiState,
    location: &KnownLocation,
    PutQuery { import }: PutQuery,
    items: Items<T>,
) -> Result<Response, ApiProblem> {
    let now = api.engine.ports().clock.now();
    let sorted = items.sort(&location.id, location.settings.default_priority, now);
    put_sorted(api, &location.id, import.as_ref(), sorted).await
}

/// Puts the valid items, and returns the result of every item.
pub(super) async fn put_sorted(
    api: &ApiState,
    location: &LocationId,
    import: Option<&ImportId>,
    sorted: SortedItems,
) -> Result<Response, ApiProblem> {
    let SortedItems { records, places, refused } = sorted;
    if records.is_empty() {
        let detail = format!("none of the {} items is accepted", refused.len());
        return Err(ApiProblem { kind: ProblemKind::Invalid, detail: detail.into(), errors: refused });
    }
    let undo_since = match import {
        Some(import) => take_into_import(&api.engine, location, import).await?,
        None => None,
    };
    let of_import = |record| PutRecord { import: import.cloned(), undo_since, ..record };
    let records: Vec<PutRecord> = records.into_iter().map(of_import).collect();
    // The next tick starts any location that could not start now; the engine has logged the failure.
    let PutItems { items: stored, shared, .. } = api.engine.put_and_start(&records).await;
    let shared = shared.iter().map(SharedContacts::from).collect();
    let refused_count = refused.len() as u64;
    let mut put = PutDocument {
        stored: 0,
        unchanged: 0,
        outdated: 0,
        refused: refused_count,
        failed: 0,
        shared,
        items: Vec::new(),
    };
    for ((record, index), stored) in records.into_iter().zip(places).zip(&stored) {
        let (counter, result) = match stored {
            Ok(Stored::Stored) => (&mut put.stored, PutResult::Stored),
            Ok(Stored::Unchanged) => (&mut put.unchanged, PutResult::Unchanged),
            Ok(Stored::Outdated) => (&mut put.outdated, PutResult::Outdated),
            Err(_) => (&mut put.failed, PutResult::Failed),
        };
        *counter += 1;
        put.items.push(PutItem { index, id: Some(record.id.into()), result, errors: Vec::new() });
    }
    if put.stored + put.unchanged + put.outdated == 0 {
        return Err(stored.into_iter().find_map(Result::err).map_or_else(nothing_stored, ApiProblem::from));
    }
    put.items.extend(refused.into_iter().map(of_refused));
    put.items.sort_unstable_by_key(|item| item.index);
    let status = if put.refused + put.failed == 0 { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
    Ok((status, Json(put)).into_response())
}

fn nothing_stored() -> ApiProblem {
    ApiProblem::new(ProblemKind::Unavailable, "nothing could be stored; send all of it again")
}

fn of_refused(FieldProblem { index, field, detail }: FieldProblem) -> PutItem {
    let errors = vec![FieldProblem { index: None, field, detail }];
    PutItem { index: index.unwrap_or_default(), id: None, result: PutResult::Refused, errors }
}

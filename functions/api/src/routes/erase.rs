//! Forgetting a record, and erasing a person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ghl_sync_model::RecordCursor;
use ghl_sync_operate::{DeletionError, ErasedContact as Found, Person};
use serde::Deserialize;
use utoipa::IntoParams;

use super::records::RecordPath;
use super::{InPath, LocationPath};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::query::InQuery;
use crate::service::Api;
use crate::wire::{Erase, Erased, ErasedContact};

/// Most contacts that an erasure goes on with.
const MOST_CONTACTS: usize = 1_000;

/// Where a record is deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Where {
    /// In GHL as well, and there first.
    #[param(inline, nullable = false, default = false)]
    in_ghl: Option<bool>,
}

/// Forgets a record, or deletes it in GHL.
///
/// What is kept of it here is deleted: its content, what became of it, what GHL told of it. In GHL nothing is deleted, and
/// a call that is under way still arrives there. Put again, it is a new record.
///
/// With `in_ghl=true` the record becomes due for being deleted in GHL, paced and retried as a put is; once GHL has deleted
/// it, it is forgotten here. A put before that withdraws it.
#[utoipa::path(
    delete,
    path = "/v1/locations/{location_id}/records/{kind}/{*record_id}",
    tag = "records",
    params(RecordPath, Where),
    responses(
        (status = 202, description = "It will be deleted in GHL, and then here"),
        (status = 204, description = "It is forgotten"),
    ),
)]
pub(crate) async fn forget(
    State(api): State<Api>,
    InPath(path): InPath<RecordPath>,
    InQuery(Where { in_ghl }): InQuery<Where>,
) -> Result<StatusCode, Problem> {
    let (location, key) = path.split();
    if in_ghl == Some(true) {
        api.operator().delete_in_ghl(&location, &key).await?;
        return Ok(StatusCode::ACCEPTED);
    }
    if api.operator().forget(&location, &key).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(ProblemKind::UnknownRecord, "it was never put into this location, or is forgotten already"))
}

/// Erases a person.
///
/// Deletes what is kept here of the contacts that have this e-mail address and this phone number (whichever is given), and
/// of their opportunities. In GHL nothing is deleted: `contacts` says under which ids they are there. A large location
/// takes more than one request: go on with `cursor` and `contacts` until `cursor` is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/erase",
    tag = "records",
    params(LocationPath),
    request_body = Erase,
    responses((status = 200, description = "What was erased", body = Erased)),
)]
pub(crate) async fn erase(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(Erase { email, phone, cursor, contacts }): JsonBody<Erase>,
) -> Result<Json<Erased>, Problem> {
    let has_digits = |phone: &String| phone.contains(|c: char| c.is_ascii_digit());
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        return Err(Problem::field(ProblemKind::Invalid, "email", "must be an e-mail address"));
    }
    if phone.as_ref().is_some_and(|phone| !has_digits(phone)) {
        return Err(Problem::field(ProblemKind::Invalid, "phone", "must have digits"));
    }
    if email.is_none() && phone.is_none() {
        return Err(Problem::field(ProblemKind::Invalid, "email", "or `phone` must be given, or both"));
    }
    if contacts.len() > MOST_CONTACTS {
        let detail = format!("lists more than {MOST_CONTACTS}");
        return Err(Problem::field(ProblemKind::Invalid, "contacts", detail));
    }
    let after = cursor.map(|cursor| RecordCursor::from_text(&cursor, &location_id)).transpose();
    let after =
        after.map_err(|_| Problem::field(ProblemKind::Invalid, "cursor", "is not one that an answer gave here"))?;
    let found = contacts.into_iter().map(|ErasedContact { record, ghl_id }| Found { record, ghl_id }).collect();
    let erased = api.operator().erase(&location_id, &Person { email, phone, found }, after).await?;
    Ok(Json(Erased {
        contacts: erased
            .contacts
            .into_iter()
            .map(|Found { record, ghl_id }| ErasedContact { record, ghl_id })
            .collect(),
        opportunities: erased.opportunities,
        known_states: erased.known_states,
        cursor: erased.next.map(|next| next.to_text(&location_id)),
    }))
}

impl From<DeletionError> for Problem {
    fn from(error: DeletionError) -> Problem {
        let kind = match error {
            DeletionError::Operate(error) => return error.into(),
            DeletionError::UnknownRecord => ProblemKind::UnknownRecord,
            DeletionError::Unreadable | DeletionError::NotInGhl | DeletionError::Shared(_) | DeletionError::Changed => {
                ProblemKind::NotNow
            }
        };
        Problem::new(kind, error.to_string())
    }
}

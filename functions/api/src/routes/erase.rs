//! Forgetting a record, and erasing a person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ghl_sync_model::RecordCursor;
use ghl_sync_operate::{ErasedContact as Found, Person};

use super::records::RecordPath;
use super::{InPath, LocationPath};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
use crate::wire::{Erase, Erased, ErasedContact};

/// Most contacts that an erasure goes on with.
const MOST_CONTACTS: usize = 1_000;

/// Forgets a record.
///
/// What is kept of it here is deleted: its content, what became of it, what GHL told of it. In GHL nothing is deleted, and
/// a call that is under way still arrives there. Put again, it is a new record.
#[utoipa::path(
    delete,
    path = "/v1/locations/{location_id}/records/{kind}/{*record_id}",
    tag = "records",
    params(RecordPath),
    responses((status = 204, description = "It is forgotten")),
)]
pub(crate) async fn forget(State(api): State<Api>, InPath(path): InPath<RecordPath>) -> Result<StatusCode, Problem> {
    let (location, key) = path.split();
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

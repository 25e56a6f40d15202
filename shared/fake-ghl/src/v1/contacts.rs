//! Contacts of the legacy API.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Handled, SandboxAnswer};
use crate::paging::Paging;
use crate::store::StoredContact;
use crate::visit::Visit;
use crate::{contacts, dto};

/// `POST /v1/contacts/`: creates a contact, or updates the one with the same e-mail address or phone number.
pub(crate) fn upsert(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::V1_CONTACT)?;
    if is_anonymous(body) {
        return Err(email_or_phone_required());
    }
    let (contact, _) = contacts::upsert_contact(visit, body)?;
    Ok(SandboxAnswer::ok(json!({"contact": contact.to_v1()})))
}

/// `PUT /v1/contacts/{id}`
pub(crate) fn update(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::V1_CONTACT)?;
    let contact = contacts::update_contact(visit, id, body)?;
    Ok(SandboxAnswer::ok(json!({"contact": contact.to_v1()})))
}

/// `DELETE /v1/contacts/{id}`
pub(crate) fn delete(visit: &mut Visit<'_>, id: &str) -> Handled {
    contacts::delete(visit, id)
}

/// `GET /v1/contacts/{id}`
pub(crate) fn get(visit: &Visit<'_>, id: &str) -> Handled {
    Ok(SandboxAnswer::ok(json!({"contact": visit.contact(id)?.to_v1()})))
}

/// `POST /v1/contacts/{id}/tags/`
pub(crate) fn add_tags(visit: &mut Visit<'_>, id: &str) -> Handled {
    contacts::add_tags(visit, id)
}

/// `DELETE /v1/contacts/{id}/tags/`
pub(crate) fn remove_tags(visit: &mut Visit<'_>, id: &str) -> Handled {
    contacts::remove_tags(visit, id)
}

/// `GET /v1/contacts/lookup`
pub(crate) fn lookup(visit: &Visit<'_>) -> Handled {
    let (email, phone) = (visit.request.query("email"), visit.request.query("phone"));
    if email.or(phone).is_none() {
        return Err(email_or_phone_required());
    }
    let found = contacts::find(visit.store, visit.location, email, phone).map(|twin| twin.contact.to_v1());
    Ok(SandboxAnswer::ok(json!({"contacts": found.into_iter().collect::<Vec<_>>()})))
}

/// `GET /v1/contacts/`, served from an index that lags behind.
pub(crate) fn list(visit: &Visit<'_>) -> Handled {
    let request = visit.request;
    let by_update = match request.query("sortBy") {
        None | Some("date_added") => false,
        Some("date_updated") => true,
        Some(_) => return Err(SandboxAnswer::unprocessable(["sortBy must be date_added or date_updated"])),
    };
    let descending = match request.query("order") {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(SandboxAnswer::unprocessable(["order must be asc or desc"])),
    };
    let found = visit
        .store
        .contacts()
        .indexed(visit.location, visit.now)
        .filter(|contact| request.query("query").is_none_or(|query| contact.mentions(query)))
        .collect();
    let page = Paging::of(request, descending)?.cut(request, found, |contact: &&StoredContact| {
        (if by_update { contact.date_updated } else { contact.date_added }, &contact.id)
    });
    let contacts: Vec<Value> = page.rows.iter().map(|contact| contact.to_v1()).collect();
    Ok(SandboxAnswer::ok(json!({"contacts": contacts, "meta": page.meta})))
}

fn is_anonymous(body: &Map<String, Value>) -> bool {
    ["email", "phone"].iter().all(|name| body.get(*name).and_then(Value::as_str).is_none())
}

fn email_or_phone_required() -> SandboxAnswer {
    let complaint = |field, other| {
        let message = format!("The {field} field is mandatory if {other} is absent.");
        json!({"rule": "requiredWithoutAny", "message": message})
    };
    let body = json!({"email": complaint("email", "phone"), "phone": complaint("phone", "email")});
    SandboxAnswer::json(StatusCode::UNPROCESSABLE_ENTITY, body)
}

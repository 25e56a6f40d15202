//! Endpoints that write contacts or read a single contact.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::store::{LookupKey, Store, StoredContact};
use super::visit::{LocationRules, Visit};
use super::{dto, field_values, phone};

/// `POST /contacts/`
pub(crate) fn create(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::CREATE_CONTACT)?;
    if body.len() == 1 {
        return Err(nothing_but_a_location());
    }
    if !visit.rules.allow_duplicate_contact
        && let Some(twin) = find_twin(visit.store, visit.location, body)
    {
        return Err(twin.refusal());
    }
    let body = settle(visit, body)?;
    let contact = StoredContact::new(visit.store.ids().next(), visit.location, &body, visit.now);
    let answer = SandboxAnswer::created(json!({"contact": contact.to_json()}));
    visit.store.put_contact(contact)?;
    Ok(answer)
}

/// `POST /contacts/upsert`
pub(crate) fn upsert(visit: &mut Visit<'_>) -> Handled {
    let body = visit.body(dto::UPSERT_CONTACT)?;
    let wants_duplicates = body.get("createNewIfDuplicateAllowed") == Some(&json!(true));
    let (contact, is_new) = if wants_duplicates && visit.rules.allow_duplicate_contact {
        let body = settle(visit, body)?;
        let contact = StoredContact::new(visit.store.ids().next(), visit.location, &body, visit.now);
        visit.store.put_contact(contact.clone())?;
        (contact, true)
    } else {
        upsert_contact(visit, body)?
    };
    Ok(SandboxAnswer::ok(json!({"new": is_new, "contact": contact.to_json()})))
}

/// Updates the contact with the e-mail address, or else the phone number, of `body`, or creates one. Also returns
/// whether it is new.
pub(crate) fn upsert_contact(
    visit: &mut Visit<'_>,
    body: &Map<String, Value>,
) -> Result<(StoredContact, bool), SandboxAnswer> {
    let mut body = settle(visit, body)?;
    let twin = find_twin(visit.store, visit.location, &body).map(|twin| twin.contact.clone());
    let is_new = twin.is_none();
    let contact = match twin {
        None => StoredContact::new(visit.store.ids().next(), visit.location, &body, visit.now),
        Some(mut contact) => {
            if !visit.rules.allow_duplicate_contact && has_other(visit, &contact.id, phone_of(&body)) {
                // The e-mail address matches one contact, the phone number another: GHL ignores the number.
                body.remove("phone");
            }
            check_closed_channels(visit.rules, &contact, &body)?;
            contact.upsert(&body, visit.now);
            contact
        }
    };
    visit.store.put_contact(contact.clone())?;
    Ok((contact, is_new))
}

/// `PUT /contacts/{id}`
pub(crate) fn update(visit: &mut Visit<'_>, id: &str) -> Handled {
    let dto = if visit.rules.updates_take_company { dto::UPDATE_CONTACT } else { dto::UPDATE_CONTACT_WITHOUT_COMPANY };
    let body = visit.body(dto)?;
    let contact = update_contact(visit, id, body)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true, "contact": contact.to_json()})))
}

/// Writes `body` to an existing contact, unless another one has its e-mail address or phone number. It is unverified
/// whether GHL refuses that, as for a new contact, or drops the conflicting field, as an upsert does.
pub(crate) fn update_contact(
    visit: &mut Visit<'_>,
    id: &str,
    body: &Map<String, Value>,
) -> Result<StoredContact, SandboxAnswer> {
    let mut contact = visit.contact(id)?.clone();
    if !visit.rules.allow_duplicate_contact
        && let Some(twin) = find_other_twin(visit.store, visit.location, body, id)
    {
        return Err(twin.refusal());
    }
    let body = settle(visit, body)?;
    check_closed_channels(visit.rules, &contact, &body)?;
    contact.update(&body, visit.now);
    visit.store.put_contact(contact.clone())?;
    Ok(contact)
}

/// Refuses to write a channel that the contact has closed permanently.
fn check_closed_channels(
    rules: LocationRules,
    contact: &StoredContact,
    body: &Map<String, Value>,
) -> Result<(), SandboxAnswer> {
    let is_closed = |state: Option<&Value>| {
        state.is_some_and(|state| rules.permanent_is_permanent && state["status"] == "permanent")
    };
    let stored = contact.field("dndSettings");
    let mut written = body.get("dndSettings").and_then(Value::as_object).into_iter().flatten();
    match written.find(|(name, state)| is_closed(stored.and_then(|stored| stored.get(name))) && !is_closed(Some(state)))
    {
        Some((name, _)) => {
            Err(SandboxAnswer::bad_request(format!("Not authorized to update permanent dnd setting for {name}")))
        }
        None => Ok(()),
    }
}

/// Converts `body` to its stored form, provided everything it names exists. Its tags become known to the location.
fn settle(visit: &mut Visit<'_>, body: &Map<String, Value>) -> Result<Map<String, Value>, SandboxAnswer> {
    visit.check_user(body)?;
    let settled = field_values::settle(visit.structure(), "contact", body)?;
    visit.learn_tags(&settled)?;
    Ok(settled)
}

/// `GET /contacts/{id}`
pub(crate) fn get(visit: &Visit<'_>, id: &str) -> Handled {
    Ok(SandboxAnswer::ok(json!({"contact": visit.contact(id)?.to_json()})))
}

/// `DELETE /contacts/{id}`
pub(crate) fn delete(visit: &mut Visit<'_>, id: &str) -> Handled {
    visit.contact(id)?;
    visit.store.delete_contact(id, visit.now)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

/// `POST /contacts/{id}/tags`
pub(crate) fn add_tags(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::TAGS)?;
    let mut contact = visit.contact(id)?.clone();
    contact.add_tags(&body["tags"], visit.now);
    visit.learn_tags(body)?;
    let answer = SandboxAnswer::created(json!({"tags": contact.tags}));
    visit.store.put_contact(contact)?;
    Ok(answer)
}

/// `DELETE /contacts/{id}/tags`
pub(crate) fn remove_tags(visit: &mut Visit<'_>, id: &str) -> Handled {
    let body = visit.body(dto::TAGS)?;
    let mut contact = visit.contact(id)?.clone();
    contact.remove_tags(&body["tags"], visit.now);
    let answer = SandboxAnswer::ok(json!({"tags": contact.tags}));
    visit.store.put_contact(contact)?;
    Ok(answer)
}

/// `GET /contacts/search/duplicate`
pub(crate) fn find_duplicate(visit: &Visit<'_>) -> Handled {
    visit.require_location()?;
    let (email, number) = (visit.request.query("email"), visit.request.query("number"));
    let contact = find(visit.store, visit.location, email, number).map(|twin| twin.contact.to_json());
    Ok(SandboxAnswer::ok(json!({"contact": contact})))
}

/// An existing contact with an e-mail address or phone number that another contact would get.
#[derive(Debug)]
pub(crate) struct Twin<'a> {
    pub(crate) contact: &'a StoredContact,
    matching_field: &'static str,
}

impl Twin<'_> {
    fn refusal(&self) -> SandboxAnswer {
        SandboxAnswer::duplicate_contact(&self.contact.id, &self.contact.name(), self.matching_field)
    }
}

/// The contact of `location` with this e-mail address, or else with this phone number.
pub(crate) fn find<'a>(
    store: &'a Store,
    location: &str,
    email: Option<&str>,
    number: Option<&str>,
) -> Option<Twin<'a>> {
    twins(store, location, email, number).next()
}

fn find_twin<'a>(store: &'a Store, location: &str, body: &Map<String, Value>) -> Option<Twin<'a>> {
    find(store, location, text_of(body, "email"), text_of(body, "phone"))
}

fn find_other_twin<'a>(store: &'a Store, location: &str, body: &Map<String, Value>, id: &str) -> Option<Twin<'a>> {
    twins(store, location, text_of(body, "email"), text_of(body, "phone")).find(|twin| twin.contact.id != id)
}

fn twins<'a>(
    store: &'a Store,
    location: &str,
    email: Option<&str>,
    number: Option<&str>,
) -> impl Iterator<Item = Twin<'a>> {
    let email = email.map(|email| LookupKey::Email(email.to_lowercase()));
    let phone = number.and_then(phone::normalize).map(LookupKey::Phone);
    let of =
        move |key: Option<LookupKey>| key.into_iter().flat_map(move |key| store.contacts().with_key(location, key));
    let by_email = of(email).map(|contact| Twin { contact, matching_field: "email" });
    by_email.chain(of(phone).map(|contact| Twin { contact, matching_field: "phone" }))
}

fn has_other(visit: &Visit<'_>, id: &str, phone: Option<LookupKey>) -> bool {
    phone.is_some_and(|phone| visit.store.contacts().with_key(visit.location, phone).any(|other| other.id != id))
}

fn phone_of(body: &Map<String, Value>) -> Option<LookupKey> {
    text_of(body, "phone").and_then(phone::normalize).map(LookupKey::Phone)
}

fn text_of<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

/// GHL sends this one as a 400 with 422 in its body.
fn nothing_but_a_location() -> SandboxAnswer {
    let message = ["one of email, phone, name, firstName, lastName should not be empty"];
    SandboxAnswer::json(
        StatusCode::BAD_REQUEST,
        json!({"statusCode": 422, "message": message, "error": "Unprocessable Entity"}),
    )
}

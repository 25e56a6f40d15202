//! Exposes the crate's internals to the fuzz targets (`cargo fuzz` sets `cfg(fuzzing)`).

use ghl_sync_model::{Call, Contact, Failure, GhlId, Quota};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Reads an error body as the answer to a call that may create a contact, one that updates it, and one that reads.
#[must_use]
pub fn failures(status: u16, body: &str) -> Vec<Failure> {
    let _ = crate::error::message_in_success(body);
    let Ok(id) = GhlId::new("c1") else { return Vec::new() };
    let contact = Contact::default();
    let update = Call::UpdateContact { id: id.clone(), contact: contact.clone() };
    let calls = [Call::UpsertContact(contact), update, Call::GetContact(id)];
    calls.iter().map(|call| crate::error::failure(call, status, body)).collect()
}

/// Reads headers in which each time or number has this value.
#[must_use]
pub fn quotas(value: &[u8]) -> Vec<Quota> {
    let names = ["retry-after", "x-ratelimit-reset", "x-ratelimit-daily-reset", "x-ratelimit-max"];
    let Ok(value) = HeaderValue::from_bytes(value) else { return Vec::new() };
    let only = |name| HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]);
    names.map(|name| crate::headers::quota(&only(name))).into()
}

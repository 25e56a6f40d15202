//! Faults of calls, and the requests that arrive.

use std::time::Duration;

use ghl_sync_model::{Call, Cause, Contact, Endpoint, EpochMs, LocationId, PageCursor, Quota, RetryAfter};

/// A call as seen by the rules of [`SimulatedGhl::on_call`](super::SimulatedGhl::on_call).
#[derive(Debug)]
pub struct ObservedCall<'a> {
    /// Number of the call, from 1.
    pub number: u64,
    /// Number of calls of this endpoint for the subject, including this one.
    pub tries: u32,
    /// When it is sent.
    pub at: EpochMs,
    /// Time since the simulation started.
    pub elapsed: Duration,
    /// Location of the call.
    pub location: &'a LocationId,
    /// The call itself.
    pub call: &'a Call,
    /// The contact's e-mail address, the opportunity's name, or the id: see [`Arrival::subject`].
    pub subject: &'a str,
}

/// A fault of a call.
#[derive(Debug, Clone)]
pub enum CallFault {
    /// The call has no effect, and gets this answer.
    Refused {
        /// HTTP status.
        status: u16,
        /// Cause in the body.
        cause: Option<Cause>,
        /// Quota in the headers.
        quota: Quota,
    },
    /// The call takes effect, but the answer has this status.
    DoneButRefused(u16),
    /// There is no answer, though the call may take effect.
    NoAnswer {
        /// Whether the call takes effect.
        done: bool,
    },
    /// The call arrives, and takes effect, this long after its caller has given up.
    ArrivesLate(Duration),
    /// GHL cannot be reached.
    Unreachable,
    /// The client panics after the call has taken effect.
    Panics,
    /// The function hangs until it is killed; the call takes effect.
    Hangs,
}

impl CallFault {
    /// An answer with only a `status`.
    #[must_use]
    pub fn status(status: u16) -> CallFault {
        CallFault::Refused { status, cause: None, quota: Quota::default() }
    }

    /// An answer with `status` and `Retry-After`.
    #[must_use]
    pub fn retry_after(status: u16, span: Duration) -> CallFault {
        let quota = Quota { retry_after: Some(RetryAfter::Delay(span)), ..Quota::default() };
        CallFault::Refused { status, cause: None, quota }
    }

    /// An answer with `status` and `cause`.
    #[must_use]
    pub fn cause(status: u16, cause: Cause) -> CallFault {
        CallFault::Refused { status, cause: Some(cause), quota: Quota::default() }
    }
}

/// A request that reached GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it was sent.
    pub sent_at: EpochMs,
    /// When it arrived and was counted.
    pub at: EpochMs,
    /// Location of the call.
    pub location: LocationId,
    /// The endpoint that was called.
    pub endpoint: Endpoint,
    /// The contact's e-mail address, phone number or name, the opportunity's name, or the id of the record that is
    /// read or tagged.
    pub subject: String,
    /// Whether the quota allowed it.
    pub allowed: bool,
}

/// The subject of a call: see [`Arrival::subject`].
pub(super) fn subject_of(call: &Call) -> String {
    match call {
        Call::UpsertContact(contact) | Call::CreateContact(contact) | Call::UpdateContact { contact, .. } => {
            name_of(contact)
        }
        Call::AddTags { id, .. }
        | Call::RemoveTags { id, .. }
        | Call::GetContact(id)
        | Call::GetOpportunity(id)
        | Call::DeleteContact(id)
        | Call::DeleteOpportunity { id, .. }
        | Call::DeleteCustomField(id)
        | Call::DeleteCustomValue(id)
        | Call::DeleteTag(id)
        | Call::GetPipeline(id)
        | Call::DeletePipeline(id) => id.to_string(),
        Call::FindMarked(marker) => marker.to_string(),
        Call::FindContact { email, phone } => email.clone().or_else(|| phone.clone()).unwrap_or_default(),
        Call::ContactsChanged { .. } => "changed".to_owned(),
        Call::FindOpportunities(wanted) => wanted.contact_id.to_string(),
        Call::CreateOpportunity { opportunity, .. } | Call::UpdateOpportunity { opportunity, .. } => {
            opportunity.name.clone()
        }
        Call::ContactsPage { cursor, .. } | Call::OpportunitiesPage { cursor, .. } => {
            cursor.as_ref().map_or_else(|| "first".to_owned(), |PageCursor(cursor)| cursor.clone())
        }
        Call::CreateCustomField(field) => field.name.clone(),
        Call::CreateCustomValue { name, .. } | Call::CreateTag(name) => name.clone(),
        Call::CreatePipeline(pipeline) => pipeline.name.clone(),
        Call::GetLocation
        | Call::ListCustomFields
        | Call::ListCustomValues
        | Call::ListTags
        | Call::ListUsers
        | Call::ListPipelines => "all".to_owned(),
    }
}

/// The text that identifies a contact.
fn name_of(contact: &Contact) -> String {
    let Contact { email, phone, name, first_name, .. } = contact;
    [email, phone, name, first_name].into_iter().flatten().next().cloned().unwrap_or_default()
}

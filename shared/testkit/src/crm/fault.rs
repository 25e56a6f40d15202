//! What goes wrong with calls, and what arrives of them.

use std::time::Duration;

use ghl_sync_model::{Call, Cause, Contact, Endpoint, EpochMs, LocationId, PageCursor, Quota, RetryAfter};

/// A call as the rules of [`SimulatedGhl::on_call`](super::SimulatedGhl::on_call) see it.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its number among all calls, from 1.
    pub number: u64,
    /// How often this was called for this subject, this time included.
    pub tries: u32,
    /// When it is sent.
    pub at: EpochMs,
    /// Time since the simulation began.
    pub elapsed: Duration,
    /// For whom.
    pub location: &'a LocationId,
    /// The call that the fake is asked.
    pub call: &'a Call,
    /// The contact's e-mail address, the opportunity's name, or the id: see [`Arrival::subject`].
    pub subject: &'a str,
}

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is not done, and this is the answer.
    Refused {
        /// HTTP status.
        status: u16,
        /// What the body says.
        cause: Option<Cause>,
        /// What the headers say.
        quota: Quota,
    },
    /// It is done, and yet the answer has this status.
    DoneButRefused(u16),
    /// There is no answer, though it may be done.
    NoAnswer {
        /// Whether it is done.
        done: bool,
    },
    /// It arrives, and is done, so long after its caller has given up.
    ArrivesLate(Duration),
    /// GHL is not reached.
    Unreachable,
    /// The client's code panics when the call is done.
    Panics,
    /// The function hangs until it is killed; the call is done.
    Hangs,
}

impl Fault {
    /// An answer with `status`, and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Fault {
        Fault::Refused { status, cause: None, quota: Quota::default() }
    }

    /// An answer with `status` and `Retry-After`.
    #[must_use]
    pub fn retry_after(status: u16, span: Duration) -> Fault {
        let quota = Quota { retry_after: Some(RetryAfter::Delay(span)), ..Quota::default() };
        Fault::Refused { status, cause: None, quota }
    }

    /// An answer that says `cause`.
    #[must_use]
    pub fn cause(status: u16, cause: Cause) -> Fault {
        Fault::Refused { status, cause: Some(cause), quota: Quota::default() }
    }
}

/// A request that reached GHL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it was sent.
    pub sent_at: EpochMs,
    /// When it arrived and was counted.
    pub at: EpochMs,
    /// For whom.
    pub location: LocationId,
    /// What was called.
    pub endpoint: Endpoint,
    /// The contact's e-mail address, phone number or name, the opportunity's name, or the id of what is read or
    /// tagged.
    pub subject: String,
    /// Whether the quota allowed it.
    pub allowed: bool,
}

/// What a call is about: see [`Arrival::subject`].
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
        _ => "all".to_owned(),
    }
}

/// What a contact is known by.
fn name_of(contact: &Contact) -> String {
    let Contact { email, phone, name, first_name, .. } = contact;
    [email, phone, name, first_name].into_iter().flatten().next().cloned().unwrap_or_default()
}

//! One call to GHL and what came back: the words in which the engine talks to the CRM port.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Contact, EpochMs, GhlId, Marker, Opportunity};

/// Which of GHL's APIs a location is served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `services.leadconnectorhq.com`, `Version: 2021-07-28`.
    #[default]
    V2,
    /// `rest.gohighlevel.com/v1`, end of life since 2025-12-31 but still answering for those who have a key.
    V1,
}

impl Api {
    /// The API as it is written in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Api::V2 => "v2",
            Api::V1 => "v1",
        }
    }
}

/// One HTTP request to GHL, in the engine's words. Each takes a permit of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Creates the contact, or updates the one that GHL finds by e-mail or phone. Repeating it converges.
    UpsertContact(Contact),
    /// Creates a contact that has neither e-mail nor phone. Repeating it makes a second one.
    CreateContact(Contact),
    /// Updates a known contact. (GHL refuses `companyName` and `gender` here; the client leaves them out.)
    UpdateContact {
        /// Which.
        id: GhlId,
        /// Its new content.
        contact: Contact,
    },
    /// Adds tags to a contact and leaves its others alone.
    AddTags {
        /// Whose.
        id: GhlId,
        /// What to add.
        tags: BTreeSet<String>,
    },
    /// Reads a contact.
    GetContact(GhlId),
    /// Looks for the contact that carries our marker. GHL's index lags some seconds behind its writes.
    FindMarked(Marker),
    /// Looks for a contact by e-mail or phone.
    FindContact {
        /// E-mail address.
        email: Option<String>,
        /// Phone number, E.164.
        phone: Option<String>,
    },
    /// One page of the contacts that changed since a time, oldest change first.
    ContactsChanged {
        /// From when on.
        since: EpochMs,
        /// Where the last page ended.
        cursor: Option<PageCursor>,
        /// Contacts per page, at most 100.
        limit: u32,
    },
    /// Looks for the opportunities of a contact in a pipeline. GHL's index lags some seconds behind its writes.
    FindOpportunities(ContactRef),
    /// Creates an opportunity. Repeating it may make a second one.
    CreateOpportunity {
        /// GHL's id of the contact.
        contact_id: GhlId,
        /// The content.
        opportunity: Opportunity,
    },
    /// Updates a known opportunity.
    UpdateOpportunity {
        /// Which.
        id: GhlId,
        /// Its new content.
        opportunity: Opportunity,
    },
}

/// A contact and a pipeline: where an opportunity is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRef {
    /// GHL's id of the contact.
    pub contact_id: GhlId,
    /// GHL's id of the pipeline.
    pub pipeline_id: GhlId,
}

/// A page's end, to go on from; opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCursor(pub String);

/// The kinds of call, for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// [`Call::UpsertContact`]
    UpsertContact,
    /// [`Call::CreateContact`]
    CreateContact,
    /// [`Call::UpdateContact`]
    UpdateContact,
    /// [`Call::AddTags`]
    AddTags,
    /// [`Call::GetContact`]
    GetContact,
    /// [`Call::FindMarked`]
    FindMarked,
    /// [`Call::FindContact`]
    FindContact,
    /// [`Call::ContactsChanged`]
    ContactsChanged,
    /// [`Call::FindOpportunities`]
    FindOpportunities,
    /// [`Call::CreateOpportunity`]
    CreateOpportunity,
    /// [`Call::UpdateOpportunity`]
    UpdateOpportunity,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Endpoint; 11] = [
        Endpoint::UpsertContact,
        Endpoint::CreateContact,
        Endpoint::UpdateContact,
        Endpoint::AddTags,
        Endpoint::GetContact,
        Endpoint::FindMarked,
        Endpoint::FindContact,
        Endpoint::ContactsChanged,
        Endpoint::FindOpportunities,
        Endpoint::CreateOpportunity,
        Endpoint::UpdateOpportunity,
    ];

    /// The endpoint as it is written in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Endpoint::UpsertContact => "contacts.upsert",
            Endpoint::CreateContact => "contacts.create",
            Endpoint::UpdateContact => "contacts.update",
            Endpoint::AddTags => "contacts.add_tags",
            Endpoint::GetContact => "contacts.get",
            Endpoint::FindMarked => "contacts.find_marked",
            Endpoint::FindContact => "contacts.find",
            Endpoint::ContactsChanged => "contacts.changed",
            Endpoint::FindOpportunities => "opportunities.find",
            Endpoint::CreateOpportunity => "opportunities.create",
            Endpoint::UpdateOpportunity => "opportunities.update",
        }
    }
}

impl Call {
    /// Which kind of call it is.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Call::UpsertContact(_) => Endpoint::UpsertContact,
            Call::CreateContact(_) => Endpoint::CreateContact,
            Call::UpdateContact { .. } => Endpoint::UpdateContact,
            Call::AddTags { .. } => Endpoint::AddTags,
            Call::GetContact(_) => Endpoint::GetContact,
            Call::FindMarked(_) => Endpoint::FindMarked,
            Call::FindContact { .. } => Endpoint::FindContact,
            Call::ContactsChanged { .. } => Endpoint::ContactsChanged,
            Call::FindOpportunities(_) => Endpoint::FindOpportunities,
            Call::CreateOpportunity { .. } => Endpoint::CreateOpportunity,
            Call::UpdateOpportunity { .. } => Endpoint::UpdateOpportunity,
        }
    }

    /// Whether doing it twice leaves GHL as doing it once does.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        !matches!(self, Call::CreateContact(_) | Call::CreateOpportunity { .. })
    }

    /// Whether it changes anything in GHL.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(
            self,
            Call::GetContact(_)
                | Call::FindMarked(_)
                | Call::FindContact { .. }
                | Call::ContactsChanged { .. }
                | Call::FindOpportunities(_)
        )
    }
}

/// What GHL answered to a call that it accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The contact was written (upsert, create, update).
    ContactWritten {
        /// GHL's id of it.
        id: GhlId,
    },
    /// The tags were added.
    TagsAdded,
    /// The contact that was asked for, or none.
    Contact(Option<Box<RemoteContact>>),
    /// One page of contacts.
    Contacts(ContactPage),
    /// The opportunity was written.
    OpportunityWritten {
        /// GHL's id of it.
        id: GhlId,
    },
    /// The opportunities that were found.
    Opportunities(Vec<FoundOpportunity>),
}

/// A contact as GHL shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteContact {
    /// GHL's id of it.
    pub id: GhlId,
    /// Its fields, in the form in which they can be written back; custom fields by id. What we have no field for, and
    /// what is not of the type that it should be, is left out.
    pub content: Contact,
    /// When it was changed last.
    pub updated_at: Option<EpochMs>,
    /// All that GHL said of it.
    pub raw: serde_json::Value,
}

/// One page of contacts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContactPage {
    /// The contacts.
    pub contacts: Vec<RemoteContact>,
    /// Where to go on; `None` on the last page.
    pub next: Option<PageCursor>,
}

/// An opportunity that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOpportunity {
    /// GHL's id of it.
    pub id: GhlId,
    /// Its name.
    pub name: String,
}

/// Everything that came back from one call.
#[derive(Debug)]
pub struct Reply {
    /// The answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// HTTP status, if there was an answer at all.
    pub status: Option<u16>,
    /// What the headers said of the quota.
    pub quota: Quota,
}

/// A call that was not accepted: the facts, for [`crate::policy::classify`] to judge.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Failure {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Whether the request can have reached GHL (false: DNS, refused connection, TLS).
    pub sent: bool,
    /// What the body says beyond the status.
    pub cause: Option<Cause>,
    /// GHL's own words, or the transport's; at most 1 KB, without tokens.
    pub message: String,
}

impl Failure {
    fn describe(&self) -> String {
        match (self.status, self.sent) {
            (Some(status), _) => format!("GHL answered {status}: {}", self.message),
            (None, true) => format!("no answer from GHL: {}", self.message),
            (None, false) => format!("GHL was not reached: {}", self.message),
        }
    }
}

/// What a body told that its status did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The token is wrong, expired, or not for this location.
    Credentials,
    /// The token was not accepted, and there is another one by now, or one can be had.
    StaleToken,
    /// It is not GHL that answered but a gateway in front of it: it gave up waiting, or blocks us for a while.
    Gateway,
    /// The thing that was to be updated does not exist (any more).
    Missing,
    /// It exists already, under this id.
    Duplicate(GhlId),
    /// The status says success, but the body cannot be understood.
    Unreadable,
    /// The location's API has no such call, or lacks a field for it; nothing was sent.
    Unsupported,
}

/// What the response headers said of the quota (ghl-sync reads all that GHL was seen to send, and `Retry-After` and
/// `X-RateLimit-Reset`, which it was never seen to send).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// `X-RateLimit-Max`: calls per interval.
    pub max: Option<u32>,
    /// `X-RateLimit-Remaining`: left in the current interval.
    pub remaining: Option<u32>,
    /// `X-RateLimit-Interval-Milliseconds`: length of the interval.
    pub interval: Option<Duration>,
    /// `X-RateLimit-Limit-Daily`.
    pub daily_limit: Option<u64>,
    /// `X-RateLimit-Daily-Remaining`.
    pub daily_remaining: Option<u64>,
    /// `X-RateLimit-Daily-Reset`: time *until* the daily quota starts anew.
    pub daily_reset: Option<Duration>,
    /// `Retry-After`, or else `X-RateLimit-Reset`.
    pub retry_after: Option<RetryAfter>,
}

/// When the server wants to see us again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this long.
    Delay(Duration),
    /// At this time.
    At(EpochMs),
}

impl RetryAfter {
    /// The time that is meant, told at `now`.
    #[must_use]
    pub fn from(self, now: EpochMs) -> EpochMs {
        match self {
            RetryAfter::Delay(span) => now + span,
            RetryAfter::At(time) => time,
        }
    }
}

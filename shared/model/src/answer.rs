//! Replies to calls: the records and pages that GHL shows, or the reason why there is no answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Contact, EpochMs, GhlId, RemoteOpportunity};

/// The record as the answer to a write shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct View<T> {
    /// The fields that the answer shows; custom fields by id.
    pub content: T,
    /// Whether the answer shows the whole record: a field that it does not show is then empty in GHL.
    pub is_whole: bool,
    /// Whether the answer shows the custom fields, even if there are none.
    pub has_custom_fields: bool,
}

/// End of a page, from which the next one continues; opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageCursor(pub String);

/// A contact as GHL shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedContact {
    /// GHL's id of the contact.
    pub id: GhlId,
    /// Its fields, in a form that can be written back; custom fields by id. Fields that we do not model, and values
    /// of the wrong type, are left out.
    pub content: Contact,
    /// When it was created.
    pub created_at: Option<EpochMs>,
    /// When it was last changed.
    pub updated_at: Option<EpochMs>,
    /// Data of the contact that no call can write.
    pub not_carried: NotCarried,
    /// The contact's complete JSON, as GHL sent it.
    pub raw: serde_json::Value,
}

/// Data that GHL shows of a contact or an opportunity but that no create or update call accepts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NotCarried {
    /// E-mail addresses besides the first.
    pub additional_emails: Vec<String>,
    /// Phone numbers besides the first.
    pub additional_phones: Vec<String>,
    /// URLs of attached files.
    pub attachments: Vec<String>,
    /// GHL's id of the reason why an opportunity was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_reason: Option<String>,
    /// GHL's ids of the users who follow an opportunity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
}

impl NotCarried {
    /// Whether there is no such data, so a copy loses nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let NotCarried { additional_emails, additional_phones, attachments, lost_reason, followers } = self;
        lost_reason.is_none()
            && [additional_emails, additional_phones, attachments, followers].iter().all(|list| list.is_empty())
    }
}

/// A listed record that cannot be read. It is skipped and reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadRecord {
    /// GHL's id of the record; `None` if even that cannot be read.
    pub id: Option<GhlId>,
    /// When it was last changed.
    pub updated_at: Option<EpochMs>,
    /// Why it cannot be read.
    pub why: Unread,
}

/// Why a listed record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::Display)]
pub enum Unread {
    /// The record alone is longer than the largest answer that we accept. Only a page with a single record shows
    /// this.
    #[strum(serialize = "is longer than 1 MB")]
    TooLong,
    /// GHL shows it without an id that a call could use.
    #[strum(serialize = "has no id")]
    NoId,
}

/// One page of contacts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContactPage {
    /// The contacts.
    pub contacts: Vec<ListedContact>,
    /// The contacts that cannot be read.
    pub unread: Vec<UnreadRecord>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<PageCursor>,
    /// Contacts on all pages together, if GHL reported it.
    pub total: Option<u64>,
}

/// An opportunity as GHL shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedOpportunity {
    /// GHL's id of the opportunity.
    pub id: GhlId,
    /// Its fields; custom fields by id.
    pub content: RemoteOpportunity,
    /// When it was created.
    pub created_at: Option<EpochMs>,
    /// When it was last changed.
    pub updated_at: Option<EpochMs>,
    /// Data of the opportunity that no call can write.
    pub not_carried: NotCarried,
}

/// One page of opportunities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OpportunityPage {
    /// The opportunities.
    pub opportunities: Vec<ListedOpportunity>,
    /// The opportunities that cannot be read.
    pub unread: Vec<UnreadRecord>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<PageCursor>,
    /// Opportunities on all pages together, if GHL reported it.
    pub total: Option<u64>,
}

/// An opportunity that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOpportunity {
    /// GHL's id of the opportunity.
    pub id: GhlId,
    /// The opportunity's name, which carries the marker.
    pub name: String,
}

/// One page of the results of an opportunity search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundPage {
    /// The opportunities of the contact that the search named.
    pub found: Vec<FoundOpportunity>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<PageCursor>,
}

/// A call that GHL did not accept: the facts from which the retry policy decides.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Failure {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Whether the request may have reached GHL (false: DNS, refused connection, TLS).
    pub sent: bool,
    /// The cause that the body names, beyond the status.
    pub cause: Option<Cause>,
    /// The message from GHL or from the transport; at most 1 KB, without tokens.
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

/// A cause that the body of an answer shows and its status does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The token is wrong, expired, or not for this location.
    Credentials,
    /// The token is valid, but not for this call: it lacks the scope, or the call is not open to it.
    Forbidden,
    /// GHL did not accept the token, but a newer one exists or can be obtained.
    StaleToken,
    /// Something in front of GHL answered: a gateway that timed out or blocks us for a while, or a proxy that
    /// redirects or shows a page.
    Gateway,
    /// The answer shows a record, or the settings, of another location than the requested one. The token may belong
    /// to somebody else's account.
    OtherLocation,
    /// The record to update does not exist, or no longer exists.
    Missing,
    /// The record already exists, under this id.
    Duplicate(GhlId),
    /// GHL does not accept a `companyName` in this update.
    CompanyRefused,
    /// The status says success, but the body cannot be understood.
    Unreadable,
    /// The status says success, but the body is longer than we accept. A page with fewer records may fit.
    TooLong,
    /// The location's API has no such call, or lacks a field for it; nothing was sent.
    Unsupported,
}

/// The quota according to the response headers. ghl-sync reads every header that GHL has been seen to send, and also
/// `Retry-After` and `X-RateLimit-Reset`, which GHL has never been seen to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// `X-RateLimit-Max`: calls per interval.
    pub max: Option<u32>,
    /// `X-RateLimit-Remaining`: calls left in the current interval.
    pub remaining: Option<u32>,
    /// `X-RateLimit-Interval-Milliseconds`: length of the interval.
    pub interval: Option<Duration>,
    /// `X-RateLimit-Limit-Daily`.
    pub daily_limit: Option<u64>,
    /// `X-RateLimit-Daily-Remaining`.
    pub daily_remaining: Option<u64>,
    /// `X-RateLimit-Daily-Reset`: when the daily quota starts anew. GHL sends a duration.
    pub daily_reset: Option<RetryAfter>,
    /// `Retry-After`, or else `X-RateLimit-Reset`.
    pub retry_after: Option<RetryAfter>,
}

/// When the server asks us to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this time.
    Delay(Duration),
    /// At this time.
    At(EpochMs),
}

impl RetryAfter {
    /// The longest wait that we accept. A later time is a mistake, or a number in an unexpected unit.
    pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

    /// The point in time, for an answer received at `now`; at most [`RetryAfter::LONGEST`] later.
    #[must_use]
    pub fn from(self, now: EpochMs) -> EpochMs {
        let time = match self {
            RetryAfter::Delay(span) => now + span,
            RetryAfter::At(time) => time,
        };
        time.min(now + RetryAfter::LONGEST)
    }
}

//! What came back from a call: records as GHL shows them, pages of them, and why there is no answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Answer, Contact, EpochMs, GhlId, PageCursor, RemoteOpportunity};

/// What the answer to a write shows of the record.
#[derive(Debug, Clone, PartialEq)]
pub struct View<T> {
    /// What it shows; custom fields by id.
    pub content: T,
    /// Whether it shows the record as a whole, so that a field that it does not show is not there.
    pub is_whole: bool,
    /// Whether it shows the custom fields, be it none.
    pub has_custom_fields: bool,
}

/// A contact as GHL shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteContact {
    /// GHL's id of it.
    pub id: GhlId,
    /// Its fields, in the form in which they can be written back; custom fields by id. What we have no field for, and
    /// what is not of the type that it should be, is left out.
    pub content: Contact,
    /// When it was created.
    pub created_at: Option<EpochMs>,
    /// When it was changed last.
    pub updated_at: Option<EpochMs>,
    /// What it has that no call can write.
    pub not_carried: NotCarried,
    /// All that GHL said of it.
    pub raw: serde_json::Value,
}

/// What GHL shows of a contact or an opportunity, and what no call that creates or updates one takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NotCarried {
    /// Its e-mail addresses beside the first.
    pub additional_emails: Vec<String>,
    /// Its phone numbers beside the first.
    pub additional_phones: Vec<String>,
    /// The addresses of files that are attached to it.
    pub attachments: Vec<String>,
    /// GHL's id of why an opportunity was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_reason: Option<String>,
    /// GHL's ids of the users who follow an opportunity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
}

impl NotCarried {
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let NotCarried { additional_emails, additional_phones, attachments, lost_reason, followers } = self;
        lost_reason.is_none()
            && [additional_emails, additional_phones, attachments, followers].iter().all(|list| list.is_empty())
    }
}

/// A record of a list that cannot be read. It is passed over, and told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadRecord {
    /// GHL's id of it; `None` if not even that could be read.
    pub id: Option<GhlId>,
    /// When it was changed last.
    pub updated_at: Option<EpochMs>,
    /// Why it cannot be read.
    pub why: Unread,
}

/// Why a record of a list cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::Display)]
pub enum Unread {
    /// It is longer, by itself, than what we take of an answer. Only a page of one shows that.
    #[strum(serialize = "is longer than 1 MB")]
    TooLong,
    /// GHL shows it without an id that one could call it by.
    #[strum(serialize = "has no id")]
    NoId,
}

/// One page of contacts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContactPage {
    /// The contacts.
    pub contacts: Vec<RemoteContact>,
    /// Those that cannot be read.
    pub unread: Vec<UnreadRecord>,
    /// Where to go on; `None` on the last page.
    pub next: Option<PageCursor>,
    /// How many there are on all pages, if GHL said so.
    pub total: Option<u64>,
}

/// An opportunity as GHL shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteDeal {
    /// GHL's id of it.
    pub id: GhlId,
    /// What it says; custom fields by id.
    pub content: RemoteOpportunity,
    /// When it was created.
    pub created_at: Option<EpochMs>,
    /// When it was changed last.
    pub updated_at: Option<EpochMs>,
    /// What it has that we do not write.
    pub not_carried: NotCarried,
}

/// One page of opportunities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OpportunityPage {
    /// The opportunities.
    pub opportunities: Vec<RemoteDeal>,
    /// Those that cannot be read.
    pub unread: Vec<UnreadRecord>,
    /// Where to go on; `None` on the last page.
    pub next: Option<PageCursor>,
    /// How many there are on all pages, if GHL said so.
    pub total: Option<u64>,
}

/// An opportunity that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOpportunity {
    /// GHL's id of it.
    pub id: GhlId,
    /// The opportunity's name, which carries the marker.
    pub name: String,
}

/// One page of what a search for opportunities found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundPage {
    /// Those of the contact that was asked for.
    pub found: Vec<FoundOpportunity>,
    /// Where to go on; `None` on the last page.
    pub next: Option<PageCursor>,
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

/// A call that was not accepted: the facts, for the retry policy to judge.
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
    /// The token is good, but not for this call: it lacks the scope, or the call is not open to it.
    Forbidden,
    /// The token was not accepted, and there is another one by now, or one can be had.
    StaleToken,
    /// Not GHL answered but something in front of it: a gateway that gave up waiting or blocks us for a while, a proxy
    /// that redirects or shows a page.
    Gateway,
    /// The answer shows a record, or the settings, of another location than the one that was asked for. The token may
    /// belong to somebody else's account.
    OtherLocation,
    /// The thing that was to be updated does not exist (any more).
    Missing,
    /// It exists already, under this id.
    Duplicate(GhlId),
    /// This update may not have a `companyName`.
    CompanyRefused,
    /// The status says success, but the body cannot be understood.
    Unreadable,
    /// The status says success, but the body is longer than we take. A page with fewer records may fit.
    TooLong,
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
    /// `X-RateLimit-Daily-Reset`: when the daily quota starts anew. GHL tells a duration.
    pub daily_reset: Option<RetryAfter>,
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
    /// Nobody is asked to come back later than this: what lies further ahead is a mistake, or a number of a unit that
    /// nobody thought of.
    pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

    /// The time that is meant, told at `now`; at most [`RetryAfter::LONGEST`] from then.
    #[must_use]
    pub fn from(self, now: EpochMs) -> EpochMs {
        let time = match self {
            RetryAfter::Delay(span) => now + span,
            RetryAfter::At(time) => time,
        };
        time.min(now + RetryAfter::LONGEST)
    }
}

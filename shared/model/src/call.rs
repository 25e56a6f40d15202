//! One call to GHL and what came back: the words in which the engine talks to the CRM port.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{
    Contact, CustomValue, EpochMs, FieldDefinition, GhlId, Marker, NewField, NewPipeline, Opportunity, Pipeline,
    Provenance, RemoteLocation, RemoteOpportunity, Tag, User,
};

/// Which of GHL's APIs a location is served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
        self.into()
    }
}

/// One HTTP request to GHL, in the engine's words. Each takes a permit of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Creates the contact, or updates the one that GHL finds by e-mail or phone. Repeating it converges.
    UpsertContact(Contact),
    /// Creates a contact that has neither e-mail nor phone. Repeating it makes a second one.
    CreateContact(Contact),
    /// Updates a known contact. (GHL refuses `gender` here; the client leaves it out. `companyName` may be refused, too:
    /// [`Cause::CompanyRefused`].)
    UpdateContact {
        /// GHL's id of the contact.
        id: GhlId,
        /// Its new content.
        contact: Contact,
    },
    /// Adds tags to a contact and leaves its others alone.
    AddTags {
        /// GHL's id of the contact that gets them.
        id: GhlId,
        /// What to add.
        tags: BTreeSet<String>,
    },
    /// Removes tags from a contact and leaves its others alone.
    RemoveTags {
        /// GHL's id of the contact that loses them.
        id: GhlId,
        /// What to remove.
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
    /// Looks for the opportunities of a contact in a pipeline, whatever their status: one page of them. GHL's index lags
    /// some seconds behind its writes.
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
        /// GHL's id of the opportunity.
        id: GhlId,
        /// Its new content.
        opportunity: Opportunity,
    },
    /// Reads an opportunity.
    GetOpportunity(GhlId),
    /// One page of all contacts, oldest first.
    ContactsPage {
        /// Where the last page ended.
        cursor: Option<PageCursor>,
        /// Contacts per page, at most 100.
        limit: u32,
    },
    /// One page of all opportunities, oldest first.
    OpportunitiesPage {
        /// Those of this pipeline only. API v1 has no list of all: there it must be named.
        pipeline: Option<GhlId>,
        /// Where the last page ended.
        cursor: Option<PageCursor>,
        /// Opportunities per page, at most 100.
        limit: u32,
    },
    /// Deletes a contact. One that is gone already is deleted, too.
    DeleteContact(GhlId),
    /// Deletes an opportunity. One that is gone already is deleted, too.
    DeleteOpportunity {
        /// GHL's id of the opportunity.
        id: GhlId,
        /// The pipeline that it is in; API v1 wants to know.
        pipeline_id: GhlId,
    },
    /// Reads the location itself.
    GetLocation,
    /// Reads the definitions of all custom fields, those of contacts and those of opportunities.
    ListCustomFields,
    /// Defines a custom field. Repeating it may make a second one.
    CreateCustomField(NewField),
    /// Deletes the definition of a custom field, and all its values.
    DeleteCustomField(GhlId),
    /// Reads all custom values.
    ListCustomValues,
    /// Makes a custom value. Repeating it may make a second one.
    CreateCustomValue {
        /// The name that templates refer to.
        name: String,
        /// Its text.
        value: String,
    },
    /// Deletes a custom value.
    DeleteCustomValue(GhlId),
    /// Reads all tags that the location knows.
    ListTags,
    /// Makes a tag known. GHL refuses a name that it knows.
    CreateTag(String),
    /// Deletes a tag.
    DeleteTag(GhlId),
    /// Reads all users of the location.
    ListUsers,
    /// Reads all pipelines with their stages.
    ListPipelines,
    /// Reads one pipeline with its stages. What was just written may not be shown yet.
    GetPipeline(GhlId),
    /// Makes a pipeline, for which a token needs the scope `pipelines.create`. GHL refuses a name that is there already,
    /// whatever its case. The answer may leave the stages out.
    CreatePipeline(NewPipeline),
    /// Deletes a pipeline, and all opportunities that are in it.
    DeletePipeline(GhlId),
}

/// A contact and a pipeline: where an opportunity is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRef {
    /// GHL's id of the contact.
    pub contact_id: GhlId,
    /// GHL's id of the pipeline.
    pub pipeline_id: GhlId,
    /// Where the last page ended.
    pub after: Option<PageCursor>,
}

/// A page's end, to go on from; opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageCursor(pub String);

impl Call {
    /// Whether doing it twice leaves GHL as doing it once does.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        !matches!(
            self,
            Call::CreateContact(_)
                | Call::CreateOpportunity { .. }
                | Call::CreateCustomField(_)
                | Call::CreateCustomValue { .. }
                | Call::CreateTag(_)
                | Call::CreatePipeline(_)
        )
    }

    /// Of a page: where it begins (`None` is the beginning), and most records on it.
    #[must_use]
    pub fn as_page(&self) -> Option<(Option<&PageCursor>, u32)> {
        match self {
            Call::ContactsChanged { cursor, limit, .. }
            | Call::ContactsPage { cursor, limit }
            | Call::OpportunitiesPage { cursor, limit, .. } => Some((cursor.as_ref(), *limit)),
            _ => None,
        }
    }

    /// Whether its answer shows one record: a page of one, or what was written.
    #[must_use]
    pub fn shows_one_record(&self) -> bool {
        matches!(
            self,
            Call::ContactsChanged { limit: 1, .. }
                | Call::ContactsPage { limit: 1, .. }
                | Call::OpportunitiesPage { limit: 1, .. }
                | Call::UpsertContact(_)
                | Call::CreateContact(_)
                | Call::UpdateContact { .. }
                | Call::CreateOpportunity { .. }
                | Call::UpdateOpportunity { .. }
        )
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
                | Call::ContactsPage { .. }
                | Call::FindOpportunities(_)
                | Call::GetOpportunity(_)
                | Call::OpportunitiesPage { .. }
                | Call::GetLocation
                | Call::ListCustomFields
                | Call::ListCustomValues
                | Call::ListTags
                | Call::ListUsers
                | Call::ListPipelines
                | Call::GetPipeline(_)
        )
    }

    /// Whether it is done once what it names is gone.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        matches!(
            self,
            Call::DeleteContact(_)
                | Call::DeleteOpportunity { .. }
                | Call::DeleteCustomField(_)
                | Call::DeleteCustomValue(_)
                | Call::DeleteTag(_)
                | Call::DeletePipeline(_)
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
        /// Who created it, as far as GHL tells.
        provenance: Provenance,
        /// The contact as it is now, as far as the answer shows it.
        view: Option<Box<View<Contact>>>,
    },
    /// The tags were added.
    TagsAdded {
        /// All tags that the contact has now, if the answer shows them.
        tags: Option<Vec<String>>,
    },
    /// The tags were removed.
    TagsRemoved {
        /// All tags that the contact has now, if the answer shows them.
        tags: Option<Vec<String>>,
    },
    /// The contact that was asked for, or none.
    Contact(Option<Box<RemoteContact>>),
    /// One page of contacts.
    Contacts(ContactPage),
    /// The opportunity was written.
    OpportunityWritten {
        /// GHL's id of it.
        id: GhlId,
        /// The opportunity as it is now, as far as the answer shows it.
        view: Option<Box<View<RemoteOpportunity>>>,
    },
    /// One page of the opportunities that were found.
    Opportunities(FoundPage),
    /// The opportunity that was asked for.
    Opportunity(Box<RemoteDeal>),
    /// One page of opportunities.
    OpportunityPage(OpportunityPage),
    /// What was to be deleted is gone.
    Deleted,
    /// The location.
    Location(RemoteLocation),
    /// All custom fields.
    CustomFields(Vec<FieldDefinition>),
    /// The custom field that was defined.
    CustomField(FieldDefinition),
    /// All custom values.
    CustomValues(Vec<CustomValue>),
    /// The custom value that was made.
    CustomValue(CustomValue),
    /// All tags.
    Tags(Vec<Tag>),
    /// The tag that was made.
    Tag(Tag),
    /// All users.
    Users(Vec<User>),
    /// All pipelines.
    Pipelines(Vec<Pipeline>),
    /// The pipeline that was made, or read. The answer to a creation may lack the stages.
    Pipeline(Pipeline),
}

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

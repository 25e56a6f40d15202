//! One call to GHL and what came back: the words in which the engine talks to the CRM port.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{
    Contact, ContactPage, CustomValue, EpochMs, FieldDefinition, FoundPage, GhlId, Marker, NewField, NewPipeline,
    Opportunity, OpportunityPage, Pipeline, Provenance, RemoteContact, RemoteDeal, RemoteLocation, RemoteOpportunity,
    Tag, User, View,
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
    /// [`Cause::CompanyRefused`](crate::Cause::CompanyRefused).)
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
        self.endpoint().effect() != Effect::Creation
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
        self.endpoint().effect() != Effect::Read
    }

    /// Whether it is done once what it names is gone.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.endpoint().effect() == Effect::Deletion
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

/// What a call does in GHL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes nothing.
    Read,
    /// Doing it twice leaves GHL as doing it once does.
    Write,
    /// Doing it twice may make two.
    Creation,
    /// It is done once what it names is gone.
    Deletion,
}

/// Declares the endpoints with their names, what they do, and what their path names by id, so that none can be missing
/// from a list.
macro_rules! endpoints {
    ($($variant:ident = $name:literal: $effect:ident $(of $what:literal)?,)*) => {
        /// The kinds of call, for logs and metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Endpoint {
            $(
                #[doc = concat!("[`Call::", stringify!($variant), "`]")]
                $variant,
            )*
        }

        impl Endpoint {
            /// All of them.
            pub const ALL: [Endpoint; [$($name),*].len()] = [$(Endpoint::$variant),*];

            /// The endpoint as it is written in logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Endpoint::$variant => $name,)*
                }
            }

            fn effect(self) -> Effect {
                match self {
                    $(Endpoint::$variant => Effect::$effect,)*
                }
            }

            /// What the call's path names by id, as GHL's messages call it.
            #[must_use]
            pub fn addressed(self) -> Option<&'static str> {
                match self {
                    $(Endpoint::$variant => [$($what)?].first().copied(),)*
                }
            }
        }

        impl Call {
            /// Which kind of call it is.
            #[must_use]
            pub fn endpoint(&self) -> Endpoint {
                match self {
                    $(Call::$variant { .. } => Endpoint::$variant,)*
                }
            }
        }
    };
}

impl Endpoint {
    /// Whether the call is about what a location is made of, and not about its contacts and opportunities. Tokens have
    /// scopes of their own for that, and may lack them while they are good for all that a location needs otherwise.
    #[must_use]
    pub fn is_of_structure(self) -> bool {
        !["contacts.", "opportunities."].iter().any(|records| self.as_str().starts_with(records))
    }
}

endpoints! {
    UpsertContact = "contacts.upsert": Write,
    CreateContact = "contacts.create": Creation,
    UpdateContact = "contacts.update": Write of "contact",
    DeleteContact = "contacts.delete": Deletion of "contact",
    AddTags = "contacts.add_tags": Write of "contact",
    RemoveTags = "contacts.remove_tags": Write of "contact",
    GetContact = "contacts.get": Read of "contact",
    FindMarked = "contacts.find_marked": Read,
    FindContact = "contacts.find": Read,
    ContactsChanged = "contacts.changed": Read,
    ContactsPage = "contacts.page": Read,
    GetOpportunity = "opportunities.get": Read of "opportunity",
    FindOpportunities = "opportunities.find": Read,
    OpportunitiesPage = "opportunities.page": Read,
    CreateOpportunity = "opportunities.create": Creation,
    UpdateOpportunity = "opportunities.update": Write of "opportunity",
    DeleteOpportunity = "opportunities.delete": Deletion of "opportunity",
    ListPipelines = "pipelines.list": Read,
    GetPipeline = "pipelines.get": Read of "pipeline",
    CreatePipeline = "pipelines.create": Creation,
    DeletePipeline = "pipelines.delete": Deletion of "pipeline",
    GetLocation = "locations.get": Read,
    ListCustomFields = "custom_fields.list": Read,
    CreateCustomField = "custom_fields.create": Creation,
    DeleteCustomField = "custom_fields.delete": Deletion of "custom field",
    ListCustomValues = "custom_values.list": Read,
    CreateCustomValue = "custom_values.create": Creation,
    DeleteCustomValue = "custom_values.delete": Deletion of "custom value",
    ListTags = "tags.list": Read,
    CreateTag = "tags.create": Creation,
    DeleteTag = "tags.delete": Deletion of "tag",
    ListUsers = "users.list": Read,
}

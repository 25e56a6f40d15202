//! Calls to GHL and their answers: the vocabulary between the engine and the CRM port.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{
    Contact, ContactPage, CustomValue, EpochMs, FieldDefinition, FoundPage, GhlId, ListedContact, ListedOpportunity,
    Marker, NewField, NewPipeline, Opportunity, OpportunityPage, PageCursor, Pipeline, Provenance, RemoteLocation,
    RemoteOpportunity, Tag, User, View,
};

/// The GHL API that serves a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Api {
    /// `services.leadconnectorhq.com`, `Version: 2021-07-28`.
    #[default]
    V2,
    /// `rest.gohighlevel.com/v1`: end of life since 2025-12-31, but still answers those who have a key.
    V1,
}

impl Api {
    /// The API's name in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One HTTP request to GHL, in the engine's terms. Each takes its own permit.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Creates the contact, or updates the one that GHL finds by e-mail or phone. Safe to repeat.
    UpsertContact(Contact),
    /// Creates a contact that has neither e-mail nor phone. A repetition creates a second one.
    CreateContact(Contact),
    /// Updates a known contact. (GHL rejects `gender` here; the client leaves it out. GHL may reject `companyName`,
    /// too: [`Cause::CompanyRefused`](crate::Cause::CompanyRefused).)
    UpdateContact {
        /// GHL's id of the contact.
        id: GhlId,
        /// Its new content.
        contact: Contact,
    },
    /// Adds tags to a contact and keeps its other tags.
    AddTags {
        /// GHL's id of the contact.
        id: GhlId,
        /// Tags to add.
        tags: BTreeSet<String>,
    },
    /// Removes tags from a contact and keeps its other tags.
    RemoveTags {
        /// GHL's id of the contact.
        id: GhlId,
        /// Tags to remove.
        tags: BTreeSet<String>,
    },
    /// Reads a contact.
    GetContact(GhlId),
    /// Searches for the contact that carries our marker. GHL's index lags some seconds behind its writes.
    FindMarked(Marker),
    /// Searches for a contact by e-mail or phone.
    FindContact {
        /// E-mail address.
        email: Option<String>,
        /// Phone number, E.164.
        phone: Option<String>,
    },
    /// One page of the contacts changed since a time, oldest change first.
    ContactsChanged {
        /// Earliest time of change.
        since: EpochMs,
        /// End of the previous page.
        cursor: Option<PageCursor>,
        /// Contacts per page, at most 100.
        limit: u32,
    },
    /// Searches for a contact's opportunities in one pipeline, in any status: one page. GHL's index lags some seconds
    /// behind its writes.
    FindOpportunities(ContactRef),
    /// Creates an opportunity. A repetition may create a second one.
    CreateOpportunity {
        /// GHL's id of the contact.
        contact_id: GhlId,
        /// Its content.
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
        /// End of the previous page.
        cursor: Option<PageCursor>,
        /// Contacts per page, at most 100.
        limit: u32,
    },
    /// One page of all opportunities, oldest first.
    OpportunitiesPage {
        /// Limits the list to this pipeline. API v1 requires it: it cannot list all opportunities.
        pipeline: Option<GhlId>,
        /// End of the previous page.
        cursor: Option<PageCursor>,
        /// Opportunities per page, at most 100.
        limit: u32,
    },
    /// Deletes a contact. Succeeds if it is already gone.
    DeleteContact(GhlId),
    /// Deletes an opportunity. Succeeds if it is already gone.
    DeleteOpportunity {
        /// GHL's id of the opportunity.
        id: GhlId,
        /// Its pipeline, which API v1 requires.
        pipeline_id: GhlId,
    },
    /// Reads the location's own data.
    GetLocation,
    /// Reads the definitions of all custom fields, of contacts and of opportunities.
    ListCustomFields,
    /// Defines a custom field. A repetition may create a second one.
    CreateCustomField(NewField),
    /// Deletes the definition of a custom field, and all its values.
    DeleteCustomField(GhlId),
    /// Reads all custom values.
    ListCustomValues,
    /// Creates a custom value. A repetition may create a second one.
    CreateCustomValue {
        /// The name that templates use.
        name: String,
        /// The text that replaces it.
        value: String,
    },
    /// Deletes a custom value.
    DeleteCustomValue(GhlId),
    /// Reads all tags of the location.
    ListTags,
    /// Creates a tag. GHL rejects a name that already exists.
    CreateTag(String),
    /// Deletes a tag.
    DeleteTag(GhlId),
    /// Reads all users of the location.
    ListUsers,
    /// Reads all pipelines with their stages.
    ListPipelines,
    /// Reads one pipeline with its stages. A very recent write may not be visible yet.
    GetPipeline(GhlId),
    /// Creates a pipeline; the token needs the scope `pipelines.create`. GHL rejects an existing name, whatever its
    /// case. The answer may omit the stages.
    CreatePipeline(NewPipeline),
    /// Deletes a pipeline and all its opportunities.
    DeletePipeline(GhlId),
}

/// A contact and a pipeline: the search range for an opportunity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRef {
    /// GHL's id of the contact.
    pub contact_id: GhlId,
    /// GHL's id of the pipeline.
    pub pipeline_id: GhlId,
    /// End of the previous page.
    pub after: Option<PageCursor>,
}

impl Call {
    /// Whether repeating the call leaves GHL in the same state.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.endpoint().effect() != Effect::Creation
    }

    /// For a call that reads a page: its start (`None` is the beginning) and its maximum number of records.
    #[must_use]
    pub fn as_page(&self) -> Option<(Option<&PageCursor>, u32)> {
        match self {
            Call::ContactsChanged { cursor, limit, .. }
            | Call::ContactsPage { cursor, limit }
            | Call::OpportunitiesPage { cursor, limit, .. } => Some((cursor.as_ref(), *limit)),
            _ => None,
        }
    }

    /// Whether the answer shows a single record: a page of one, or the written record.
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

    /// Whether the call changes anything in GHL.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.endpoint().effect() != Effect::Read
    }

    /// Whether the call counts as done once its subject is gone.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.endpoint().effect() == Effect::Deletion
    }
}

/// GHL's answer to an accepted call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The contact was written (upsert, create, update).
    ContactWritten {
        /// GHL's id of the contact.
        id: GhlId,
        /// Who created it, as far as GHL says.
        provenance: Provenance,
        /// The contact after the write, as far as the answer shows it.
        view: Option<Box<View<Contact>>>,
    },
    /// The tags were added.
    TagsAdded {
        /// All tags of the contact after the call, if the answer shows them.
        tags: Option<Vec<String>>,
    },
    /// The tags were removed.
    TagsRemoved {
        /// All tags of the contact after the call, if the answer shows them.
        tags: Option<Vec<String>>,
    },
    /// The requested contact, if it exists.
    Contact(Option<Box<ListedContact>>),
    /// One page of contacts.
    Contacts(ContactPage),
    /// The opportunity was written.
    OpportunityWritten {
        /// GHL's id of the opportunity.
        id: GhlId,
        /// The opportunity after the write, as far as the answer shows it.
        view: Option<Box<View<RemoteOpportunity>>>,
    },
    /// One page of search results.
    Opportunities(FoundPage),
    /// The requested opportunity.
    Opportunity(Box<ListedOpportunity>),
    /// One page of opportunities.
    OpportunityPage(OpportunityPage),
    /// The subject of the deletion is gone.
    Deleted,
    /// The location.
    Location(RemoteLocation),
    /// All custom fields.
    CustomFields(Vec<FieldDefinition>),
    /// The new custom field.
    CustomField(FieldDefinition),
    /// All custom values.
    CustomValues(Vec<CustomValue>),
    /// The new custom value.
    CustomValue(CustomValue),
    /// All tags.
    Tags(Vec<Tag>),
    /// The new tag.
    Tag(Tag),
    /// All users.
    Users(Vec<User>),
    /// All pipelines.
    Pipelines(Vec<Pipeline>),
    /// The created or requested pipeline. The answer to a creation may lack the stages.
    Pipeline(Pipeline),
}

/// The effect of a call in GHL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes nothing.
    Read,
    /// A repetition leaves GHL in the same state.
    Write,
    /// A repetition may create a duplicate.
    Creation,
    /// It is done once its subject is gone.
    Deletion,
}

/// Declares the endpoints with their names, effects, and the subject whose id the path contains, so that every list
/// is complete.
macro_rules! endpoints {
    ($($variant:ident = $name:literal: $effect:ident $(of $what:literal)?,)*) => {
        /// Kinds of calls, for logs and metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Endpoint {
            $(
                #[doc = concat!("[`Call::", stringify!($variant), "`]")]
                $variant,
            )*
        }

        impl Endpoint {
            /// All endpoints.
            pub const ALL: [Endpoint; [$($name),*].len()] = [$(Endpoint::$variant),*];

            /// The endpoint's name in logs.
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

            /// The subject whose id the path contains, as GHL's messages call it.
            #[must_use]
            pub fn addressed(self) -> Option<&'static str> {
                match self {
                    $(Endpoint::$variant => [$($what)?].first().copied(),)*
                }
            }
        }

        impl Call {
            /// The call's endpoint.
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
    /// Whether the call concerns the location's structure rather than its contacts and opportunities. Structure has
    /// scopes of its own: a token may lack them and still do everything else that a location needs.
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

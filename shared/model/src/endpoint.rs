//! The kinds of call.

use super::Call;

/// Declares the endpoints with their names, so that none can be missing from a list.
macro_rules! endpoints {
    ($($variant:ident = $name:literal,)*) => {
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

endpoints! {
    UpsertContact = "contacts.upsert",
    CreateContact = "contacts.create",
    UpdateContact = "contacts.update",
    DeleteContact = "contacts.delete",
    AddTags = "contacts.add_tags",
    RemoveTags = "contacts.remove_tags",
    GetContact = "contacts.get",
    FindMarked = "contacts.find_marked",
    FindContact = "contacts.find",
    ContactsChanged = "contacts.changed",
    ContactsPage = "contacts.page",
    GetOpportunity = "opportunities.get",
    FindOpportunities = "opportunities.find",
    OpportunitiesPage = "opportunities.page",
    CreateOpportunity = "opportunities.create",
    UpdateOpportunity = "opportunities.update",
    DeleteOpportunity = "opportunities.delete",
    ListPipelines = "pipelines.list",
    GetPipeline = "pipelines.get",
    CreatePipeline = "pipelines.create",
    DeletePipeline = "pipelines.delete",
    GetLocation = "locations.get",
    ListCustomFields = "custom_fields.list",
    CreateCustomField = "custom_fields.create",
    DeleteCustomField = "custom_fields.delete",
    ListCustomValues = "custom_values.list",
    CreateCustomValue = "custom_values.create",
    DeleteCustomValue = "custom_values.delete",
    ListTags = "tags.list",
    CreateTag = "tags.create",
    DeleteTag = "tags.delete",
    ListUsers = "users.list",
}

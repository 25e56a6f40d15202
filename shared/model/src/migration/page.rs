//! Data of a migration that is stored beside its state, in pages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use super::{ConnectionTestAnswer, Finding, MappingReport, Part};
use crate::{CustomValue, EpochMs, FieldDefinition, GhlId, Pipeline, Tag, User};

/// The kind of a page. Pages of a kind are numbered from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PageKind {
    /// Structure of the source: [`PageContent::Structure`].
    SourceStructure,
    /// Structure of the target before the migration: [`PageContent::Structure`].
    TargetStructure,
    /// Contacts of the source before the migration: [`PageContent::SourceContacts`].
    SourceContacts,
    /// Opportunities of the source before the migration: [`PageContent::Opportunities`].
    #[serde(rename = "source_deals")]
    #[strum(serialize = "source_deals")]
    SourceOpportunities,
    /// Contacts of the target before the migration: [`PageContent::ExistingContacts`].
    TargetContacts,
    /// Opportunities of the target before the migration: [`PageContent::Opportunities`].
    #[serde(rename = "target_deals")]
    #[strum(serialize = "target_deals")]
    TargetOpportunities,
    /// Mapping of the structure: [`PageContent::Mapping`].
    Mapping,
    /// Journal of structure created in the target, one item per page: [`PageContent::Created`].
    Journal,
    /// Contacts that were put: [`PageContent::Transferred`].
    Contact,
    /// Opportunities that were put: [`PageContent::Transferred`].
    Opportunity,
    /// Contacts of the target, read back: [`PageContent::Snapshots`].
    ContactSnapshot,
    /// Opportunities of the target, read back: [`PageContent::Snapshots`].
    OpportunitySnapshot,
    /// Notes about single records, for a person: [`PageContent::Findings`].
    Findings,
    /// Result of the last test of both accounts; belongs to no migration: [`PageContent::ConnectionTest`].
    ConnectionTest,
}

impl PageKind {
    /// All kinds.
    pub const ALL: [PageKind; PageKind::COUNT] = [
        PageKind::SourceStructure,
        PageKind::TargetStructure,
        PageKind::SourceContacts,
        PageKind::SourceOpportunities,
        PageKind::TargetContacts,
        PageKind::TargetOpportunities,
        PageKind::Mapping,
        PageKind::Journal,
        PageKind::Contact,
        PageKind::Opportunity,
        PageKind::ContactSnapshot,
        PageKind::OpportunitySnapshot,
        PageKind::Findings,
        PageKind::ConnectionTest,
    ];

    /// The kind's name in keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One page; less than 400 KB as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MigrationPage {
    /// Number of the page within its kind, from 0.
    pub number: u32,
    /// Content of the page.
    pub content: PageContent,
}

/// The content of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "one a kind of page; see PageKind")]
pub enum PageContent {
    Structure(Structure),
    SourceContacts(Vec<SourceContact>),
    ExistingContacts(Vec<ExistingContact>),
    #[serde(rename = "deals")]
    Opportunities(Vec<ExistingOpportunity>),
    Mapping(Box<MappingReport>),
    Created(Created),
    Transferred(Transferred),
    Snapshots(Vec<Snapshot>),
    Findings(Vec<Finding>),
    ConnectionTest(Box<ConnectionTestAnswer>),
}

/// The structure of a location, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Structure {
    /// Custom fields of contacts and opportunities.
    pub custom_fields: Vec<FieldDefinition>,
    /// Custom values.
    pub custom_values: Vec<CustomValue>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Users.
    pub users: Vec<User>,
    /// Pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Kinds that could not be read, with the reason.
    pub unread: Vec<(Part, String)>,
}

/// A source contact, reduced to the data that the forecast needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceContact {
    /// The source's id of the contact.
    pub id: GhlId,
    /// Hash of its e-mail address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<u64>,
    /// Hash of its phone number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<u64>,
    /// Whether it has tags, which take one more call.
    pub is_tagged: bool,
    /// Whether it has neither a name nor an e-mail address nor a phone number: GHL would reject it.
    pub is_nobody: bool,
}

/// A contact that the target had before the migration, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingContact {
    /// The target's id of the contact.
    pub id: GhlId,
    /// Hash of its e-mail address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<u64>,
    /// Hash of its phone number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<u64>,
}

/// An opportunity that existed before the migration, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingOpportunity {
    /// GHL's id of the opportunity.
    pub id: GhlId,
    /// GHL's id of its contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact_id: Option<GhlId>,
    /// GHL's id of its pipeline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pipeline_id: Option<GhlId>,
    /// Hash of its name.
    pub name: u64,
}

/// An item created in the target, or about to be: stored before the call and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The kind of structure.
    pub part: Part,
    /// The source's id of the original.
    pub source_id: GhlId,
    /// The name given to it.
    pub name: String,
    /// When its creation was decided.
    pub intended_at: EpochMs,
    /// The target's id of the item; `None` while it is unknown whether it was created.
    pub id: Option<GhlId>,
    /// When its id became known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub made_at: Option<EpochMs>,
    /// For a pipeline: the target's ids of its stages by the source's, once they were read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub stages: BTreeMap<GhlId, GhlId>,
    /// It was found by its name after a creation without an answer. It is unknown whether that call created it, so a
    /// rollback keeps it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub found: bool,
    /// Why GHL refused to create it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<String>,
    /// Whether it was deleted again.
    #[serde(default)]
    pub deleted: bool,
}

/// A page of source records that were put into the target's outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Transferred {
    /// The source's ids of the records that were put.
    pub put: Vec<GhlId>,
    /// The records that were not put, with the reason.
    pub not_put: Vec<(GhlId, String)>,
    /// Whether each of them was accepted or failed for good.
    pub is_final: bool,
    /// Whether the target's records created from it were deleted again.
    pub reverted: bool,
}

/// A target record as read back, in comparable form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The target's id of the record.
    pub id: GhlId,
    /// Its values, by field.
    pub fields: BTreeMap<String, String>,
}

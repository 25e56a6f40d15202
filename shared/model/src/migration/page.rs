//! What a migration writes down beside its state, page by page.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

use super::{ConnectionTestAnswer, Finding, MappingReport, Part};
use crate::{CustomValue, EpochMs, FieldDefinition, GhlId, Pipeline, Tag, User};

/// What a page is about. The pages of a kind are numbered from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PageKind {
    /// What the source is made of: [`PageContent::Structure`].
    SourceStructure,
    /// What the target was made of before: [`PageContent::Structure`].
    TargetStructure,
    /// Contacts of the source, before: [`PageContent::SourceContacts`].
    SourceContacts,
    /// Opportunities of the source, before: [`PageContent::Deals`].
    SourceDeals,
    /// Contacts that the target had before: [`PageContent::ExistingContacts`].
    TargetContacts,
    /// Opportunities that the target had before: [`PageContent::Deals`].
    TargetDeals,
    /// What becomes of the structure: [`PageContent::Mapping`].
    Mapping,
    /// What was made in the target, one thing a page: [`PageContent::Created`].
    Journal,
    /// Contacts that were put: [`PageContent::Transferred`].
    Contact,
    /// Opportunities that were put: [`PageContent::Transferred`].
    Opportunity,
    /// Contacts of the target, read back: [`PageContent::Snapshots`].
    ContactSnapshot,
    /// Opportunities of the target, read back: [`PageContent::Snapshots`].
    OpportunitySnapshot,
    /// What a person should know of single records: [`PageContent::Findings`].
    Findings,
    /// What a test of both accounts showed last, no migration's: [`PageContent::ConnectionTest`].
    ConnectionTest,
}

impl PageKind {
    /// All of them.
    pub const ALL: [PageKind; PageKind::COUNT] = [
        PageKind::SourceStructure,
        PageKind::TargetStructure,
        PageKind::SourceContacts,
        PageKind::SourceDeals,
        PageKind::TargetContacts,
        PageKind::TargetDeals,
        PageKind::Mapping,
        PageKind::Journal,
        PageKind::Contact,
        PageKind::Opportunity,
        PageKind::ContactSnapshot,
        PageKind::OpportunitySnapshot,
        PageKind::Findings,
        PageKind::ConnectionTest,
    ];

    /// The kind as it is written in keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One page; less than 400 KB as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MigrationPage {
    /// Its number among those of its kind, from 0.
    pub number: u32,
    /// What it says.
    pub content: PageContent,
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "one a kind of page; see PageKind")]
pub enum PageContent {
    Structure(Structure),
    SourceContacts(Vec<SourceContact>),
    ExistingContacts(Vec<ExistingContact>),
    Deals(Vec<ExistingDeal>),
    Mapping(Box<MappingReport>),
    Created(Created),
    Transferred(Transferred),
    Snapshots(Vec<Snapshot>),
    Findings(Vec<Finding>),
    ConnectionTest(Box<ConnectionTestAnswer>),
}

/// What a location is made of, or a part of it.
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
    /// What could not be read, and why.
    pub unread: Vec<(Part, String)>,
}

/// A contact of the source, in short: what the forecast wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceContact {
    /// The source's id of it.
    pub id: GhlId,
    /// Hash of its e-mail address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<u64>,
    /// Hash of its phone number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<u64>,
    /// Whether it has tags: they take a call more.
    pub is_tagged: bool,
    /// Whether it has neither a name nor an e-mail address nor a phone number: GHL would not take it.
    pub is_nobody: bool,
}

/// A contact that was in the target before, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingContact {
    /// The target's id of it.
    pub id: GhlId,
    /// Hash of its e-mail address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<u64>,
    /// Hash of its phone number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<u64>,
}

/// An opportunity that was there before, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingDeal {
    /// GHL's id of the opportunity.
    pub id: GhlId,
    /// Its contact's id there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact_id: Option<GhlId>,
    /// Its pipeline's id there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pipeline_id: Option<GhlId>,
    /// Hash of its name.
    pub name: u64,
}

/// Something that was made in the target, or shall be: written down before the call and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The kind of structure that was made.
    pub part: Part,
    /// The source's id of what it was made after.
    pub source_id: GhlId,
    /// The name that it was given.
    pub name: String,
    /// When that was decided.
    pub intended_at: EpochMs,
    /// The target's id of it; `None` while nobody knows whether it was made.
    pub id: Option<GhlId>,
    /// When its id became known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub made_at: Option<EpochMs>,
    /// Of a pipeline: the target's ids of its stages, by the source's, once they were read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub stages: BTreeMap<GhlId, GhlId>,
    /// It was found under that name after a creation that was not answered: nobody can tell whether that made it, so a
    /// rollback keeps it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub found: bool,
    /// Why it could not be made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<String>,
    /// It was deleted again.
    #[serde(default)]
    pub deleted: bool,
}

/// A page of records of the source that were put into the target's outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Transferred {
    /// The source's ids of those that were put.
    pub put: Vec<GhlId>,
    /// Those that were not put, and why.
    pub not_put: Vec<(GhlId, String)>,
    /// Whether all of them were accepted or failed for good.
    pub is_final: bool,
    /// Whether what was created of them is deleted again.
    pub reverted: bool,
}

/// A record of the target as it was read back: its id, and what it says, in a form that can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The target's id of it.
    pub id: GhlId,
    /// What it says, by field.
    pub fields: BTreeMap<String, String>,
}

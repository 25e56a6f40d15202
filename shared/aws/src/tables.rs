//! The tables: their attributes, keys and indexes, as `template.yaml` deploys them.

use std::collections::HashSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableInputBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use ghl_sync_engine::ports::PortError;

/// Attributes of the records table. Times are milliseconds since the Unix epoch.
pub mod record {
    use super::{Attribute, IndexSpec, Reach};

    /// Partition key: whose record.
    pub const LOCATION_ID: &str = "location_id";
    /// Sort key: `kind#id`.
    pub const RECORD: &str = "record";
    /// The content, as canonical JSON.
    pub const PAYLOAD: &str = "payload";
    /// Grows with every put that changed something.
    pub const VERSION: &str = "version";
    /// `high`, `normal` or `low`.
    pub const PRIORITY: &str = "priority";
    /// With which priority and when the record is due, exactly while it is: `0#` (high), `1#` (normal) or `2#` (low), and
    /// the time in 20 digits, so that texts sort as what they say.
    pub const DUE: &str = "due";
    /// Nothing is written to GHL before.
    pub const NOT_BEFORE: &str = "not_before";
    /// Batches in which the record failed in a way that counts.
    pub const ATTEMPTS: &str = "attempts";
    /// What went wrong last, as JSON.
    pub const LAST_ERROR: &str = "last_error";
    /// What went wrong before that, as a JSON list, newest first.
    pub const EARLIER_ERRORS: &str = "earlier_errors";
    /// The record whose GHL id this one waits for.
    pub const WAITS_FOR: &str = "waits_for";
    /// The records that are not due until this one has its GHL id: a set of their sort keys.
    pub const AWAITED_BY: &str = "awaited_by";
    /// GHL's id of it.
    pub const GHL_ID: &str = "ghl_id";
    /// The version that GHL accepted last.
    pub const ACCEPTED_VERSION: &str = "accepted_version";
    /// Hash of the content that GHL accepted last.
    pub const ACCEPTED_HASH: &str = "accepted_hash";
    /// When GHL accepted it last.
    pub const ACCEPTED_AT: &str = "accepted_at";
    /// When the record failed for good, exactly while it stands as failed.
    pub const FAILED_AT: &str = "failed_at";
    /// The request that a dry run would have sent.
    pub const DRY_RUN: &str = "dry_run";
    /// Hash of what GHL said when reconciling made the record due again.
    pub const OVERRULED: &str = "overruled";
    /// When the content was changed in GHL that superseded the record, while that content stands.
    pub const SUPERSEDED_AT: &str = "superseded_at";
    /// `ours`, `theirs` or `newest` where its last put said who wins where GHL's content differs.
    pub const CONFLICT: &str = "conflict";
    /// `true` where its producer said that GHL has nothing of it.
    pub const IS_NEW: &str = "is_new";
    /// What GHL would have it under if it was created without telling us its id, as JSON; absent where an upsert finds it.
    pub const CREATION_KEY: &str = "creation_key";
    /// Likewise, what that was before it was put with other content, as a JSON list; until GHL's id of it is known.
    pub const FORMER: &str = "former";
    /// Who created what has `ghl_id`: `true` if our call did, `false` if it was there before; absent if nobody knows.
    pub const MADE: &str = "made";
    /// The fields of the accepted version that GHL did not store; a list as JSON. Absent if there are none.
    pub const NOT_STORED: &str = "not_stored";
    /// When the content was dropped that GHL had accepted: `payload` is what remains.
    pub const CONTENT_DROPPED_AT: &str = "content_dropped_at";
    /// When the record was put first.
    pub const CREATED_AT: &str = "created_at";
    /// When the record was put last.
    pub const UPDATED_AT: &str = "updated_at";
    /// When the content was true, where its producer said so; else it is taken for true when it was put.
    pub const AS_OF: &str = "as_of";
    /// `true` where somebody asked that GHL delete it: that is what it is due for.
    pub const TO_DELETE: &str = "to_delete";
    /// Of a record that an import put: the import's id, `#`, and where the record stands (`p` pending, `a` accepted, `f`
    /// failed, `o` otherwise, `u` undone, `l` undone but for what was left). Every write that changes where it stands writes this, too.
    pub const IMPORT: &str = "import";
    /// How far the undo of that import has come with it, as JSON; absent if the import cannot be undone.
    pub const UNDO: &str = "undo";
    /// The due records of a location, by priority and then soonest first.
    pub const DUE_INDEX: IndexSpec = IndexSpec::of_keys("due", Reach::Local(Attribute::Text(DUE)));
    /// The failed records of a location, oldest failure first.
    pub const FAILED_INDEX: IndexSpec = IndexSpec::of_keys("failed", Reach::Local(Attribute::Number(FAILED_AT)));
    /// The records of a location that GHL knows, by GHL's id.
    pub const GHL_INDEX: IndexSpec = IndexSpec::of_keys("ghl", Reach::Local(Attribute::Text(GHL_ID)));
    /// The records of a location that imports put, by import and by where they stand.
    pub const IMPORT_INDEX: IndexSpec = IndexSpec::of_keys("import", Reach::Local(Attribute::Text(IMPORT)));
}

/// Attributes of what GHL told last of its records: items of the state table, with partition key
/// `known#location#kind#GHL id`. None of them has an attribute of an index.
pub mod known {
    /// When the event that told it happened, by GHL's clock.
    pub const EVENT_AT: &str = "event_at";
    /// That event's id.
    pub const EVENT_ID: &str = "event_id";
    /// The record's content, as canonical JSON; absent once it is deleted.
    pub const CONTENT: &str = "content";
    /// Hash of the content; absent once it is deleted.
    pub const CONTENT_HASH: &str = "content_hash";
    /// When the record was deleted, exactly while it is.
    pub const DELETED_AT: &str = "deleted_at";
    /// When we heard of it.
    pub const RECEIVED_AT: &str = "received_at";
}

/// Attributes of the state table. Times are milliseconds since the Unix epoch, but for [`TTL`](state::TTL).
pub mod state {
    use super::{Attribute, IndexSpec, Key, Reach};

    /// Partition key: `gate#scope`, `counters#location`, `minutes#location`, `tick`, `known#location#kind#GHL id` of what
    /// GHL told last (see [`known`](super::known)), `webhook#id` of a webhook that was seen, `installation#location`,
    /// `reconcile#location`; those of a [`migration`](super::migration); and the keys of what is an
    /// [`Item`](ghl_sync_model::Item), each of which names the attribute that holds it.
    pub const PK: &str = "pk";
    /// The location that was asked last to reconcile (partition key `reconcile asked`).
    pub const LAST_ASKED: &str = "last_asked";
    /// Advances with every write of a gate, and of what else is compared and advanced.
    pub const REV: &str = "rev";
    /// Advances with every put into one of the scope's locations.
    pub const WORK_SEQ: &str = "work_seq";
    /// The gate, as JSON.
    pub const GATE: &str = "gate";
    /// Who wrote last what has a revision: a number of that write alone.
    pub const TOKEN: &str = "token";
    /// 0 to 15 of a gate, 16 of a migration, exactly while there is something to look at.
    pub const CHECK_SHARD: &str = "check_shard";
    /// When to look at the gate, exactly while there is something to look at.
    pub const NEXT_CHECK_AT: &str = "next_check_at";
    /// What the item is listed as: `location`, on every location that is known; `migration`; `api_key`; `audit`.
    pub const LISTED: &str = "listed";
    /// When a location was changed, or the scheduler ran, last.
    pub const AT: &str = "at";
    /// The minute that a location's `m_…` counters are of: its number since the Unix epoch.
    pub const MINUTE: &str = "minute";
    /// How a location stood when it was written down last, as JSON: beside its counters.
    pub const STANDING: &str = "standing";
    /// When that was; before the first, when something was counted first.
    pub const TOLD_AT: &str = "told_at";
    /// 0 to 7, exactly while there is such a standing.
    pub const STANDING_SHARD: &str = "standing_shard";
    /// What sorts it: `0#` where something stands still, `1#` where somebody should look, or `9#`; and the location.
    pub const STANDING_RANK: &str = "standing_rank";
    /// Whether the app is installed in the location.
    pub const INSTALLED: &str = "installed";
    /// Since when, by GHL's clock.
    pub const INSTALLED_AT: &str = "installed_at";
    /// How far the location's changes were read, as JSON.
    pub const BOOKMARK: &str = "bookmark";
    /// When DynamoDB may delete the item, in *seconds* since the Unix epoch. Never on a gate.
    pub const TTL: &str = "ttl_epoch_s";
    /// The gates (or migrations) of a shard by the time to look at them.
    pub const CHECK_INDEX: IndexSpec = IndexSpec::of_keys(
        "check",
        Reach::Global(Key { partition: Attribute::Number(CHECK_SHARD), sort: Some(Attribute::Number(NEXT_CHECK_AT)) }),
    );
    /// The locations that are known, the migrations, the keys of the API, and who changed what.
    pub const LOCATIONS_INDEX: IndexSpec = IndexSpec::of_keys(
        "locations",
        Reach::Global(Key { partition: Attribute::Text(LISTED), sort: Some(Attribute::Text(PK)) }),
    );
    /// How all locations stand, those in trouble first: what the overview reads instead of asking each of them.
    pub const STANDINGS_INDEX: IndexSpec = IndexSpec {
        name: "standings",
        reach: Reach::Global(Key {
            partition: Attribute::Number(STANDING_SHARD),
            sort: Some(Attribute::Text(STANDING_RANK)),
        }),
        projects: &[STANDING],
    };
    /// Shards of the standings index. Each takes 1,000 write units a second, and is read by a request of its own.
    pub const STANDING_SHARDS: u8 = 8;
    /// Shards of the check index that gates are in.
    pub const CHECK_SHARDS: u8 = 16;
    /// The shard of the check index that all else is in: beyond those of the gates, which so do not see it.
    pub const ITEMS_CHECK_SHARD: u8 = CHECK_SHARDS;
}

/// Attributes of what is kept beside a migration: items of the state table, too, with partition key
/// `migration#id#page#kind#n` for what it writes down, and `migration-target#location` for a target that is claimed.
pub mod migration {
    /// A page of what a migration writes down, as JSON.
    pub const PAGE: &str = "page";
    /// The migration that a target is claimed by, while it is.
    pub const HOLDER: &str = "holder";
    /// How often what was migrated into a target was rolled back.
    pub const ROUND: &str = "round";
}

/// Attributes of the log of outcomes.
pub mod outcome {
    /// Partition key: the part of the log, a number below [`SHARDS`](ghl_sync_notify::SHARDS).
    pub const SHARD: &str = "shard";
    /// Sort key: when the page was written, in 16 digits, and what makes it different from others of that time.
    pub const PLACE: &str = "place";
    /// The page: a JSON list of events.
    pub const EVENTS: &str = "events";
    /// When DynamoDB may delete the page, in seconds since the Unix epoch.
    pub const TTL: &str = "ttl_epoch_s";
}

/// The log of outcomes, where somebody polls: one item for what was told together.
pub const OUTCOMES: TableSpec = TableSpec {
    key: Key { partition: Attribute::Number(outcome::SHARD), sort: Some(Attribute::Text(outcome::PLACE)) },
    indexes: &[],
    ttl: Some(outcome::TTL),
};

/// The outbox: one item a record.
pub const RECORDS: TableSpec = TableSpec {
    key: Key { partition: Attribute::Text(record::LOCATION_ID), sort: Some(Attribute::Text(record::RECORD)) },
    indexes: &[record::DUE_INDEX, record::FAILED_INDEX, record::GHL_INDEX, record::IMPORT_INDEX],
    ttl: None,
};

/// Gates, one item a rate scope; and beside them what is set and counted for each location.
pub const STATE: TableSpec = TableSpec {
    key: Key { partition: Attribute::Text(state::PK), sort: None },
    indexes: &[state::CHECK_INDEX, state::LOCATIONS_INDEX, state::STANDINGS_INDEX],
    ttl: Some(state::TTL),
};

/// A table, charged on demand.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// The table's partition key and sort key.
    pub key: Key,
    /// Its secondary indexes.
    pub indexes: &'static [IndexSpec],
    /// The attribute by which items expire.
    pub ttl: Option<&'static str>,
}

/// A secondary index. It holds only items that have all attributes of its key.
#[derive(Debug, Clone, Copy)]
pub struct IndexSpec {
    /// The index's name, as queries give it.
    pub name: &'static str,
    /// What it brings together.
    pub reach: Reach,
    /// The attributes that it holds beside the keys.
    pub projects: &'static [&'static str],
}

/// What a secondary index brings together.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// The items of one partition of the table, sorted by this attribute. It is written with the item, and always read as it
    /// is now; in return, DynamoDB keeps a partition with its entries in one place: 10 GB and 1,000 write units a second.
    Local(Attribute),
    /// Items of the whole table, under a key of their own. It follows the table, and lags behind.
    Global(Key),
}

/// A key of one or two attributes.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The partition key.
    pub partition: Attribute,
    /// The sort key.
    pub sort: Option<Attribute>,
}

/// A key attribute, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// `S`
    Text(&'static str),
    /// `N`
    Number(&'static str),
}

impl TableSpec {
    /// Creates the table, unless one of this name exists. For embedded servers, where it is usable at once; in AWS the
    /// template creates the tables.
    ///
    /// # Errors
    /// When DynamoDB refuses or is not reached.
    pub async fn create(&self, client: &Client, name: &str) -> Result<(), PortError> {
        let input = self.create_input(name).map_err(|error| PortError::new("tables.create", error))?;
        match input.send_with(client).await {
            Ok(_) => self.enable_ttl(client, name).await,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => Ok(()),
            Err(error) => Err(PortError::new("tables.create", error)),
        }
    }

    /// The request that creates the table under `name`, all but its TTL, which DynamoDB takes separately.
    ///
    /// # Errors
    /// Never for a complete specification: it is the SDK's check for missing fields.
    pub fn create_input(&self, name: &str) -> Result<CreateTableInputBuilder, BuildError> {
        let mut input = CreateTableInputBuilder::default().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for attribute in self.key_attributes() {
            input = input.attribute_definitions(attribute.definition()?);
        }
        for element in self.key.schema()? {
            input = input.key_schema(element);
        }
        for index in self.indexes {
            let projection = index.projection();
            let schema = Some(self.key_of(index).schema()?);
            input = match index.reach {
                Reach::Local(_) => {
                    let local = LocalSecondaryIndex::builder().index_name(index.name).set_key_schema(schema);
                    input.local_secondary_indexes(local.projection(projection).build()?)
                }
                Reach::Global(_) => {
                    let global = GlobalSecondaryIndex::builder().index_name(index.name).set_key_schema(schema);
                    input.global_secondary_indexes(global.projection(projection).build()?)
                }
            };
        }
        Ok(input)
    }

    /// The key of one of its indexes.
    #[must_use]
    pub fn key_of(&self, index: &IndexSpec) -> Key {
        match index.reach {
            Reach::Local(sort) => Key { partition: self.key.partition, sort: Some(sort) },
            Reach::Global(key) => key,
        }
    }

    async fn enable_ttl(&self, client: &Client, name: &str) -> Result<(), PortError> {
        let Some(attribute) = self.ttl else { return Ok(()) };
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
        let ttl = ttl.map_err(|error| PortError::new("tables.enable_ttl", error))?;
        let request = client.update_time_to_live().table_name(name).time_to_live_specification(ttl);
        request.send().await.map(drop).map_err(|error| PortError::new("tables.enable_ttl", error))
    }

    /// The attributes of the table's key and of its indexes' keys.
    fn key_attributes(&self) -> impl Iterator<Item = Attribute> {
        let keys = std::iter::once(self.key).chain(self.indexes.iter().map(|index| self.key_of(index)));
        let mut seen = HashSet::new();
        let attributes = keys.flat_map(|key| std::iter::once(key.partition).chain(key.sort));
        attributes.filter(move |attribute| seen.insert(attribute.name()))
    }
}

impl IndexSpec {
    /// One that holds keys only.
    const fn of_keys(name: &'static str, reach: Reach) -> IndexSpec {
        IndexSpec { name, reach, projects: &[] }
    }

    fn projection(&self) -> Projection {
        if self.projects.is_empty() {
            return Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        }
        let projects = self.projects.iter().map(|attribute| (*attribute).to_owned()).collect();
        Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(projects)).build()
    }

    /// Whether a read of it shows all that was written before.
    pub(crate) fn is_consistent(&self) -> bool {
        matches!(self.reach, Reach::Local(_))
    }
}

impl Key {
    fn schema(self) -> Result<Vec<KeySchemaElement>, BuildError> {
        let element = |attribute: Attribute, key_type| {
            KeySchemaElement::builder().attribute_name(attribute.name()).key_type(key_type).build()
        };
        std::iter::once(element(self.partition, KeyType::Hash))
            .chain(self.sort.map(|attribute| element(attribute, KeyType::Range)))
            .collect()
    }
}

impl Attribute {
    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Text(name) | Attribute::Number(name) => name,
        }
    }

    fn definition(self) -> Result<AttributeDefinition, BuildError> {
        let kind = match self {
            Attribute::Text(_) => ScalarAttributeType::S,
            Attribute::Number(_) => ScalarAttributeType::N,
        };
        AttributeDefinition::builder().attribute_name(self.name()).attribute_type(kind).build()
    }
}

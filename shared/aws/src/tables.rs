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
    use super::{Attribute, IndexScope, IndexSpec};

    /// Partition key: the location that owns the record.
    pub const LOCATION_ID: &str = "location_id";
    /// Sort key: `kind#id`.
    pub const RECORD: &str = "record";
    /// The content, as canonical JSON.
    pub const PAYLOAD: &str = "payload";
    /// Incremented by every put that changes something.
    pub const VERSION: &str = "version";
    /// `high`, `normal` or `low`.
    pub const PRIORITY: &str = "priority";
    /// Priority and due time of the record; present exactly while it is due: `0#` (high), `1#` (normal) or `2#`
    /// (low), and the time in 20 digits, so that the texts sort in the same order.
    pub const DUE: &str = "due";
    /// Earliest time for the next write to GHL.
    pub const NOT_BEFORE: &str = "not_before";
    /// Number of batches in which the record failed in a way that counts.
    pub const ATTEMPTS: &str = "attempts";
    /// The last error, as JSON.
    pub const LAST_ERROR: &str = "last_error";
    /// Earlier errors as a JSON list, newest first.
    pub const EARLIER_ERRORS: &str = "earlier_errors";
    /// The record whose GHL id this one waits for.
    pub const WAITS_FOR: &str = "waits_for";
    /// The records that are not due until this one has its GHL id: a set of sort keys.
    pub const AWAITED_BY: &str = "awaited_by";
    /// GHL's id of the record.
    pub const GHL_ID: &str = "ghl_id";
    /// The last version that GHL accepted.
    pub const ACCEPTED_VERSION: &str = "accepted_version";
    /// Hash of the last content that GHL accepted.
    pub const ACCEPTED_HASH: &str = "accepted_hash";
    /// When GHL last accepted the record.
    pub const ACCEPTED_AT: &str = "accepted_at";
    /// When the record failed permanently; present exactly while it is failed.
    pub const FAILED_AT: &str = "failed_at";
    /// The request that a dry run would have sent.
    pub const DRY_RUN: &str = "dry_run";
    /// Hash of GHL's content when reconciliation made the record due again.
    pub const OVERRULED: &str = "overruled";
    /// When the content that superseded the record was changed in GHL; present while that content stands.
    pub const SUPERSEDED_AT: &str = "superseded_at";
    /// `ours`, `theirs` or `newest` if the last put said who wins where GHL's content differs.
    pub const CONFLICT: &str = "conflict";
    /// `true` if the producer said that GHL does not have the record.
    pub const IS_NEW: &str = "is_new";
    /// The key under which GHL would have the record if it was created without telling us its id, as JSON; absent if
    /// an upsert finds it.
    pub const CREATION_KEY: &str = "creation_key";
    /// Earlier creation keys, from before the record was put with other content, as a JSON list; kept until GHL's id
    /// is known.
    pub const FORMER: &str = "former";
    /// Who created the record with `ghl_id`: `true` if our call did, `false` if it existed before; absent if unknown.
    pub const MADE: &str = "made";
    /// The fields of the accepted version that GHL did not store, as a JSON list. Absent if there are none.
    pub const NOT_STORED: &str = "not_stored";
    /// When the content that GHL had accepted was dropped; `payload` holds the remains.
    pub const CONTENT_DROPPED_AT: &str = "content_dropped_at";
    /// When the record was first put.
    pub const CREATED_AT: &str = "created_at";
    /// When the record was last put.
    pub const UPDATED_AT: &str = "updated_at";
    /// When the content was true, if the producer said so; otherwise it counts as true when it was put.
    pub const AS_OF: &str = "as_of";
    /// `true` if someone asked for its deletion in GHL: the record is then due for that.
    pub const TO_DELETE: &str = "to_delete";
    /// For a record of an import: the import's id, `#`, and the record's standing (`p` pending, `a` accepted, `f`
    /// failed, `o` otherwise, `u` undone, `l` undone except for leftovers). Every write that changes the standing
    /// updates this.
    pub const IMPORT: &str = "import";
    /// Progress of the undo of that import for this record, as JSON; absent if the import cannot be undone.
    pub const UNDO: &str = "undo";
    /// The due records of a location, by priority, then soonest first.
    pub const DUE_INDEX: IndexSpec = IndexSpec::of_keys("due", IndexScope::Local(Attribute::Text(DUE)));
    /// The failed records of a location, oldest failure first.
    pub const FAILED_INDEX: IndexSpec = IndexSpec::of_keys("failed", IndexScope::Local(Attribute::Number(FAILED_AT)));
    /// The records of a location that GHL knows, by GHL's id.
    pub const GHL_INDEX: IndexSpec = IndexSpec::of_keys("ghl", IndexScope::Local(Attribute::Text(GHL_ID)));
    /// The imported records of a location, by import and standing.
    pub const IMPORT_INDEX: IndexSpec = IndexSpec::of_keys("import", IndexScope::Local(Attribute::Text(IMPORT)));
}

/// Attributes of GHL's last reported state of its records: items of the state table, with partition key
/// `known#location#kind#GHL id`. None of them is an attribute of an index.
pub mod known {
    /// When the reported event happened, by GHL's clock.
    pub const EVENT_AT: &str = "event_at";
    /// Id of that event.
    pub const EVENT_ID: &str = "event_id";
    /// The record's content, as canonical JSON; absent once the record is deleted.
    pub const CONTENT: &str = "content";
    /// Hash of the content; absent once the record is deleted.
    pub const CONTENT_HASH: &str = "content_hash";
    /// When the record was deleted; present exactly while it is.
    pub const DELETED_AT: &str = "deleted_at";
    /// When we received the event.
    pub const RECEIVED_AT: &str = "received_at";
}

/// Attributes of the state table. Times are milliseconds since the Unix epoch, except for [`TTL`](state::TTL).
pub mod state {
    use super::{Attribute, IndexScope, IndexSpec, KeySpec};

    /// Partition key: `gate#scope`, `counters#location`, `minutes#location`, `tick`, `known#location#kind#GHL id` for
    /// GHL's reported state (see [`known`](super::known)), `webhook#id` for a seen webhook, `installation#location`,
    /// `reconcile#location`; the keys of a [`migration`](super::migration); and the keys of each
    /// [`Item`](ghl_sync_model::Item), which also names its attribute.
    pub const PK: &str = "pk";
    /// The last location that was asked to reconcile (partition key `reconcile asked`).
    pub const LAST_ASKED: &str = "last_asked";
    /// Revision, advanced by every write of a gate or another item with a revision.
    pub const REV: &str = "rev";
    /// Work sequence, advanced by every put into one of the scope's locations.
    pub const WORK_SEQ: &str = "work_seq";
    /// The gate, as JSON.
    pub const GATE: &str = "gate";
    /// Random number of the last write of an item with a revision.
    pub const TOKEN: &str = "token";
    /// 0 to 15 for a gate, 16 for a migration; present exactly while a check is due.
    pub const CHECK_SHARD: &str = "check_shard";
    /// Time of the next check of the gate; present exactly while a check is due.
    pub const NEXT_CHECK_AT: &str = "next_check_at";
    /// The list that contains the item: `location`, for every known location; `migration`; `api_key`; `audit`.
    pub const LISTED: &str = "listed";
    /// When a location was last changed, or the scheduler last ran.
    pub const AT: &str = "at";
    /// The minute of a location's `m_…` counters: its number since the Unix epoch.
    pub const MINUTE: &str = "minute";
    /// Last stored standing of a location, as JSON, next to its counters.
    pub const STANDING: &str = "standing";
    /// When the standing was stored; before the first one, the time of the first count.
    pub const TOLD_AT: &str = "told_at";
    /// 0 to 7; present exactly while there is a standing.
    pub const STANDING_SHARD: &str = "standing_shard";
    /// Sort key of the standing: `0#` if something is stopped, `1#` if someone should look, otherwise `9#`; then the
    /// location.
    pub const STANDING_RANK: &str = "standing_rank";
    /// Whether the app is installed in the location.
    pub const INSTALLED: &str = "installed";
    /// Time of that change, by GHL's clock.
    pub const INSTALLED_AT: &str = "installed_at";
    /// How far the location's changes have been read, as JSON.
    pub const BOOKMARK: &str = "bookmark";
    /// When DynamoDB may delete the item, in *seconds* since the Unix epoch. Never on a gate.
    pub const TTL: &str = "ttl_epoch_s";
    /// The gates (or migrations) of a shard, by time of their next check.
    pub const CHECK_INDEX: IndexSpec = IndexSpec::of_keys(
        "check",
        IndexScope::Global(KeySpec {
            partition: Attribute::Number(CHECK_SHARD),
            sort: Some(Attribute::Number(NEXT_CHECK_AT)),
        }),
    );
    /// The known locations, the migrations, the API keys, and the audit log.
    pub const LOCATIONS_INDEX: IndexSpec = IndexSpec::of_keys(
        "locations",
        IndexScope::Global(KeySpec { partition: Attribute::Text(LISTED), sort: Some(Attribute::Text(PK)) }),
    );
    /// The standings of all locations, those in trouble first. The overview reads this instead of each location.
    pub const STANDINGS_INDEX: IndexSpec = IndexSpec {
        name: "standings",
        reach: IndexScope::Global(KeySpec {
            partition: Attribute::Number(STANDING_SHARD),
            sort: Some(Attribute::Text(STANDING_RANK)),
        }),
        projects: &[STANDING],
    };
    /// Shards of the standings index. Each takes 1,000 write units a second, and needs its own query.
    pub const STANDING_SHARDS: u8 = 8;
    /// Shards of the check index that hold gates.
    pub const CHECK_SHARDS: u8 = 16;
    /// The shard of the check index for everything else. It comes after the gates' shards, so queries for gates do
    /// not see it.
    pub const ITEMS_CHECK_SHARD: u8 = CHECK_SHARDS;
}

/// Attributes of a migration's additional items in the state table, with partition key `migration#id#page#kind#n` for
/// its pages, and `migration-target#location` for a claimed target.
pub mod migration {
    /// A page written by a migration, as JSON.
    pub const PAGE: &str = "page";
    /// The migration that holds the claim on a target.
    pub const HOLDER: &str = "holder";
    /// Number of rollbacks into the target.
    pub const ROUND: &str = "round";
}

/// Attributes of the outcome log.
pub mod outcome {
    /// Partition key: the shard of the log, a number below [`SHARDS`](ghl_sync_notify::SHARDS).
    pub const SHARD: &str = "shard";
    /// Sort key: time of the page in 16 digits, and a suffix that makes it unique.
    pub const PLACE: &str = "place";
    /// The page: a JSON list of events.
    pub const EVENTS: &str = "events";
    /// When DynamoDB may delete the page, in seconds since the Unix epoch.
    pub const TTL: &str = "ttl_epoch_s";
}

/// The outcome log, for those who poll it: one item for each group of outcomes stored together.
pub const OUTCOMES: TableSpec = TableSpec {
    key: KeySpec { partition: Attribute::Number(outcome::SHARD), sort: Some(Attribute::Text(outcome::PLACE)) },
    indexes: &[],
    ttl: Some(outcome::TTL),
};

/// The outbox: one item per record.
pub const RECORDS: TableSpec = TableSpec {
    key: KeySpec { partition: Attribute::Text(record::LOCATION_ID), sort: Some(Attribute::Text(record::RECORD)) },
    indexes: &[record::DUE_INDEX, record::FAILED_INDEX, record::GHL_INDEX, record::IMPORT_INDEX],
    ttl: None,
};

/// Gates, one item per rate scope, plus the settings and counters of each location.
pub const STATE: TableSpec = TableSpec {
    key: KeySpec { partition: Attribute::Text(state::PK), sort: None },
    indexes: &[state::CHECK_INDEX, state::LOCATIONS_INDEX, state::STANDINGS_INDEX],
    ttl: Some(state::TTL),
};

/// A table with on-demand billing.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// The table's partition key and sort key.
    pub key: KeySpec,
    /// Its secondary indexes.
    pub indexes: &'static [IndexSpec],
    /// The attribute that holds an item's expiry time.
    pub ttl: Option<&'static str>,
}

/// A secondary index. It holds only items that have all attributes of its key.
#[derive(Debug, Clone, Copy)]
pub struct IndexSpec {
    /// Name of the index in queries.
    pub name: &'static str,
    /// Scope of the index: one partition or the whole table.
    pub reach: IndexScope,
    /// The attributes that it holds besides the keys.
    pub projects: &'static [&'static str],
}

/// Scope of a secondary index.
#[derive(Debug, Clone, Copy)]
pub enum IndexScope {
    /// The items of one partition of the table, sorted by this attribute. The index is written with the item and read
    /// strongly consistently; in return, DynamoDB keeps a partition and its entries in one place: 10 GB and 1,000
    /// write units a second.
    Local(Attribute),
    /// Items of the whole table, under their own key. The index lags behind the table.
    Global(KeySpec),
}

/// A key of one or two attributes.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
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
    /// Creates the table unless it exists. For embedded servers, where it is usable at once; in AWS the template
    /// creates the tables.
    ///
    /// # Errors
    /// If DynamoDB refuses or cannot be reached.
    pub async fn create(&self, client: &Client, name: &str) -> Result<(), PortError> {
        let input = self.create_input(name).map_err(|error| PortError::new("tables.create", error))?;
        match input.send_with(client).await {
            Ok(_) => self.enable_ttl(client, name).await,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => Ok(()),
            Err(error) => Err(PortError::new("tables.create", error)),
        }
    }

    /// The request that creates the table as `name`, except its TTL, which DynamoDB takes separately.
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
                IndexScope::Local(_) => {
                    let local = LocalSecondaryIndex::builder().index_name(index.name).set_key_schema(schema);
                    input.local_secondary_indexes(local.projection(projection).build()?)
                }
                IndexScope::Global(_) => {
                    let global = GlobalSecondaryIndex::builder().index_name(index.name).set_key_schema(schema);
                    input.global_secondary_indexes(global.projection(projection).build()?)
                }
            };
        }
        Ok(input)
    }

    /// The key of one of its indexes.
    #[must_use]
    pub fn key_of(&self, index: &IndexSpec) -> KeySpec {
        match index.reach {
            IndexScope::Local(sort) => KeySpec { partition: self.key.partition, sort: Some(sort) },
            IndexScope::Global(key) => key,
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
    /// An index that holds only keys.
    const fn of_keys(name: &'static str, reach: IndexScope) -> IndexSpec {
        IndexSpec { name, reach, projects: &[] }
    }

    fn projection(&self) -> Projection {
        if self.projects.is_empty() {
            return Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        }
        let projects = self.projects.iter().map(|attribute| (*attribute).to_owned()).collect();
        Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(projects)).build()
    }

    /// Whether reads show all earlier writes.
    pub(crate) fn is_consistent(&self) -> bool {
        matches!(self.reach, IndexScope::Local(_))
    }
}

impl KeySpec {
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

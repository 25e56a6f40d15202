//! Settings of all migrations, and the environment's variables.

use std::collections::BTreeMap;

use ghl_sync_engine::ports::Entry;
use ghl_sync_model::{MigrationConfig, MigrationOverlay, MigrationSettings};
use serde::Serialize;
use utoipa::ToSchema;

use super::Audit;

/// Settings of all migrations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationConfigDocument {
    /// What holds for a migration whose request says nothing else, and whose account is of medium size.
    #[serde(flatten)]
    settings: MigrationSettings,
    /// What somebody has set, here or in the environment. The account's size decides about the rest.
    set: MigrationOverlay,
    /// Advances with every change; 0 when nothing was ever set here.
    revision: u64,
    /// Who set what, the oldest first; at most 50.
    audit: Vec<Audit>,
}

impl MigrationConfigDocument {
    pub(crate) fn new(stored: Entry<MigrationConfig>, set: MigrationOverlay) -> MigrationConfigDocument {
        MigrationConfigDocument {
            settings: set.settle(None),
            set,
            revision: stored.rev,
            audit: stored.value.audit.into_iter().map(Audit::from).collect(),
        }
    }
}

/// The environment's variables, by name. Values are never shown: some are secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Variables {
    /// All that are read.
    pub(crate) variables: Vec<VariableSet>,
}

/// A variable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariableSet {
    /// As it stands in the environment.
    #[schema(example = "MIGRATION_BATCH_SIZE")]
    name: &'static str,
    /// Whether it is there and not empty.
    set: bool,
}

impl From<&BTreeMap<&'static str, bool>> for Variables {
    fn from(variables: &BTreeMap<&'static str, bool>) -> Variables {
        Variables { variables: variables.iter().map(|(&name, &set)| VariableSet { name, set }).collect() }
    }
}

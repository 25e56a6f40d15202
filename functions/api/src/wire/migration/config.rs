//! The settings of all migrations, and the environment's variables.

use std::collections::BTreeMap;

use ghl_sync_engine::ports::Entry;
use ghl_sync_model::{MigrationConfig, MigrationOverlay, MigrationSettings};
use serde::Serialize;
use utoipa::ToSchema;

use super::Audit;

/// The settings of all migrations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MigrationConfigDocument {
    /// The settings of a migration of a medium-size account, unless its request says otherwise.
    #[serde(flatten)]
    settings: MigrationSettings,
    /// The settings made here or in the environment. The size of the account decides about the rest.
    set: MigrationOverlay,
    /// Increases with every change; 0 if nothing was ever set here.
    revision: u64,
    /// Who set what, oldest first; at most 50.
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
#[schema(as = Variables)]
pub(crate) struct VariableList {
    /// All variables that the program reads.
    pub(crate) variables: Vec<VariableSet>,
}

/// A variable of the environment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariableSet {
    /// The variable's name, as the function sees it.
    #[schema(example = "MIGRATION_BATCH_SIZE")]
    name: &'static str,
    /// Whether it is present and not empty.
    set: bool,
}

impl From<&BTreeMap<&'static str, bool>> for VariableList {
    fn from(variables: &BTreeMap<&'static str, bool>) -> VariableList {
        VariableList { variables: variables.iter().map(|(&name, &set)| VariableSet { name, set }).collect() }
    }
}

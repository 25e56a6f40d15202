//! What the handlers work with.

use std::collections::BTreeMap;
use std::sync::Arc;

use ghl_sync_drop::Lists;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_migrate::Migrator;
use ghl_sync_notify::OutcomeFeed;
use ghl_sync_operate::Operator;
use ghl_sync_web::Callers;

use crate::access::Rules;
use crate::pulse::LastPulse;
use crate::routes::page::Page;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) engine: Engine,
    pub(crate) migrator: Migrator,
    pub(crate) callers: Arc<Callers>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) outcomes: Option<OutcomeFeed>,
    pub(crate) lists: Option<Lists>,
    pub(crate) dashboard: Arc<Page>,
    pub(crate) environment: Arc<BTreeMap<&'static str, bool>>,
    pub(crate) pulse: Arc<LastPulse>,
}

impl Api {
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.engine.clone())
    }
}

//! The state that all handlers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use ghl_sync_drop::Lists;
use ghl_sync_engine::usecase::Engine;
use ghl_sync_migrate::Migrator;
use ghl_sync_notify::OutcomeFeed;
use ghl_sync_operate::Operator;
use ghl_sync_web::Callers;

use crate::pulse::LastPulse;
use crate::roles::RoleRules;
use crate::static_page::StaticPage;

/// The state that all handlers share.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) engine: Engine,
    pub(crate) migrator: Migrator,
    pub(crate) callers: Arc<Callers>,
    pub(crate) rules: Arc<RoleRules>,
    pub(crate) outcomes: Option<OutcomeFeed>,
    pub(crate) lists: Option<Lists>,
    pub(crate) dashboard: Arc<StaticPage>,
    pub(crate) environment: Arc<BTreeMap<&'static str, bool>>,
    pub(crate) pulse: Arc<LastPulse>,
}

impl ApiState {
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.engine.clone())
    }
}

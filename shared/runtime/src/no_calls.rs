//! A replacement for GHL in functions that do not call it.

use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::Crm;
use ghl_sync_model::{Call, Failure, LocationId, Quota, Reply};

/// A CRM port that makes no calls.
pub(crate) struct NoCalls;

const NONE: &str = "this function does not call GHL";

#[async_trait]
impl Crm for NoCalls {
    async fn call(&self, _: &LocationId, _: &Call, _: Duration) -> Reply {
        let failure = Failure { status: None, sent: false, cause: None, message: NONE.to_owned() };
        Reply { status: None, quota: Quota::default(), answer: Err(failure) }
    }

    async fn preview(&self, _: &LocationId, _: &Call) -> String {
        format!("nothing: {NONE}")
    }
}

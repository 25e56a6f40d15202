//! Pacing before each call.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use ghl_sync_engine::ports::Clock;
use ghl_sync_runtime::{Config, ConfigError, SystemClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::rules::{LIMIT, WINDOW};

/// The pace of one client.
pub(crate) enum Pace {
    /// No pacing.
    None,
    /// A limiter in its memory.
    Governor(DefaultDirectRateLimiter),
    /// A counter that all clients share.
    Shared(SharedBucket),
}

impl Pace {
    /// A `governor` for one of `workers` that split the quota evenly. Calls are evenly spaced: after a burst of the
    /// whole quota, as many calls would follow within the same window.
    pub(crate) fn governor(workers: NonZeroU32) -> Pace {
        let spacing = WINDOW * workers.get() / LIMIT;
        match Quota::with_period(spacing) {
            Some(quota) => Pace::Governor(RateLimiter::direct(quota)),
            None => Pace::None,
        }
    }

    /// Waits until the next call is allowed.
    pub(crate) async fn permit(&self) {
        match self {
            Pace::None => {}
            Pace::Governor(limiter) => {
                limiter.until_ready().await;
            }
            Pace::Shared(bucket) => bucket.permit().await,
        }
    }

    pub(crate) fn store_writes(&self) -> u64 {
        match self {
            Pace::Shared(bucket) => bucket.writes.load(Ordering::Relaxed),
            Pace::None | Pace::Governor(_) => 0,
        }
    }
}

/// One DynamoDB item for each clock window, with the number of calls that began in it.
pub(crate) struct SharedBucket {
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
    writes: AtomicU64,
}

impl SharedBucket {
    /// Uses the state table of the stack with the environment `vars`.
    pub(crate) fn new(vars: &BTreeMap<String, String>) -> Result<SharedBucket, ConfigError> {
        let config = Config::from_vars(vars.clone())?;
        Ok(SharedBucket { dynamodb: config.aws.dynamodb(), table: config.state_table, writes: AtomicU64::new(0) })
    }

    async fn permit(&self) {
        let window_ms = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
        loop {
            let now = SystemClock.now().0;
            let window = now / window_ms;
            if self.count_in(window).await.is_some_and(|count| count <= u64::from(LIMIT)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis((window + 1) * window_ms - now)).await;
        }
    }

    /// Increments the count of this window and returns it. `None` if the store did not respond.
    async fn count_in(&self, window: u64) -> Option<u64> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let updated = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("bucket#{window}")))
            .update_expression("ADD calls :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .ok()?;
        updated.attributes?.get("calls")?.as_n().ok()?.parse().ok()
    }
}

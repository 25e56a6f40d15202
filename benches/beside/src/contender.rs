//! The contenders.

use std::num::NonZeroU32;
use std::sync::Arc;

use ghl_sync_cli::stack::Stack;
use serde::Serialize;

use crate::adaptive::Adaptive;
use crate::backoff::Backoff;
use crate::breaker::Breaker;
use crate::call::{Caller, Retrying};
use crate::client::Client;
use crate::pace::{Pace, SharedBucket};
use crate::published::{GhlSdk, HighlevelApi};
use crate::rules::Failure;

/// A way to keep to the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// Retries after 1, 2 and 4 s.
    Retry124,
    /// `min(base · 2^attempt + jitter, max)`, five times, with a breaker in memory.
    CappedBackoff,
    /// Full jitter, ten times.
    FullJitter,
    /// The AWS SDK's adaptive mode.
    AwsAdaptive,
    /// `governor` in each process, with the whole quota.
    Governor,
    /// `governor` in each process, with its share of the quota.
    GovernorSplit,
    /// A counter in DynamoDB for each window.
    SharedBucket,
    /// The published client `ghl-sdk`.
    GhlSdk,
    /// The same, with ten retries.
    GhlSdkPatient,
    /// The published client `highlevel-api`.
    HighlevelApi,
    /// Ours.
    GhlSync,
}

impl Contender {
    pub(crate) const ALL: [Contender; 11] = [
        Contender::Retry124,
        Contender::CappedBackoff,
        Contender::FullJitter,
        Contender::AwsAdaptive,
        Contender::Governor,
        Contender::GovernorSplit,
        Contender::SharedBucket,
        Contender::GhlSdk,
        Contender::GhlSdkPatient,
        Contender::HighlevelApi,
        Contender::GhlSync,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Retry124 => "retry after 1, 2, 4 s",
            Contender::CappedBackoff => "capped backoff and breaker",
            Contender::FullJitter => "full jitter",
            Contender::AwsAdaptive => "AWS SDK, adaptive",
            Contender::Governor => "governor",
            Contender::GovernorSplit => "governor, quota split",
            Contender::SharedBucket => "shared bucket",
            Contender::GhlSdk => "ghl-sdk 0.5.2",
            Contender::GhlSdkPatient => "ghl-sdk 0.5.2, ten retries",
            Contender::HighlevelApi => "highlevel-api 0.2.1",
            Contender::GhlSync => "ghl-sync",
        }
    }

    /// Creates the client of one of `workers` processes. `None` for ours, which is a whole system.
    pub(crate) async fn client(
        self,
        stack: &Stack,
        url: &str,
        workers: NonZeroU32,
    ) -> Result<Option<Arc<dyn Client>>, Failure> {
        let caller = Caller::new(url)?;
        let plain = |pace, backoff| Retrying { caller: caller.clone(), pace, backoff, breaker: None };
        let client: Arc<dyn Client> = match self {
            Contender::Retry124 => Arc::new(plain(Pace::None, Backoff::Retry124)),
            Contender::CappedBackoff => {
                let retrying = plain(Pace::None, Backoff::Capped);
                Arc::new(Retrying { breaker: Some(Breaker::default()), ..retrying })
            }
            Contender::FullJitter => Arc::new(plain(Pace::None, Backoff::FullJitter)),
            Contender::AwsAdaptive => Arc::new(Adaptive::new(url)),
            Contender::Governor => Arc::new(plain(Pace::governor(NonZeroU32::MIN), Backoff::FullJitter)),
            Contender::GovernorSplit => Arc::new(plain(Pace::governor(workers), Backoff::FullJitter)),
            Contender::SharedBucket => {
                Arc::new(plain(Pace::Shared(SharedBucket::new(&stack.vars)?), Backoff::FullJitter))
            }
            Contender::GhlSdk => Arc::new(GhlSdk::new(url, None)?),
            Contender::GhlSdkPatient => Arc::new(GhlSdk::new(url, Some(10))?),
            Contender::HighlevelApi => Arc::new(HighlevelApi::new(url).await),
            Contender::GhlSync => return Ok(None),
        };
        Ok(Some(client))
    }
}

//! Processes the dead-letter messages on a person's request: those that the automatic redrive has not taken, and the
//! parked ones.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;

use crate::Operator;
use ghl_sync_engine::ports::{DeadLetterQueue, PortError, Receipt, TakenDeadLetter};
use ghl_sync_engine::usecase::{DeadLetterEnd, Engine, Event};
use ghl_sync_model::{EpochMs, LocationId, ScopeId};

/// Messages taken together.
const TAKE: u32 = 10;
/// Messages put back concurrently.
const AT_ONCE: usize = 16;
/// How long before the invocation's end the kept messages are put back.
const RESERVE: Duration = Duration::from_secs(5);

/// A person's request for a redrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveOrder {
    /// Only look: wakes nothing, and keeps every message.
    pub dry_run: bool,
    /// Most locations woken per second.
    pub max_per_second: NonZeroU32,
    /// Most messages processed.
    pub limit: u32,
    /// Only messages of this location.
    pub location: Option<LocationId>,
}

/// Results of a redrive by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedriveReport {
    /// Whether it was a dry run, which changes nothing.
    pub dry_run: bool,
    /// Messages processed.
    pub seen: u32,
    /// Messages by type: `batch`, `reconcile`, or the reason why they are not ours. Messages of other locations than
    /// requested are left out.
    pub reasons: BTreeMap<&'static str, u32>,
    /// Our messages by location.
    pub locations: BTreeMap<LocationId, u32>,
    /// Rate scopes that were checked for these locations, and started if they had work.
    pub woken: u32,
    /// Messages that are done with and were deleted.
    pub deleted: u32,
    /// Messages that were left in their queue.
    pub kept: u32,
    /// The part of `kept` whose location could not be woken: a store or the queue failed.
    pub failed: u32,
    /// Why the redrive ended.
    pub ended: RedriveEnd,
}

/// Why a redrive by hand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RedriveEnd {
    /// No messages were left.
    Empty,
    /// The requested number was processed.
    Limit,
    /// The invocation ran out of time. The next one continues.
    Time,
}

impl Operator {
    /// Processes the dead-letter messages until `deadline` at the latest. Messages of ours wake their location, at most
    /// [`max_per_second`](RedriveOrder::max_per_second), and are deleted. All others stay.
    ///
    /// # Errors
    /// If messages cannot be read, deleted or put back. Messages that were taken and not deleted come back by
    /// themselves.
    pub async fn redrive_by_hand(&self, order: &RedriveOrder, deadline: EpochMs) -> Result<RedriveReport, PortError> {
        let (engine, tally) = self.engine.tallied();
        let mut round = Round::new(&engine, order, deadline);
        let gone_through = round.go_through().await;
        let put_back = round.put_back().await;
        let report = round.report;
        self.ports().sink.emit(&Event::Measured { work: "redrive", location: None, measures: &tally.take() });
        gone_through.and(put_back).map(|()| report)
    }
}

/// One pass through the messages.
struct Round<'e> {
    engine: &'e Engine,
    order: &'e RedriveOrder,
    /// No further work is started after this.
    until: EpochMs,
    /// When the next scope may be woken.
    next_wake: EpochMs,
    woken: BTreeMap<ScopeId, DeadLetterEnd>,
    kept: Vec<Receipt>,
    report: RedriveReport,
}

impl<'e> Round<'e> {
    fn new(engine: &'e Engine, order: &'e RedriveOrder, deadline: EpochMs) -> Round<'e> {
        let report = RedriveReport {
            dry_run: order.dry_run,
            seen: 0,
            reasons: BTreeMap::new(),
            locations: BTreeMap::new(),
            woken: 0,
            deleted: 0,
            kept: 0,
            failed: 0,
            ended: RedriveEnd::Empty,
        };
        let next_wake = engine.ports().clock.now();
        Round { engine, order, until: deadline - RESERVE, next_wake, woken: BTreeMap::new(), kept: Vec::new(), report }
    }

    async fn go_through(&mut self) -> Result<(), PortError> {
        for queue in [DeadLetterQueue::Dead, DeadLetterQueue::Parked] {
            loop {
                let now = self.engine.ports().clock.now();
                let left = self.order.limit.saturating_sub(self.report.seen);
                if left == 0 || now >= self.until {
                    self.report.ended = if left == 0 { RedriveEnd::Limit } else { RedriveEnd::Time };
                    return Ok(());
                }
                // Nobody, including this pass, sees a message again before the pass is over.
                let hidden_for = now.until(self.until) + 2 * RESERVE;
                let taken = self.engine.ports().dead_letters.take(queue, left.min(TAKE), hidden_for).await?;
                if taken.is_empty() {
                    break;
                }
                for letter in taken {
                    self.next_check_at(letter).await?;
                }
            }
        }
        Ok(())
    }

    async fn next_check_at(&mut self, taken: TakenDeadLetter) -> Result<(), PortError> {
        let TakenDeadLetter { letter, receipt } = taken;
        self.report.seen += 1;
        let message = letter.message();
        let is_asked_for = match (&self.order.location, &message) {
            (Some(wanted), Ok(message)) => wanted == message.location_id(),
            (Some(_), Err(_)) => false,
            (None, _) => true,
        };
        if is_asked_for {
            let reason = message.as_ref().map_or_else(|error| error.as_str(), |message| message.as_str());
            *self.report.reasons.entry(reason).or_default() += 1;
        }
        let message = match message {
            Ok(message) if is_asked_for => message,
            _ => return self.keep(receipt),
        };
        *self.report.locations.entry(message.location_id().clone()).or_default() += 1;
        if self.order.dry_run {
            return self.keep(receipt);
        }
        let Some(end) = self.wake(message.location_id()).await else {
            return self.keep(receipt);
        };
        self.engine.note_letter(&letter, Ok(&message), end);
        if end.is_done() {
            self.report.deleted += 1;
            return self.engine.ports().dead_letters.delete(&receipt).await;
        }
        self.report.failed += 1;
        self.keep(receipt)
    }

    fn keep(&mut self, receipt: Receipt) -> Result<(), PortError> {
        self.report.kept += 1;
        self.kept.push(receipt);
        Ok(())
    }

    /// Wakes `location` at the permitted rate; `None` if there is no time left.
    async fn wake(&mut self, location: &LocationId) -> Option<DeadLetterEnd> {
        let engine = self.engine;
        let scope = match engine.scope_to_wake(location).await {
            Ok(scope) => scope,
            Err(end) => return Some(end),
        };
        if let Some(end) = self.woken.get(&scope) {
            return Some(*end);
        }
        if self.next_wake >= self.until {
            // Start nothing more.
            self.until = engine.ports().clock.now();
            return None;
        }
        engine.ports().clock.sleep_until(self.next_wake).await;
        let end = engine.wake_scope(&scope).await;
        self.next_wake = engine.ports().clock.now() + Duration::from_secs(1) / self.order.max_per_second.get();
        self.report.woken += u32::from(end.is_done());
        self.woken.insert(scope, end);
        Some(end)
    }

    /// Makes the kept messages visible to everybody again.
    async fn put_back(&mut self) -> Result<(), PortError> {
        let dead_letters = &self.engine.ports().dead_letters;
        let put_back: Vec<_> = futures::stream::iter(std::mem::take(&mut self.kept))
            .map(|receipt| async move { dead_letters.put_back(&receipt).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        put_back.into_iter().collect()
    }
}

//! Going through the dead letters when a person asks for it: those that the redrive has not taken, and the parked ones.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;

use crate::Operator;
use ghl_sync_engine::ports::{DeadLetterQueue, PortError, Receipt, TakenDeadLetter};
use ghl_sync_engine::usecase::{DeadLetterEnd, Engine, Event};
use ghl_sync_model::{EpochMs, LocationId, ScopeId};

/// Letters taken at once.
const TAKE: u32 = 10;
/// Letters put back at once.
const AT_ONCE: usize = 16;
/// The letters that are kept are put back this long before the invocation's end.
const RESERVE: Duration = Duration::from_secs(5);

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveOrder {
    /// Only look: nothing is woken, and every letter stays.
    pub dry_run: bool,
    /// Locations woken in a second, at most.
    pub max_per_second: NonZeroU32,
    /// Letters looked at, at most.
    pub limit: u32,
    /// Only letters of this location.
    pub location: Option<LocationId>,
}

/// What was found, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedriveReport {
    /// Nothing was changed.
    pub dry_run: bool,
    /// Letters that were looked at.
    pub seen: u32,
    /// Letters by what they are: `batch`, `reconcile`, or why they are none of ours. Those of other locations than was
    /// asked for are left out.
    pub reasons: BTreeMap<&'static str, u32>,
    /// Those of ours by their location.
    pub locations: BTreeMap<LocationId, u32>,
    /// Rate scopes that were looked at on behalf of these locations, and are at work if there is any.
    pub woken: u32,
    /// Letters that are done with, and deleted.
    pub deleted: u32,
    /// Letters that were left where they are.
    pub kept: u32,
    /// Kept ones whose location could not be woken: a store or the queue failed.
    pub failed: u32,
    /// Why it ended.
    pub ended: RedriveEnd,
}

/// Why going through the letters ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RedriveEnd {
    /// No letter was left to look at.
    Empty,
    /// As many were looked at as was asked for.
    Limit,
    /// The invocation has no more time. The next one goes on.
    Time,
}

impl Operator {
    /// Goes through the dead letters until `deadline` at the latest. Those of ours wake their location, no more than
    /// [`max_per_second`](RedriveOrder::max_per_second), and are deleted. Whatever else there is stays.
    ///
    /// # Errors
    /// When the letters cannot be read, deleted or put back. Whatever was taken and not deleted comes back by itself.
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

/// One going through the letters.
struct Round<'e> {
    engine: &'e Engine,
    order: &'e RedriveOrder,
    /// Nothing new is begun after this.
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
                // Nobody, not even this going through, sees a letter again before it is over.
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

    /// Wakes `location` in its turn; `None` if there is no time left for it.
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
            // It begins nothing more.
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

    /// All that is kept is there for everybody again.
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

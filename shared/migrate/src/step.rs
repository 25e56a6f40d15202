//! One step: the lease, units of work until the time runs out, and the next message.

use std::sync::Arc;
use std::time::Duration;

use super::Migrator;
use super::trouble::{Continuation, Interrupted, after_failed_call, after_store_failed};
use crate::policy::progress;
use ghl_sync_engine::ports::{Entry, MAX_DELAY, PortError, Replaced};
use ghl_sync_engine::usecase::{DirectCalls, DirectError, Engine, Event, Invocation, Tally};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    CallCount, EpochMs, LocationId, Migration, MigrationLease, MigrationMessage, MigrationStage, MigrationStatus,
    Priority, Side,
};

/// A step ends this long before its invocation does: time to save its progress.
const SPARE: Duration = Duration::from_secs(3);
/// A message that is this late counts as lost and is sent again.
pub(super) const LATE: Duration = Duration::from_secs(60);

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepReport {
    /// There is no such migration.
    Unknown,
    /// The message is outdated, or another step is under way, or there is nothing to do.
    Stale,
    /// The step reached `stage`. If the migration is active, it continues after `delay`.
    Done {
        /// The migration's status.
        status: MigrationStatus,
        /// Its stage.
        stage: MigrationStage,
        /// Time until the next message; `None` if there is none.
        delay: Option<Duration>,
    },
}

/// A step under way.
pub(super) struct MigrationStep<'m> {
    pub(super) migrator: &'m Migrator,
    /// Counts this step's calls in the target.
    pub(super) engine: Engine,
    /// Counts this step's calls in the source.
    source_engine: Engine,
    tallies: [Arc<Tally>; 2],
    pub(super) invocation: Invocation,
    rev: u64,
    pub(super) migration: Migration,
}

impl Migrator {
    /// Performs one step of a migration.
    ///
    /// # Errors
    /// If a store or the queue fails: the message should be delivered again, but nothing is lost without that.
    pub async fn step(&self, message: &MigrationMessage, invocation: &Invocation) -> Result<StepReport, PortError> {
        let Some(entry) = self.migrations.load(&message.migration_id).await? else {
            return Ok(StepReport::Unknown);
        };
        let now = self.ports().clock.now();
        let is_held = entry.value.lease.as_ref().is_some_and(|lease| lease.until > now);
        if is_held || entry.value.generation != message.generation || !entry.value.goes_on() {
            return Ok(StepReport::Stale);
        }
        let ((source_engine, of_source), (engine, of_target)) = (self.engine.tallied(), self.engine.tallied());
        let mut step = MigrationStep {
            migrator: self,
            engine,
            source_engine,
            tallies: [of_source, of_target],
            invocation: Invocation { deadline: invocation.deadline - SPARE, ..invocation.clone() },
            rev: entry.rev,
            migration: entry.value,
        };
        let report = match step.take_lease(now).await {
            Ok(()) => step.run().await,
            Err(Interrupted::Port(error)) => Err(error),
            Err(_) => Ok(StepReport::Stale),
        };
        step.write_counts().await;
        report
    }

    /// Sends the lost messages of migrations again. Returns their number.
    ///
    /// # Errors
    /// If the store or the queue fails.
    pub async fn revive(&self) -> Result<u32, PortError> {
        let now = self.ports().clock.now();
        let mut revived = 0;
        for id in self.store.needing_check(now, 100).await? {
            let Some(entry) = self.migrations.load(&id).await? else {
                continue;
            };
            if entry.value.goes_on() && entry.value.next_check_at.is_some_and(|at| at <= now) {
                self.send(&entry.value, Duration::ZERO).await?;
                revived += 1;
            }
        }
        Ok(revived)
    }

    /// Sends the message of every active migration, each at the time of the original: the queue has lost all of them.
    /// A migration whose step may be under way is left to its lease. Returns the number of messages.
    ///
    /// # Errors
    /// If the store or the queue fails.
    pub async fn send_again(&self) -> Result<u32, PortError> {
        let now = self.ports().clock.now();
        let mut sent = 0;
        for id in self.store.needing_check(now + MAX_DELAY + LATE, 100).await? {
            let Some(Entry { value: migration, .. }) = self.migrations.load(&id).await? else {
                continue;
            };
            let is_held = migration.lease.as_ref().is_some_and(|lease| lease.until > now);
            if let Some(next_check_at) = migration.next_check_at.filter(|_| migration.goes_on() && !is_held) {
                self.send(&migration, now.until(next_check_at - LATE)).await?;
                sent += 1;
            }
        }
        Ok(sent)
    }

    pub(super) async fn send(&self, migration: &Migration, delay: Duration) -> Result<(), PortError> {
        let message = MigrationMessage { migration_id: migration.id.clone(), generation: migration.generation };
        self.queue.send(&message, delay.min(MAX_DELAY)).await
    }
}

impl MigrationStep<'_> {
    async fn take_lease(&mut self, now: EpochMs) -> Result<(), Interrupted> {
        let until = self.invocation.deadline + SPARE + self.engine.config().late_arrival;
        self.migration.lease = Some(MigrationLease { holder: self.invocation.holder.clone(), until });
        self.migration.next_check_at = Some(until);
        self.migration.updated_at = now;
        match self.migrator.migrations.replace(&self.migration.id, self.rev, &self.migration).await? {
            Replaced::Written { rev } => self.rev = rev,
            Replaced::Conflict(_) => return Err(Interrupted::Lost),
        }
        Ok(())
    }

    /// Does units of work as long as there is time.
    async fn run(&mut self) -> Result<StepReport, PortError> {
        loop {
            if !self.migration.goes_on() {
                return self.end(None).await;
            }
            let is_late = self.now() + self.engine.config().request_timeout > self.invocation.deadline;
            if is_late || self.engine.shutdown().is_asked() {
                return self.end(Some(Duration::ZERO)).await;
            }
            let next = match self.unit().await {
                Ok(next) => {
                    self.migration.trouble = 0;
                    if std::mem::take(&mut self.migration.store_trouble) > 0 && self.migration.goes_on() {
                        self.migration.reason = None;
                    }
                    next
                }
                Err(Interrupted::Call { side, error }) => self.after_failed_call(side, &error),
                Err(Interrupted::Port(error)) => {
                    // The progress is saved; the rest is repeated. If this fails, too, the lease expires.
                    self.store_failed(&error).await;
                    return Err(error);
                }
                Err(Interrupted::Lost) => return Ok(StepReport::Stale),
            };
            match next {
                Continuation::Again => {}
                Continuation::Advance => self.advance(),
                Continuation::Later(delay) => return self.end(Some(delay)).await,
                Continuation::Stop(status, reason) => {
                    self.migration.status = status;
                    self.migration.reason = reason;
                    // Call counts are only for people: a count that fails now is made up for the next time.
                    let _ = self.count_calls().await;
                }
            }
        }
    }

    async fn unit(&mut self) -> Result<Continuation, Interrupted> {
        match self.migration.status {
            MigrationStatus::RollingBack => return self.roll_back().await,
            MigrationStatus::Cancelled => return self.withdraw().await,
            MigrationStatus::Running
            | MigrationStatus::AwaitingApproval
            | MigrationStatus::NeedsInput
            | MigrationStatus::Paused
            | MigrationStatus::Failed
            | MigrationStatus::RolledBack
            | MigrationStatus::Incomplete
            | MigrationStatus::Done => {}
        }
        match self.migration.stage {
            MigrationStage::Connect => self.connect().await,
            MigrationStage::Discover => self.discover().await,
            MigrationStage::Map => self.map().await,
            MigrationStage::AwaitApproval => self.await_approval().await,
            MigrationStage::CustomFields => self.custom_fields().await,
            MigrationStage::CustomValues => self.custom_values().await,
            MigrationStage::Tags => self.tags().await,
            MigrationStage::Pipelines => self.pipelines().await,
            MigrationStage::Contacts => self.contacts().await,
            MigrationStage::Opportunities => self.opportunities().await,
            MigrationStage::Verify => self.verify().await,
            MigrationStage::Finish => self.finish().await,
        }
    }

    /// Notes a failing store in the migration itself, and backs off.
    async fn store_failed(&mut self, error: &PortError) {
        self.engine.ports().sink.emit(&Event::PortFailed { scope: None, error });
        self.migration.store_trouble = self.migration.store_trouble.saturating_add(1);
        let (reason, next) = after_store_failed(error, self.migration.store_trouble);
        let delay = match next {
            Continuation::Later(delay) => {
                self.migration.reason = reason;
                delay
            }
            // A cancelled migration continues until its withdrawal is done.
            Continuation::Stop(..) if self.migration.status == MigrationStatus::Cancelled => LATE,
            Continuation::Stop(status, reason) => {
                (self.migration.status, self.migration.reason) = (status, reason);
                Duration::ZERO
            }
            Continuation::Again | Continuation::Advance => Duration::ZERO,
        };
        let _ = self.end(Some(delay)).await;
    }

    fn after_failed_call(&mut self, side: Side, error: &DirectError) -> Continuation {
        match error {
            // Only this invocation's time is up; the next one continues.
            DirectError::Wait(wait) if wait.reason == WaitReason::Deadline => Continuation::Later(Duration::ZERO),
            DirectError::Wait(wait) => Continuation::Later(self.now().until(wait.at).max(Duration::from_secs(1))),
            _ => {
                self.migration.errors += 1;
                self.migration.trouble += 1;
                after_failed_call(side, error, self.migration.trouble - 1)
            }
        }
    }

    fn advance(&mut self) {
        if let Some(stage) = self.migration.stage.next() {
            self.migration.stage = stage;
            self.migration.stage_since = self.now();
        }
        self.note();
    }

    /// Releases the lease, and sends the next message if the migration is active.
    async fn end(&mut self, delay: Option<Duration>) -> Result<StepReport, PortError> {
        let now = self.now();
        let delay = delay.filter(|_| self.migration.goes_on()).map(|delay| delay.min(MAX_DELAY));
        self.migration.generation += 1;
        self.migration.lease = None;
        self.migration.next_check_at = delay.map(|delay| now + delay + LATE);
        if self.migration.status.is_over() {
            self.migration.finished_at.get_or_insert(now);
        }
        match self.save().await {
            Ok(()) => {}
            Err(Interrupted::Port(error)) => return Err(error),
            Err(_) => return Ok(StepReport::Stale),
        }
        self.note();
        let (status, stage) = (self.migration.status, self.migration.stage);
        // The preceding save may have taken over a stop or a resume by a person.
        let delay = self.migration.goes_on().then(|| delay.unwrap_or_default());
        if let Some(delay) = delay {
            self.migrator.send(&self.migration, delay).await?;
        }
        Ok(StepReport::Done { status, stage, delay })
    }

    /// Saves the progress, and takes over changes that people have made since.
    pub(super) async fn save(&mut self) -> Result<(), Interrupted> {
        self.migration.updated_at = self.now();
        loop {
            match self.migrator.migrations.replace(&self.migration.id, self.rev, &self.migration).await? {
                Replaced::Written { rev } => {
                    self.rev = rev;
                    return Ok(());
                }
                Replaced::Conflict(_) => self.take_over().await?,
            }
        }
    }

    async fn take_over(&mut self) -> Result<(), Interrupted> {
        let stored = self.migrator.migrations.load(&self.migration.id).await?.ok_or(Interrupted::Lost)?;
        let holder = stored.value.lease.as_ref().map(|lease| &lease.holder);
        if holder != Some(&self.invocation.holder) {
            return Err(Interrupted::Lost);
        }
        self.rev = stored.rev;
        let Migration { status, reason, approved, overrides, settings, audit, finished_at, withdrawal, .. } =
            stored.value;
        let mine = &mut self.migration;
        // This step's state of the withdrawal is newer.
        mine.withdrawal = mine.withdrawal.or(withdrawal);
        (mine.status, mine.reason, mine.approved, mine.finished_at) = (status, reason, approved, finished_at);
        (mine.overrides, mine.settings, mine.audit) = (overrides, settings, audit);
        Ok(())
    }

    /// Reports the progress to the sink.
    fn note(&self) {
        let progress = progress(&self.migration, self.now());
        self.engine.ports().sink.emit(&Event::Migrating { migration: &self.migration, progress: &progress });
    }

    /// Whether the migration is running.
    pub(super) fn is_running(&self) -> bool {
        self.migration.status == MigrationStatus::Running
    }

    pub(super) fn now(&self) -> EpochMs {
        self.engine.ports().clock.now()
    }

    /// Opens calls to one of the two locations.
    pub(super) async fn calls<'e>(
        &self,
        engine: &'e Engine,
        location: &'e LocationId,
        side: Side,
    ) -> Result<DirectCalls<'e>, Interrupted> {
        engine
            .direct_calls(location, Priority::Low, &self.invocation)
            .await
            .map_err(|error| Interrupted::Call { side, error })
    }

    /// The engine that counts the calls in a location.
    pub(super) fn engine_of(&self, side: Side) -> Engine {
        match side {
            Side::Source => self.source_engine.clone(),
            Side::Target => self.engine.clone(),
        }
    }

    async fn write_counts(&self) {
        let locations = [&self.migration.source, &self.migration.target];
        for (tally, location) in self.tallies.iter().zip(locations) {
            self.migrator.engine.count("migrate", location, tally.take(), None).await;
        }
    }

    /// Counts the calls of both locations since the start.
    async fn count_calls(&mut self) -> Result<(), Interrupted> {
        self.write_counts().await;
        let now = calls_of_both(self.migrator, &self.migration).await?;
        let before = self.migration.calls_before;
        self.migration.calls = CallCount {
            calls: now.calls.saturating_sub(before.calls),
            status_429: now.status_429.saturating_sub(before.status_429),
        };
        Ok(())
    }
}

/// All calls ever made in both locations.
pub(super) async fn calls_of_both(migrator: &Migrator, migration: &Migration) -> Result<CallCount, PortError> {
    let ports = migrator.ports();
    let mut sum = CallCount::default();
    for location in [&migration.source, &migration.target] {
        let counted = ports.counters.of(location, ports.clock.now()).await?;
        sum.calls += counted.total.calls();
        sum.status_429 += counted.total.rate_limit_hits();
    }
    Ok(sum)
}

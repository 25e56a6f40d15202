//! Withdrawing the records of a cancelled migration that GHL has not accepted yet.

use std::collections::BTreeSet;
use std::time::Duration;

use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use ghl_sync_engine::usecase::Event;
use ghl_sync_limiter::Gate;
use ghl_sync_model::{ErrorCode, ImportStanding, Kind, LastError, MigrationStatus, Record, Withdrawal};

/// Error message of a withdrawn record.
const MESSAGE: &str = "withdrawn by an operator before it was sent: its migration was cancelled";
/// Pause between two checks, while records are not final.
const PAUSE: Duration = Duration::from_secs(5);

impl MigrationStep<'_> {
    /// Withdraws pending records first. Then the target's sender ends before its next call, and this waits for the
    /// results of calls under way, so that the counts match GHL. Until then no other migration gets the target: its
    /// records would have the same ids.
    pub(super) async fn withdraw(&mut self) -> Result<Continuation, Interrupted> {
        let withdrawn = self.withdraw_all().await?;
        if withdrawn > 0 || self.migration.withdrawal == Some(Withdrawal::Asked) {
            self.tell_the_sender().await?;
            self.migration.withdrawal = Some(Withdrawal::Told);
            self.save().await?;
            return Ok(Continuation::Later(self.engine.config().request_timeout.max(PAUSE)));
        }
        for kind in [Kind::Contact, Kind::Opportunity] {
            self.look(kind).await?;
        }
        if self.under_way() > 0 {
            self.save().await?;
            return Ok(Continuation::Later(PAUSE));
        }
        self.migration.withdrawal = None;
        if self.migration.status == MigrationStatus::RollingBack {
            return Ok(Continuation::Again);
        }
        // Only a stored end frees the target: somebody may have requested a rollback since.
        self.save().await?;
        if self.migration.status != MigrationStatus::Cancelled || self.migration.withdrawal.is_some() {
            return Ok(Continuation::Again);
        }
        self.migrator.store.release_target(&self.migration.target, &self.migration.id, false).await?;
        Ok(Continuation::Stop(MigrationStatus::Cancelled, self.migration.reason.take()))
    }

    /// Records in progress at the last check.
    pub(super) fn under_way(&self) -> u64 {
        self.migration.contacts.under_way() + self.migration.opportunities.under_way()
    }

    /// Withdraws all pending records. Returns their number.
    async fn withdraw_all(&mut self) -> Result<u64, Interrupted> {
        let mut withdrawn = 0;
        // Opportunities go first, so that no withdrawn contact wakes them in vain.
        for kind in [Kind::Opportunity, Kind::Contact] {
            self.take_up_begun_pages(kind).await?;
            let transfer = self.state_of(kind).clone();
            let open: BTreeSet<u32> = transfer.open.iter().map(|page| page.number).collect();
            // Records that wait for a failed contact are on final pages.
            let all = if transfer.blocked > 0 { (0..transfer.scan.pages).collect() } else { open.clone() };
            for number in all {
                let of_page = self.withdraw_page(kind, number).await?;
                withdrawn += of_page;
                if !open.contains(&number) {
                    let transfer = self.state_of(kind);
                    transfer.blocked = transfer.blocked.saturating_sub(of_page);
                    transfer.withdrawn += of_page;
                }
            }
        }
        Ok(withdrawn)
    }

    async fn withdraw_page(&self, kind: Kind, number: u32) -> Result<u64, Interrupted> {
        let Some(page) = self.transferred(kind, number).await? else { return Ok(0) };
        let mut withdrawn = 0;
        for record in self.records(kind, &page).await?.into_values() {
            withdrawn += u64::from(self.withdraw_one(&record).await?);
        }
        Ok(withdrawn)
    }

    /// Withdraws a record. Returns whether it was pending and unchanged.
    async fn withdraw_one(&self, record: &Record) -> Result<bool, Interrupted> {
        if ImportStanding::of(record) != ImportStanding::Pending {
            return Ok(false);
        }
        let at = self.now();
        let error = LastError { code: ErrorCode::Cancelled, status: None, message: MESSAGE.to_owned(), at };
        Ok(self.engine.ports().outbox.withdraw(record, &error, at).await?)
    }

    /// Makes a batch that has loaded one of the records end before its next call; the next batch finds what is still
    /// due.
    async fn tell_the_sender(&self) -> Result<(), Interrupted> {
        let location = &self.migration.target;
        let Some(settings) = self.engine.ports().registry.location(location).await? else { return Ok(()) };
        let scope = &settings.scope;
        self.engine.ports().sink.emit(&Event::Operated { location, scope, action: "cancel_migration" });
        self.engine.change_gate(&settings, Gate::stop).await?;
        self.engine.until_all_know().await;
        self.engine.start_and_tell(scope).await?;
        Ok(())
    }
}

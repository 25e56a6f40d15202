//! The end.

use super::step::Step;
use super::trouble::{Interrupted, Next};
use crate::domain::MigrationStatus;

impl Step<'_> {
    pub(super) async fn finish(&mut self) -> Result<Next, Interrupted> {
        let (report, journal) = (self.mapping().await?, self.journal().await?);
        self.count_parts(&report, &journal);
        self.migrator.store.release_target(&self.migration.target, &self.migration.id, false).await?;
        Ok(Next::Stop(MigrationStatus::Done, None))
    }
}

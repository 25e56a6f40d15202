//! The end.

use super::step::Step;
use super::trouble::{Interrupted, Next};
use ghl_sync_model::{Migration, MigrationStatus};

impl Step<'_> {
    pub(super) async fn finish(&mut self) -> Result<Next, Interrupted> {
        let (report, journal) = (self.mapping().await?, self.journal().await?);
        self.count_parts(&report, &journal);
        self.migrator.store.release_target(&self.migration.target, &self.migration.id, false).await?;
        Ok(match incomplete(&self.migration) {
            Some(reason) => Next::Stop(MigrationStatus::Incomplete, Some(reason)),
            None => Next::Stop(MigrationStatus::Done, None),
        })
    }
}

/// What is not in the target as it is in the source; `None` if all of it is. Without the comparison it is what GHL did
/// not accept.
fn incomplete(migration: &Migration) -> Option<String> {
    let found = migration.verify.found;
    let (contacts, deals) = (&migration.contacts, &migration.opportunities);
    if migration.verify.source_contacts.done {
        let missing = found.missing.saturating_sub(found.left_out);
        let is_complete = missing + found.different == 0;
        return (!is_complete).then(|| {
            format!(
                "the comparison of {} records found {} missing in the target and {} different there; the report names \
                 them. Mend what kept them, then migrate again: that writes only what is not there",
                found.checked, missing, found.different
            )
        });
    }
    let (failed, blocked) = (contacts.failed + deals.failed, contacts.blocked + deals.blocked);
    (failed + blocked > 0).then(|| {
        format!(
            "{failed} records failed and {blocked} wait for a contact that failed; nothing was compared (`skip_verify`)"
        )
    })
}

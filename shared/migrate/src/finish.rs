//! The last stage: the final status.

use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use ghl_sync_model::{Migration, MigrationStatus};

impl MigrationStep<'_> {
    pub(super) async fn finish(&mut self) -> Result<Continuation, Interrupted> {
        let (report, journal) = (self.mapping().await?, self.journal().await?);
        self.count_parts(&report, &journal);
        self.migrator.store.release_target(&self.migration.target, &self.migration.id, false).await?;
        Ok(match incomplete(&self.migration) {
            Some(reason) => Continuation::Stop(MigrationStatus::Incomplete, Some(reason)),
            None => Continuation::Stop(MigrationStatus::Done, None),
        })
    }
}

/// Describes how the target differs from the source; `None` if it does not. Without a verification, it counts what
/// GHL did not accept.
fn incomplete(migration: &Migration) -> Option<String> {
    let found = migration.verify.found;
    let (contacts, opportunities) = (&migration.contacts, &migration.opportunities);
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
    let (failed, blocked) = (contacts.failed + opportunities.failed, contacts.blocked + opportunities.blocked);
    (failed + blocked > 0).then(|| {
        format!(
            "{failed} records failed and {blocked} wait for a contact that failed; nothing was compared (`skip_verify`)"
        )
    })
}

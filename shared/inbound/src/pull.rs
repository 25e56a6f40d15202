//! Reads the contacts that changed in GHL.

use crate::Reconciler;
use ghl_sync_engine::usecase::{DirectCalls, DirectError, Invocation};
use ghl_sync_model::{Bookmark, ContactPage, EpochMs, LocationId, Priority};

impl Reconciler {
    /// Reads all contacts of `location` that changed since `since`, page by page, oldest change first, and passes each
    /// page to `page`. Returns the number of readable contacts; a page also names those that are too long to read.
    ///
    /// # Errors
    /// [`DirectError`]; pages passed on before the error remain valid.
    pub async fn contacts_changed_since(
        &self,
        location: &LocationId,
        since: EpochMs,
        invocation: &Invocation,
        mut page: impl FnMut(ContactPage) + Send,
    ) -> Result<u64, DirectError> {
        let (engine, tally) = self.engine.tallied();
        let calls = engine.direct_calls(location, Priority::Low, invocation).await?;
        let pulled = pages(&calls, since, &mut page).await;
        let closed = calls.close().await;
        engine.count("pull", location, tally.take(), None).await;
        closed?;
        pulled
    }
}

async fn pages(
    calls: &DirectCalls<'_>,
    since: EpochMs,
    page: &mut (impl FnMut(ContactPage) + Send),
) -> Result<u64, DirectError> {
    let mut bookmark = Bookmark { since, page: None, limit: None };
    let mut count = 0;
    loop {
        let changes = calls.changes(&bookmark).await?;
        count += changes.page.contacts.len() as u64;
        page(changes.page);
        match changes.next {
            Some(next) => bookmark = next,
            None => return Ok(count),
        }
    }
}

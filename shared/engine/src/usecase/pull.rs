//! Reading what changed in GHL.

use super::direct::{DirectCalls, DirectError};
use super::{Engine, Invocation};
use ghl_sync_model::{Answer, Call, EpochMs, LocationId, Priority, RemoteContact};

/// Contacts per page; the most that both of GHL's APIs allow.
const PAGE: u32 = 100;

impl Engine {
    /// Reads all contacts of `location` that changed since `since`, page by page, oldest change first, and hands each
    /// page to `page`. Returns how many there were.
    ///
    /// # Errors
    /// [`DirectError`]; what was handed over until then stays good.
    pub async fn contacts_changed_since(
        &self,
        location: &LocationId,
        since: EpochMs,
        invocation: &Invocation,
        mut page: impl FnMut(Vec<RemoteContact>) + Send,
    ) -> Result<u64, DirectError> {
        let (engine, tally) = self.tallied();
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
    page: &mut (impl FnMut(Vec<RemoteContact>) + Send),
) -> Result<u64, DirectError> {
    let (mut cursor, mut limit) = (None, PAGE);
    let mut count = 0;
    loop {
        let call = |limit| Call::ContactsChanged { since, cursor: cursor.clone(), limit };
        let Answer::Contacts(answer) = calls.page(&mut limit, call).await? else {
            return Ok(count);
        };
        count += answer.contacts.len() as u64;
        page(answer.contacts);
        match answer.next {
            Some(next) => cursor = Some(next),
            None => return Ok(count),
        }
    }
}

//! Pages of the contacts that changed in GHL, oldest change first. A contact that alone exceeds our answer size limit
//! is skipped: nobody can read it, and the changes after it must still be read.

use std::time::Duration;

use super::direct::{DirectCalls, DirectError};
use ghl_sync_model::{Answer, Bookmark, Call, Cause, ContactPage, EpochMs, Failure, Kind, Unread, UnreadRecord};

/// Contacts per page; the maximum of both GHL APIs.
pub const CHANGES_PER_PAGE: u32 = 100;
/// Resolution of GHL's times.
const FINEST: Duration = Duration::from_millis(1);

/// A page of changed contacts.
pub struct Changes {
    /// The contacts that were read.
    pub page: ContactPage,
    /// Where to continue; `None` after the last page.
    pub next: Option<Bookmark>,
    /// The page size that fits, if smaller than GHL's maximum.
    pub limit: Option<u32>,
}

impl DirectCalls<'_> {
    /// Reads the page at `from`.
    pub async fn changes(&self, from: &Bookmark) -> Result<Changes, DirectError> {
        let since = from.since;
        let mut limit = from.limit.unwrap_or(CHANGES_PER_PAGE).clamp(1, CHANGES_PER_PAGE);
        let call = |limit| Call::ContactsChanged { since, cursor: from.page.clone(), limit };
        let page = match self.page(&mut limit, call).await {
            Ok(Answer::Contacts(page)) => page,
            Ok(_) => return Err(DirectError::Failed(no_page())),
            Err(error) if error.is_too_long() => return self.behind_long_contact(since).await,
            Err(error) => return Err(error),
        };
        // One long record says nothing about those after it.
        let limit = (limit < CHANGES_PER_PAGE && page.unread.is_empty()).then_some(limit);
        // The time of the last readable contact: anything unreadable comes after it.
        let last = page.contacts.last().map(|contact| contact.updated_at);
        let read_until = last.or_else(|| page.unread.last().map(|long| long.updated_at)).flatten();
        let since = read_until.map_or(since, |at| at.max(since));
        let next = page.next.clone().map(|cursor| Bookmark { since, page: Some(cursor), limit });
        Ok(Changes { page, next, limit })
    }

    /// Skips the first contact that changed from `since` on, whose answer is so long that not even its id can be read.
    /// Bisects the time after `since` to find the millisecond from which the changes can be read again: about 27 calls
    /// for a day.
    async fn behind_long_contact(&self, since: EpochMs) -> Result<Changes, DirectError> {
        let (mut too_early, mut readable) = (since, self.now().max(since + FINEST));
        while too_early.until(readable) > FINEST {
            let middle = EpochMs(too_early.0.midpoint(readable.0));
            if self.begins_with_long_contact(middle).await? {
                too_early = middle;
            } else {
                readable = middle;
            }
        }
        let unread = vec![UnreadRecord { id: None, updated_at: Some(too_early), why: Unread::TooLong }];
        self.note_passed_over(Kind::Contact, &unread);
        let next = Some(Bookmark { since: readable, page: None, limit: None });
        Ok(Changes { page: ContactPage { unread, ..ContactPage::default() }, next, limit: None })
    }

    async fn begins_with_long_contact(&self, since: EpochMs) -> Result<bool, DirectError> {
        match self.call(&Call::ContactsChanged { since, cursor: None, limit: 1 }).await {
            Ok(_) => Ok(false),
            Err(error) if error.is_too_long() => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn no_page() -> Failure {
    let message = "GHL's answer was no page of contacts".to_owned();
    Failure { status: None, sent: true, cause: Some(Cause::Unreadable), message }
}

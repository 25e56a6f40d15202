//! Handles an answer that exceeds our limit because of its one record: only the fields that identify the record are
//! read. On a page the record is skipped; a write counts as written.

use ghl_sync_model::{
    Answer, Api, Call, Cause, ContactPage, EpochMs, GhlId, LocationId, OpportunityPage, Unread, UnreadRecord,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Misread, TOO_LONG, read_json};

/// An answer without the content of its records, which is skipped during parsing and takes no memory.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    location_id: Option<Value>,
    #[serde(default)]
    contacts: Vec<RecordOutline>,
    #[serde(default)]
    opportunities: Vec<RecordOutline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<RecordOutline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opportunity: Option<RecordOutline>,
    /// Set if API v1 returns the record bare.
    id: Option<Value>,
    /// Whether an upsert created the contact.
    new: Option<Value>,
    total: Option<Value>,
    meta: Option<Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordOutline {
    id: Option<Value>,
    location_id: Option<Value>,
    /// Set on contacts.
    date_updated: Option<Value>,
    /// Set on opportunities.
    updated_at: Option<Value>,
    /// Cursor of the next page.
    search_after: Option<Value>,
}

/// Reads the answer in `body`, ignoring the content of its one record.
pub(super) fn read(api: Api, location: &LocationId, call: &Call, body: &[u8]) -> Result<Answer, Misread> {
    let too_long = || Misread { cause: Cause::TooLong, problem: TOO_LONG.to_owned() };
    let outline: Outline = serde_json::from_slice(body).map_err(|_| too_long())?;
    // With several records, we cannot know which one is too long.
    let on_page = outline.contacts.len() + outline.opportunities.len();
    if !call.shows_one_record() || on_page != usize::from(!call.is_write()) {
        return Err(too_long());
    }
    let outline = serde_json::to_value(outline).map_err(|_| too_long())?;
    let answer = read_json(api, location, call, &outline).map_err(|misread| match misread.cause {
        Cause::Unreadable => too_long(),
        _ => misread,
    });
    match answer? {
        Answer::Contacts(page) if page.contacts.len() == 1 => {
            let unread = page.contacts.into_iter().map(|one| unread(one.id, one.updated_at));
            Ok(Answer::Contacts(ContactPage { contacts: Vec::new(), unread: unread.collect(), ..page }))
        }
        Answer::OpportunityPage(page) if page.opportunities.len() == 1 => {
            let opportunities = page.opportunities.into_iter();
            let unread = opportunities.map(|one| unread(one.id, one.updated_at)).collect();
            Ok(Answer::OpportunityPage(OpportunityPage { opportunities: Vec::new(), unread, ..page }))
        }
        // We cannot tell what GHL stored.
        Answer::ContactWritten { id, provenance, .. } => Ok(Answer::ContactWritten { id, provenance, view: None }),
        Answer::OpportunityWritten { id, .. } => Ok(Answer::OpportunityWritten { id, view: None }),
        _ => Err(too_long()),
    }
}

fn unread(id: GhlId, updated_at: Option<EpochMs>) -> UnreadRecord {
    UnreadRecord { id: Some(id), updated_at, why: Unread::TooLong }
}

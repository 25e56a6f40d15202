//! A page of one record that is longer than we take: only what names the record is read, so that it can be passed over.

use ghl_sync_model::{Answer, Api, Call, Cause, ContactPage, LocationId, LongRecord, OpportunityPage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Misread, TOO_LONG, read_json};

/// A page without what its records say; that is skipped while it is read, and takes no memory.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    location_id: Option<Value>,
    #[serde(default)]
    contacts: Vec<RecordOutline>,
    #[serde(default)]
    opportunities: Vec<RecordOutline>,
    total: Option<Value>,
    meta: Option<Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordOutline {
    id: Option<Value>,
    location_id: Option<Value>,
    /// Of a contact.
    date_updated: Option<Value>,
    /// Of an opportunity.
    updated_at: Option<Value>,
    /// Where the page after it begins.
    search_after: Option<Value>,
}

/// The page that `body` is, with its one record as [`LongRecord`].
pub(super) fn read(api: Api, location: &LocationId, call: &Call, body: &[u8]) -> Result<Answer, Misread> {
    let too_long = || Misread { cause: Cause::TooLong, problem: TOO_LONG.to_owned() };
    let outline: Outline = serde_json::from_slice(body).map_err(|_| too_long())?;
    // Of several records nobody knows which one is too long.
    if !call.is_page_of_one() || outline.contacts.len() + outline.opportunities.len() != 1 {
        return Err(too_long());
    }
    let outline = serde_json::to_value(outline).map_err(|_| too_long())?;
    match read_json(api, location, call, &outline)? {
        Answer::Contacts(page) if page.contacts.len() == 1 => {
            let long = page.contacts.into_iter().map(|one| LongRecord { id: Some(one.id), updated_at: one.updated_at });
            Ok(Answer::Contacts(ContactPage { contacts: Vec::new(), too_long: long.collect(), ..page }))
        }
        Answer::OpportunityPage(page) if page.opportunities.len() == 1 => {
            let deals = page.opportunities.into_iter();
            let too_long = deals.map(|one| LongRecord { id: Some(one.id), updated_at: one.updated_at }).collect();
            Ok(Answer::OpportunityPage(OpportunityPage { opportunities: Vec::new(), too_long, ..page }))
        }
        _ => Err(too_long()),
    }
}

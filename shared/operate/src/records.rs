//! Lists the records of a location, in any state, with filters.

use std::time::Duration;

use ghl_sync_engine::ports::{ListedPage, Loaded, PortError};
use ghl_sync_model::{Kind, LocationId, RecordCursor, RecordId, RecordKey};

use crate::{Operator, RecordState, RecordStatus, SearchText};

/// Most records that one request reads to find matches: about 10 MB.
const MOST_READ: usize = 10_000;
/// Records read per page; DynamoDB ends a page at 1 MB.
const AT_ONCE: u32 = 1_000;
/// Longest time that one request searches: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(8);

/// A filter of records: all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// State of the records.
    pub state: Option<RecordState>,
    /// Contact or opportunity.
    pub kind: Option<Kind>,
    /// Text to find in the records.
    pub text: Option<SearchText>,
}

/// A page of a location's records.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPage {
    /// The records, in key order.
    pub records: Vec<RecordStatus>,
    /// Where to continue; `None` on the last page.
    pub next: Option<RecordCursor>,
}

impl RecordFilter {
    fn takes(&self, location: &LocationId, loaded: Loaded) -> Option<RecordStatus> {
        if let (Some(text), Loaded::Record(record)) = (&self.text, &loaded)
            && !text.is_in(&record.payload)
        {
            return None;
        }
        if self.text.is_some() && matches!(loaded, Loaded::Damaged { .. }) {
            return None;
        }
        let status = RecordStatus::of(location, loaded);
        let is_wanted =
            self.kind.is_none_or(|kind| status.kind == kind) && self.state.is_none_or(|state| status.state == state);
        is_wanted.then_some(status)
    }
}

impl Operator {
    /// Up to `limit` records of `location` that match `filter`, after `after`. The cost is bounded, however many
    /// records there are: a page may be short or empty without being the last.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn records(
        &self,
        location: &LocationId,
        filter: &RecordFilter,
        after: Option<RecordCursor>,
        limit: usize,
    ) -> Result<RecordPage, PortError> {
        let started = self.ports().clock.now();
        let (mut records, mut next, mut read) = (Vec::new(), after, 0);
        loop {
            let ListedPage { records: page, next: end } =
                self.ports().outbox.listed(location, filter.kind, next.as_ref(), AT_ONCE).await?;
            read += page.len();
            for loaded in page {
                let key = key_of(&loaded).clone();
                records.extend(filter.takes(location, loaded));
                if records.len() >= limit {
                    return Ok(RecordPage { records, next: Some(RecordCursor { key }) });
                }
            }
            next = end;
            if next.is_none() || read >= MOST_READ || self.ports().clock.now().since(started) >= LONGEST {
                return Ok(RecordPage { records, next });
            }
        }
    }

    /// The records of `location` with this id: yours, or GHL's.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn records_of_id(&self, location: &LocationId, id: &str) -> Result<Vec<RecordStatus>, PortError> {
        let mut keys: Vec<RecordKey> = match RecordId::new(id) {
            Ok(id) => [Kind::Contact, Kind::Opportunity].map(|kind| RecordKey { kind, id: id.clone() }).into(),
            Err(_) => Vec::new(),
        };
        if let Ok(ghl_id) = id.parse() {
            keys.extend(self.ports().outbox.of_ghl_id(location, &ghl_id).await?);
        }
        let loaded = self.ports().outbox.load(location, &keys).await?;
        Ok(loaded.into_iter().map(|loaded| RecordStatus::of(location, loaded)).collect())
    }
}

fn key_of(loaded: &Loaded) -> &RecordKey {
    match loaded {
        Loaded::Record(record) => &record.key,
        Loaded::Damaged { key, .. } => key,
    }
}

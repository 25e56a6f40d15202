//! The audit trail of the HTTP API: who changed what.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, Item, ItemKind, KeyId, LocationId};

/// How long an entry is kept.
const KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Digits of a time in a key, so that keys sort by time.
const TIME_DIGITS: usize = 16;

/// A request that changed something, or was denied. It holds ids only: no content and no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedRequest {
    /// When it was answered.
    pub at: EpochMs,
    /// The request id, as in the log and in the header `x-request-id`.
    pub request_id: String,
    /// Who sent the request: the name of a key, or of an AWS principal.
    pub caller: String,
    /// The key's id, if the key is stored as a record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<KeyId>,
    /// The operation, by its `operationId` in the OpenAPI document.
    pub operation: String,
    /// The location in the path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<LocationId>,
    /// The import, mirror, migration or key in question; never a record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// The HTTP status of the response.
    pub status: u16,
}

/// Sort position of an entry: its time, and the id of the request.
pub type AuditKey = (EpochMs, String);

impl AuditedRequest {
    /// The entry's position in the trail.
    #[must_use]
    pub fn key(&self) -> AuditKey {
        (self.at, self.request_id.clone())
    }

    /// The position inside an item's key; `None` if the item is not an audit entry.
    #[must_use]
    pub fn key_in(item_key: &str) -> Option<AuditKey> {
        let (time, request_id) = item_key.strip_prefix("audit#")?.split_once('#')?;
        Some((EpochMs(time.parse().ok()?), request_id.to_owned()))
    }
}

impl Item for AuditedRequest {
    const KIND: ItemKind = ItemKind {
        name: "audit",
        load: "audit.load",
        replace: "audit.write",
        attribute: "audit",
        listed: Some("audit"),
        checked: false,
        may_be_stale: false,
    };
    type Key = AuditKey;

    fn item_key((at, request_id): &AuditKey) -> String {
        format!("audit#{:0TIME_DIGITS$}#{request_id}", at.0)
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.at + KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_times_do_and_are_read_as_they_are_written() {
        let keys = [0, 9, 1_795_000_000_000, EpochMs::LAST_DATED.0].map(|at| (EpochMs(at), "r1".to_owned()));
        let texts = keys.clone().map(|key| AuditedRequest::item_key(&key));
        assert!(texts.is_sorted());
        assert_eq!(texts.map(|text| AuditedRequest::key_in(&text).unwrap()), keys);
        assert_eq!(AuditedRequest::key_in("api_key#a#b"), None);
    }
}

//! The audit trail: who changed what through the HTTP API.

use ghl_sync_engine::ports::{ItemPage, Listing, PortError, Versioned};
use ghl_sync_model::{AuditKey, AuditedRequest, EpochMs, Item as _};

use crate::Operator;

/// Most entries of a page.
pub const MAX_AUDIT_PAGE: u32 = 100;

/// A page of the trail, the newest entry first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub requests: Vec<AuditedRequest>,
    /// The page's last entry, after which the next page starts; `None` on the last page.
    pub next: Option<AuditKey>,
}

impl Operator {
    /// Stores an entry.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn audit(&self, request: &AuditedRequest) -> Result<(), PortError> {
        // A conflict means that an earlier try, whose reply was lost, stored the same entry.
        self.trail().replace(&request.key(), 0, request).await.map(drop)
    }

    /// A page of up to `limit` entries since a time, and before the entry at which the previous page ended. Entries
    /// written a moment ago may be missing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn audited(&self, since: EpochMs, before: Option<&AuditKey>, limit: u32) -> Result<AuditPage, PortError> {
        let end = "audit$".to_owned();
        let wanted = Listing {
            from: AuditedRequest::item_key(&(since, String::new())),
            before: before.map_or(end, AuditedRequest::item_key),
            limit: limit.clamp(1, MAX_AUDIT_PAGE),
        };
        let ItemPage { items, next } = self.trail().list(&wanted).await?;
        let requests = items.into_iter().map(|(_, entry)| entry.value).collect();
        Ok(AuditPage { requests, next: next.as_deref().and_then(AuditedRequest::key_in) })
    }

    fn trail(&self) -> Versioned<AuditedRequest> {
        Versioned::new(self.ports().items.clone())
    }
}

//! The audit trail in responses.

use ghl_sync_model::{AuditedRequest, KeyId, LocationId, Time};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditTrail {
    /// The newest first.
    #[schema(max_items = 100)]
    pub(crate) requests: Vec<AuditDocument>,
    /// `cursor` of the next page; null on the last page.
    pub(crate) cursor: Option<String>,
}

/// A request that changed something or was forbidden.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditDocument {
    /// Time of the response.
    at: Time,
    /// Id of the request, as in the log and in the header `x-request-id`.
    request_id: String,
    /// The caller: the name of a key or of an AWS principal, or the `sub` of a token.
    #[schema(example = "crm")]
    caller: String,
    /// Id of the key; null for a key from the environment, or if API Gateway identified the caller.
    key: Option<KeyId>,
    /// The operation: an `operationId` of this document.
    #[schema(example = "pause")]
    operation: String,
    /// The location in the path; null if the path has none.
    location: Option<LocationId>,
    /// The import, migration, key, or run of a mirror that the request was about; null if none.
    subject: Option<String>,
    /// HTTP status of the response.
    #[schema(minimum = 200, maximum = 599, example = 204)]
    status: u16,
}

impl From<AuditedRequest> for AuditDocument {
    fn from(request: AuditedRequest) -> AuditDocument {
        let AuditedRequest { at, request_id, caller, key, operation, location, subject, status } = request;
        AuditDocument { at: Time(at), request_id, caller, key, operation, location, subject, status }
    }
}

//! The audit trail, as it is told.

use ghl_sync_model::{AuditedRequest, KeyId, LocationId, Time};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditTrail {
    /// The newest first.
    #[schema(max_items = 100)]
    pub(crate) requests: Vec<AuditDocument>,
    /// Where the next page goes on; null on the last one.
    pub(crate) cursor: Option<String>,
}

/// A request that changed something, or was not allowed to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditDocument {
    /// When it was answered.
    at: Time,
    /// Its id, as in the log and in the header `x-request-id`.
    request_id: String,
    /// Who asked: the name of a key or of an AWS principal, or the `sub` of a token.
    #[schema(example = "crm")]
    caller: String,
    /// The id of the key; null where it is one of the environment, or where API Gateway knows who asked.
    key: Option<KeyId>,
    /// What was asked for: `operationId` of this document.
    #[schema(example = "pause")]
    operation: String,
    /// The location that the path names; null if it names none.
    location: Option<LocationId>,
    /// The import, migration, key, or run of a mirror that it was about; null if it was about none.
    subject: Option<String>,
    /// The HTTP status of the answer.
    #[schema(minimum = 200, maximum = 599, example = 204)]
    status: u16,
}

impl From<AuditedRequest> for AuditDocument {
    fn from(request: AuditedRequest) -> AuditDocument {
        let AuditedRequest { at, request_id, caller, key, operation, location, subject, status } = request;
        AuditDocument { at: Time(at), request_id, caller, key, operation, location, subject, status }
    }
}

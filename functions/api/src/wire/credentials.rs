//! The credentials of a location, without secrets.

use ghl_sync_model::{CredentialsKind, LocationSettings, Time};
use ghl_sync_operate::CredentialsEnd;
use serde::Serialize;
use utoipa::ToSchema;

/// Kind and expiry of a location's credentials.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialsState)]
pub(crate) struct CredentialsDocument {
    /// Where the credentials are stored.
    #[schema(example = "ssm:/ghl-sync/STACK/loc_demo")]
    reference: String,
    /// Kind of the credentials; null until a function that has them reports it.
    kind: Option<CredentialsKind>,
    /// When they expire: `credentials_expire_at`, or else, for an app, one year after the last renewal. Null if
    /// unknown.
    expires_at: Option<Time>,
    /// Whole days until then; negative after expiry.
    days_left: Option<i64>,
}

impl CredentialsDocument {
    pub(crate) fn new(settings: &LocationSettings, end: &CredentialsEnd) -> CredentialsDocument {
        CredentialsDocument {
            reference: settings.credentials.to_string(),
            kind: end.kind,
            expires_at: end.expires_at.map(Time),
            days_left: end.days_left,
        }
    }
}

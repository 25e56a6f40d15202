//! Connection tests: whether both accounts can be reached, and what their tokens may read.

use serde::{Deserialize, Serialize};

use crate::{Api, EpochMs, LocationId, MigrationId, RemoteLocation};

/// A request to test both accounts. The requester is waiting for the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTestOrder {
    /// Storage key of the answer: the same for the same two locations.
    pub id: MigrationId,
    /// Distinguishes this request from others for the same two locations.
    pub nonce: u64,
    /// The source location.
    pub source: LocationId,
    /// The target location.
    pub target: LocationId,
    /// When the requester stops waiting.
    pub until: EpochMs,
}

/// The answer to a [`ConnectionTestOrder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionTestAnswer {
    /// The request's nonce.
    pub nonce: u64,
    /// The result.
    pub test: ConnectionTest,
}

/// The result of a test of both accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionTest {
    /// The source account.
    pub source: Connection,
    /// The target account.
    pub target: Connection,
}

/// The result of a test of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connection {
    /// The tested location.
    pub location: LocationId,
    /// Its API, if the location is known.
    pub api: Option<Api>,
    /// Whether it answered and everything that a migration requires can be read.
    pub ok: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// The location's own data, if GHL showed it.
    pub account: Option<RemoteLocation>,
    /// What the token may read.
    pub access: Vec<Access>,
    /// Calls left today.
    pub daily_left: Option<u64>,
    /// Calls per window that the quota allows.
    pub burst_limit: Option<u32>,
}

/// Whether a token may read one kind of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Access {
    /// The kind of data: `location`, `custom_fields`, …
    pub what: String,
    /// Whether a migration requires it.
    pub required: bool,
    /// Whether the token may read it.
    pub ok: bool,
    /// Why it may not.
    pub error: Option<String>,
}

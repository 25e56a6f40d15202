//! Whether both accounts can be reached, and what their tokens may read.

use serde::{Deserialize, Serialize};

use crate::{Api, EpochMs, LocationId, MigrationId, RemoteLocation};

/// Somebody wants to know whether both accounts can be reached, and waits for the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTestOrder {
    /// What the answer is written under: the same for the same two locations.
    pub id: MigrationId,
    /// Tells this order from others of the same two locations.
    pub nonce: u64,
    /// The location that would be read.
    pub source: LocationId,
    /// The location that would be written to.
    pub target: LocationId,
    /// Nobody waits any more from then on.
    pub until: EpochMs,
}

/// The answer to a [`ConnectionTestOrder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionTestAnswer {
    /// The order's.
    pub nonce: u64,
    /// What the test showed.
    pub test: ConnectionTest,
}

/// What a test of both accounts showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionTest {
    /// The source.
    pub source: Connection,
    /// The target.
    pub target: Connection,
}

/// What a test of an account showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connection {
    /// Which location.
    pub location: LocationId,
    /// Its API, if the location is known.
    pub api: Option<Api>,
    /// Whether it answered, with everything in reach that a migration cannot do without.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
    /// The location, if GHL showed it.
    pub account: Option<RemoteLocation>,
    /// What the token may read.
    pub access: Vec<Access>,
    /// Calls that are left today.
    pub daily_left: Option<u64>,
    /// Calls that the quota allows in a window.
    pub burst_limit: Option<u32>,
}

/// Whether a token may read something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Access {
    /// What: `location`, `custom_fields`, …
    pub what: String,
    /// Whether a migration cannot do without it.
    pub required: bool,
    /// Whether it may.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
}

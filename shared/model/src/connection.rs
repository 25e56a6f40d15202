//! Connections to GHL that were made in a browser: the way to its consent page and back, and what came of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CredentialsRef, EpochMs, Item, ItemKind, KeyHash, KeyId, LocationId, SessionKey};

/// A way to GHL's consent page and back that somebody has begun. It is kept as hashes: nobody can tell from it what the
/// browser must show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentAttempt {
    /// Of the `state`, which goes to GHL and comes back in a URL.
    pub state: KeyHash,
    /// Of the cookie, which only the browser that has begun has.
    pub cookie: KeyHash,
    /// Who has begun, by the name of the key.
    pub by: String,
    /// The key: it must still be good, and an admin's, when the browser comes back.
    pub key: SessionKey,
    /// The session of the browser, if it has one: it must not be over.
    pub session: Option<KeyId>,
    /// Where GHL sends the browser; the code is exchanged for the same address only.
    pub redirect_uri: String,
    /// It is good until then.
    pub expires_at: EpochMs,
    /// Whether the browser has come back: it may do so once.
    pub used: bool,
}

impl Item for ConsentAttempt {
    const KIND: ItemKind = ItemKind {
        name: "consent",
        load: "consents.load",
        replace: "consents.write",
        attribute: "consent",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = KeyId;

    fn item_key(id: &KeyId) -> String {
        format!("consent#{id}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.expires_at)
    }
}

/// What is connected: a location, or an agency with its locations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ConnectionId {
    /// One location, by a grant or by a private integration token.
    Location(LocationId),
    /// An agency, by GHL's id of it.
    Agency(LocationId),
}

const LOCATION: &str = "location-";
const AGENCY: &str = "agency-";

/// Text that names no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a connection")]
pub struct InvalidConnectionId;

impl ConnectionId {
    /// The connection that the key of an item names; `None` if it is no connection's.
    #[must_use]
    pub fn in_item_key(key: &str) -> Option<ConnectionId> {
        key.strip_prefix("connection#")?.parse().ok()
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionId::Location(id) => write!(f, "{LOCATION}{id}"),
            ConnectionId::Agency(id) => write!(f, "{AGENCY}{id}"),
        }
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        let id = |text: &str| text.parse::<LocationId>().map_err(|_| InvalidConnectionId);
        match (text.strip_prefix(LOCATION), text.strip_prefix(AGENCY)) {
            (Some(text), _) => id(text).map(ConnectionId::Location),
            (None, Some(text)) => id(text).map(ConnectionId::Agency),
            (None, None) => Err(InvalidConnectionId),
        }
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = InvalidConnectionId;

    fn try_from(text: String) -> Result<Self, InvalidConnectionId> {
        text.parse()
    }
}

impl From<ConnectionId> for String {
    fn from(id: ConnectionId) -> String {
        id.to_string()
    }
}

/// How a connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectedBy {
    /// By the consent of somebody who may give it for the location or agency.
    Consent,
    /// By a private integration token.
    Token,
}

/// Something that is connected, or was. It says where the credentials are, never what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GhlConnection {
    /// Where the credentials are kept.
    pub credentials: CredentialsRef,
    /// How it was made.
    pub way: ConnectedBy,
    /// When it was made last.
    pub connected_at: EpochMs,
    /// Who made it, by the name of the key.
    pub connected_by: String,
    /// Scopes that are needed and were not granted.
    pub missing_scopes: Vec<String>,
    /// The sub-accounts of an agency in which the app is installed, as GHL told when it was connected.
    pub sub_accounts: Vec<SubAccount>,
    /// Why GHL did not tell them, or not all.
    pub untold: Option<String>,
    /// The locations that it serves.
    pub locations: BTreeSet<LocationId>,
    /// When it ended.
    pub disconnected_at: Option<EpochMs>,
}

/// A location of an agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubAccount {
    /// GHL's id of the location.
    pub id: LocationId,
    /// What it is called in GHL.
    pub name: String,
}

impl Item for GhlConnection {
    const KIND: ItemKind = ItemKind {
        name: "connection",
        load: "connections.load",
        replace: "connections.write",
        attribute: "connection",
        listed: Some("connection"),
        checked: false,
        may_be_stale: false,
    };
    type Key = ConnectionId;

    fn item_key(id: &ConnectionId) -> String {
        format!("connection#{id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is_one() {
        for text in ["location-loc1", "agency-tDtDnQdgm2LXpyiqYvZ6", "location-agency-1"] {
            let id: ConnectionId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(ConnectionId::in_item_key(&GhlConnection::item_key(&id)), Some(id));
        }
        for text in ["", "loc1", "location-", "agency-a/b", "location-a b", "Location-a", "location-../app"] {
            assert_eq!(text.parse::<ConnectionId>(), Err(InvalidConnectionId), "{text}");
        }
    }
}

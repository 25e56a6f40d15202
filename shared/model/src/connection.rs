//! Connections to GHL made in a browser: the round trip to GHL's consent page, and its result.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CredentialsRef, EpochMs, Item, ItemKind, KeyHash, KeyId, LocationId, SessionKey};

/// A pending round trip to GHL's consent page. It stores only hashes, so the values that the browser must show cannot
/// be derived from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentAttempt {
    /// Hash of the `state` parameter, which travels to GHL and back in a URL.
    pub state: KeyHash,
    /// Hash of the cookie, which only the browser that started the attempt holds.
    pub cookie: KeyHash,
    /// Who started it: the name of the key.
    pub by: String,
    /// That key. When the browser comes back, it must still be valid and have the admin role.
    pub key: SessionKey,
    /// The browser's session, if it has one; it must not have ended.
    pub session: Option<KeyId>,
    /// Where GHL sends the browser. The code can be exchanged only with the same address.
    pub redirect_uri: String,
    /// When the attempt expires.
    pub expires_at: EpochMs,
    /// Whether the browser has come back. It may do so only once.
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

/// Subject of a connection: a location, or an agency with its locations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ConnectionId {
    /// One location, connected by a grant or by a private integration token.
    Location(LocationId),
    /// An agency, by its GHL id.
    Agency(LocationId),
}

const LOCATION: &str = "location-";
const AGENCY: &str = "agency-";

/// The text is not the id of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a connection")]
pub struct InvalidConnectionId;

impl ConnectionId {
    /// The connection's id, from the key of its item; `None` if the item is not a connection.
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
    /// Somebody who may decide for the location or agency gave consent.
    Consent,
    /// Somebody entered a private integration token.
    Token,
}

/// A current or former connection. It says where the credentials are stored, never what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GhlConnection {
    /// Where the credentials are stored.
    pub credentials: CredentialsRef,
    /// How the connection was made.
    pub way: ConnectedBy,
    /// When the connection was last made.
    pub connected_at: EpochMs,
    /// Who made it: the name of the key.
    pub connected_by: String,
    /// Required scopes that were not granted.
    pub missing_scopes: Vec<String>,
    /// The agency's sub-accounts that have the app installed, as reported by GHL at connection time.
    pub sub_accounts: Vec<SubAccount>,
    /// Why GHL did not report all of them.
    pub untold: Option<String>,
    /// The locations that use this connection.
    pub locations: BTreeSet<LocationId>,
    /// When it ended.
    pub disconnected_at: Option<EpochMs>,
}

/// A location of an agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubAccount {
    /// GHL's id of the location.
    pub id: LocationId,
    /// Its name in GHL.
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

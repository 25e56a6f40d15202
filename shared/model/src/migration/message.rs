//! Messages on the migration queue: hints that a migration can continue, and requests to test both accounts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ConnectionTestOrder;
use crate::MigrationId;

/// Version of the message format that this build writes.
pub const MIGRATION_VERSION: u64 = 1;

/// A hint that a migration is ready for its next step. The migration's state decides what the step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationMessage {
    /// The migration.
    pub migration_id: MigrationId,
    /// The generation in which it was sent; if the migration has another one, the message is stale.
    #[serde(rename = "gen")]
    pub generation: u64,
}

/// A message on the migration queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigratorMessage {
    /// Perform a step.
    Step(MigrationMessage),
    /// Test both accounts and store the result.
    TestConnection(ConnectionTestOrder),
}

/// Why a message body is not a migration message.
#[derive(Debug, thiserror::Error)]
pub enum MigrationMessageError {
    /// The body is not JSON.
    #[error("the message body is not JSON; expected {{\"v\":1,\"migration_id\":\"…\",\"gen\":0}}")]
    NotJson(#[source] serde_json::Error),
    /// A version that this build does not read.
    #[error("the message has version {found}; this build reads version {MIGRATION_VERSION}")]
    Version {
        /// The value of `v`.
        found: String,
    },
    /// A field is missing or wrong.
    #[error("the message is malformed")]
    Field(#[source] serde_json::Error),
}

impl MigratorMessage {
    /// The message as a body.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            MigratorMessage::Step(step) => step.to_json(),
            MigratorMessage::TestConnection(order) => {
                json!({ "v": MIGRATION_VERSION, "test_connection": order }).to_string()
            }
        }
    }

    /// Parses a message body.
    ///
    /// # Errors
    /// [`MigrationMessageError`] describes the problem and names the field.
    pub fn from_json(body: &str) -> Result<MigratorMessage, MigrationMessageError> {
        #[derive(Deserialize)]
        struct V1 {
            test_connection: ConnectionTestOrder,
        }
        match serde_json::from_str::<Value>(body) {
            Ok(value) if value["v"] == MIGRATION_VERSION && value.get("test_connection").is_some() => {
                let V1 { test_connection } = crate::json::from_value(value).map_err(MigrationMessageError::Field)?;
                Ok(MigratorMessage::TestConnection(test_connection))
            }
            _ => MigrationMessage::from_json(body).map(MigratorMessage::Step),
        }
    }
}

impl MigrationMessage {
    /// The message as a body.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct WireMigrationMessage<'a> {
            v: u64,
            #[serde(flatten)]
            message: &'a MigrationMessage,
        }
        // Strings and numbers only: this cannot fail to serialize.
        serde_json::to_string(&WireMigrationMessage { v: MIGRATION_VERSION, message: self }).unwrap_or_default()
    }

    /// Parses a message body.
    ///
    /// # Errors
    /// [`MigrationMessageError`] describes the problem and names the field.
    pub fn from_json(body: &str) -> Result<MigrationMessage, MigrationMessageError> {
        let value: Value = serde_json::from_str(body).map_err(MigrationMessageError::NotJson)?;
        match value.get("v") {
            Some(v) if v.as_u64() == Some(MIGRATION_VERSION) => {
                crate::json::from_value(value).map_err(MigrationMessageError::Field)
            }
            Some(v) => Err(MigrationMessageError::Version { found: v.to_string().chars().take(40).collect() }),
            None => Err(MigrationMessageError::Version { found: "none (field `v` is missing)".to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_stable_and_is_read_back() {
        let message = MigrationMessage { migration_id: MigrationId::new("m1").unwrap(), generation: 7 };
        assert_eq!(message.to_json(), r#"{"v":1,"migration_id":"m1","gen":7}"#);
        assert_eq!(MigrationMessage::from_json(&message.to_json()).unwrap(), message);
    }

    #[test]
    fn an_order_to_test_is_told_from_a_step_and_read_back() {
        let order = r#"{"test_connection":{"id":"test-1","nonce":7,"source":"a","target":"b","until":9},"v":1}"#;
        for body in [order, r#"{"v":1,"migration_id":"m1","gen":7}"#] {
            let message = MigratorMessage::from_json(body).unwrap();
            assert_eq!(matches!(message, MigratorMessage::TestConnection(_)), body == order);
            assert_eq!(MigratorMessage::from_json(&message.to_json()).unwrap(), message);
        }
        let error = MigratorMessage::from_json(r#"{"v":1,"test_connection":{"id":"test-1"}}"#).unwrap_err();
        assert!(
            matches!(&error, MigrationMessageError::Field(cause) if cause.to_string().contains("nonce")),
            "{error}"
        );
        let later = MigratorMessage::from_json(&order.replace("\"v\":1", "\"v\":2"));
        assert!(matches!(later, Err(MigrationMessageError::Version { .. })));
    }

    #[test]
    fn a_bad_body_is_refused_with_what_is_wrong_with_it() {
        let cases = [
            ("", "not JSON"),
            (r#"{"migration_id":"m"}"#, "`v` is missing"),
            (r#"{"v":2,"migration_id":"m","gen":1}"#, "version 2"),
            (r#"{"v":1,"gen":1}"#, "migration_id"),
            (r#"{"v":1,"migration_id":"a b","gen":1}"#, "migration id"),
            (r#"{"v":1,"migration_id":"m","gen":-1}"#, "u64"),
        ];
        for (body, expected) in cases {
            let error = MigrationMessage::from_json(body).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(format!("{error}: {source}").contains(expected), "{body}: {error}: {source}");
        }
    }
}

//! An embedded DynamoDB.

use std::net::SocketAddr;
use std::path::Path;

use dynoxide::{DynoxideError, ImportOptions, Item};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running DynamoDB; it ends when this is dropped.
pub(crate) struct DynamoDb {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// What it serves, for whoever fills it faster than requests can.
    pub(crate) tables: Tables,
    _stop: oneshot::Sender<()>,
}

/// Why there is no DynamoDB.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// Its file cannot be opened.
    #[error("the embedded DynamoDB cannot open {file}: {problem}")]
    File {
        /// Which.
        file: String,
        /// Why.
        problem: String,
    },
    /// Its address is taken.
    #[error("the embedded DynamoDB cannot listen on {addr}")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl DynamoDb {
    /// Starts one on `bind`, in memory or with its data in `file`.
    pub(crate) async fn start(bind: SocketAddr, file: Option<&Path>) -> Result<DynamoDb, DynamoDbError> {
        let database = match file {
            Some(file) => dynoxide::Database::new(&file.display().to_string()),
            None => dynoxide::Database::memory(),
        };
        let database = database.map_err(|error| DynamoDbError::File {
            file: file.map_or_else(|| "memory".to_owned(), |file| file.display().to_string()),
            problem: error.to_string(),
        })?;
        let listen = |source| DynamoDbError::Listen { addr: bind, source };
        let listener = TcpListener::bind(bind).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), async {
            let _ = stopped.await; // Dropped or sent, it means the same.
        }));
        Ok(DynamoDb { addr, tables: Tables(database), _stop: stop })
    }
}

/// The tables themselves.
#[derive(Clone)]
pub(crate) struct Tables(dynoxide::Database);

impl Tables {
    /// The item of `key` (attributes in DynamoDB's JSON), as it is stored.
    pub(crate) fn item(&self, table: &str, key: &Value) -> Result<Option<Item>, DynoxideError> {
        let request = serde_json::from_value(json!({ "TableName": table, "Key": key }))
            .map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
        Ok(self.0.get_item(request)?.item)
    }

    /// Stores `items`, and their entries in the indexes.
    pub(crate) fn import(&self, table: &str, items: Vec<Item>) -> Result<(), DynoxideError> {
        self.0.import_items(table, items, ImportOptions::default()).map(drop)
    }
}

//! An embedded DynamoDB.

use std::fs::OpenOptions;
use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dynoxide::{Database, DynoxideError, ImportOptions, Item};
use serde::Serialize;
use serde_json::{Value, json};

use crate::door::{AccessKey, Always, Door, Listen, OpenDoor};
use crate::private;

/// Largest request in bytes, as in AWS.
const MAX_BODY: usize = 16 << 20;
/// Prefix of operation names.
const TARGET: &str = "DynamoDB_20120810.";

/// A running DynamoDB, until dropped.
pub(crate) struct DynamoDb {
    /// Address it listens on.
    pub(crate) addr: SocketAddr,
    /// Direct access to its tables, for filling them faster than by requests.
    pub(crate) tables: Tables,
    _serving: OpenDoor,
}

/// Reason why DynamoDB cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// Its file cannot be opened.
    #[error("the embedded DynamoDB cannot open {file}: {problem}")]
    File {
        /// Path of the file.
        file: String,
        /// The database's error message.
        problem: String,
    },
    /// Its address is not available.
    #[error("the embedded DynamoDB cannot listen on {addr}")]
    Listen {
        /// The requested address.
        addr: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
}

impl DynamoDb {
    /// Starts DynamoDB at `listen` for clients with `key`, in memory or with its data in `file`.
    pub(crate) async fn start(listen: Listen, key: AccessKey, file: Option<&Path>) -> Result<DynamoDb, DynamoDbError> {
        let problem = |file: &Path, problem: String| DynamoDbError::File { file: file.display().to_string(), problem };
        if let Some(file) = file {
            // SQLite gives its accompanying files the same mode.
            let mut options = OpenOptions::new();
            private::open(file, options.read(true).write(true).create(true))
                .map_err(|error| problem(file, error.to_string()))?;
        }
        let database = match file {
            Some(file) => Database::new(&file.display().to_string()),
            None => Database::memory(),
        };
        let database = database.map_err(|error| problem(file.unwrap_or(Path::new("memory")), error.to_string()))?;
        let addr = listen.addr;
        let door = Door::at(listen, MAX_BODY).await.map_err(|source| DynamoDbError::Listen { addr, source })?;
        let tables = Tables(database.clone());
        let serving = door.for_key(key).open(move |request| ready(Always::Ok(answer(&database, &request))));
        Ok(DynamoDb { addr: serving.addr, tables, _serving: serving })
    }
}

/// Answers a request. (We cannot use the server of the database's own crate: it accepts requests from any page and
/// with any signature, and cannot run behind another server.)
fn answer(database: &Database, request: &Request<Bytes>) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let unknown = || DynoxideError::SerializationException(format!("{target} is no operation here"));
    let performed = match (target.strip_prefix(TARGET), std::str::from_utf8(request.body())) {
        (Some(operation), Ok(body)) => perform(database, operation, body).unwrap_or_else(|| Err(unknown())),
        _ => Err(unknown()),
    };
    let (status, json) = match performed {
        Ok(json) => (StatusCode::OK, json),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.to_json())
        }
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], json).into_response()
}

/// Performs the requested operation; `None` if neither this stack nor anyone inspecting its tables needs it.
fn perform(database: &Database, operation: &str, body: &str) -> Option<Result<String, DynoxideError>> {
    fn read<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, DynoxideError> {
        serde_json::from_str(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))
    }
    fn write<T: Serialize>(answer: Result<T, DynoxideError>) -> Result<String, DynoxideError> {
        serde_json::to_string(&answer?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    }
    Some(match operation {
        "GetItem" => read(body).and_then(|request| write(database.get_item(request))),
        "PutItem" => read(body).and_then(|request| write(database.put_item(request))),
        "UpdateItem" => read(body).and_then(|request| write(database.update_item(request))),
        "DeleteItem" => read(body).and_then(|request| write(database.delete_item(request))),
        "Query" => read(body).and_then(|request| write(database.query(request))),
        "Scan" => read(body).and_then(|request| write(database.scan(request))),
        "BatchGetItem" => read(body).and_then(|request| write(database.batch_get_item(request))),
        "BatchWriteItem" => read(body).and_then(|request| write(database.batch_write_item(request))),
        "TransactGetItems" => read(body).and_then(|request| write(database.transact_get_items(request))),
        "TransactWriteItems" => read(body).and_then(|request| write(database.transact_write_items(request))),
        "ExecuteStatement" => read(body).and_then(|request| write(database.execute_statement(request))),
        "CreateTable" => read(body).and_then(|request| write(database.create_table(request))),
        "UpdateTable" => read(body).and_then(|request| write(database.update_table(request))),
        "DeleteTable" => read(body).and_then(|request| write(database.delete_table(request))),
        "DescribeTable" => read(body).and_then(|request| write(database.describe_table(request))),
        "ListTables" => read(body).and_then(|request| write(database.list_tables(request))),
        "DescribeTimeToLive" => read(body).and_then(|request| write(database.describe_time_to_live(request))),
        "UpdateTimeToLive" => read(body).and_then(|request| write(database.update_time_to_live(request))),
        _ => return None,
    })
}

/// Direct access to the tables.
#[derive(Clone)]
pub(crate) struct Tables(Database);

impl Tables {
    /// The stored item for `key` (attributes in DynamoDB's JSON).
    pub(crate) fn item(&self, table: &str, key: &Value) -> Result<Option<Item>, DynoxideError> {
        Ok(self.0.get_item(request(json!({ "TableName": table, "Key": key }))?)?.item)
    }

    /// Starts recording the changes of `table`, if not yet recorded. Returns the position after the last change so
    /// far.
    pub(crate) fn watch(&self, table: &str) -> Result<String, DynoxideError> {
        let streams = self.0.list_streams(request(json!({ "TableName": table }))?)?.streams;
        if streams.is_empty() {
            let kept = json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
            self.0.update_table(request(json!({ "TableName": table, "StreamSpecification": kept }))?)?;
        }
        let streams = self.0.list_streams(request(json!({ "TableName": table }))?)?.streams;
        let arn = streams.first().map(|stream| stream.stream_arn.clone()).unwrap_or_default();
        let stream = self.0.describe_stream(request(json!({ "StreamArn": arn }))?)?.stream_description;
        let shard = stream.shards.first().map(|shard| shard.shard_id.clone()).unwrap_or_default();
        let latest = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST" });
        Ok(self.0.get_shard_iterator(request(latest)?)?.shard_iterator.unwrap_or_default())
    }

    /// At most 100 changes after `place`, in the format of stream events, and the position after them.
    pub(crate) fn changes(&self, place: &str) -> Result<(Vec<Value>, String), DynoxideError> {
        let page = self.0.get_records(request(json!({ "ShardIterator": place, "Limit": 100 }))?)?;
        let change = |record| {
            serde_json::to_value(record).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
        };
        let changes: Result<Vec<Value>, DynoxideError> = page.records.into_iter().map(change).collect();
        Ok((changes?, page.next_shard_iterator.unwrap_or_else(|| place.to_owned())))
    }

    /// Stores `items` with their index entries.
    pub(crate) fn import(&self, table: &str, items: Vec<Item>) -> Result<(), DynoxideError> {
        self.0.import_items(table, items, ImportOptions::default()).map(drop)
    }
}

/// Parses `json` as a request.
fn request<T: serde::de::DeserializeOwned>(json: Value) -> Result<T, DynoxideError> {
    serde_json::from_value(json).map_err(|error| DynoxideError::ValidationException(error.to_string()))
}

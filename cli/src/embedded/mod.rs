//! AWS services within this process, spoken to over HTTP by the real SDKs.

mod dynamodb;
mod sqs;

pub(crate) use dynamodb::{DynamoDb, DynamoDbError, Tables};
pub(crate) use sqs::Sqs;

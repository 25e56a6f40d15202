//! AWS services within this process, which the real SDKs use over HTTP.

mod dynamodb;
mod s3;
mod secrets;
mod sqs;

pub(crate) use dynamodb::{DynamoDb, DynamoDbError, Tables};
pub(crate) use s3::{BUCKET, PutNotifier, S3};
pub(crate) use secrets::EmbeddedSecrets;
pub(crate) use sqs::Sqs;
